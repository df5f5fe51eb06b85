"""Reads a counters attachment: each of its JSON documents becomes Counters.

A counter whose value is not a finite number is unreadable, with the reason; the others are used. The format is that of
os-performance-tools' ``os-collect-counters``, with more in ``__meta__``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .. import limits
from ..model import Counters, Unreadable
from ..text.inert import inert
from .gather import Gather, shown
from .merging import limit, merge
from .strictjson import Spoilt, documents, kind

META = "__meta__"
GAUGES = frozenset({"memory", "memory_peak", "process"})
"""Groups of momentary values: never subtracted, never added up over time."""

REASON = 300
"""Bytes of a collector's own reason that are kept."""


def parse_counters(data: bytes) -> Counters:
    """The counters of one or several JSON documents, one after the other, merged.

    Raises Unreadable where the text is no such document.
    """
    return merge(parse_each(data))


def parse_each(data: bytes) -> Iterator[Counters]:
    """The same, one document at a time; at least one."""
    empty = True
    for document in documents(data):
        empty = False
        yield _counters(document)
    if empty:
        raise Unreadable("it is empty")


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
            limit(len(failures), limits.FAILURES, "failures")
    counters = Counters(gather.values, gather.unreadable, failures, repeated=frozenset(gather.repeated))
    return _with_meta(counters, document.get(META, {}))


def _with_meta(counters: Counters, meta: object) -> Counters:
    if not isinstance(meta, dict):
        return replace(counters, failures={**counters.failures, META: _why(meta, "an object")})
    delta, prefix = meta.get("delta_seconds"), meta.get("prefix")
    failures = {**counters.failures, **_failures(meta.get("failures"))}
    if not isinstance(prefix, str):
        prefix = None
    elif len(prefix) > limits.COUNTER_NAME:  # it would precede each counter's name
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
    found = value if isinstance(value, dict) else {}
    limit(len(found), limits.FAILURES, "failures")
    return {shown(name): _reason(why) for name, why in found.items()}


def _reason(value: object) -> str:
    if not isinstance(value, str):
        return _why(value, "a reason")
    return inert(value, REASON) or "no reason is given"


def _why(value: object, expected: str) -> str:
    return value.why if isinstance(value, Spoilt) else f"{kind(value)} instead of {expected}"


def _names(value: object) -> frozenset[str]:
    return frozenset(shown(name) for name in value if isinstance(name, str)) if isinstance(value, list) \
        else frozenset()
