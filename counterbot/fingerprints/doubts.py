"""What is legal in a query but not what its writer will think, in words; one function a kind of clause."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from ..core.text.spelling import nearest
from .fields import KINDS, is_counter, is_number
from .nodes import MESSAGE, Clauses, Exact, Matches, Node, Nothing, Occur, Present, Within, Words
from .patterns import literals
from .records import ANY_RECORD, FAILED, JOINED, RECORD_TAGS

RECORD = ANY_RECORD - {RECORD_TAGS}
"""Fields that differ from record to record of a file."""

FIELDS = (
    *sorted(RECORD), "tags", "filename", "log_url", "project", "voting", "node_provider", "build_name", "build_status",
    "build_node", "build_master", "build_queue", "build_branch", "build_ref", "build_change", "build_patchset",
    "build_newrev", "build_uuid", "build_short_uuid", "build_zuul_url",  # logstash's, up to 2022
    "build_set", "tenant", "hosts_id", "hosts_region", "zuul_executor", "change_url")  # OpenDev's since

LEVELS = ("TRACE", "AUDIT", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL")
TAGS = sorted({*KINDS, FAILED, JOINED})
"""All that are no file's name."""

Leaf: TypeAlias = Words | Exact | Matches | Within | Present | Nothing


def of_field(field: str) -> str | None:
    """Of a field's name."""
    if field in FIELDS or is_counter(field):
        return None
    near = nearest(field.lstrip("@").removeprefix("fields."), FIELDS)
    return f"no record has a field {field}" + (f"; did you mean {near}?" if near else f"; known: {', '.join(FIELDS)}")


def of_words(text: str, found: Sequence[str], quoted: bool) -> Iterator[str]:
    """Of a text on MESSAGE and its words."""
    shown = " OR ".join(found[:3]) + (" OR …" if len(found) > 3 else "")
    if not quoted and len(found) > 1:
        yield f'without quotes this means {shown}; write message:"{text}"'
    if quoted and len(found) == 1 and len(text.split()) > 1:
        yield f"of this text only the word {found[0]} is looked for: signs are no words"
    if quoted and re.search(r"(?<!\S)\*\w|\w\*(?!\S)", text):
        yield _NO_WILDCARD


def of_exact(field: str, text: str, quoted: bool) -> Iterator[str]:
    """Of a whole value of a field."""
    if quoted and "*" in text:
        yield _NO_WILDCARD
    check = {"filename": _of_filename, "tags": _of_tag, "loglevel": _of_level, "build_status": _of_status}.get(field)
    what = check(text) if check else None
    if what:
        yield what


_NO_WILDCARD = "* within quotes is a plain character, no wildcard; for a wildcard leave the quotes out"


def _of_filename(text: str) -> str | None:
    if text.startswith("logs/"):
        return (f'logs of today have no file {text}, and this never matches; write filename:"controller/{text}", '
                f'or tags:"{text.rpartition("/")[2]}" for that file of any host')
    if text == "console.html":
        return 'logs of today have no console.html, and this never matches; write tags:"console"'
    return None


def _of_tag(text: str) -> str | None:
    if "/" in text:
        return f'a tag is a file name without folders, and this never matches; write tags:"{text.rpartition("/")[2]}"'
    if "." in text or text in TAGS:
        return None
    near = nearest(text, TAGS)
    other = f"did you mean {near}?" if near else f"write a file name, such as {text}.txt, or a kind, such as console"
    return f"no file of today has the tag {text}; {other}"


def _of_level(text: str) -> str | None:
    if text == "DEBUG":
        return "lines of level DEBUG were never indexed, and none is looked at here: this never matches"
    if text in LEVELS:
        return None
    near = nearest(text, LEVELS)
    return f"no record has the level {text}" + (f"; did you mean {near}?" if near else f"; write {' or '.join(LEVELS)}")


def _of_status(text: str) -> str | None:
    if text in ("SUCCESS", "FAILURE"):
        return None
    return f"build_status is SUCCESS or FAILURE, never {text}: write FAILURE"


def of_wildcard(field: str, text: str) -> str | None:
    """Of a wildcard."""
    plain = literals(text)
    if is_number(field):
        return f"{field} is a number, and a wildcard finds no other: write {field}:1 or {field}:>1"
    if field == MESSAGE:
        if re.search(r"[^\w.:',;]", plain):
            return ("a wildcard is held against one word of the message, and no word is like this: it never matches; "
                    'put the text in quotes, as words: message:"two words"')
        return None
    if field in ("loglevel", "build_status") and plain:
        return f"wildcards are lower-cased and the values of {field} are not: this never matches; write whole values"
    if plain != plain.lower():
        return f"wildcards are lower-cased and values are not: {text} finds {text.lower()}, never {text}"
    return None


def of_regex(field: str, text: str) -> str | None:
    """Of a regular expression between its slashes."""
    if is_number(field):
        return f"{field} is a number, and a regular expression finds none: this never matches; write {field}:>1"
    if field == MESSAGE and " " in text:
        return ("a regular expression is held against one word of the message, and no word has a space: it never "
                'matches; put the text in quotes, as words: message:"two words"')
    if field in ("loglevel", "build_status"):
        return f"expressions are lower-cased and the values of {field} are not: this never matches; write whole values"
    return None


def of_fieldless(text: str) -> str:
    """Of a word or phrase without a field before it."""
    bare = text.strip("'\"")
    if text in ("and", "or", "not"):
        return f"{text} is a word here, which no field is asked for, and matches nothing; write {text.upper()}"
    sign = "' is no quote; " if text.startswith("'") or text.endswith("'") else ""
    return (f'no field stands before this, and it matches nothing; {sign}write message:"{bare}", or put all words '
            "of one text in the same quotes")


def of_letter(text: str) -> str | None:
    r"""Of a backslash before a letter, in the text as it is written."""
    found = re.search(r"(?<!\\)(?:\\\\)*(\\([a-tv-zA-Z]))", text)
    return f"backslashes are dropped: {found.group(1)} is the letter {found.group(2)}" if found else None


def narrows(node: Node) -> bool:
    """Whether anything that not every record of every voting build has must be there."""
    return _required(node, lambda leaf: _field(leaf) not in ("voting", "build_status") and not _always(leaf))


def asks_record(node: Node) -> bool:
    """Whether a record must have something that not every record of its file has."""
    return _required(node, lambda leaf: _never(leaf) or (_field(leaf) in RECORD and not _always(leaf)))


def has_phrase(node: Node) -> bool:
    """Whether a record must have words that can be searched for at once."""
    return _required(node, lambda leaf: _never(leaf) or isinstance(leaf, Words))


def _required(node: Node, is_such: Callable[[Leaf], bool]) -> bool:
    if not isinstance(node, Clauses):
        return is_such(node)
    must = [clause for occur, clause in node.clauses if occur is Occur.MUST]
    should = [clause for occur, clause in node.clauses if occur is Occur.SHOULD]
    if must:
        return any(_required(clause, is_such) for clause in must)
    return bool(should) and all(_required(clause, is_such) for clause in should)


def _never(leaf: Leaf) -> bool:
    return isinstance(leaf, Nothing) or (_field(leaf) not in FIELDS and not is_counter(_field(leaf)))


def _always(leaf: Leaf) -> bool:
    return isinstance(leaf, Present) and leaf.field in (MESSAGE, "tags", "filename")


def _field(leaf: Leaf) -> str:
    return MESSAGE if isinstance(leaf, Words | Nothing) else leaf.field
