"""An SSH server on loopback whose commands are Python functions, and which drops its clients on request.

Each connection has a thread of paramiko's, each command one more.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

QUIET = logging.getLogger("counterbot.demo.sshd.paramiko")
QUIET.setLevel(logging.CRITICAL)


def make_key(path: str | Path) -> str:
    """Write a new private key, which only its owner may read; return its public half, ``ssh-ed25519 AAAA…``."""
    text = _new_private_key()
    Path(path).touch(mode=0o600)
    Path(path).write_text(text)
    return _public(paramiko.Ed25519Key.from_private_key(StringIO(text)))


def _new_private_key() -> str:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _public(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


class Session:
    """A command that a client runs: its user and its streams."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.username = channel.get_transport().get_username() or ""
        self._channel = channel

    def read(self) -> bytes:
        """Standard input to its end."""
        parts = []
        while data := self._channel.recv(1 << 16):
            parts.append(data)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """Raise OSError where the client has gone."""
        self._channel.sendall(data)

    def complain(self, data: bytes) -> None:
        self._channel.sendall_stderr(data)

    def exit(self, status: int) -> None:
        # paramiko confirms the command in another thread; an exit status that comes first looks like a refusal.
        # A client that has closed its standard input has had the confirmation.
        with suppress(OSError):
            self._channel.settimeout(0.2)
            self.read()
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.send_exit_status(status)
            self._channel.close()

    @property
    def gone(self) -> bool:
        return self._channel.closed

    def cut(self) -> None:
        """End the connection without an exit status."""
        self._channel.get_transport().close()


Commands = Callable[[Session, str], int | None]
"""Runs a command line. Returns the exit status, or None to leave the session as it is."""


class SshServer(paramiko.ServerInterface):
    """Listens on a free port of 127.0.0.1. ``accounts``: public keys (``ssh-ed25519 AAAA…``) to usernames."""

    def __init__(self, accounts: Mapping[str, str], commands: Commands) -> None:
        self.accounts = {" ".join(key.split()[:2]): name for key, name in accounts.items()}
        self.logins = 0
        self._commands = commands
        self._key = paramiko.Ed25519Key.from_private_key(StringIO(_new_private_key()))
        self._transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self.host_key = _public(self._key)
        self._thread = threading.Thread(target=self._accept, name="demo-sshd", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        return sum(transport.is_active() for transport in self._transports)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self._thread.join(5)
        self.drop()

    def drop(self) -> None:
        """End all connections."""
        for transport in self._transports:
            transport.close()
        self._transports = []

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(sock)
            transport.set_log_channel(QUIET.name)
            transport.add_server_key(self._key)
            self._transports = [old for old in self._transports if old.is_active()] + [transport]
            with suppress(paramiko.SSHException, OSError, EOFError):
                transport.start_server(event=threading.Event(), server=self)

    def _serve(self, channel: paramiko.Channel, command: str) -> None:
        session = Session(channel)
        try:
            status = self._commands(session, command)
        except (OSError, EOFError, paramiko.SSHException):
            return  # the client went away in the middle
        if status is not None:
            session.exit(status)

    # What paramiko asks

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if self.accounts.get(_public(key)) != username:
            return paramiko.common.AUTH_FAILED
        self.logins += 1
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._serve, args=(channel, command.decode("utf-8", "replace")), daemon=True).start()
        return True
