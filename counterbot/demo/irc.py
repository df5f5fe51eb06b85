"""An IRC server on loopback, for ``counterbot demo`` and the tests: as much as a bot needs, and faults on request."""

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
"""A lone CR too ends a line, as in ngircd."""


class Line(NamedTuple):
    """What somebody said in a channel."""

    channel: str
    nick: str
    text: str


class IrcServer:
    """A context manager. The port is a free one, and stays when the server is stopped and started again.

    ``accounts`` (names and passwords) turn SASL PLAIN on; ``certificate``, PEM files of chain and key, turns TLS on.
    ``raw`` has every line received, ``lines`` what was said in channels.
    """

    host = "127.0.0.1"

    def __init__(self, *, password: str | None = None, accounts: Mapping[str, str] | None = None,
                 certificate: tuple[str, str] | None = None) -> None:
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
        self.refusals: dict[str, str] = {}
        """By channel, the numeric that refuses a JOIN, such as 474."""
        self.silenced: set[str] = set()
        """Channels in which nobody may speak."""
        self.taken: set[str] = set()
        """Nicks of others."""
        self.drop_after: int | None = None
        """Lines said, after which all connections break."""
        self.clients: list[Client] = []
        self.logins = 0
        self.lock = threading.RLock()
        self.reading = threading.Event()
        self.reading.set()
        self._server: _Server | None = None

    def __enter__(self) -> IrcServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._server = _Server((self.host, self.port), Client)
        self._server.irc = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="irc-demo", daemon=True).start()

    def stop(self) -> None:
        """As if killed: what was not read is lost."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._server = None
        self.drop()
        self.resume()

    def drop(self) -> None:
        """Reset all connections."""
        with self.lock:
            for client in tuple(self.clients):
                client.reset()

    def hang(self) -> None:
        """Read and answer nothing, with all connections open, until ``resume``."""
        self.reading.clear()

    def resume(self) -> None:
        self.reading.set()

    def send(self, line: str | bytes) -> None:
        """Send a line as it is to all clients."""
        for client in tuple(self.clients):
            client.send(line)

    def remove(self, channel: str, nick: str, command: str) -> None:
        """Take somebody out of a channel, and send ``command`` to its members: a KICK, or a PART."""
        with self.lock:
            for client in self.members(channel):
                client.send(command)
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
    irc: IrcServer


class Client(socketserver.BaseRequestHandler):
    """One client; each of its commands has a method."""

    server: _Server
    nick = "*"
    user = ""
    password: str | None = None
    negotiating = welcomed = gone = False

    def setup(self) -> None:
        self.irc = self.server.irc
        self.channels: set[str] = set()
        self.sending = threading.Lock()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            if self.irc.context is not None:
                self.request = self.irc.context.wrap_socket(self.request, server_side=True)
            with self.irc.lock:
                self.irc.clients.append(self)
            for line in self.received():
                with self.irc.lock:
                    if self.gone:
                        return
                    self.irc.raw.append(line)
                    self.obey(line.decode("utf-8", "replace"))

    def finish(self) -> None:
        with self.irc.lock, contextlib.suppress(ValueError):
            self.irc.clients.remove(self)
        with contextlib.suppress(OSError):
            self.request.close()

    def received(self) -> Iterator[bytes]:
        rest = b""
        while not self.gone:
            data = self.request.recv(4096)
            self.irc.reading.wait()
            if not data:
                return
            *lines, rest = LINE_ENDS.split(rest + data)
            yield from filter(None, lines)

    def obey(self, line: str) -> None:
        words, colon, text = line.partition(" :")
        command, *arguments = words.split()
        method = getattr(self, f"do_{command.lower()}", None)
        if method is None:
            self.numeric("421", f"{command} :Unknown command")
        else:
            method(*arguments, *([text] if colon else []))

    def send(self, line: str | bytes) -> None:
        data = line.encode() if isinstance(line, str) else line
        with self.sending, contextlib.suppress(OSError):
            self.request.sendall(data + b"\r\n")

    def numeric(self, code: str, rest: str) -> None:
        self.send(f":{NAME} {code} {self.nick} {rest}")

    def reset(self) -> None:
        """Close so that the other side sees a broken connection and not an end."""
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
        if not self.irc.knows_cap:
            return
        self.negotiating = command != "END"
        if command == "LS":
            self.send(f":{NAME} CAP * LS :{'sasl' if self.irc.accounts else ''}")
        elif command == "REQ":
            self.send(f":{NAME} CAP * ACK :sasl")
        self.welcome()

    def do_authenticate(self, word: str) -> None:
        if word == "PLAIN":
            self.send("AUTHENTICATE +")
            return
        _identity, account, password = base64.b64decode(word).decode().split("\0")
        if self.irc.accounts.get(account) == password:
            self.numeric("903", ":SASL authentication successful")
        else:
            self.numeric("904", ":SASL authentication failed")

    def do_nick(self, nick: str) -> None:
        others = {client.nick for client in self.irc.clients if client is not self}
        if nick in self.irc.taken | others:
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
        if self.irc.password not in (None, self.password):
            self.numeric("464", ":Password incorrect")
            self.reset()
            return
        self.welcomed = True
        self.irc.logins += 1
        self.numeric("001", f":Welcome {self.mask}")
        self.numeric("422", ":No message of the day")

    def do_ping(self, token: str) -> None:
        self.send(f":{NAME} PONG {NAME} :{token}")

    def do_quit(self, *_why: str) -> None:
        self.send("ERROR :Closing link")
        self.gone = True

    def do_join(self, name: str) -> None:
        if name in self.irc.refusals:
            self.numeric(self.irc.refusals[name], f"{name} :Cannot join channel")
        elif name not in self.channels:
            self.channels.add(name)
            self.tell(name, f"JOIN {name}", myself=True)
            self.numeric("353", f"= {name} :{' '.join(sorted(self.irc.present(name)))}")
            self.numeric("366", f"{name} :End of NAMES list")

    def do_privmsg(self, name: str, text: str) -> None:
        if name not in self.channels or name in self.irc.silenced:
            self.numeric("404", f"{name} :Cannot send to channel")
            return
        self.tell(name, f"PRIVMSG {name} :{text}")
        self.irc.lines.append(Line(name, self.nick, text))
        if len(self.irc.lines) == self.irc.drop_after:
            self.irc.drop()

    def tell(self, channel: str, what: str, *, myself: bool = False) -> None:
        for client in self.irc.members(channel):
            if myself or client is not self:
                client.send(f":{self.mask} {what}")
