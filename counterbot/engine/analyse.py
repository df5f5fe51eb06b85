"""Keeps ready what is usual of every counter: the level of each series, and where it moved. Judges no build."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ..core.learned import ChangePoint, SeriesKey
from ..core.moved import Move
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..files.config import LearnedBounds
from ..ledger import Ledger
from ..ledger.moves import Seen
from ..ledger.samples import Baseline, Group, Look, Usual
from ..stats.analysis import NEAR, levelled, stands_out
from ..stats.changepoints import FEWEST
from ..stats.stability import judged, shared

DAY = 86_400_000
EVERY = 3_600_000
"""Milliseconds for which a level that is known is good enough: one run more hardly changes it."""

RUNS = 2_000
"""Of a job on a branch that are looked at, the newest."""

RECENT = 60
"""Runs for which a new level is news: what moved before, and is only found now, came with past builds."""

log = logging.getLogger("counterbot.history")


class Analyst:
    """The levels of a bot's history. ``every`` is milliseconds from one look at a job's counters to the next."""

    def __init__(self, ledger: Ledger, settings: LearnedBounds, every: int = EVERY) -> None:
        self._ledger, self._samples = ledger, ledger.samples
        self._settings, self._every = settings, every
        self._run: int | None = None
        self._due: dict[Group, int] = {}

    def step(self) -> bool:
        """Learn the levels of the next job and branch with new runs; False where there is none."""
        fresh, self._run = self._samples.fresh(self._run)
        now = self._ledger.now()
        for group in fresh:
            self._due.setdefault(group, self._samples.looked_at(group) + self._every)
        first = min(self._due, key=lambda group: self._due[group], default=None)
        if first is None or self._due[first] > now:
            return False
        del self._due[first]
        self._learn(first)
        return True

    def _learn(self, group: Group) -> None:
        newest, steps = self._samples.newest(), self._samples.steps(group)
        since = self._ledger.now() - self._settings.days * DAY
        usual = Usual(self._settings.baseline, self._settings.check)
        found = []
        for row, runs in self._samples.baselines(group, usual, since, RUNS).items():
            accepted = [(bisect_left(runs.at, step.at), step.acknowledgement) for step in steps
                        if step.counter == row.key.counter]
            points, level = levelled(runs.values, [index for index, _ in accepted])
            found.append((row, runs, points, accepted, level))
        known = [level for *_, level in found if level]
        rate = shared(known, self._settings.false_warnings / 1000)
        levels = iter(judged(known, rate))
        self._samples.save(group, newest, [
            Look(row.id, next(levels) if level else None, runs.at[level.start] if level else None, len(runs.at),
                 runs.at[min(FEWEST, len(runs.at)) - 1] if runs.at else 0,
                 tuple(moved(row.key, runs, points, accepted, rate)))
            for row, runs, points, accepted, level in found], rate)
        log.debug("%s on %s: levels of %s", inert(group.job, 100), inert(group.branch, 100),
                  counted(len(found), "counter"))


def moved(key: SeriesKey, runs: Baseline, points: Sequence[ChangePoint], accepted: Sequence[tuple[int, int]],
           rate: float) -> Iterator[Seen]:
    """Where a series moved. News is the last point alone, while it is new and stands out."""
    at, last = runs.at, len(runs.at) - 1
    for point in points:
        since = len(at) - point.index
        news = point is points[-1] and since <= RECENT and stands_out(runs.values, point, rate)
        said = [number for index, number in accepted if abs(index - point.index) <= NEAR]
        yield Seen(
            Move(key, at[point.index - 1], at[point.index], 0, point.before, point.after, point.p, since, news),
            at[max(point.index - NEAR, 0)], at[min(point.index + NEAR, last)], said[-1] if said else None)
