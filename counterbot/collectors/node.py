"""All collectors of a node, side by side, each within its deadline. Writes nothing, and subtracts nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ..core.counters.difference import Group
from ..core.counters.snapshot import Snapshot
from ..core.model import Number
from . import Collected, Collector, Failed
from .contract import fault, taken
from .joined import Joined

__all__ = ["Chosen", "Reading", "by_default", "read"]

MARGIN = 0.5
"""Seconds by which collectors are to be done before the node's time is over: they know best what they waited for."""

NO_THREAD = "no thread can be started for it; let this process have more memory and threads (ulimit -v, ulimit -u)"

SYSTEMD_RUNS = Path("/run/systemd/system")
"""Is there where systemd is the system's first process: sd_booted(3)."""


@dataclass(frozen=True)
class Chosen:
    """A collector that is to run, with its settings."""

    name: str
    collector: Collector
    settings: Any


@dataclass(frozen=True)
class Reading:
    """What the collectors read, and how long each took.

    ``known``: which collector gave each group, and what its numbers are. ``own``: what one more reading
    like it would add to each counter. ``took`` is in seconds.
    """

    snapshot: Snapshot
    known: Mapping[str, Group]
    own: Mapping[str, Number]
    took: Mapping[str, float]


def by_default() -> dict[str, dict[str, object]]:
    """The collectors that run where nobody chose, with settings: those of os-collect-counters, and systemd where it
    runs. What systemd does not count unless it is told to, I/O, is left out.
    """
    usual: dict[str, dict[str, object]] = {"mysql": {}, "rabbitmq": {}}
    return usual | {"systemd": {"groups": ["memory_peak", "cpu"]}} if SYSTEMD_RUNS.is_dir() else usual


def read(chosen: Sequence[Chosen], seconds: float, *, again: bool = False, prefix: str | None = None) -> Reading:
    """Run the collectors for at most so many seconds. One that fails, or is late, is told in ``failures``.

    So is one that gives a group which one before it in ``chosen`` gave: the first one's counters stay.
    """
    now, began = time.time(), time.monotonic()
    theirs = seconds - min(MARGIN, seconds / 4)
    answers: SimpleQueue[tuple[str, Collected | str]] = SimpleQueue()
    for each in chosen:
        _start(each, theirs, again, answers)
    found: dict[str, Collected | str] = {}
    took: dict[str, float] = {}
    while len(found) < len(chosen):
        try:
            name, answer = answers.get(timeout=max(0.0, began + seconds - time.monotonic()))
        except Empty:
            break
        found[name], took[name] = answer, time.monotonic() - began
    late = f"it was not done in {seconds:g} s"
    joined = Joined()
    for each in chosen:  # in their order, so that it is not by chance who is first with a group
        joined.take(each.name, each.collector.GROUPS, found.get(each.name, late))
    return Reading(joined.snapshot(now, prefix), joined.known, joined.own, took)


def _start(each: Chosen, seconds: float, again: bool, answers: SimpleQueue[tuple[str, Collected | str]]) -> None:
    """A daemon: what hangs in spite of its own deadline must not keep the process from ending."""
    try:
        threading.Thread(target=_run, args=(each, seconds, again, answers), name=each.name, daemon=True).start()
    except RuntimeError:  # the system has no thread left for us
        answers.put((each.name, NO_THREAD))


def _run(each: Chosen, seconds: float, again: bool, answers: SimpleQueue[tuple[str, Collected | str]]) -> None:
    """An answer comes whatever the collector does, or its whole deadline would be waited out."""
    try:
        answer = _asked(each, seconds, again)
    except BaseException as error:  # also SystemExit: a fault of one collector costs no other its counters
        answer = fault(error)
    answers.put((each.name, answer))


def _asked(each: Chosen, seconds: float, again: bool) -> Collected | str:
    """What the collector read, or why that is of no use."""
    try:
        return taken(each.collector.collect(each.settings, seconds, again))
    except Failed as error:
        return str(error)
