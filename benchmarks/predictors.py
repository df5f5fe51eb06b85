"""How many of a job's predictors are none, and how often intervals hold the true area, where both are known."""

from __future__ import annotations

import argparse
import time
from statistics import NormalDist, mean

import numpy as np
from numpy.typing import NDArray
from printed import machine, show, table

from counterbot.stats.predictors import Predictors, predictors

COUNTERS, TRUE, RUNS = 200, 10, 500
SHIFTS = 0.0, 0.5, 1.0, 2.0, 3.0
"""Of the failed runs' values, in standard deviations."""

Values = NDArray[np.float64]


def job(random: np.random.Generator, kind: str, failed: NDArray[np.bool_]) -> dict[str, Values]:
    """Counters of which the first foretell failure."""
    count = len(failed)
    noise = random.normal(size=(COUNTERS, count))
    if kind == "alike":  # groups of twenty that rise and fall together
        noise = 0.6 * noise + 0.8 * np.repeat(random.normal(size=(COUNTERS // 20, count)), 20, axis=0)
    elif kind == "both ways":  # two counters of which one is what the other lacks
        noise[1::2] = -noise[::2] + 0.3 * noise[1::2]
    elif kind == "rare":  # nearly always zero
        noise = random.poisson(0.02, size=noise.shape).astype(float)
    elif kind == "heavy":
        noise = random.standard_t(1.5, size=noise.shape)
    noise[:TRUE] += (2.0 if kind != "rare" else random.random((TRUE, count)) < 0.3) * failed
    return {f"c{number}": column for number, column in enumerate(noise)}


def discoveries(found: Predictors) -> tuple[float, float]:
    """The share of those found that are false, and of the true ones that are found."""
    names = [int(each.counter[1:]) for each in found.counters if each.found]
    true = sum(name < TRUE for name in names)
    return (len(names) - true) / max(1, len(names)), true / TRUE


def covered(random: np.random.Generator, shift: float, failed: int, passed: int, times: int) -> float:
    """How often the interval holds the area of two normal distributions so far apart."""
    true = NormalDist().cdf(shift / 2 ** 0.5)
    values = {str(number): np.concatenate([random.normal(shift, 1, failed), random.normal(0, 1, passed)])
              for number in range(times)}
    areas = [each.raw for each in predictors(values, [True] * failed + [False] * passed).counters]
    return mean(area.low <= true <= area.high for area in areas if area)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=100)
    options.add_argument("--seed", type=int, default=201)
    given = options.parse_args()
    random = np.random.default_rng(given.seed)
    body = []
    for kind in ("independent", "alike", "both ways", "rare", "heavy"):
        for share in (0.03, 0.2):
            shares = []
            for _ in range(given.jobs):
                failed = np.arange(RUNS) < RUNS * share
                shares.append(discoveries(predictors(job(random, kind, failed), failed)))
            body.append([kind, f"{RUNS * share:.0f}", *(f"{mean(column):.1%}" for column in zip(*shares, strict=True))])
    intervals = [[f"{failed}", f"{passed}", *(f"{covered(random, shift, failed, passed, 20 * given.jobs):.1%}"
                                              for shift in SHIFTS)]
                 for failed, passed in ((5, 100), (10, 100), (30, 300), (100, 100))]
    failed = random.random(1000) < 0.1
    values = {f"c{number}": random.normal(size=1000) for number in range(COUNTERS)}
    began = time.perf_counter()
    predictors(values, failed, np.full(1000, 3600.0))
    took = time.perf_counter() - began
    show(machine() + f" {given.jobs} jobs of {RUNS} runs, seed {given.seed}. {COUNTERS} counters of 1,000 runs, raw and"
         f" per second, take {took:.2f} s.",
         table(["counters", "failed runs", "false discoveries", "true ones found"], body),
         "Intervals that hold the true area, by what it is:",
         table(["failed", "passed", *(f"{NormalDist().cdf(shift / 2 ** 0.5):.2f}" for shift in SHIFTS)], intervals))


if __name__ == "__main__":
    main()
