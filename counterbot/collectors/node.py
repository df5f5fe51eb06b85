"""All collectors of a node, side by side, each within its deadline. Writes nothing, and subtracts nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from .. import __version__
from ..core import limits
from ..core.difference import Group
from ..core.gather import shown, why_not
from ..core.model import Number
from ..core.snapshot import Instance, Snapshot
from . import Collected, Collector, Failed

__all__ = ["Chosen", "Reading", "by_default", "groups", "read"]

MARGIN = 0.5
"""Seconds by which collectors are to be done before the node's time is over: they know best what they waited for."""

TOLD = 5
"""Of the counters that are none, how many are told."""

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
    """What the collectors read, what one more reading like it would add to each counter, and how long each took."""

    snapshot: Snapshot
    own: Mapping[str, Number]
    took: Mapping[str, float]


def by_default() -> dict[str, dict[str, object]]:
    """The collectors that run where nobody chose, with settings: those of os-collect-counters, and systemd where it
    runs. What systemd does not count unless it is told to, I/O, is left out.
    """
    usual: dict[str, dict[str, object]] = {"mysql": {}, "rabbitmq": {}}
    return usual | {"systemd": {"groups": ["memory_peak", "cpu"]}} if SYSTEMD_RUNS.is_dir() else usual


def groups(chosen: Sequence[Chosen]) -> dict[str, Group]:
    """Which collector reads each group, and what its numbers are."""
    return {group: Group(each.name, kind) for each in chosen for group, kind in each.collector.GROUPS.items()}


def read(chosen: Sequence[Chosen], seconds: float, *, again: bool = False, prefix: str | None = None) -> Reading:
    """Run the collectors for at most so many seconds. One that fails, or is late, is told in ``failures``."""
    taken, began = time.time(), time.monotonic()
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
    snapshot, own = _joined({each.name: found.get(each.name, late) for each in chosen}, taken, prefix)
    return Reading(snapshot, own, took)


def _start(each: Chosen, seconds: float, again: bool, answers: SimpleQueue[tuple[str, Collected | str]]) -> None:
    """A daemon: what hangs in spite of its own deadline must not keep the process from ending."""
    try:
        threading.Thread(target=_run, args=(each, seconds, again, answers), name=each.name, daemon=True).start()
    except RuntimeError:  # the system has no thread left for us
        answers.put((each.name, NO_THREAD))


def _run(each: Chosen, seconds: float, again: bool, answers: SimpleQueue[tuple[str, Collected | str]]) -> None:
    try:
        answers.put((each.name, each.collector.collect(each.settings, seconds, again)))
    except Failed as error:
        answers.put((each.name, str(error)))
    except Exception as error:  # a fault of one collector costs no other its counters
        answers.put((each.name, f"a fault of the collector itself: {_where(error)}"))


def _where(error: Exception) -> str:
    """The kind of an error and its line; not its text, in which a password may stand."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" in {Path(last.tb_frame.f_code.co_filename).name}, line {last.tb_lineno}" if last else ""
    return f"{type(error).__name__}{place}"


def _joined(
    found: Mapping[str, Collected | str], taken: float, prefix: str | None
) -> tuple[Snapshot, dict[str, Number]]:
    """One reading of all; of a collector that failed the reason alone."""
    joined = _Joined()
    for name, answer in found.items():
        joined.take(name, answer)
    snapshot = Snapshot(
        joined.groups, taken, host=os.uname().nodename, collector=f"counterbot {__version__}", prefix=prefix,
        failures=joined.failures, absent=frozenset(joined.absent), instances=joined.instances, made=joined.made,
        parts=joined.parts)
    return snapshot, joined.own


@dataclass
class _Joined:
    """What the collectors so far gave together."""

    groups: dict[str, dict[str, Number]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    instances: dict[str, Instance] = field(default_factory=dict)
    own: dict[str, Number] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Mapping[str, int]] = field(default_factory=dict)
    room: int = limits.COUNTERS

    def take(self, name: str, answer: Collected | str) -> None:
        if isinstance(answer, str):
            self.failures[name] = answer
            return
        size = sum(map(len, answer.groups.values()))
        if size > self.room:
            self.failures[name] = f"a document holds {limits.COUNTERS:,} counters, and there are more; let it read less"
            return
        self.room -= size
        strange = _strange(answer)
        self.groups.update({
            group: {member: value for member, value in members.items() if f"{group}.{member}" not in strange}
            for group, members in answer.groups.items()})
        told = [*answer.failures, *(f"{shown(counter)}: {why}" for counter, why in list(strange.items())[:TOLD])]
        if len(strange) > TOLD:
            told.append(f"and {len(strange) - TOLD:,} more such")
        if told:
            self.failures[name] = "; ".join(told)
        self.absent |= answer.absent
        for mine, theirs in ((self.instances, answer.instances), (self.own, answer.own), (self.made, answer.made),
                             (self.parts, answer.parts)):
            mine.update(theirs)  # type: ignore[arg-type]  # each is of its own kind


def _strange(answer: Collected) -> dict[str, str]:
    """Counters that no reader of the document would take, with the reason."""
    return {f"{group}.{member}": why for group, members in answer.groups.items() for member, value in members.items()
            if (why := why_not(f"{group}.{member}", value))}
