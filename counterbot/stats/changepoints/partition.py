"""Where a series is best cut into levels: exact least squares over places where neighbouring windows differ.

Optimal partitioning: Jackson et al. 2005, "An algorithm for optimal partitioning of data on an interval". Places by
two windows of many widths: Kirch and Muhsal 2014, "A MOSUM procedure for the estimation of multiple random change
points".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import maximum_filter1d

from .noise import Array

SHORTEST = 5
"""Runs of a level, at least."""

PENALTY = 5.0
"""Of a cut, times the logarithm of the number of runs."""

APART = 3.2
"""How many standard errors two windows must lie apart to make a place."""

PLACES = 80
"""Of a short series, and one in twenty-five runs of a long one, at most: the strongest."""

SURE = 1.64
"""A correlation of neighbours below so many standard errors counts as none."""


@dataclass(frozen=True)
class Partition:
    """The first runs of new levels, how much each run resembles the one before (``rho``), and by what factor the noise
    is larger than it was taken to be (``stretch``)."""

    cuts: tuple[int, ...] = ()
    rho: float = 0.0
    stretch: float = 1.0


def cut(calm: Array, penalty: float) -> Partition:
    """The best partition; cut again with a larger penalty where the noise turns out larger, or runs resemble."""
    places = _places(calm)
    cuts = _best(calm, places, penalty)
    if not cuts:
        return Partition()
    rho, stretch = _noise(calm, cuts)
    if stretch > 1:
        cuts = _best(calm, places, penalty * stretch)
    return Partition(tuple(_refined(calm, cuts)), rho, stretch)


def residuals(calm: Array, cuts: Sequence[int]) -> Array:
    """What is left beside the means of the levels."""
    edges = [0, *cuts, len(calm)]
    return np.concatenate([calm[first:last] - calm[first:last].mean()
                           for first, last in pairwise(edges)])


def _widths(count: int) -> Iterator[int]:
    width = float(SHORTEST)
    yield SHORTEST
    while (width := width * (1.5 if width < 200 else 1.8)) <= count // 2:
        yield int(width)


def _places(calm: Array) -> list[int]:
    """Where two neighbouring windows of any width lie furthest apart."""
    count = len(calm)
    sums = np.concatenate([[0.0], np.cumsum(calm)])
    at = np.arange(SHORTEST, count - SHORTEST + 1)
    strongest = np.zeros(count)
    for width in _widths(count):
        first, last = np.maximum(at - width, 0), np.minimum(at + width, count)
        left, right = at - first, last - at
        apart = np.abs((sums[last] - sums[at]) / right - (sums[at] - sums[first]) / left)
        apart /= np.sqrt(1 / left + 1 / right)
        top = maximum_filter1d(apart, 2 * max(2, width // 3) + 1, mode="constant", cval=-1.0)
        peaks = (apart >= top) & (apart > APART)
        strongest[at[peaks]] = np.maximum(strongest[at[peaks]], apart[peaks])
    places = np.flatnonzero(strongest)
    most = max(PLACES, count // 25)
    if len(places) > most:
        places = np.sort(places[np.argsort(-strongest[places], kind="stable")[:most]])
    return [int(place) for place in places]


def _best(calm: Array, places: Sequence[int], penalty: float) -> list[int]:
    """The cuts at some of the places with the least squared error, each at the cost of a penalty."""
    if not places:
        return []
    edges = np.array([0, *places, len(calm)])
    sums = np.concatenate([[0.0], np.cumsum(calm)])[edges]
    squares = np.concatenate([[0.0], np.cumsum(calm * calm)])[edges]
    costs, last = np.full(len(edges), np.inf), np.zeros(len(edges), int)
    costs[0] = -penalty
    for end in range(1, len(edges)):
        runs = edges[end] - edges[:end]
        cost = costs[:end] + squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / runs + penalty
        cost[runs < SHORTEST] = np.inf
        last[end] = np.argmin(cost)
        costs[end] = cost[last[end]]
    cuts, end = [], int(last[-1])
    while end > 0:
        cuts.append(int(edges[end]))
        end = int(last[end])
    return cuts[::-1]


def _noise(calm: Array, cuts: Sequence[int]) -> tuple[float, float]:
    """The correlation of neighbours, corrected for the levels taken out, and the factor by which the penalty grows."""
    left, levels, count = residuals(calm, cuts), len(cuts) + 1, len(calm)
    power = float(left @ left)
    if power <= 0 or count < 12:
        return 0.0, 1.0
    rho = float(left[1:] @ left[:-1]) / power
    rho += (1 + 4 * max(rho, 0)) * levels / count
    rho = 0.0 if rho < SURE / math.sqrt(count) else min(rho, 0.95)
    return rho, max(1.0, power / max(count - levels, 1)) * (1 + rho) / (1 - rho)


def _refined(calm: Array, cuts: Sequence[int]) -> list[int]:
    """Each cut moved to the best place between its neighbours."""
    cuts = list(cuts)
    sums = np.concatenate([[0.0], np.cumsum(calm)])
    for _ in range(2):
        before = list(cuts)
        for number in range(len(cuts)):
            first = cuts[number - 1] if number else 0
            last = cuts[number + 1] if number + 1 < len(cuts) else len(calm)
            at = np.arange(first + SHORTEST, last - SHORTEST + 1)
            if len(at):
                left, right = at - first, last - at
                apart = (sums[at] - sums[first]) / left - (sums[last] - sums[at]) / right
                cuts[number] = int(at[np.argmax(apart ** 2 * left * right)])
        if cuts == before:
            break
    return cuts
