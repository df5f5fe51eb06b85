"""Runs all collectors of a node at the same time, within one deadline. Writes nothing, and subtracts nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from ..core.deadline import Deadline, DeadlineExceeded
from . import Collected, Collector, Failed
from .available import bug
from .joined import Answer, Reading, checked, join

MARGIN = 0.5
"""Seconds that collectors have less than the node: they know best what they waited for."""

SYSTEMD_RUNS = "/run/systemd/system"
"""Is there where systemd is the system's first process: sd_booted(3)."""


@dataclass(frozen=True)
class Chosen:
    """A collector that is to run, with its settings."""

    name: str
    collector: Collector
    settings: Any


def by_default() -> dict[str, dict[str, object]]:
    """The collectors that run by default, with settings: those of os-collect-counters, and systemd where it
    runs. I/O, which systemd does not count unless told to, is left out.
    """
    usual: dict[str, dict[str, object]] = {"mysql": {}, "rabbitmq": {}}
    return usual | {"systemd": {"groups": ["memory_peak", "cpu"]}} if os.path.isdir(SYSTEMD_RUNS) else usual


def read(chosen: Sequence[Chosen], seconds: float, *, again: bool = False, prefix: str | None = None) -> Reading:
    """Run the collectors for at most so many seconds. One that fails or is late has its reason in ``failures``."""
    unixtime, deadline = time.time(), Deadline.after(seconds, time.monotonic)
    answers: SimpleQueue[Answer] = SimpleQueue()
    for each in chosen:  # daemons: one that hangs must not keep the process from ending
        threading.Thread(target=lambda each=each: answers.put(_answer(each, seconds, again)), daemon=True).start()
    found: dict[str, Answer] = {}
    with suppress(Empty, DeadlineExceeded):
        while len(found) < len(chosen):
            answer = answers.get(timeout=deadline.left())
            found[answer.collector] = answer
    late = f"it was not done in {seconds:g} s"
    return join([found.get(each.name) or Answer(each.name, each.collector.GROUPS, late, seconds) for each in chosen],
                unixtime, prefix)


def _answer(each: Chosen, seconds: float, again: bool) -> Answer:
    """Whatever the collector does: without an answer all would wait until the deadline."""
    began = time.monotonic()
    collected: Collected | str
    try:
        collected = checked(each.collector.collect(each.settings, seconds - min(MARGIN, seconds / 4), again))
    except Failed as error:
        collected = str(error)
    except BaseException as error:  # SystemExit too: what one collector does costs no other its counters
        collected = bug(error)
    return Answer(each.name, each.collector.GROUPS, collected, time.monotonic() - began)
