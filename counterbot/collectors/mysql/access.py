"""Finds the server and who we are to it, as the mysql client does. Opens no connection.

Settings go before option files, and these before the environment. Where the client speaks to ``localhost`` it takes
the socket, whatever port a file names; a port in the settings means TCP.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ssl import CERT_NONE, CERT_REQUIRED, SSLContext

from ...clients.tls import context
from ...core.model import Unreadable
from ...core.text.refusal import refusal
from .. import Failed, File
from ..password_file import password
from .option_files import Option, lines, options

FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf")
GROUPS = ("mysql", "mariadb-client", "client", "client-server", "client-mariadb")
"""That MariaDB's client reads; MySQL's reads the first and the third."""

SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108  # compiled in
VARIABLES = {"host": "MYSQL_HOST", "port": "MYSQL_TCP_PORT", "socket": "MYSQL_UNIX_PORT", "password": "MYSQL_PWD"}
LOOPBACK, PORT = "127.0.0.1", 3306
FALSE = ("0", "off", "false")
MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
LOCAL = (None, "localhost")


@dataclass(frozen=True)
class Settings:
    """What stands under ``mysql`` in the settings; see the manual page of the collector."""

    host: str | None = None
    port: int | None = None
    socket: File | None = None
    user: str | None = None
    password_file: File | None = None
    defaults_file: File | None = None
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
class Access:
    """``socket`` goes before host and port. ``password_from`` tells where the password was found."""

    host: str
    port: int
    socket: str | None
    user: str
    password: bytes
    password_from: str | None
    tls: SSLContext | None

    @property
    def is_private(self) -> bool:
        """Whether nobody can listen: on the server's socket, or over TLS with a verified certificate."""
        return self.socket is not None or (self.tls is not None and self.tls.verify_mode is CERT_REQUIRED)

    @property
    def place(self) -> str:
        """For messages."""
        return f"socket {self.socket}" if self.socket else f"{self.host}:{self.port}"


def find(wanted: Settings, environment: Mapping[str, str]) -> Access:
    """Raises Failed for a file that cannot be used, and for values that make no sense."""
    files = options(_paths(wanted.defaults_file), GROUPS)
    valued = {name: Option(environment[variable], variable) for name, variable in VARIABLES.items()
              if environment.get(variable)}
    valued |= {name: option for name, option in files.items() if option.value is not None}
    texts = {name: option.value for name, option in valued.items() if option.value}
    host, socket = wanted.host or texts.get("host"), _socket(wanted, texts)
    secret, source = os.fsencode(texts.get("password", "")), valued["password"].source if "password" in texts else None
    if wanted.password_file is not None:
        secret, source = password(wanted.password_file), wanted.password_file
    return Access(host or LOOPBACK, wanted.port or _port(valued.get("port")), socket,
                  wanted.user or texts.get("user") or pwd.getpwuid(os.geteuid()).pw_name,
                  secret, source, _tls(files, by_name=socket is None))


def _paths(defaults_file: str | None) -> Sequence[str]:
    """The option files to read. One that was named must be there, and be one that the client would read."""
    if defaults_file is None:
        return FILES
    try:
        lines(defaults_file)
    except OSError as error:
        raise Failed(f"defaults_file {defaults_file}: {refusal(error)}; correct it, or leave it out") from None
    return [defaults_file]


def _port(option: Option | None) -> int:
    if option is None or not option.value:
        return PORT
    try:
        port = int(option.value)
    except ValueError:
        port = -1
    if not 0 <= port < 1 << 16:
        raise Failed(f"the port in {option.source} must be a whole number up to 65535")
    return port or PORT


def _socket(wanted: Settings, texts: Mapping[str, str]) -> str | None:
    """The socket to use; None for TCP."""
    if wanted.socket is not None:
        return os.path.expanduser(wanted.socket)
    host = wanted.host or texts.get("host")
    if host not in LOCAL or wanted.port is not None or texts.get("protocol", "").lower() == "tcp":
        return None
    return texts.get("socket") or next((path for path in SOCKETS if os.path.exists(path)), None)


def _tls(files: Mapping[str, Option], *, by_name: bool) -> SSLContext | None:
    """None where no option asks for it: its set-up takes much longer than reading the counters."""
    ca, cert, key, mode = (files[name].value or None if name in files else None for name in (
        "ssl-ca", "ssl-cert", "ssl-key", "ssl-mode"))
    mode = (mode or "PREFERRED").upper()
    if mode not in MODES:  # else it would mean no TLS
        raise Failed(f"the ssl-mode in {files['ssl-mode'].source} must be one of {', '.join(MODES)}")
    identity = _on(files, "ssl-verify-server-cert") or mode == "VERIFY_IDENTITY"
    ssl = _on(files, "ssl")
    asked = ca or cert or identity or ssl or mode in ("REQUIRED", "VERIFY_CA")
    if ("ssl" in files and not ssl) or mode == "DISABLED" or not asked:
        return None
    try:
        tls = context(ca)
        if cert:
            tls.load_cert_chain(cert, key)
    except Unreadable as error:
        raise Failed(f"{error}; correct ssl-ca") from None
    except OSError as error:
        why = refusal(error) if error.strerror else "it is broken"
        raise Failed(f"{' or '.join(filter(None, (cert, key)))}: {why}; correct ssl-cert and ssl-key") from None
    # The system's authorities sign certificates for anybody: without the host's name they prove nothing.
    tls.check_hostname = (identity or (mode == "VERIFY_CA" and not ca)) and by_name
    if not (ca or identity or mode == "VERIFY_CA"):
        tls.verify_mode = CERT_NONE
    return tls


def _on(files: Mapping[str, Option], name: str) -> bool:
    return name in files and (files[name].value or "on").lower() not in FALSE
