"""Where a MySQL or MariaDB server is and who we are to it, found as the mysql client does. Opens no connection.

What is set here goes before option files, and these before the environment. Where the client speaks to
``localhost`` it takes the socket, whatever port a file names; a port that is set here means TCP.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .. import Failed, password_file
from .option_files import Option, default_files, options, shown

GROUPS = ("client", "client-server", "client-mariadb")
SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108  # compiled in
LOOPBACK, PORT = "127.0.0.1", 3306
FALSE = ("0", "off", "false")


class Wanted(Protocol):
    """What may be set of it; all None where nothing is."""

    @property
    def host(self) -> str | None: ...
    @property
    def port(self) -> int | None: ...
    @property
    def socket(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def password_file(self) -> str | None: ...
    @property
    def defaults_file(self) -> str | None: ...


@dataclass(frozen=True)
class Tls:
    """What the ``ssl`` options ask for; files by their paths."""

    ca: str | None
    capath: str | None
    cert: str | None
    key: str | None
    verify: bool
    identity: bool


@dataclass(frozen=True)
class Access:
    """``socket`` goes before host and port. ``password_from`` tells where the password was found."""

    host: str
    port: int
    socket: str | None
    user: str
    password: bytes
    password_from: str | None
    tls: Tls | None

    @property
    def place(self) -> str:
        """For messages."""
        return shown(f"socket {self.socket}" if self.socket else f"{self.host}:{self.port}")


def find(wanted: Wanted, environment: Mapping[str, str]) -> Access:
    """Raises Failed for a file that cannot be used, and for values that make no sense."""
    files = options(_paths(wanted.defaults_file, environment), GROUPS)
    texts = {name: option.value for name, option in files.items() if option.value}
    host = wanted.host or texts.get("host") or environment.get("MYSQL_HOST")
    password, source = _password(wanted, files.get("password"), environment)
    socket = _socket(wanted, host, texts, environment)
    return Access(
        host or LOOPBACK, wanted.port or _port(files.get("port"), environment), socket,
        wanted.user or texts.get("user") or _login(environment), password, source,
        _tls(files, by_name=socket is None))


def _paths(defaults_file: str | None, environment: Mapping[str, str]) -> list[str]:
    """The option files to read. One that was named must be there, and be one that the client would read."""
    if defaults_file is None:
        return default_files(environment)
    path = os.path.expanduser(defaults_file)
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
    except (OSError, ValueError) as error:
        raise Failed(f"defaults_file {shown(path)} cannot be read ({_words(error)}); correct the path, or leave it out"
                     ) from None
    if mode & stat.S_IWOTH:
        raise Failed(f"defaults_file {shown(path)} is not read while everyone may write to it; chmod o-w it")
    return [path]


def _password(wanted: Wanted, option: Option | None, environment: Mapping[str, str]) -> tuple[bytes, str | None]:
    """The password as bytes, whatever their encoding, and where it was found."""
    if wanted.password_file is not None:
        password = password_file.content(wanted.password_file)
        return password.rstrip(b"\r\n"), os.path.expanduser(wanted.password_file)
    if option is not None and option.value is not None:  # an empty one is a password: the client asks no further
        return os.fsencode(option.value), option.path if option.value else None
    inherited = environment.get("MYSQL_PWD", "")
    return os.fsencode(inherited), "MYSQL_PWD" if inherited else None


def _port(option: Option | None, environment: Mapping[str, str]) -> int:
    text, source = (option.value, option.path) if option and option.value else (
        environment.get("MYSQL_TCP_PORT"), "the environment, MYSQL_TCP_PORT")
    if not text:
        return PORT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) < 1 << 16):
        raise Failed(f"the port in {shown(source)} must be a whole number up to 65535")
    return int(text) or PORT  # 0 means the default


def _socket(wanted: Wanted, host: str | None, texts: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """The socket to use; None for TCP."""
    if wanted.socket is not None:
        return os.path.expanduser(wanted.socket)
    if host not in (None, "localhost") or wanted.port is not None or texts.get("protocol", "").lower() == "tcp":
        return None
    named = texts.get("socket") or environment.get("MARIADB_UNIX_PORT") or environment.get("MYSQL_UNIX_PORT")
    return named or next((path for path in SOCKETS if os.path.exists(path)), None)


def _login(environment: Mapping[str, str]) -> str:
    """The client's user where none is given."""
    if os.geteuid() == 0:
        return "root"
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        pass
    user = environment.get("USER")
    if not user:
        raise Failed("no user is given, and this process has no name of its own; set user, or put it in ~/.my.cnf")
    return user


def _tls(files: Mapping[str, Option], *, by_name: bool) -> Tls | None:
    """None where no option asks for it: its set-up takes much longer than reading the counters."""
    off = _on(files, "skip-ssl") or _on(files, "disable-ssl")
    ca, capath, cert, key, mode = (files[name].value or None if name in files else None for name in (
        "ssl-ca", "ssl-capath", "ssl-cert", "ssl-key", "ssl-mode"))
    mode = (mode or "").upper()
    named = _on(files, "ssl-verify-server-cert") or mode == "VERIFY_IDENTITY"
    asked = (ca or capath or cert or key or named or _on(files, "ssl") or _on(files, "enable-ssl")
             or mode in ("REQUIRED", "VERIFY_CA"))
    if off or mode == "DISABLED" or not asked:
        return None
    return Tls(ca, capath, cert, key, bool(ca or capath or named or mode == "VERIFY_CA"), named and by_name)


def _on(files: Mapping[str, Option], name: str) -> bool:
    option = files.get(name)
    return option is not None and (option.value is None or option.value.lower() not in FALSE)


def _words(error: OSError | ValueError) -> str:
    return error.strerror or "no path" if isinstance(error, OSError) else "no path"
