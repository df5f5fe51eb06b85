"""The ledger on PostgreSQL and MariaDB: the tests that it has on SQLite, and what only a server, or many processes on
any database, can show."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import URL, Engine, event, make_url

from counterbot.ledger import Ledger, LedgerError, dialects, schema

from ..edges import test_ledger, test_ledger_failures
from .ledger_workers import lines_of
from .servers.mariadb import MariaDB
from .servers.postgresql import PASSWORD, PostgreSQL
from .servers.process import until

ROOT = Path(__file__).parents[2]
SERVERS, ALL = ("postgresql", "mariadb"), ("sqlite", "postgresql", "mariadb")

# Those that ask for a ledger do not mind on which database; SQLite's own make theirs of a file.
globals().update({name: test for name, test in {**vars(test_ledger), **vars(test_ledger_failures)}.items()
                  if name.startswith("test_") and "ledger" in inspect.signature(test).parameters})
clock, ledger = test_ledger.clock, test_ledger.ledger


FAILED_RUN = {"uuid": "a" * 32, "job": "tempest", "project": "nova", "branch": "master", "pipeline": "gate",
              "result": "FAILURE", "voting": True, "ended": 5}


class Killed(BaseException):
    """The process died here."""


def address(server: PostgreSQL | MariaDB, database: str = "ledger", password: str = PASSWORD) -> str:
    driver = "postgresql+psycopg" if isinstance(server, PostgreSQL) else "mysql+pymysql"
    url = URL.create(driver, "counterbot", password, server.host, server.port, database)
    return url.render_as_string(hide_password=False)


def new_database(server: PostgreSQL | MariaDB, name: str) -> str:
    server.sql(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name};")
    return address(server, name)


@pytest.fixture(scope="session")
def on_postgresql(postgresql: PostgreSQL) -> PostgreSQL:
    Ledger(new_database(postgresql, "ledger"), now).close()
    return postgresql


@pytest.fixture(scope="session")
def on_mariadb(mariadb_durable: MariaDB) -> MariaDB:
    mariadb_durable.sql(f"CREATE USER counterbot@localhost IDENTIFIED BY '{PASSWORD}'; "
                        "GRANT ALL ON *.* TO counterbot@localhost;")
    Ledger(new_database(mariadb_durable, "ledger"), now).close()
    return mariadb_durable


def now() -> int:
    return int(time.time() * 1000)


@pytest.fixture(params=SERVERS)
def server(request) -> PostgreSQL | MariaDB:
    return request.getfixturevalue(f"on_{request.param}")


@pytest.fixture(params=SERVERS)
def url(request, tmp_path) -> str:
    """An empty ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return emptied(address(request.getfixturevalue(f"on_{request.param}")))


def emptied(url: str) -> str:
    engine = dialects.engine(make_url(url))
    with engine.begin() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
    return url


@pytest.fixture
def of_0002(server) -> str:
    return ledger_of_0002(server)


def ledger_of_0002(server: PostgreSQL | MariaDB) -> str:
    """An empty ledger as the version with that migration made it."""
    url = new_database(server, "older")
    Ledger(url, now).close()
    engine = dialects.engine(make_url(url))
    with engine.begin() as connection:
        for table in ("grouped", "failure_groups", "run_lines", "templates", "traits", "failures", "hits", "searches"):
            schema.metadata.tables[table].drop(connection)
        operations = Operations(MigrationContext.configure(connection))
        operations.drop_index("ix_runs_project_job_ended", "runs")
        operations.drop_column("runs", "seconds")
        for table, columns in (("reports", ("change", "patchset")), ("findings", ("value", "bound"))):
            for name in columns:
                kind = schema.metadata.tables[table].c[name].type
                operations.alter_column(table, name, existing_type=kind, nullable=False)
        connection.exec_driver_sql("update alembic_version set version_num = '0002'")
        connection.execute(schema.runs.insert().inline().values(FAILED_RUN))
    engine.dispose()
    return url


def test_a_ledger_of_the_version_before_is_carried_over(of_0002):
    ledger = Ledger(of_0002, now)
    assert test_ledger.differences(ledger) == []
    assert [run.job for run in ledger.failures.unexplained(days=36_500)] == ["tempest"]
    ledger.close()


def dies_at(number: int, started: Iterator[int]) -> Callable[..., None]:
    """The process dies before the change of this number."""
    def counted(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.split()[0].upper() in ("ALTER", "CREATE", "DROP", "UPDATE") and next(started) == number:
            raise Killed

    return counted


def test_a_ledger_whose_migration_was_killed_before_any_change(server):
    for number in count():
        url = ledger_of_0002(server)
        dies = dies_at(number, count())
        event.listen(Engine, "before_cursor_execute", dies)
        try:
            Ledger(url, now).close()
            break  # it made fewer changes
        except Killed:
            pass
        finally:
            event.remove(Engine, "before_cursor_execute", dies)
        ledger = Ledger(url, now)
        assert test_ledger.differences(ledger) == []
        assert len(ledger.failures.unexplained(days=36_500)) == 1
        ledger.close()
    assert number == 43


# -- many processes


def put(url: str, count: int) -> list[str]:
    """Events, by their numbers."""
    ledger = Ledger(url, now)
    for number in range(count):
        assert ledger.inbox.put(json.dumps({"n": number}).encode(), "test")
    ledger.close()
    return [str(number) for number in range(count)]


class Workers:
    """Processes at work, see ledger_workers.py; ``posted`` is what they did outside of the database."""

    def __init__(self, url: str, folder: Path, *options: str) -> None:
        self.folder, self.posted, self.log = folder, folder / "posted", folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.real.ledger_workers", url, str(folder), *options],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=log, start_new_session=True)

    def end(self) -> int:
        """Wait until nothing is pending; how many died."""
        out, _ = self._process.communicate(timeout=180)
        log = self.log.read_text()
        assert self._process.returncode == 0, log
        assert "Work failed" not in log, log
        return int(out)

    def lines(self) -> list[str]:
        return self.posted.read_text().splitlines() if self.posted.exists() else []

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()


@contextmanager
def workers(url: str, folder: Path, *options: str) -> Iterator[Workers]:
    made = Workers(url, folder, *options)
    try:
        yield made
    finally:
        made.kill()


on_all = pytest.mark.parametrize("url", ALL, indirect=True)


@on_all
def test_twenty_processes_settle_each_event_once(url, tmp_path):
    numbers = put(url, 400)
    with workers(url, tmp_path, "events", "--processes=20") as processes:
        assert processes.end() == 0
    settled = [line.split() for line in processes.lines()]
    assert Counter(number for number, _ in settled) == Counter(numbers)
    assert len({pid for _, pid in settled}) > 1


@on_all
def test_processes_that_are_killed_lose_no_comment_and_double_none(url, tmp_path):
    numbers = put(url, 30)
    with workers(url, tmp_path, "reports", "--deaths=0.002") as processes:
        assert processes.end() > 5
    assert Counter(processes.lines()) == Counter(numbers)
    ledger = Ledger(url, now)
    uuids = dict(test_ledger.rows(ledger, "select id, uuid from runs"))
    found = {uuids[run]: lines for run, lines in ledger.templates.lines(uuids)}
    assert found == {uuid: lines_of(uuid).lines for uuid in uuids.values()}
    assert len(found) == 2 * len(numbers)
    ledger.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_server_that_goes_and_comes_back(server, tmp_path, end):
    """By a crash in the middle of transactions, or in order, which ends connections with other errors."""
    url = emptied(address(server))
    numbers = put(url, 60)
    (tmp_path / "open").touch()
    with workers(url, tmp_path, "reports") as processes:
        until(lambda: len(processes.lines()) > 10, 60, "at work")
        getattr(server, end)()
        until(lambda: processes.log.read_text().count("trying again") > 6, 60, "all noticed")
        server.start()
        (tmp_path / "open").unlink()
        processes.end()
    assert Counter(processes.lines()) == Counter(numbers)


# -- a server that cannot be used


@pytest.mark.parametrize(("changes", "why"), [
    ({"password": "100% wrong ü"}, "password authentication failed|Access denied for user 'counterbot'"),
    ({"database": "nowhere"}, "database .?nowhere.? does not exist|Unknown database 'nowhere'"),
    ({"port": 1}, "Connection refused"),
])
def test_a_wrong_address_is_told_at_once_without_the_password(server, changes, why):
    url = make_url(address(server)).set(**changes)
    with pytest.raises(LedgerError, match=why) as told:
        Ledger(url.render_as_string(hide_password=False), wait=pytest.fail)
    text = str(told.value)
    assert text.startswith(f"database {url.drivername}://counterbot:***@127.0.0.1:{url.port}/{url.database}: ")
    assert "\n" not in text
    assert "100%" not in text
