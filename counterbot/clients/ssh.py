"""One SSH connection: log in to a server whose host key is known, run commands, read a stream.

It must not wait without a deadline: a connection that hangs is closed by a timer, since paramiko's own deadlines run
on wall time. paramiko's types stay here and in the modules beside it that are about keys and errors.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import paramiko

from ..core import limits
from .host_keys import Server, check_host_key, load_key, trusted
from .ssh_errors import SECOND_STEP, HostKeyRefused, Incompatible, LoginRefused, SshError, explained, rejection, words

__all__ = [
    "Connection",
    "Finished",
    "HostKeyRefused",
    "Incompatible",
    "LoginRefused",
    "Server",
    "SshError",
    "Stream",
    "connect",
    "load_key",
]

CONNECT_SECONDS = 15.0
"""For each of: TCP connection, handshake, login, opening a channel."""
SILENT_PEER_SECONDS = 15
CHUNK = 1 << 16
POLL_SECONDS = 0.1
ERROR_TEXT = 16 << 10
"""Bytes of a command's stderr that are kept: its end."""

TROUBLE = Exception
"""paramiko raises in the caller's thread whatever ended its own: any error that a malformed packet can cause."""

# paramiko also logs a traceback for each error that it raises; whoever catches the error reports it once.
QUIET = logging.getLogger("counterbot.clients.ssh.paramiko")
QUIET.setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Finished:
    """A command that ended by itself. ``err`` is the last 16 KiB of its stderr."""

    status: int
    out: bytes
    err: bytes


def connect(server: Server, *, seconds: float = CONNECT_SECONDS) -> Connection:
    """Log in. Raises HostKeyRefused, LoginRefused or Incompatible where a person must act, else SshError."""
    key = load_key(server.key_file)
    trust = trusted(server)
    try:
        sock = _dial(server, seconds)
    except OSError as error:
        raise SshError(f"{server.name}: no TCP connection: {words(error)}") from error
    connection = Connection(sock, server.name)
    try:
        check_host_key(server, connection._shake_hands(trust.keys, seconds), trust)
        connection._log_in(server, key, seconds)
    except BaseException:
        connection.close()  # paramiko keeps a thread and a socket for each failed login otherwise (its issue 2214)
        raise
    return connection


def _dial(server: Server, seconds: float) -> socket.socket:
    sock = socket.create_connection((server.host, server.port), timeout=seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Without it, lost packets go unnoticed for as long as the kernel repeats them: a quarter of an hour.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_PEER_SECONDS * 1000)
    return sock


class Connection:
    """A login. Commands may run one after the other; ``close`` may be called from any thread, and more than once."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.name = name
        self.why: str | None = None
        self._sock = sock
        self._probing = threading.Lock()
        self._transport = paramiko.Transport(sock)
        self._transport.set_log_channel(QUIET.name)
        self._transport.channel_timeout = CONNECT_SECONDS  # an hour by default

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        return bool(self._transport.is_active())

    def close(self, why: str | None = None) -> None:
        """End the connection and whatever waits on it, with ``why`` as the reason."""
        self.why = self.why or why
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes paramiko's thread, for which its close() waits
        self._transport.close()
        self._sock.close()

    def run(self, command: str, stdin: bytes = b"", *, seconds: float, limit: int = limits.SSH_ANSWER) -> Finished:
        """Run a command to its end, within so many seconds and bytes of output.

        Raises SshError, with ``sent`` set once the command was sent; the connection is closed then.
        """
        sent = False
        try:
            with self._within(seconds, f"no end of the command within {seconds:g} s"), \
                    closing(self._transport.open_session()) as channel:
                sent = True
                channel.exec_command(command)
                with suppress(OSError):  # the command ended without reading it all: its output says why
                    channel.sendall(stdin)
                    channel.shutdown_write()
                return self._collect(channel, limit)
        except SshError as error:
            self.close()
            error.sent = sent
            raise

    def stream(self, command: str) -> Stream:
        """Start a command whose output has no end. Raises SshError."""
        with self._within(2 * CONNECT_SECONDS, "the server did not start the command"):
            channel = self._transport.open_session()
            channel.exec_command(command)
            channel.shutdown_write()
        return Stream(self, channel)

    def probe(self, seconds: float) -> None:
        """Ask for an answer, in the background; without one in time the connection is closed.

        paramiko's own keepalive asks for no answer, so a server that hangs behind a live TCP connection would
        never be noticed.
        """
        if self._probing.acquire(blocking=False):
            threading.Thread(target=self._probe, args=(seconds,), name="ssh-probe", daemon=True).start()

    def _probe(self, seconds: float) -> None:
        try:
            with self._within(seconds, f"no sign of life from the server within {seconds:g} s"):
                self._transport.global_request("keepalive@openssh.com", wait=True)
        except SshError as error:
            self.close(error.why)
        finally:
            self._probing.release()

    @contextmanager
    def _within(self, seconds: float, why: str) -> Iterator[None]:
        """Close the connection unless the block ends in time; what it raises becomes SshError."""
        timer = threading.Timer(seconds, self.close, (f"{self.name}: {why}",))
        timer.daemon = True
        timer.start()
        try:
            yield
        except TROUBLE as error:
            raise (SshError(self.why) if self.why else explained(self.name, error)) from error
        finally:
            timer.cancel()

    def _shake_hands(self, trusted: tuple[paramiko.PKey, ...], seconds: float) -> paramiko.PKey:
        """The server's host key."""
        kinds = {key.get_name() for key in trusted}
        options = self._transport.get_security_options()
        # A server has several keys; ask for the kind that can be checked. rsa-sha2-512 is a signature of ssh-rsa keys.
        ours = [kind for kind in options.key_types if kind in kinds or ("rsa" in kind and "ssh-rsa" in kinds)]
        options.key_types = ours + [kind for kind in options.key_types if kind not in ours]
        self._transport.banner_timeout = self._transport.handshake_timeout = 2 * seconds  # ours comes first
        with self._within(seconds, f"no SSH handshake within {seconds:g} s"):
            self._transport.start_client()
            return self._transport.get_remote_server_key()

    def _log_in(self, server: Server, key: paramiko.PKey, seconds: float) -> None:
        self._transport.auth_timeout = 2 * seconds  # ours comes first
        with self._within(seconds, f"no answer to the login within {seconds:g} s"):
            try:
                missing = self._transport.auth_publickey(server.username, key)
            except paramiko.AuthenticationException as error:
                # paramiko raises the same for a lost connection
                if not self.alive or "timeout" in str(error):
                    raise
                refused: str | None = rejection(error, key)
            else:
                refused = SECOND_STEP.format(", ".join(missing)) if missing else None
        if refused:
            raise LoginRefused(f"{self.name} rejects the login of {server.username!r} with {server.key_file} "
                               f"({key.fingerprint}): {refused}")

    def _collect(self, channel: paramiko.Channel, limit: int) -> Finished:
        stream = Stream(self, channel)
        parts: list[bytes] = []
        size = 0
        while (data := stream.read(POLL_SECONDS)) != b"":
            parts.append(data or b"")
            size += len(parts[-1])
            if size > limit:
                self.close(f"{self.name}: the answer is longer than {limit} bytes")
        status = stream.status(CONNECT_SECONDS)
        if status is None:
            raise EOFError
        return Finished(status, b"".join(parts), stream.err)


class Stream:
    """The output of a running command. ``err`` is the last 16 KiB of its stderr."""

    def __init__(self, connection: Connection, channel: paramiko.Channel) -> None:
        self.err = b""
        self._connection = connection
        self._channel = channel

    def read(self, timeout: float) -> bytes | None:
        """The next bytes: None where there are none within ``timeout`` seconds, ``b""`` at the end of the output."""
        self._drain()
        self._channel.settimeout(timeout)
        try:
            data: bytes = self._channel.recv(CHUNK)
        except TimeoutError:
            return None
        finally:
            self._drain()
        return data

    def status(self, seconds: float = 1.0) -> int | None:
        """The exit status after the end; None where the connection ended first."""
        self._channel.status_event.wait(seconds)
        status = self._channel.exit_status
        return None if status < 0 else status

    @property
    def why(self) -> str | None:
        """Why the connection was closed from this side, if it was."""
        return self._connection.why

    def _drain(self) -> None:
        # Unread stderr uses up the channel's window, and then stdout stops too.
        while self._channel.recv_stderr_ready():
            self.err = (self.err + self._channel.recv_stderr(CHUNK))[-ERROR_TEXT:]
