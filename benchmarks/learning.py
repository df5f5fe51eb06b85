"""What it costs a bot to learn the levels of ten jobs: 2,000 counters with a history of 500 runs each.

    python benchmarks/learning.py [--jobs 10] [--kinds "normal 1 %" ...]

The history is in an SQLite file. The bot's own analyst learns all levels, in one thread; then the same runs are read
alone, and reckoned with alone. Prints what docs/figures.rst has of it.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from printed import machine, show, table
from series_kinds import KINDS, series

from counterbot.engine.analyse import Analyst
from counterbot.files.config import LearnedBounds
from counterbot.ledger import Ledger
from counterbot.ledger.samples import Group, Usual
from counterbot.stats.analysis import levelled

DAY = 86_400_000
NOW = 20_000 * DAY
COUNTERS, RUNS = 200, 500
GOAL = 10.0
"""Seconds for ten jobs."""


def fill(path: Path, jobs: int, kinds: list[str]) -> None:
    """Jobs with their runs in gate, one in half an hour, and their counters, of these kinds in turn."""
    random = np.random.default_rng(13)
    with closing(sqlite3.connect(path)) as file, file:
        for job in range(jobs):
            ended = [NOW - (RUNS - run) * DAY // 48 for run in range(RUNS)]
            numbers = range(job * RUNS + 1, (job + 1) * RUNS + 1)
            file.executemany(
                "insert into runs (id, uuid, job, project, branch, pipeline, change, patchset, result, voting, ended,"
                " seconds, counted)"
                " values (?, ?, ?, 'openstack/nova', 'master', 'gate', ?, 1, 'SUCCESS', 1, ?, 3600, 1)",
                [(number, f"{number:032x}", name(job), number, at) for number, at in zip(numbers, ended, strict=True)])
            for counter in range(COUNTERS):
                key = job * COUNTERS + counter + 1
                values = series(kinds[counter % len(kinds)], RUNS, random, 0.03 if counter % 10 == 0 else 0)
                file.execute("insert into series values (?, '', ?, 'master', ?, 1)",
                             (key, name(job), f"mysql.counter_{counter}"))
                file.executemany("insert into samples values (?, ?, ?, ?)",
                                 [(key, at, number, float(value))
                                  for number, at, value in zip(numbers, ended, values, strict=True)])


def name(job: int) -> str:
    return f"job-{job}"


def read(ledger: Ledger, settings: LearnedBounds, jobs: int) -> Iterator[list[float]]:
    """The values of all series, as the analyst reads them."""
    for job in range(jobs):
        group = Group("", name(job), "master", True)
        for runs in ledger.samples.baselines(group, Usual(settings.baseline, settings.check)).values():
            yield list(runs.values)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds elapsed, and of CPU."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def learn(ledger: Ledger, settings: LearnedBounds) -> None:
    analyst = Analyst(ledger, settings)
    while analyst.step():
        pass


def measured(path: Path, jobs: int, settings: LearnedBounds) -> Iterator[list[str]]:
    with closing(Ledger(f"sqlite:///{path}", lambda: NOW)) as ledger:
        yield row(f"the analyst: {jobs * COUNTERS:,} series of {RUNS} runs",
                  timed(lambda: learn(ledger, settings)), GOAL)
        values: list[list[float]] = []
        yield row("reading them alone", timed(lambda: values.extend(read(ledger, settings, jobs))))
        yield row("reckoning alone", timed(lambda: [levelled(runs) for runs in values]))


def row(what: str, took: tuple[float, float], goal: float | None = None) -> list[str]:
    """The goal is held against CPU time: what is done here waits for nobody."""
    elapsed, used = took
    return [what, f"{elapsed:.1f} s", f"{used:.1f} s",
            "" if goal is None else f"< {goal:g} s ({'met' if used < goal else 'missed'})"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=10)
    options.add_argument("--kinds", nargs="+", default=["normal 1 %"], choices=list(KINDS), metavar="KIND")
    chosen = options.parse_args()
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        Ledger(f"sqlite:///{path}", lambda: NOW).close()
        fill(path, chosen.jobs, chosen.kinds)
        rows = list(measured(path, chosen.jobs, LearnedBounds()))
    show(f"{before} Series: {', '.join(chosen.kinds)}; one in ten has a step.",
         table(["learning levels", "elapsed", "CPU", "goal"], rows))


if __name__ == "__main__":
    main()
