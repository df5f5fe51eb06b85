"""Which counters are steady enough to be bounded: a small rise would be seen, and false warnings stay rare."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..core.learned import Level
from .bounds import neighbours, with_rises, without_far
from .changepoints.kinds import of_two_kinds
from .changepoints.noise import Array

ENOUGH = 20
"""Runs since the last change point, or that count for the spread where a step was accepted."""

REACH, NOISY = 0.10, 10.0
"""The smallest rise that is caught is this, at most; from where on its size tells nothing."""

SPIKES = 0.01
RESEMBLE = 0.4
BIMODAL = 0.555
"""The bimodality coefficient of a uniform distribution (SAS Institute 1990, "SAS/STAT User's Guide", PROC CLUSTER)."""

FEW_VALUES = 5
"""A counter with no more different values has no shape: its bound is the largest of them."""


def shaped(level: Level, values: Sequence[float] | Array) -> Level:
    """The level, with what speaks against its being stable whatever the bound's rate; ``values`` are of the series."""
    return replace(level, why=tuple(_against(level, np.asarray(values, float)[level.start:])))


def judged(levels: Sequence[Level], rate: float) -> list[Level]:
    """The levels, each with the smallest rise that is caught by a bound at a rate, and whether it is small enough."""
    wary = [_wary(level) for level in with_rises(levels, rate)]
    return [replace(level, why=(*level.why, *_too_wide(level))) for level in with_rises(wary, rate)]


def _wary(level: Level) -> Level:
    """Of counters that are just steady enough, those are chosen whose spread came out too small by chance: it goes half
    the way to what would be too much."""
    if level.rise is None or level.spread == 0 or not 1 - 2 / math.sqrt(2 * level.freedom) < level.rise / REACH < 1:
        return level
    return replace(level, spread=level.spread * math.sqrt(REACH / level.rise))


def shared(levels: Sequence[Level], rate: float) -> float:
    """The rate of one counter of a job, where all stable ones together may warn falsely at ``rate``.

    The more share it the wider are their bounds, and the fewer are stable: the smallest number that is not exceeded.
    """
    able = [level for level in levels if level.stable]
    if not able:
        return rate
    fits = bisect_left(range(1, len(able)), True, key=lambda count: _stable(able, rate / count) <= count)
    return rate / (fits + 1)


def _stable(levels: Sequence[Level], rate: float) -> int:
    return sum(not _too_wide(level) for level in with_rises(levels, rate))


def _too_wide(level: Level) -> tuple[str, ...]:
    if level.spread == 0:
        return ()
    if level.rise is None:
        return ("not above zero",)
    if level.rise <= REACH:
        return ()
    return (f"a rise of less than {level.rise:.0%} would not be seen" if level.rise < NOISY else "it varies too much",)


def _against(level: Level, runs: Array) -> Iterator[str]:
    if max(level.runs, level.freedom + 1) < ENOUGH:
        yield f"only {level.runs} runs since the last change point"
    core = without_far(runs)
    if len(runs) - len(core) > SPIKES * len(runs):
        yield "single runs far above the others"
    if len(np.unique(core)) <= FEW_VALUES:
        return
    if neighbours(core - core.mean()) > RESEMBLE:
        yield "each run resembles the one before"
    if _bimodality(core) > BIMODAL or of_two_kinds(core):
        yield "two levels, from run to run"


def _bimodality(runs: Array) -> float:
    """Sarle's coefficient, of at least four different values."""
    count = len(runs)
    scale = np.max(np.abs(runs))
    deviation = runs / scale - np.mean(runs / scale)
    deviation = deviation / np.sqrt(np.mean(deviation ** 2))
    kurtosis = float(np.mean(deviation ** 4)) - 3 + 3 * (count - 1) ** 2 / ((count - 2) * (count - 3))
    return (float(np.mean(deviation ** 3)) ** 2 + 1) / kurtosis
