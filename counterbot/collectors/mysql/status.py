"""Reads SHOW GLOBAL STATUS, and finds out what a reading itself adds to it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import translate
from itertools import pairwise

from ...core.deadline import Deadline
from ...core.model import Number
from .. import Collected, Failed
from . import schemas
from .access import Access, Settings, find
from .connection import Link, Refused, linked, number, pairs

PATTERNS = ("Com_*", "Created_tmp_*", "Handler_*", "Rows_*", "Select_*", "Sort_*")
NAMES = (
    "Bytes_received", "Connections", "Queries", "Questions",
    # with Com_delete, Com_insert, Com_select and Com_update, what os-collect-counters gathered
    "Innodb_buffer_pool_read_requests", "Innodb_data_read", "Innodb_data_reads", "Innodb_data_writes",
    "Innodb_data_written", "Innodb_log_writes", "Innodb_rows_deleted", "Innodb_rows_inserted", "Innodb_rows_read",
    "Innodb_rows_updated", "Slow_queries", "Com_delete", "Com_insert", "Com_select", "Com_update",
)

STATUS = "SHOW GLOBAL STATUS"
AGE = "SHOW GLOBAL STATUS LIKE 'Uptime'"
"""Asked too, so that one slow answer does not matter: the quicker one tells the server's start."""

PROMPT = 1.0
"""Seconds an answer may take: the starts that two such tell differ by less than ``core.difference.SAME_START``."""

STATEMENTS = 3
"""That every reading sends: PyMySQL's SET NAMES, and the two above."""

AGAIN = 4
"""Further readings that tell what one of them adds: among so many, one is not disturbed by others' work."""


def read(settings: Settings, seconds: float, again: bool) -> Collected:
    """The counters of the server; ``own`` only where ``again``. Raises Failed."""
    deadline = Deadline.after(seconds, time.monotonic)
    access = find(settings, os.environ)
    readings = [_read(access, settings, deadline) for _ in range(1 + AGAIN if again else 1)]
    return replace(readings[0], own=_own([_flat(each.groups) for each in readings]))


def _read(access: Access, settings: Settings, deadline: Deadline) -> Collected:
    """One connection's worth; the status last, so that least of the connection's own doing comes after it."""
    by_schema, failures = None, []
    with linked(access, deadline) as link:
        if settings.schemas:
            try:
                by_schema = schemas.read(link, access.place)
            except Refused as error:
                failures.append(f"schemas: {error}")
        _, *first = _asked(link, AGE)
        status, *second = _asked(link, STATUS)
    counters = dict(_wanted(status, settings.more))
    if not counters:
        raise Failed(f"the server at {access.place} told none of the counters; is it a proxy? set host, port or socket")
    took, start = min(first, second)
    if took > PROMPT:
        failures.append(f"the server at {access.place} took {took:.1f} s to tell its age, so a restart cannot be told"
                        " for certain; read it when it has less to do, or from nearer by")
    groups, made, parts = {"mysql": counters}, {}, {}
    if by_schema:
        groups["schemas"], made["schemas"] = by_schema.counts, by_schema.on
        parts = {f"schemas.{name}": tables for name, tables in by_schema.parts.items()}
    return Collected(groups, tuple(failures), frozenset(_absent(counters, settings.more)),
                     dict.fromkeys(groups, start) if "Uptime" in status else {}, made=made, parts=parts)


def _asked(link: Link, statement: str) -> tuple[dict[str, str], float, float]:
    """Status variables, the seconds that the answer took, and when the server started (seconds since the epoch).

    It told its age at some time between question and answer.
    """
    sent, began = time.time(), time.monotonic()
    status = dict(pairs(link.rows(statement, "give this user the right to SHOW GLOBAL STATUS")))
    took = time.monotonic() - began
    return status, took, sent + took / 2 - (number(status.get("Uptime")) or 0)


def _wanted(status: Mapping[str, str], more: Sequence[str]) -> Iterator[tuple[str, Number]]:
    matches = re.compile("|".join(map(translate, (*PATTERNS, *NAMES, *more))), re.IGNORECASE).match
    for name, text in status.items():
        value = number(text)
        if value is not None and matches(name):
            yield name, value


def _absent(found: Iterable[str], more: Sequence[str]) -> Iterator[str]:
    """Names, not patterns, that the server does not have, or has as something that is no number."""
    known = {name.lower() for name in found}
    for name in (*NAMES, *more):
        if name.lower() not in known and not set(name) & set("*?["):
            yield f"mysql.{name}"


# What a reading itself adds


def _flat(groups: Mapping[str, Mapping[str, Number]]) -> dict[str, Number]:
    return {f"{group}.{name}": value for group, members in groups.items() for name, value in members.items()}


def _own(readings: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """The least by which each counter grew from one reading to the next; nothing of a single reading.

    MariaDB adds a connection that ended to its totals while it may be adding up the totals for a reading, which then
    misses it. Such a reading has not even the statements of the one before.
    """
    steps = list(pairwise(readings))
    good = [step for step in steps if _grew(step, "mysql.Questions") >= STATEMENTS] or steps
    return {name: max(0, min(_grew(step, name) for step in good)) for name in (readings[0] if steps else ())}


def _grew(step: tuple[Mapping[str, Number], Mapping[str, Number]], name: str) -> Number:
    before, after = step
    return after.get(name, 0) - before.get(name, 0)
