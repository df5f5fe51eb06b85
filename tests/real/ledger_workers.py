"""Processes that work on one ledger. Prints how many of them died.

Each works until nothing is due. One that dies is replaced. When all have ended, the clock, which stands still while
they work, is moved past every lease, and new ones start, until nothing is pending: so no slow machine ends a lease.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from array import array
from collections.abc import Callable
from functools import partial
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path

from sqlalchemy import event, func, select

from counterbot.core.decide import Decision, Reason
from counterbot.core.lines import Lines, Reduction, Template
from counterbot.core.model import (
    Build,
    BuildLink,
    Counters,
    Delivery,
    PatchSet,
    Reader,
    Reading,
    Report,
    Sent,
    State,
)
from counterbot.engine.deliver import Comments
from counterbot.engine.service import done
from counterbot.ledger import Ledger, schema

DAY = 86_400_000
READ = {Reader.COUNTERS: Reading(State.READ, "", Counters({"mysql.Queries": 12}))}
ROUNDS = 20
"""Times that leases end before what is pending is stuck."""

MORE = 50
"""Times the chance to die at each moment of a delivery: there it counts."""

fork = multiprocessing.get_context("fork")  # of a process without threads, which has imported everything


class Outside:
    """Gerrit's part: a file of what was posted, a line each. ``open`` keeps the workers when nothing is due."""

    def __init__(self, folder: Path) -> None:
        self.posted, self.open = folder / "posted", folder / "open"
        self.posted.touch()

    def add(self, line: str) -> None:
        with self.posted.open("ab", buffering=0) as file:
            file.write(line.encode() + b"\n")

    def lines(self) -> list[str]:
        return self.posted.read_text().splitlines()

    def already_there(self, delivery: Delivery) -> bool:
        return delivery.key in self.lines()

    def post(self, delivery: Delivery) -> Sent:
        self.add(delivery.key)
        return Sent()


def lines_of(uuid: str) -> Reduction:
    """Some that other builds have, too."""
    keys = array("q", range(int(uuid, 16), int(uuid, 16) + 40))
    return Reduction(Lines(keys), {key: Template(key, "x.txt", "", ("word",)) for key in keys})


def reports(ledger: Ledger, outside: Outside, at: Callable[[object], None]) -> Callable[[], bool]:
    """A step towards a comment for each event, through every table."""
    def recognise(work):
        number = json.loads(work.line)["n"]
        links = (BuildLink("job", f"https://zuul/build/{2 * number + n}", f"{2 * number + n:032x}") for n in range(2))
        report = Report(PatchSet("review", "nova", "master", number, 1, "https://review/"), "check", f"{number:032x}",
                        tuple(links))
        ledger.reports.open(work, report, dict.fromkeys(report.links, frozenset(READ)), DAY, 0)

    def examine(work):
        build = Build(work.link.uuid, "job", "SUCCESS", True, "nova", "master", "check", "https://logs/", (), 5)
        ledger.builds.note(work, build, {**READ, Reader.TEMPLATES: Reading(State.READ, "", lines_of(build.uuid))})

    def decide(work):
        patchset = work.report.patchset
        payload = {"project": patchset.project, "change": patchset.change, "patchset": patchset.number}
        deliveries = [Delivery(str(patchset.change), "gerrit", "gerrit", payload)]
        assert [build.readings for build in work.builds] == [READ, READ]
        ledger.reports.decide(work, lambda said, seen: (Decision(Reason.OVER), deliveries))

    comments = Comments(ledger, outside, monotonic=lambda: ledger.store.now() / 1000, at=at)
    stages = (comments.step,
              partial(done, ledger.reports.claim, decide, ledger.reports.fault),
              partial(done, ledger.builds.claim, examine, ledger.builds.fault),
              partial(done, ledger.inbox.claim, recognise, ledger.inbox.fault))
    return lambda: any(stage() for stage in stages)


def events(ledger: Ledger, outside: Outside, at: Callable[[object], None]) -> Callable[[], bool]:
    """An event is ignored."""
    def ignore(work):
        ledger.inbox.ignore(work, "ignored")
        outside.add(f"{json.loads(work.line)['n']} {os.getpid()}")

    return partial(done, ledger.inbox.claim, ignore, ledger.inbox.fault)


def work(options: argparse.Namespace, now: int, serial: int, start: multiprocessing.synchronize.Barrier) -> None:
    """One process, until nothing is due."""
    chance = random.Random(f"{options.seed} {serial}")

    def perhaps_dies(*_: object, times: int = 1) -> None:
        if chance.random() < options.deaths * times:
            os.kill(os.getpid(), signal.SIGKILL)

    ledger, outside = Ledger(options.url, lambda: now), Outside(options.folder)
    if serial < options.processes:
        start.wait()
    for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(ledger.store.engine, moment, perhaps_dies)
    ledger.take_up()
    step = options.work(ledger, outside, lambda moment: perhaps_dies(times=MORE))
    while (found := step()) or outside.open.exists():
        if not found:
            time.sleep(0.02)
    ledger.close()


def until_nothing_is_due(options: argparse.Namespace, now: int, serials: count) -> int:
    """How many died meanwhile. An error of one ends all."""
    deaths, barrier = 0, fork.Barrier(options.processes)

    def started() -> multiprocessing.Process:
        process = fork.Process(target=work, args=(options, now, next(serials), barrier), daemon=True)
        process.start()
        return process

    living = [started() for _ in range(options.processes)]
    while living:
        wait([process.sentinel for process in living])
        for process in [each for each in living if not each.is_alive()]:
            living.remove(process)
            if process.exitcode == -signal.SIGKILL:
                deaths += 1
                living.append(started())
            elif process.exitcode:
                sys.exit(f"a process ended with {process.exitcode}")
    return deaths


def pending(options: argparse.Namespace, now: int) -> str:
    """What is, as words; none where nothing is pending."""
    ledger = Ledger(options.url, lambda: now)
    found = ledger.unsettled() and [
        (table.name, *row) for table in (schema.inbox, schema.builds, schema.reports, schema.outbox)
        for row in ledger.store.read(lambda read, table=table: read.execute(
            select(table.c.state, func.count(), func.max(table.c.due) - now).group_by(table.c.state)).all())]
    ledger.close()
    return str(found) if found else ""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type={"events": events, "reports": reports}.get)
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--deaths", type=float, default=0.0, help="its chance at each statement")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    now, serials = int(time.time() * 1000), count()
    deaths = until_nothing_is_due(options, now, serials)
    for _ in range(ROUNDS):
        if not (why := pending(options, now)):
            break
        now += DAY // 24
        deaths += until_nothing_is_due(options, now, serials)
    else:
        sys.exit(f"still pending after {ROUNDS} rounds: {why}")
    print(deaths)


if __name__ == "__main__":
    main()
