"""Subtracts one reading of a node from a later one. Reads no file, and asks no clock.

A counter without a difference has no value, and is named with the reason; a total never passes for a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from ..model import Number, Unreadable, group_of
from ..text.inert import inert
from .snapshot import Instance, Kind, Snapshot

HOST = 100
SAME_START = 2.0
"""Seconds by which two sights of one start may differ: servers tell their age in whole seconds."""


@dataclass(frozen=True)
class Group:
    """Which collector reads a group, and what its numbers are."""

    collector: str
    kind: Kind


class NoValue(Enum):
    """Why a counter has no difference: a reading has no value of it, or it was reset, in whole or in part."""

    ABSENT = "absent"
    RESET = "reset"


def difference(
    before: Snapshot, after: Snapshot, known: Mapping[str, Group], own: Mapping[str, Number] | None = None
) -> Snapshot:
    """``after`` with what was counted since ``before`` in place of totals; gauges stay as they are.

    ``known`` tells of each group what it is; one that is not in it is taken for counters. ``own`` is what one reading
    itself adds, by counter. Raises Unreadable where the two cannot be compared.
    """
    if why := _incomparable(before, after):
        raise Unreadable(why)
    groups: dict[str, dict[str, Number]] = {}
    failures, without = dict(after.failures), {NoValue.ABSENT: set(after.absent), NoValue.RESET: set[str]()}
    for group, members in after.groups.items():
        of = known.get(group, Group(group, Kind.COUNTER))
        if of.kind is Kind.GAUGE or (of.kind is Kind.OF_THE_JOB and group not in before.groups):
            groups[group] = dict(members)
            continue
        if why := _not_read(before, group, of) or _named_otherwise(before, after, group):
            told = failures.get(of.collector)
            failures[of.collector] = why if told is None else told if why in told else f"{told}; {why}"
            continue
        groups[group] = {}
        gone = before.groups[group].keys() - members.keys() if of.kind is Kind.FROM_ZERO else set()
        for member in (*members, *gone):
            name, counted = f"{group}.{member}", _counted(before, after, of.kind, group, member)
            if isinstance(counted, NoValue):
                without[counted].add(name)
            else:
                groups[group][member] = max(0, counted - (own or {}).get(name, 0))
    resets = frozenset(without[NoValue.RESET])
    restarted = frozenset(group for group in groups if _restarted(before.instances, after.instances, group, group))
    for collector, why in _restarts(restarted, resets, known).items():
        failures[collector] = f"{failures[collector]}; {why}" if collector in failures else why
    return replace(after, groups=groups, delta_seconds=after.unixtime - before.unixtime, failures=failures,
                   absent=frozenset(without[NoValue.ABSENT]), resets=resets, restarted=restarted,
                   instances={}, made={}, parts={})


def _restarts(groups: frozenset[str], resets: frozenset[str], known: Mapping[str, Group]) -> dict[str, str]:
    """Collector -> a line on how many of its counters have no value because its server was restarted."""
    lost = Counter(known[group].collector if group in known else group
                   for group in map(group_of, resets) if group in groups)
    return {name: f"{name} restarted: {count:,} counter{' has' if count == 1 else 's have'} no value"
            for name, count in lost.items()}


def _counted(before: Snapshot, after: Snapshot, kind: Kind, group: str, member: str) -> Number | NoValue:
    name = f"{group}.{member}"
    first = before.groups[group].get(member, None if kind is Kind.COUNTER else 0)
    last = after.groups[group].get(member)
    if first is None or name in before.unreadable:
        return NoValue.ABSENT
    reset = (last is None or last < first or _restarted(before.instances, after.instances, group, name)
             or _lost(before.parts.get(name, {}), after.parts.get(name, {})))
    return NoValue.RESET if last is None or reset else last - first


def _lost(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether a part's count fell or is gone, which the sum need not show."""
    return any(after.get(mark, -1) < count for mark, count in before.items())


def _incomparable(before: Snapshot, after: Snapshot) -> str | None:
    if before.delta_seconds is not None:
        return "it is itself a difference: it was taken with --delta"
    if before.host is not None and after.host is not None and before.host != after.host:
        hosts = (inert(host, HOST) for host in (before.host, after.host))
        return "it was read on another node, {}; this one is {}".format(*hosts)
    if before.unixtime > after.unixtime:
        return f"it was read {before.unixtime - after.unixtime:,.1f} s in the future: the clock was set back"
    return None


def _not_read(before: Snapshot, group: str, of: Group) -> str | None:
    """Why the first reading of a group is missing; None where it is there.

    os-collect-counters, which does not name itself, writes an empty group where it failed.
    """
    if group in before.groups and (before.groups[group] or before.collector is not None):
        return None
    why = before.failures.get(of.collector, f"it has no group {group}" if group not in before.groups
                              else f"its group {group} is empty")
    return f"no difference, since the reading before failed: {why}"


def _named_otherwise(before: Snapshot, after: Snapshot, group: str) -> str | None:
    """Why a name may mean something else in the other reading."""
    if before.made.get(group) == after.made.get(group):
        return None
    return (f"no difference, since the reading before named the counters of {group} by other rules; take both with "
            "the same version and the same settings")


def _restarted(before: Mapping[str, Instance], after: Mapping[str, Instance], group: str, name: str) -> bool:
    first, second = (each.get(name, each.get(group)) for each in (before, after))
    if first is None or second is None:
        return False
    if isinstance(first, str) or isinstance(second, str):
        return first != second
    return abs(first - second) > SAME_START
