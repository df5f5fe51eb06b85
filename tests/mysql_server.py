"""A MySQL server on loopback that knows logins and the answers it is given, and can be made to misbehave."""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from .loopback import served

SALT = b"abcdefghijklmnopqrst"
CAPABILITIES = 0x8A201  # LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH
SSL = 0x800
QUIT, QUERY = 1, 3
OK = b"\0\0\0\2\0\0\0"

FAST, WHOLE = b"\1\3", b"\1\4"
"""By caching_sha2_password: the scrambled password is right; the password itself is wanted."""

Row = tuple[str | None, ...]
Answer = Iterable[Row] | bytes
"""Rows, or a packet's payload such as an ``error``."""


def error(number: int, text: str, state: str = "#HY000") -> bytes:
    return b"\xff" + struct.pack("<H", number) + (state + text).encode()


def switch(plugin: str, data: bytes = SALT + b"\0") -> bytes:
    """The server wants another kind of login."""
    return b"\xfe" + plugin.encode() + b"\0" + data


class Closed(Exception):
    """The client left, or we are to leave."""


class MySQLServer:
    """``trouble`` maps a stage to what happens in place of it: None is silence, bytes are sent, and the line closed.

    Stages are ``greeting``, ``login``, ``query`` (its answer), ``result`` (one row was sent) and
    ``quit``. ``exchange`` is what the server says in place of looking at the password; what the client answers joins
    the ``logins``, and the last ends the login. With ``tls`` it speaks TLS. ``answers`` maps statements to an Answer or
    a function that gives one; others get OK.
    """

    def __init__(self, path: Path | None = None, user: str = "counters", password: str = "opensesame",
                 tls: ssl.SSLContext | None = None) -> None:
        self.user, self.password, self.tls = user, password, tls
        self.trouble: dict[str, bytes | None] = {}
        self.exchange: list[bytes] = []
        self.proposes = "mysql_native_password"
        self.answers: dict[str, Answer | Callable[[], Answer]] = {}
        self.logins: list[bytes] = []
        self.conversations: list[list[str]] = []
        self.on_quit: Callable[[], object] = lambda: None
        self.left = threading.Event()
        if path:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(str(path))
            self._socket.listen()
        else:
            self._socket = socket.create_server(("127.0.0.1", 0))
            self.port = self._socket.getsockname()[1]
        served(self._socket, self._serve)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock:
                _Conversation(self, sock).hold()
        except (OSError, Closed):
            pass
        self.left.set()


class _Conversation:
    def __init__(self, server: MySQLServer, sock: socket.socket) -> None:
        self.server, self.sock, self.number = server, sock, 0
        self.said: list[str] = []

    def hold(self) -> None:
        self._stage("greeting")
        capabilities = CAPABILITIES | (SSL if self.server.tls else 0)
        self._send(
            b"\x0a10.11.19-test\0" + struct.pack("<I", 7) + SALT[:8] + b"\0" + struct.pack("<H", capabilities & 0xFFFF)
            + b"\x2d\2\0" + struct.pack("<HB", capabilities >> 16, 21) + bytes(10) + SALT[8:]
            + b"\0" + self.server.proposes.encode() + b"\0")
        login = self._packet()
        if self.server.tls and len(login) == 32:  # the login's beginning, which asks for TLS
            self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)
            login = self._packet()
        self.server.logins.append(login)
        self.server.conversations.append(self.said)
        self._stage("login")
        if self.server.exchange:
            self._exchange()
            return
        user, rest = login[32:].split(b"\0", 1)
        if (user.decode(), rest[1:1 + rest[0]]) != (self.server.user, _scramble(self.server.password)):
            self._send(error(1045, f"Access denied for user '{user.decode()}'@'localhost'", "#28000"))
            return
        self._ok()
        self._converse()

    def _exchange(self) -> None:
        *questions, last = self.server.exchange
        for question in questions:
            self._send(question)
            if question != FAST:
                self.server.logins.append(self._packet())
        self._send(last)
        self._converse()

    def _converse(self) -> None:
        while (packet := self._packet())[0] != QUIT:
            self._answer(packet[1:].decode())
        self.server.on_quit()
        self._stage("quit")

    def _answer(self, statement: str) -> None:
        self.said.append(statement)
        answer = self.server.answers.get(statement)
        if answer is None:
            self._ok()
            return
        answer = answer() if callable(answer) else answer
        self._stage("query")
        if isinstance(answer, bytes):
            self._send(answer)
        else:
            self._rows(iter(answer))

    def _rows(self, rows: Iterator[Row]) -> None:
        first = next(rows, None)
        width = len(first) if first else 2
        self._send(bytes([width]))
        for _ in range(width):
            self._send(b"".join(map(_text, ("def", "", "", "", "name", "name"))) + b"\x0c"
                       + struct.pack("<HIBHB", 45, 400, 0xFD, 0, 0) + bytes(2))
        self._send(b"\xfe\0\0\2\0")
        for row in chain([first] if first else [], rows):
            self._send(b"".join(map(_text, row)))
            self._stage("result")
        self._send(b"\xfe\0\0\2\0")

    def _stage(self, name: str) -> None:
        if name not in self.server.trouble:
            return
        instead = self.server.trouble[name]
        if instead is None:
            self._packet()  # comes only when the client leaves
        self.sock.sendall(instead or b"")
        raise Closed

    def _ok(self) -> None:
        self._send(OK)

    def _send(self, payload: bytes) -> None:
        self.sock.sendall(struct.pack("<I", len(payload))[:3] + bytes([self.number]) + payload)
        self.number = (self.number + 1) % 256

    def _packet(self) -> bytes:
        head = self._exactly(4)
        self.number = head[3] + 1
        return self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            block = self.sock.recv(count - len(data))
            if not block:
                raise Closed
            data += block
        return data


def _text(text: str | None) -> bytes:
    if text is None:
        return b"\xfb"
    data = text.encode()
    return (bytes([len(data)]) if len(data) < 0xFB else b"\xfc" + struct.pack("<H", len(data))) + data


def _scramble(password: str) -> bytes:
    """mysql_native_password."""
    if not password:
        return b""
    first = hashlib.sha1(password.encode()).digest()
    second = hashlib.sha1(SALT + hashlib.sha1(first).digest()).digest()
    return bytes(a ^ b for a, b in zip(first, second, strict=True))
