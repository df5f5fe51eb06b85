"""Reads DevStack's performance.json into Counters.

Written by DevStack's ``tools/get-stats.py`` at the end of a job. Version 1 counts API requests by
METHOD, version 2 by AGENT-METHOD; agents change with the tests' tools, so they are summed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from itertools import islice

from .. import limits
from ..model import Counters, Unreadable
from .gather import Gather
from .strictjson import documents, kind

NOT_SET = (None, 2**64 - 1, "[not set]")
"""What systemd says of a unit whose memory is not accounted for, or that does not run."""

Row = Mapping[str, object]


def parse_performance(data: bytes) -> Counters:
    """``memory.UNIT`` and ``process.BASENAME`` in bytes, ``db.DATABASE.OPERATION``, ``api.SERVICE.METHOD``.

    Raises Unreadable where the text is not a performance.json.
    """
    found = list(islice(documents(data), 2))
    document = found[0] if len(found) == 1 else None
    if not isinstance(document, dict):
        raise Unreadable("not a performance.json: one JSON object was expected")
    if not any(isinstance(document.get(section), list) for section in _SECTIONS):
        raise Unreadable(f"not a performance.json: it holds none of {', '.join(_SECTIONS)}")
    gather, failures = Gather(), {}
    for section, take in _SECTIONS.items():
        why = _section(gather, document.get(section, []), take)
        if why:
            failures[section] = why
    return Counters(gather.values, gather.unreadable, failures)


def looks_like_performance(data: bytes) -> bool:
    """Whether a JSON document is DevStack's performance.json rather than a counters attachment."""
    if b'"services"' not in data[: limits.COUNTERS_FILE]:
        return False
    try:
        document = next(documents(data), None)
    except Unreadable:
        return False
    return isinstance(document, dict) and isinstance(document.get("services"), list)


def _section(gather: Gather, rows: object, take: Callable[[Gather, Row], None]) -> str | None:
    """Adds a section's rows. None, or what is wrong with them."""
    if not isinstance(rows, list):
        return f"{kind(rows)} instead of a list"
    unnamed = 0
    for row in rows:
        try:
            take(gather, row if isinstance(row, dict) else {})
        except KeyError:
            unnamed += 1
    return f"{unnamed:,} of {len(rows):,} rows have no name" if unnamed else None


def _service(gather: Gather, row: Row) -> None:
    unit = _name(row, "service").removeprefix("devstack@").removesuffix(".service")
    if row.get("MemoryCurrent") not in NOT_SET:
        gather.set(f"memory.{unit}", row["MemoryCurrent"])


def _database(gather: Gather, row: Row) -> None:
    gather.add(f"db.{_name(row, 'db')}.{_name(row, 'op')}", row.get("count"))


def _process(gather: Gather, row: Row) -> None:
    gather.add(f"process.{posixpath.basename(_name(row, 'cmd'))}", row.get("rss"))


def _api(gather: Gather, row: Row) -> None:
    service = _name(row, "service")
    for key, value in row.items():
        if key not in ("service", "log", "largest"):
            gather.add(f"api.{service}.{key.rpartition('-')[2]}", value)


def _name(row: Row, key: str) -> str:
    """Raises KeyError where the row has no such name."""
    name = row.get(key)
    if not isinstance(name, str):
        raise KeyError(key)
    return name


_SECTIONS = {"services": _service, "db": _database, "processes": _process, "api": _api}
