"""Fallen pass rates: which of them are told, and which together. Reckons and tells nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HOUR = 3_600_000
DAY = 24 * HOUR
"""Milliseconds."""

TOGETHER = 2 * HOUR
"""What is found within so long a time may have one cause; nothing is told before it has passed."""

MANY = 5
"""Jobs whose rates fell together from which on one message tells of all."""


@dataclass(frozen=True)
class Drop:
    """The pass rate of a job on a branch, or of one of its tests ("" for the job itself), fell.

    It fell between the builds that ended ``after`` and ``until``; ``started`` is when the first ended that showed it,
    and ``found`` that by which it was noticed; all in epoch milliseconds. ``usual`` is the usual failure rate, and
    ``failed`` of ``builds`` failed since, of ``projects``, the most frequent first, in ``pipelines``.
    """

    tenant: str
    job: str
    branch: str
    test: str
    after: int
    until: int
    started: int
    found: int
    usual: float
    failed: int
    builds: int
    projects: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    closed: int | None = None

    @property
    def series(self) -> tuple[str, str, str, str]:
        return self.tenant, self.job, self.branch, self.test

    @property
    def of(self) -> tuple[str, str, str]:
        """The job on its branch."""
        return self.tenant, self.job, self.branch


@dataclass(frozen=True)
class News:
    """What one message tells: the drop of a job, or those of its tests; or of many jobs, one for each."""

    drops: tuple[Drop, ...]

    @property
    def many(self) -> bool:
        return len({drop.of for drop in self.drops}) >= MANY


def ripe(untold: Iterable[Drop], now: int) -> list[list[Drop]]:
    """Those that are to be told by now, together what was found together; what is older than a day is no news."""
    found: list[list[Drop]] = []
    for drop in sorted(untold, key=lambda drop: (drop.found, drop.series)):
        if drop.found <= now - DAY - TOGETHER:
            continue
        if not found or drop.found > found[-1][0].found + TOGETHER:
            found.append([])
        found[-1].append(drop)
    return [drops for drops in found if drops[0].found <= now - TOGETHER]


def news(together: Sequence[Drop], fallen: Iterable[tuple[str, str, str]] = ()) -> list[News]:
    """The messages on drops that were found together; of a job in ``fallen``, whose own rate was down already, tests
    are no news."""
    known = set(fallen)
    jobs: dict[tuple[str, str, str], list[Drop]] = {}
    for drop in together:
        if not drop.test or drop.of not in known:
            jobs.setdefault(drop.of, []).append(drop)
    heads = {job: [drop for drop in drops if not drop.test] or drops for job, drops in jobs.items()}
    if len(heads) >= MANY:
        return [News(tuple(drops[0] for drops in heads.values()))]
    return [News(tuple(drops)) for drops in heads.values()]
