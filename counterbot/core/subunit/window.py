"""The part of a stream that a reader still needs, in fixed memory. Knows of packets only how long they can be."""

from __future__ import annotations

from collections.abc import Iterable

from .wire import LONGEST


class Window:
    """The bytes of a stream that are still needed; ``at`` is how far in ``data`` the reader is."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._ended = False
        self._base = 0
        self._block, self._joined = b"", 0  # the last block, and how much of it is in data already
        self.data, self.at = b"", 0

    @property
    def offset(self) -> int:
        return self._base + self.at

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    @property
    def taken(self) -> int:
        """How many bytes the stream has given so far."""
        return self._base + len(self.data)

    def fill(self, size: int) -> bool:
        """Whether so many bytes lie ahead, after reading on where need be. Changes ``data`` and ``at``."""
        if self.left < size and not self._ended:
            self._read(size)
        return self.left >= size

    def ahead(self) -> None:
        """Have two packets' bytes ahead; reads so much on that doing this at every byte stays cheap."""
        if self.left < 2 * LONGEST:
            self.fill(3 * LONGEST)

    def _read(self, size: int) -> None:
        """Have ``size`` bytes ahead if the stream has them.

        Only so much of a block is joined to what is left; once the reader is past that, the block takes its
        place. To join whole blocks would copy the whole stream.
        """
        if self.left <= self._joined < len(self._block):
            start = self._joined - self.left
            self._base += self.at - start
            self.data, self.at, self._joined = self._block, start, len(self._block)
        if self.left < size:
            self._join(size)

    def _join(self, size: int) -> None:
        parts, missing = [self.data[self.at :]], size - self.left
        self._base += self.at
        self.data, self.at = b"", 0  # gone before the joined copy is made: both are several packets long
        while missing and self._has_more():
            part = self._block[self._joined : self._joined + missing]
            parts.append(part)
            self._joined += len(part)
            missing -= len(part)
        self.data = b"".join(parts)

    def _has_more(self) -> bool:
        """Whether there are bytes behind ``data``, and the first of them in the block."""
        while self._joined == len(self._block) and not self._ended:
            block = next(self._blocks, None)
            self._ended = block is None
            self._block, self._joined = block or b"", 0
        return not self._ended
