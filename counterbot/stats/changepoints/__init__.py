"""Where the level of a series changes: a step that stays, not a single run, not a drift.

The steps, each in a module of its own: ``noise`` (scale, and single runs far out), ``partition`` (where exact least
squares would cut), ``drift`` (a slope is no step), ``breaks`` (what a cut must pass) and ``kinds`` (two kinds of
nodes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...core.learned import ChangePoint
from . import drift, kinds, partition
from .breaks import WINDOW, Break, tested
from .noise import Array, calmed, unit

FEWEST = 2 * partition.SHORTEST
"""Runs of which nothing can be said."""

HUGE = 1e100
"""Larger values, and as small ones, are divided by the largest first: their squares would overflow, or vanish."""


def change_points(values: Sequence[float] | Array) -> tuple[ChangePoint, ...]:
    """The change points of a series of finite values, one a run and the oldest first.

    None of fewer than ten runs or of equal ones. A level has five runs at least; ``before`` and ``after`` are of the 60
    runs, at most, beside a point.
    """
    given = np.asarray(values, float)
    if len(given) < FEWEST or not np.any(given != given[0]):
        return ()
    largest = float(np.max(np.abs(given)))
    factor = largest if largest > HUGE or largest < 1 / HUGE else 1.0
    series = given / factor
    breaks = tuple(_breaks(series))
    cuts = kinds.moved(series, [found.index for found in breaks])
    return tuple(_point(series, first, cut, last, found.p, factor) for first, cut, last, found in zip(
        [0, *cuts], cuts, [*cuts[1:], len(given)], breaks, strict=False))


def _point(series: Array, first: int, cut: int, last: int, p: float, factor: float) -> ChangePoint:
    before, after = series[max(first, cut - WINDOW):cut], series[cut:min(last, cut + WINDOW)]
    return ChangePoint(cut, float(np.median(before)) * factor, float(np.median(after)) * factor, p)


def _breaks(series: Array) -> list[Break]:
    """The cuts that pass every test; the weakest that fails goes first, and its neighbours are tested anew."""
    scale = unit(series)
    calm = calmed(series, scale)
    penalty = partition.PENALTY * math.log(len(series))
    found = partition.cut(calm, penalty)
    if not found.cuts:
        return []
    slope = drift.slope(calm, found, penalty)
    level = series
    if slope:
        ramp = slope * drift.centred(len(series))
        calm, level = calm - ramp, series - ramp * scale
        found = partition.cut(calm, penalty)
    return tested(series, level, calm, found)
