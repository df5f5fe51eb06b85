"""Series of counters as jobs have them, without any change: what the benchmarks of change points and bounds run on."""

import numpy as np

LEVEL = 100_000.0


def _normal(count, random, share=0.01):
    return LEVEL * (1 + share * random.standard_normal(count))


def _resembling(rho):
    def made(count, random):
        left = np.empty(count)
        left[0] = random.standard_normal()
        for at in range(1, count):
            left[at] = rho * left[at - 1] + np.sqrt(1 - rho * rho) * random.standard_normal()
        return LEVEL * (1 + 0.01 * left)
    return made


def _two_kinds(share):
    return lambda count, random: _normal(count, random, 0.005) * np.where(random.random(count) < share, 1.04, 1)


def _spikes(share):
    return lambda count, random: _normal(count, random) * np.where(
        random.random(count) < share, 1 + random.uniform(0.1, 0.5, count), 1)


KINDS = {
    "normal 1 %": _normal,
    "whole numbers": lambda count, random: np.rint(_normal(count, random)),
    "log-normal 1 %": lambda count, random: LEVEL * np.exp(0.01 * random.standard_normal(count)),
    "Poisson 2,500": lambda count, random: random.poisson(2500, count).astype(float),
    "Poisson 10,000": lambda count, random: random.poisson(10_000, count).astype(float),
    "gamma 1 %": lambda count, random: random.gamma(10_000, 10, count),
    "log-normal 5 %": lambda count, random: LEVEL * np.exp(0.05 * random.standard_normal(count)),
    "noisy 15 %": lambda count, random: LEVEL * np.exp(0.15 * random.standard_normal(count)),
    "correlated .3": _resembling(0.3),
    "correlated .5": _resembling(0.5),
    "spikes in 0.5 %": _spikes(0.005),
    "spikes in 2 %": _spikes(0.02),
    "two kinds of nodes 30 %": _two_kinds(0.3),
    "two kinds of nodes 50 %": _two_kinds(0.5),
    "constant": lambda count, _: np.full(count, 1000.0),
    "constant, +1 in 10 %": lambda count, random: 1000.0 + (random.random(count) < 0.1),
    "small, +1 in 10 %": lambda count, random: 10.0 + (random.random(count) < 0.1),
    "zero": lambda count, _: np.zeros(count),
}
"""By name, what makes so many runs."""


def series(kind, count, random, step=0.0, at=None):
    """One of a kind; from run ``at`` on (the middle) larger by a fraction."""
    runs = KINDS[kind](count, random)
    if step:
        at = count // 2 if at is None else at
        whole = np.all(runs == np.rint(runs))
        runs[at:] = np.rint(runs[at:] * (1 + step)) if whole else runs[at:] * (1 + step)
    return runs
