"""What is different between SQLite, PostgreSQL and MariaDB, and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Engine,
    Executable,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from . import mariadb

BUSY_SECONDS = 30
SILENT_SECONDS = 30
POOL = 16

LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
"""MariaDB's ``TEXT`` ends at 64 KB."""

NO_CONNECTION = "08001"
BEGIN = {"sqlite": "BEGIN IMMEDIATE"}
"""How a transaction begins where the driver does not do it: SQLite's plain BEGIN fails at once where two writers meet,
whatever the busy timeout."""

PASSING = frozenset({
    NO_CONNECTION,
    "40001", "40P01",  # PostgreSQL: serialization failure, deadlock
    "57P01", "57P02", "57P03",  # shutdown, crash, not ready yet
    "53300",  # too many connections
    1040, 1053, 1205, 1213, 4060,  # MariaDB: too many connections, shutdown, lock wait, deadlock, rolled back by it
    2002, 2003, 2006, 2013,  # cannot connect, gone away, lost
})
"""Codes of errors that may pass by themselves."""


MediumBlob = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
"""MariaDB's ``BLOB`` ends at 64 KB; this has room for 16 MB."""


def Ascii(length: int) -> String:  # noqa: N802 - a type, as SQLAlchemy writes types
    """Text of ASCII characters: MariaDB counts four bytes of its 3,072 for each character of a key of other text."""
    return String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_nopad_bin"),
                                       "mysql", "mariadb")


COMPARED: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_nopad_bin"}
"""Options of a table that compares text byte by byte in every database: MariaDB's default collation takes upper for
lower case, and ``a`` for ``a `` with a blank behind it."""


def table(name: str, metadata: MetaData, *parts: Any, **options: Any) -> Table:
    """A table that compares text byte by byte in every database."""
    return Table(name, metadata, *parts, **COMPARED, **options)


def engine(url: URL, *, read_only: bool = False) -> Engine:
    """Connections to the database at ``url``. ``read_only``: for a user without any right to write."""
    if url.get_backend_name() == "sqlite":
        made = create_engine(_sqlite_read_only(url) if read_only else url, pool_size=POOL, max_overflow=-1,
                             connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
        if not read_only:
            event.listen(made, "connect", _sqlite_connect)
        return made
    # Before use each connection is tried: it may be as old as the last restart of the server.
    made = create_engine(url, pool_size=POOL, max_overflow=-1, pool_pre_ping=True, hide_parameters=True,
                         connect_args=_options(url), isolation_level="READ COMMITTED")
    if url.get_backend_name() == "mysql":
        event.listen(made, "do_connect", mariadb.connected)
    return made


def _sqlite_read_only(url: URL) -> URL:
    # Without its log, which the last writer removes, SQLite would make a new one beside the file: "immutable" says that
    # nobody writes (https://sqlite.org/wal.html, section 5).
    used = Path(f"{url.database}-wal").exists()
    return url.set(database=f"file:{quote(url.database or '')}",
                   query={"uri": "true", "mode": "ro", **({} if used else {"immutable": "1"})})


def _options(url: URL) -> dict[str, Any]:
    """A server that is gone without a word is noticed within a minute or so."""
    if url.get_backend_name() == "postgresql":
        return {"connect_timeout": SILENT_SECONDS, "keepalives_idle": SILENT_SECONDS,
                "tcp_user_timeout": SILENT_SECONDS * 1000}
    # PyMySQL would encode a password that is text as Latin-1.
    secret = {"password": url.password.encode()} if url.password else {}
    return {"connect_timeout": SILENT_SECONDS, "read_timeout": 2 * SILENT_SECONDS,
            "write_timeout": 2 * SILENT_SECONDS, **secret}


def _sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or the driver begins by itself, with a plain BEGIN
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def insert_new(dialect: str, into: Table) -> Executable:
    """An INSERT that passes over rows whose key is there already."""
    if dialect == "sqlite":
        return sqlite.insert(into).on_conflict_do_nothing()
    if dialect == "postgresql":
        return postgresql.insert(into).on_conflict_do_nothing()
    key = next(iter(into.primary_key))
    return mysql.insert(into).on_duplicate_key_update({key.name: key})  # INSERT IGNORE would cut text that is too long


def is_passing(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is tried again."""
    reason = error.orig
    if error.connection_invalidated:
        return True
    if isinstance(reason, sqlite3.Error):
        return "is locked" in str(reason)
    if type(reason).__module__.startswith("psycopg"):
        return _sqlstate(reason) in PASSING
    return next(iter(getattr(reason, "args", ())), None) in PASSING


def _sqlstate(reason: Any) -> str | None:
    """psycopg has no code where it could not connect; to try again mends no wrong name or password."""
    if reason.sqlstate is None and not any(words in str(reason) for words in ("authentication", "does not exist")):
        return NO_CONNECTION
    return str(reason.sqlstate)


NOW = {
    "postgresql": "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    "mysql": "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
    "mariadb": "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
}
"""The server's clock in epoch milliseconds."""
