"""Cuts bytes into lines, in memory bounded by the limit and in time linear in their length.

paramiko's ``readline`` is quadratic in the line, loses what it has read at a timeout (its issue 1196) and gives a
half line at the end as if it were whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..core import limits


@dataclass(frozen=True)
class TooLong:
    """A line over the limit: its first bytes, one more than the limit, and its whole size in bytes."""

    head: bytes
    size: int


class Lines:
    """Is fed chunks of any size and gives lines without their LF."""

    def __init__(self, limit: int = limits.EVENT_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes | TooLong]:
        *whole, half = chunk.split(b"\n")
        for piece in whole:
            self._keep(piece)
            yield self.rest()
        self._keep(half)

    @property
    def pending(self) -> int:
        """Bytes of a line whose LF is still missing."""
        return self._size

    def rest(self) -> bytes | TooLong:
        """The line so far; the next one starts empty."""
        line, size = b"".join(self._parts), self._size
        self._parts, self._size = [], 0
        return line if size <= self._limit else TooLong(line, size)

    def _keep(self, piece: bytes) -> None:
        if room := max(0, self._limit + 1 - self._size):
            self._parts.append(piece[:room])
        self._size += len(piece)
