"""A connection to a MySQL or MariaDB server, from login to an orderly end. Knows no counter.

Every failure is one line that says what to do. It holds no password, and no text of a server that repeats it.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import pymysql
from pymysql._auth import scramble_caching_sha2
from pymysql.connections import Connection
from pymysql.constants import CLIENT, COMMAND

from ...core.deadline import Deadline
from ...core.model import Number
from ...core.text.inert import inert
from .. import Failed
from .access import Access

Row = tuple[str | bytes | None, ...]
NUMBER = re.compile(r"(-?[0-9]{1,30})(\.[0-9]{1,30})?")

HANGS_UP = 1.0
"""Seconds for a server to close a connection that was ended; it takes a millisecond."""

SAID = 200
"""Bytes of a server's own words."""

NO_TLS = 2026
REFUSED = {1044, 1045, 1698, 3118, 4151}
CLOSED = "closed the connection; see its log"
KNOWN = {
    2006: CLOSED,
    2013: CLOSED,
    NO_TLS: "offers no TLS; switch it on there, or take the ssl options away",
    3159: "requires TLS; put ssl-ca=FILE, or ssl, under [client]",
}
"""An error's number -> what happened and what to do. PyMySQL's own are from 2000 to 2999. The server's own words tell
enough of most other errors."""

HIDING = ("mysql_native_password", "client_ed25519", "caching_sha2_password")
"""Logins that reveal the password neither to the server nor to an eavesdropper: the only ones used on an open line."""

REVEALING = ("mysql_clear_password", "dialog", "sha256_password")
"""Logins that send the password itself, or encrypt it to whatever key the server shows."""

FAST_LOGIN = 3
"""A server's word that the scrambled password is right; without it, caching_sha2_password wants the password itself.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
"""

ANOTHER_USER = "create a user with mysql_native_password, or ed25519 (MariaDB), for the collector"
PRIVATE = f"use its socket, or TLS with ssl-ca=FILE under [client], or {ANOTHER_USER}"

WITHOUT_TLS = "; if it requires TLS, put ssl-ca=FILE, or ssl, there as well"
"""MariaDB then says that the user is refused."""


class Refused(Failed):
    """The server refused one statement; the connection can still be used."""


class _NoLogin(Exception):
    """The server wants a login that is not used; the text says why, and what to do."""


class Link(Connection):
    """PyMySQL's connection, with one deadline and an orderly end."""

    server_capabilities: int  # these are PyMySQL's own, and not in its stubs
    password: bytes
    _auth_plugin_name: str
    _execute_command: Callable[[int, bytes], None]
    _force_close: Callable[[], None]
    _rfile: BinaryIO
    _sock: socket.socket

    def __init__(self, access: Access, deadline: Deadline) -> None:
        self._access, self._deadline, seconds = access, deadline, deadline.left()
        super().__init__(
            host=access.host, port=access.port, unix_socket=access.socket, user=access.user.encode(
                errors="surrogateescape"), password=access.password, ssl=access.tls,
            ssl_disabled=access.tls is None,
            # No SET AUTOCOMMIT: every connection is to make the server count the same. And everything as text.
            autocommit=None, conv={},
            connect_timeout=seconds, read_timeout=seconds, write_timeout=seconds)

    def rows(self, statement: str, otherwise: str) -> tuple[Row, ...]:
        """All rows. Raises Refused, with ``otherwise`` as what to do, where the server refuses the statement."""
        try:
            with self.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        except pymysql.MySQLError as error:
            if not _from_server(error):
                raise
            raise Refused(f"the server at {self._access.place} {_said(self._access, error)}; {otherwise}") from None

    def leave(self) -> None:
        """Quit, and wait until the server hangs up: by then it has counted everything of this connection."""
        with suppress(OSError, pymysql.MySQLError):
            self._execute_command(COMMAND.COM_QUIT, b"")
            self._sock.settimeout(HANGS_UP)
            self._rfile.read(1)

    def _request_authentication(self) -> None:
        """As PyMySQL, which before 1.2 goes on without TLS where the server offers none."""
        if self.ssl and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.OperationalError(NO_TLS)
        # PyMySQL uses the login of the server's greeting without asking the method below. So it begins with a harmless
        # one, and the server asks for the user's own.
        self._auth_plugin_name = "mysql_native_password"
        super()._request_authentication()  # type: ignore[misc]

    def _get_auth_plugin_handler(self, plugin_name: bytes | str) -> object | None:
        """PyMySQL asks this before every login. None leaves the login to PyMySQL."""
        name = plugin_name.decode(errors="replace") if isinstance(plugin_name, bytes) else plugin_name
        if name and name not in HIDING + REVEALING:
            raise _NoLogin(f"wants a login by {inert(name, SAID)}, which is not supported here; {ANOTHER_USER}")
        if self._access.is_private:
            return _Dialog(self) if name == "dialog" else None
        if name in REVEALING:
            raise _NoLogin(f"wants the password itself ({name}); {PRIVATE}")
        return _Scrambled(self) if name == "caching_sha2_password" else None

    def _read_bytes(self, num_bytes: int) -> bytes:
        """As PyMySQL, whose own timeout begins anew with every byte that comes."""
        self._deadline.left()
        return super()._read_bytes(num_bytes)  # type: ignore[misc,no-any-return]


class _Scrambled:
    """A login by caching_sha2_password that goes no further than the scrambled password."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def authenticate(self, packet: Any) -> Any:
        link = self._link
        link.write_packet(scramble_caching_sha2(link.password, packet.read_all().removesuffix(b"\0")))
        answer = link._read_packet()  # type: ignore[no-untyped-call]
        if not answer.is_extra_auth_data():
            return answer
        answer.advance(1)
        if answer.read_uint8() != FAST_LOGIN:
            raise _NoLogin(f"wants the password itself (caching_sha2_password); {PRIVATE}, or log this user in once"
                           " with another client, which the server then remembers")
        return link._read_packet()  # type: ignore[no-untyped-call]


class _Dialog:
    """PAM's login: one question, for the password. MariaDB leaves it out, which PyMySQL does not understand."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def authenticate(self, _question: Any) -> Any:
        self._link.write_packet(self._link.password + b"\0")
        return self._link._read_packet()  # type: ignore[no-untyped-call]


@contextmanager
def linked(access: Access, deadline: Deadline) -> Iterator[Link]:
    """A connection for the block, which ends it. Raises Failed for all that goes wrong in it."""
    try:
        link = Link(access, deadline)
        try:
            yield link
            link.leave()
        finally:
            link._force_close()
    except Failed:
        raise
    except Exception as error:  # PyMySQL raises IndexError, struct.error and more for what is no MySQL
        raise Failed(f"the server at {access.place} {_why(access, error)}") from None


def pairs(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Rows of a name and a text; rows of another shape are left out."""
    for row in rows:
        if len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], str):
            yield row[0], row[1]


def number(text: object) -> Number | None:
    found = NUMBER.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else float(found[0]) if found[2] else int(found[0])


# What happened and what to do, after "the server at PLACE"


def _why(access: Access, error: Exception) -> str:
    if isinstance(error, _NoLogin):
        return str(error)
    below = _below(error)
    if below is not None and not isinstance(below, (ConnectionResetError, BrokenPipeError)):
        return _unreachable(below)
    if _number(error) in REFUSED:
        given = f"with the password from {access.password_from}" if access.password_from else "without a password"
        return (f"refused user {access.user!r}, {given}; put user and password under [client] in ~/.my.cnf"
                " (to which not everyone may write), or set defaults_file, or user and password_file"
                + ("" if access.tls or access.socket else WITHOUT_TLS))
    if _number(error) in KNOWN:
        return KNOWN[_number(error)]
    if _from_server(error):
        return f"{_said(access, error)}; see its log"
    if below is not None:
        return CLOSED
    if isinstance(error, RuntimeError) and "pynacl" in str(error):
        return f"wants a login by client_ed25519; install the Python package PyNaCl, or {ANOTHER_USER}"
    if isinstance(error, (pymysql.MySQLError, RuntimeError)) and "sequence number" not in str(error):
        return f"cannot be read: {_harmless(access, ' '.join(map(str, error.args))) or type(error).__name__}"
    return "does not speak MySQL's protocol; correct host and port, or socket"


def _unreachable(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "did not answer in time; see its log, or give it longer"
    if isinstance(error, ssl.SSLError):
        return f"and this client agree on no TLS ({error.reason or 'it is broken'}); correct the ssl options"
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return "does not run, or listens elsewhere; start it, or set socket, or host and port"
    return f"cannot be reached ({error.strerror or type(error).__name__}); correct socket, or host and port"


def _below(error: BaseException | None) -> OSError | None:
    """The system's own error, where PyMySQL's goes back to one."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _number(error: Exception) -> int:
    """The error's number, PyMySQL's or the server's; 0 where it has none."""
    number = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else 0
    return number if type(number) is int else 0


def _from_server(error: Exception) -> bool:
    return _number(error) > 0 and not 2000 <= _number(error) < 3000


def _said(access: Access, error: Exception) -> str:
    """The server's own words, unless they hold the password."""
    text = _harmless(access, str(error.args[1]) if len(error.args) > 1 else "")
    return f"says: error {error.args[0]}" + (f", {text}" if text else "")


def _harmless(access: Access, text: str) -> str:
    """The text on one line; nothing where it holds the password."""
    password = access.password.decode(errors="surrogateescape")
    return "" if password and password in text else inert(text, SAID)
