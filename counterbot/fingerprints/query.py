"""A query's text to what it asks, as Elasticsearch 1.7 with Lucene 4.10's classic parser understood it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from luqum import tree as lucene

from . import doubts, patterns
from .fields import is_counter, is_number
from .matching import number
from .nodes import EVERYTHING, MESSAGE, Clauses, Exact, Matches, Node, Nothing, Occur, Present, Within, Words
from .syntax import BadQuery, Remark, tree
from .words import words

__all__ = ["BadQuery", "Query", "Remark", "ask_counters", "fields_of", "parse", "with_voting"]

LONGEST = 16384
"""Characters of a query; elastic-recheck's longest has 532."""

VOTING = " AND voting:1"
"""What elastic-recheck appended, without parentheses."""


@dataclass(frozen=True)
class Query:
    """A query that can be used. ``doubts``: what is legal, but means something else than its writer will think, never
    matches today, matches everything of a file, or is slow."""

    text: str
    node: Node
    doubts: tuple[Remark, ...] = ()


def parse(text: str) -> Query:
    """Raises BadQuery."""
    if len(text) > LONGEST:
        raise BadQuery([Remark(0, f"a query of {len(text)} characters; at most {LONGEST} are read")])
    return _read(text, text)


def with_voting(query: Query) -> Query:
    """The query as elastic-recheck sent it, unless its rule says allow-nonvoting. Raises BadQuery where what
    is appended makes it match every record."""
    return _read(query.text, query.text + VOTING)


def fields_of(node: Node) -> frozenset[str]:
    """All fields that are asked."""
    if isinstance(node, Clauses):
        return frozenset().union(*(fields_of(clause) for _, clause in node.clauses))
    if isinstance(node, Words):
        return frozenset({MESSAGE})
    return frozenset() if isinstance(node, Nothing) else frozenset({node.field})


def ask_counters(queries: Iterable[Query]) -> bool:
    """Whether any of them asks for a counter."""
    return any(is_counter(field) for query in queries for field in fields_of(query.node))


def _read(text: str, sent: str) -> Query:
    """``sent`` is the text with what is appended."""
    reading = _Reading(len(text))
    node = reading.boolean(tree(sent), None) or EVERYTHING
    mistakes = reading.mistakes or [*_too_much(node, reading)]
    if mistakes:
        raise BadQuery(mistakes)
    remarks = {*reading.doubts, *reading.wordless, *reading.lost, *_slow(node)}
    return Query(text, node, tuple(sorted(remarks, key=lambda remark: (remark.at, remark.what))))


def _too_much(node: Node, reading: _Reading) -> Iterator[Remark]:
    """Why a query that matches every record of a file is none."""
    if doubts.asks_record(node):
        return
    yield from reading.wordless
    if not reading.wordless and not doubts.narrows(node):
        yield from reading.lost
        yield Remark(0, f"this matches every record of every log; {_ADD}")


def _slow(node: Node) -> Iterator[Remark]:
    if not doubts.asks_record(node):
        yield Remark(0, f"this matches every record of the files that it is about; {_ADD}")
    elif not doubts.has_phrase(node):
        yield Remark(0, f"this is slow, since it gives no text to search for and each record is looked at; {_ADD}")


_ADD = 'write what the log line says, too: AND message:"text of the log line"'


@dataclass
class _Clause:
    """A clause of a group while the group is read. ``conjunction`` stands before it."""

    at: int
    occur: Occur
    node: Node
    conjunction: type[lucene.Item] | None


class _Reading:
    """Turns luqum's tree into our nodes and collects what is to be said of it. None is a clause that disappears, since
    no word is left of it. From ``end`` on nothing is the writer's own."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.mistakes: list[Remark] = []
        self.doubts: list[Remark] = []
        self.wordless: list[Remark] = []
        self.lost: list[Remark] = []

    def doubt(self, item: lucene.Item, *what: str | None) -> None:
        self.doubts += (Remark(item.pos, each) for each in what if each)

    def mistake(self, item: lucene.Item, what: str) -> None:
        self.mistakes.append(Remark(item.pos, what))

    def boolean(self, item: lucene.Item, field: str | None) -> Node | None:
        """The clauses between two parentheses. Lucene knows no precedence: AND makes both its neighbours required."""
        clauses: list[_Clause] = []
        for conjunction, each in _sequence(item):
            required = conjunction is lucene.AndOperation
            if required and clauses and clauses[-1].occur is Occur.SHOULD:
                clauses[-1].occur = Occur.MUST
            node = self.clause(each.a if isinstance(each, lucene.UnaryOperator) else each, field)
            if node is not None:
                clauses.append(_Clause(each.pos, _occur(each, required), node, conjunction))
        self.lost += (Remark(at, what) for at, what in _lost(clauses, self.end))
        if len(clauses) == 1 and clauses[0].occur is not Occur.MUST_NOT:
            return clauses[0].node
        return Clauses(tuple((clause.occur, clause.node) for clause in clauses)) if clauses else None

    def clause(self, item: lucene.Item, field: str | None) -> Node | None:
        if isinstance(item, lucene.SearchField):
            name = _unescaped(item.name)
            if "*" in name and name != "*":
                self.mistake(item, f"{name} is no field; write its whole name")
            elif name != "*" and name not in _SPECIAL:
                self.doubt(item, doubts.of_field(name))
            return self.clause(item.expr, name)
        if isinstance(item, lucene.BaseGroup):
            return self.boolean(item.expr, field)
        if field is None or field == "*" or field in _SPECIAL:
            return self.special(item, field)
        if isinstance(item, lucene.Range):
            return self.range(item, field)
        if isinstance(item, lucene.Regex):
            return self.regex(item, field)
        if isinstance(item, lucene.Phrase):
            return self.text(item, item.value[1:-1], field, quoted=True)
        return self.term(item, field)

    def special(self, item: lucene.Item, field: str | None) -> Node | None:
        """What has no field of a record's before it."""
        value = item.value if isinstance(item, lucene.Term) else ""
        if field in _SPECIAL:
            name = _unescaped(value.strip('"'))
            self.doubt(item, doubts.of_field(name))
            present = EVERYTHING if name == MESSAGE else Present(name)
            return present if field == "_exists_" else Clauses(((Occur.MUST_NOT, present),))
        if value == "*":
            return EVERYTHING
        if field == "*":
            self.mistake(item, '*: asks every field; write the field\'s name, such as message:"text"')
            return None
        wild = isinstance(item, lucene.Word) and _WILD.search(value)
        if isinstance(item, lucene.Term) and not wild and not words(_unescaped(value)):
            self.wordless.append(Remark(item.pos, f"{value} has neither field nor word and is passed over; remove it"))
            return None
        self.doubt(item, doubts.of_fieldless(value))
        return Nothing()

    def term(self, item: lucene.Word, field: str) -> Node | None:
        if item.value == "*":
            return Present(field)
        if _WILD.search(item.value):
            self.doubt(item, doubts.of_wildcard(field, item.value))
            if is_number(field) and number(item.value[:-1]) is not None:
                return Exact(field, item.value[:-1])  # the old index held a number's beginning against whole numbers
            return self.pattern(item, field, patterns.wildcard, item.value, 0)
        open_range = re.fullmatch(r"([<>])(=?)(.+)", _unescaped(item.value), re.DOTALL)
        if open_range:
            sign, equal, text = open_range.groups()
            bound = self.bound(item, text, field)
            low, high = (bound, None) if sign == ">" else (None, bound)
            return Within(field, low, high, bool(equal), bool(equal))
        return self.text(item, item.value, field, quoted=False)

    def text(self, item: lucene.Term, written: str, field: str, quoted: bool) -> Node | None:
        self.doubt(item, doubts.of_letter(written))
        if r"\u" in written.replace(r"\\", ""):
            self.mistake(item, r"\u begins a character's number in Lucene; write the character, or u alone")
        text = _unescaped(written)
        if field != MESSAGE:
            return self.exact(item, text, field, quoted)
        found = words(text)
        if not found:
            self.wordless.append(Remark(item.pos, f"{item.value} is passed over, since signs are no words; write words "
                                                  "of the log line, or remove it"))
            return None
        self.doubt(item, *doubts.of_words(text, found, quoted))
        if quoted or len(found) == 1:
            return Words(tuple(found))
        return Clauses(tuple((Occur.SHOULD, Words((word,))) for word in found))

    def exact(self, item: lucene.Term, text: str, field: str, quoted: bool) -> Node:
        if is_number(field):
            self.number(item, text, field)
        else:
            self.doubt(item, *doubts.of_exact(field, text, quoted))
        return Exact(field, text)

    def range(self, item: lucene.Range, field: str) -> Node:
        low, high = (None if end.value == "*" else self.bound(item, _unescaped(end.value.strip('"')), field)
                     for end in (item.low, item.high))
        return Within(field, low, high, item.include_low, item.include_high)

    def bound(self, item: lucene.Item, text: str, field: str) -> str | float:
        """An end of a range: text is lower-cased, as in wildcards."""
        return self.number(item, text, field) if is_number(field) else text.lower()

    def number(self, item: lucene.Item, text: str, field: str) -> float:
        value = number(text)
        if value is None:
            self.mistake(item, f"{field} is a number, and {text} is none; write digits, such as {field}:1")
        return value or 0.0

    def regex(self, item: lucene.Regex, field: str) -> Node | None:
        self.doubt(item, doubts.of_regex(field, item.value))
        return self.pattern(item, field, patterns.regex, item.value[1:-1], 1)

    def pattern(self, item: lucene.Term, field: str, read: Callable[[str], str], text: str, shift: int) -> Node | None:
        """``shift`` is where the text begins in the item's own."""
        try:
            return Matches(field, read(text))
        except BadQuery as bad:
            self.mistakes += (Remark(item.pos + shift + each.at, each.what) for each in bad.mistakes)
            return None


_WILD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")
_SPECIAL = ("_exists_", "_missing_")


def _sequence(item: lucene.Item) -> Iterator[tuple[type[lucene.Item] | None, lucene.Item]]:
    """The clauses in the order of the text, each with the conjunction before it: luqum's tree has precedence."""
    if not isinstance(item, lucene.BaseOperation):
        yield None, item
        return
    for number_, operand in enumerate(item.operands):
        for inner, (conjunction, each) in enumerate(_sequence(operand)):
            yield (type(item) if number_ and not inner else conjunction), each


def _occur(item: lucene.Item, required: bool) -> Occur:
    if isinstance(item, lucene.Not | lucene.Prohibit):
        return Occur.MUST_NOT
    return Occur.MUST if required or isinstance(item, lucene.Plus) else Occur.SHOULD


def _lost(clauses: Sequence[_Clause], end: int) -> Iterator[tuple[int, str]]:
    """What a clause's place makes of it, where that is not what AND and OR say to most readers."""
    required = any(clause.occur is Occur.MUST for clause in clauses)
    appended = required and all(clause.occur is not Occur.MUST for clause in clauses[:-2])  # by AND voting:1 alone
    appended = appended and clauses[-1].at >= end
    for clause in clauses:
        if required and clause.occur is Occur.SHOULD and not isinstance(clause.node, Nothing):
            yield clause.at, _OPTIONAL + (_APPENDED if appended else "") + _PARENTHESES
    for left, right in pairwise(clauses):
        if right.conjunction is not lucene.OrOperation:
            continue
        if Occur.MUST_NOT in (left.occur, right.occur):
            yield right.at, ("NOT excludes beside OR, too, as AND NOT does; put what belongs together in parentheses: "
                             "a OR (NOT b)")
        elif left.occur is Occur.MUST and right.occur is Occur.MUST:
            yield right.at, ("this is required and no alternative, since AND requires what stands on both its sides; "
                             "put what belongs together in parentheses: (a AND b) OR (c AND d)")


_OPTIONAL = "this clause counts for nothing, since another one beside it is required"
_APPENDED = ": AND voting:1 is appended, which requires itself and the last clause"
_PARENTHESES = "; put alternatives in parentheses: (this OR that)"


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
