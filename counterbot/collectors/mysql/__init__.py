"""How often MySQL or MariaDB did what, from SHOW GLOBAL STATUS. Changes nothing on the server.

Needs
    A user who may log in; no privilege is needed for the group ``mysql``. Server and user are found as the
    ``mysql`` client finds them: in ``/etc/my.cnf``, ``/etc/mysql/my.cnf`` and ``~/.my.cnf`` (groups ``client``,
    ``client-server`` and ``client-mariadb``, with ``!include`` and ``!includedir``), then in ``MYSQL_HOST``,
    ``MYSQL_TCP_PORT``, ``MYSQL_UNIX_PORT`` and ``MYSQL_PWD``. What the client can do without a password
    (``unix_socket``), this can do as well. ``~/.mylogin.cnf`` is not read. TLS is used where the options
    ``ssl``, ``ssl-mode``, ``ssl-ca`` and their like ask for it.

Settings
    ``host``, ``port``, ``socket``, ``user``
        What goes before option files and environment. A ``socket`` stands for host and port.
    ``password_file``
        A file that holds the password and nothing else.
    ``defaults_file``
        The option file to read in place of those above.
    ``more``
        Names or shell patterns of further status variables, in any case: ``Innodb_rows_*``. Take what is
        counted, not what goes up and down (``Threads_connected``).
    ``schemas``
        ``true`` adds the group ``schemas``: what was done in each database. Where ``userstat=1`` (MariaDB,
        Percona), rows read and changed, of the databases in which the user may SELECT. Where
        ``performance_schema=ON``, statements, and rows examined and affected; for that the user needs
        ``GRANT SELECT ON performance_schema.*``, and the consumers ``global_instrumentation`` and
        ``statements_digest`` must be enabled, as they are by default.

Stanza
    .. code-block:: yaml

        mysql:
          user: counters
          password_file: /etc/counterbot/mysql-password
          more: ["Innodb_rows_*", Opened_tables]
          schemas: true

Output
    .. code-block:: json

        {
         "mysql": {"Com_select": 181203, "Handler_read_key": 903311, "Queries": 402117},
         "schemas": {"nova_rows_read": 551201, "nova_rows_changed": 10331, "nova_statements": 120414}
        }

    Names are the server's own. By default ``Bytes_received``, ``Com_*``, ``Connections``, ``Created_tmp_*``,
    ``Handler_*``, ``Queries``, ``Questions``, ``Rows_*``, ``Select_*`` and ``Sort_*``, which come out the same
    whenever the same work is done; and what os-collect-counters gathered: ``Slow_queries`` and ten
    ``Innodb_*``, which depend on time and cache. What of these the server does not have is ``absent``: MariaDB
    10.11 has no ``Innodb_rows_*``.

    The server drops a table's rows from its count with the table (``DROP TABLE``), and all of them with
    ``FLUSH TABLE_STATISTICS``. Where a table's count is gone or fell since the reading before, the sum of its
    database has no difference. Not seen are tables that came and went between the two readings, and a loss
    that the table has made up for since. ``TRUNCATE`` of ``events_statements_summary_by_digest`` lowers the
    counts of statements; that is seen only where a sum is less than before.

    A difference holds nothing of what this collector did itself: when a reading before is to be subtracted,
    it makes four more like it, and takes away the least that one of them added.

Failures
    Where the server cannot be read, the reason is told in one line, without the password. Where ``schemas``
    cannot be read, the group ``mysql`` still is. Two readings between which ``userstat`` or
    ``performance_schema`` was switched have no difference of ``schemas``. A server that was started anew
    between two readings is seen by its age, and has no difference; one that takes more than a second to tell
    its age is a failure, though its counters are there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from itertools import pairwise

from ...core.counters.snapshot import mark
from ...core.model import Number
from ...core.text.inert import inert
from .. import Collected, Failed, Kind
from .access import Access, find
from .connection import Link, Refused, Row, linked, refusals

__all__ = ["GROUPS", "Settings", "collect"]

GROUPS = {"mysql": Kind.COUNTER, "schemas": Kind.FROM_ZERO}

PATTERNS = ("Com_*", "Created_tmp_*", "Handler_*", "Rows_*", "Select_*", "Sort_*")
NAMES = (
    "Bytes_received", "Connections", "Queries", "Questions",
    # with Com_delete, Com_insert, Com_select and Com_update, what os-collect-counters gathered
    "Innodb_buffer_pool_read_requests", "Innodb_data_read", "Innodb_data_reads", "Innodb_data_writes",
    "Innodb_data_written", "Innodb_log_writes", "Innodb_rows_deleted", "Innodb_rows_inserted", "Innodb_rows_read",
    "Innodb_rows_updated", "Slow_queries", "Com_delete", "Com_insert", "Com_select", "Com_update",
)

AGE = "SHOW GLOBAL STATUS LIKE 'Uptime'"
"""Asked besides: of two answers one is quick, and tells the server's start well."""

PROMPT = 1.0
"""Seconds an answer may take: the starts that two such tell differ by less than ``core.difference.SAME_START``."""

STATEMENTS = 3
"""That every reading sends: PyMySQL's SET NAMES, the one above, and SHOW GLOBAL STATUS."""

AGAIN = 4
"""Further readings that tell what one of them adds: among so many, one is not disturbed by others' work."""

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

TOLD, SHOWN = 5, 40
"""Of strange values, how many are told, and how many bytes of each."""

WHOLE = re.compile(r"-?[0-9]{1,30}")
REAL = re.compile(r"-?[0-9]{1,30}\.[0-9]{1,30}")
LOCAL = (None, "localhost")


@dataclass(frozen=True)
class Settings:
    """As the module's manual page tells."""

    host: str | None = None
    port: int | None = None
    socket: str | None = None
    user: str | None = None
    password_file: str | None = None
    defaults_file: str | None = None
    more: tuple[str, ...] = ()
    schemas: bool = False

    def __post_init__(self) -> None:
        empty = [name for name, value in vars(self).items() if value == ""]
        if empty:
            raise ValueError(f"{empty[0]} is empty; give a value, or leave it out")
        if self.port is not None and not 0 < self.port < 1 << 16:
            raise ValueError("port must be from 1 to 65535")
        if self.socket is not None and (self.port is not None or self.host not in LOCAL):
            raise ValueError("socket stands for host and port; give one or the other")


@dataclass(frozen=True)
class _Start:
    """When the server started, by this node's clock, as an answer tells it that took so many ``seconds``."""

    seconds: float
    unixtime: float


@dataclass(frozen=True)
class _Schemas:
    """What was counted by database, where these were ``on``; and of a sum of tables, each table's mark and count."""

    on: str
    counts: dict[str, Number] = field(default_factory=dict)
    parts: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reading:
    """What one connection saw. ``schemas`` is None where it is not wanted, or cannot be read; then ``why`` is set.

    ``start`` is None where the server does not tell.
    """

    status: Mapping[str, str]
    schemas: _Schemas | None
    why: str | None
    start: _Start | None


def collect(settings: Settings, seconds: float, again: bool) -> Collected:
    """The counters of the server; ``own`` only where ``again``. Raises Failed."""
    ends = time.monotonic() + seconds
    access = find(settings, os.environ)
    readings = [_read(access, settings.schemas, ends) for _ in range(1 + AGAIN if again else 1)]
    first = readings[0]
    wanted = re.compile("|".join(map(translate, (*PATTERNS, *NAMES, *settings.more))), re.IGNORECASE)
    groups = _groups(first, wanted)
    if not groups["mysql"]:
        raise Failed(f"the server at {access.place} told none of the counters; is it a proxy? set host, port or socket")
    return Collected(
        groups, (*_strange(first), *([first.why] if first.why else ()), *_slow(first, access)),
        frozenset(_absent(groups["mysql"], settings.more)),
        dict.fromkeys(groups, first.start.unixtime) if first.start else {},
        _own([_flat(_groups(each, wanted)) for each in readings]),
        {"schemas": first.schemas.on} if first.schemas else {},
        {f"schemas.{name}": parts for name, parts in first.schemas.parts.items()} if first.schemas else {})


def _read(access: Access, schemas: bool, ends: float) -> _Reading:
    """One connection's worth; the status last, so that least of the connection's own doing comes after it."""
    with linked(access, ends) as link:
        per_schema, why = _schemas(link, access) if schemas else (None, None)
        with refusals(access, "give this user the right to SHOW GLOBAL STATUS"):
            _, first = _asked(link, AGE)
            status, second = _asked(link, "SHOW GLOBAL STATUS")
    starts = [start for start in (first, second) if start]
    return _Reading(status, per_schema, why, min(starts, key=lambda start: start.seconds, default=None))


def _asked(link: Link, statement: str) -> tuple[dict[str, str], _Start | None]:
    """Status variables, and the server's start: it told its age at some time between question and answer."""
    sent, began = time.time(), time.monotonic()
    status = dict(_pairs(link.rows(statement)))
    seconds = time.monotonic() - began
    age = _number(status.get("Uptime"))
    return status, None if age is None else _Start(seconds, sent + seconds / 2 - age)


def _slow(reading: _Reading, access: Access) -> Iterator[str]:
    if reading.start and reading.start.seconds > PROMPT:
        yield (f"the server at {access.place} took {reading.start.seconds:.1f} s to tell its age, so a restart cannot"
               " be told for certain; read it when it has less to do, or from nearer by")


def _pairs(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Rows of a name and a text; what has another shape is passed over."""
    for row in rows:
        if len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], str):
            yield row[0], row[1]


# What was done in each database


def _schemas(link: Link, access: Access) -> tuple[_Schemas | None, str | None]:
    """The counters of the databases, or None; and why some or all of them are missing."""
    try:
        with refusals(access, "give this user the right to SHOW GLOBAL VARIABLES, or set schemas: false"):
            on = {name.lower() for name, value in _pairs(link.rows(SWITCHES)) if value.upper() in ("ON", "1")}
        found = _Schemas(" ".join(sorted(on)))
        if "userstat" in on:
            _add_rows(found, link, access)
        if "performance_schema" in on:
            found.counts.update(_digests(link, access))
    except Refused as error:
        return None, f"schemas: {error}"
    if not on:
        return None, (f"schemas: the server at {access.place} counts nothing by database; SET GLOBAL userstat=1 on it"
                      " (MariaDB, Percona), or start it with performance_schema=ON")
    return found, None


def _add_rows(found: _Schemas, link: Link, access: Access) -> None:
    with refusals(access, "let this user SELECT in the databases, or set schemas: false"):
        rows = link.rows(ROWS)
    for schema, table, read, changed in rows:
        for name, number in _named(schema, rows_read=read, rows_changed=changed):
            found.counts[name] = found.counts.get(name, 0) + number
            if number:  # the loss of a table that counted nothing costs nothing
                parts, marked = found.parts.setdefault(name, {}), mark(str(table))
                parts[marked] = parts.get(marked, 0) + int(number)


def _digests(link: Link, access: Access) -> Iterator[tuple[str, Number]]:
    with refusals(access, "GRANT SELECT ON performance_schema.* to this user, or set schemas: false"):
        off = [name for name, in link.rows(CONSUMERS)]
        rows = link.rows(DIGESTS)
    if off:
        raise Refused(f"the server at {access.place} does not count statements; on it, {SWITCH_ON}"
                      f" '{inert(str(off[0]), SHOWN)}', or set schemas: false")
    for schema, statements, examined, affected, rest in rows:
        if schema is None and rest not in (None, "0"):
            raise Refused(f"the server at {access.place} has no room to tell all statements apart;"
                          " raise its performance_schema_digests_size, or set schemas: false")
        yield from _named(schema, statements=statements, rows_examined=examined, rows_affected=affected)


def _named(schema: object, **values: object) -> Iterator[tuple[str, Number]]:
    for name, value in values.items():
        number = _number(value)
        if isinstance(schema, str) and number is not None:
            yield f"{schema}_{name}", number


# From texts to counters


def _groups(reading: _Reading, wanted: re.Pattern[str]) -> dict[str, Mapping[str, Number]]:
    numbers = {name: _number(text) for name, text in reading.status.items() if wanted.match(name)}
    status = {name: number for name, number in numbers.items() if number is not None}
    return {"mysql": status} if reading.schemas is None else {"mysql": status, "schemas": reading.schemas.counts}


DUE = re.compile("|".join(map(translate, (*PATTERNS, *NAMES))), re.IGNORECASE)
"""What is read by default, and is a number wherever a server has it; with ``more`` come words too."""


def _strange(reading: _Reading) -> list[str]:
    """Counters whose value is none, each in a line."""
    return [f"{name} is {inert(text, SHOWN)!r}, and should be a number; is the server what it seems?"
            for name, text in reading.status.items() if DUE.match(name) and _number(text) is None][:TOLD]


def _absent(found: Iterable[str], more: Sequence[str]) -> Iterator[str]:
    """Names, not patterns, that the server does not have, or has as something that is no number."""
    known = {name.lower() for name in found}
    for name in (*NAMES, *more):
        if name.lower() not in known and not set(name) & set("*?["):
            yield f"mysql.{name}"


def _number(text: object) -> Number | None:
    if not isinstance(text, str):
        return None
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if REAL.fullmatch(text) else None


# What a reading itself adds


def _flat(groups: Mapping[str, Mapping[str, Number]]) -> dict[str, Number]:
    return {f"{group}.{name}": value for group, members in groups.items() for name, value in members.items()}


def _own(readings: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """The least by which each counter grew from one reading to the next; nothing of a single reading.

    MariaDB adds a connection that ended to its totals while it may be adding up the totals for a reading,
    which then misses it. Such a reading has not even the statements of the one before.
    """
    pairs = list(pairwise(readings))
    good = [pair for pair in pairs if _grew(pair, "mysql.Questions") >= STATEMENTS] or pairs
    return {name: max(0, min(_grew(pair, name) for pair in good)) for name in (readings[0] if pairs else ())}


def _grew(pair: tuple[Mapping[str, Number], Mapping[str, Number]], name: str) -> Number:
    before, after = pair
    return after.get(name, 0) - before.get(name, 0)
