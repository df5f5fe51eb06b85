"""RabbitMQ's management API: a path -> the JSON that stands there, within a deadline. Knows no counters.

It uses the standard library's http.client, and not clients/http.py: importing requests takes as long as the broker's
whole answer. It follows no redirect, uses no proxy, and shows nothing of what a server says: that may hold a password.
"""

from __future__ import annotations

import json
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ... import __version__
from ...core.deadline import Deadline
from .. import Failed

LONGEST = 16 << 20
"""Bytes of an answer; 10,000 queues have 0.8 MB."""

BLOCK = 256 << 10

ELSEWHERE = "is url the management API's?"
NO_PLUGIN = "does the broker run there, with its management plugin (rabbitmq-plugins enable rabbitmq_management)?"
REASONS = {
    TimeoutError: "was not done in time; is the broker overloaded, or does it hang?",
    ConnectionRefusedError: f"refuses the connection; {NO_PLUGIN}",
    ssl.SSLError: "speaks no TLS, or none that we do; should url begin with http://?",
    ConnectionError: f"broke the connection off; {ELSEWHERE}",
    HTTPException: f"ended its answer too early, or speaks no HTTP; {ELSEWHERE}",
}
"""What went wrong -> how that is told. The first that fits counts."""

DENIED = (401, 403)
DENIALS = {
    b"management user": "the user may not use the management API; rabbitmqctl set_user_tags USER monitoring",
    b"monitor user": "the user cannot see every virtual host; rabbitmqctl set_user_tags USER monitoring",
    b"via localhost": "this user is let in from the broker's own machine only; give another user",
    b"": "the user or the password is wrong",
}
"""Words in a refusal -> what is to be done. The first that fits counts."""


def place(url: str) -> SplitResult:
    """Where the API is: a URL, or HOST:PORT as os-collect-counters takes it. Raises ValueError, without the URL."""
    if "@" in url:
        raise ValueError("must hold no user and no password; they have settings of their own")
    with suppress(ValueError):  # of a port, or of brackets
        parts = urlsplit(url if "://" in url else f"http://{url}")
        plain = not parts.query and not parts.fragment and not parts.path.rstrip("/").endswith("/api")
        if plain and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    raise ValueError("must be http:// or https://, a host, and perhaps a port, without /api, as in"
                     " http://127.0.0.1:15672")


@dataclass(frozen=True)
class Api:
    """One user's way to the API. ``trusted`` is needed for https alone."""

    url: SplitResult
    user: str
    password: bytes = field(repr=False)
    deadline: Deadline
    trusted: ssl.SSLContext | None = None

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.url.scheme}://{self.url.netloc}"

    def get(self, path: str) -> Any:
        """The JSON that stands at ``/api/`` + path. Raises Failed."""
        with closing(self.ask(path)) as connection:
            return self.answer(connection)

    def ask(self, path: str) -> HTTPConnection:
        """Send the request: the broker works on it until the answer is read. Raises Failed."""
        token = b64encode(self.user.encode(errors="surrogateescape") + b":" + self.password).decode()
        with self._explained():
            host, port, seconds = self.url.hostname or "", self.url.port, self.deadline.left()
            connection = (HTTPSConnection(host, port, timeout=seconds, context=self.trusted)
                          if self.url.scheme == "https" else HTTPConnection(host, port, timeout=seconds))
            connection.request("GET", f"{self.url.path.rstrip('/')}/api/{path}", headers={
                "Authorization": f"Basic {token}", "User-Agent": f"counterbot/{__version__}", "Connection": "close"})
        return connection

    def answer(self, connection: HTTPConnection) -> Any:
        """The JSON of the answer. Raises Failed."""
        sock = connection.sock
        with self._explained():
            sock.settimeout(self.deadline.left())
            with connection.getresponse() as response:
                body = self._body(response, sock)
        if response.status != 200:
            raise Failed(f"{self.place} answered {response.status}: {_refusal(response.status, body)}")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Failed(f"{self.place} did not answer with JSON; {ELSEWHERE}") from None

    def _body(self, response: HTTPResponse, sock: socket.socket) -> bytes:
        body = bytearray()
        while block := response.read1(BLOCK):  # one recv: a server that sends a byte at a time must not take forever
            body += block
            if len(body) > LONGEST:
                raise Failed(f"{self.place} sends more than {LONGEST >> 20} MiB; {ELSEWHERE}")
            sock.settimeout(self.deadline.left())
        if response.length:
            raise IncompleteRead(b"")
        return bytes(body)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException, UnicodeError) as error:  # UnicodeError: of a host's name
            raise Failed(f"{self.place} {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What happened, and what to do about it; never in a server's own words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not trusted ({error.verify_message}); give its authority's as ca_file"
    for kind, why in REASONS.items():
        if isinstance(error, kind):
            return why
    return f"cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}; correct url"


def _refusal(status: int, body: bytes) -> str:
    """What a status means here; the broker's own words are looked at, and not shown."""
    if status in DENIED:
        return next(why for words, why in DENIALS.items() if words in body)
    if status >= 500:
        return "the broker is starting, or in trouble; try later, or look into its log"
    return f"{ELSEWHERE} {NO_PLUGIN[0].upper()}{NO_PLUGIN[1:]}"
