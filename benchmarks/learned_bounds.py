"""How often a learned bound warns falsely, of which kinds of counters, and what it catches.

    python benchmarks/learned_bounds.py [--histories 1000] [--seed 41] [--rate 0.001]

Each history goes the whole way: its change points are looked for, the level since the last one is learned, and 200 more
runs of the same kind are held against the bound; those of a counter that is not called stable do not count. Beside it,
on the same histories, rules of other tools: mean and z-score, Student's t, the median and three interquartile ranges,
the largest so far. Prints what docs/figures.rst has of it.
"""

import argparse
import math
import zlib

import numpy as np
from printed import machine, show, table
from scipy.stats import norm
from scipy.stats import t as student
from series_kinds import KINDS, series

from counterbot.stats.analysis import analyse

AHEAD = 200
LENGTHS = (20, 50, 100, 200)
CAUGHT = (1.03, 1.10, 1.50)


def peers(rate):
    def z_score(past):
        return past.mean() + norm.isf(rate) * past.std(ddof=1)

    def prediction(past):
        return past.mean() + student.isf(rate, len(past) - 1) * past.std(ddof=1) * math.sqrt(1 + 1 / len(past))

    def quartiles(past):
        low, middle, high = np.percentile(past, [25, 50, 75])
        return middle + 3 * (high - low)

    return {"z-score": z_score, "Student's t": prediction, "median + 3 IQR": quartiles, "largest so far": np.max}


SHAPED = "normal", "log-normal", "Poisson"
"""Kinds whose bound is not to be wider than its rate says."""


def tally(rows):
    """Of bounds and the runs held against each: false warnings in 1,000 runs, the same where the next run must be over
    as well, and the percentages that are caught; None without any."""
    if not rows:
        return None
    over = [future > bound for bound, future in rows]
    once = 1000 * float(np.mean(over))
    twice = 1000 * float(np.mean([each[0::2] & each[1::2] for each in over]))
    return once, twice, *(100 * float(np.mean([future * rise > bound for bound, future in rows])) for rise in CAUGHT)


def bounded(kind, count, asked):
    """By rule the bounds of histories of so many runs, each with the runs that follow; counterbot's of stable ones."""
    random = np.random.default_rng([asked.seed, count, zlib.crc32(kind.encode())])
    whole = [series(kind, count + AHEAD, random) for _ in range(asked.histories)]
    learned = [(found.bound, runs[count:]) for runs in whole if (found := analyse(runs[:count], asked.rate)).level
               and found.level.stable]
    return {"learned": learned, **{name: [(rule(runs[:count]), runs[count:]) for runs in whole]
                                   for name, rule in peers(asked.rate).items()}}


def ours(kind, found, asked):
    """A row: by length the share of histories that are stable and the false warnings, and what all lengths have."""
    lengths = [f"{figures[0]:.2f} ({len(rows) / asked.histories:.0%})" if (figures := tally(rows)) else "- (0%)"
               for rows in found]
    every = tally([row for rows in found for row in rows])
    if every is None:
        return [kind, *lengths, *["-"] * 5]
    once, twice, *caught = every
    spiky = kind.startswith("spikes")  # of these it is promised of what a second run confirms
    verdict = held(kind, twice if spiky else once, asked.rate)
    return [kind, *lengths, f"{once:.2f}{'' if spiky else verdict}", f"{twice:.2f}{verdict if spiky else ''}",
            *(f"{share:.0f}%" for share in caught)]


def held(kind, once, rate):
    least = 500 * rate if kind.startswith(SHAPED) else 0.0
    return " (met)" if least <= once <= 1500 * rate else " (missed)"


def theirs(kind, found):
    """A row: each rule's false warnings, and in brackets what it catches of a rise of 10 %."""
    return [kind, *(f"{once:.1f} ({caught:.0f}%)" for once, _, _, caught, _ in map(tally, found))]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--histories", type=int, default=1000)
    options.add_argument("--seed", type=int, default=41)
    options.add_argument("--rate", type=float, default=0.001)
    options.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS), metavar="KIND")
    asked = options.parse_args()
    before, learned, others = machine(), [], []
    for kind in asked.kinds:
        found = [bounded(kind, count, asked) for count in LENGTHS]
        learned.append(ours(kind, [each["learned"] for each in found], asked))
        others.append(theirs(kind, [[row for each in found for row in each[name]] for name in peers(asked.rate)]))
    show(f"{before} {asked.histories} histories of each length, seed {asked.seed}.",
         f"False warnings in 1,000 runs, {1000 * asked.rate:g} stated; in brackets how many are stable:",
         table(["learned bounds", *(f"{count} runs" for count in LENGTHS), "all", "twice",
                *(f"+{rise - 1:.0%}" for rise in CAUGHT)], learned),
         "The rules of other tools on all of these histories; in brackets what they catch of a rise of 10 %:",
         table(["false warnings in 1,000 runs", *peers(asked.rate)], others))


if __name__ == "__main__":
    main()
