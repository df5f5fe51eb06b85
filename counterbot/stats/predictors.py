"""Which counters of a job foretell failure: how well each separates failed from passed runs. Tells no cause.

The area under the ROC curve with its interval: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under
two or more correlated receiver operating characteristic curves". False discoveries: Benjamini and Hochberg 1995.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from .changepoints.noise import Array

FEWEST = 10
"""Failed runs, and passed ones, of which less would tell nothing: they are often told apart by chance."""

DISCOVERIES = 0.05
"""Of the counters that are said to foretell failure, the share that may not."""

SURE = 0.95
"""Of the interval."""


@dataclass(frozen=True)
class Runs:
    """The values of a counter in some runs, and the seconds that these took (None: not known of all)."""

    values: Sequence[float]
    seconds: Sequence[float] | None = None


@dataclass(frozen=True)
class Predictor:
    """How a counter, or its value ``per_second``, separates.

    ``area`` is the share of pairs of a failed and a passed run in which the failed one has the larger value, surely
    between ``low`` and ``high``; ``foretells`` where that is no chance.
    """

    counter: str
    per_second: bool
    area: float
    low: float
    high: float
    p: float
    failed: int
    passed: int
    foretells: bool = False

    @property
    def strength(self) -> float:
        """From 0 (none) to 1 (each failed run is told from each passed one)."""
        return abs(2 * self.area - 1)


def predictors(counters: Mapping[str, tuple[Runs, Runs]]) -> list[Predictor]:
    """The strongest first. By counter its failed and its passed runs; those with too few are left out.

    Failed runs stop early: a counter of which a second is a better measure is looked at that way, too.
    """
    found = [predictor for name, (failed, passed) in counters.items() for predictor in _of(name, failed, passed)]
    limit = _limit([predictor.p for predictor in found])
    return sorted((replace(each, foretells=each.p <= limit) for each in found),
                  key=lambda each: (-each.strength, each.p, each.counter, each.per_second))


def _of(name: str, failed: Runs, passed: Runs) -> Iterator[Predictor]:
    if min(len(failed.values), len(passed.values)) < FEWEST:
        return
    yield _separated(name, False, np.asarray(failed.values, float), np.asarray(passed.values, float))
    if failed.seconds is not None and passed.seconds is not None:
        yield _separated(name, True, _per_second(failed), _per_second(passed))


def _per_second(runs: Runs) -> Array:
    values: Array = np.asarray(runs.values, float) / np.maximum(np.asarray(runs.seconds, float), 1.0)
    return values


def _separated(name: str, per_second: bool, failed: Array, passed: Array) -> Predictor:
    both, count = np.concatenate([failed, passed]), len(failed)
    ranks = rankdata(both)
    # The share of passed runs below each failed one, and of failed ones above each passed one; half of those alike.
    above = (ranks[:count] - rankdata(failed)) / len(passed)
    below = 1 - (ranks[count:] - rankdata(passed)) / count
    area = float(above.mean())
    error = math.sqrt(float(above.var(ddof=1)) / count + float(below.var(ddof=1)) / len(passed))
    low, high = _interval(area, error, min(count, len(passed)))
    return Predictor(name, per_second, area, low, high, _chance(ranks, count), count, len(passed))


def _interval(area: float, error: float, fewer: int) -> tuple[float, float]:
    """On the logistic scale, which ends at 0 and 1; where all pairs are alike, by what so few runs can show at all."""
    if error == 0 or not 0 < area < 1:
        least = (1 - SURE) ** (1 / fewer)
        return (least, 1.0) if area == 1 else (0.0, 1 - least) if area == 0 else (area, area)
    logit, width = math.log(area / (1 - area)), float(ndtri((1 + SURE) / 2)) * error / (area * (1 - area))
    return _from_logit(logit - width), _from_logit(logit + width)


def _from_logit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0


def _chance(ranks: Array, count: int) -> float:
    """Two-sided, of the ranks' sum (Mann and Whitney 1947), corrected for ties."""
    total, others = len(ranks), len(ranks) - count
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    variance = count * others / 12 * (total + 1 - float((ties ** 3 - ties).sum()) / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    apart = abs(float(ranks[:count].sum()) - count * (total + 1) / 2)
    return math.erfc(max(apart - 0.5, 0.0) / math.sqrt(2 * variance))


def _limit(chances: Sequence[float]) -> float:
    """The largest chance with which a counter is still said to foretell; -1 where none is."""
    ordered = sorted(chances)
    fit = [p for rank, p in enumerate(ordered, 1) if p <= DISCOVERIES * rank / len(ordered)]
    return max(fit, default=-1.0)
