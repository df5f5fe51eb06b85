"""What statsd would hear: a UDP socket on loopback, as a context manager."""

from __future__ import annotations

import socket


class Statsd:
    """Keeps datagrams in the socket's own buffer until they are asked for."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((host, 0))
        self.host, self.port = self._socket.getsockname()[:2]

    def __enter__(self) -> Statsd:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def datagrams(self) -> list[bytes]:
        """What has come since they were last asked for; on loopback that is all that was sent."""
        self._socket.setblocking(False)
        found = []
        try:
            while True:
                found.append(self._socket.recv(65536))
        except BlockingIOError:
            return found

    def lines(self) -> list[str]:
        return [line for datagram in self.datagrams() for line in datagram.decode("ascii").split("\n")]

    def wait(self, seconds: float = 10) -> list[str]:
        """The lines of the next datagram, which may still be on its way."""
        self._socket.settimeout(seconds)
        return self._socket.recv(65536).decode("ascii").split("\n")
