"""Whether one slope explains a series more cheaply than its cuts do: a drift is no step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .noise import Array
from .partition import Partition, cut, residuals

LONG = 30
"""Runs from which on a slope is looked for."""

LEAST = 0.25
"""Of what a cut costs: a slope within the levels that explains less is not worth cutting anew for."""


def centred(count: int) -> Array:
    """The numbers of the runs, around 0."""
    numbers: Array = np.arange(count, dtype=float) - (count - 1) / 2
    return numbers


def slope(calm: Array, found: Partition, penalty: float) -> float:
    """Of the whole series, per run; 0.0 where its cuts alone are the cheaper explanation.

    A slope costs as much as a cut.
    """
    if len(calm) < LONG:
        return 0.0
    each = penalty * found.stretch
    at = centred(len(calm))
    alone = _cost(residuals(calm, found.cuts), each, len(found.cuts))
    line = _cost(calm - calm.mean() - _common_slope(calm, ())[0] * at, each, 1)
    if line >= alone and _common_slope(calm, found.cuts)[1] < LEAST * each:
        return 0.0
    least, best = alone, 0.0
    for guess in _guesses(calm, at):
        tried = guess
        for _ in range(2):
            level = calm - tried * at
            cuts = cut(level, penalty).cuts
            more = _common_slope(level, cuts)[0]
            cost = _cost(residuals(calm - (tried + more) * at, cuts), each, len(cuts) + 1)
            tried += more
            if cost < least:
                least, best = cost, tried
            if abs(more) * len(calm) < 0.5:
                break
    return best


def _cost(left: Array, each: float, count: int) -> float:
    return float(left @ left) + each * count


def _guesses(calm: Array, at: Array) -> set[float]:
    """By runs a fifth of the series apart, which steps hardly touch, and by least squares."""
    apart = max(2, len(calm) // 5)
    return {float(np.median(calm[apart:] - calm[:-apart])) / apart, float(at @ calm) / float(at @ at)}


def _common_slope(level: Array, cuts: Sequence[int]) -> tuple[float, float]:
    """The slope within the levels, the same in each, and by how much it lowers the squared error."""
    edges = [0, *cuts, len(level)]
    risen = length = 0.0
    for first, last in pairwise(edges):
        at = centred(last - first)
        risen += float(at @ level[first:last])
        length += float(at @ at)
    return risen / length, risen * risen / length
