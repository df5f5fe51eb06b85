"""A query's text to what it asks, as Elasticsearch 1.7 with Lucene 4.10's classic parser understood it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from luqum import tree as lucene

from .nodes import MESSAGE, Clauses, Exact, Matches, Node, Nothing, Occur, Present, Within, Words
from .syntax import BadQuery, Remark, tree
from .words import words

__all__ = ["BadQuery", "Query", "Remark", "fields_of", "parse", "with_voting"]

VOTING = " AND voting:1"
"""What elastic-recheck appended, without parentheses."""

EVERYTHING = Clauses(((Occur.MUST_NOT, Nothing()),))


@dataclass(frozen=True)
class Query:
    """A query that can be used. ``doubts``: legal, but not what its writer will think."""

    text: str
    node: Node
    doubts: tuple[Remark, ...] = ()


def parse(text: str) -> Query:
    """Raises BadQuery."""
    reading = _Reading()
    node = reading.boolean(tree(text), None)
    if reading.mistakes:
        raise BadQuery(reading.mistakes)
    if node is None:
        raise BadQuery([Remark(0, "the query asks nothing")])
    return Query(text, node, tuple(sorted(reading.doubts, key=lambda doubt: doubt.at)))


def with_voting(query: Query) -> Query:
    """The query as elastic-recheck sent it, unless its rule says allow-nonvoting."""
    return replace(query, node=parse(query.text + VOTING).node)


def fields_of(node: Node) -> frozenset[str]:
    """All fields that are asked."""
    if isinstance(node, Clauses):
        return frozenset().union(*(fields_of(clause) for _, clause in node.clauses))
    if isinstance(node, Words):
        return frozenset({MESSAGE})
    return frozenset() if isinstance(node, Nothing) else frozenset({node.field})


class _Reading:
    """Turns luqum's tree into our nodes and collects what is to be said of it. None is a clause that disappears, since
    no word is left of it."""

    def __init__(self) -> None:
        self.mistakes: list[Remark] = []
        self.doubts: list[Remark] = []

    def boolean(self, item: lucene.Item, field: str | None) -> Node | None:
        """The clauses between two parentheses. Lucene knows no precedence: AND makes both neighbours required."""
        clauses: list[tuple[Occur, Node]] = []
        for conjunction, each in _sequence(item):
            required = conjunction is lucene.AndOperation
            if required and clauses and clauses[-1][0] is Occur.SHOULD:
                clauses[-1] = Occur.MUST, clauses[-1][1]
            negated = isinstance(each, lucene.Not | lucene.Prohibit)
            required = required or isinstance(each, lucene.Plus)
            node = self.clause(each.a if isinstance(each, lucene.Unary) else each, field)
            if node is not None:
                clauses.append((Occur.MUST_NOT if negated else Occur.MUST if required else Occur.SHOULD, node))
        if len(clauses) == 1 and clauses[0][0] is not Occur.MUST_NOT:
            return clauses[0][1]
        return Clauses(tuple(clauses)) if clauses else None

    def clause(self, item: lucene.Item, field: str | None) -> Node | None:
        if isinstance(item, lucene.SearchField):
            return self.clause(item.expr, _unescaped(item.name))
        if isinstance(item, lucene.BaseGroup):
            return self.boolean(item.expr, field)
        if field is None:
            return Nothing()
        if isinstance(item, lucene.Range):
            return self.range(item, field)
        if isinstance(item, lucene.Phrase):
            return self.text(_unescaped(item.value[1:-1]), field, quoted=True)
        if isinstance(item, lucene.Regex):
            raise BadQuery([Remark(item.pos, "regular expressions are not read yet")])
        return self.term(item, field)

    def term(self, item: lucene.Word, field: str) -> Node | None:
        if item.value == "*":
            return Present(field)
        if re.search(r"(?<!\\)(?:\\\\)*[*?]", item.value):
            return Matches(field, _wildcard(item.value.lower()))
        open_range = re.fullmatch(r"([<>])(=?)(.+)", _unescaped(item.value))
        if open_range:
            sign, equal, bound = open_range.groups()
            low, high = (_bound(bound), None) if sign == ">" else (None, _bound(bound))
            return Within(field, low, high, bool(equal), bool(equal))
        return self.text(_unescaped(item.value), field, quoted=False)

    def text(self, text: str, field: str, quoted: bool) -> Node | None:
        if field != MESSAGE:
            return Exact(field, text)
        found = words(text)
        if not found:
            return None
        if quoted or len(found) == 1:
            return Words(tuple(found))
        return Clauses(tuple((Occur.SHOULD, Words((word,))) for word in found))

    def range(self, item: lucene.Range, field: str) -> Node:
        low, high = (None if end.value == "*" else _bound(_unescaped(end.value.strip('"')))
                     for end in (item.low, item.high))
        return Within(field, low, high, item.include_low, item.include_high)


def _sequence(item: lucene.Item) -> Iterator[tuple[type[lucene.Item] | None, lucene.Item]]:
    """The clauses in the order of the text, each with the conjunction before it: luqum's tree has precedence."""
    if not isinstance(item, lucene.BaseOperation):
        yield None, item
        return
    for number, operand in enumerate(item.operands):
        for inner, (conjunction, each) in enumerate(_sequence(operand)):
            yield (type(item) if number and not inner else conjunction), each


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _bound(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text.lower()


def _wildcard(text: str) -> str:
    """A wildcard in RE2's words."""
    pieces = re.findall(r"\\.|.", text, re.DOTALL)
    return "".join({"*": ".*", "?": "."}.get(piece) or re.escape(piece[-1]) for piece in pieces)
