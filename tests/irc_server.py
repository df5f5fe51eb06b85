"""The demo's IRC server with what goes wrong on real ones: it dies, hangs, kicks and refuses. TLS, passwords, SASL."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import struct
import sys
import threading

from counterbot.demo import irc
from counterbot.demo.irc import NAME, Client


class IrcServer(irc.IrcServer):
    """The port stays when the server is stopped and started again. ``raw`` has every line received.

    ``accounts`` (names and passwords) turn SASL PLAIN on; ``certificate``, PEM files of chain and key, turns TLS on.
    ``refusals``: by channel, the numeric that refuses a JOIN, such as 474. ``silenced``: channels in which nobody may
    speak. ``taken``: nicks of others. ``drop_after``: lines said, after which all connections break. ``offers``: what
    comes after CAP * LS, line by line; ``grants``: what comes after CAP * ACK. ``longest_nick`` is told in 005
    where ``tells_longest``; with ``refuses_long`` a longer one is refused, else it is cut.
    """

    def __init__(self, *, password=None, accounts=None, certificate=None) -> None:
        super().__init__(FaultyClient)
        self.password, self.accounts, self.knows_cap = password, accounts or {}, True
        self.offers, self.grants = [":sasl"] if accounts else [":"], ":sasl"
        self.longest_nick: int | None = None
        self.refuses_long = self.tells_longest = True
        self.context = None
        if certificate:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(*certificate)
        self.raw: list[bytes] = []
        self.refusals: dict[str, str] = {}
        self.silenced: set[str] = set()
        self.taken: set[str] = set()
        self.drop_after: int | None = None
        self.logins = 0
        self.reading = threading.Event()
        self.reading.set()

    def start(self) -> None:
        if self.socket.fileno() < 0:
            self.socket = socket.socket()
            self.server_bind()
            self.server_activate()
        super().start()

    def stop(self) -> None:
        """As if killed: what was not read is lost."""
        if self.socket.fileno() >= 0:
            super().stop()
        self.drop()
        self.resume()

    def handle_error(self, request, client_address) -> None:
        """A client may go away during the TLS handshake."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

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

    def send(self, line: bytes) -> None:
        """Send a line as it is to all clients."""
        with self.lock:
            for client in self.clients:
                client.request.sendall(line + b"\r\n")

    def remove(self, channel: str, nick: str, command: str) -> None:
        """Take somebody out of a channel, and send ``command`` to its members: a KICK, or a PART."""
        with self.lock:
            for client in self.members(channel):
                client.send(command)
                client.channels -= {channel} if client.nick == nick else set()

    def present(self, channel: str) -> set[str]:
        """The nicks in a channel."""
        with self.lock:
            return {client.nick for client in self.members(channel)}


class FaultyClient(Client):
    server: IrcServer
    password: str | None = None
    secret = ""
    negotiating = False

    def setup(self) -> None:
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def received(self):
        for line in super().received():
            self.server.reading.wait()
            if self.gone:
                return
            self.server.raw.append(line)
            yield line

    def reset(self) -> None:
        """Close so that the other side sees a broken connection and not an end."""
        self.gone = True
        self.channels.clear()
        with contextlib.suppress(OSError):
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.shutdown(socket.SHUT_RDWR)

    def do_pass(self, password: str) -> None:
        self.password = password

    def do_cap(self, command: str, *_names: str) -> None:
        if not self.server.knows_cap:
            return
        self.negotiating = command != "END"
        if command == "LS":
            for offer in self.server.offers:
                self.send(f":{NAME} CAP * LS {offer}")
        elif command == "REQ":
            self.send(f":{NAME} CAP * ACK {self.server.grants}")
        self.welcome()

    def do_authenticate(self, word: str) -> None:
        if word == "PLAIN":
            self.send("AUTHENTICATE +")
            return
        self.secret += word.removesuffix("+") if len(word) == 1 else word
        if len(word) == 400:
            return
        _identity, account, password = base64.b64decode(self.secret).decode().split("\0")
        if self.server.accounts.get(account) == password:
            self.numeric("903", ":SASL authentication successful")
        else:
            self.numeric("904", ":SASL authentication failed")

    def do_nick(self, nick: str) -> None:
        longest = self.server.longest_nick
        if nick in self.server.taken:
            self.numeric("433", f"{nick} :Nickname is already in use")
        elif longest and len(nick) > longest and self.server.refuses_long:
            self.numeric("432", f"{nick} :Nickname too long")
        else:
            super().do_nick(nick[:longest])

    def welcome(self) -> None:
        if self.welcomed or self.negotiating or self.nick == "*" or not self.user:
            return
        if self.server.password not in (None, self.password):
            self.numeric("464", ":Password incorrect")
            self.reset()
            return
        self.server.logins += 1
        super().welcome()
        if self.server.longest_nick and self.server.tells_longest:
            self.numeric("005", f"CHANTYPES=# NICKLEN={self.server.longest_nick} :are supported by this server")
            self.numeric("005", "NETWORK=demo :are supported by this server")

    def do_join(self, name: str) -> None:
        if name in self.server.refusals:
            self.numeric(self.server.refusals[name], f"{name} :Cannot join channel")
        elif name not in self.channels:
            super().do_join(name)

    def do_privmsg(self, name: str, text: str) -> None:
        if name not in self.channels or name in self.server.silenced:
            self.numeric("404", f"{name} :Cannot send to channel")
            return
        super().do_privmsg(name, text)
        if len(self.server.lines) == self.server.drop_after:
            self.server.drop()
