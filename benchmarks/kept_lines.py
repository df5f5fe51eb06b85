"""What a ledger keeps of builds' lines: bytes a build and a kind of line, and the time that its questions take.

The builds are those of worlds of failures (see ``failure_worlds``); several worlds make one build, as large as a
DevStack job's. They are reduced as the bot does it and noted in an SQLite file, as the bot does it. Prints tables for
the documentation. ``--tree`` is a folder with unpacked OpenStack packages, whose log statements the lines are then.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from failure_worlds import World, devstack
from harbour import harbour
from printed import machine, show, table
from reduced_worlds import reduced
from sqlalchemy import text

from counterbot.core.lines import Reduction
from counterbot.core.model import Build, BuildLink, PatchSet, Reader, Reading, State
from counterbot.fingerprints.unknown.telling import Baseline, telling
from counterbot.ledger import Ledger

DAY = 86_400_000
NOW = 20_000 * DAY + 20 * DAY
JOB, PASSING, FAILED = "tempest-full", 60, 60


class Town:
    """Worlds beside each other: a build of it has a build of each, under a folder of its own."""

    def __init__(self, worlds: list[World]) -> None:
        self._worlds = worlds

    def reduced(self, number: int, failed: bool) -> Reduction:
        """A build's lines; two failed builds of three fail by one of the first world's kinds."""
        chance = Random(number)
        files: dict[str, list[str]] = {}
        for at, world in enumerate(self._worlds):
            fails = failed and at == 0
            kind = chance.choices(world.kinds, world.weights)[0] if fails and chance.random() < 0.65 else None
            build = world.build(f"{number} {at}", kind, own=fails and kind is None)
            for path, lines in build.items():
                files.setdefault(path if at == 0 else path.replace("logs/", f"logs/town{at}/"), []).extend(lines)
        return reduced(files, failed)


def noted(ledger: Ledger, number: int, failed: bool, reduction: Reduction) -> float:
    """Seconds that it took to note a build."""
    uuid = f"{number:032x}"
    build = Build(uuid, JOB, "FAILURE" if failed else "SUCCESS", True, "openstack/nova", "master",
                  "check" if failed else "gate", "https://logs/", ended=NOW - number * 1000, change=number, patchset=1)
    ledger.builds.ask(BuildLink(JOB, "https://zuul/", uuid), build, (Reader.TEMPLATES,))
    work = ledger.builds.claim()
    assert work is not None
    began = time.perf_counter()
    ledger.builds.note(work, build, {Reader.TEMPLATES: Reading(State.READ, "", reduction)})
    return time.perf_counter() - began


def told(baseline: Baseline, reduction: Reduction) -> Reduction:
    found = telling(reduction.lines, reduction.templates, baseline)
    return Reduction(reduction.lines, reduction.templates, [each.key for each in found])


def timed(ask: Callable[[], object], rounds: int = 5) -> str:
    def once() -> float:
        began = time.perf_counter()
        ask()
        return time.perf_counter() - began

    return f"{median(once() for _ in range(rounds)) * 1000:.0f} ms"


def measured(town: Town, folder: Path) -> Iterator[str]:
    path = folder / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}", lambda: NOW)
    passing = [town.reduced(number, False) for number in range(PASSING)]
    first, *others = [noted(ledger, number, False, each) for number, each in enumerate(passing)]
    builds = ledger.templates.baseline(JOB)
    baseline = Baseline(builds, ledger.templates.dictionary({key for keys in builds for key in keys}))
    failed = [told(baseline, town.reduced(number, True)) for number in range(PASSING, PASSING + FAILED)]
    later = [noted(ledger, number, True, each) for number, each in enumerate(failed, PASSING)]

    def asked(query: str) -> Any:
        return ledger.store.read(lambda read: read.execute(text(query)).one())

    def row(name: str, found: list[Reduction], failed: int) -> list[str]:
        ids, more = asked(f"select avg(length(ids)), avg(length(more)) from run_lines where failed = {failed}")
        return [name, f"{median(len(each.lines.keys) for each in found):,.0f}", f"{ids:,.0f}", f"{more:,.0f}",
                f"{(ids + more) / 1000:.1f} KB"]

    yield table([f"lines of a build, mean of {PASSING}", "kinds", "their numbers", "the rest", "in all"],
                [row("passed", passing, 0), row("failed", failed, 1)])
    yield table(["in the database, with indexes", "rows", "bytes a row"], [
        [name, f"{rows:,}", f"{size / rows:,.0f}"] for name, rows, size in (
            (name, *asked(f"select (select count(*) from {name}), sum(pgsize) from dbstat join sqlite_master m"
                          f" on m.name = dbstat.name where m.tbl_name = '{name}'"))
            for name in ("run_lines", "templates", "traits"))])
    yield table(["kinds of line that are new", "a build"],
                [[f"builds {start + 1} to {start + 20}", f"{new:,.0f}"] for start, new in _new([*passing, *failed])])
    patchset = PatchSet("review", "openstack/nova", "master", PASSING, 1)
    run = ledger.failures.unexplained(30)[0]
    lines = [ledger.templates.telling(run.uuid)[:3]]
    yield table(["time", "median"], [
        ["noting the first build", f"{first * 1000:.0f} ms"],
        ["noting another that passed", f"{median(others) * 1000:.0f} ms"],
        ["noting one that failed", f"{median(later) * 1000:.0f} ms"],
        [f"the {PASSING} builds of the baseline", timed(lambda: ledger.templates.baseline(JOB))],
        [f"lines of {FAILED} failed builds", timed(lambda: list(ledger.templates.failed(30)))],
        ["the facts about a failure", timed(lambda: ledger.failures.facts(
            patchset, JOB, run.uuid, ["test_a"], lines[0], ["gate"], ["infra"]))]])
    ledger.close()


def _new(builds: list[Reduction]) -> Iterator[tuple[int, float]]:
    known: set[int] = set()
    for start in range(0, len(builds), 20):
        before = len(known)
        known.update(*(each.lines.keys for each in builds[start:start + 20]))
        yield start, (len(known) - before) / 20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--tree", type=Path, help="a folder with unpacked OpenStack packages")
    options.add_argument("--worlds", type=int, default=10, help="that make one build")
    chosen = options.parse_args()
    vocabulary = devstack(chosen.tree) if chosen.tree else harbour()
    town = Town([World(vocabulary, seed) for seed in range(chosen.worlds)])
    with tempfile.TemporaryDirectory() as folder:
        show(machine(), *measured(town, Path(folder)))


if __name__ == "__main__":
    main()
