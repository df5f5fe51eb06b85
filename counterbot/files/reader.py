"""Reads YAML text into plain values, each with its place, or into located mistakes. Knows no setting and no rule.

Scalars follow YAML 1.2's core schema, so that ``on`` and ``yes`` stay text. What makes a small file large, or hides a
line (aliases, tags, duplicate keys), is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from ..core import limits
from ..core.text.inert import called, inert
from ..core.text.refusal import refusal

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
Steps = tuple[str | int, ...]
"""The way to a value from the root of its file: keys, and positions in lists."""

DEPTH = 30
"""Nesting of a file; a rule needs five levels."""

WORDS = {"": None, "~": None, **{form(word): value for form in (str.lower, str.title, str.upper) for word, value in (
    ("null", None), ("true", True), ("false", False),
    (".nan", float("nan")), (".inf", float("inf")), ("+.inf", float("inf")), ("-.inf", -float("inf")))}}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
AMBIGUOUS = re.compile(r"[-+]?0[0-9]+|0[ox].*")
"""Whole numbers that YAML readers disagree on: ``0777`` is 511 in YAML 1.1, and 777 in YAML 1.2."""

FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SURROGATE = re.compile("[\ud800-\udfff]")
HANDLE = re.compile(r"tag handle .*", re.DOTALL)
"""The only text of the file, but for single characters, that PyYAML repeats; it may be part of a password."""

OWN_SIGNS = {"an alias": "'*'", "an anchor": "'&'", "a tag": "'!'", "a block scalar": "'|' or '>'"}
BEGINS = {"anchor": "'&' begins an anchor", "tag": "'!' begins a tag"}
IN_TEXT = re.compile(r"but (?:got|found) '(?:[?{}\[\]:,]|<scalar>)'|"
                     r"(?:mapping values|mapping keys|sequence entries) are not allowed here")
"""What PyYAML says of such a sign within text that lacks quotes."""

LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
WRITTEN = {'"': re.compile(r"\\(?:x(..)|u(.{4})|U(.{8})|(?:\r\n|.))|.", re.DOTALL), "'": re.compile("''|.", re.DOTALL)}
"""A character as it is written between such quotes."""

ANY = re.compile(".", re.DOTALL)

Span = tuple[int, int, str | None]
"""Where a scalar is written: its offsets in the file's text, and its style as PyYAML has it."""


@dataclass(frozen=True, order=True)
class Place:
    """Where something is written; lines and columns count from 1, and are 0 where it is the whole file."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{called(self.path)}:{self.line}:{self.column}" if self.line else called(self.path)


@dataclass(frozen=True, order=True)
class Mistake:
    """What is wrong in a file, where, and how to correct it."""

    where: Place
    what: str

    def __str__(self) -> str:
        """On one line, whatever stands in the file and in its name."""
        return inert(f"{self.where}: {self.what}", limits.MISTAKE)


@dataclass(frozen=True)
class Document:
    """A file's content. ``value`` is None where nothing can be made of it; ``mistakes`` say why.

    ``refused`` are the ways to values that already have a mistake and are None here. Keys that ``private`` matches may
    hold secrets, which no mistake repeats. ``spans`` tell where in ``text``, which is the file's, each scalar stands.
    """

    path: str
    value: dict[str, Value] | None
    mistakes: tuple[Mistake, ...]
    places: Mapping[Steps, Place] = field(default_factory=dict)
    refused: frozenset[Steps] = frozenset()
    private: re.Pattern[str] | None = None
    text: str = ""
    spans: Mapping[Steps, Span] = field(default_factory=dict)

    def at(self, steps: Steps) -> Place:
        """The place of a key or list item, or of the nearest thing around it."""
        while steps and steps not in self.places:
            steps = steps[:-1]
        return self.places.get(steps, Place(self.path))

    def inside(self, steps: Steps, value: str, offset: int) -> Place:
        """The place of a character of a text, however it is folded and quoted.

        ``value`` is the text as it was read; blanks at its ends may be missing. An offset in blanks, or at the end, is
        the place that follows what stands before.
        """
        written = list(_written(self.text, *self.spans[steps]))
        before = sum(not character.isspace() for character in value[:offset])
        if value[offset : offset + 1].strip() or not before:
            return _end(self.path, self.text[: written[before][0]])
        return _end(self.path, self.text[: written[before - 1][1]])


def load(path: Path | str, private: re.Pattern[str] | None = None) -> Document:
    """Read a file. Never raises."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(limits.RULE_FILE + 1)
    except OSError as error:
        return _unread(Place(str(path), 0, 0), refusal(error))
    return read(data, str(path), private)


def read(data: bytes, path: str, private: re.Pattern[str] | None = None) -> Document:
    """Read the bytes of one YAML document whose root is a mapping. Never raises."""
    if len(data) > limits.RULE_FILE:
        return _unread(Place(path), f"the file is larger than {limits.RULE_FILE:,} bytes; shorten it or split it")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _unread(_end(path, data[: error.start].decode()), f"not UTF-8: byte 0x{data[error.start]:02x}")
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        return _unread(_end(path, text[: unprintable.start()]), f"character {unprintable[0]!r} in the text")
    return _Loader(text, path, private).document()


def scalar(text: str) -> Value:
    """What an unquoted word means (YAML 1.2, section 10.3.2).

    Raises ValueError for whole numbers that are too long, and for those that other programs read differently.
    """
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        if len(text) > limits.DIGITS:
            raise ValueError(f"a number of {len(text):,} digits; the limit is {limits.DIGITS}")
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if AMBIGUOUS.fullmatch(text):
            raise ValueError(f"{text} is not a plain decimal number; write {number}, or quote it if it is text")
        return number
    return float(text) if FLOAT.fullmatch(text) else text


def hidden(private: re.Pattern[str] | None, steps: Steps) -> bool:
    """Whether a value may be a secret, by the keys that lead to it."""
    return private is not None and any(isinstance(step, str) and private.search(step) for step in steps)


def named(private: re.Pattern[str] | None, key: str) -> str:
    """A key as mistakes show it: a secret may follow its first word, as in ``{password:hunter2}``."""
    first = re.split(r"[\s:=]", key, maxsplit=1)[0]
    return key if private is None or first == key else f"{first}…"


def _unread(where: Place, what: str) -> Document:
    return Document(where.path, None, (Mistake(where, what),))


def _written(text: str, start: int, end: int, style: str | None) -> Iterator[tuple[int, int]]:
    """Where each character of a scalar stands, but for blanks, which YAML may fold: its offset, and where it ends."""
    if style in ("|", ">"):
        start = LINE_END.search(text, start).end()  # type: ignore[union-attr]  # a text follows
    elif style:
        start, end = start + 1, end - 1
    for match in WRITTEN.get(style or "", ANY).finditer(text, start, end):
        if not _meant(match, style).isspace():
            yield match.span()


def _meant(match: re.Match[str], style: str | None) -> str:
    if style != '"' or not match[0].startswith("\\"):
        return match[0]
    number = match[1] or match[2] or match[3]
    return chr(int(number, 16)) if number else yaml.scanner.Scanner.ESCAPE_REPLACEMENTS.get(match[0][1], " ")


def _end(path: str, before: str) -> Place:
    """The place that follows this text."""
    lines = LINE_END.split(before)
    return Place(path, len(lines), len(lines[-1]) + 1)


class _Loader(yaml.BaseLoader):
    """PyYAML's composer of nodes, and what we make of the nodes: values, their places and mistakes."""

    def __init__(self, text: str, path: str, private: re.Pattern[str] | None) -> None:
        super().__init__(text)
        self.path, self.private, self.text = path, private, text
        self.places: dict[Steps, Place] = {}
        self.spans: dict[Steps, Span] = {}
        self.refused: set[Steps] = set()
        self.mistakes: list[Mistake] = []
        self.count = self.depth = 0

    def document(self) -> Document:
        value = None
        try:
            node = self.get_single_node()
            if isinstance(node, yaml.MappingNode):
                self.places[()] = self.place(node.start_mark)
                value = self.mapping(node, ())
            else:
                what = "the file must hold keys and values" if node else "the file is empty"
                self.mistakes.append(Mistake(Place(self.path), what))
        except yaml.MarkedYAMLError as error:
            self.report(*_problem(error))
        except (OverflowError, ValueError):  # of chr() in PyYAML's scanner
            self.report(self.get_mark(), "an escape that is not a character")
        mistakes = tuple(sorted(self.mistakes))
        return Document(self.path, value, mistakes, self.places, frozenset(self.refused), self.private, self.text,
                        self.spans)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node with those in it. ``index`` is the key's node where this is a key's value."""
        is_alias, is_anchored = self.check_event(yaml.AliasEvent), False
        event = self.current_event
        mark = index.start_mark if isinstance(index, yaml.Node) else event.start_mark
        self.count += 1
        if self.count > limits.RULE_VALUES:
            what = f"more than {limits.RULE_VALUES:,} keys and values in the file; shorten it or split it"
            raise ComposerError(None, None, what, event.start_mark)
        if self.depth > DEPTH:
            raise ComposerError(None, None, f"nested deeper than {DEPTH} levels", mark)
        if SURROGATE.search(getattr(event, "value", "")):
            raise ComposerError(None, None, "an escape that is not a character", mark)
        if is_alias:
            self.report(mark, "'*' begins an alias in YAML; put the text in quotes, or write it out")
            self.anchors[event.anchor] = yaml.Node("", None, event.start_mark, None)  # of no kind: it has no value
        else:
            is_anchored = event.anchor is not None
            for kind, what in BEGINS.items():
                if getattr(event, kind) is not None:
                    self.report(mark, f"{what} in YAML; put the text in quotes, or leave it out")
            event.anchor = None
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if is_anchored and isinstance(node, yaml.ScalarNode) and not node.value:
            node.tag = "!"  # what was meant as the value became the anchor's name
        return node

    def value(self, node: yaml.Node, steps: Steps, mark: Any) -> Value:
        """None, and a mistake, where it has none. ``mark`` is that of its key, or its own."""
        self.places[steps] = self.place(mark)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, steps)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*steps, number), item.start_mark) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and not node.tag.startswith("!"):  # a tag takes the value's beginning
            self.spans[steps] = node.start_mark.index, node.end_mark.index, node.style
            try:
                return scalar(node.value) if node.style is None else str(node.value)
            except ValueError as error:
                secret = hidden(self.private, steps)
                self.report(mark, "not a plain decimal number; quote it if it is text" if secret else str(error))
        self.refused.add(steps)
        return None

    def mapping(self, node: yaml.MappingNode, steps: Steps) -> dict[str, Value]:
        """The values of keys that are plain text; of duplicates the first."""
        found: dict[str, Value] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.report(key.start_mark, "a key must be plain text")
            elif key.value in found:
                first = self.places[(*steps, key.value)]
                self.report(key.start_mark, f"duplicate key {named(self.private, key.value)!r}; "
                                            f"first at line {first.line}, column {first.column}")
            else:
                found[key.value] = self.value(value, (*steps, key.value), key.start_mark)
        return found

    def report(self, mark: Any, what: str) -> None:
        self.mistakes.append(Mistake(self.place(mark), what))

    def place(self, mark: Any) -> Place:
        return Place(self.path, mark.line + 1, mark.column + 1)


def _problem(error: yaml.MarkedYAMLError) -> tuple[Any, str]:
    """Where it is, and what."""
    if "'\\t'" in (error.problem or ""):
        return error.problem_mark, "a tab; YAML is indented with spaces"
    what = ", ".join(filter(None, (error.context, error.problem)))
    if isinstance(error, ComposerError):
        return error.problem_mark, what
    if sign := _own_sign(what):
        return (error.context_mark or error.problem_mark,
                f"not YAML: {sign} has a meaning of its own here; put the whole text in quotes")
    return error.problem_mark, f"not YAML: {HANDLE.sub('tag handle', what)}{_advice(what)}"


def _own_sign(what: str) -> str | None:
    """The sign, in quotes, that gives what was probably meant as text another meaning in YAML."""
    for of, sign in OWN_SIGNS.items():
        if what.startswith(f"while scanning {of},"):
            return sign
    found = re.search(r"found character ('.') that cannot start any token", what)
    return found and found[1]


def _advice(what: str) -> str:
    if "unknown escape" in what:
        return "; in single quotes a backslash is no escape"
    return "; put the whole text in single quotes" if IN_TEXT.search(what) else ""
