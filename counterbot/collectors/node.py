"""Runs all collectors of a node at the same time, within one deadline. Writes nothing, and subtracts nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from ..core.deadline import Deadline, DeadlineExceeded
from . import Collected, Collector, Failed
from .available import bug
from .joined import Answer, Joined, checked, join

MARGIN = 0.5
"""Seconds that collectors have less than the node: they know best what they waited for."""

SYSTEMD_RUNS = "/run/systemd/system"
"""Is there where systemd is the system's first process: sd_booted(3)."""

Answers = SimpleQueue[tuple[str, "Collected | str"]]


@dataclass(frozen=True)
class Chosen:
    """A collector that is to run, with its settings."""

    name: str
    collector: Collector
    settings: Any


@dataclass(frozen=True)
class Reading(Joined):
    """What the collectors read; ``took``: the seconds that each was busy."""

    took: Mapping[str, float]


def by_default() -> dict[str, dict[str, object]]:
    """The collectors that run where nobody chose, with settings: those of os-collect-counters, and systemd where it
    runs. I/O, which systemd does not count unless told to, is left out.
    """
    usual: dict[str, dict[str, object]] = {"mysql": {}, "rabbitmq": {}}
    return usual | {"systemd": {"groups": ["memory_peak", "cpu"]}} if os.path.isdir(SYSTEMD_RUNS) else usual


def read(chosen: Sequence[Chosen], seconds: float, *, again: bool = False, prefix: str | None = None) -> Reading:
    """Run the collectors for at most so many seconds. One that fails or is late has its reason in ``failures``."""
    unixtime, began = time.time(), time.monotonic()
    deadline = Deadline(began + seconds, time.monotonic)
    answers: Answers = SimpleQueue()
    for each in chosen:  # daemons: one that hangs must not keep the process from ending
        threading.Thread(target=_run, args=(each, seconds - min(MARGIN, seconds / 4), again, answers),
                         name=each.name, daemon=True).start()
    found: dict[str, Collected | str] = {}
    took: dict[str, float] = {}
    with suppress(Empty, DeadlineExceeded):
        while len(found) < len(chosen):
            name, answer = answers.get(timeout=deadline.left())
            found[name], took[name] = answer, time.monotonic() - began
    late = f"it was not done in {seconds:g} s"
    joined = join([Answer(each.name, each.collector.GROUPS, found.get(each.name, late)) for each in chosen],
                  unixtime, prefix)
    return Reading(joined.snapshot, joined.known, joined.own, took)


def _run(each: Chosen, seconds: float, again: bool, answers: Answers) -> None:
    """Puts an answer whatever the collector does: otherwise all would wait until the deadline."""
    answer: Collected | str
    try:
        answer = checked(each.collector.collect(each.settings, seconds, again))
    except Failed as error:
        answer = str(error)
    except BaseException as error:  # SystemExit too: what one collector does costs no other its counters
        answer = bug(error)
    answers.put((each.name, answer))
