"""A connection to an IRC server: never blocks, and survives every line that the server writes.

It never logs what it sends, because passwords are among it.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from dataclasses import dataclass, field

import irc.client
from jaraco.stream.buffer import LenientDecodingLineBuffer

from ...clients import tls
from ...core.deadline import Deadline
from ...core.text.inert import inert
from .sasl import ASK

LONGEST_LINE = 64 << 10
"""Bytes without a line break after which we hang up; IRC lines, with message tags, have at most 8,704."""

TLS_RECORD = 1 << 14
"""A read of this size leaves no decrypted bytes behind, which select() would not see."""

SHOWN = 200
"""Bytes shown of a text that the server wrote."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """The server, and who we are there. Names and passwords were validated in the configuration.

    ``password`` is the server's (PASS), ``sasl`` an account's name and password; both may be given. ``ca_file`` (PEM)
    replaces the system's authorities.
    """

    host: str
    port: int
    nick: str
    channels: tuple[str, ...]
    tls: bool = True
    ca_file: str | None = None
    password: str | None = field(default=None, repr=False)
    sasl: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """The server, for messages."""
        return f"IRC {self.host}:{self.port}"


class Connection(irc.client.ServerConnection):  # type: ignore[misc]
    """The library's connection, on a non-blocking socket."""

    buffer_class = LenientDecodingLineBuffer

    def process_data(self) -> None:
        """Read what has come, and process it line by line."""
        try:
            data = self.socket.recv(TLS_RECORD)
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # half a TLS record, or a session ticket
        except OSError as error:
            self.disconnect(f"connection lost: {error}")
            return
        if not data:
            self.disconnect("the server closed the connection")
            return
        self.buffer.feed(data)
        for line in self.buffer:
            if self.connected:
                self._process_safely(line)
        if self.connected and len(self.buffer) > LONGEST_LINE:
            self.disconnect("the server sent a line without end")

    def _process_safely(self, line: str) -> None:
        try:
            self._process_line(line)
        except Exception as error:  # the library raises on PING or QUIT without argument, on a blank line and others
            log.warning("IRC %s:%s: ignored a line of the server (%r): %s", self.server, self.port, error,
                        inert(line, SHOWN))

    def send_raw(self, string: str) -> None:
        """Send a line, unless disconnected; hang up where it does not fit into the socket's buffer."""
        if self.socket is None:
            return
        try:
            self.socket.sendall(string.encode(errors="replace") + b"\r\n")
        except OSError as error:
            self.disconnect(f"connection lost: {error}")


def unreachable(error: OSError) -> str:
    """Why there is no connection, and what to do where it is known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return tls.distrust(error, "irc.ca_file")
    if isinstance(error, ssl.SSLError):
        return f"it speaks no TLS, or none that we do ({error.reason}); correct irc.port, or set irc.tls to false"
    if isinstance(error, socket.gaierror):
        return f"its name cannot be looked up ({error.strerror}); correct irc.host"
    return error.strerror or str(error)


def dial(settings: Settings, timeout: float) -> socket.socket:
    """A connected socket. The library's own way has no timeout and verifies no certificate.

    Raises OSError, and Unreadable where ``ca_file`` cannot be used.
    """
    context = tls.context(settings.ca_file) if settings.tls else None
    deadline = Deadline.after(timeout, time.monotonic)
    sock = socket.create_connection((settings.host, settings.port), deadline.left())
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(deadline.left())
        if context:
            sock = context.wrap_socket(sock, server_hostname=settings.host)
        # Here, before the library sends NICK and USER.
        if settings.password:
            sock.sendall(f"PASS :{settings.password}\r\n".encode())
        if settings.sasl:
            sock.sendall(f"{ASK}\r\n".encode())
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
