"""Matches many queries against a log file in one pass: a prefilter over its bytes, and exactness where words are found.

Opens no file: it is given blocks of bytes, and keeps no more of them than a record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from ..core.model import Hit
from ..core.text.excerpt import excerpt
from . import fields as names
from .engines import Engine, engine
from .matching import folded, matches
from .nodes import EVERYTHING, Clauses, Exact, Fields, Node, Value
from .phrases import Phrase, needs
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

WINDOW = 256 << 10
"""Bytes that are looked at together."""

COMMON = 10_000
"""Records of a file that are held against a query: those that have its words, or all where it needs none."""

UNAIDED = 1000
"""Records that a query matches which needs no words."""

BEGINNING = 8 << 10
"""Bytes at a file's beginning of which none is NUL in a text."""

OF_FILE = frozenset({names.TAGS, names.FILENAME})

ANY_FILE = ""

MakeEngine = Callable[[Sequence[Phrase]], Engine]
Key = tuple[tuple[str, tuple[Value, ...]], ...]
"""Of a build what any query asks."""

BINARY = "a binary file"
"""The remark on a file of which nothing was looked at."""


@dataclass(frozen=True)
class Scanned:
    """``hits`` by rule, one for each that matched. ``remarks``: what of the file was not looked at, and why."""

    hits: tuple[Hit, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How a file is scanned, whatever the build. ``asked``: what each rule that may match there asks. Each rule in
    ``by_phrase`` needs one of its ``phrases``; those of ``always`` need none."""

    layout: Layout
    asked: Mapping[str, Node]
    phrases: tuple[Phrase, ...]
    by_phrase: tuple[tuple[str, ...], ...]
    always: tuple[str, ...]


class Scanner:
    """Queries by their rule's name, made ready once, for many builds and threads."""

    def __init__(self, queries: Mapping[str, Query], make_engine: MakeEngine = engine) -> None:
        self.fields: frozenset[str] = frozenset().union(*(fields_of(query.node) for query in queries.values()))
        """All that any query asks."""
        self._of_build = self.fields - ANY_RECORD - OF_FILE
        self._asked = {rule: _with_record_tags(query.node) for rule, query in queries.items()}
        self._by_file = self._make_by_file()
        self._anywhere = self._asked.keys() - set().union(*self._by_file.values())
        self._plan = lru_cache(maxsize=128)(self._make_plan)
        self._wanted = lru_cache(maxsize=1024)(self._make_wanted)
        self._engine = lru_cache(maxsize=128)(make_engine)

    def wanted(self, build: Fields, path: str) -> frozenset[str]:
        """The rules that could match in a file of the build; where there is none, it need not be read.

        Files that neither index held are wanted only by rules that name them.
        """
        return self._wanted(self._key(build), path) if self._rules(path) else frozenset()

    def scan(self, build: Fields, path: str, blocks: Iterable[bytes]) -> Scanned:
        """Where the queries match in a file, given by its bytes, in blocks of any size."""
        key, rules = self._key(build), self.wanted(build, path)
        if not rules:
            return Scanned()
        plan = self._plan(path)
        asked = {rule: plan.asked[rule] for rule in rules}
        found = self._engine(plan.phrases) if plan.phrases else None
        return _Scan(path, plan, asked, _of_file(key, path), found).run(blocks)

    def _key(self, build: Fields) -> Key:
        return tuple((field, build[field]) for field in sorted(self._of_build & build.keys()))

    def _rules(self, path: str) -> Collection[str]:
        """The rules to be asked about a file: those that name it or its tags; and those that name none, where either
        index held it."""
        values = (*chain.from_iterable(names.of_file(path).values()), ANY_FILE)
        named = frozenset().union(*(self._by_file.get(str(value), ()) for value in values))
        return named | self._anywhere if names.was_indexed(path) else named

    def _make_by_file(self) -> Mapping[str, Collection[str]]:
        """By a file's path or tag, or ANY_FILE for a pattern, the rules that only match in files they name so."""
        by_file: dict[str, set[str]] = {}
        for rule, node in self._asked.items():
            if folded(node, {}, ANY_RECORD | self._of_build) is False:
                for name in _files_of(node):
                    by_file.setdefault(name, set()).add(rule)
        return by_file

    def _make_plan(self, path: str) -> Plan:
        """Without the build, so that many builds share a file's plan, and many files an engine."""
        file = names.of_file(path)
        layout = layout_of(path, file)
        asked = {rule: left for rule in sorted(self._rules(path))
                 if (left := _node(folded(self._asked[rule], file, layout.fields | self._of_build)))}
        needed = {rule: needs(node, whole=not layout.rewrites) for rule, node in asked.items()}
        by_phrase: dict[Phrase, list[str]] = {}
        for rule, any_of in needed.items():
            for phrase in any_of or ():
                by_phrase.setdefault(phrase, []).append(rule)
        phrases = tuple(sorted(by_phrase))
        return Plan(layout, asked, phrases, tuple(tuple(by_phrase[phrase]) for phrase in phrases),
                    tuple(rule for rule, any_of in needed.items() if any_of is None))

    def _make_wanted(self, key: Key, path: str) -> frozenset[str]:
        plan, known = self._plan(path), _of_file(key, path)
        return frozenset(rule for rule, node in plan.asked.items() if folded(node, known, plan.layout.fields))


class _Scan:
    """One file's way through."""

    def __init__(self, path: str, plan: Plan, asked: dict[str, Node], build: Fields, engine: Engine | None) -> None:
        self._path = path
        self._plan = plan
        self._asked = asked
        """What is still looked for."""
        self._build = build
        self._engine = engine
        self._window = engine.block if engine else WINDOW
        self._hits: dict[str, Hit] = {}
        self._looks: Counter[str] = Counter()
        self._looked: dict[str, int] = {}
        """By rule where the last record began."""
        self._start, self._line = 0, 1
        """Where the window begins."""
        self._cut_line = self._cut_record = False

    def run(self, blocks: Iterable[bytes]) -> Scanned:
        """Keeps what is not complete at the window's end for the next one: a record, a line."""
        blocks = iter(blocks)
        beginning = b""
        while len(beginning) < BEGINNING and (block := next(blocks, None)) is not None:
            beginning += block
        if b"\0" in beginning[:BEGINNING]:
            return Scanned(remarks=(BINARY,))
        held, level, tried = b"", b"", 0
        for piece in _pieces(chain([beginning], blocks), self._window):
            held = _without_colours(b"".join((held, piece)))
            if len(held) - tried < self._window:
                continue
            lines = held.rfind(b"\n") + 1
            records = Records(held, lines, self._plan.layout, level)
            end, following = records.last()
            self._look(records, held, end, level)
            held, level = held[end:lines + LINE + 1], following  # of a line that does not end, its beginning
            tried = len(held)
        self._look(Records(held, len(held), self._plan.layout, level), held, len(held), level)
        return Scanned(tuple(self._hits[rule] for rule in sorted(self._hits)), tuple(self._remarks()))

    def _look(self, records: Records, data: bytes, end: int, level: bytes) -> None:
        """Look at the records up to ``end``."""
        for at, phrase in self._engine.find(data, end) if self._engine else ():
            rules = [rule for rule in self._plan.by_phrase[phrase] if rule in self._asked]
            record = records.at(at - 1) if rules else None
            if record:
                self._evaluate(data, record, rules)
        always = [rule for rule in self._plan.always if rule in self._asked]
        for record in Records(data, end, self._plan.layout, level) if always else ():
            self._evaluate(data, record, always)
        self._line += _lines(data, end)
        self._start += end
        self._cut_line, self._cut_record = self._cut_line or records.cut_line, self._cut_record or records.cut_record

    def _evaluate(self, data: bytes, record: Record, rules: Iterable[str]) -> None:
        fields = {**self._build, **record.fields}
        for rule in rules:
            if rule not in self._asked or self._looked.get(rule) == self._start + record.at:
                continue
            self._looked[rule] = self._start + record.at
            self._looks[rule] += 1
            if matches(self._asked[rule], fields, lambda: record.words):
                hit = self._hits.get(rule)
                self._hits[rule] = replace(hit, hits=hit.hits + 1) if hit else self._hit(rule, data, record)
            if self._looks[rule] == COMMON or (
                    rule in self._hits and rule in self._plan.always and self._hits[rule].hits == UNAIDED):
                del self._asked[rule]

    def _hit(self, rule: str, data: bytes, record: Record) -> Hit:
        line = self._line + data.count(b"\n", 0, record.at)
        return Hit(rule, self._path, line, excerpt(record.first.decode(errors="replace")))

    def _remarks(self) -> Iterator[str]:
        for rule in sorted(self._looks.keys() - self._asked.keys()):
            yield f"{rule} is too common: after {self._looks[rule]:,} records that may match, no further ones were read"
        if self._cut_line:
            yield f"lines longer than {LINE >> 10} KB were matched by their beginning"
        if self._cut_record:
            yield f"records longer than {RECORD >> 10} KB or {LINES:,} lines were matched in pieces"


def _lines(data: bytes, end: int) -> int:
    """The line feeds in ``data[:end]``. CPython replaces them much faster than it counts them."""
    return len(data) - len(data.replace(b"\n", b"")) - data.count(b"\n", end)


def _files_of(node: Node) -> Iterator[str]:
    """The names of files that are asked, and ANY_FILE for each pattern of names."""
    if isinstance(node, Clauses):
        yield from chain.from_iterable(_files_of(clause) for _, clause in node.clauses)
    elif fields_of(node) & OF_FILE:
        yield node.value if isinstance(node, Exact) else ANY_FILE


def _node(left: Node | bool) -> Node | None:
    """What is left of a query, to be evaluated; None where it cannot match."""
    return (EVERYTHING if left else None) if isinstance(left, bool) else left


def _of_file(key: Key, path: str) -> Fields:
    """What is known of the build in one of its files, whose URL is made of the log root."""
    known = dict(key)
    if names.LOG_URL in known:
        known[names.LOG_URL] = (f"{str(known[names.LOG_URL][0]).rstrip('/')}/{path}",)
    return known


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
