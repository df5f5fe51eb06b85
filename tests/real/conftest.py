"""The real servers as fixtures. What is not installed fails the tests that need it; nothing is skipped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterbot.demo.zuul import Zuul

from .servers.gerrit import Change, Gerrit
from .servers.mariadb import MariaDB
from .servers.needs import Missing
from .servers.ngircd import Ngircd
from .servers.postgresql import PostgreSQL
from .servers.rabbitmq import EACH_SECOND, RabbitMQ


@contextmanager
def _required() -> Iterator[None]:
    try:
        yield
    except Missing as why:
        pytest.fail(f"tests/real needs what is not here: {why}", pytrace=False)


@pytest.fixture(scope="session")
def gerrit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gerrit]:
    """One Gerrit for the whole session; a test makes its own changes. Starts in about 15 seconds."""
    with _required():
        server = Gerrit(tmp_path_factory.mktemp("gerrit"))
    with server:
        yield server


@pytest.fixture
def change(gerrit: Gerrit) -> Change:
    """A change of the test's own."""
    return gerrit.push_change()


@pytest.fixture
def zuul() -> Iterator[Zuul]:
    """A Zuul of the test's own, without builds."""
    with Zuul() as server:
        yield server


@pytest.fixture
def ngircd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ngircd]:
    """An IRC server of the test's own, without password and TLS. Starts in a tenth of a second."""
    with _required():
        server = Ngircd(tmp_path_factory.mktemp("ngircd"))
    with server:
        yield server


@pytest.fixture
def ngircd_secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ngircd]:
    """The same with the password ``opensesame``, and TLS on ``tls_port``."""
    with _required():
        server = Ngircd(tmp_path_factory.mktemp("ngircd"), password="opensesame", tls=True)
    with server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One broker for the whole session, which tells of messages each second. Starts in about eight seconds."""
    with _required():
        server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), EACH_SECOND)
    with server:
        yield server
        server.kill()  # to end in order takes six seconds, and nothing is kept


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """One MariaDB. Starts in three seconds."""
    with _required():
        # Ten seconds after tables changed InnoDB would read them, for statistics; that is no work of a test.
        server = MariaDB(tmp_path_factory.mktemp("mariadb"), "--innodb-stats-auto-recalc=OFF")
    with server:
        yield server


@pytest.fixture(scope="session")
def mariadb_secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """Another with TLS, and with performance_schema."""
    with _required():
        server = MariaDB(tmp_path_factory.mktemp("mariadb_secured"), "--performance-schema=ON", tls=True)
    with server:
        yield server


@pytest.fixture(scope="session")
def mariadb_durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A third with its default settings: what it committed is there after a crash."""
    with _required():
        server = MariaDB(tmp_path_factory.mktemp("mariadb_durable"))
    with server:
        yield server


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """One PostgreSQL with its default settings. Starts in three seconds."""
    with _required():
        server = PostgreSQL(tmp_path_factory.mktemp("postgresql"))
    with server:
        yield server


@pytest.fixture(scope="session")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Ansible's programs and stestr's, in an environment of its own. Takes about ten seconds."""
    folder = tmp_path_factory.mktemp("ansible")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "-q", "ansible-core", "stestr"], check=True)
    return folder / "bin"
