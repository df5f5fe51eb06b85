"""Levels of counters that moved on merged code: which of them are told, and which together. Reckons and tells nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .fallen import DAY, TOGETHER
from .learned import SeriesKey


@dataclass(frozen=True)
class Accepted:
    """A person's word that a step is to be: who said it on which change, and why."""

    author: str
    project: str
    change: int
    reason: str


@dataclass(frozen=True)
class Move:
    """The level of a series moved from ``before`` to ``now``, medians of the runs beside.

    It moved between the runs that ended ``after`` and ``started``, and has had so many ``runs`` since; it was noticed
    when ``found``; all in epoch milliseconds. ``p`` is how likely such a difference is by chance. It is ``news`` where
    the level was stable before, and the series was known already. The runs since have tested changes of ``projects``,
    the most frequent first, in ``pipelines``; ``tested`` are those of the first one.
    """

    key: SeriesKey
    after: int
    started: int
    found: int
    before: float
    now: float
    p: float
    runs: int
    news: bool = True
    projects: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    tested: tuple[tuple[str, int], ...] = ()
    accepted: Accepted | None = None

    @property
    def change(self) -> float | None:
        """A fraction of what it was before; None where that was 0."""
        return (self.now - self.before) / abs(self.before) if self.before else None

    @property
    def of(self) -> tuple[str, str, str]:
        """The job on its branch."""
        return self.key.tenant, self.key.job, self.key.branch


def largest_first(moves: Iterable[Move]) -> list[Move]:
    """What rises from or falls to zero before all others."""
    def size(move: Move) -> float:
        return float("inf") if move.change is None else abs(move.change)

    return sorted(moves, key=lambda move: (-size(move), -abs(move.now - move.before), move.key.counter))


def news(untold: Collection[Move], told: Iterable[Move], now: int) -> list[list[Move]]:
    """What is to be told by now: the counters of a job that moved at one place together, the largest move first.

    Nothing is told before two hours have passed, since one place is not found in every counter at once, nor what was
    found more than a day ago, what was accepted, and what moved where a move was told before.
    """
    messages = []
    for moves in _places([*untold, *told]):
        fresh = [move for move in moves if move in untold and not move.accepted]
        known = any(move not in untold for move in moves)
        first = min(move.found for move in moves)
        if not known and any(move.news for move in fresh) and now - DAY - TOGETHER < first <= now - TOGETHER:
            messages.append(largest_first(fresh))
    return messages


def _places(moves: Iterable[Move]) -> list[list[Move]]:
    """The moves of each job whose intervals overlap, or are neighbours: a level moves between two runs, and noise may
    hide that by a run."""
    places: list[list[Move]] = []
    for move in sorted(moves, key=lambda move: (move.of, move.after, move.started, move.key.counter)):
        if not places or places[-1][0].of != move.of or move.after > _end(places[-1]):
            places.append([])
        places[-1].append(move)
    return places


def _end(moves: Sequence[Move]) -> int:
    return max(move.started for move in moves)
