"""What the collectors of one node read at one time, and the document that holds it. Subtracts nothing.

The document is the counters attachment: groups of numbers, and ``__meta__`` about them. Unlike attachment.py, which
takes what any build offers, this knows one reading completely, with its empty groups too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from types import NoneType
from zlib import crc32

from ..model import Number, Unreadable
from .attachment import META, parse_counters
from .strictjson import documents

Instance = str | float
"""Which start of a server (or unit) counted: a word, or a start's epoch seconds by a clock that may be off a little."""


class Kind(Enum):
    """What a group's numbers are, and so what a difference of two readings is."""

    COUNTER = "counts since its server's start"
    FROM_ZERO = "the same, and a name that was not there before had counted nothing"
    OF_THE_JOB = "counts since the job's start, which stand where the first reading has none"
    GAUGE = "a momentary value, never subtracted"


@dataclass(frozen=True)
class Snapshot:
    """``groups``: group to name to number; one without names was read, and held nothing.

    ``unixtime`` is in seconds; ``delta_seconds`` is None for totals. ``failures`` is collector to reason;
    ``absent`` and ``resets`` are counters (``group.name``) without a value, and ``unreadable`` those whose
    value in the document is no number. ``instances`` is group, or counter, to what counted it; ``made``
    is group to the rules by which its counters got their names, where these can be chosen; ``parts`` is
    counter to what it adds up: a mark of each part, and the part's count. ``restarted`` are the groups of a difference
    whose server was restarted in between; in the document that is among the failures.
    """

    groups: Mapping[str, Mapping[str, Number]]
    unixtime: float
    host: str | None = None
    collector: str | None = None
    prefix: str | None = None
    delta_seconds: float | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    resets: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    instances: Mapping[str, Instance] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    restarted: frozenset[str] = frozenset()


def written(snapshot: Snapshot) -> bytes:
    """The document, as os-collect-counters lays it out: sorted, one counter a line."""
    meta = {
        "unixtime": snapshot.unixtime,
        "delta_seconds": snapshot.delta_seconds,
        "prefix": snapshot.prefix,
        "host": snapshot.host,
        "collector": snapshot.collector,
        "failures": dict(snapshot.failures),
        "absent": sorted(snapshot.absent),
        "resets": sorted(snapshot.resets),
        "instances": dict(snapshot.instances),
        "made": dict(snapshot.made),
        "parts": {name: " ".join(f"{part}:{count}" for part, count in sorted(parts.items()))
                  for name, parts in snapshot.parts.items()},
    }
    told = {key: value for key, value in meta.items() if value not in (None, {}, [])}
    return json.dumps({META: told, **snapshot.groups}, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def read(data: bytes) -> Snapshot:
    """The reading that a document holds. Raises Unreadable for what is none, in words for whoever wrote it."""
    if not data.strip():
        raise Unreadable("it is empty")
    found = list(islice(documents(data), 2))
    if len(found) != 1:
        raise Unreadable("it holds several readings; one was expected")
    document = found[0]
    meta = document.get(META) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(meta, dict):
        raise Unreadable(f"it is no reading of counters: it has no {META}")
    if type(meta.get("unixtime")) not in (int, float):
        raise Unreadable(f"its {META} has no unixtime, so nobody knows when it was read")
    counters = parse_counters(data)
    groups = {
        group: {member: counters.values[name] for member in members if (name := f"{group}.{member}") in counters.values}
        for group, members in document.items() if group != META and isinstance(members, dict)}
    host, starts = meta.get("host"), meta.get("instances", {})
    try:
        if not isinstance(host, (str, NoneType)) or not all(isinstance(each, (str, int, float))
                                                            for each in starts.values()):
            raise TypeError
        return Snapshot(
            groups, meta["unixtime"], host, meta.get("collector"), meta.get("prefix"),
            meta.get("delta_seconds"), counters.failures, counters.absent, counters.resets,
            frozenset(counters.unreadable), dict(starts), dict(meta.get("made", {})),
            {name: _parts(text) for name, text in meta.get("parts", {}).items()})
    except (AttributeError, TypeError, ValueError):
        raise Unreadable(f"its {META} is not as this version of counterbot writes it") from None


def _parts(text: str) -> dict[str, int]:
    return {mark: int(count) for mark, _, count in (part.partition(":") for part in text.split())}


def mark(text: str) -> str:
    """A part's mark: short, since there may be ten thousand."""
    return f"{crc32(text.encode(errors='surrogatepass')):08x}"
