"""How long from Zuul's report on a failed build with 50 MB of packed logs to the stored review, and the bot's memory.

The bot is the real one in a process of its own, as in end_to_end.py; Gerrit, Zuul with its logs, and IRC are loopback
servers in this process. The rules are 100 of elastic-recheck's queries, and one for a line in nova-compute's log.
Prints what docs/figures.rst has of it; status 1 where a review was missing, doubled or without its bug. Linux only, for
/proc.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import devstack_logs
from end_to_end import SETTLE, Times, listening, usage
from known_failures import queries
from loopback import Messages, World, world
from printed import machine, show, table

from counterbot.demo import story
from counterbot.demo.zuul import Answer

RUNS, SCALE, LEVEL = 25, 1.5, 6
TARGET_P95 = 5.0
PATIENCE = 60.0
"""Seconds for one review."""

BUG, TEXT = "2031999", "Live migration stopped since the volume was busy"
RULE = f'query: message:"{TEXT}" AND tags:"screen-n-cpu.txt"\n'
JOB = story.Job("tempest-full", failed=story.FAILED_CONSOLE)


def packed(folder: Path) -> dict[str, bytes]:
    """The build's files as a store has them, by path."""
    devstack_logs.write(folder, {story.COMPUTE_LOG: [TEXT]}, SCALE)
    logs = {path: (folder / path).read_bytes() for path in devstack_logs.SIZES}
    tests = {"testrepository.subunit": story.stream(None, failed=JOB.failed)}
    return {path: gzip.compress(content, LEVEL) for path, content in {**logs, **tests}.items()}


def write_rules(folder: Path) -> int:
    """A file for each query; how many."""
    folder.mkdir()
    (folder / f"{BUG}.yaml").write_text(RULE)
    for number, query in enumerate(queries(100).values()):
        (folder / f"query-{number}.yaml").write_text(f"query: {json.dumps(query.text)}\n")
    return len(list(folder.iterdir()))


def add(surroundings: World, number: int, files: Mapping[str, bytes]) -> story.Change:
    """A change with one failed build, whose logs are ready."""
    change = story.Change(number, f"Change {number}", (JOB,))
    known = surroundings.gerrit.add_change(story.PROJECT, number, subject=change.subject)
    known.messages = surroundings.messages[number] = Messages()
    zuul = surroundings.zuul
    row = zuul.add_build(story.uuid(change, JOB), JOB.name, dict.fromkeys(files, b""), result="FAILURE",
                         project=story.PROJECT, change=number)
    root = row["log_url"].removeprefix(zuul.url)
    zuul.answers |= {root + path: Answer(content, headers={"Content-Encoding": "gzip"})
                     for path, content in files.items()}
    return change


def latency(surroundings: World, change: story.Change) -> float:
    """Seconds from the report on a change to its review, which names the bug."""
    before = time.monotonic()
    surroundings.report(change)
    seconds = surroundings.stored_at(change, before + PATIENCE) - before
    time.sleep(SETTLE / 4)
    texts = [message.text for message in surroundings.messages[change.number]]
    assert len(texts) == 1, f"change {change.number} has {len(texts)} reviews"
    assert f"/bugs/{BUG}" in texts[0], texts[0]
    return seconds


def measure(stack: ExitStack) -> None:
    """All of it, in one temporary folder."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="counterbot-bench-")))
    files = packed(folder / "plain")
    rules = write_rules(folder / "rules")
    line = machine()
    surroundings = stack.enter_context(world(folder, folder / "rules"))
    bot = listening(stack, surroundings)
    time.sleep(SETTLE)
    started = usage(bot)
    times = []
    try:
        for number in range(RUNS):
            times.append(latency(surroundings, add(surroundings, 1000 + number, files)))
    except (AssertionError, TimeoutError) as error:
        raise RuntimeError(f"{error}; the end of the bot's log:\n{(folder / 'bot.log').read_text()[-3000:]}") from error
    after, found = usage(bot), Times(tuple(times))
    asked = {path for path in files if any(each.endswith(f"/{path}") for each in surroundings.zuul.requests)}
    met = "met" if found.figures[1] < TARGET_P95 else "missed"
    show(line,
         table(["report to stored review", "median", "p95", "max", "target"], [
             [f"{RUNS} failed builds, {rules} rules", *(f"{figure:.2f} s" for figure in found.figures),
              f"p95 < {TARGET_P95:g} s ({met})"]]),
         table(["each build's logs", "files", "packed"], [
             [name, str(len(paths)), f"{sum(len(files[path]) for path in paths) / 1e6:.0f} MB"]
             for name, paths in (("all", set(files)), ("fetched", asked))]),
         table(["the bot's process", "RSS", "peak RSS"], [
             [name, f"{used.rss:.0f} MB", f"{used.peak:.0f} MB"]
             for name, used in (("started", started), (f"after {RUNS} failed builds", after))]))


def main() -> int:
    try:
        with ExitStack() as stack:
            measure(stack)
    except RuntimeError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
