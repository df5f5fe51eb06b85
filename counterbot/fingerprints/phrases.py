"""Which words must stand in each record that a query matches: what the prefilter looks for."""

from __future__ import annotations

from collections.abc import Sequence

from .nodes import Clauses, Exact, Node, Occur, Words
from .records import ANY_RECORD, RECORD_TAGS
from .words import words

Phrase = tuple[str, ...]
"""Lower-case ASCII words, side by side."""

LONG = 12
"""Words of a phrase that are looked for: of more it is no rarer."""


def needs(node: Node, whole: bool = True) -> frozenset[Phrase] | None:
    """Phrases one of which stands in each record that matches; None where none must.

    Of several clauses that must match, the one whose phrases are longest is taken. With ``whole`` false the words of a
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
    run = max(runs, key=lambda run: sum(map(len, run)))
    if not run:
        return None
    return frozenset({tuple(run[:LONG]) if whole else (max(run, key=len),)})


def _length(phrases: frozenset[Phrase]) -> int:
    return min(sum(map(len, phrase)) for phrase in phrases)
