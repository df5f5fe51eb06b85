"""Finds patterns that can fit no name, such as regular expressions and lists, and says what to write instead.

A character in brackets is taken as it is: ``a[|]b`` is a name with a bar.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice


class Names(enum.Enum):
    """What a pattern is matched with."""

    JOB = "job"
    BRANCH = "branch"
    PROJECT = "project"
    PIPELINE = "pipeline"
    COUNTER = "counter"


CLASS = re.compile(r"\[!?\]?[^]]*\]")
EMPTY_RANGE = re.compile(r"(?=(.)-([^]]))")
OF_REGEXES = re.compile(r"\[\^|\[\[?:\w+:|\[.*\\[A-Za-z]")
"""In regular expressions and shells these exclude characters, or name a kind of them; in fnmatch they do not."""

LIST_IN_QUOTES = re.compile(r"\[[^][]*,[^][]*\]")

LIKE_A_CLASS = "\0"
"""Stands for a class while the rest is examined; text with control characters was refused before."""

REGEX = re.compile(
    r"^\^|\$$|^/.*/$|\\[^A-Za-z0-9]|\\[ABDSWZbdswz]"  # anchors, delimiters, escapes
    r"|(?<![\w*?\0])\.[*?]|_\.[*?]|\.\+|\0[+{]|\)[*+?{]|\{[0-9]+(?:,[0-9]*)?\}"  # repetitions
    r"|\(\?")
AFTER_A_LETTER = re.compile(r"[A-Za-z]\.\*")
"""As in ``tempest.*``: it marks a regular expression, except in names that have dots between words (projects, queues,
databases)."""

SIGNS, NO_WORD = re.compile(r"[*?[]"), re.compile(r"[^\w.:/! -]")
"""What is no plain name in a pattern, and what may make one look like something else."""

EXCLUDES = re.compile(r"^!|!\(|\(\?<?!")
BRACES = re.compile(r"\{[^{}]*,[^{}]*\}")
LIST = re.compile(r"[|,]")
LIST_OF_COUNTERS = re.compile(r"\([^()]*\|[^()]*\)|[|,]\s*[\w*]+\.|^(?:mysql|api|db|cpu|io|memory|memory_peak)\..*[|,]")
"""Queues and exchanges may have any name."""

NEVER = {
    Names.BRANCH: re.compile(r"[\s~^:\\]|\.\.|@\{|//|(?:^|/)\.|^/|/$|\.$|\.lock(?:/|$)"),
    Names.PROJECT: re.compile(r"[~:<>|$%\\]|//|/\.{1,2}/|^\.\./|/\+|^/|/$|\.git$"),
}
"""What no branch has (git check-ref-format) and no project (Gerrit's LocalDiskRepositoryManager)."""

EXCLUSION = "must be a shell pattern, which cannot exclude names"
MEANT = {
    Names.JOB: "list those that are meant, such as [tempest-full, 'devstack*']",
    Names.BRANCH: "list those that are meant, such as [master, 'feature/*']",
    Names.PROJECT: "list those that are meant, such as [openstack/nova, 'openstack/neutron*']",
    Names.PIPELINE: "list those that are meant, such as [check, gate]",
    Names.COUNTER: "write a bound for each that is meant",
}
MOST = 8
"""Patterns that are suggested for one regular expression."""


def complaint(names: Names, pattern: str) -> str | None:
    """What is wrong with a pattern, as the end of a sentence about it; None where it may fit a name."""
    what = _mistaken_for(names, pattern)
    if what is None:
        return _wrong_class(pattern) or _blanks(pattern) or _impossible(names, pattern)
    if what == EXCLUSION:
        return f"{what}; {MEANT[names]}"
    return f"{what}; {_advice(names, _as_shell_patterns(names, pattern))}"


def literal(names: Names, name: str) -> str | None:
    """The pattern that fits this name alone: itself, or with signs in brackets; None where there is none."""
    if not SIGNS.search(name) and complaint(names, name) is None:
        return name
    pattern = NO_WORD.sub(r"[\g<0>]", name)
    return pattern if complaint(names, pattern) is None else None


def _mistaken_for(names: Names, pattern: str) -> str | None:
    """What the pattern must be; None where it is a shell pattern already."""
    if LIST_IN_QUOTES.fullmatch(pattern):
        return "must be a single shell pattern"
    text = CLASS.sub(LIKE_A_CLASS, pattern)
    if EXCLUDES.search(text):
        return EXCLUSION
    has_dots = names is Names.PROJECT or (names is Names.COUNTER and not pattern.startswith("mysql."))
    name = text.partition(".")[2] if names is Names.COUNTER else text
    if REGEX.search(text) or (not has_dots and AFTER_A_LETTER.search(name)):
        return "must be a shell pattern, not a regular expression"
    if BRACES.search(text) or (LIST_OF_COUNTERS if names is Names.COUNTER else LIST).search(text):
        return "must be a single shell pattern"
    return None


def _wrong_class(pattern: str) -> str | None:
    if "[" in CLASS.sub("", pattern):
        return "must be a shell pattern: its '[' is never closed"
    for found in CLASS.findall(pattern):
        if OF_REGEXES.match(found):
            return "must be a shell pattern, which has characters and ranges in brackets: [abc], [0-9], or [!0-9]"
        if any(first > last for first, last in EMPTY_RANGE.findall(found[1:-1])):
            return f"must be a shell pattern: there is nothing in the range {found}"
    return None


def _blanks(pattern: str) -> str | None:
    return "must not begin or end with a blank" if pattern != pattern.strip() else None


def _impossible(names: Names, pattern: str) -> str | None:
    """Told where it has a character that no name of this kind has, or not at that place."""
    if names is Names.BRANCH and pattern.startswith("refs/"):
        short = pattern.removeprefix("refs/heads/")
        return f"must be a branch's short name; {_advice(names, (short,) if short != pattern else ())}"
    literal = CLASS.sub(lambda found: found[0][1] if len(found[0]) == 3 else LIKE_A_CLASS, pattern)
    never = NEVER[names].search(literal) if names in NEVER else None
    if never is None:
        return None
    place = {0: " at its beginning", len(literal): " at its end"}
    where = place.get(never.start()) or place.get(never.end()) or ""
    return f"must fit the name of a {names.value}, and none has {never[0]!r}{where}"


def _advice(names: Names, patterns: tuple[str, ...]) -> str:
    if not patterns or not all(map(partial(_is_good, names), patterns)):
        return "* stands for any text, ? for a character, [0-9] for one of these"
    if len(patterns) == 1:
        return f"write {_quoted(patterns[0])}"
    each = ", ".join(map(_quoted, patterns))
    return f"write a bound for each: {each}" if names is Names.COUNTER else f"write a list: [{each}]"


def _is_good(names: Names, pattern: str) -> bool:
    whole = "." in pattern if names is Names.COUNTER else pattern != ""
    return whole and not _mistaken_for(names, pattern) and complaint(names, pattern) is None


def _quoted(pattern: str) -> str:
    """As YAML has it."""
    return "'" + pattern.replace("'", "''") + "'"


# -- from a regular expression, or a list on one line, to shell patterns

GROUP = re.compile(r"@?\((?:\?:)?([^()]*)\)([*+?]?)|\{(?![0-9]+,[0-9]*\})([^{}]*,[^{}]*)\}")
TOKEN = re.compile(r"(\[!?\]?[^]]*\]|\\.|.)([*+?]|\{[0-9]+(?:,[0-9]*)?\})?\??")
ESCAPED = re.compile(r"\\[^A-Za-z0-9]")
DOT_OF_GROUP = re.compile(r"^(\^?\w+)\.(?=[*+])")
"""In ``mysql.*`` the dot is that of every counter, or any character, or both: the pattern keeps it in each case."""

KINDS = {"\\d": "[0-9]", "\\w": "?", "\\S": "?"}


def _as_shell_patterns(names: Names, written: str) -> tuple[str, ...]:
    """Patterns for the names that were probably meant; none where that is not clear."""
    if re.fullmatch("/.*/", written) or LIST_IN_QUOTES.fullmatch(written):
        written = written[1:-1]
    if names is Names.BRANCH:
        written = re.sub(r"^(\^?)refs/heads/", r"\1", written)
    if names is Names.COUNTER:
        written = DOT_OF_GROUP.sub(r"\1\\..", written)
    written = re.sub(r"\{[0-9]+,[0-9]*\}", "+", written)
    whole = list(islice(_alternatives(written), MOST + 1))
    if len(whole) > MOST or re.search(r"\(\?[^:]", written):
        return ()
    parts = (part.strip(" '\"") for each in whole for part in re.split(r"[|,]", each))
    return tuple(dict.fromkeys(_shell_pattern(part) for part in parts if part))


def _alternatives(written: str) -> Iterator[str]:
    """The texts without groups: ``a(b|c)`` is ``ab`` and ``ac``, as is ``a{b,c}``."""
    group = GROUP.search(written)
    if group is None:
        yield written
        return
    inside, repeated, braces = group.groups()
    choices = inside.split("|") if braces is None else braces.split(",")
    if repeated:
        choices = [*choices, ""] if repeated == "?" else [".*"]
    for choice in choices:
        yield from _alternatives(written[:group.start()] + choice.strip() + written[group.end():])


def _shell_pattern(regex: str) -> str:
    anchored, ended = regex.startswith("^"), regex.endswith("$") and not regex.endswith("\\$")
    body = regex[anchored:len(regex) - ended]
    pattern = "".join(_token(*found.groups("")) for found in TOKEN.finditer(body))
    return re.sub(r"\*+", "*", pattern + "*" * (anchored and not ended))


def _token(atom: str, repeated: str) -> str:
    if atom == ".":
        return {"": ".", "+": "?*"}.get(repeated, "*")
    if atom == "*":
        return "*"
    one = KINDS.get(atom, atom)
    if ESCAPED.fullmatch(one):
        one = f"[{one[1]}]" if one[1] in "*?[" else one[1]
    times = re.fullmatch(r"\{([1-4])\}", repeated)
    if times:
        return one * int(times[1])
    if not repeated:
        return one
    return "*" if repeated == "?" or (repeated == "*" and one[0] in "?[") else one + "*"
