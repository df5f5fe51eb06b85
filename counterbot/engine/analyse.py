"""Keeps ready what is usual of every counter: the level of each series since its last change point. Judges no build."""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterable

from ..core.text.figures import counted
from ..core.text.inert import inert
from ..files.config import LearnedBounds
from ..ledger import Ledger
from ..ledger.samples import Group, Step, Usual
from ..stats.analysis import levelled
from ..stats.stability import judged, shared

DAY = 86_400_000
EVERY = 3_600_000
"""Milliseconds for which a level that is known is good enough: one run more hardly changes it."""

RUNS = 2_000
"""Of a series that are looked at, the newest."""

log = logging.getLogger("counterbot.history")


class Analyst:
    """The levels of a bot's history. ``every`` is milliseconds from one look at a job's counters to the next."""

    def __init__(self, ledger: Ledger, settings: LearnedBounds, every: int = EVERY) -> None:
        self._ledger, self._samples = ledger, ledger.samples
        self._settings, self._every = settings, every
        self._groups: list[Group] = []

    def step(self) -> bool:
        """Learn the levels of the next job and branch with new runs; False where there is none."""
        if not self._groups:
            self._groups = self._samples.stale(self._every)[::-1]
        if not self._groups:
            return False
        self._learn(self._groups.pop())
        return True

    def _learn(self, group: Group) -> None:
        newest, steps = self._samples.newest(group), self._samples.steps(group)
        since = self._ledger.now() - self._settings.days * DAY
        usual = Usual(self._settings.baseline, self._settings.check)
        found = []
        for row, runs in self._samples.baselines(group, usual, since).items():
            at = runs.at[-RUNS:]
            _, level = levelled(runs.values[-RUNS:], _first_after(at, steps, row.key.counter))
            found.append((row.id, level, at, len(runs.at)))
        known = [level for _, level, _, _ in found if level]
        rate = shared(known, self._settings.false_warnings / 1000)
        levels = iter(judged(known, rate))
        self._samples.save(group, newest, [
            (number, next(levels), at[level.start], count) if level else (number, None, None, count)
            for number, level, at, count in found], rate)
        log.debug("%s on %s: levels of %s", inert(group.job, 100), inert(group.branch, 100),
                  counted(len(found), "counter"))


def _first_after(at: array[int], steps: Iterable[Step], counter: str) -> list[int]:
    """The first runs after the merges of a counter's accepted steps."""
    return [bisect_left(at, step.at) for step in steps if step.counter == counter]
