"""Finds the packets of a subunit version 2 stream, and again after damage, in fixed memory and bounded time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from .. import limits
from ..model import Unreadable
from .damage import UNKNOWN_END, Kind, Lost, classify, is_text
from .wire import HEADER, HEADS, SHORTEST, TESTS, Packet, checksum_and_header, crc32, fields, header, length_at, sound

CANDIDATE = re.compile(rb"\xb3[\x20-\x2f](?=[^\x08-\x0f][\x08-\xbf])", re.DOTALL)
"""What a packet of version 2 may begin with: of the flags bit 3 is clear, and the length is not in four octets."""
CANDIDATE_IN_TEXT = re.compile(
    CANDIDATE.pattern + rb"(?<![\xc2-\xf4]..)(?<![\xe0-\xf4][\x80-\xbf]..)(?<![\xf0-\xf4][\x80-\xbf]{2}..)", re.DOTALL)
"""The same, unless it is within a character in UTF-8, such as an o with an accent."""

START, STEP, GAP = 1 << 8, 1 << 20, 1 << 20
"""Bytes of the stream that are kept to tell what it is, if it has no packet; that a search reads at once; and between
two good packets, at most, of which it may be known what they are, unless they are text."""
SLACK, LOOK = 1 << 26, 20_000
"""Bytes of checksum work that damage may cost besides once the bytes read; those that count for a look at a place."""


class Window:
    """The bytes of a stream that are still needed. The reader is at ``at`` in ``data``: at ``offset`` in the stream."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = filter(None, blocks)
        self._block, self._joined = b"", 0  # the last block, and how much of it is in data already
        self._base, self._ended = 0, False
        self.data, self.at = b"", 0

    @property
    def offset(self) -> int:
        return self._base + self.at

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def fill(self, size: int) -> bool:
        """Whether so many bytes lie ahead, after reading on where need be. Changes ``data`` and ``at``."""
        left = self.left
        if left < size and left <= self._joined < len(self._block):
            # The reader is past what came before the block. To join all blocks would copy the whole stream.
            start = self._joined - left
            self._base += self.at - start
            self.data, self.at, self._joined = self._block, start, len(self._block)
        if self.left < size and not self._ended:
            self._join(size)
        return self.left >= size

    def search(self, size: int) -> bool:
        """The same, for sizes that grow by a little: joining a few bytes many times would copy too much."""
        return self.left >= size or self.fill(size + STEP) or self.left >= size

    def _join(self, size: int) -> None:
        """Add what is missing, and no more, from the next blocks."""
        parts, missing = [self.data[self.at :]], size - self.left
        self._base += self.at
        self.data, self.at = b"", 0  # gone before the joined copy is made: both may be several packets long
        while missing and not self._ended:
            if self._joined == len(self._block):
                self._block, self._joined = next(self._blocks, b""), 0
                self._ended = not self._block
            parts.append(self._block[self._joined : self._joined + missing])
            self._joined += len(parts[-1])
            missing -= len(parts[-1])
        self.data = b"".join(parts)


class Packets:
    """Iterating gives packets, and Lost for what is neither packet nor text.

    With ``wanted`` they are those of no test that may have a file of that name; without, all. ``count`` is of all
    packets, ``start`` the first bytes of the stream, ``spent`` the work that damage cost, in bytes checksummed.
    Raises Unreadable where false packet starts would cost more than reading the stream once again, and for
    more than ``limit`` packets.
    """

    def __init__(self, blocks: Iterable[bytes], wanted: bytes | None = None, *, limit: int = limits.PACKETS) -> None:
        self.count, self.start, self.spent = 0, b"", 0
        self._limit, self._searched = limit, False
        self._window = Window(chain(blocks, [bytes(HEADER)]))  # a header can be read behind the last packet, too
        self._passed_over = 1 << 16 if wanted is None else TESTS
        self._needle = b"" if wanted is None else bytes([len(wanted) & 0xFF]) + wanted  # as it stands in a packet

    @property
    def place(self) -> tuple[int, int]:
        """Offsets in the stream of the packet that was given last: of its first byte, and of the first one after it."""
        window = self._window
        return window.offset, window.offset + length_at(window.data, window.at)

    def __iter__(self) -> Iterator[Packet | Lost]:
        window = self._window
        self.start = window.data[:START] if window.fill(START + HEADER) else window.data[:-HEADER]
        while window.fill(HEADER + 1):
            yield from self._run()
            if self.count > self._limit:
                raise Unreadable(f"more than {self._limit:,} packets")
            if window.fill(HEADER + 1):
                yield from self._gap()

    def _run(self) -> Iterator[Packet | Lost]:
        """The good packets that follow one another.

        Nearly all the time goes by here, hence no calls, one look-up for the packets of tests, and a packet's
        checksum read at once with the header behind it.
        """
        window, passed_over, needle, least = self._window, self._passed_over, self._needle, len(self._needle) + SHORTEST
        data, at, count = window.data, window.at, self.count
        view, last = memoryview(data), len(data) - HEADER
        head, octets = header(data, at)
        while head in HEADS:
            length = (octets - 0x4000 if octets >= 0x4000 else octets >> 8) if octets < 0x8000 else length_at(data, at)
            if length < SHORTEST:
                break
            end = at + length
            if end > last:
                window.at = at
                whole = window.fill(length + HEADER)
                data, at = window.data, window.at
                if not whole:
                    break
                view, last, end = memoryview(data), len(data) - HEADER, at + length
            stored, next_head, next_octets = checksum_and_header(data, end - 4)
            if crc32(view[at : end - 4]) != stored:
                break
            count += 1
            if head < passed_over and length >= least and data.find(needle, at, end) >= 0:
                packet = fields(data, at, end - 4)
                window.at, self.count = at, count
                yield Lost(window.offset, packet.fault, Kind.UNKNOWN) if packet.fault else packet
            at, head, octets = end, next_head, next_octets
        window.at, self.count = at, count

    def _gap(self) -> Iterator[Lost]:
        """Pass over what is no good packet, up to the next one; over a part of it where it is longer than GAP."""
        window, offset = self._window, self._window.offset
        if header(window.data, window.at)[0] not in HEADS:
            size, gap = self._search(CANDIDATE_IN_TEXT)
            text = gap if size <= GAP else gap[: gap.rfind(b"\n") + 1] or gap
            if is_text(text, self._needle):
                window.at += len(text)
                if self._searched:
                    yield Lost(offset, "text", Kind.TEXT)
                return
            self._spend(len(gap))
        self._spend(LOOK)
        size, gap = self._search(CANDIDATE)
        window.at += len(gap)
        lost = Lost(offset, UNKNOWN_END, Kind.UNKNOWN)
        if size <= GAP:
            work = gap.count(b"\n") * size
            thorough = self.spent + work <= offset + SLACK
            self.spent += work * thorough
            lost = classify(offset, gap, not window.fill(HEADER + 1), thorough)
        self._searched = lost.searched
        yield lost

    def _search(self, candidate: re.Pattern[bytes]) -> tuple[int, bytes]:
        """How far ahead the next good packet, or the end of the stream, is, and the bytes up to there, at most GAP."""
        window, ahead = self._window, 1
        while ahead <= GAP:
            more = window.search(ahead + 2 * HEADER)
            found = candidate.search(window.data, window.at + ahead)
            ahead = found.start() - window.at if found else window.left - (3 if more else HEADER)
            if not (found or more) or (found and self._sound(ahead)):
                break
            if found:
                self._spend(LOOK)
                ahead += 1
        return ahead, window.data[window.at : window.at + min(ahead, GAP)]

    def _sound(self, ahead: int) -> bool:
        """Whether there is a good packet so many bytes ahead."""
        window = self._window
        length = length_at(window.data, window.at + ahead) if window.search(ahead + HEADER) else 0
        if length < SHORTEST or not window.search(ahead + length + HEADER):
            return False
        if sound(window.data, window.at + ahead, window.at + ahead + length):
            return True
        self._spend(length)
        return False

    def _spend(self, work: int) -> None:
        """Work beyond once the stream is limited: false packet starts would make it quadratic."""
        self.spent += work
        if self.spent > self._window.offset + SLACK:
            raise Unreadable(f"too many false packet starts or damaged packets, the last at byte {self._window.offset}")
