"""What several collectors gave -> one snapshot. Runs none, and subtracts nothing."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import __version__
from ..core import limits
from ..core.counters.difference import Group
from ..core.counters.gather import shown, why_not
from ..core.counters.snapshot import Instance, Kind, Snapshot
from ..core.model import Number
from . import Collected

TOLD = 5
"""Of the counters that are none, and of the groups that another collector gave, how many are told."""


@dataclass
class Joined:
    """What the collectors so far gave together; of one that failed the reason alone.

    ``known``: which collector gave each group, and what its numbers are. ``own``: what one more reading would add to
    each counter. Of a group that comes again the first one's counters stay, and the second collector is told.
    """

    known: dict[str, Group] = field(default_factory=dict)
    groups: dict[str, dict[str, Number]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    instances: dict[str, Instance] = field(default_factory=dict)
    own: dict[str, Number] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Mapping[str, int]] = field(default_factory=dict)
    room: int = limits.COUNTERS

    def take(self, collector: str, kinds: Mapping[str, Kind], answer: Collected | str) -> None:
        """What a collector gave, or why it gave nothing; ``kinds`` of its groups, where it names them."""
        told = [answer] if isinstance(answer, str) else self._add(collector, kinds, answer)
        if told:
            self.failures[collector] = "; ".join(told)

    def snapshot(self, taken: float, prefix: str | None) -> Snapshot:
        """All of it, as read at ``taken`` (seconds since the epoch)."""
        return Snapshot(
            self.groups, taken, host=os.uname().nodename, collector=f"counterbot {__version__}", prefix=prefix,
            failures=self.failures, absent=frozenset(self.absent), instances=self.instances, made=self.made,
            parts=self.parts)

    def _add(self, collector: str, kinds: Mapping[str, Kind], answer: Collected) -> list[str]:
        """What is to be told of it."""
        twice = answer.groups.keys() & self.known.keys()
        told = _few([f"group {shown(group)} comes from {self.known[group].collector} already; give it another name, or "
                     "run one of the two" for group in sorted(twice)])
        answer = _without(twice, answer) if twice else answer
        size = sum(map(len, answer.groups.values()))
        if size > self.room:
            return [*told, f"a document holds {limits.COUNTERS:,} counters, and there are more; let it read less"]
        self.room -= size
        strange = _strange(answer)
        self.groups.update({
            group: {member: value for member, value in members.items() if f"{group}.{member}" not in strange}
            for group, members in answer.groups.items()})
        self.known.update({group: Group(collector, kinds.get(group, Kind.COUNTER)) for group in answer.groups})
        self.absent.update(answer.absent)
        for mine, theirs in ((self.instances, answer.instances), (self.own, answer.own), (self.made, answer.made),
                             (self.parts, answer.parts)):
            mine.update(theirs)  # type: ignore[arg-type]  # each is of its own kind
        return [*told, *answer.failures, *_few([f"{shown(counter)}: {why}" for counter, why in strange.items()])]


def _few(lines: list[str]) -> list[str]:
    return lines if len(lines) <= TOLD else [*lines[:TOLD], f"and {len(lines) - TOLD:,} more such"]


def _without(groups: Collection[str], answer: Collected) -> Collected:
    """An answer without these groups, and without what it says of them: that would be taken for another's."""
    inside = tuple(f"{group}." for group in groups)

    def left(name: str) -> bool:
        return name not in groups and not name.startswith(inside)

    def kept(said: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in said.items() if left(name)}

    return replace(
        answer, groups={group: members for group, members in answer.groups.items() if group not in groups},
        absent=frozenset(filter(left, answer.absent)), instances=kept(answer.instances), own=kept(answer.own),
        made=kept(answer.made), parts=kept(answer.parts))


def _strange(answer: Collected) -> dict[str, str]:
    """Counters that no reader of the document would take, with the reason."""
    return {f"{group}.{member}": why for group, members in answer.groups.items() for member, value in members.items()
            if (why := _why_not(f"{group}.{member}", value))}


def _why_not(name: str, value: object) -> str | None:
    if not isinstance(value, (int, float)):  # Python knows kinds of numbers that JSON does not
        return f"{type(value).__name__} instead of a number (int, float)"
    return why_not(name, value)
