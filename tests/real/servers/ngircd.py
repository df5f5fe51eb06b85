"""ngircd, the IRC server, with a password or TLS where asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .needs import program
from .process import HOST, Process, Server, free_ports, listens

CONF = """\
[Global]
Name = irc.test.example
Info = a test server
AdminInfo1 = a test server
ServerUID = nobody
ServerGID = nogroup
Ports = {port}
Listen = {host}
MotdPhrase = welcome
{password}
[Limits]
MaxNickLength = 30
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
"""  # MaxNickLength: as shipped it is 9, shorter than "counterbot"

TLS = """\
[SSL]
CertFile = {cert}
KeyFile = {key}
Ports = {port}
"""


class Ngircd(Server):
    """An IRC server. Raises Missing where ngircd or openssl is not installed.

    ``tls_port`` and ``cert`` are None
    without TLS; ``cert`` is the self-signed certificate for 127.0.0.1 and localhost that a client is to trust.
    """

    ready_seconds, stop_seconds = 20, 5

    def __init__(self, folder: Path, password: str | None = None, tls: bool = False) -> None:
        self.port, tls_port = free_ports(2)
        self.password = password
        self.tls_port = tls_port if tls else None
        self.cert = folder / "cert.pem" if tls else None
        conf = folder / "ngircd.conf"
        conf.write_text(self._conf(folder))
        super().__init__(Process([program("ngircd"), "-n", "-f", conf.absolute()], folder / "ngircd.log"))

    def answers(self) -> bool:
        return all(map(listens, filter(None, [self.port, self.tls_port])))

    def _conf(self, folder: Path) -> str:
        password = f"Password = {self.password}" if self.password else ""
        conf = CONF.format(port=self.port, host=self.host, password=password)
        if self.cert:
            key = folder / "key.pem"
            make_certificate(self.cert, key)
            conf += TLS.format(cert=self.cert.absolute(), key=key.absolute(), port=self.tls_port)
        return conf


def make_certificate(cert: Path, key: Path) -> None:
    """A self-signed certificate, good for two days."""
    subprocess.run([
        program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{HOST}",
        "-keyout", key, "-out", cert,
    ], check=True, capture_output=True)  # fmt: skip
