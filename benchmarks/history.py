"""A ledger of years on SQLite: how long a series takes to read, a day's builds to note, and a job's levels to learn.

    python benchmarks/history.py [--samples 50000000] [--builds 1000] [--folder FOLDER]

The ledger holds so many samples: 200 counters of each run, the runs of 100 jobs over a year; the first job has 10,000.
They are written by SQLite itself, in the tables that counterbot makes; all that is timed is counterbot's own code.
"""

import argparse
import os
import random
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from printed import machine, show, table

from counterbot.core.model import Build, BuildFacts, Counters, Reader, Reading, State
from counterbot.core.rules import judge_learned
from counterbot.engine.analyse import Analyst
from counterbot.engine.usual import Usual
from counterbot.files.config import LearnedBounds
from counterbot.ledger import Ledger, history
from counterbot.ledger.samples import Group

NOW, DAY = 1_800_000_000_000, 86_400_000
COUNTERS, JOBS, LONG = 200, 100, 10_000
NAMES = [f"mysql.counter_{number:03}" for number in range(COUNTERS)]


def fill(path, wanted):
    """Runs of each job, evenly over a year, and their samples in the order of the table's key."""
    base = sqlite3.connect(path)
    base.executescript("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -400000;")
    each = max((wanted // COUNTERS - LONG) // (JOBS - 1), 60)
    lot, run = random.Random(1), 0
    for job in range(JOBS):
        count = LONG if job == 0 else each
        at = [NOW - 365 * DAY + 365 * DAY * place // count for place in range(count)]
        base.executemany(
            "insert into runs (id, uuid, job, project, branch, pipeline, change, patchset, result, voting, ended,"
            " seconds, tenant, source, counted) values (?, ?, ?, 'nova', 'master', 'gate', ?, 1, 'SUCCESS', 1, ?, 60,"
            " 'openstack', 'report', 1)", ((run + place, f"{run + place:032x}", f"job-{job}", run + place, moment)
                              for place, moment in enumerate(at, 1)))
        numbers = range(1 + job * COUNTERS, 1 + (job + 1) * COUNTERS)
        base.executemany("insert into series (id, tenant, job, branch, counter, delta) values (?, 'openstack', ?,"
                         " 'master', ?, 1)", ((number, f"job-{job}", name)
                                              for number, name in zip(numbers, NAMES, strict=True)))
        noise = [1_000_000 * lot.gauss(1, 0.01) for _ in range(997)]
        base.executemany("insert into samples (series, at, run, value) values (?, ?, ?, ?)", (
            (number, moment, run + place, noise[(place * 31 + number) % 997])
            for number in numbers for place, moment in enumerate(at, 1)))
        run += count
    base.commit()
    [(count,)] = base.execute("select count(*) from samples")
    base.close()
    return count


def clocked(work, times=5):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def builds(count):
    lot = random.Random(2)
    for number in range(count):
        yield Build(f"{0xB:08x}{number:024x}", f"job-{number % JOBS}", "SUCCESS", True, "nova", "master", "gate", None,
                    ended=NOW + number * 4320, change=10**7 + number, patchset=1, seconds=60.0, tenant="openstack"), {
            Reader.COUNTERS: Reading(State.READ, "", Counters(
                {name: 1_000_000 * lot.gauss(1, 0.01) for name in NAMES}, delta=True))}


def noted(ledger, count):
    """Seconds to note so many builds, each in a transaction of its own."""
    made = list(builds(count))
    began = time.perf_counter()
    for build, found in made:
        ledger.store.write(lambda under_way, build=build, found=found: history.keep(under_way, build, None, found))
    return time.perf_counter() - began


def measured(ledger, some):
    """What is done, and how long it takes."""
    long, short, group = 7, 1 + 50 * COUNTERS, Group("openstack", "job-50", "master", True)
    settings, facts = LearnedBounds(), BuildFacts("job-50", "master")
    analyst, usual = Analyst(ledger, settings), Usual(ledger, settings)
    counters = Counters(dict.fromkeys(NAMES, 1_000_000.0), delta=True)

    def judge():
        learned = usual.learned(facts, "openstack", True, [])
        assert len(learned) == COUNTERS
        judge_learned(learned, counters)

    yield "one series of ten days", ms(clocked(lambda: ledger.samples.points(short, NOW - 10 * DAY)))
    yield "one series of 10,000 runs", ms(clocked(lambda: ledger.samples.points(long)))
    yield "which jobs have new runs: at the start", ms(clocked(lambda: ledger.samples.fresh(None), 3))
    yield "later", ms(clocked(lambda: ledger.samples.fresh(10**6)))
    runs = len(ledger.samples.points(short))
    yield f"levels of 200 counters of {runs:,} runs learned", ms(clocked(lambda: analyst._learn(group), 3))
    yield "200 learned bounds of a build read, and judged", ms(clocked(judge))
    yield f"{some:,} builds of 200 counters noted", ms(noted(ledger, some))


def ms(seconds):
    return f"{1000 * seconds:,.1f} ms"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--samples", type=int, default=5_000_000)
    options.add_argument("--builds", type=int, default=1_000)
    options.add_argument("--folder", type=Path)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "ledger.db"
        Ledger(f"sqlite:///{path}", lambda: NOW).close()
        began = time.perf_counter()
        count = fill(path, asked.samples)
        took, size = time.perf_counter() - began, os.path.getsize(path) / 1e9
        ledger = Ledger(f"sqlite:///{path}", lambda: NOW)
        rows = [list(row) for row in measured(ledger, asked.builds)]
        ledger.close()
        made = f"{count:,} samples, written in {took:.0f} s; {size:.1f} GB."
        show(machine(), made, table(["SQLite", "median"], rows))


if __name__ == "__main__":
    main()
