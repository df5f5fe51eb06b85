"""Makes one Counters of several documents of a build. Reads no document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from .. import limits
from ..model import Counters, Number, Unreadable, group_of

T = TypeVar("T")


def merge(parts: Iterable[Counters]) -> Counters:
    """Several documents in order; of duplicate names the last value is used. A value outweighs that another node has
    none.

    Raises Unreadable where they have more names or failures together than one document may have.
    """
    values: dict[str, Number] = {}
    unreadable: dict[str, str] = {}
    failures: dict[str, str] = {}
    absent, resets, repeated, deltas = set[str](), set[str](), set[str](), set[bool]()
    seconds, prefix, mixed = None, None, False
    for part in parts:
        repeated |= part.repeated | (values.keys() & part.values.keys())
        for name in part.values:
            unreadable.pop(name, None)
        for name in part.unreadable:
            values.pop(name, None)
        values.update(part.values)
        unreadable.update(part.unreadable)
        failures.update(part.failures)
        absent |= part.absent
        resets |= part.resets
        deltas |= set() if part.delta is None else {part.delta}
        mixed = mixed or part.mixed or len(deltas) > 1
        seconds = seconds if part.seconds is None else part.seconds
        prefix = prefix if part.prefix is None else part.prefix
        limit(len(values) + len(unreadable), limits.COUNTERS, "counters")
        limit(max(len(absent), len(resets)), limits.COUNTERS, "counters without a value")
        limit(len(failures), limits.FAILURES, "failures")
    return Counters(
        values, unreadable, failures, frozenset(absent - values.keys()), frozenset(resets - values.keys()),
        frozenset(repeated), None if mixed else next(iter(deltas), None), mixed, seconds, prefix)


def complete(counters: Counters, performance: Counters) -> Counters:
    """The attachment's counters, and from performance.json the groups that it does not have.

    Raises Unreadable as :func:`merge` does.
    """
    groups = {group_of(name) for name in (*counters.values, *counters.unreadable)}
    missing = replace(performance, values=_without(groups, performance.values),
                      unreadable=_without(groups, performance.unreadable))
    return merge([missing, counters])


def limit(count: int, most: int, what: str) -> None:
    """Raise Unreadable where there are too many."""
    if count > most:
        raise Unreadable(f"more than {most:,} {what}")


def _without(groups: set[str], named: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in named.items() if group_of(name) not in groups}
