"""An IRC server on loopback for ``counterbot demo``: as much as the bot needs, and somebody who looks on."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from typing import NamedTuple

NAME = "irc.demo"


class Line(NamedTuple):
    """What somebody said in a channel."""

    channel: str
    nick: str
    text: str


class IrcServer(socketserver.ThreadingTCPServer):
    """A context manager; the port is a free one. ``lines`` has what was said in channels."""

    allow_reuse_address = daemon_threads = True
    block_on_close = False
    host = "127.0.0.1"

    def __init__(self, client: type[Client] | None = None) -> None:
        super().__init__((self.host, 0), client or Client)
        self.port = self.server_address[1]
        self.lines: list[Line] = []
        self.clients: list[Client] = []
        self.lock = threading.RLock()

    def __enter__(self) -> IrcServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.02,), name="irc-demo", daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def members(self, channel: str) -> list[Client]:
        return [client for client in self.clients if channel in client.channels]

    def said(self, channel: str) -> list[str]:
        """The texts of a channel, in order."""
        with self.lock:
            return [line.text for line in self.lines if line.channel == channel]


class Client(socketserver.StreamRequestHandler):
    """One client; each of its commands has a method."""

    server: IrcServer
    nick = "*"
    user = ""
    welcomed = gone = False

    def setup(self) -> None:
        super().setup()
        self.channels: set[str] = set()
        with self.server.lock:
            self.server.clients.append(self)

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            for line in self.received():
                with self.server.lock:
                    self.obey(line.decode("utf-8", "replace"))

    def finish(self) -> None:
        with self.server.lock:
            self.server.clients.remove(self)
        super().finish()

    def received(self) -> Iterator[bytes]:
        while not self.gone and (line := self.rfile.readline()):
            yield line.rstrip(b"\r\n")

    def obey(self, line: str) -> None:
        words, colon, text = line.partition(" :")
        command, *arguments = words.split()
        method = getattr(self, f"do_{command.lower()}", None)
        if method is None:
            self.numeric("421", f"{command} :Unknown command")
        else:
            method(*arguments, *([text] if colon else []))

    def send(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self.request.sendall(line.encode() + b"\r\n")

    def numeric(self, code: str, rest: str) -> None:
        self.send(f":{NAME} {code} {self.nick} {rest}")

    def tell(self, channel: str, what: str, *, myself: bool = False) -> None:
        for client in self.server.members(channel):
            if myself or client is not self:
                client.send(f":{self.nick}!{self.user}@{NAME} {what}")

    def do_nick(self, nick: str) -> None:
        if nick in {client.nick for client in self.server.clients if client is not self}:
            self.numeric("433", f"{nick} :Nickname is already in use")
            return
        if self.welcomed:
            self.send(f":{self.nick}!{self.user}@{NAME} NICK :{nick}")
        self.nick = nick
        self.welcome()

    def do_user(self, user: str, *_rest: str) -> None:
        self.user = user
        self.welcome()

    def welcome(self) -> None:
        if not self.welcomed and self.nick != "*" and self.user:
            self.welcomed = True
            self.numeric("001", ":Welcome")
            self.numeric("422", ":No message of the day")

    def do_ping(self, token: str) -> None:
        self.send(f":{NAME} PONG {NAME} :{token}")

    def do_quit(self, *_why: str) -> None:
        self.send("ERROR :Closing link")
        self.gone = True

    def do_join(self, name: str) -> None:
        self.channels.add(name)
        self.tell(name, f"JOIN {name}", myself=True)
        self.numeric("353", f"= {name} :{' '.join(client.nick for client in self.server.members(name))}")
        self.numeric("366", f"{name} :End of NAMES list")

    def do_privmsg(self, name: str, text: str) -> None:
        self.tell(name, f"PRIVMSG {name} :{text}")
        self.server.lines.append(Line(name, self.nick, text))
