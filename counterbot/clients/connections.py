"""HTTP connections that go to allowed addresses only and can be broken off at any moment."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..core.deadline import Deadline

CONNECT_SECONDS = 10
IDLE_SECONDS = 30
"""How long an address may take to connect, and a server to send its next byte."""

UNICAST, NAT64 = ip_network("2000::/3"), ip_network("64:ff9b::/96")
"""The public part of IPv6 (RFC 4291), and IPv4 addresses as a host without IPv4 sees them (RFC 6052)."""


class Exchange:
    """The requests and responses of one file, in one thread. Any thread may break it off.

    ``addresses`` gives those of a host that may be connected to, as ``socket.getaddrinfo`` does.
    """

    def __init__(self, deadline: Deadline, addresses: Callable[[str, int], Iterable[tuple[Any, ...]]]) -> None:
        self.host = ""
        self._deadline = deadline
        self._broken_off = False
        self._addresses = addresses
        self._sockets: list[socket.socket] = []

    def get(self, url: str, pool: urllib3.PoolManager) -> urllib3.BaseHTTPResponse:
        """The response, with its body unread. Raises OSError, urllib3's HTTPError, and what ``addresses`` raises."""
        _THREAD.exchange = self
        self.host = urlsplit(url).netloc
        return pool.urlopen("GET", url, redirect=False, preload_content=False, decode_content=False)

    def break_off(self) -> None:
        """End its connections, so that connecting, TLS handshakes and reading return at once."""
        self._broken_off = True
        for sock in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket.shutdown takes TLS from under its reader

    @property
    def over(self) -> bool:
        """Whether it was broken off, or should have been by now."""
        return self._broken_off or self._deadline.exceeded

    def read(self, response: urllib3.BaseHTTPResponse, size: int) -> bytes:
        """The next bytes of a body, not decoded, at most ``size``; empty at its end. Raises OSError and HTTPError."""
        block = response.read1(size, decode_content=False)
        self._check()  # after break_off a body seems to have ended
        return block

    def watch(self, sock: socket.socket) -> None:
        """Have ``break_off`` end this socket, too. Raises OSError where it was called before."""
        self._sockets.append(sock)
        self._check()

    def _check(self) -> None:
        if self._broken_off:
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


def pool(tls: ssl.SSLContext, headers: dict[str, str]) -> urllib3.PoolManager:
    """Connections for all threads. urllib3 reads neither environment nor .netrc, and keeps no cookies."""
    tls.sslsocket_class = _TlsSocket
    made = urllib3.PoolManager(maxsize=16, headers=headers, ssl_context=tls, retries=False,
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


_THREAD = threading.local()
"""Holds the ``exchange``: urllib3 connects and reads in the calling thread, but passes no argument of ours on."""


class _TlsSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        """The TLS socket replaces the one that was watched."""
        _THREAD.exchange.watch(self)
        super().do_handshake(block)


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        exchange: Exchange = _THREAD.exchange
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
