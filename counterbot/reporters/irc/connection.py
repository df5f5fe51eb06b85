"""A connection to an IRC server that neither blocks nor dies of what the server writes.

It moves lines and knows nothing of channels or of what is owed; it never logs what it sends, because
passwords are among it.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from dataclasses import dataclass, field

import irc.client
from jaraco.stream.buffer import LenientDecodingLineBuffer

from ...core.text.inert import inert

LONGEST_LINE = 64 << 10
"""Bytes without a line break, after which a server is no IRC server (tags and text have 8,704 at most)."""

TLS_RECORD = 1 << 14
"""Reading this much leaves nothing decrypted behind, where select() would not see it."""

SHOWN = 200
BREAKS = {ord(character): " " for character in "\r\n\0"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Where to, as whom, and how fast.

    ``password`` is the server's own, ``sasl`` an account's name and password; both may be given.
    ``ca_file`` holds the certificates to trust instead of the system's. ``pace`` is in seconds between
    lines, after a first few at once; ``unacknowledged`` is how many lines may be under way.
    Raises ValueError for what no IRC server can understand.
    """

    host: str
    port: int
    nick: str
    channels: tuple[str, ...]
    tls: bool = True
    ca_file: str | None = None
    password: str | None = field(default=None, repr=False)
    sasl: tuple[str, str] | None = field(default=None, repr=False)
    pace: float = 1.0
    unacknowledged: int = 4

    def __post_init__(self) -> None:
        for channel in self.channels:
            if not irc.client.is_channel(channel) or any(c in " ,\a" or ord(c) < 32 for c in channel):
                raise ValueError(f"no IRC channel: {channel!r}; it begins with # and has no blank or comma")
        if not self.nick or any(c in " ,:!@#" or not c.isprintable() for c in self.nick):
            raise ValueError(f"no IRC nick: {self.nick!r}; use letters, digits, - and _")
        if any(c in secret for secret in (self.password or "", *(self.sasl or ())) for c in "\r\n\0"):
            raise ValueError("an IRC password or account name has a line break in it; remove it")
        if self.pace < 0 or self.unacknowledged < 1:
            raise ValueError("IRC: pace must be 0 seconds or more, unacknowledged 1 line or more")


class Connection(irc.client.ServerConnection):
    """The library's connection over a socket that never waits. ``heard`` is when the last byte came."""

    buffer_class = LenientDecodingLineBuffer
    real_nickname = ""
    heard = 0.0

    def process_data(self) -> None:
        """Reads what is there. A line that makes the library stumble costs that line only."""
        try:
            data = self.socket.recv(TLS_RECORD)
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # a TLS record may be half here, or hold a session ticket and no data
        except OSError as error:
            self.disconnect(f"connection lost: {error}")
            return
        if not data:
            self.disconnect("the server closed the connection")
            return
        self.heard = time.monotonic()
        self.buffer.feed(data)
        self._process_lines()

    def _process_lines(self) -> None:
        for line in self.buffer:
            if line and self.connected:
                self._process_safely(line)
        if self.connected and len(self.buffer) > LONGEST_LINE:
            self.disconnect("the server sent a line without end")

    def _process_safely(self, line: str) -> None:
        try:
            self._process_line(line)
        except Exception as error:  # PING or QUIT without argument, a line of blanks, …
            if self.connected:
                log.warning("passed over a line of the server (%r): %s", error, inert(line, SHOWN))

    def send_raw(self, string: str) -> None:
        """Sends one whole line or hangs up: a server that lets our few lines pile up reads no more."""
        if self.socket is None:
            raise irc.client.ServerNotConnectedError("not connected")
        try:
            self.socket.sendall(_line(string))
        except OSError as error:
            self.disconnect(f"connection lost: {error}")


class Reactor(irc.client.Reactor):
    """The library's select() loop over such connections; one for each, so that nothing is shared."""

    connection_class = Connection


def connect(connection: Connection, settings: Settings, timeout: float) -> None:
    """Opens a connection and sends the first words of the login, each step within ``timeout`` seconds.

    Raises ``OSError`` or the library's ``ServerConnectionError``: no route, no answer, a certificate
    that does not prove the host's name.
    """
    account, secret = settings.sasl or (None, None)
    connection.heard = time.monotonic()
    connection.connect(
        settings.host,
        settings.port,
        settings.nick,
        password=secret,
        sasl_login=account,
        ircname="counterbot",
        connect_factory=lambda _address: _dial(settings, timeout),
    )


def _dial(settings: Settings, timeout: float) -> socket.socket:
    """Does what the library's factory does not: time out, try IPv6 and IPv4, check the certificate."""
    context = ssl.create_default_context(cafile=settings.ca_file) if settings.tls else None
    plain = socket.create_connection((settings.host, settings.port), timeout)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        dialled = context.wrap_socket(plain, server_hostname=settings.host) if context else plain
    except BaseException:
        plain.close()
        raise
    if settings.password:  # here, because the library sends either this or SASL
        dialled.sendall(_line(f"PASS :{settings.password}"))
    dialled.setblocking(False)
    return dialled


def _line(text: str) -> bytes:
    return text.translate(BREAKS).encode("utf-8", "replace") + b"\r\n"
