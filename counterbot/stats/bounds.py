"""What the next run of a counter may come to: a one-sided prediction bound that states its rate of false warnings.

Student's t on logarithms, as a prediction interval (Hahn and Meeker 1991, "Statistical Intervals", section 4.7).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from ..core.learned import Level
from .changepoints.noise import TO_DEVIATION, Array

FEWEST = 3
"""Runs without which there is no level."""

SHAPELESS = 10
"""Fewer runs tell neither what is far nor whether neighbours resemble."""

LEAST, HALF = 0.01, 0.5
"""No bound is nearer to what is usual: a fraction of it, or half a unit. A constant counter has no spread at all, and
arithmetic on logarithms would put its bound below it."""

FAR = 6.0
"""Deviations above the median from which on a single run does not count for the spread."""

FEW = 0.03
"""Of the runs, that may be so."""

RESEMBLE = 0.1
"""A correlation of neighbours from which on runs count for less than they are."""


def learn(values: Sequence[float] | Array, start: int = 0, before: Sequence[float] | Array = (),
          half: float = HALF) -> Level | None:
    """The level of a series from run ``start`` on; None of fewer than three runs.

    ``before`` are the runs of the level that an accepted step ended: their spread counts, their centre does not.
    ``half`` a unit is that of the values.
    """
    runs = np.asarray(values, float)[start:]
    if len(runs) < FEWEST:
        return None
    usual = float(np.median(runs))
    core, past = without_far(runs), without_far(np.asarray(before, float))
    logarithmic = bool((core > 0).all() and (past > 0).all())
    factor = 1.0 if logarithmic else float(np.max(np.abs(np.concatenate([core, past])))) or 1.0
    scaled, earlier = (np.log(each) if logarithmic else each / factor for each in (core, past))
    size, freedom, squares = effective(_left(scaled)), 0.0, 0.0
    for part in (scaled, earlier):
        if len(part) >= FEWEST:
            left = _left(part)
            count = effective(left)
            squares += _variance(left) * count
            freedom += count - 1
    spread = math.sqrt(squares / freedom) if freedom else 0.0
    return Level(len(runs), start, usual, float(scaled.mean()) * factor, spread * factor, size, freedom,
                 _least(usual, core, half), logarithmic)


def bounds(levels: Sequence[Level], rate: float | Sequence[float]) -> list[float]:
    """What the next run of each level is over, without anything having changed, in a share ``rate`` of runs."""
    if not levels:
        return []
    freedom, size, centre, spread = (
        np.array([getattr(level, name) for level in levels]) for name in ("freedom", "size", "centre", "spread"))
    logarithmic = np.array([level.logarithmic for level in levels])
    deviations = -stdtrit(freedom, np.broadcast_to(np.asarray(rate, float), freedom.shape)) * np.sqrt(1 + 1 / size)
    with np.errstate(over="ignore"):
        plain = centre + np.where(spread > 0, deviations * spread, 0.0)
        values = np.where(logarithmic, np.exp(np.where(logarithmic, plain, 0.0)), plain)
    least = np.array([level.least for level in levels])
    return [float(bound) for bound in np.minimum(np.maximum(values, least), sys.float_info.max)]


def with_rises(levels: Sequence[Level], rate: float | Sequence[float]) -> list[Level]:
    """The levels, each with the smallest rise that its bound at a rate catches in 19 of 20 runs."""
    return [replace(level, rise=_rise(level, bound)) for level, bound in zip(levels, bounds(levels, rate), strict=True)]


def _rise(level: Level, bound: float) -> float | None:
    """The bound's distance, and 1.645 deviations of the run that has risen, over what is usual."""
    if level.usual <= 0:
        return None
    share = level.spread if level.logarithmic else level.spread / level.usual
    return bound / level.usual - 1 + 1.645 * share


def without_far(runs: Array) -> Array:
    """The runs without a few that lie far above: they are looked at as spikes."""
    if len(runs) < SHAPELESS:
        return runs
    median = np.median(runs)
    deviation = TO_DEVIATION * float(np.median(np.abs(runs - median)))
    near = runs[runs <= median + FAR * deviation] if deviation > 0 else runs
    return near if len(runs) - len(near) <= max(1, FEW * len(runs)) else runs


def effective(left: Array) -> float:
    """For how many independent runs those count of which this is left beside their mean.

    Where they resemble, by a standard error more than they seem to: those that seem to least are the ones that are
    called stable.
    """
    count, (_, rho) = float(len(left)), _resemblance(left)
    return max(min(float(FEWEST), count), count * (1 - rho) / (1 + rho))


def _variance(left: Array) -> float:
    """Of runs beside their mean. Where neighbours resemble, few runs come out too near to each other just when they
    seem to resemble too little: what is new in each run is known better than how much of the one before is left in it.
    """
    seen, rho = _resemblance(left)
    return float(left @ left) / len(left) * (1 - seen ** 2) / (1 - rho ** 2)


def _resemblance(left: Array) -> tuple[float, float]:
    """The correlation of neighbours, as it is seen, and as it may well be; 0 where it is too small to matter."""
    rho = neighbours(left)
    return (rho, min(rho + 1 / math.sqrt(len(left)), 0.9)) if rho > RESEMBLE else (0.0, 0.0)


def neighbours(left: Array) -> float:
    """The correlation of each run with the one before, from 0 to 0.9, corrected for the mean that was taken out.

    Marriott and Pope 1954, "Bias in the estimation of autocorrelations".
    """
    power = float(left @ left)
    if power <= 0 or len(left) < SHAPELESS:
        return 0.0
    rho = float(left[1:] @ left[:-1]) / power
    return min(max(rho + (1 + 4 * max(rho, 0.0)) / len(left), 0.0), 0.9)


def _left(runs: Array) -> Array:
    """Beside the mean; of equal runs nothing, whatever their mean is rounded to."""
    left: Array = runs - (runs.mean() if np.any(runs != runs[0]) else runs[0])
    return left


def _least(usual: float, core: Array, half: float) -> float:
    """Where most runs are equal, those that are not come again: no bound lies below them."""
    least = usual + max(LEAST * abs(usual), half)
    flickers = float(np.median(np.abs(core - usual))) == 0
    return min(max(least, float(core.max())) if flickers else least, sys.float_info.max)
