"""The part of a stream that a reader still needs, in fixed memory. Knows of packets only how long they can be."""

from __future__ import annotations

from collections.abc import Iterable

from .subunit_wire import LONGEST


class Window:
    """The bytes of a stream that are still needed; ``at`` is how far in ``data`` the reader is."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._ended = False
        self._base = 0
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
        parts = [self.data[self.at :]]
        have = len(parts[0])
        while have < size:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                break
            parts.append(block)
            have += len(block)
        self._base += self.at
        self.data, self.at = b"".join(parts), 0
