"""PostgreSQL 15 with an empty folder of its own, and its command-line client. Asserts nothing about counterbot."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .needs import program
from .process import HOST, Process, Server, free_ports, until

BIN = "/usr/lib/postgresql/15/bin"
"""Debian keeps the server's programs out of PATH."""

USER, PASSWORD = "counterbot", "100% #\"sure\" ü"


class PostgreSQL(Server):
    """A database server. Raises Missing where its programs are not installed.

    ``user`` owns everything and must give ``password``. Since PostgreSQL refuses to run as root, it runs as
    ``postgres`` where root runs the tests; its data are then in a folder that only ``postgres`` can read, as pytest's
    folders are only for root. ``log_folder`` gets its log.
    """

    user, password = USER, PASSWORD

    def __init__(self, log_folder: Path) -> None:
        self.port, = free_ports(1)
        self._as = ()
        if os.geteuid() == 0:
            self._as = (program("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups", "--reset-env")
        self._initdb, self._psql, self._ready = (program(f"{BIN}/{name}") for name in ("initdb", "psql", "pg_isready"))
        self.folder = Path(tempfile.mkdtemp(prefix="counterbot-postgresql-"))
        super().__init__(Process([
            *self._as, program(f"{BIN}/postgres"), "-D", self.folder / "data", "-p", str(self.port),
            "-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=",
        ], log_folder / "postgresql.log"))  # fmt: skip
        self.kill = self._kill

    def prepare(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if self._as:
            for path in (self.folder, secret):
                shutil.chown(path, "postgres", "postgres")
        subprocess.run([
            *self._as, self._initdb, "-D", self.folder / "data", "--username", self.user, "--pwfile", secret,
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
        ], check=True, capture_output=True, cwd="/", timeout=120)  # fmt: skip

    def answers(self) -> bool:
        """It takes connections before it has recovered from a crash, and refuses them."""
        return not subprocess.run([self._ready, "-q", "-h", HOST, "-p", str(self.port)]).returncode

    def __exit__(self, *_: object) -> None:
        self.kill()  # in order would mean to wait for clients to leave, and nothing is kept
        shutil.rmtree(self.folder)

    def stop(self) -> None:
        """As Debian does it: at the signal that others take for an end in order, it would wait for clients to leave."""
        if self.process.alive():
            os.kill(self.pid, signal.SIGINT)
        self.process.stop(self.stop_seconds)

    def _kill(self) -> None:
        """End the server and the processes that serve its clients: each of these is in a group of its own."""
        if not self.process.alive():
            return
        self.pause()  # it starts no more of them
        children = [pid for pid, state, parent in _processes() if parent == self.pid]
        self.process.kill()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # While one of them holds the shared memory the server does not start again.
        until(lambda: not any(pid in children and state != "Z" for pid, state, _ in _processes()), 30, "all ended")

    def sql(self, statements: str) -> str:
        """What the client prints for them, without the columns' names. Raises AssertionError."""
        done = subprocess.run(
            [self._psql, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(self.port),
             "-U", self.user, "-d", "postgres"],
            input=statements, text=True, capture_output=True, timeout=60, env={"PGPASSWORD": self.password})
        assert done.returncode == 0, done.stderr
        return done.stdout


def _processes() -> Iterator[tuple[int, str, int]]:
    """Pid, state and parent of all processes (proc(5), ``/proc/pid/stat``)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            yield int(stat.parent.name), state, int(parent)
