"""MariaDB with an empty database folder of its own, and its command-line client. Asserts nothing about counterbot."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

from .needs import program
from .ngircd import make_certificate
from .process import HOST, Process, Server, free_ports, listens


class MariaDB(Server):
    """A database server. Raises Missing where its programs are not installed.

    ``more`` are further options of mariadbd. ``root`` has no password, from this machine. ``cert`` is None without
    TLS; it is the self-signed certificate that a client is to trust. It runs as whoever runs the tests.
    """

    def __init__(self, folder: Path, *more: str, tls: bool = False) -> None:
        self.folder = folder.absolute()
        self.socket = self.folder / "my.sock"
        self.port, = free_ports(1)
        # A starting server deletes the temporary tables that it finds in its tmpdir: /tmp has those of others.
        self._data = (f"--datadir={self.folder / 'data'}", f"--tmpdir={self.folder}",
                      f"--user={pwd.getpwuid(os.geteuid()).pw_name}")
        self._install, self._client = program("mariadb-install-db"), program("mariadb")
        self.cert = self.folder / "cert.pem" if tls else None
        super().__init__(Process([
            program("mariadbd"), "--no-defaults", *self._data, f"--socket={self.socket}", f"--port={self.port}",
            f"--bind-address={HOST}", f"--pid-file={self.folder / 'my.pid'}",
            *(self._tls(self.cert) if self.cert else ()), *more,
        ], self.folder / "mariadbd.log"))  # fmt: skip

    def prepare(self) -> None:
        command = [self._install, "--no-defaults", *self._data, "--auth-root-authentication-method=normal"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def answers(self) -> bool:
        return listens(self.port)

    def _tls(self, cert: Path) -> tuple[str, str]:
        key = self.folder / "key.pem"
        make_certificate(cert, key)
        return f"--ssl-cert={cert}", f"--ssl-key={key}"

    def sql(self, statements: str) -> str:
        """What the client prints for them, as root, without the columns' names. Raises AssertionError."""
        done = subprocess.run([self._client, "--no-defaults", f"--socket={self.socket}", "--user=root", "-N", "-B"],
                              input=statements, text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
