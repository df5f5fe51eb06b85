"""Matches many queries against a log file in one pass: a prefilter over its bytes, and exactness where words are found.

Opens no file: it is given blocks of bytes, and keeps no more of them than a record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from ..core.model import Hit
from ..core.text.excerpt import excerpt
from . import fields as names
from .engines import Engine, engine
from .matching import folded, matches
from .nodes import Clauses, Exact, Fields, Node, Nothing, Occur, Value, Words
from .query import Query, fields_of
from .records import (
    ANY_RECORD,
    COLOUR,
    FAILED,
    JOINED,
    LINE,
    LINES,
    RECORD,
    RECORD_TAGS,
    Layout,
    Record,
    Records,
    layout_of,
)
from .words import words

WINDOW = 256 << 10
"""Bytes that are looked at together."""

COMMON = 10_000
"""Records of a file at which a query is looked at closely."""

BEGINNING = 8 << 10
"""Bytes at a file's beginning of which none is NUL in a text."""

OF_FILE = frozenset({names.TAGS, names.FILENAME})

EVERYTHING = Clauses(((Occur.MUST_NOT, Nothing()),))

Phrase = tuple[str, ...]
MakeEngine = Callable[[Sequence[Phrase]], Engine]
Key = tuple[tuple[str, tuple[Value, ...]], ...]
"""Of a build what any query asks."""


@dataclass(frozen=True)
class Scanned:
    """``hits`` by rule, one for each that matched. ``remarks``: what of the file was not looked at, and why."""

    hits: tuple[Hit, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How a file is scanned, whatever the build. ``asked``: what each rule that may match there asks. ``phrases``, of
    which each rule of ``by_phrase`` needs one; the rules of ``always`` need none."""

    layout: Layout
    asked: Mapping[str, Node]
    phrases: tuple[Phrase, ...]
    by_phrase: tuple[tuple[str, ...], ...]
    always: tuple[str, ...]


class Scanner:
    """Queries by their rule's name, made ready once, for many builds and threads."""

    def __init__(self, queries: Mapping[str, Query], make_engine: MakeEngine = engine) -> None:
        self._asked = {rule: _with_record_tags(query.node) for rule, query in queries.items()}
        self.fields: frozenset[str] = frozenset().union(*(fields_of(query.node) for query in queries.values()))
        """All that any query asks."""
        self._of_build = self.fields - ANY_RECORD - OF_FILE
        self._plan = lru_cache(maxsize=1024)(self._make_plan)
        self._left = lru_cache(maxsize=1024)(self._make_left)
        self._engine = lru_cache(maxsize=128)(make_engine)

    def wanted(self, build: Fields, path: str) -> frozenset[str]:
        """The rules that could match in a file of the build; where there is none, it need not be read."""
        return frozenset(self._left(self._key(build), path))

    def scan(self, build: Fields, path: str, blocks: Iterable[bytes]) -> Scanned:
        """Where the queries match in a file, given by its bytes, in blocks of any size."""
        left = self._left(self._key(build), path)
        if not left:
            return Scanned()
        plan = self._plan(path)
        return _Scan(path, plan, left, self._engine(plan.phrases) if plan.phrases else None).run(blocks)

    def _key(self, build: Fields) -> Key:
        return tuple((field, build[field]) for field in sorted(self._of_build & build.keys()))

    def _make_plan(self, path: str) -> Plan:
        """Without the build, so that many builds share a file's plan, and many files an engine."""
        file = names.of_file(path)
        layout = layout_of(path, file)
        open_ = layout.fields | self._of_build
        asked = {rule: node for rule, node in self._asked.items()
                 if names.was_indexed(path) or folded(node, {}, open_) is False}
        asked = {rule: left for rule, node in asked.items() if (left := _node(folded(node, file, open_)))}
        needed = {rule: needs(node, whole=not layout.rewrites) for rule, node in asked.items()}
        rules: dict[Phrase, list[str]] = {}
        for rule, phrases in needed.items():
            for phrase in phrases or ():
                rules.setdefault(phrase, []).append(rule)
        found = tuple(sorted(rules))
        return Plan(layout, asked, found, tuple(tuple(rules[phrase]) for phrase in found),
                    tuple(rule for rule, phrases in needed.items() if phrases is None))

    def _make_left(self, key: Key, path: str) -> Mapping[str, Node]:
        known = dict(key)
        if names.LOG_URL in known:
            known[names.LOG_URL] = (f"{str(known[names.LOG_URL][0]).rstrip('/')}/{path}",)
        return {rule: left for rule, node in self._plan(path).asked.items()
                if (left := _node(folded(node, known, self._plan(path).layout.fields)))}


class _Scan:
    """One file's way through."""

    def __init__(self, path: str, plan: Plan, asked: Mapping[str, Node], engine: Engine | None) -> None:
        self._path = path
        self._plan = plan
        self._asked = dict(asked)
        self._engine = engine
        self._window = engine.block if engine else WINDOW
        self._always = [rule for rule in plan.always if rule in asked]
        self._hits: dict[str, Hit] = {}
        self._looks: Counter[str] = Counter()
        self._looked: dict[str, tuple[int, int]] = {}
        """By rule the last record, by its window and place."""
        self._line = 1
        """The first of the window."""
        self._cut_line = self._cut_record = False

    def run(self, blocks: Iterable[bytes]) -> Scanned:
        """Keeps what is not complete at the window's end for the next one: a record, a line."""
        blocks = iter(blocks)
        beginning = b""
        while len(beginning) < BEGINNING and (block := next(blocks, None)) is not None:
            beginning += block
        if b"\0" in beginning[:BEGINNING]:
            return Scanned(remarks=("a binary file",))
        held, level, tried = b"", b"", 0
        for piece in _pieces(chain([beginning], blocks), self._window):
            held = _without_colours(b"".join((held, piece)))
            if len(held) - tried < self._window:
                continue
            lines = held.rfind(b"\n") + 1
            end, following = Records(held, lines, self._plan.layout, level).last()
            self._look(held, end, level)
            held, level = held[end:lines + LINE + 1], following  # of a line that does not end, its beginning
            tried = len(held)
        self._look(held, len(held), level)
        return Scanned(tuple(self._hits[rule] for rule in sorted(self._hits)), tuple(self._remarks()))

    def _look(self, data: bytes, end: int, level: bytes) -> None:
        """Look at the records up to ``end``."""
        records = Records(data, end, self._plan.layout, level)
        for at, phrase in self._engine.find(data, end) if self._engine else ():
            rules = [rule for rule in self._plan.by_phrase[phrase] if rule in self._asked]
            record = records.at(at - 1) if rules else None
            if record:
                self._evaluate(data, record, rules)
        if self._always:
            for record in Records(data, end, self._plan.layout, level):
                self._evaluate(data, record, self._always)
        self._line += data.count(b"\n", 0, end)
        self._cut_line, self._cut_record = self._cut_line or records.cut_line, self._cut_record or records.cut_record

    def _evaluate(self, data: bytes, record: Record, rules: Iterable[str]) -> None:
        for rule in rules:
            if self._looked.get(rule) == (self._line, record.at):
                continue
            self._looked[rule] = self._line, record.at
            self._looks[rule] += 1
            if self._looks[rule] > COMMON or not matches(self._asked[rule], record.fields, lambda: record.words):
                continue
            hit = self._hits.get(rule)
            self._hits[rule] = replace(hit, hits=hit.hits + 1) if hit else Hit(
                rule, self._path, self._line + data.count(b"\n", 0, record.at),
                excerpt(record.first.decode(errors="replace")))

    def _remarks(self) -> Iterator[str]:
        for rule, looks in sorted(self._looks.items()):
            if looks > COMMON:
                yield f"{rule}: too common: more than {COMMON:,} records hold its words, and only those were looked at"
        if self._cut_line:
            yield f"lines longer than {LINE >> 10} KB were matched by their beginning"
        if self._cut_record:
            yield f"records longer than {RECORD >> 10} KB or {LINES:,} lines were matched in pieces"


def needs(node: Node, whole: bool) -> frozenset[Phrase] | None:
    """Phrases of ASCII words one of which stands in each record that matches; None where none must.

    Of several clauses that must match the one with the longest phrases is taken. With ``whole`` false the words of a
    phrase may be apart in the file.
    """
    if isinstance(node, Words):
        return _phrase(node.words, whole)
    if isinstance(node, Exact) and node.field in ANY_RECORD - {RECORD_TAGS}:
        return _phrase(words(node.value), whole)
    if not isinstance(node, Clauses):
        return None
    must, should = ([needs(clause, whole) for occur, clause in node.clauses if occur is each]
                    for each in (Occur.MUST, Occur.SHOULD))
    if must:
        return max(filter(None, must), key=_length, default=None)
    return frozenset().union(*filter(None, should)) if should and all(should) else None


def _phrase(words: Sequence[str], whole: bool) -> frozenset[Phrase] | None:
    """The longest run of ASCII words: words of other scripts may touch."""
    runs: list[list[str]] = [[]]
    for word in words:
        if word.isascii():
            runs[-1].append(word)
        else:
            runs.append([])
    longest = max(runs, key=lambda run: sum(map(len, run)))
    if not longest:
        return None
    return frozenset({tuple(longest) if whole else (max(longest, key=len),)})


def _length(phrases: frozenset[Phrase]) -> int:
    return min(sum(map(len, phrase)) for phrase in phrases)


def _node(left: Node | bool) -> Node | None:
    """What is left of a query, to be evaluated; None where it cannot match."""
    return (EVERYTHING if left else None) if isinstance(left, bool) else left


def _with_record_tags(node: Node) -> Node:
    if isinstance(node, Clauses):
        return Clauses(tuple((occur, _with_record_tags(clause)) for occur, clause in node.clauses))
    if isinstance(node, Exact) and node.field == names.TAGS and node.value in (FAILED, JOINED):
        return Exact(RECORD_TAGS, node.value)
    return node


def _without_colours(data: bytes) -> bytes:
    return COLOUR.sub(b"", data) if b"\x1b" in data else data


def _pieces(blocks: Iterable[bytes], size: int) -> Iterator[memoryview]:
    for block in blocks:
        view = memoryview(block)
        for start in range(0, len(view), size):
            yield view[start:start + size]
