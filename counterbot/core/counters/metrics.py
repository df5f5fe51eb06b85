"""Names, values and kinds of what statsd is sent for Counters. Opens no socket.

The names are those of os-performance-tools' plugin for subunit2sql: ``[PREFIX.][META-PREFIX.]GROUP.NAME``,
and ``…testrun`` for the time between the readings. One thing differs: the plugin sent every value as a
count, and statsd adds counts up; a sum of peaks of memory means nothing, so gauges are sent as gauges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ..model import Counters, Number, group_of
from .attachment import GAUGES

TESTRUN = "testrun"
OTHER = re.compile(r"[^A-Za-z0-9_.-]")


class Kind(Enum):
    """What statsd does with a value; its letters in the protocol."""

    COUNT = "c"
    GAUGE = "g"
    TIME = "ms"


@dataclass(frozen=True)
class Metric:
    """A value under a name that is safe for statsd and Graphite. Times are in milliseconds."""

    name: str
    value: Number
    kind: Kind


def metrics(parts: Iterable[Counters], prefix: str = "") -> tuple[list[Metric], frozenset[str]]:
    """What to send, in the order of first appearance; and the duplicate names.

    Of duplicates the last value is sent: statsd would add them up.
    """
    found: dict[str, Metric] = {}
    repeated: set[str] = set()
    for part in parts:
        for metric in _of(part, prefix):
            if metric.name in found:
                repeated.add(metric.name)
            found[metric.name] = metric
    return list(found.values()), frozenset(repeated)


def segment(text: str) -> str:
    """Any text as one part of a name."""
    return OTHER.sub("_", text).replace(".", "_") or "_"


def _of(part: Counters, prefix: str) -> Iterable[Metric]:
    before = "".join(f"{_safe(each)}." for each in (prefix.strip("."), (part.prefix or "").strip(".")) if each)
    for name, value in part.values.items():
        kind = Kind.GAUGE if group_of(name) in GAUGES else Kind.COUNT
        yield Metric(before + _safe(name), value, kind)
    if part.seconds is not None:
        yield Metric(before + TESTRUN, part.seconds * 1000, Kind.TIME)


def _safe(name: str) -> str:
    """All but ASCII's letters and digits, ``_``, ``-`` and ``.`` becomes ``_``, and so does an empty part."""
    return ".".join(step or "_" for step in OTHER.sub("_", name).split("."))
