"""How often channels are told that a counter moved where nothing did: runs come one by one, and hourly looks see them.

    python benchmarks/moved_levels.py [--series 110] [--seed 91]

A site has 2,000 series with 50 runs a day, so each look sees two more runs. What a first look at 60 runs shows is
known; what later looks find is a false move, and is told where the next look still finds it. Messages are counted for
each series; on a site, those of one job at one place are one. Beside it, how many real steps of 10 % are told so.
"""

from __future__ import annotations

import argparse
import time
import zlib
from array import array

import numpy as np
from printed import machine, show, table
from scipy.stats import chi2
from series_kinds import KINDS, series

from counterbot.core.learned import SeriesKey
from counterbot.engine.analyse import moved
from counterbot.ledger.moves import Seen
from counterbot.ledger.samples import Baseline
from counterbot.stats.analysis import RATE, levelled

FIRST, LATER, STEP = 60, 120, 2
"""Runs that the first look sees, runs that come later, and of these at each look."""

SITE = 2000 * 50
"""Runs of all series in a day."""

STEP_AT, RISE, SHARE = 90, 0.10, 5
"""The run at which a real step comes, how large it is, and of how many series one gets it."""

KEY = SeriesKey("", "job", "master", "counter", True)


def look(runs: np.ndarray, count: int) -> list[Seen]:
    """What moved by a look at the first runs of a series; the number of a run is the time at which it ended."""
    points, _ = levelled(runs[:count])
    return list(moved(KEY, Baseline(array("q", range(count)), array("d", runs[:count])), points, (), RATE))


def moves(runs: np.ndarray) -> tuple[int, int]:
    """How many later looks found, and how many of them the next one found again."""
    known = look(runs, FIRST)
    found = told = 0
    fresh: list[Seen] = []
    for count in range(FIRST + STEP, FIRST + LATER + 1, STEP):
        seen = look(runs, count)
        told += sum(_near(move, seen) for move in fresh)
        fresh = [move for move in seen if move.move.news and not _near(move, known)]
        found += len(fresh)
        known += fresh
    return found, told


def _near(move: Seen, others: list[Seen]) -> bool:
    return any(other.earliest <= move.move.started <= other.latest for other in others)


def _at_most(count: int) -> float:
    """The upper limit of the mean of a Poisson count, 95 % sure."""
    return float(chi2.isf(0.05, 2 * (count + 1))) / 2


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--series", type=int, default=110)
    options.add_argument("--seed", type=int, default=91)
    options.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    asked = options.parse_args()
    where, begin, rows = machine(), time.process_time(), []
    for kind in asked.kinds:
        random = np.random.default_rng([asked.seed, zlib.crc32(kind.encode())])
        counts = [moves(series(kind, FIRST + LATER, random)) for _ in range(asked.series)]
        found, told = (sum(each) for each in zip(*counts, strict=True))
        steps = asked.series // SHARE
        seen = sum(moves(series(kind, FIRST + LATER, random, RISE, STEP_AT))[1] > 0 for _ in range(steps))
        runs = asked.series * LATER
        rows.append([kind, str(runs), str(found), str(told), f"{_at_most(told) * SITE / runs:.0f}",
                     f"{seen} of {steps}"])
    show(f"{where} Seed {asked.seed}; {time.process_time() - begin:.0f} s of CPU.",
         table(["kind", "runs", "found", "told", "a day, at most", "steps told"], rows))


if __name__ == "__main__":
    main()
