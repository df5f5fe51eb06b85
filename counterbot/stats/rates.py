"""Whether a job's, or a test's, pass rate fell against its own past: a CUSUM over its builds, one after the other."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import betaincc, betaln

DAY = 86_400_000
"""Milliseconds."""

RECENT, BASIS = 14 * DAY, 49 * DAY
"""The usual rate is that of so long a time (the second), which ended so long ago (the first)."""

LIMIT = 5.75
"""Evidence, in nats, from which on the rate is said to have fallen."""

MOST = 8.0
"""Evidence that is kept: after a long outage builds need not pass for months until the fall is over."""

LEAST = 3
"""Failures, and changes they are of, without which nothing is said."""

ENOUGH = 30
"""Builds without which no rate is usual."""

RAREST, TIMES, POINTS = 0.01, 2.0, 0.05
"""The lowest usual failure rate, and the fall that is looked for: so many times its odds, or so much more if that is
more."""

PRIOR = 0.3, 0.8
"""Failures and builds that are added to those of the past."""

OVER, GONE = 3 * DAY, 14 * DAY
"""Without evidence, or without any build, for so long a fall is over."""

REMEMBERED = 500
"""Newest builds among which a fall has its beginning."""

TINY = 1e-300
"""Keeps a logarithm finite."""

UNSURE = 0.025
"""How likely it is, at most, that a rate fell before the time that is told, and as likely that it fell after."""


@dataclass(frozen=True)
class Outcome:
    """A build ended ``at`` a time, in epoch milliseconds. ``change`` is whose it is: any value that tells changes
    apart, None where a branch was tested."""

    at: int
    failed: bool
    change: Hashable | None = None


@dataclass(frozen=True)
class Fall:
    """A pass rate that fell.

    ``started`` is when the first build ended that there is evidence from, ``found`` that from which on it is said,
    ``over`` when there was no evidence of it any more, None while there is. With 95 % certainty it fell between the
    builds that ended ``after`` and ``until``. ``usual`` is the usual failure rate; ``failed`` of the ``builds`` since
    ``started`` failed.
    """

    after: int
    until: int
    started: int
    found: int
    usual: float
    failed: int
    builds: int
    over: int | None = None

    @property
    def rate(self) -> float:
        """The failure rate since it fell."""
        return self.failed / self.builds


@dataclass(frozen=True)
class Rate:
    """The failure rate that is usual, None where fewer than ``ENOUGH`` builds show it, and how it fell; the last may
    still go on."""

    usual: float | None
    falls: tuple[Fall, ...] = ()

    @property
    def open(self) -> Fall | None:
        return self.falls[-1] if self.falls and self.falls[-1].over is None else None


def rate(outcomes: Iterable[Outcome], now: int) -> Rate:
    """What the builds of a job, or of a test, show that ended by ``now``; oldest first.

    Failures whose cause is known to be elsewhere are to be left out. A Bernoulli CUSUM (Page, Biometrika 41, 1954;
    Reynolds and Stoumbos, J. Quality Technology 31, 1999) whose usual rate is that of the days -63 to -14 before each
    build. Takes constant time a build.
    """
    watch = _Watch()
    for outcome in outcomes:
        if outcome.at <= now:  # a clock may be wrong: a build of tomorrow is none yet
            watch.take(outcome)
    return watch.seen(now)


def odds_worse(usual: float) -> float:
    """The failure rate that is looked for where so much is usual."""
    odds = TIMES * usual / (1 - usual)
    return min(max(odds / (1 + odds), usual + POINTS), (1 + usual) / 2)


@dataclass
class _Basis:
    """The builds of a time that moves on: those to come, and those within."""

    coming: deque[Outcome] = field(default_factory=deque)
    within: deque[Outcome] = field(default_factory=deque)
    failed: int = 0

    def usual(self, at: int) -> float | None:
        while self.coming and self.coming[0].at <= at - RECENT:
            self.within.append(self.coming.popleft())
            self.failed += self.within[-1].failed
        while self.within and self.within[0].at <= at - RECENT - BASIS:
            self.failed -= self.within.popleft().failed
        if len(self.within) < ENOUGH:
            return None
        return max((self.failed + PRIOR[0]) / (len(self.within) + PRIOR[1]), RAREST)


@dataclass
class _Watch:
    basis: _Basis = field(default_factory=_Basis)
    evidence: float = 0.0
    positive: int = 0
    """When there was evidence last."""

    started: int = 0
    usual: float = RAREST
    failed: int = 0
    builds: int = 0
    changes: set[Hashable] = field(default_factory=set)
    falls: list[Fall] = field(default_factory=list)
    newest: int | None = None
    before: deque[Outcome] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def take(self, outcome: Outcome) -> None:
        self._close(outcome.at)
        usual = self.basis.usual(outcome.at)
        self.before.append(outcome)
        self.basis.coming.append(outcome)
        if usual is None:
            self.evidence = 0.0
        else:
            self._weigh(outcome, usual)
        self.newest = outcome.at

    def seen(self, now: int) -> Rate:
        self._close(now)
        return Rate(self.basis.usual(now), tuple(self.falls))

    def _weigh(self, outcome: Outcome, usual: float) -> None:
        worse = odds_worse(usual)
        evidence = self.evidence + (math.log(worse / usual) if outcome.failed else math.log((1 - worse) / (1 - usual)))
        if evidence <= 0:
            self.evidence = 0.0
            return
        if self.evidence == 0:
            self.started, self.usual, self.failed, self.builds = outcome.at, usual, 0, 0
            self.changes.clear()
        self.evidence, self.positive = min(evidence, MOST), outcome.at
        self.builds += 1
        self.failed += outcome.failed
        if outcome.failed:
            self.changes.add(outcome.at if outcome.change is None else outcome.change)
        self._judge(outcome.at)

    def _judge(self, at: int) -> None:
        going_on = bool(self.falls) and self.falls[-1].over is None
        if going_on and self.falls[-1].started == self.started:
            self.falls[-1] = replace(self.falls[-1], failed=self.failed, builds=self.builds)
        elif not going_on and self.evidence > LIMIT and self.failed >= LEAST and len(self.changes) >= LEAST:
            self.falls.append(Fall(*_between(self.before, self.usual), self.started, at, self.usual, self.failed,
                                   self.builds))

    def _close(self, now: int) -> None:
        if not self.falls or self.falls[-1].over is not None or self.newest is None:
            return
        if now - self.newest > GONE or (self.evidence == 0 and now - self.positive >= OVER):
            self.falls[-1] = replace(self.falls[-1], over=now)


def _between(builds: Sequence[Outcome], usual: float) -> tuple[int, int]:
    """When the last build ended before, and the first after which, the rate may have fallen.

    Each build may be the first of the new rate, of which nothing is known beforehand but that it is above the usual one
    (Jeffreys' prior): how likely that is follows from the builds since.
    """
    failed = np.cumsum([build.failed for build in reversed(builds)])
    passed = np.arange(1, len(builds) + 1) - failed
    likely = (betaln(failed + 0.5, passed + 0.5) + np.log(betaincc(failed + 0.5, passed + 0.5, usual) + TINY)
              - failed * math.log(usual) - passed * math.log(1 - usual))[::-1]
    share = np.cumsum(np.exp(likely - likely.max()))
    first, last = np.searchsorted(share, [UNSURE * share[-1], (1 - UNSURE) * share[-1]])
    return builds[max(0, int(first) - 1)].at, builds[int(last)].at
