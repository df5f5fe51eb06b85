"""How long from Zuul's report to the stored review, alone and fifty at once, and how much memory the bot takes.

The bot is the real one (``python -m counterbot run``, SQLite file) in a process of its own; Gerrit, Zuul with its
logs, and IRC are the loopback servers of ``counterbot.demo``, in this process. The logs are ready, and each report
has three builds: one with 600 counters in a stream of 1 MB, two without counters. Beside every review of the bot's
the same review is posted directly, by a process that does nothing else: what the outside alone costs. Prints what
docs/figures.rst has of it; status 1 where a review was missing, doubled or without its finding. Linux only, for /proc.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loopback import World, process, world
from printed import machine, show, table

from counterbot.demo import story

SINGLE, AT_ONCE = 100, 50
TARGET_P95, TARGET_AT_ONCE = 2.0, 15.0
PATIENCE = 160.0
"""Seconds for all of it."""

ONE_PATIENCE = 20.0
SETTLE, IDLE = 1.0, 5.0
PAUSE = 0.05, 0.25
"""Seconds between single reports, drawn: else all would meet the bot at the same moment of its looking for work."""


@dataclass(frozen=True)
class Times:
    """Latencies in seconds."""

    values: tuple[float, ...]

    @property
    def figures(self) -> tuple[float, float, float]:
        """Median, 95th percentile (nearest rank) and maximum."""
        ordered = sorted(self.values)
        return statistics.median(ordered), ordered[-(-95 * len(ordered) // 100) - 1], ordered[-1]


@dataclass(frozen=True)
class Usage:
    """Memory of the bot's process in MB (10^6 bytes); CPU seconds of the bot and of the servers; when that was."""

    rss: float
    peak: float
    cpu: float
    servers: float
    at: float

    def shares_since(self, then: Usage) -> tuple[str, str]:
        """Of one core, in per cent: the bot's and the servers'."""
        seconds = self.at - then.at
        return f"{(self.cpu - then.cpu) / seconds:.0%}", f"{(self.servers - then.servers) / seconds:.0%}"


class Direct:
    """Posts reviews directly, for comparison."""

    def __init__(self, surroundings: World, child: subprocess.Popen[str]) -> None:
        self._world, self._child = surroundings, child
        self._answer("ready")

    def post(self, changes: list[story.Change]) -> Times:
        """The latest reviews of the bot's again, on these changes; their latencies from now."""
        reviews = self._world.gerrit.inputs[-len(changes):]
        wanted = [(story.PROJECT, change.number, 1, review) for change, review in zip(changes, reviews, strict=True)]
        line = json.dumps(wanted) + "\n"
        before = time.monotonic()
        self._child.stdin.write(line)
        self._child.stdin.flush()
        self._answer("posted")
        return Times(tuple(self._world.stored_at(change, before) - before for change in changes))

    def _answer(self, wanted: str) -> None:
        answer = self._child.stdout.readline().strip()
        if answer != wanted:
            raise RuntimeError(f"the direct process ended: {(self._world.folder / 'direct.log').read_text()[-500:]}")


def singles(surroundings: World, direct: Direct, until: float) -> Callable[[], tuple[Times, Times]]:
    """Reports one after the other, and behind each the same review directly."""
    changes = surroundings.add_changes(1000, SINGLE)
    others = surroundings.add_changes(3000, SINGLE, builds=False)
    chance = random.Random(1)

    def measure() -> tuple[Times, Times]:
        bot, floor = [], []
        for change, other in zip(changes, others, strict=True):
            time.sleep(chance.uniform(*PAUSE))
            before = time.monotonic()
            surroundings.report(change)
            bot.append(surroundings.stored_at(change, min(until, before + ONE_PATIENCE)) - before)
            time.sleep(chance.uniform(*PAUSE))
            floor += direct.post([other]).values
        surroundings.check_reviews(changes)
        return Times(tuple(bot)), Times(tuple(floor))

    return measure


def at_once(surroundings: World, direct: Direct, until: float) -> Callable[[], tuple[Times, Times]]:
    """Many reports at the same moment; then as many reviews directly."""
    changes = surroundings.add_changes(2000, AT_ONCE)
    others = surroundings.add_changes(4000, AT_ONCE, builds=False)

    def measure() -> tuple[Times, Times]:
        before = time.monotonic()
        for change in changes:
            surroundings.report(change)
        bot = Times(tuple(surroundings.stored_at(change, until) - before for change in changes))
        time.sleep(SETTLE)
        surroundings.check_reviews(changes)
        return bot, direct.post(others)

    return measure


def usage(pid: int) -> Usage:
    """What the process has used so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    rss, peak = (int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    ours = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(rss, peak, (int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), ours.ru_utime + ours.ru_stime,
                 time.monotonic())


def rows(what: str, bot: Times, floor: Times, target: str, met: bool) -> list[list[str]]:
    """The bot's times, those of posting directly, and how many times as long the bot took."""
    return [
        [what, *(f"{figure:.3f} s" for figure in bot.figures), f"{target} ({'met' if met else 'missed'})"],
        ["— the same reviews posted directly", *(f"{figure:.3f} s" for figure in floor.figures), ""],
        ["— ratio", *(f"{ours / theirs:.1f}" for ours, theirs in zip(bot.figures, floor.figures, strict=True)), ""],
    ]


def latencies(alone: tuple[Times, Times], many: tuple[Times, Times]) -> str:
    """Of single reports and of those at once."""
    met = alone[0].figures[1] < TARGET_P95, many[0].figures[2] < TARGET_AT_ONCE
    return table(["report to stored review", "median", "p95", "max", "target"], [
        *rows(f"{SINGLE} reports, one at a time", *alone, f"p95 < {TARGET_P95:g} s", met[0]),
        *rows(f"{AT_ONCE} reports at once", *many, f"max < {TARGET_AT_ONCE:g} s", met[1])])


def usages(used: list[Usage]) -> str:
    """Of the bot: as started, after a time idle, after each measurement."""
    names = "started, idle", f"after {SINGLE} single reports", f"after {AT_ONCE} more at once"
    return table(["the bot's process", "RSS", "peak RSS", "CPU, share of a core", "CPU of the servers"], [
        [name, f"{now.rss:.0f} MB", f"{now.peak:.0f} MB", *now.shares_since(then)]
        for name, then, now in zip(names, used[:-1], used[1:], strict=True)])


def listening(stack: ExitStack, surroundings: World) -> int:
    """The process id of a bot that listens to the Gerrit."""
    log = surroundings.folder / "bot.log"
    bot = stack.enter_context(process("-m", "counterbot", "run", "-c", "config.yaml", folder=log.parent, log=log))
    if not surroundings.gerrit.wait_for_streams(seconds=20):
        raise RuntimeError(f"the bot does not listen: {log.read_text()[-500:]}")
    return bot.pid


def measure(stack: ExitStack, until: float) -> None:
    """All of it, in one temporary folder."""
    line = machine()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterbot-bench-")))
    surroundings = stack.enter_context(world(folder))
    gerrit, script = surroundings.gerrit, Path(__file__).with_name("direct.py")
    direct = Direct(surroundings, stack.enter_context(process(
        str(script), gerrit.host, str(gerrit.port), "id_ed25519", folder=folder, log=folder / "direct.log")))
    first, second = singles(surroundings, direct, until), at_once(surroundings, direct, until)
    bot = listening(stack, surroundings)
    time.sleep(SETTLE)
    used = [usage(bot)]
    time.sleep(IDLE)
    used.append(usage(bot))
    try:
        alone = first()
        used.append(usage(bot))
        many = second()
        used.append(usage(bot))
    except (AssertionError, TimeoutError) as error:
        raise RuntimeError(f"{error}; the end of the bot's log:\n{(folder / 'bot.log').read_text()[-3000:]}") from error
    show(line, latencies(alone, many), usages(used))


def main() -> int:
    try:
        with ExitStack() as stack:
            measure(stack, time.monotonic() + PATIENCE)
    except RuntimeError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
