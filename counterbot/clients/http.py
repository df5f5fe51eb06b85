"""Fetches files over HTTP, bounded in bytes and in time, and only from where the operator allowed.

It must not interpret content, send credentials other than those it is given, keep cookies, or believe Content-Length.
Of Content-Encoding it believes only what the bytes do not show: deflate, and codings that it cannot read.
urllib3 reads neither environment nor .netrc, and keeps no cookies.
"""

from __future__ import annotations

import copy
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from .. import __version__
from ..core import limits
from ..core.deadline import DeadlineExceeded
from ..core.model import Truncated, Unreadable
from ..core.subunit.gunzip import inflated, unzipped, unzipped_all
from ..core.text.inert import inert
from ..core.text.urls import place, place_pattern
from . import tls

CONNECT_SECONDS = 10
IDLE_SECONDS = 30
"""How long an address may take to connect, and a server to send its next byte."""
BLOCK = 256 << 10
REDIRECTS = 5
RETRY_AFTER = 24 * 3600
HEADERS = {"User-Agent": f"counterbot/{__version__}", "Accept-Encoding": "gzip"}
GONE = (404, 410)
PASSING = (408, 425, 429, 498)
"""Statuses below 500 that will pass: the server is busy. Swift limits rates with 498."""
UNREAD = frozenset({"br", "compress", "x-compress", "zstd"})
"""Content codings that servers send although they were not asked for. Stores also give words that name no coding, such
as aws-chunked or utf-8."""

LAYERS = 4
"""Content codings of one body, at most; one is usual."""

UNICAST, NAT64 = ip_network("2000::/3"), ip_network("64:ff9b::/96")
"""The public part of IPv6 (RFC 4291), and IPv4 addresses as a host without IPv4 sees them (RFC 6052)."""


class Forbidden(Exception):
    """What the configuration does not allow to be fetched; trying again will not help."""


class Unavailable(Exception):
    """Not available now; trying later may help. ``after`` is what the server asked for, in seconds.

    ``status`` is what it answered; None where it did not.
    """

    def __init__(self, why: str, after: float | None = None, status: int | None = None) -> None:
        super().__init__(why)
        self.after = after
        self.status = status


class Stopped(Unavailable):
    """We broke it off, and know nothing of the server."""


class Unfinished(Unavailable):
    """The server sent all it has, but the end is missing: the upload is under way, or was cut short."""


class Refused(Unavailable):
    """The server refuses this one file, and its answer does not sound as if that will change; others may be there."""


class Http:
    """Fetches from URLs that begin with one of ``prefixes``. Safe to share between threads.

    A prefix's host may begin with ``*.``, which stands for any one name. ``seconds`` bound one file, from the
    request to the last byte; only looking up a host name is left to the system's own timeout. A host that a
    prefix gives by name must have a public address unless ``private``. ``ca_file`` (PEM) is trusted instead of
    the system's authorities; ``ca_key`` names it in the configuration, for messages. ``authorization`` is the header
    of that name. Raises ValueError for a prefix that is no plain URL, and Unreadable for a ``ca_file`` that holds no
    certificate. ``waited`` is how many seconds servers were waited for, where one thread uses it.
    """

    def __init__(self, prefixes: Sequence[str], *, seconds: float = limits.DOWNLOAD_SECONDS, private: bool = False,
                 ca_file: str | None = None, ca_key: str = "zuul.ca_file", authorization: str | None = None,
                 resolve: Callable[..., Any] = socket.getaddrinfo,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._prefixes = tuple(prefixes)
        self._places = tuple(place_pattern(prefix) for prefix in prefixes)
        self._seconds = seconds
        self._monotonic = monotonic
        self._private = private
        self._ca_key = ca_key
        self._resolve = resolve
        self._pool = _pool(tls.context(ca_file), {"Authorization": authorization} if authorization else {})
        self._exchanges: set[_Exchange] = set()
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
        """Break off everything, for good: what is under way, and what is begun later, raises Stopped at once."""
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

        Raises Unavailable, DeadlineExceeded or Forbidden; taking blocks raises Unavailable (Unfinished for gzip data
        that ends too early), DeadlineExceeded, and Unreadable for corrupt or too much data.
        """
        with self._exchange() as exchange:
            response = self._final(url, exchange)
            try:
                yield None if response.status in GONE else \
                    self._unpacked(response, exchange, packed_limit, unpacked_limit)
            finally:
                response.close()

    def status(self, url: str) -> int:
        """What a server answers, redirects included. Raises Unavailable, DeadlineExceeded or Forbidden as ``open``."""
        with self._exchange() as exchange:
            response = self._response(url, exchange)
            response.close()
            return response.status

    def fetch(self, url: str, limit: int) -> bytes | None:
        """A whole small body without its gzip; None where the server has no such file.

        Raises Unavailable, DeadlineExceeded, Forbidden, or Unreadable where there are more than ``limit`` bytes.
        """
        with self.open(url, packed_limit=limit, unpacked_limit=limit) as blocks:
            return None if blocks is None else b"".join(blocks)

    @contextmanager
    def _exchange(self) -> Iterator[_Exchange]:
        """Broken off by ``abort`` and at its deadline; a socket's timeout is for one recv, so trickling escapes it."""
        now = self._monotonic()
        ends = min(self._ends, now + self._seconds)
        exchange = _Exchange(ends, self._addresses)
        timer = threading.Timer(max(0.0, ends - now), exchange.break_off)
        timer.daemon = True
        timer.start()
        self._exchanges.add(exchange)
        try:
            if self._stopped.is_set() or self._is_over(exchange):
                exchange.break_off()
            yield exchange
        finally:
            timer.cancel()
            self._exchanges.discard(exchange)

    def _is_over(self, exchange: _Exchange) -> bool:
        return exchange.broken_off or self._monotonic() >= exchange.ends

    def _addresses(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """Only public ones, unless the operator's prefix has the address itself, or localhost."""
        found = list(self._resolve(host, port, type=socket.SOCK_STREAM))
        anywhere = self._private or host == "localhost"
        allowed = [info for info in found if anywhere or info[4][0] == host or is_public(info[4][0])]
        if found and not allowed:
            raise Forbidden(f"{host} is at {found[0][4][0]}, which is no public address; zuul.private_addresses"
                            " admits it")
        return allowed

    def _final(self, url: str, exchange: _Exchange) -> urllib3.BaseHTTPResponse:
        """The response at the end of all redirects: 200, 404 or 410."""
        for _ in range(1 + REDIRECTS):
            response = self._response(url, exchange)
            if response.status == 200:
                return response
            if response.length_remaining is not None and response.length_remaining < BLOCK:
                response.drain_conn()  # so that its connection can be used again
            response.close()
            if response.status in GONE:
                return response
            location = response.get_redirect_location()
            if not location:
                busy = response.status >= 500 or response.status in PASSING
                raise (Unavailable if busy else Refused)(f"{response.status} from {exchange.host}",
                                                         _retry_after(response.headers.get("Retry-After", "")),
                                                         response.status)
            with suppress(ValueError):  # an invalid URL is under no prefix
                location = urljoin(url, location)
            url = location
        raise Refused(f"more than {REDIRECTS} redirects")

    def _response(self, url: str, exchange: _Exchange) -> urllib3.BaseHTTPResponse:
        if not self.allows(url):
            raise Forbidden(f"{inert(url, 200)} is not under {' or '.join(self._prefixes)}")
        with self._waiting(exchange):
            return exchange.get(url, self._pool)

    def _blocks(self, response: urllib3.BaseHTTPResponse, exchange: _Exchange) -> Iterator[bytes]:
        """The body as it is sent. Raises Unavailable where it is shorter than was announced."""
        size = 0
        while True:
            with self._waiting(exchange):
                block = response.read1(BLOCK, decode_content=False)
            if not block:
                break
            size += len(block)
            yield block
        if exchange.broken_off:  # then a body seems to have ended
            raise self._failure(exchange)
        if not size and response.length_remaining is None and not response.chunked:
            raise Unavailable(f"{exchange.host}: the connection ended before the body")

    def _unpacked(self, response: urllib3.BaseHTTPResponse, exchange: _Exchange, packed_limit: int,
                  unpacked_limit: int) -> Iterator[bytes]:
        """A file may be gzipped, and its .gz once more in transfer: the bytes decide, not the headers.

        Raises Unreadable for a coding that cannot be read.
        """
        def check() -> None:
            if self._is_over(exchange):  # few bytes may unpack to many
                raise self._failure(exchange)

        blocks = self._blocks(response, exchange)
        for coding in codings(response.headers.get("Content-Encoding", "")):
            unpack = inflated if coding == "deflate" else unzipped
            blocks = unpack(blocks, packed_limit=packed_limit, unpacked_limit=unpacked_limit)
            packed_limit = unpacked_limit
        try:
            yield from unzipped_all(blocks, packed_limit=packed_limit, unpacked_limit=unpacked_limit, check=check)
        except Truncated as error:
            raise Unfinished(str(error)) from error

    @contextmanager
    def _waiting(self, exchange: _Exchange) -> Iterator[None]:
        """Count the time of the block as waited, and raise our own errors for those in it."""
        since = self._monotonic()
        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise self._failure(exchange, error) from error
        finally:
            self.waited += self._monotonic() - since

    def _failure(self, exchange: _Exchange, error: Exception | None = None) -> Unavailable | DeadlineExceeded:
        if self._stopped.is_set():
            return Stopped("broken off, since the bot stops")
        if error is None or self._is_over(exchange):
            return DeadlineExceeded(f"{exchange.host}: not done in {self._seconds:g} s")
        return Unavailable(f"{exchange.host}: {_reason(error, self._ca_key)}")


class _Exchange:
    """The requests and responses of one file, in one thread, until ``ends``. Any thread may break it off.

    ``addresses`` gives those of a host that may be connected to, as ``socket.getaddrinfo`` does.
    """

    def __init__(self, ends: float, addresses: Callable[[str, int], list[tuple[Any, ...]]]) -> None:
        self.ends = ends
        self.host = ""
        self.broken_off = False
        self._addresses = addresses
        self._sockets: list[socket.socket] = []

    def get(self, url: str, pool: urllib3.PoolManager) -> urllib3.BaseHTTPResponse:
        """The response, with its body unread. Raises OSError, urllib3's HTTPError, and what ``addresses`` raises."""
        _THREAD.exchange = self
        self.host = urlsplit(url).netloc
        return pool.urlopen("GET", url, redirect=False, preload_content=False, decode_content=False)

    def break_off(self) -> None:
        """End its connections, so that connecting, TLS handshakes and reading return at once."""
        self.broken_off = True
        for sock in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket.shutdown takes TLS from under its reader

    def watch(self, sock: socket.socket) -> None:
        """Have ``break_off`` end this socket, too. Raises OSError where it was called before."""
        self._sockets.append(sock)
        if self.broken_off:
            raise ConnectionAbortedError("broken off")

    def connect(self, host: str, port: int) -> socket.socket:
        """A socket to an address that was checked: the name is not looked up again."""
        reason: OSError | None = None
        for family, kind, protocol, _, address in self._addresses(host, port):
            sock = socket.socket(family, kind, protocol)
            try:
                self.watch(sock)
                sock.settimeout(CONNECT_SECONDS)
                sock.connect(address)
            except OSError as error:
                sock.close()
                reason = error
            else:
                return sock
        # Not the reason itself: urllib3 ignores ECONNRESET here and goes on without a socket.
        raise OSError(f"{host} has no address that answers") from reason


_THREAD = threading.local()
"""Holds the ``exchange``: urllib3 connects and reads in the calling thread, but passes no argument of ours on."""


class _TlsSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        """The TLS socket replaces the one that was watched."""
        _THREAD.exchange.watch(self)
        super().do_handshake(block)


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        exchange: _Exchange = _THREAD.exchange
        return exchange.connect(self.host, self.port or self.default_port)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        """A kept connection was watched for an earlier exchange."""
        _THREAD.exchange.watch(self.sock)
        return super().getresponse()


class _Tls(_Plain, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Tls


def _pool(trusted: ssl.SSLContext, headers: Mapping[str, str]) -> urllib3.PoolManager:
    """Connections for all threads."""
    trusted.sslsocket_class = _TlsSocket
    made = urllib3.PoolManager(maxsize=16, headers={**HEADERS, **headers}, ssl_context=trusted, retries=False,
                               timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=IDLE_SECONDS))
    made.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
    return made


def is_public(address: str) -> bool:
    """Whether an address is on the public internet. Tunnels and IPv4-mapped addresses count as private."""
    ip = ip_address(address.partition("%")[0])
    if ip.version == 6 and ip in NAT64:
        ip = IPv4Address(ip.packed[-4:])
    if ip.version == 6 and (ip not in UNICAST or ip.sixtofour):
        return False
    return ip.is_global and not ip.is_multicast


def codings(header: str) -> list[str]:
    """What to take off a body, the last put on first: ``deflate`` and whatever gzip may be under or over it.

    Raises Unreadable for a coding that cannot be read, or too many.
    """
    named = [coding.strip().lower() for coding in header.split(",")]
    if unread := next((coding for coding in named if coding in UNREAD), None):
        raise Unreadable(f"it was sent in Content-Encoding {unread}, which was not asked for")
    found = [coding for coding in reversed(named) if coding in ("deflate", "gzip", "x-gzip")]
    if len(found) > LAYERS:
        raise Unreadable(f"it was sent in {len(found)} content codings")
    return found if "deflate" in found else []


def _retry_after(value: str) -> float | None:
    """Seconds, from seconds or a date (RFC 9110, 10.2.3); at most a day."""
    try:
        seconds = float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), RETRY_AFTER)


def _reason(error: BaseException, ca_key: str) -> str:
    """The innermost reason, in one line and without addresses of objects."""
    while (inner := error.__cause__ or error.__context__ or getattr(error, "reason", None)) and \
            isinstance(inner, Exception):
        error = inner
    if isinstance(error, ssl.SSLCertVerificationError):
        return tls.distrust(error, ca_key)
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "it speaks no TLS; should its URL begin with http://?"
    return inert(str(error), 200) or type(error).__name__
