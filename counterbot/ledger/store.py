"""The database connection and its transactions. Knows nothing of what the rows mean.

SQLite: WAL, ``synchronous=FULL``, and ``BEGIN IMMEDIATE`` for every transaction, since a plain
``BEGIN`` fails at once where two writers meet, whatever the busy timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError

BUSY_SECONDS = 30
FAULTS = 5
"""Claims in a row that ended without order (a crash, a bug) before a row is put aside."""

QUARANTINED = "quarantined"

Row = Mapping[str, Any]


class LedgerError(Exception):
    """The database cannot be used; the text says what to look at."""


class Lost(Exception):
    """A claim ran out and somebody else has it: what was done under it must not be noted."""


class Store:
    """One SQLite database. ``now`` gives epoch milliseconds. Raises LedgerError where it cannot be opened."""

    def __init__(self, url: str, now: Callable[[], int]) -> None:
        self.now = now
        self.engine = create_engine(url, pool_size=16, connect_args={"timeout": BUSY_SECONDS})
        event.listen(self.engine, "connect", _sqlite_connect)
        event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with told(f" {self.engine.url.database}"):
            _migrate(self.engine)

    @classmethod
    def existing(cls, url: str, now: Callable[[], int]) -> Store:
        """As a bot left it. Raises LedgerError where none did."""
        path = make_url(url).database
        if not path or not Path(path).exists():
            raise LedgerError(f"no ledger at {path}: the bot has not run yet")
        return cls(url, now)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it or nothing."""
        with told(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Reading outside a transaction: never waits for a writer."""
        with told(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    def claim(self, table: Table, lease: int, *conditions: Any, states: Sequence[str] = ("due",),
              taken: str | None = None, patient: bool = False) -> Row | None:
        """The row that has been due longest, leased to the caller for ``lease`` milliseconds.

        A row whose last claims ended in crashes is put aside instead, so that it cannot stop the
        others; not so where the caller is ``patient``: what is owed stays owed.
        """
        due = (table.c.state.in_(states), table.c.due <= self.now(), *conditions)
        with self.read() as connection:  # most of the time there is nothing: ask without locking anybody out
            if connection.execute(select(table.c.id).where(*due).limit(1)).first() is None:
                return None
        with self.write() as connection:
            query = select(table).where(*due).order_by(table.c.due, table.c.id).limit(1)
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            poisonous = row["faults"] >= FAULTS and not patient
            changes = _put_aside(row) if poisonous else _taken(row, taken, self.now() + lease)
            connection.execute(update(table).where(table.c.id == row["id"]).values(changes))
        return None if changes["state"] == QUARANTINED else {**row, **changes}

    @staticmethod
    def settle(connection: Connection, table: Table, row: Row, /, **changes: object) -> None:
        """Note the end of a claim. Raises Lost where the claim has passed to somebody else."""
        result = connection.execute(update(table).where(table.c.id == row["id"], table.c.fence == row["fence"])
                                    .values({"faults": 0, **changes}))
        if result.rowcount != 1:
            raise Lost(f"{table.name} {row['id']}")

    @staticmethod
    def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert the rows that are not there yet."""
        if rows:
            connection.execute(insert(table).on_conflict_do_nothing(), list(rows))


def _put_aside(row: Row) -> Row:
    return {"state": QUARANTINED, "why": row["why"] or f"failed {FAULTS} times without a word"}


def _taken(row: Row, state: str | None, until: int) -> Row:
    return {"state": state or row["state"], "due": until, "faults": row["faults"] + 1, "fence": row["fence"] + 1}


@contextmanager
def told(where: str = "") -> Iterator[None]:
    """Database errors as LedgerError, without the statement and its values."""
    try:
        yield
    except DBAPIError as error:
        raise LedgerError(f"database{where}: {error.orig}") from error


def _sqlite_connect(connection: object, _record: object) -> None:
    connection.isolation_level = None  # or the driver begins by itself, with a plain BEGIN
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise LedgerError(f"database {engine.url.database}: not of this version of counterbot: {error}") from error
