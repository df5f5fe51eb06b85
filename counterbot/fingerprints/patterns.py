"""Lucene's wildcards and regular expressions in RE2's words: both are held against a whole value, lower-cased."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2

from .matching import pattern
from .syntax import BadQuery, Remark

LONGEST = 1000
"""Characters of a wildcard or regular expression."""

_PIECES = re.compile(r"\\.|.", re.DOTALL)
_WILD = {"*": ".*", "?": "."}

# A part of a regular expression: a class, a string in quotes, a repetition, an escaped character, another character.
_PARTS = re.compile(
    r'(?P<class_>\[(?:[^\]\\]|\\.)*\])|(?P<string>"[^"]*")|(?P<repeat>\{\d+(?:,\d*)?\})|\\.|.', re.DOTALL)
_SAME = frozenset("|?*+.()")


def wildcard(text: str) -> str:
    """``*`` is any text, ``?`` any character, and a backslash takes the meaning of what follows. Raises BadQuery."""
    pieces = _PIECES.findall(text.lower())
    return _compiled("".join(_WILD.get(piece) or re.escape(piece[-1]) for piece in pieces))


def literals(text: str) -> str:
    """What a wildcard has beside ``*`` and ``?``."""
    return "".join(piece[-1] for piece in _PIECES.findall(text) if piece not in _WILD)


def regex(text: str) -> str:
    """Lucene's own operators are refused, and what it takes for a plain character though others do not. Raises
    BadQuery, with places in this text."""
    parts = list(_PARTS.finditer(text))
    mistakes = [Remark(part.start(), what) for part in parts for what in _refused(part)]
    if mistakes:
        raise BadQuery(mistakes)
    return _compiled("".join(map(_part, parts)).lower())


def _refused(found: re.Match[str]) -> Iterator[str]:
    part = found.group()
    if re.fullmatch(r"\\[A-Za-z0-9]", part):
        yield (f"{part} is only the character {part[1]} in Lucene; write a class such as [0-9] or [a-z_], "
                f"or {part[1]} without backslash")
    elif part in "^$":
        yield f"the expression matches whole values, and {part} is a plain character; remove it, or write \\{part}"
    elif part in "#&~<>":
        yield f"{part} is an operator of Lucene's that is unknown here; write \\{part} for the character"
    elif part in '[{"':
        yield f"this {part} is never closed; write \\{part} for the character"
    elif part == "(" and found.string.startswith("(?", found.start()):
        yield r"(? is unknown here; write ( for a group, and \? for a question mark"
    elif part in ("[]", "[^]"):
        yield r"an empty class; write \] for the character"
    elif found.lastgroup == "class_" and re.search(r"\\[A-Za-z0-9]", part):
        yield f"a backslash before a letter or digit means nothing in {part}; write the characters, such as [0-9]"


def _part(found: re.Match[str]) -> str:
    part = found.group()
    if found.lastgroup == "class_":
        return "[" + re.sub(r"(?<!\\)\[", r"\\[", part[1:])
    if found.lastgroup == "string":
        return re.escape(part[1:-1])
    if found.lastgroup == "repeat" or part in _SAME:
        return part
    if part == "@":
        return ".*"
    return re.escape(part[-1])


def _compiled(text: str) -> str:
    """The pattern, if RE2 takes it."""
    if len(text) > LONGEST:
        raise BadQuery([Remark(0, f"a pattern of {len(text)} characters; at most {LONGEST} are read")])
    try:
        pattern(text)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        raise BadQuery([Remark(0, f"the expression cannot be used: {_plain(why)}")]) from error
    return text


def _plain(why: str | bytes) -> str:
    return why.decode(errors="replace") if isinstance(why, bytes) else str(why)
