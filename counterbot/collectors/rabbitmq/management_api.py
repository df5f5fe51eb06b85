"""RabbitMQ's management API: a path -> the JSON that stands there, within a deadline. Knows no counters.

It speaks with the standard library's http.client, and not through clients/http.py: importing requests
takes longer than the broker's whole answer. It follows no redirect, asks no proxy of the environment,
and shows nothing of what a server says, in which a password might be repeated.
"""

from __future__ import annotations

import io
import json
import os
import re
import socket
import ssl
import time
from base64 import b64encode
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from ... import __version__
from .. import Failed
from ..mysql.option_files import shown

LONGEST = 16 << 20
"""Bytes of an answer; 10,000 queues have 0.8 MB."""

BLOCK = 256 << 10
DENIED = (401, 403)

_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
                  r"(?P<path>(/[!-~]*)?)", re.IGNORECASE)


REASONS = {
    TimeoutError: "was not done in time; is the broker overloaded, or does it hang?",
    ConnectionRefusedError: "refuses the connection; does the broker run there, with its management plugin "
                            "(rabbitmq-plugins enable rabbitmq_management)?",
    socket.gaierror: "cannot be found: there is no such host; correct url",
    UnicodeError: "cannot be found: there is no such host; correct url",
    ssl.SSLError: "speaks no TLS, or none that we do; should url begin with http://?",
    ConnectionError: "broke the connection off; is url the management API's?",
    HTTPException: "ended its answer too early, or speaks no HTTP; is url the management API's?",
}
"""What went wrong -> how that is told. The first that fits counts."""

DENIALS = {
    b"management user": "the user may not use the management API; rabbitmqctl set_user_tags USER monitoring",
    b"monitor user": "the user cannot see every virtual host; rabbitmqctl set_user_tags USER monitoring",
    b"via localhost": "this user is let in from the broker's own machine only; give another user",
    b"": "the user or the password is wrong",
}
"""Words in a refusal -> what is to be done. The first that fits counts."""

ELSEWHERE = "is url the management API's?"
STATUSES = {
    404: "there is no management API; is its plugin enabled (rabbitmq-plugins enable rabbitmq_management), "
         "and is url what stands before /api?",
    3: f"it sends us elsewhere, and no password goes there; {ELSEWHERE}",
    5: "the broker is starting, or in trouble; try later, or look into its log",
}
"""A status, or its first digit -> what is to be done."""


@dataclass(frozen=True)
class Place:
    """Where the API is: what stands before ``/api``."""

    tls: bool
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def place(url: str) -> Place:
    """A URL, or HOST:PORT as os-collect-counters takes it. Raises ValueError, which does not repeat it."""
    if "@" in url:
        raise ValueError("must hold no user and no password; they have settings of their own")
    match = _URL.fullmatch(url if "://" in url else f"http://{url}")
    if match is None or set("?#") & set(match["path"]) or int(match["port"] or 1) not in range(1, 65536):
        raise ValueError("must be http:// or https://, a host, and perhaps a port, as in http://127.0.0.1:15672")
    tls = match["scheme"].lower() == "https"
    return Place(tls, match["host"].strip("[]"), int(match["port"] or (443 if tls else 80)), match["path"].rstrip("/"))


@dataclass(frozen=True)
class Api:
    """One user's way to the API. ``ends`` (monotonic seconds) is when all requests must be over."""

    place: Place
    user: str
    password: str = field(repr=False)
    ends: float
    ca_file: str | None = None

    def get(self, path: str) -> Any:
        """The JSON that stands at ``/api/`` + path. Raises Failed."""
        try:
            status, body = self._answer(path)
        except (OSError, HTTPException, UnicodeError) as error:  # UnicodeError: of a host's name
            raise Failed(f"{self.place} {_reason(error)}") from None
        if status != 200:
            raise self._refusal(status, body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Failed(f"{self.place} did not answer with JSON; is url the management API's, "
                         "whose port is 15672 as a rule?") from None

    def _answer(self, path: str) -> tuple[int, bytes]:
        token = b64encode(f"{self.user}:{self.password}".encode(errors="surrogateescape")).decode()
        line = HTTPConnection(self.place.host, self.place.port)
        line.sock, line.auto_open = self._connected(), 0
        line.response_class = partial(_response, self.ends)  # type: ignore[assignment]  # called, and nothing else
        try:
            line.request("GET", f"{self.place.path}/api/{path}", headers={
                "Authorization": f"Basic {token}", "User-Agent": f"counterbot/{__version__}", "Connection": "close"})
            response = line.getresponse()
            return response.status, self._body(response)
        finally:
            line.close()

    def _body(self, response: HTTPResponse) -> bytes:
        blocks, size = [], 0
        while block := response.read(BLOCK):
            blocks.append(block)
            size += len(block)
            if size > LONGEST:
                raise Failed(f"{self.place} sends more than {LONGEST >> 20} MiB; is url the management API's?")
        if response.length:
            raise IncompleteRead(b"")
        return b"".join(blocks)

    def _connected(self) -> socket.socket:
        context = self._trust() if self.place.tls else None
        sock = socket.create_connection((self.place.host, self.place.port), left(self.ends))
        if context is None:
            return sock
        try:
            sock.settimeout(left(self.ends))
            return context.wrap_socket(sock, server_hostname=self.place.host)
        except BaseException:
            sock.close()
            raise

    def _trust(self) -> ssl.SSLContext:
        path = self.ca_file and os.path.expanduser(self.ca_file)
        try:
            return ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as error:  # a name may hold a zero byte
            reason = error.strerror if isinstance(error, OSError) else "no file's name"
            why = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else reason
            raise Failed(f"ca_file {shown(path or '')}: {why}") from None

    def _refusal(self, status: int, body: bytes) -> Failed:
        """What a status means here; the broker's own words are looked at, and not shown."""
        if status in DENIED:
            why = next(why for words, why in DENIALS.items() if words in body)
            return Failed(f"{self.place} answered {status}: {why}")
        why = STATUSES.get(status) or STATUSES.get(status // 100, ELSEWHERE)
        return Failed(f"{self.place} answered {status}: {why}")


def left(ends: float) -> float:
    """Seconds until then. Raises TimeoutError where there are none."""
    seconds = ends - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _response(ends: float, sock: socket.socket, **options: Any) -> HTTPResponse:
    """An answer whose every byte, from the status line on, comes through ``_Timed``."""
    response = HTTPResponse(sock, **options)
    response.fp.close()
    response.fp = io.BufferedReader(_Timed(sock, ends))
    return response


class _Timed(io.RawIOBase):
    """A socket's bytes. Its own timeout is for each of them, which a server that trickles never misses."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self._sock, self._ends = sock, ends
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(left(self._ends))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _reason(error: Exception) -> str:
    """What happened, and what to do about it; never in a server's own words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not trusted ({error.verify_message}); give its authority's as ca_file"
    for kind, why in REASONS.items():
        if isinstance(error, kind):
            return why
    return f"cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
