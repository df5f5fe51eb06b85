"""What several collectors returned -> one snapshot. Runs none, and subtracts nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import __version__
from ..core.counters.difference import Group
from ..core.counters.gather import shown, why_not
from ..core.counters.snapshot import Kind, Snapshot
from ..core.model import Number
from ..core.text.inert import inert
from . import LINE, Collected, Failed

TOLD = 5
"""How many values that are no numbers are named."""


@dataclass(frozen=True)
class Answer:
    """What a collector returned after so many ``seconds``, or why it has nothing; ``kinds`` of its groups."""

    collector: str
    kinds: Mapping[str, Kind]
    collected: Collected | str
    seconds: float


@dataclass(frozen=True)
class Reading:
    """What the collectors read, and how many seconds each ``took``.

    ``known``: which collector returned each group, and what its numbers are. ``own`` as in Collected.
    """

    snapshot: Snapshot
    known: Mapping[str, Group]
    own: Mapping[str, Number]
    took: Mapping[str, float]


def checked(answer: object) -> Collected:
    """The answer, with each value that no document can hold made a failure. Raises Failed for another type."""
    if not isinstance(answer, Collected):
        raise Failed(f"a bug in the collector: it returned {type(answer).__name__} instead of Collected")
    wrong = {(group, name): why for group, members in answer.groups.items() for name, value in members.items()
             if (why := _why_not(f"{group}.{name}", value))}
    told = [f"{shown(f'{group}.{name}')}: {why}" for (group, name), why in wrong.items()]
    if len(told) > TOLD:
        told[TOLD:] = [f"and {len(told) - TOLD:,} more such"]
    groups = {group: {name: value for name, value in members.items() if (group, name) not in wrong}
              for group, members in answer.groups.items()} if wrong else answer.groups
    return replace(answer, groups=groups, failures=tuple(inert(line, LINE) for line in (*answer.failures, *told)))


def join(answers: Sequence[Answer], unixtime: float, prefix: str | None) -> Reading:
    """One snapshot. A collector that returns a group which one before it has returned fails as a whole."""
    known: dict[str, Group] = {}
    good: list[Collected] = []
    failures: dict[str, str] = {}
    for answer in answers:
        name, collected = answer.collector, answer.collected
        told = [collected] if isinstance(collected, str) else [
            f"group {shown(group)} comes from {known[group].collector} already; give it another name, or run one of"
            " the two" for group in sorted(collected.groups.keys() & known.keys())]
        if not isinstance(collected, str) and not told:
            told = list(collected.failures)
            good.append(collected)
            known.update({group: Group(name, answer.kinds.get(group, Kind.COUNTER)) for group in collected.groups})
        if told:
            failures[name] = "; ".join(told)

    def every(field: str) -> dict[str, Any]:
        return {key: value for each in good for key, value in getattr(each, field).items()}

    snapshot = Snapshot(
        every("groups"), unixtime, host=os.uname().nodename, collector=f"counterbot {__version__}", prefix=prefix,
        failures=failures, absent=frozenset().union(*(each.absent for each in good)), instances=every("instances"),
        made=every("made"), parts=every("parts"))
    return Reading(snapshot, known, every("own"), {each.collector: each.seconds for each in answers})


def _why_not(name: str, value: object) -> str | None:
    if not isinstance(value, (int, float)):  # Python has kinds of numbers that JSON does not know
        return f"{type(value).__name__} instead of a number (int, float)"
    return why_not(name, value)
