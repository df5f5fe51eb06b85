"""Finds the packets of a subunit version 2 stream, and again after damage, in fixed memory and bounded time.

Gives packets of the flags asked for; does not join them, and does not decide what is told or left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .model import Unreadable
from .subunit_wire import (
    FILE,
    HEADER,
    LONGEST,
    SHORTEST,
    SIGNATURE,
    VERSION_2,
    VERSION_BITS,
    Packet,
    checked,
    checksum_holds,
    fields,
    fit,
    header,
)

CANDIDATE = re.compile(rb"\xb3[\x20-\x2f]")
BINARY = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
HEAD = 256
"""Bytes of a packet in which its file's name stands, except behind very long tags."""

SLACK = 4 * LONGEST
"""Bytes of checksum work that damage may cost besides once the bytes read."""

BAD_CHECKSUM = "a packet's checksum does not match"
BAD_LENGTH = "a packet's length does not match what is in it"
BAD_START = "a packet's first byte is wrong"
BAD_VERSION = "a packet of another version"
CUT = "the stream ends inside a packet"
UNKNOWN = "a damaged packet whose end is not known"
NO_TEXT = "bytes that are neither packets nor text"


@dataclass(frozen=True)
class Lost:
    """Bytes that damage made unreadable.

    ``owner`` is the packet they were, where its fields fit its length. ``named``: the wanted name is
    among the bytes. ``loose``: nobody can say what they held, or what followed them.
    """

    offset: int
    what: str
    owner: Packet | None = None
    named: bool = False
    loose: bool = False


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
        """Have two whole packets ahead; reads so much on that doing this at every byte stays cheap."""
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


class Region:
    """What is remembered of bytes passed over."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._needle = bytes([len(wanted) & 0xFF]) + wanted if wanted else b""
        self._seam = b""
        self.head = b""
        self.held_needle = self.binary = False

    def note(self, piece: bytes) -> None:
        self.head += piece[: HEAD - len(self.head)]
        seam = self._seam + piece
        self.held_needle = self.held_needle or (self._needle != b"" and self._needle in seam)
        self.binary = self.binary or BINARY.search(piece) is not None
        self._seam = seam[-max(1, len(self._wanted)) :]

    @property
    def named(self) -> bool:
        """Whether the wanted name stands where a file's name does: near the start, or behind its length."""
        return self.held_needle or (self._wanted != b"" and self._wanted in self.head)

    @property
    def line_ended(self) -> bool:
        return self._seam.endswith(b"\n")


class Packets:
    """Iterating gives the packets with ``flags & mask == FILE``, and Lost for damage between packets.

    ``wanted`` is the name of the file that damage is asked about. ``count`` is of packets of any flags,
    ``start`` the first bytes of the stream. Raises Unreadable where false packet starts would cost more
    than reading the stream once again.
    """

    def __init__(self, blocks: Iterable[bytes], mask: int, wanted: bytes = b"") -> None:
        self.wanted, self.count, self.start = wanted, 0, b""
        self.checksummed = 0
        self._mask = mask
        self._vain = 0
        self._window = Window(blocks)

    def __iter__(self) -> Iterator[Packet | Lost]:
        window = self._window
        window.fill(HEAD)
        self.start = window.data[:HEAD]
        while window.fill(1):
            yield from self._run()
            lost = self._gap()
            if lost is not None:
                yield lost

    def _run(self) -> Iterator[Packet | Lost]:
        """The packets that stand whole and good in the window, one behind the other."""
        window = self._window
        data, at, mask = window.data, window.at, self._mask
        size = len(data)
        while size - at >= HEADER and data[at] == SIGNATURE:
            flags, length, body = header(data, at)
            end = at + length
            if end > size or length < SHORTEST or flags & VERSION_BITS != VERSION_2:
                break
            if not checksum_holds(data, at, end):
                break
            self.checksummed += length
            self.count += 1
            window.at = end
            if flags & mask == FILE:
                yield self._packet(at, checked(fields(data, body, end - 4, flags), end - 4))
            at = end

    def _packet(self, at: int, packet: Packet) -> Packet | Lost:
        """The packet, or what is lost with it, where the checksum is good and the fields are not."""
        if not packet.fault:
            return packet
        offset = self._window.offset - (self._window.at - at)
        if packet.name is not None:
            return Lost(offset, packet.fault, packet)
        return Lost(offset, packet.fault, named=self._named(at, self._window.at))

    def _named(self, at: int, end: int) -> bool:
        region = Region(self.wanted)
        region.note(self._window.data[at:end])
        return region.named

    def _gap(self) -> Lost | None:
        """Read on where the window was merely too small, else pass over what is no good packet."""
        window, taken = self._window, self._window.taken
        size = HEADER
        if window.left >= HEADER and window.data[window.at] == SIGNATURE:
            size = max(HEADER, header(window.data, window.at)[1])
        if not window.left or (window.fill(size) and window.taken > taken):
            return None
        judged = self._judged()
        if judged is None:
            return self._searched()
        length, lost = judged
        window.at += length
        return lost

    def _judged(self) -> tuple[int, Lost] | None:
        """The damaged packet here and its length, where something speaks for that length.

        That is: its fields fill it and another packet or nothing follows; or a good packet follows. To
        search in it for packets would find those that a test's log holds.
        """
        window = self._window
        window.ahead()
        data, at, left, offset = window.data, window.at, window.left, window.offset
        if left < HEADER:
            return None
        signed = data[at] == SIGNATURE
        flags, length, _ = header(data, at)
        packet = self._fields(at)
        if packet is not None and fit(packet, at + length, len(data)):
            if signed and length > left:
                return left, Lost(offset, CUT, packet, loose=True)
            if data[at + length : at + length + 1] in (b"", b"\xb3"):
                return length, Lost(offset, BAD_CHECKSUM if signed else BAD_START, packet)
        return self._followed(flags, length, packet) if signed else None

    def _followed(self, flags: int, length: int, packet: Packet | None) -> tuple[int, Lost] | None:
        """The damaged packet here, where a good one follows the length it claims or its fields have."""
        at, left, offset = self._window.at, self._window.left, self._window.offset
        if SHORTEST <= length <= left:
            self._spend(length)
            if self._sound(at + length):
                what = BAD_CHECKSUM if flags & VERSION_BITS == VERSION_2 else BAD_VERSION
                return length, Lost(offset, what, named=self._named(at, at + length))
        if packet is not None and not packet.fault:
            length = packet.end + 4 - at
            if length <= left and self._sound(packet.end + 4):
                return length, Lost(offset, BAD_LENGTH, packet)
        return None

    def _sound(self, at: int) -> bool:
        """Whether a good packet, or the end of the stream, is there."""
        data = self._window.data
        if at == len(data):
            return True
        if len(data) - at < HEADER or data[at] != SIGNATURE:
            return False
        end, packet = at + header(data, at)[1], self._fields(at)
        if packet is None or end > len(data) or not fit(packet, end, len(data)):
            return False
        self._spend(end - at)
        return checksum_holds(data, at, end)

    def _fields(self, at: int) -> Packet | None:
        """The fields of the packet there, good or not; None where its flags are not version 2's."""
        data = self._window.data
        flags, _, body = header(data, at)
        if flags & VERSION_BITS != VERSION_2:
            return None
        return fields(data, body, min(len(data), at + LONGEST), flags)

    def _searched(self) -> Lost | None:
        """Go on to the next packet; None where text was passed over, which may stand between packets."""
        window, region = self._window, Region(self.wanted)
        offset, head = window.offset, window.data[window.at : window.at + HEADER]
        signed = head[0] == SIGNATURE and (len(head) == 1 or head[1] >> 4 == 2)
        whole = len(head) == HEADER
        packet = self._fields(window.at) if signed and whole else None
        cut = signed and (not whole or header(head, 0)[1] > window.left)
        self._search(region)
        if not signed and not region.binary:
            return None
        if packet is not None and packet.name is None and not (cut and not window.left):
            packet = None
        what = CUT if cut and not window.left else UNKNOWN if signed else NO_TEXT
        return Lost(offset, what, packet, region.named, loose=True)

    def _search(self, region: Region) -> None:
        window, step = self._window, 1
        while True:
            found = CANDIDATE.search(window.data, window.at + step)
            end = found.start() if found else len(window.data) - 1
            step = step if end == window.at else 0
            self._skip(region, end)
            if found and self._promising(region):
                return
            if found:
                step = 1
            elif not window.fill(2):
                self._skip(region, len(window.data))
                return

    def _skip(self, region: Region, end: int) -> None:
        region.note(self._window.data[self._window.at : end])
        self._window.at = end

    def _promising(self, region: Region) -> bool:
        """Whether a packet begins here: a good one, or one that a closer look would call damaged."""
        window = self._window
        if not window.fill(HEADER):
            return False
        flags, length, _ = header(window.data, window.at)
        if flags & VERSION_BITS != VERSION_2 or length < SHORTEST:
            return False
        window.ahead()
        data, at = window.data, window.at
        packet, end = self._fields(at), at + length
        if packet is None or not fit(packet, end, len(data)):
            return packet is not None and packet.fault != "" and end > len(data) and region.line_ended
        if end >= len(data) or data[end] == SIGNATURE:
            return True
        return self._sound(at)

    def _spend(self, size: int) -> None:
        """Checksum work beyond once the stream is limited: false packet starts would make it quadratic."""
        self._vain += size
        self.checksummed += size
        if self._vain > self._window.taken + SLACK:
            raise Unreadable(f"too many false packet starts, the last at byte {self._window.offset}")
