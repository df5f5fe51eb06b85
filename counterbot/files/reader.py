"""YAML text -> plain values, each with its place, or mistakes with theirs. Knows no setting and no rule.

Scalars follow YAML 1.2's core schema, so that ``on`` and ``yes`` stay text. What would let a small file
grow large, or hide a line (aliases, tags, merge keys, equal keys), is refused and told.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ..core import limits
from ..core.text.inert import called, inert

Scalar = None | bool | int | float | str
Value = Scalar | list["Value"] | dict[str, "Value"]
Steps = tuple[str | int, ...]
"""The way to a value from the root of its file: keys, and positions in lists."""

DEPTH = 30
"""Nesting of a file; a rule needs five levels."""

WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
AMBIGUOUS = re.compile(r"[-+]?0[0-9]+|0[ox].*")
"""Whole numbers that readers of YAML differ on: ``0777`` is 511 to one of version 1.1, and 777 to one of 1.2."""

FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
HANDLE = re.compile(r"tag handle .*", re.DOTALL)
"""The only text of the file's own, but for single characters, that PyYAML repeats."""

SURROGATE = re.compile("[\ud800-\udfff]")
AFTER_FIRST_WORD = re.compile(r"[\s:=]")
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, order=True)
class Place:
    """Where something is written; lines and columns count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{called(self.path)}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Mistake:
    """What a person wrote wrongly, where, and how to put it right."""

    where: Place
    what: str

    def __str__(self) -> str:
        """On one line, whatever stands in the file and in its name: both may be somebody else's."""
        return inert(f"{self.where}: {self.what}", limits.MISTAKE)


@dataclass(frozen=True)
class Document:
    """A file as it was read. ``value`` is None where nothing can be made of it; ``mistakes`` say why.

    ``refused`` are the ways to values that were told already and stand there as None. Under keys that
    ``private`` matches may be secrets: no mistake repeats what stands there.
    """

    path: str
    value: dict[str, Value] | None
    mistakes: tuple[Mistake, ...]
    places: Mapping[Steps, Place] = field(default_factory=dict)
    refused: frozenset[Steps] = frozenset()
    private: re.Pattern[str] | None = None

    def at(self, steps: Steps) -> Place:
        """The place of a key or list item, or of the nearest thing around it."""
        while steps and steps not in self.places:
            steps = steps[:-1]
        return self.places.get(steps, Place(self.path))

    def hides(self, steps: Steps) -> bool:
        """Whether what stands there may be a secret."""
        return _hidden(self.private, steps)

    def named(self, key: str) -> str:
        """A key as mistakes show it: after its first word may stand a secret, as in ``"password: hunter2": x``."""
        return _named(self.private, key)


def load(path: Path | str, private: re.Pattern[str] | None = None) -> Document:
    """Read a file. Never raises for what is, or is not, there."""
    try:
        if stat.S_IFMT(os.stat(path).st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            raise OSError(errno.EINVAL, "no regular file")  # opening a pipe would wait for ever
        with open(path, "rb") as stream:
            data = stream.read(limits.RULE_FILE + 1)
    except OSError as error:
        return Document(str(path), None, (Mistake(Place(str(path)), f"cannot be read: {error.strerror}"),))
    return read(data, str(path), private)


def read(data: bytes, path: str, private: re.Pattern[str] | None = None) -> Document:
    """Read the bytes of one YAML document whose root is a mapping. Never raises."""
    large = _too_large(data)
    if large:
        return Document(path, None, (Mistake(Place(path), f"{large}; shorten it or split it"),))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        where = _place(path, data[: error.start].decode())
        return Document(path, None, (Mistake(where, f"not UTF-8: byte 0x{data[error.start]:02x}"),))
    return _Composer(text, path, private).document()


def _too_large(data: bytes) -> str | None:
    if len(data) > limits.RULE_FILE:
        return f"the file is larger than {limits.RULE_FILE:,} bytes"
    if data.count(b"\n") > limits.RULE_LINES:
        return f"more than {limits.RULE_LINES:,} lines in the file"
    return None


def scalar(text: str) -> Scalar:
    """What an unquoted word means (YAML 1.2, section 10.3.2).

    Raises ValueError for whole numbers of too many digits, and for those that others would read as another number.
    """
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        if len(text) > limits.DIGITS:
            raise ValueError(f"a number of {len(text):,} digits; at most {limits.DIGITS} are taken")
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if AMBIGUOUS.fullmatch(text):
            raise ValueError(f"{text} is no plain decimal number; write {number}, or put quotes around a text")
        return number
    if FLOAT.fullmatch(text):
        return float(text)
    if NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def whole(text: str) -> str:
    """The text itself. Raises ValueError for half of a surrogate pair, which nobody could print."""
    if SURROGATE.search(text):
        raise ValueError("an escape that is no character")
    return text


def _hidden(private: re.Pattern[str] | None, steps: Steps) -> bool:
    return private is not None and any(isinstance(step, str) and private.search(step) for step in steps)


def _named(private: re.Pattern[str] | None, key: str) -> str:
    first = AFTER_FIRST_WORD.split(key, maxsplit=1)[0]
    return key if private is None or first == key else f"{first}…"


def _place(path: str, before: str) -> Place:
    """The place that follows this text."""
    lines = LINE_END.split(before)
    return Place(path, len(lines), len(lines[-1]) + 1)


class _EnoughError(Exception):
    """The file is too deep or too long, as was told; what follows is not read."""


class _Composer:
    """Builds values from YAML's events, as yaml.compose does from theirs, but sees what is to be refused.

    The events come one at a time, so that a file of brackets ends at a limit.
    """

    def __init__(self, text: str, path: str, private: re.Pattern[str] | None) -> None:
        self.path = path
        self.private = private
        self.text = text
        self.places: dict[Steps, Place] = {}
        self.refused: set[Steps] = set()
        self.mistakes: list[Mistake] = []
        self.count = 0

    def document(self) -> Document:
        value = None
        try:
            self.loader = yaml.SafeLoader(self.text)
            value = self.root()
        except _EnoughError:
            pass
        except yaml.reader.ReaderError as error:
            self.tell(_place(self.path, self.text[: error.position]), f"character {chr(error.character)!r} in the text")
        except yaml.MarkedYAMLError as error:
            self.tell(self.mark(error.problem_mark or error.context_mark), _problem(error, self.private))
        except (OverflowError, ValueError):  # PyYAML lets chr() speak for itself
            self.tell(self.mark(self.loader.get_mark()), "an escape that is no character")
        return Document(self.path, value, tuple(sorted(self.mistakes)), self.places, frozenset(self.refused),
                        self.private)

    def next(self) -> yaml.Event:
        event = self.loader.get_event()
        self.count += isinstance(event, yaml.NodeEvent)
        if self.count > limits.RULE_VALUES:
            what = f"more than {limits.RULE_VALUES:,} keys and values in the file; shorten it or split it"
            self.enough(self.mark(event.start_mark), what)
        return event

    def root(self) -> dict[str, Value] | None:
        self.next()  # the stream's start
        if isinstance(self.next(), yaml.StreamEndEvent):
            return self.tell(Place(self.path), "the file is empty")
        event = self.next()
        self.places[()] = self.mark(event.start_mark)
        value = self.value(event, ())
        self.next()  # the document's end
        event = self.next()
        if not isinstance(event, yaml.StreamEndEvent):
            self.tell(self.mark(event.start_mark), "a second document; a file holds one")
        if isinstance(value, dict):
            return value
        if value is not None or not self.mistakes:
            self.tell(self.places[()], "the file is empty" if value is None else "the file must hold keys and values")
        return None

    def value(self, event: yaml.Event, steps: Steps) -> Value:
        if len(steps) > DEPTH:
            self.too_deep(self.places[steps])
        hidden = _hidden(self.private, steps)
        if isinstance(event, yaml.AliasEvent):
            return self.refuse(steps, f"alias *{'…' if hidden else event.anchor} is not taken; write the value out")
        if event.anchor:
            self.tell(self.places[steps], f"anchor &{'…' if hidden else event.anchor} is not taken; leave it out")
        if event.tag is not None:
            self.tell(self.places[steps], f"tag {'!…' if hidden else event.tag} is not taken; leave it out")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(steps)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(steps)
        try:
            return scalar(event.value) if event.implicit[0] else whole(event.value)
        except ValueError as error:
            return self.refuse(steps, "no plain decimal number; put quotes around a text" if hidden else str(error))

    def mapping(self, steps: Steps) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            where = self.mark(event.start_mark)
            key = self.key(event, where, steps)
            if key is None:
                self.skip(self.next(), where, len(steps))
                continue
            here = (*steps, key)
            self.places[here] = where
            found[key] = self.value(self.next(), here)
        return found

    def sequence(self, steps: Steps) -> list[Value]:
        found: list[Value] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            here = (*steps, len(found))
            self.places[here] = self.mark(event.start_mark)
            found.append(self.value(event, here))
        return found

    def key(self, event: yaml.Event, where: Place, steps: Steps) -> str | None:
        """A key is its text, whatever it looks like. None, and told, where it is none or stands there already."""
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor:
            self.skip(event, where, len(steps))
            return self.tell(where, "a key must be plain text")
        if event.value == "<<" and event.implicit[0]:
            return self.tell(where, "merge key << is not taken; write the keys out")
        first = self.places.get((*steps, event.value))
        if first:
            key = _named(self.private, event.value)
            what = f"key {key!r} is given twice; first at line {first.line}, column {first.column}"
            return self.tell(where, what)
        try:
            return whole(event.value)
        except ValueError as error:
            return self.tell(where, str(error))

    def skip(self, event: yaml.Event, where: Place, depth: int) -> None:
        """Pass over the value that begins with this event."""
        level = depth + _step(event)
        while level > depth:
            if level > DEPTH:
                self.too_deep(where)
            level += _step(self.next())

    def too_deep(self, where: Place) -> None:
        self.enough(where, f"nested deeper than {DEPTH} levels")

    def enough(self, where: Place, what: str) -> None:
        self.tell(where, what)
        raise _EnoughError

    def refuse(self, steps: Steps, what: str) -> None:
        self.refused.add(steps)
        self.tell(self.places[steps], what)

    def tell(self, where: Place, what: str) -> None:
        self.mistakes.append(Mistake(where, what))

    def mark(self, mark: yaml.Mark | None) -> Place:
        return Place(self.path, mark.line + 1, mark.column + 1) if mark else Place(self.path)


def _step(event: yaml.Event) -> int:
    return isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)


def _problem(error: yaml.MarkedYAMLError, private: re.Pattern[str] | None) -> str:
    if "'\\t'" in (error.problem or ""):
        return "a tab; YAML is indented with spaces"
    what = "not YAML: " + ", ".join(part for part in (error.context, error.problem) if part)
    return what if private is None else HANDLE.sub("tag handle", what)
