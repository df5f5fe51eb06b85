"""How far runs of one level lie apart, and runs far out pulled back. Looks for no change."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

AROUND = 4
"""Runs before and after of which the running median is taken: a step keeps its place, a few runs far out vanish."""

FAR = 4.0
"""Units from the running median beyond which a run is pulled back."""

TO_DEVIATION = 1.4826
"""Of a normal distribution, the standard deviation over the median absolute deviation."""


def running_median(series: Array) -> Array:
    """Of each run and those around it; at the ends the last runs are repeated."""
    if len(series) <= 2 * AROUND:
        return series
    padded = np.pad(series, AROUND, mode="edge")
    median: Array = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1), axis=1)
    return median


def unit(series: Array) -> float:
    """The standard deviation within a level, from differences of neighbours, in which steps hardly count.

    Where most neighbours are equal, from what is left beside the running median; of levels without any noise, a
    millionth of the value. Never 0.
    """
    steps = np.diff(series)
    deviation = TO_DEVIATION * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)
    if deviation > 0:
        return deviation
    left = series - running_median(series)
    deviation = math.sqrt(float(np.mean(left * left)))
    return deviation if deviation > 0 else max(abs(float(np.median(series))) * 1e-6, 1e-9 * float(np.ptp(series)))


def calmed(series: Array, scale: float) -> Array:
    """The series in units of ``scale`` around its median, with single runs far out pulled back."""
    near = running_median(series)
    clipped = np.clip(series, near - FAR * scale, near + FAR * scale)
    calm: Array = (clipped - np.median(clipped)) / scale
    return calm
