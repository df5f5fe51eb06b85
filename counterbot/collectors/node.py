"""All collectors of a node, side by side, each within its deadline. Writes nothing, and subtracts nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from .. import __version__
from ..core.difference import Group
from ..core.gather import Gather
from ..core.model import Number
from ..core.snapshot import Instance, Snapshot
from . import Collected, Collector, Failed

__all__ = ["Chosen", "Reading", "by_default", "groups", "read"]

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
    """What the collectors read, and what one more reading like it would add to each counter."""

    snapshot: Snapshot
    own: Mapping[str, Number]


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
    taken, ends = time.time(), time.monotonic() + seconds
    answers: SimpleQueue[tuple[str, Collected | str]] = SimpleQueue()
    for each in chosen:
        # A daemon: what hangs in spite of its own deadline must not keep the process from ending.
        threading.Thread(target=_run, args=(each, seconds, again, answers), name=each.name, daemon=True).start()
    found: dict[str, Collected | str] = {}
    while len(found) < len(chosen):
        try:
            name, answer = answers.get(timeout=max(0.0, ends - time.monotonic()))
        except Empty:
            break
        found[name] = answer
    late = f"it was not done in {seconds:g} s"
    return _joined({each.name: found.get(each.name, late) for each in chosen}, taken, prefix)


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


def _joined(found: Mapping[str, Collected | str], taken: float, prefix: str | None) -> Reading:
    read: dict[str, dict[str, Number]] = {}
    failures: dict[str, str] = {}
    absent: set[str] = set()
    instances: dict[str, Instance] = {}
    own: dict[str, Number] = {}
    for name, answer in found.items():
        if isinstance(answer, str):
            failures[name] = answer
            continue
        strange = _strange(answer)
        read.update({group: {member: value for member, value in members.items() if f"{group}.{member}" not in strange}
                     for group, members in answer.groups.items()})
        told = [*answer.failures, *(f"{counter}: {why}" for counter, why in strange.items())]
        if told:
            failures[name] = "; ".join(told)
        absent |= answer.absent
        instances.update(answer.instances)
        own.update(answer.own)
    snapshot = Snapshot(
        read, taken, host=os.uname().nodename, collector=f"counterbot {__version__}", prefix=prefix,
        failures=failures, absent=frozenset(absent), instances=instances)
    return Reading(snapshot, own)


def _strange(answer: Collected) -> Mapping[str, str]:
    """Counters that no reader of the document would take, with the reason."""
    gather = Gather()
    for group, members in answer.groups.items():
        for member, value in members.items():
            gather.set(f"{group}.{member}", value)
    return gather.unreadable
