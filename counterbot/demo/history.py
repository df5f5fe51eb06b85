"""The demo's past: a month of builds of merged changes, with their counters. Starts no server.

The numbers are drawn by lot, the same each time. A change that was merged nine days before the end makes one job read
more rows; where RabbitMQ takes much memory, a build fails.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from . import story
from .gerrit import Change as GerritChange
from .gerrit import Gerrit, change_merged
from .story import FAILED_BASIC_OPS, NO_REPLY, PROJECT, USUAL, Change, Job, files
from .unexplained import NOW
from .zuul import Zuul

JOBS = ("tempest-full", "nova-next")
RUNS, EVERY = 70, 10 * 3600
"""Of each job, and seconds from one to the next."""

MOVED = 22
"""So many runs of the second job from the end what it reads rose."""

FAILS = (5, 8, 12, 19, 26, 33, 41, 47, 52, 58, 64)
"""Runs of the first job that failed."""

RISE = 1.03


@dataclass(frozen=True)
class Run:
    """A build, and when it ended, in epoch seconds."""

    uuid: str
    job: Job
    change: int
    ended: float


def runs() -> list[Run]:
    """The oldest first."""
    return [Run(f"{0x0DD:08x}{place:012x}{at:012x}", _job(name, at), 3000 + 10 * at + place,
                NOW - EVERY * (RUNS - at) - 1800 * place)
            for at in range(RUNS) for place, name in enumerate(JOBS)]


def passed(job: str) -> int:
    """How many of a job's runs did."""
    return RUNS - (len(FAILS) if job == JOBS[0] else 0)


def change() -> Change:
    """The change that makes both jobs work harder, by less than a written bound would let through."""
    return Change(1010, "Ask for the quotas of each tenant", tuple(
        Job(name, _counters(_lot(name), RISE, moved=name == JOBS[1])) for name in JOBS))


def prepare(gerrit: Gerrit, zuul: Zuul) -> None:
    """Make the builds known to Zuul, and the change to both."""
    story.prepare(gerrit, zuul, (change(),))
    for run in runs():
        row = zuul.add_build(run.uuid, run.job.name, files(run.job), result=run.job.result, project=PROJECT,
                             change=run.change)
        end = datetime.fromtimestamp(run.ended, timezone.utc)
        zuul.serve_row({**row, "pipeline": "gate", "duration": 4100.0, "end_time": f"{end:%Y-%m-%dT%H:%M:%S}",
                        "start_time": f"{end - timedelta(seconds=4100):%Y-%m-%dT%H:%M:%S}"})


def merged() -> Iterator[dict[str, object]]:
    """The events that the changes of builds that passed were merged, minutes later."""
    return (change_merged(GerritChange(PROJECT, run.change, "A change of the month"), int(run.ended) + 300)
            for run in runs() if not run.job.failed)


def _job(name: str, at: int) -> Job:
    failed = name == JOBS[0] and at in FAILS
    counters = _counters(_lot(f"{name} {at}"), moved=name == JOBS[1] and at >= RUNS - MOVED, crowded=failed)
    return Job(name, counters, failed=FAILED_BASIC_OPS if failed else "",
               compute=(800 + at, NO_REPLY) if failed else None)


def _lot(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - it is to be the same each time


def _counters(lot: random.Random, rise: float = 1.0, moved: bool = False,
              crowded: bool = False) -> dict[str, dict[str, int]]:
    def about(value: float, spread: float) -> int:
        return round(value * lot.gauss(1, spread))

    usual = USUAL["mysql"]
    return {
        "mysql": {"Queries": about(usual["Queries"] * rise, 0.003), "Com_select": about(usual["Com_select"], 0.004),
                  "Com_insert": about(41_200, 0.006), "Threads_created": about(180, 0.2), "Slow_queries": 0,
                  "Innodb_rows_read": about(1_180_000 * (1.08 if moved else 1), 0.01)},
        "queues": {"notifications_publish": about(USUAL["queues"]["notifications_publish"], 0.002)},
        "memory": {"mysql": about(612_000_000, 0.01),
                   "rabbitmq-server": about(240_000_000 * (1.3 if crowded else 1), 0.08)},
    }
