"""Fetches files over HTTP, bounded in bytes and in time, and only from where the operator allowed.

It must not interpret content, send credentials, keep cookies, or believe Content-Length and Content-Encoding.
"""

from __future__ import annotations

import copy
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

import urllib3

from .. import __version__
from ..core import limits
from ..core.deadline import Deadline, DeadlineExceeded
from ..core.model import Truncated
from ..core.subunit.gunzip import unzipped_all
from ..core.text.inert import inert
from ..core.text.urls import place, place_pattern
from . import tls
from .connections import Exchange, is_public, pool

BLOCK = 256 << 10
REDIRECTS = 5
RETRY_AFTER = 24 * 3600
HEADERS = {"User-Agent": f"counterbot/{__version__}", "Accept-Encoding": "gzip"}
GONE = (404, 410)


class Forbidden(Exception):
    """What the configuration does not allow to be fetched; trying again will not help."""


class Unavailable(Exception):
    """Not available now; trying later may help. ``after`` is what the server asked for, in seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Unfinished(Unavailable):
    """The server sent all it has, but the end is missing: the upload is under way, or was cut short."""


class Http:
    """Fetches from URLs that begin with one of ``prefixes``. Safe to share between threads.

    A prefix's host may begin with ``*.``, which stands for any one name. ``seconds`` bound one file, from the
    request to the last byte; only looking up a host name is left to the system's own timeout. A host that a
    prefix gives by name must have a public address unless ``private``. ``ca_file`` (PEM) is trusted instead of
    the system's authorities. Raises ValueError for a prefix that is no plain URL, and Unreadable for a ``ca_file``
    that holds no certificate. ``waited`` is how many seconds servers were waited for, where one thread uses it.
    """

    def __init__(self, prefixes: Sequence[str], *, seconds: float = limits.DOWNLOAD_SECONDS, private: bool = False,
                 ca_file: str | None = None, resolve: Callable[..., Any] = socket.getaddrinfo,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._prefixes = tuple(prefixes)
        self._places = tuple(place_pattern(prefix) for prefix in prefixes)
        self._seconds = seconds
        self._monotonic = monotonic
        self._private = private
        self._resolve = resolve
        self._pool = pool(tls.context(ca_file), HEADERS)
        self._exchanges: set[Exchange] = set()
        self._stopped = threading.Event()
        self._begun = monotonic()
        self._ends = math.inf
        self.waited = 0.0

    def within(self, seconds: float) -> Http:
        """The same, for files that must all be read within so many seconds from now."""
        bounded = copy.copy(self)
        bounded._begun = self._monotonic()
        bounded._ends = bounded._begun + seconds
        bounded._seconds = min(self._seconds, seconds)
        bounded.waited = 0.0
        return bounded

    @property
    def passed(self) -> float:
        """Seconds since it was made, some of which were ``waited``."""
        return self._monotonic() - self._begun

    def abort(self) -> None:
        """Break off everything, for good: what is under way, and what is begun later, raises Unavailable at once."""
        self._stopped.set()
        for exchange in tuple(self._exchanges):
            exchange.break_off()

    def allows(self, url: str) -> bool:
        """Whether a URL is under one of the prefixes."""
        found = place(url)
        return found is not None and any(pattern.match(found) for pattern in self._places)

    @contextmanager
    def open(self, url: str, *, packed_limit: int, unpacked_limit: int) -> Iterator[Iterator[bytes] | None]:
        """A body's blocks without their gzip, read as they are taken; None where the server has no such file.

        Raises Unavailable, DeadlineExceeded or Forbidden; taking blocks raises Unavailable, also for gzip data
        that ends too early, DeadlineExceeded, and Unreadable for corrupt or too much data.
        """
        with self._exchange() as exchange:
            response = self._final(url, exchange)
            try:
                yield None if response.status in GONE else \
                    self._unpacked(response, exchange, packed_limit, unpacked_limit)
            finally:
                response.close()

    def fetch(self, url: str, limit: int) -> bytes | None:
        """A whole small body without its gzip; None where the server has no such file.

        Raises Unavailable, DeadlineExceeded, Forbidden, or Unreadable where there are more than ``limit`` bytes.
        """
        with self.open(url, packed_limit=limit, unpacked_limit=limit) as blocks:
            return None if blocks is None else b"".join(blocks)

    @contextmanager
    def _exchange(self) -> Iterator[Exchange]:
        """Broken off by ``abort`` and at its deadline; a socket's timeout is for one recv, so trickling escapes it."""
        now = self._monotonic()
        ends = min(self._ends, now + self._seconds)
        exchange = Exchange(Deadline(ends, self._monotonic), self._addresses)
        timer = threading.Timer(max(0.0, ends - now), exchange.break_off)
        timer.daemon = True
        timer.start()
        self._exchanges.add(exchange)
        try:
            if self._stopped.is_set() or exchange.over:
                exchange.break_off()
            yield exchange
        finally:
            timer.cancel()
            self._exchanges.discard(exchange)

    def _addresses(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """Only public ones, unless the operator's prefix has the address itself, or localhost."""
        found = list(self._resolve(host, port, type=socket.SOCK_STREAM))
        anywhere = self._private or host == "localhost"
        allowed = [info for info in found if anywhere or info[4][0] == host or is_public(info[4][0])]
        if found and not allowed:
            raise Forbidden(f"{host} is at {found[0][4][0]}, which is no public address")
        return allowed

    def _final(self, url: str, exchange: Exchange) -> urllib3.BaseHTTPResponse:
        """The response at the end of all redirects: 200, 404 or 410."""
        for _ in range(1 + REDIRECTS):
            if not self.allows(url):
                raise Forbidden(f"{inert(url, 200)} is not under {' or '.join(self._prefixes)}")
            with self._waiting(exchange):
                response = exchange.get(url, self._pool)
            if response.status == 200:
                return response
            if response.length_remaining is not None and response.length_remaining < BLOCK:
                response.drain_conn()  # so that its connection can be used again
            response.close()
            if response.status in GONE:
                return response
            location = response.get_redirect_location()
            if not location:
                raise Unavailable(f"{response.status} from {exchange.host}",
                                  _retry_after(response.headers.get("Retry-After", "")))
            with suppress(ValueError):  # an invalid URL is under no prefix
                location = urljoin(url, location)
            url = location
        raise Unavailable(f"more than {REDIRECTS} redirects")

    def _blocks(self, response: urllib3.BaseHTTPResponse, exchange: Exchange) -> Iterator[bytes]:
        """The body as it is sent. Raises Unavailable where it is shorter than was announced."""
        size = 0
        while True:
            with self._waiting(exchange):
                block = exchange.read(response, BLOCK)
            if not block:
                break
            size += len(block)
            yield block
        if not size and response.length_remaining is None and not response.chunked:
            raise Unavailable(f"{exchange.host}: the connection ended before the body")

    def _unpacked(self, response: urllib3.BaseHTTPResponse, exchange: Exchange, packed_limit: int,
                  unpacked_limit: int) -> Iterator[bytes]:
        """A file may be gzipped, and its .gz once more in transfer: the bytes decide, not the headers."""
        def check() -> None:
            if exchange.over:  # few bytes may unpack to many
                raise self._failure(exchange)

        try:
            yield from unzipped_all(self._blocks(response, exchange), packed_limit=packed_limit,
                                    unpacked_limit=unpacked_limit, check=check)
        except Truncated as error:
            raise Unfinished(str(error)) from error

    @contextmanager
    def _waiting(self, exchange: Exchange) -> Iterator[None]:
        """Count the time of the block as waited, and raise our own errors for those in it."""
        since = self._monotonic()
        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise self._failure(exchange, error) from error
        finally:
            self.waited += self._monotonic() - since

    def _failure(self, exchange: Exchange, error: Exception | None = None) -> Unavailable | DeadlineExceeded:
        if self._stopped.is_set():
            return Unavailable("broken off, since the bot stops")
        if exchange.over or error is None:
            return DeadlineExceeded(f"{exchange.host}: not done in {self._seconds:g} s")
        return Unavailable(f"{exchange.host}: {_reason(error)}")


def _retry_after(value: str) -> float | None:
    """Seconds, from seconds or a date (RFC 9110, 10.2.3); at most a day."""
    try:
        seconds = float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), RETRY_AFTER)


def _reason(error: BaseException) -> str:
    """The innermost reason, in one line and without addresses of objects."""
    while (inner := error.__cause__ or error.__context__ or getattr(error, "reason", None)) and \
            isinstance(inner, Exception):
        error = inner
    return inert(str(error), 200) or type(error).__name__
