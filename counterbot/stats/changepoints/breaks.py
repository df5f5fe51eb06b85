"""What a cut must pass to be a change point: it is large, unlikely by chance, and no ramp.

Ranks: Mann and Whitney 1947. Runs that resemble the one before are whitened: Cochrane and Orcutt 1949.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .noise import TO_DEVIATION, Array
from .partition import Partition

WINDOW = 60
"""Runs before and after a cut that are looked at."""

LEAST = 0.01
"""A fraction of what it was before."""

DEVIATIONS = 0.8
RANKS, REACHED = 3.89, 0.93
"""Standard deviations of the ranks' sum (p = 0.0001), and the share of what few runs can reach at all."""

STEP, SLOPE = 4.5, 4.0
"""Student's t of the step, and from where on a slope beside it counts."""

RAMPS = (10, 20, 40, 80, 160)
RAMP = 6.0
"""Runs of a ramp, and by how many variances of a run it must explain better than a step."""


@dataclass(frozen=True)
class Break:
    """The first run of a new level, and how likely such a difference is by chance."""

    index: int
    p: float


@dataclass(frozen=True)
class _Beside:
    """The runs beside a cut: the series as it is, without its slope, and ``calm`` in units of noise."""

    series: Array
    level: Array
    calm: Array
    cut: int
    rho: float

    @property
    def before(self) -> Array:
        return self.level[:self.cut]

    @property
    def after(self) -> Array:
        return self.level[self.cut:]


def tested(series: Array, level: Array, calm: Array, found: Partition) -> list[Break]:
    """The cuts that pass. The one that fails worst goes first, and its neighbours are tested with what it leaves."""
    cuts = list(found.cuts)
    known: dict[tuple[int, int, int], float] = {}
    while cuts:
        places = list(_places(cuts, len(series)))
        for place in places:
            if place not in known:
                known[place] = _lack(_beside(series, level, calm, found.rho, *place))
        worst = min(range(len(cuts)), key=lambda number: known[places[number]])
        if known[places[worst]] >= 0:
            break
        del cuts[worst]
    return [Break(place[1], _chance(_beside(series, level, calm, found.rho, *place)))
            for place in _places(cuts, len(series))]


def _places(cuts: Sequence[int], count: int) -> Iterator[tuple[int, int, int]]:
    edges = [0, *cuts, count]
    return zip(edges, edges[1:], edges[2:], strict=False)


def _beside(series: Array, level: Array, calm: Array, rho: float, first: int, cut: int, last: int) -> _Beside:
    window = slice(first := max(first, cut - WINDOW), min(last, cut + WINDOW))
    return _Beside(series[window], level[window], calm[window], cut - first, rho)


def _lack(beside: _Beside) -> float:
    """0.0 where the cut passes; else below, the lower the worse it fails."""
    before, after = float(np.median(beside.before)), float(np.median(beside.after))
    apart = abs(after - before)
    if apart < LEAST * abs(float(np.median(beside.series[:beside.cut]))) or apart == 0:
        return -9.0
    if np.ptp(beside.before) == 0 and np.ptp(beside.after) == 0:
        return 0.0
    left = np.abs(np.concatenate([beside.before - before, beside.after - after]))
    deviation = TO_DEVIATION * float(np.median(left))
    if apart < DEVIATIONS * deviation:
        return apart / deviation - DEVIATIONS - 5
    most = REACHED * _most(len(beside.before), len(beside.after))
    ranks = abs(_ranks(beside.before, beside.after)) - min(RANKS, most)
    if ranks < 0:
        return ranks
    return _step(beside)


def _chance(beside: _Beside) -> float:
    """Two-sided, by ranks; runs that resemble the one before count for less."""
    ranks = abs(_ranks(beside.before, beside.after)) * math.sqrt((1 - beside.rho) / (1 + beside.rho))
    return math.erfc(ranks / math.sqrt(2))


def _most(before: int, after: int) -> float:
    """The deviations of ranks that so many runs can reach."""
    return math.sqrt(3 * before * after / (before + after + 1))


def _ranks(before: Array, after: Array) -> float:
    """The deviation of the ranks' sum, corrected for ties, in standard deviations."""
    ordered = np.sort(before)
    count = len(before) + len(after)
    above = (np.searchsorted(ordered, after, "left") + np.searchsorted(ordered, after, "right")).sum() / 2
    ties = np.unique(np.concatenate([before, after]), return_counts=True)[1].astype(float)
    variance = len(before) * len(after) / 12 * (count + 1 - (ties ** 3 - ties).sum() / (count * (count - 1)))
    return float((above - len(before) * len(after) / 2) / math.sqrt(variance)) if variance > 0 else 0.0


def _step(beside: _Beside) -> float:
    """Whether the step is sure in a regression, also beside a slope, and no ramp explains more."""
    calm, cut, count = beside.calm, beside.cut, len(beside.calm)
    at = np.arange(count)
    one, step = np.ones(count), (at >= cut).astype(float)
    alone = _Regression(calm, beside.rho, one, step)
    sure = abs(alone.last) / math.sqrt(max(1 + beside.rho, alone.error / max(count - 2, 1)) * alone.variance)
    lack = sure - STEP - (STEP ** 3 + STEP) / (4 * max(count - 2, 2))  # Student's t, by its normal equivalent
    if lack < 0:
        return lack
    if min(cut, count - cut) < 4:
        return 0.0
    sloped = _Regression(calm, beside.rho, one, (at - count / 2) / count, step)
    noise = max(1.0, sloped.error / max(count - 3, 1))
    stands = sloped.last * alone.last > 0 and abs(sloped.last) >= SLOPE * math.sqrt(noise * sloped.variance)
    return 0.0 if stands or alone.error - _ramp(beside, one, at) <= RAMP * noise else -1.0


def _ramp(beside: _Beside, one: Array, at: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    """The squared error that the best ramp leaves."""
    cut, count = beside.cut, len(beside.calm)
    errors = [math.inf]
    for runs in RAMPS:
        if runs > 2 * max(cut, count - cut):
            break
        for shift in (0,) if runs < 20 else (-(runs // 4), 0, runs // 4):
            ramp = np.clip((at - (cut + shift) + runs / 2) / runs, 0, 1)
            if np.ptp(ramp) > 0:
                errors.append(_Regression(beside.calm, beside.rho, one, ramp).error)
    return min(errors)


class _Regression:
    """Least squares of runs on columns, both whitened for the correlation of neighbours; ``last`` is the coefficient of
    the last column, ``variance`` its variance for noise of 1, ``error`` the squared error that is left."""

    def __init__(self, calm: Array, rho: float, *columns: Array) -> None:
        matrix = np.stack(columns, 1)
        first = math.sqrt(1 - rho * rho)
        runs, white = calm.copy(), matrix.copy()
        runs[1:] -= rho * calm[:-1]
        white[1:] -= rho * matrix[:-1]
        runs[0] *= first
        white[0] *= first
        inverse = np.linalg.inv(white.T @ white + 1e-9 * np.eye(matrix.shape[1]))
        coefficients = inverse @ (white.T @ runs)
        left = runs - white @ coefficients
        self.last, self.variance = float(coefficients[-1]), float(inverse[-1, -1])
        self.error = float(left @ left)
