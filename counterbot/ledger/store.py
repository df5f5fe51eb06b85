"""The database connection, its transactions and its clock, and claims on rows. Knows nothing of what the rows mean."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, Table, insert, inspect, make_url, select, text, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from ..core.backoff import pause
from . import dialects, owner, sqlite_file
from .schema import metadata
from .work import Claim

FAULTS = 5
"""Claims in a row that ended in a crash or an error before a row is quarantined."""

PATIENCE = 300_000
"""Milliseconds for which a transaction is tried again while the database is away or busy."""

RACES = 5
"""Times that a transaction is tried again because another one was first with a row."""

QUARANTINED = "quarantined"

Row = Mapping[str, Any]
T = TypeVar("T")
P = ParamSpec("P")

log = logging.getLogger("counterbot.ledger")


class LedgerError(Exception):
    """The database cannot be used; the text says what to look at."""


class Lost(Exception):
    """A claim ran out and somebody else has it: what was done under it must not be noted."""


@dataclass(frozen=True)
class Transaction:
    """A transaction under way: all of it is committed or nothing. ``now`` is its one time, in epoch milliseconds."""

    connection: Connection
    now: int

    def execute(self, *arguments: Any) -> Any:
        return self.connection.execute(*arguments)

    def insert_new(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert the rows that are not there yet."""
        if rows:
            self.connection.execute(dialects.insert_new(self.connection.dialect.name, table), list(rows))

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows; where another transaction was first with one of them, this one is tried again."""
        if rows:
            self.connection.execute(insert(table), list(rows))

    def change(self, table: Table, row: Row, changes: Row) -> bool:
        """Change a row that was read; False where somebody else has claimed it since."""
        same = (table.c.id == row["id"], table.c.fence == row["fence"])
        return bool(self.connection.execute(update(table).where(*same).values(changes)).rowcount == 1)

    def settle(self, table: Table, claim: Claim, **changes: object) -> None:
        """Note the end of a claim. Raises Lost where it has passed to somebody else, or was noted before."""
        result = self.connection.execute(
            update(table)
            .where(table.c.id == claim.id, table.c.fence == claim.fence, table.c.state == claim.state)
            .values({"faults": 0, "owner": None, **changes}))
        if result.rowcount != 1:
            raise Lost(f"{table.name} {claim.id}")

    def fault(self, table: Table, claim: Claim, why: str) -> None:
        """Note that work on a claim failed: it is due again soon, and quarantined after FAULTS times."""
        again = {"due": self.now + 2000 * claim.faults} if claim.faults < FAULTS else {"state": QUARANTINED}
        self.settle(table, claim, faults=claim.faults, why=why, **again)


class Store:
    """One database. ``wait`` waits so many seconds, or returns True to give up.

    ``now`` gives epoch milliseconds; left out, it is the server's clock: leases of bots on several hosts are to mean
    the same. Without ``migrate`` the database is only read, which takes no right to write, and its tables must be there
    as this version has them. Raises LedgerError where the database cannot be opened.
    """

    def __init__(self, url: str, now: Callable[[], int] | None = None,
                 wait: Callable[[float], bool | None] = time.sleep, password: str | None = None, *,
                 migrate: bool = True) -> None:
        self._wait, self._writes = wait, migrate
        self._url = make_url(url)
        self.engine = opened(self._url, password, read_only=not migrate)
        if migrate and (why := trouble(self._url)):  # SQLite opens a file that may only be read without a word
            raise LedgerError(why)
        self._name = self._url.render_as_string(hide_password=True)
        try:
            with self._explaining_alembic():
                if migrate:
                    self._migrate()
                else:
                    self._check_version()
            self.now = now or steady(self._server_time())
        except DBAPIError as error:
            raise self._told(error) from error

    def close(self) -> None:
        self.engine.dispose()

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do ``work`` in a transaction. Retried for up to PATIENCE after passing errors. Raises LedgerError."""
        return self._patiently(lambda: self._written(work))

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do ``work``, which only reads and never waits for a writer. Retried likewise."""
        return self._patiently(lambda: self._read(work))

    def claim(self, table: Table, lease: int, *conditions: Any, states: Sequence[str] = ("due",),
              taken: str | None = None,
              quarantined: Callable[[Transaction, int], None] | None = None) -> tuple[Claim, Row] | None:
        """The row that has been due longest, leased to the caller for ``lease`` milliseconds.

        With ``quarantined``, a row whose last claims all ended in crashes is quarantined instead, so that it cannot
        stop the others, and its id is passed on.
        """
        def due(now: int) -> Any:
            query = select(table).where(table.c.state.in_(states), table.c.due <= now, *conditions)
            return query.order_by(table.c.due, table.c.id).limit(1)

        def take(transaction: Transaction) -> tuple[Claim, Row] | None:
            row = transaction.execute(due(transaction.now).with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return None
            if row["faults"] >= FAULTS and quarantined:
                why = row["why"] or f"its process died {FAULTS} times"
                if transaction.change(table, row, {"state": QUARANTINED, "why": why}):
                    quarantined(transaction, row["id"])
                return None
            claim = Claim(row["id"], taken or row["state"], row["fence"] + 1, row["faults"] + 1)
            changes = {"state": claim.state, "fence": claim.fence, "faults": claim.faults, "owner": owner.mark(),
                       "due": transaction.now + lease}
            return (claim, row) if transaction.change(table, row, changes) else None

        # Most of the time there is nothing to do: ask without locking anybody out.
        if self.read(lambda transaction: transaction.execute(due(transaction.now)).first()) is None:
            return None
        return self.write(take)

    def _written(self, work: Callable[[Transaction], T]) -> T:
        with self._begun() as connection:
            return work(Transaction(connection, self.now()))

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            if begin := dialects.BEGIN.get(self.engine.dialect.name):
                connection.exec_driver_sql(begin)
            yield connection

    def _read(self, work: Callable[[Transaction], T]) -> T:
        with self.engine.connect() as connection:
            return work(Transaction(connection, self.now()))

    def _patiently(self, attempt: Callable[[], T]) -> T:
        began, failures, races = self.now(), 0, 0
        while True:
            try:
                return attempt()
            except IntegrityError:  # another transaction was first with the same row; a bug, where it stays so
                races += 1
                if races > RACES:
                    raise
            except (DataError, ProgrammingError):  # a bug of ours, and no fault of the database
                raise
            except DBAPIError as error:
                if not dialects.is_passing(error) or self.now() - began > PATIENCE:
                    raise self._told(error) from error
                log.warning("%s; trying again", self._told(error))
                if self._wait(pause(failures, 1.0, first=0.1, longest=10.0)):
                    raise self._told(error) from error
            failures += 1

    def _told(self, error: DBAPIError) -> LedgerError:
        return explained(error, self._url, self._writes)

    def _server_time(self) -> int | None:
        query = dialects.NOW.get(self.engine.dialect.name)
        with self.engine.connect() as connection:
            return None if query is None else int(connection.execute(text(query)).scalar_one())

    def _migrate(self) -> None:
        """A new database is made as the schema is now; an old one is brought there."""
        config = migrations()
        with self._begun() as connection:
            config.attributes["connection"] = connection
            if inspect(connection).has_table("alembic_version"):
                command.upgrade(config, "head")
            else:
                metadata.create_all(connection)
                command.stamp(config, "head")

    def _check_version(self) -> None:
        newest = ScriptDirectory.from_config(migrations()).get_current_head()
        with self.engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() != newest:
                raise LedgerError(f"database {self._name}: not of this version of counterbot, whose bot has not"
                                  " run on it")

    @contextmanager
    def _explaining_alembic(self) -> Iterator[None]:
        try:
            yield
        except CommandError as error:
            raise LedgerError(f"database {self._name}: not of this version of counterbot: {error}") from error


class HasStore(Protocol):
    """A part of the ledger."""

    @property
    def store(self) -> Store: ...


S = TypeVar("S", bound=HasStore)


def transaction(method: Callable[Concatenate[S, Transaction, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a method one transaction, which is tried again as a whole; it gets the transaction as first argument."""
    @functools.wraps(method)
    def within(self: S, *arguments: P.args, **options: P.kwargs) -> T:
        return self.store.write(lambda under_way: method(self, under_way, *arguments, **options))

    return cast(Callable[Concatenate[S, P], T], within)


def migrations() -> Config:
    """Alembic's migrations from each older version of the schema."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def opened(url: URL, password: str | None, *, read_only: bool = False) -> Engine:
    """As ``dialects.engine``. Raises LedgerError where the driver is not installed."""
    try:
        return dialects.engine(url.set(password=password) if password else url, read_only=read_only)
    except ModuleNotFoundError as error:
        raise LedgerError(f"database {url.render_as_string(hide_password=True)}: {error}; install the Python package"
                          f" counterbot[{url.get_backend_name()}]") from error


def explained(error: DBAPIError, url: URL, writes: bool = True) -> LedgerError:
    """A driver's error, without the statement and its values."""
    name = url.render_as_string(hide_password=True)
    why = getattr(error.orig, "args", ())[-1:] or (error.orig,)  # behind MariaDB's code
    return LedgerError(trouble(url, writes) or f"database {name}: {' '.join(str(why[0]).split())}")


def trouble(url: str | URL, writes: bool = True) -> str | None:
    """What to change before an SQLite database can be used; None where nothing is, and for a server's database."""
    found = make_url(url)
    if found.get_backend_name() != "sqlite" or not found.database:
        return None
    return sqlite_file.trouble(Path(found.database), writes)


def exists(url: str) -> bool:
    """Whether a ledger may be at ``url``: a SQLite file is there; a server is asked when it is opened.

    Raises LedgerError where that cannot be seen.
    """
    found = make_url(url)
    if found.get_backend_name() != "sqlite":
        return True
    try:
        return bool(found.database and Path(found.database).exists())
    except PermissionError as error:
        raise LedgerError(trouble(url, writes=False) or f"database {url}: {error.strerror}") from error


def steady(now: int | None = None) -> Callable[[], int]:
    """The wall clock (or ``now``, epoch milliseconds) as it stood at the call, carried on by the time since boot.

    Somebody who sets the machine's clock by a day must not end every lease, nor keep work from being due.
    """
    started = (time.time() if now is None else now / 1000) - time.clock_gettime(time.CLOCK_BOOTTIME)
    return lambda: int((started + time.clock_gettime(time.CLOCK_BOOTTIME)) * 1000)
