"""Finds the server and who we are to it, as the mysql client does. Opens no connection.

Settings go before option files, and these before the environment. Where the client speaks to ``localhost`` it takes
the socket, whatever port a file names; a port in the settings means TCP.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from ssl import CERT_NONE, SSLContext

from ...clients.tls import context
from ...core.model import Unreadable
from .. import Failed
from ..password_file import password
from .option_files import Option, default_files, options

GROUPS = ("client", "client-server", "client-mariadb")
SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108  # compiled in
LOOPBACK, PORT = "127.0.0.1", 3306
FALSE = ("0", "off", "false")
LOCAL = (None, "localhost")


@dataclass(frozen=True)
class Settings:
    """What stands under ``mysql`` in the settings; see the manual page of the collector."""

    host: str | None = None
    port: int | None = None
    socket: str | None = None
    user: str | None = None
    password_file: str | None = None
    defaults_file: str | None = None
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
    def place(self) -> str:
        """For messages."""
        return f"socket {self.socket}" if self.socket else f"{self.host}:{self.port}"


def find(wanted: Settings, environment: Mapping[str, str]) -> Access:
    """Raises Failed for a file that cannot be used, and for values that make no sense."""
    files = options(_paths(wanted.defaults_file, environment), GROUPS)
    texts = {name: option.value for name, option in files.items() if option.value}
    host = wanted.host or texts.get("host") or environment.get("MYSQL_HOST")
    secret, source = _password(wanted.password_file, files.get("password"), environment)
    socket = _socket(wanted, host, texts, environment)
    return Access(host or LOOPBACK, wanted.port or _port(files.get("port"), environment), socket,
                  wanted.user or texts.get("user") or _login(), secret, source, _tls(files, by_name=socket is None))


def _paths(defaults_file: str | None, environment: Mapping[str, str]) -> list[str]:
    """The option files to read. One that was named must be there, and be one that the client would read."""
    if defaults_file is None:
        return default_files(environment)
    path = os.path.expanduser(defaults_file)
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise Failed(f"defaults_file {path} cannot be read ({error.strerror}); correct the path, or leave it out"
                     ) from None
    if mode & stat.S_IWOTH:
        raise Failed(f"defaults_file {path} is not read while everyone may write to it; chmod o-w it")
    return [path]


def _password(path: str | None, option: Option | None, environment: Mapping[str, str]) -> tuple[bytes, str | None]:
    """The password, as the bytes that stand there, and where it was found."""
    if path is not None:
        return password(path), path
    if option is not None and option.value is not None:  # an empty one is a password: the client asks no further
        return os.fsencode(option.value), option.path if option.value else None
    inherited = environment.get("MYSQL_PWD", "")
    return os.fsencode(inherited), "MYSQL_PWD" if inherited else None


def _port(option: Option | None, environment: Mapping[str, str]) -> int:
    text, source = (option.value, option.path) if option and option.value else (
        environment.get("MYSQL_TCP_PORT") or "0", "the environment, MYSQL_TCP_PORT")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) < 1 << 16):
        raise Failed(f"the port in {source} must be a whole number up to 65535")
    return int(text) or PORT


def _socket(wanted: Settings, host: str | None, texts: Mapping[str, str], environment: Mapping[str, str]
            ) -> str | None:
    """The socket to use; None for TCP."""
    if wanted.socket is not None:
        return os.path.expanduser(wanted.socket)
    if host not in LOCAL or wanted.port is not None or texts.get("protocol", "").lower() == "tcp":
        return None
    named = texts.get("socket") or environment.get("MARIADB_UNIX_PORT") or environment.get("MYSQL_UNIX_PORT")
    return named or next((path for path in SOCKETS if os.path.exists(path)), None)


def _login() -> str:
    """The client's user where none is given."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise Failed("no user is given, and this process has no name of its own; set user, or put it in ~/.my.cnf"
                     ) from None


def _tls(files: Mapping[str, Option], *, by_name: bool) -> SSLContext | None:
    """None where no option asks for it: its set-up takes much longer than reading the counters."""
    ca, capath, cert, key, mode = (files[name].value or None if name in files else None for name in (
        "ssl-ca", "ssl-capath", "ssl-cert", "ssl-key", "ssl-mode"))
    mode = (mode or "").upper()
    identity = _on(files, "ssl-verify-server-cert") or mode == "VERIFY_IDENTITY"
    asked = (ca or capath or cert or key or identity or _on(files, "ssl", "enable-ssl")
             or mode in ("REQUIRED", "VERIFY_CA"))
    if _on(files, "skip-ssl", "disable-ssl") or mode == "DISABLED" or not asked:
        return None
    try:
        tls = context(ca, ca_path=capath)
        if cert:
            tls.load_cert_chain(cert, key)
    except Unreadable as error:
        raise Failed(f"{error}; correct ssl-ca and ssl-capath") from None
    except OSError as error:
        raise Failed(f"{cert} or {key} cannot be used ({error.strerror or 'it is broken'}); correct ssl-cert and"
                     " ssl-key") from None
    tls.check_hostname = identity and by_name
    if not (ca or capath or identity or mode == "VERIFY_CA"):
        tls.verify_mode = CERT_NONE
    return tls


def _on(files: Mapping[str, Option], *names: str) -> bool:
    values = [files[name].value for name in names if name in files]
    return any(value is None or value.lower() not in FALSE for value in values)
