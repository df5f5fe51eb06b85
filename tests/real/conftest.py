"""The real servers as fixtures. What is not installed fails the tests that need it; nothing is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .servers.gerrit import Gerrit
from .servers.needs import Missing
from .servers.ngircd import Ngircd


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
