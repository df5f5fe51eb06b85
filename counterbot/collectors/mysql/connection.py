"""A connection to a MySQL or MariaDB server, from login to a leave that the server has seen. Knows no counter.

Every failure is one line that says what to do; no password is in it, and no text of a server that has it.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import gaierror

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, COMMAND

from ...core.text.inert import inert
from .. import Failed
from .access import Access, Tls

Row = tuple[str | bytes | None, ...]

HANGS_UP = 1.0
"""Seconds for a server to close a connection that was ended; it takes a millisecond."""

LINE = 600
"""Bytes of a message."""

NO_TLS, NO_PLUGIN = 2026, 2059
LOST = (2006, 2013)
"""PyMySQL's own errors."""

REFUSED = {1044, 1045, 1698, 3118, 4151}
SERVER = {
    1040: "has no connection left; raise its max_connections, or close connections",
    1129: "blocks this host after too many broken connections; run mariadb-admin flush-hosts there",
    1130: "lets nobody in from this host; create a user for this host, or connect through its socket",
    1203: "has no connection left for this user; raise max_user_connections",
    1053: "is being shut down; start it again",
    3159: "lets nobody in without TLS; put ssl-ca=FILE, or ssl, under [client]",
    1820: "wants this user's password changed first; do so, or take another user",
    1862: "wants this user's password changed first; do so, or take another user",
}
"""What happened and what to do, at login or later."""

WITHOUT_TLS = "; if it lets nobody in without TLS, put ssl-ca=FILE, or ssl, there as well"
"""MariaDB says of this that the user is refused."""

SPENT = 1226
ANY_LIMIT = "limits (SHOW GRANTS names them)"
LIMITS = re.compile("'(max_(?:queries|updates|connections)_per_hour|max_user_connections)'")


class Refused(Failed):
    """The server refused one statement; the connection still serves."""


class Link(Connection):
    """PyMySQL's connection with one deadline for all its waiting, and an end that was seen."""

    def __init__(self, access: Access, ends: float) -> None:
        """``ends`` is in monotonic seconds."""
        self._ends = ends
        seconds = _left(ends)
        super().__init__(
            host=access.host, port=access.port, unix_socket=access.socket, user=access.user.encode(
                errors="surrogateescape"), password=access.password, ssl=_context(access.tls),
            ssl_disabled=access.tls is None,
            # No SET AUTOCOMMIT: every connection is to make the server count the same. And everything as text.
            autocommit=None, conv={}, auth_plugin_map={"mysql_clear_password": _Never},
            connect_timeout=seconds, read_timeout=seconds, write_timeout=seconds)

    def rows(self, statement: str) -> tuple[Row, ...]:
        self._read_timeout = _left(self._ends)
        with self.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def leave(self) -> None:
        """Quit, and wait until the server hangs up: by then it has counted everything of this connection."""
        with suppress(OSError, pymysql.MySQLError):
            self._execute_command(COMMAND.COM_QUIT, b"")
            self._sock.settimeout(min(HANGS_UP, _left(self._ends)))
            self._rfile.read(1)
        self._force_close()

    def _request_authentication(self) -> None:
        """As PyMySQL, which before 1.2 does without TLS where the server offers none."""
        if self.ssl and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.OperationalError(NO_TLS)
        super()._request_authentication()

    def _read_bytes(self, num_bytes: int) -> bytes:
        """As PyMySQL, which begins anew to wait with every byte that comes."""
        _left(self._ends)
        return super()._read_bytes(num_bytes)


class _Never:
    """Takes part in no login that would show the password to whoever asks; the client does not, either."""

    def __init__(self, connection: Connection) -> None:
        pass

    def authenticate(self, _: object) -> None:
        raise pymysql.OperationalError(NO_PLUGIN)


@contextmanager
def linked(access: Access, ends: float) -> Iterator[Link]:
    """A connection for the block, which ends it. What is raised in it, and by it, is a Failed or Refused."""
    try:
        link = Link(access, ends)
        try:
            yield link
            link.leave()
        finally:
            link._force_close()
    except Failed:
        raise
    except Exception as error:  # PyMySQL raises IndexError, struct.error and more for what is no MySQL
        raise Failed(_line(access, _why(access, error))) from None


@contextmanager
def refusals(access: Access, what: str) -> Iterator[None]:
    """Raises Refused with ``what`` to do where the server refuses a statement of the block."""
    try:
        yield
    except pymysql.MySQLError as error:
        if _code(error) is None:
            raise
        raise Refused(_line(access, _known(error) or f"{_said(access, error)}; {what}")) from None


def _left(ends: float) -> float:
    seconds = ends - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("its time is over")
    return seconds


def _context(tls: Tls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=tls.ca, capath=tls.capath)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
    except OSError as error:
        raise Failed(f"a file of the ssl options cannot be used ({error.strerror or 'it is broken'}); correct ssl-ca,"
                     " ssl-capath, ssl-cert and ssl-key") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the certificates that servers make for themselves are not strict
    context.check_hostname = tls.identity
    context.verify_mode = ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE
    return context


def _line(access: Access, what: str) -> str:
    return inert(f"the server at {access.place} {what}", LINE)


def _why(access: Access, error: Exception) -> str:
    """What happened and what to do, after "the server at PLACE"."""
    below = _below(error)
    if isinstance(below, TimeoutError):
        return "did not answer in time; see its log, or give it longer"
    if isinstance(below, ssl.SSLError):
        return f"and this client agree on no TLS ({below.reason or 'it is broken'}); correct the ssl options"
    if below is not None and not isinstance(below, (ConnectionResetError, BrokenPipeError)):
        return _unreachable(below)
    code = _code(error)
    if code in REFUSED:
        given = f"with the password from {access.password_from}" if access.password_from else "without a password"
        return (f"refused user {access.user!r}, {given}; put user and password under [client] in ~/.my.cnf"
                " (to which not everyone may write), or set defaults_file, or user and password_file"
                + ("" if access.tls or access.socket else WITHOUT_TLS))
    if code is not None:
        return _known(error) or f"{_said(access, error)}; see its log"
    return _talk(error)


def _known(error: Exception) -> str | None:
    """What happened and what to do, of an error that says it by its number."""
    code = _code(error)
    if code == SPENT:
        limits = LIMITS.findall(str(error.args[1:]))  # the user, whose name comes first, may be called like one
        return f"lets this user do no more; raise its {limits[-1].upper() if limits else ANY_LIMIT}"
    return None if code is None else SERVER.get(code)


def _talk(error: Exception) -> str:
    """Of what went wrong between the two ends, after they had found each other."""
    number = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
    if number in LOST or isinstance(error, OSError):
        return "closed the connection; see its log"
    if number == NO_TLS:
        return "offers no TLS; switch it on there, or take the ssl options away"
    if number == NO_PLUGIN:
        return "wants a kind of login that is not to be had here; create a user with a password for the collector"
    if isinstance(error, RuntimeError) and "cryptography" in str(error):
        return ("wants the password encrypted; install the Python package cryptography, use its socket or TLS, or"
                " create a user with mysql_native_password")
    return "does not speak MySQL's protocol; correct host and port, or socket"


def _unreachable(error: OSError) -> str:
    """Of a server that was not reached."""
    if isinstance(error, gaierror):
        return "cannot be found: the host's name is unknown; correct host"
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return "does not run, or listens elsewhere; start it, or set socket, or host and port"
    if isinstance(error, PermissionError):
        return "may not be used by this user; run as a user who may, or set host and port"
    return f"cannot be reached ({error.strerror or type(error).__name__}); correct socket, or host and port"


def _below(error: BaseException | None) -> OSError | None:
    """The system's own error, where PyMySQL's goes back to one."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _code(error: Exception) -> int | None:
    """The number of an error that the server sent; PyMySQL's own are from 2000 to 2999."""
    number = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
    return number if type(number) is int and number > 0 and not 2000 <= number < 3000 else None


def _said(access: Access, error: Exception) -> str:
    """The server's own words, in which there must be no password."""
    text = str(error.args[1]) if len(error.args) > 1 else ""
    password = access.password.decode(errors="surrogateescape")
    secret = bool(password) and password in text
    return f"says: error {error.args[0]}" + (f", {inert(text, 200)}" if text and not secret else "")
