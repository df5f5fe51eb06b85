"""Where the level of a series changes: a step that stays, not a single run, not a drift.

The steps, each in a module of its own: ``noise`` (scale, and single runs far out), ``partition`` (where exact least
squares would cut), ``drift`` (a slope is no step), ``breaks`` (what a cut must pass) and ``kinds`` (two kinds of
nodes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...core.learned import ChangePoint
from . import drift, kinds, partition
from .breaks import Break, tested
from .noise import Array, calmed, unit

FEWEST = 2 * partition.SHORTEST
"""Runs of which nothing can be said."""

HUGE = 1e100
"""Larger values, and as small ones, are divided by the largest first: their squares would overflow, or vanish."""


def change_points(values: Sequence[float] | Array) -> tuple[ChangePoint, ...]:
    """The change points of a series of finite values, one a run and the oldest first.

    None of fewer than ten runs or of equal ones. A level has five runs at least.
    """
    given = np.asarray(values, float)
    if len(given) < FEWEST or not np.any(given != given[0]):
        return ()
    largest = float(np.max(np.abs(given)))
    factor = largest if largest > HUGE or largest < 1 / HUGE else 1.0
    series = given / factor
    breaks = tuple(_breaks(series))
    cuts = kinds.moved(series, [found.index for found in breaks])
    edges = [0, *cuts, len(given)]
    levels = [float(np.median(series[first:last])) * factor for first, last in pairwise(edges)]
    return tuple(ChangePoint(cut, before, after, found.p)
                 for cut, before, after, found in zip(cuts, levels, levels[1:], breaks, strict=False))


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
