"""Runs on two kinds of nodes: where a cut lies best, when each level is a mixture of two.

Two groups: Otsu 1979, "A threshold selection method from gray-level histograms".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .noise import TO_DEVIATION, Array
from .partition import SHORTEST

WINDOW = 60
"""Runs before and after a cut that are looked at."""

NEAR = 6
"""Runs beside the cut that do not count for the levels: it may lie among them."""

ENOUGH = 20
APART, SMALLER = 0.8, 0.05
"""The share of the variance that two groups explain, and the share of runs in the smaller one."""


def moved(series: Array, cuts: Sequence[int]) -> list[int]:
    """The cuts, each at the likeliest place where the runs beside it are of two kinds."""
    found = list(cuts)
    for number, at in enumerate(cuts):
        first = max(found[number - 1] if number else 0, at - WINDOW)
        last = min(cuts[number + 1] if number + 1 < len(cuts) else len(series), at + WINDOW)
        before = series[first:max(first + SHORTEST, at - NEAR)]
        after = series[min(last - SHORTEST, at + NEAR):last]
        middles = float(np.median(before)), float(np.median(after))
        left = np.concatenate([before - middles[0], after - middles[1]])
        if len(left) >= ENOUGH and of_two_kinds(left):
            found[number] = first + _likeliest(series[first:last], middles, left)
    return found


def of_two_kinds(left: Array) -> bool:
    """Whether what is left beside the levels falls into two groups."""
    explained, smaller = split(left)
    return explained >= APART and smaller >= SMALLER


def split(values: Array) -> tuple[float, float]:
    """The share of the variance that the best division in two explains, and the share of the smaller part."""
    ordered = np.sort(values)
    count = len(ordered)
    total = float(((ordered - ordered.mean()) ** 2).sum())
    if count < 2 or total <= 0:
        return 0.0, 0.0
    below = np.arange(1, count)
    sums = np.cumsum(ordered)
    means = sums[:-1] / below - (sums[-1] - sums[:-1]) / (count - below)
    between = means ** 2 * below * (count - below) / count
    best = int(np.argmax(between))
    return float(between[best]) / total, float(min(below[best], count - below[best])) / count


def _likeliest(window: Array, middles: tuple[float, float], left: Array) -> int:
    """Where to cut, by the density of what is left beside the levels (a kernel of Silverman's width)."""
    deviation = TO_DEVIATION * float(np.median(np.abs(left - np.median(left)))) or float(left.std())
    width = max(0.9 * min(deviation, float(left.std())) * len(left) ** -0.2, 1e-9 * float(left.std()))

    def likelihood(middle: float) -> Array:
        density: Array = np.exp(-0.5 * (((window - middle)[:, None] - left[None]) / width) ** 2).mean(1)
        return np.log(density + 1e-3)

    gained = np.concatenate([[0.0], np.cumsum(likelihood(middles[0]) - likelihood(middles[1]))])
    at = np.arange(SHORTEST, len(window) - SHORTEST + 1)
    return int(at[np.argmax(gained[at])])
