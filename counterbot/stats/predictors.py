"""How well each counter of a job separates its failed runs from those that passed.

The area under the ROC curve is the chance that a failed run has the higher value of the two, equal ones counting half:
0.5 tells nothing, 1 and 0 separate them wholly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import rankdata

FALSE = 0.05
"""Of the counters that are called predictors, so many are none, at most and on average."""

FEW = 10
"""With fewer failed runs, or passed ones, an area is uncertain by 0.18 or more: 1.96 / sqrt(12 * 10)."""

SURE = 1.959963984540054
"""Standard errors of an interval that holds the true area 95 times in 100."""

FIRST, LEAST = 999, 9_999
"""Shuffles after which a counter that cannot become a predictor any more is left, and those of the others, at least."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve with its 95 % confidence interval, from so many runs.

    ``p`` is how often shuffled runs separate as well. ``q`` is the smallest share of false discoveries at which this
    is one.
    """

    area: float
    low: float
    high: float
    p: float
    q: float
    failed: int
    passed: int

    @property
    def found(self) -> bool:
        return self.q <= FALSE

    @property
    def separates(self) -> float:
        """0.5 to 1, in either direction."""
        return max(self.area, 1 - self.area)


@dataclass(frozen=True)
class Predictor:
    """A counter; ``per_second`` is None for one that is not divided by how long the run took."""

    counter: str
    raw: Area | None
    per_second: Area | None

    @property
    def best(self) -> Area:
        """The one that separates better; a failed run stops early, so both are worth a look."""
        return max(filter(None, (self.raw, self.per_second)), key=lambda area: (-area.q, area.separates))

    @property
    def found(self) -> bool:
        return self.best.found


@dataclass(frozen=True)
class Predictors:
    """Of a job's runs: its counters, the best first. ``why`` says why they tell too little; "" where they do not."""

    failed: int
    passed: int
    counters: tuple[Predictor, ...]
    why: str = ""


def predictors(values: Mapping[str, Sequence[float]], failed: Sequence[bool], seconds: Sequence[float] = (),
               gauges: Collection[str] = ()) -> Predictors:
    """How well each counter separates the runs that ``failed`` from the others.

    ``values`` and ``seconds`` (how long a run took) have one value for each run, NaN where there is none. ``gauges``
    are the counters that are not divided by seconds; without ``seconds`` none is.

    Intervals as by DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) on the logit scale, with one more run of
    each kind of which nothing is known, so that they do not vanish where the runs are separated wholly. Chances by
    shuffling which runs failed, the same for all counters: ranks have ties, and few runs fail. False discoveries by
    Benjamini and Hochberg over all areas of the job (J. R. Statist. Soc. B 57, 1995).
    """
    labels = np.asarray(failed, dtype=bool)
    columns = dict(_columns(values, np.asarray(seconds, dtype=float), gauges))
    known = {key: column for key, column in columns.items() if _comparable(column, labels)}
    scores = np.array([_scores(column) for column in known.values()]).reshape(len(known), len(labels))
    p = _by_shuffling(scores, labels)
    areas = {key: _area(column, labels, p, q)
             for (key, column), p, q in zip(known.items(), p, _false_discoveries(p), strict=True)}
    counters = [Predictor(name, areas.get((name, False)), areas.get((name, True))) for name in values
                if (name, False) in areas or (name, True) in areas]
    counters.sort(key=lambda each: (-each.found, -each.best.separates, each.best.q, each.counter))
    count = int(labels.sum())
    return Predictors(count, len(labels) - count, tuple(counters), _too_few(count, len(labels) - count))


def _columns(values: Mapping[str, Sequence[float]], seconds: Values,
             gauges: Collection[str]) -> list[tuple[tuple[str, bool], Values]]:
    """By counter and whether it is per second; NaN where it is not finite."""
    found = []
    lasted = np.where(seconds > 0, seconds, np.nan)
    for name, given in values.items():
        column = np.asarray(given, dtype=float)
        column = np.where(np.isfinite(column), column, np.nan)
        found.append(((name, False), column))
        if len(seconds) and name not in gauges:
            with np.errstate(over="ignore"):
                found.append(((name, True), column / lasted))
    return found


def _comparable(column: Values, failed: NDArray[np.bool_]) -> bool:
    there = ~np.isnan(column)
    return bool((there & failed).any() and (there & ~failed).any())


def _scores(column: Values) -> Values:
    """Ranks about their mean, 0 where there is no value: sums of them are exact."""
    there = ~np.isnan(column)
    scores = np.zeros(len(column))
    scores[there] = rankdata(column[there]) - (there.sum() + 1) / 2
    return scores


def _by_shuffling(scores: Values, failed: NDArray[np.bool_]) -> Values:
    """For each row, how likely it is that runs separate as well by chance; never 0."""
    tests = len(scores)
    if not tests:
        return np.zeros(0)
    random = np.random.default_rng(1)
    seen = np.abs(scores @ failed)
    p = (_as_good(scores, seen, int(failed.sum()), FIRST, random) + 1) / (FIRST + 1)
    open_ = p <= FALSE  # others are no discovery, whatever further shuffles show
    count = max(LEAST, int(2 * tests / FALSE))  # so that one predictor among all these can be told
    p[open_] = (_as_good(scores[open_], seen[open_], int(failed.sum()), count, random) + 1) / (count + 1)
    return p


def _as_good(scores: Values, seen: Values, failed: int, count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """How many of so many shuffles separate as well as was seen."""
    found = np.zeros(len(scores), dtype=np.int64)
    runs = scores.shape[1]
    for begin in range(0, count if len(scores) else 0, 500):
        size = min(500, count - begin)
        chosen = np.argpartition(random.random((size, runs)), failed - 1, axis=1)[:, :failed]
        labels = np.zeros((size, runs))
        np.put_along_axis(labels, chosen, 1.0, axis=1)
        found += (np.abs(scores @ labels.T) >= seen[:, None]).sum(axis=1)
    return found


def _false_discoveries(p: Values) -> Values:
    order = np.argsort(p)[::-1]
    steps = p[order] * len(p) / np.arange(len(p), 0, -1)
    found = np.empty(len(p))
    found[order] = np.minimum.accumulate(np.minimum(steps, 1.0))
    return found


def _area(column: Values, failed: NDArray[np.bool_], p: float, q: float) -> Area:
    there = ~np.isnan(column)
    high, low = column[there & failed], column[there & ~failed]
    ranks = rankdata(np.concatenate([high, low]))
    above = (ranks[:len(high)] - rankdata(high)) / len(low)
    below = 1 - (ranks[len(high):] - rankdata(low)) / len(high)
    area = float(above.mean())
    least, most = _interval(area, above, below)
    return Area(area, min(least, area), max(most, area), float(p), float(q), len(high), len(low))


def _interval(area: float, above: Values, below: Values) -> tuple[float, float]:
    error = np.sqrt(sum(np.append(part, 0.5).var(ddof=1) / (len(part) + 1) for part in (above, below)))
    fewer = min(len(above), len(below))
    centre = min(max(area, 0.5 / (fewer + 1)), 1 - 0.5 / (fewer + 1))
    width = SURE * error / (centre * (1 - centre))
    return float(expit(logit(centre) - width)), float(expit(logit(centre) + width))


def _too_few(failed: int, passed: int) -> str:
    count, what = min((failed, "failed"), (passed, "passed"))
    if count >= FEW:
        return ""
    return (f"only {count} of {failed + passed} runs {what}: with fewer than {FEW} the area under the curve is"
            " uncertain by 0.18 or more")
