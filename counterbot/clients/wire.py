"""Beneath HTTP: connections to checked addresses only, and answers that keep to a deadline. Knows no URLs.

A deadline in requests is one for each ``recv``, which a server that trickles never misses; here every
read, of headers too, is given what is left of the whole. Host names are looked up once, and the
address that was checked is the one connected to, whatever the name says a moment later; Host header
and TLS server name stay those of the URL.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_SECONDS = 10
IDLE_SECONDS = 30
"""How long an address may take to connect, and a server to send its next byte."""

Resolve = Callable[..., Iterable[tuple[Any, ...]]]
"""As ``socket.getaddrinfo``."""

UNICAST = ip_network("2000::/3")
"""All of IPv6 that is given out: https://www.iana.org/assignments/ipv6-address-space. The rest leads to this host, its
site, or through translators to IPv4."""

NAT64 = ip_network("64:ff9b::/96")
"""IPv4 addresses as a host without IPv4 sees them, RFC 6052. Those of 64:ff9b:1::/48 are a site's own, RFC 8215."""


class Forbidden(Exception):
    """What the configuration does not allow to be fetched; trying again will not help."""


class Wire(HTTPAdapter):
    """One thread's connections. ``ends`` (by ``monotonic``) is when the request being made must be over.

    ``aborted`` is set before ``abort`` is called, and looked at after a socket is kept: none is missed.
    """

    def __init__(self, *, private: bool, resolve: Resolve, monotonic: Callable[[], float],
                 aborted: threading.Event) -> None:
        self.ends = 0.0
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._adding = threading.Lock()
        self._private = private
        self._resolve = resolve
        self._monotonic = monotonic
        self._aborted = aborted
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As the base class, with connections of our own."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, self), "https": _pool(HTTPSConnectionPool, self)}

    def abort(self) -> None:
        """End all connections, from any thread; who connects, shakes hands or reads comes back at once."""
        with self._adding:
            sockets = list(self._sockets)
        for sock in sockets:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket's takes TLS from under its reader

    def keep(self, sock: socket.socket) -> None:
        """Have ``abort`` end it, too, as long as it lives."""
        with self._adding:
            self._sockets.add(sock)

    def left(self, ends: float) -> float:
        """Seconds until then. Raises TimeoutError when there are none, and ConnectionAbortedError."""
        if self._aborted.is_set():
            raise ConnectionAbortedError("aborted")
        seconds = ends - self._monotonic()
        if seconds <= 0:
            raise TimeoutError("its time is over")
        return seconds

    def connect(self, host: str, port: int, options: Iterable[tuple[int, int, int]]) -> socket.socket:
        """A connected socket. Raises Forbidden where no address of the host may be spoken to, and OSError."""
        reason: OSError | None = None
        for address in self._addresses(host, port):
            try:
                return self._connected(address, port, options)
            except OSError as error:
                reason = error
        # Not the reason itself: urllib3 would pass over an ECONNRESET, and go on without a socket.
        raise OSError(f"{host} has no address that answers") from reason

    def _connected(self, address: str, port: int, options: Iterable[tuple[int, int, int]]) -> socket.socket:
        """As ``socket.create_connection``, which has no socket to show before it is connected."""
        family, kind, protocol, _, target = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        self.keep(sock)
        try:
            sock.settimeout(min(CONNECT_SECONDS, self.left(self.ends)))
            sock.connect(target)
            for option in options:
                sock.setsockopt(*option)
        except OSError:
            sock.close()
            raise
        return sock

    def _addresses(self, host: str, port: int) -> list[str]:
        """Of a name only public addresses; a literal stands in a prefix that the operator wrote."""
        try:
            found = list(dict.fromkeys(info[4][0] for info in self._resolve(host, port, type=socket.SOCK_STREAM)))
        except UnicodeError:
            raise Forbidden(f"{host[:100]} is no host name") from None  # a part has more than 63 characters
        usable = [address for address in found if self._private or is_literal(host) or is_public(address)]
        if found and not usable:
            raise Forbidden(f"{host} is at {found[0]}, which is no public address")
        return usable


def is_literal(host: str) -> bool:
    """Whether a host is an address as it stands, or ``localhost``."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large; an IPv4 address in IPv6's clothes is the former."""
    ip = _led_to(ip_address(address.partition("%")[0]))
    given_out = ip.version == 4 or ip in UNICAST
    return given_out and ip.is_global and not ip.is_multicast


def _led_to(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one is mapped to, translated to or tunnelled to (6to4), else the same.

    Teredo's, which leads to two, is not global to Python's ipaddress.
    """
    if ip.version == 4:
        return ip
    if ip in NAT64:
        return IPv4Address(ip.packed[-4:])
    return ip.ipv4_mapped or ip.sixtofour or ip


def _pool(base: type[HTTPConnectionPool], wire: Wire) -> type[HTTPConnectionPool]:
    """A pool whose connections ask the wire for their sockets."""

    class Connection(base.ConnectionCls):  # type: ignore[misc, name-defined]
        handle: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            sock = wire.connect(self.host, self.port, self.socket_options or ())
            self.handle = sock.dup()
            wire.keep(self.handle)
            return sock

        def connect(self) -> None:
            """As the base class. TLS takes the socket away before it shakes hands: till then ``abort`` has a handle."""
            try:
                super().connect()
            finally:
                if self.handle:
                    self.handle.close()

        def response_class(self, sock: socket.socket, *arguments: Any, **options: Any) -> HTTPResponse:
            wire.keep(sock)
            return _Response(partial(wire.left, wire.ends), sock, *arguments, **options)

    return type(base.__name__, (base,), {"ConnectionCls": Connection})


class _Response(HTTPResponse):
    """An answer whose every byte, from the status line on, comes through ``_Timed``."""

    def __init__(self, left: Callable[[], float], sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self._timed = _Timed(sock, left)
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        """As the base class, which takes headers that were cut for all of them, and the answer for an empty one.

        It takes a length that is no number for none, too: a body that was cut would pass for whole.
        """
        super().begin()
        if self._timed.ended:
            raise RemoteDisconnected("the connection ended within the headers")
        length = ",".join(self.headers.get_all("Content-Length", ["0"]))
        if not self.chunked and not all(part.strip().isdecimal() for part in length.split(",")):
            raise HTTPException(f"Content-Length is no number: {length}")


class _Timed(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self.ended = False
        self._sock, self._left = sock, left
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(IDLE_SECONDS, self._left()))
        count = self._raw.readinto(buffer)
        if count == 0:
            self._left()  # an end that ``abort`` made is none
            self.ended = True
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
