"""Whether a record has what a query asks, and what is left to ask once some fields are known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from math import isfinite

import re2

from .nodes import MESSAGE, Clauses, Exact, Fields, Matches, Node, Nothing, Occur, Present, Value, Within, Words

Message = Callable[[], Sequence[str]]
"""Gives the record's words; asked only where a query needs them."""


def matches(node: Node, fields: Fields, message: Message) -> bool:
    """Whether one record matches: ``fields`` are all that is known of it, ``message`` gives its words."""
    if isinstance(node, Clauses):
        return _boolean(node, fields, message)
    if isinstance(node, Words):
        return _side_by_side(node.words, message())
    if isinstance(node, Nothing):
        return False
    if isinstance(node, Present):
        return bool(message() if node.field == MESSAGE else fields.get(node.field))
    values = message() if node.field == MESSAGE else fields.get(node.field, ())
    return any(_fits(node, value) for value in values)


def _boolean(node: Clauses, fields: Fields, message: Message) -> bool:
    required = has_optional = found = False
    for occur, clause in node.clauses:
        if occur is Occur.SHOULD:
            has_optional = True
        elif matches(clause, fields, message) is not (occur is Occur.MUST):
            return False
        else:
            required = required or occur is Occur.MUST
    if has_optional and not required:
        found = any(matches(clause, fields, message) for occur, clause in node.clauses if occur is Occur.SHOULD)
    return found or required or (bool(node.clauses) and not has_optional)


def _side_by_side(wanted: tuple[str, ...], words: Sequence[str]) -> bool:
    first, count = wanted[0], len(wanted)
    if count == 1:
        return first in words
    return any(word == first and tuple(words[at:at + count]) == wanted for at, word in enumerate(words))


def _fits(node: Exact | Matches | Within, value: Value) -> bool:
    if isinstance(node, Exact):
        return value == node.value if isinstance(value, str) else value == number(node.value)
    if isinstance(node, Matches):
        return isinstance(value, str) and pattern(node.pattern).fullmatch(value) is not None
    low, high = node.low, node.high
    if isinstance(low, str) or isinstance(high, str):
        return _between(str(value), low, high, node)
    return not isinstance(value, str) and _between(value, low, high, node)


def _between(value: Value, low: Value | None, high: Value | None, node: Within) -> bool:
    above = low is None or value > low or (node.includes_low and value == low)  # type: ignore[operator]
    return above and (high is None or value < high or (node.includes_high and value == high))  # type: ignore[operator]


def number(text: str) -> float | None:
    """The finite number that a text is, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


@lru_cache(maxsize=4096)
def pattern(text: str) -> re2._Regexp:
    """A pattern of RE2, compiled. Raises re2.error. Never Python's own: it takes minutes over seven stars."""
    options = re2.Options()
    options.dot_nl, options.log_errors, options.max_mem = True, False, 1 << 20
    return re2.compile(text, options)


def folded(node: Node, known: Fields, open_: Collection[str]) -> Node | bool:
    """What is left to ask where the fields in ``known`` are known and those in ``open_`` not yet; a field in neither
    is absent. True or False where that decides it."""
    if isinstance(node, Clauses):
        return _folded_clauses(node, known, open_)
    if isinstance(node, Nothing):
        return False
    if (MESSAGE if isinstance(node, Words) else node.field) in open_:
        return node
    return matches(node, known, tuple)


def _folded_clauses(node: Clauses, known: Fields, open_: Collection[str]) -> Node | bool:
    by_occur: dict[Occur, list[Node | bool]] = {occur: [] for occur in Occur}
    for occur, clause in node.clauses:
        by_occur[occur].append(folded(clause, known, open_))
    must, should, must_not = (by_occur[occur] for occur in (Occur.MUST, Occur.SHOULD, Occur.MUST_NOT))
    if False in must or True in must_not or not node.clauses:
        return False
    left: list[tuple[Occur, Node]] = [(Occur.MUST, each) for each in must if not isinstance(each, bool)]
    if not must and should and True not in should:
        optional = [each for each in should if not isinstance(each, bool)]
        if not optional:
            return False
        left = [(Occur.SHOULD, each) for each in optional]
    left += [(Occur.MUST_NOT, each) for each in must_not if not isinstance(each, bool)]
    if not left:
        return True
    return left[0][1] if len(left) == 1 and left[0][0] is not Occur.MUST_NOT else Clauses(tuple(left))
