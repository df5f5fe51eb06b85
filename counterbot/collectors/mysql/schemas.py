"""What was done in each database, from userstat's and performance_schema's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...core.counters.snapshot import mark
from ...core.model import Number
from .connection import Link, Refused, number, pairs

SWITCHES = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('performance_schema', 'userstat')"
ROWS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, ROWS_READ, ROWS_CHANGED FROM information_schema.TABLE_STATISTICS"
    " WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')")
CONSUMERS = (
    "SELECT NAME FROM performance_schema.setup_consumers"
    " WHERE NAME IN ('global_instrumentation', 'statements_digest') AND ENABLED = 'NO'")
SWITCH_ON = "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME ="
DIGESTS = (  # what finds no place in the table any more is counted in one row without schema and digest
    "SELECT SCHEMA_NAME, SUM(COUNT_STAR), SUM(SUM_ROWS_EXAMINED), SUM(SUM_ROWS_AFFECTED), SUM(DIGEST IS NULL)"
    " FROM performance_schema.events_statements_summary_by_digest"
    " WHERE SCHEMA_NAME IS NULL OR SCHEMA_NAME NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
    " GROUP BY SCHEMA_NAME")


@dataclass(frozen=True)
class Schemas:
    """What was counted by database, where these were ``on``; and of a sum of tables, each table's mark and count."""

    on: str
    counts: dict[str, Number] = field(default_factory=dict)
    parts: dict[str, dict[str, int]] = field(default_factory=dict)


def read(link: Link, place: str) -> Schemas:
    """The counters of the databases. Raises Refused with the reason where some of them cannot be read."""
    switches = link.rows(SWITCHES, "give this user the right to SHOW GLOBAL VARIABLES, or set schemas: false")
    on = {name.lower() for name, value in pairs(switches) if value.upper() in ("ON", "1")}
    if not on:
        raise Refused(f"the server at {place} counts nothing by database; SET GLOBAL userstat=1 on it"
                      " (MariaDB, Percona), or start it with performance_schema=ON")
    found = Schemas(" ".join(sorted(on)))
    if "userstat" in on:
        _add_rows(found, link)
    if "performance_schema" in on:
        found.counts.update(_statements(link, place))
    return found


def _add_rows(found: Schemas, link: Link) -> None:
    for schema, table, read, changed in link.rows(ROWS, "let this user SELECT in the databases, or set schemas: false"):
        for name, count in _named(schema, rows_read=read, rows_changed=changed):
            found.counts[name] = found.counts.get(name, 0) + count
            if count:  # a table that counted nothing can be dropped without a reset
                parts, marked = found.parts.setdefault(name, {}), mark(str(table))
                parts[marked] = parts.get(marked, 0) + int(count)


def _statements(link: Link, place: str) -> Iterator[tuple[str, Number]]:
    right = "GRANT SELECT ON performance_schema.* to this user, or set schemas: false"
    off = [name for name, in link.rows(CONSUMERS, right)]
    rows = link.rows(DIGESTS, right)
    if off:
        raise Refused(f"the server at {place} does not count statements; on it, {SWITCH_ON} '{off[0]!s}', or set"
                      " schemas: false")
    for schema, statements, examined, affected, rest in rows:
        if schema is None and rest not in (None, "0"):
            raise Refused(f"the server at {place} has no room to tell all statements apart; raise its"
                          " performance_schema_digests_size, or set schemas: false")
        yield from _named(schema, statements=statements, rows_examined=examined, rows_affected=affected)


def _named(schema: object, **values: object) -> Iterator[tuple[str, Number]]:
    for name, value in values.items():
        count = number(value)
        if isinstance(schema, str) and count is not None:
            yield f"{schema}_{name}", count
