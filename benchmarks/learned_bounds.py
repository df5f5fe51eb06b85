"""How often a learned bound warns falsely, of which kinds of counters, and what it catches.

    python benchmarks/learned_bounds.py [--histories 1000] [--seed 41] [--rate 0.001]

Each history goes the whole way: its change points are looked for, the level since the last one is learned, and 200 more
runs of the same kind are held against the bound; those of a counter that is not called stable do not count. Beside it,
on the same histories, rules of other tools: mean and z-score, Student's t, the median and three interquartile ranges,
the largest so far.
"""

import argparse
import math
import zlib

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from benchmarks.series_kinds import KINDS, series
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


def tally(bounds, futures):
    """False warnings in 1,000 runs, the same where the next run must be over as well, and the share that is caught."""
    over = [future > bound for bound, future in zip(bounds, futures, strict=True)]
    if not over:
        return None
    once = 1000 * float(np.mean(over))
    twice = 1000 * float(np.mean([each[0::2] & each[1::2] for each in over]))
    caught = [100 * float(np.mean([future * rise > bound for bound, future in zip(bounds, futures, strict=True)]))
              for rise in CAUGHT]
    return once, twice, *caught


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--histories", type=int, default=1000)
    options.add_argument("--seed", type=int, default=41)
    options.add_argument("--rate", type=float, default=0.001)
    options.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    asked = options.parse_args()
    print(f"{'kind':<22} {'runs':>5}  {'rule':<15} {'stable':>6}  {'false':>6} {'twice':>6}  " + "  ".join(
        f"+{rise - 1:.0%}" for rise in CAUGHT) + "   per 1,000 runs; % caught")
    for kind in asked.kinds:
        for count in LENGTHS:
            random = np.random.default_rng([asked.seed, count, zlib.crc32(kind.encode())])
            whole = [series(kind, count + AHEAD, random) for _ in range(asked.histories)]
            found = [analyse(each[:count], asked.rate) for each in whole]
            chosen = [(each.bound, runs[count:]) for each, runs in zip(found, whole, strict=True)
                      if each.level and each.level.stable]
            rows = {"learned": tally([bound for bound, _ in chosen], [future for _, future in chosen])}
            for name, rule in peers(asked.rate).items():
                rows[name] = tally([rule(runs[:count]) for runs in whole], [runs[count:] for runs in whole])
            for name, row in rows.items():
                share = f"{100 * len(chosen) / len(whole):.0f}%" if name == "learned" else "all"
                figures = "-" if row is None else f"{row[0]:6.2f} {row[1]:6.2f}  " + "  ".join(
                    f"{caught:3.0f}" for caught in row[2:])
                print(f"{kind:<22} {count:5}  {name:<15} {share:>6}  {figures}", flush=True)


if __name__ == "__main__":
    main()
