"""A series -> its change points, and the level and the bound of its next run."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.learned import ChangePoint, Level
from .bounds import HALF, bounds, learn
from .changepoints import HUGE, change_points
from .changepoints.noise import Array
from .stability import judged, shaped

NEAR = 5
"""Runs from an accepted step at which a change point is that step."""

CLEAR = 2.0
"""Standard deviations by which a level moves where it stands out: where runs resemble, smaller steps come by chance."""

RATE = 0.001

_Found = tuple[tuple[ChangePoint, ...], Level | None]


@dataclass(frozen=True)
class Analysis:
    """``level`` and ``bound`` are None of too few runs."""

    count: int
    points: tuple[ChangePoint, ...]
    level: Level | None
    bound: float | None


def levelled(values: Sequence[float] | Array, steps: Collection[int] = ()) -> _Found:
    """The change points of a series, and its last level with what speaks against it whatever the rate.

    ``steps`` are the first runs after changes were merged whose steps were accepted: the level begins there anew, or
    where it is seen to change just before, and the spread of the runs before stays. While it is not seen yet, the last
    of those may be of either level, and are left out.
    """
    given = np.asarray(values, float)
    points = change_points(given)
    largest = float(np.max(np.abs(given), initial=0.0))
    factor = largest if largest > HUGE else 1.0
    runs = given / factor
    cuts = [point.index for point in points]
    accepted = {_begin(step, cuts) for step in steps if 0 < step < len(runs)}
    edges = sorted({0, *accepted, *(cut for cut in cuts if not any(abs(cut - step) <= NEAR for step in steps))})
    start = edges[-1]
    before = runs[edges[-2]:max(edges[-2], start if start in cuts else start - NEAR)] if start in accepted else runs[:0]
    level = learn(runs, start, before, HALF / factor)
    return points, level and _times(shaped(level, runs), factor)


def _begin(step: int, cuts: Sequence[int]) -> int:
    """Where the level of an accepted step begins: a gate tests a change before it merges, and those behind it, too."""
    return min([step, *(cut for cut in cuts if abs(cut - step) <= NEAR)])


def stands_out(values: Sequence[float] | Array, point: ChangePoint, rate: float) -> bool:
    """Whether a series was stable before a change point, held against a bound of that ``rate`` of false warnings, and
    moved by more than it did from run to run."""
    _, level = levelled(np.asarray(values, float)[:point.index])
    if level is None or not judged([level], rate)[0].stable:
        return False
    logarithmic = level.logarithmic and min(point.before, point.after) > 0
    moved = math.log(point.after / point.before) if logarithmic else point.after - point.before
    return abs(moved) >= CLEAR * level.spread


def _times(level: Level, factor: float) -> Level:
    if factor == 1:
        return level
    centre, spread = ((level.centre + math.log(factor), level.spread) if level.logarithmic else
                      (level.centre * factor, level.spread * factor))
    return replace(level, usual=level.usual * factor, least=min(level.least, sys.float_info.max / factor) * factor,
                   centre=centre, spread=spread)


def analyse(values: Sequence[float] | Array, rate: float = RATE, steps: Collection[int] = ()) -> Analysis:
    """All of a series of finite values, the oldest first; ``rate`` of false warnings, per run."""
    points, level = levelled(values, steps)
    if level is None:
        return Analysis(len(values), points, None, None)
    (level,) = judged([level], rate)
    return Analysis(len(values), points, level, bounds([level], rate)[0])
