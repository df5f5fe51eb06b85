"""An IRC server on loopback for the demonstration and the tests, which can also behave badly on request.

It speaks as much as a bot, or a person who looks on, needs; it links to no other server and keeps nothing.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple

NAME = "irc.demo"
LINE_ENDS = re.compile(rb"[\r\n]+")
"""ngircd too takes a lone CR for the end of a line."""


class Line(NamedTuple):
    """What somebody said in a channel."""

    channel: str
    nick: str
    text: str


class IrcServer:
    """Listens while it is entered, on a free port that it keeps when it is stopped and started again.

    ``accounts`` turns SASL PLAIN on: names and their passwords. ``certificate`` is a pair of PEM files,
    chain and key, and turns TLS on. ``lines`` is what was said, ``raw`` every line received, in order.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        password: str | None = None,
        accounts: Mapping[str, str] | None = None,
        certificate: tuple[str, str] | None = None,
    ) -> None:
        self.password = password
        self.accounts = dict(accounts or {})
        self.knows_cap = True
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(*certificate)
        self.port = 0
        self.lines: list[Line] = []
        self.raw: list[bytes] = []
        self.refusals: dict[str, str] = {}  # channel to the numeric that refuses a JOIN, such as 474
        self.silenced: set[str] = set()  # channels in which nobody may speak
        self.taken: set[str] = set()  # nicks that somebody else has
        self.drop_after: int | None = None  # everybody is dropped when so many lines were said
        self.clients: list[Client] = []
        self.logins = 0
        self.lock = threading.RLock()
        self.reading = threading.Event()
        self.reading.set()
        self._server: _Server | None = None

    def __enter__(self) -> IrcServer:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listens, on the port of the last time if there was one."""
        self._server = _Server((self.host, self.port), Client)
        self._server.house = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="irc-demo", daemon=True).start()

    def stop(self) -> None:
        """As if killed: what was not read yet is lost."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        self.drop()
        self.resume()

    def drop(self) -> None:
        """Resets every connection."""
        with self.lock:
            for client in tuple(self.clients):
                client.reset()

    def hang(self) -> None:
        """Reads and answers nothing more, with every connection open, until ``resume``."""
        self.reading.clear()

    def resume(self) -> None:
        self.reading.set()

    def send(self, line: str | bytes) -> None:
        """Sends a line, whatever it may be, to every client."""
        for client in tuple(self.clients):
            client.send(line)

    def kick(self, channel: str, nick: str, why: str = "out") -> None:
        with self.lock:
            for client in self.members(channel):
                client.send(f":op!op@{NAME} KICK {channel} {nick} :{why}")
                client.channels -= {channel} if client.nick == nick else set()

    def members(self, channel: str) -> list[Client]:
        return [client for client in self.clients if channel in client.channels]

    def present(self, channel: str) -> set[str]:
        """The nicks in a channel."""
        with self.lock:
            return {client.nick for client in self.members(channel)}

    def said(self, channel: str) -> list[str]:
        """The texts of a channel, in order."""
        with self.lock:
            return [line.text for line in self.lines if line.channel == channel]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    house: IrcServer


class Client(socketserver.BaseRequestHandler):
    """One client; each command has a method named after it."""

    server: _Server
    nick = "*"
    user = ""

    def setup(self) -> None:
        self.house = self.server.house
        self.channels: set[str] = set()
        self.password: str | None = None
        self.negotiating = False
        self.welcomed = False
        self.gone = False
        self.sending = threading.Lock()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            if self.house.context is not None:
                self.request = self.house.context.wrap_socket(self.request, server_side=True)
            with self.house.lock:
                self.house.clients.append(self)
            for line in self.received():
                with self.house.lock:
                    if self.gone:
                        return
                    self.house.raw.append(line)
                    self.obey(line.decode("utf-8", "replace"))

    def finish(self) -> None:
        with self.house.lock, contextlib.suppress(ValueError):
            self.house.clients.remove(self)
        with contextlib.suppress(OSError):
            self.request.close()

    def received(self) -> Iterator[bytes]:
        rest = b""
        while not self.gone:
            data = self.request.recv(4096)
            self.house.reading.wait()
            if not data:
                return
            *lines, rest = LINE_ENDS.split(rest + data)
            for line in filter(None, lines):
                if b"\0" in line:  # ngircd listens no more to one who sends this, and does not say so
                    self.house.hang()
                    return
                yield line

    def obey(self, line: str) -> None:
        words, colon, text = line.partition(" :")
        command, *arguments = words.split()
        if colon:
            arguments.append(text)
        method = getattr(self, f"do_{command.lower()}", None)
        if method is None:
            self.numeric("421", f"{command} :Unknown command")
            return
        try:
            method(*arguments)
        except (TypeError, ValueError):
            self.numeric("461", f"{command} :Not enough parameters, or odd ones")

    def send(self, line: str | bytes) -> None:
        data = line.encode() if isinstance(line, str) else line
        with self.sending, contextlib.suppress(OSError):
            self.request.sendall(data + b"\r\n")

    def numeric(self, code: str, rest: str) -> None:
        self.send(f":{NAME} {code} {self.nick} {rest}")

    def reset(self) -> None:
        """Closes at once, so that the other side sees a broken connection and not an end."""
        self.gone = True
        self.channels.clear()
        with contextlib.suppress(OSError):
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.shutdown(socket.SHUT_RDWR)

    @property
    def mask(self) -> str:
        return f"{self.nick}!{self.user}@{NAME}"

    def do_pass(self, password: str) -> None:
        self.password = password

    def do_cap(self, command: str, *_names: str) -> None:
        if not self.house.knows_cap:
            return
        self.negotiating = command != "END"
        if command == "LS":
            self.send(f":{NAME} CAP * LS :{'sasl' if self.house.accounts else ''}")
        elif command == "REQ":
            self.send(f":{NAME} CAP * ACK :sasl")
        self.welcome()

    def do_authenticate(self, word: str) -> None:
        if word == "PLAIN":
            self.send("AUTHENTICATE +")
            return
        _identity, account, password = base64.b64decode(word).decode().split("\0")
        if self.house.accounts.get(account) == password:
            self.numeric("903", ":SASL authentication successful")
        else:
            self.numeric("904", ":SASL authentication failed")

    def do_nick(self, nick: str) -> None:
        others = {client.nick for client in self.house.clients if client is not self}
        if nick in self.house.taken | others:
            self.numeric("433", f"{nick} :Nickname is already in use")
            return
        old, self.nick = self.mask, nick
        if self.welcomed:
            self.send(f":{old} NICK :{nick}")
        self.welcome()

    def do_user(self, user: str, *_rest: str) -> None:
        self.user = user
        self.welcome()

    def welcome(self) -> None:
        if self.welcomed or self.negotiating or self.nick == "*" or not self.user:
            return
        if self.house.password not in (None, self.password):
            self.numeric("464", ":Password incorrect")
            self.reset()
            return
        self.welcomed = True
        self.house.logins += 1
        self.numeric("001", f":Welcome {self.mask}")
        self.numeric("422", ":No message of the day")

    def do_ping(self, *words: str) -> None:
        self.send(f":{NAME} PONG {NAME} :{words[0]}")

    def do_quit(self, *_why: str) -> None:
        self.send("ERROR :Closing link")
        self.gone = True

    def do_join(self, names: str, *_keys: str) -> None:
        for name in names.split(","):
            if name in self.house.refusals:
                self.numeric(self.house.refusals[name], f"{name} :Cannot join channel")
            elif name not in self.channels:
                self.channels.add(name)
                self.tell(name, f"JOIN {name}", myself=True)
                self.numeric("353", f"= {name} :{' '.join(sorted(self.house.present(name)))}")
                self.numeric("366", f"{name} :End of NAMES list")

    def do_privmsg(self, name: str, text: str = "") -> None:
        if not text:
            self.numeric("412", ":No text to send")
        elif name not in self.channels or name in self.house.silenced:
            self.numeric("404", f"{name} :Cannot send to channel")
        else:
            self.tell(name, f"PRIVMSG {name} :{text}")
            self.house.lines.append(Line(name, self.nick, text))
            if len(self.house.lines) == self.house.drop_after:
                self.house.drop()

    def tell(self, channel: str, what: str, *, myself: bool = False) -> None:
        for client in self.house.members(channel):
            if myself or client is not self:
                client.send(f":{self.mask} {what}")
