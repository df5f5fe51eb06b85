"""The counters attachment -> Counters, and how several files of one build become one. Judges nothing.

A counter whose value is no finite number is unreadable and keeps its reason; the others count.
The format is that of os-performance-tools' ``os-collect-counters``, with more in ``__meta__``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from .. import limits
from ..model import Counters, Number, Unreadable, group_of
from ..text.inert import inert
from .gather import Gather, shown
from .performance import looks_like_performance, parse_performance
from .strictjson import Spoilt, documents, kind

__all__ = ["GAUGES", "META", "complete", "looks_like_performance", "merge", "parse_counters", "parse_each",
           "parse_performance", "parsed"]

T = TypeVar("T")

META = "__meta__"
GAUGES = frozenset({"memory", "memory_peak", "process"})
"""Groups of momentary values: never subtracted, never added up over time."""

REASON = 300
"""Bytes of a collector's own reason that are kept."""


def parse_counters(data: bytes) -> Counters:
    """The counters of one or several JSON documents, one after the other; of a repeated name the later value.

    Raises Unreadable where the text is no such document.
    """
    return merge(parsed(data))


def parse_each(data: bytes) -> list[Counters]:
    """The same, document by document; at least one."""
    return list(parsed(data))


def parsed(data: bytes) -> Iterator[Counters]:
    """The same, each document when it is asked for."""
    empty = True
    for document in documents(data):
        empty = False
        yield _counters(document)
    if empty:
        raise Unreadable("it is empty")


def merge(parts: Iterable[Counters]) -> Counters:
    """Several documents of one build, in order: a name that comes twice keeps the later value, and is told.

    Raises Unreadable where they have more names together than one may have, or failures.
    """
    merged = _Merged()
    for part in parts:
        merged.take(part)
    return merged.counters()


def complete(counters: Counters, performance: Counters) -> Counters:
    """The attachment's counters, and from performance.json the groups that it does not have.

    Raises Unreadable as :func:`merge` does.
    """
    have = {group_of(name) for name in (*counters.values, *counters.unreadable)}
    missing = replace(performance, values=_without(performance.values, have),
                      unreadable=_without(performance.unreadable, have))
    return merge([missing, counters])


def _without(named: Mapping[str, T], groups: set[str]) -> dict[str, T]:
    return {name: value for name, value in named.items() if group_of(name) not in groups}


@dataclass
class _Merged:
    """What the documents so far gave together."""

    values: dict[str, Number] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    resets: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    deltas: set[bool] = field(default_factory=set)
    mixed: bool = False
    seconds: Number | None = None
    prefix: str | None = None

    def take(self, part: Counters) -> None:
        self.repeated |= part.repeated
        for name, value in part.values.items():
            if name in self.values:
                self.repeated.add(name)
            self.values[name] = value
            self.unreadable.pop(name, None)
        for name, why in part.unreadable.items():
            self.values.pop(name, None)
            self.unreadable[name] = why
        self.failures |= part.failures
        self.absent |= part.absent
        self.resets |= part.resets
        if part.delta is not None:
            self.deltas.add(part.delta)
        self.mixed = self.mixed or part.mixed or len(self.deltas) > 1
        _bound(len(self.values) + len(self.unreadable), limits.COUNTERS, "counters")
        _bound(max(len(self.absent), len(self.resets)), limits.COUNTERS, "counters without a value")
        _bound(len(self.failures), limits.FAILURES, "failures")
        self.seconds = self.seconds if part.seconds is None else part.seconds
        self.prefix = self.prefix if part.prefix is None else part.prefix

    def counters(self) -> Counters:
        """A value from one node outweighs that another node has none."""
        return Counters(
            self.values, self.unreadable, self.failures,
            frozenset(self.absent - self.values.keys()),
            frozenset(self.resets - self.values.keys()),
            frozenset(self.repeated),
            delta=None if self.mixed else next(iter(self.deltas), None),
            mixed=self.mixed, seconds=self.seconds, prefix=self.prefix)


def _counters(document: object) -> Counters:
    """One document. Without counters it is neither a difference nor a total."""
    if not isinstance(document, dict):
        raise Unreadable(f"{kind(document)} instead of an object of groups")
    gather, failures = Gather(), {}
    for group, members in document.items():
        if group == META:
            continue
        if isinstance(members, dict):
            for name, value in members.items():
                gather.set(f"{group}.{name}", value)
        else:
            failures[shown(group)] = _why(members, "a group of counters")
            _bound(len(failures), limits.FAILURES, "failures")
    counters = Counters(gather.values, gather.unreadable, failures, repeated=frozenset(gather.repeated))
    return _with_meta(counters, document.get(META, {}))


def _with_meta(counters: Counters, meta: object) -> Counters:
    if not isinstance(meta, dict):
        return replace(counters, failures={**counters.failures, META: _why(meta, "an object")})
    delta, prefix = meta.get("delta_seconds"), meta.get("prefix")
    failures = {**counters.failures, **_failures(meta.get("failures"))}
    if not isinstance(prefix, str):
        prefix = None
    elif len(prefix) > limits.COUNTER_NAME:  # each counter's name would have it
        failures[META] = f"a prefix of {len(prefix):,} characters, more than {limits.COUNTER_NAME}"
        prefix = None
    return replace(
        counters,
        failures=failures,
        absent=_names(meta.get("absent")) - counters.values.keys(),
        resets=_names(meta.get("resets")) - counters.values.keys(),
        delta=delta is not None and not isinstance(delta, bool) if counters.values else None,
        seconds=delta if isinstance(delta, (int, float)) and not isinstance(delta, bool) else None,
        prefix=prefix,
    )


def _failures(value: object) -> dict[str, str]:
    told = value if isinstance(value, dict) else {}
    _bound(len(told), limits.FAILURES, "failures")
    return {shown(name): _reason(why) for name, why in told.items()}


def _reason(value: object) -> str:
    if not isinstance(value, str):
        return _why(value, "a reason")
    return inert(value, REASON) or "no reason is given"


def _bound(count: int, limit: int, what: str) -> None:
    """Raise Unreadable where there are too many: others would have to keep them all."""
    if count > limit:
        raise Unreadable(f"more than {limit:,} {what}")


def _why(value: object, expected: str) -> str:
    return value.why if isinstance(value, Spoilt) else f"{kind(value)} instead of {expected}"


def _names(value: object) -> frozenset[str]:
    return frozenset(shown(name) for name in value if isinstance(name, str)) if isinstance(value, list) \
        else frozenset()
