"""A person on IRC, as a bare socket: joins channels and writes down what is said.

Uses no IRC library and nothing of the bot.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from .process import until

WORDS = re.compile(r":(?P<nick>[^!\s]+)!\S+ (?:PRIVMSG|NOTICE) (?P<target>\S+) :(?P<text>.*)")
WELCOME, JOINED = "001", "366"


class Line(NamedTuple):
    """What someone said; ``target`` is a channel, or our nick. A notice counts the same."""

    nick: str
    target: str
    text: str


class Listener:
    """A client, in its channels once the ``with`` block is entered. It does not come back after the server's end."""

    def __init__(
        self, host: str, port: int, channels: Sequence[str], nick: str = "listener", password: str | None = None
    ) -> None:
        self.nick, self.channels, self.password = nick, channels, password
        self.lines: list[Line] = []
        self.numerics: list[str] = []
        self.closed = False
        self._socket = socket.create_connection((host, port), timeout=10)
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Listener:
        try:
            self._thread.start()
            self._log_in()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def say(self, target: str, text: str) -> None:
        self._send(f"PRIVMSG {target} :{text}")

    def wait_for(self, count: int, seconds: float = 10) -> list[Line]:
        """All lines so far, once there are ``count`` or more. Raises AssertionError with what was heard."""
        self._until(lambda: len(self.lines) >= count, seconds, f"{count} lines")
        return list(self.lines)

    def wait_for_text(self, text: str, seconds: float = 10) -> Line:
        """The first line that holds ``text``. Raises AssertionError with what was heard."""
        self._until(lambda: any(text in line.text for line in self.lines), seconds, f"a line with {text!r}")
        return next(line for line in self.lines if text in line.text)

    def close(self) -> None:
        with suppress(OSError):  # the server may have been first
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread; close alone would not
        if self._thread.is_alive():
            self._thread.join(5)
        self._socket.close()

    def _log_in(self) -> None:
        if self.password:
            self._send(f"PASS {self.password}")
        self._send(f"NICK {self.nick}", f"USER {self.nick} 0 * :{self.nick}")
        self._until(lambda: WELCOME in self.numerics, 10, "welcome")
        self._send(*(f"JOIN {channel}" for channel in self.channels))
        self._until(lambda: self.numerics.count(JOINED) == len(self.channels), 10, "in all channels")

    def _until(self, question: Callable[[], bool], seconds: float, what: str) -> None:
        try:
            until(lambda: question() or self.closed, seconds, what)
        except AssertionError as late:
            raise AssertionError(f"{late}; heard {self.lines}") from None
        assert question(), f"the server closed the connection before: {what}; heard {self.lines}"

    def _send(self, *lines: str) -> None:
        self._socket.sendall("".join(line + "\r\n" for line in lines).encode())

    def _listen(self) -> None:
        rest = b""
        with suppress(OSError):  # a reset is an end too
            while data := self._socket.recv(65536):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._hear(line.decode(errors="replace").rstrip("\r"))
        self.closed = True

    def _hear(self, line: str) -> None:
        if line.startswith("PING"):
            self._send("PONG" + line[4:])
        elif words := WORDS.fullmatch(line):
            self.lines.append(Line(**words.groupdict()))
        elif numeric := re.match(r":\S+ (\d{3}) ", line):
            self.numerics.append(numeric[1])
