"""Finds the packets of a subunit version 2 stream, and again after damage, in fixed memory and bounded time.

Gives packets of the flags asked for; does not join them, and does not decide what is told or left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NoReturn

from .. import limits
from ..model import Unreadable
from .between import BEGINNING, CANDIDATE, CANDIDATE_IN_TEXT, is_textual
from .lost import (
    BAD_CHECKSUM,
    BAD_LENGTH,
    BAD_START,
    BAD_VERSION,
    CUT,
    HEAD,
    NO_TEXT,
    SIGNED,
    UNKNOWN,
    Lost,
    Region,
    needle,
)
from .window import Window
from .wire import (
    FILE,
    HEADER,
    LONGEST,
    SHORTEST,
    SIGNATURE,
    VERSION_2,
    VERSION_BITS,
    Packet,
    checksum_holds,
    crc32,
    fault_of,
    fields,
    fit,
    has_test_id,
    head_of,
    header,
    is_run_level,
    looks_like_a_test,
    stored_checksum,
)

SLACK = 4 * LONGEST
"""Bytes of checksum work that damage may cost besides once the bytes read."""

LOOKS, BYTES_A_LOOK = 300, 1500
"""Closer looks that damage may cost, each as dear as reading 10 kB: so many, and one more per so many bytes read."""

PIECE = 1 << 18
LINE_END = b"\n"[0]


class Packets:
    """Iterating gives the packets with ``flags & mask == FILE``, and Lost for damage between packets.

    ``wanted`` is the name of the file that damage is asked about. ``count`` is of packets of any flags,
    ``start`` the first bytes of the stream, ``spent`` how many bytes were checksummed because of damage.
    Raises Unreadable where false packet starts would cost more than reading the stream once again, and for
    more than ``limit`` packets.
    """

    def __init__(self, blocks: Iterable[bytes], mask: int, wanted: bytes = b"", *, limit: int = limits.PACKETS) -> None:
        self.wanted, self.count, self.start = wanted, 0, b""
        self._mask, self._limit = mask, limit
        self.spent = self._looks = 0
        self._window = Window(blocks)
        self._needle = needle(wanted) if wanted else b""
        self._lost_before: int | None = None
        self._blank: Lost | None = None
        self._wanted_since = 0

    def __iter__(self) -> Iterator[Packet | Lost]:
        window = self._window
        window.fill(HEAD)
        self.start = window.data[:HEAD]
        while window.fill(1):
            yield from self._run()
            lost = self._gap()
            if lost is not None:
                yield self._behind_another(lost)

    def _run(self) -> Iterator[Packet | Lost]:
        """The packets that stand whole and good in the window, one behind the other or behind lines of text.

        Nearly all the time goes by here, hence header and checksum in line, and one count for all.
        """
        window, mask = self._window, self._mask
        data, at, count = window.data, window.at, 0
        view, size = memoryview(data), len(data)
        while size - at >= HEADER:
            signature, flags, first, second, third = head_of(data, at)
            if first < 0x80:
                length = first if first < 0x40 else (first & 0x3F) << 8 | second
            else:  # four octets, for which 0 stands, are not allowed
                length = (first & 0x3F) << 16 | second << 8 | third if first < 0xC0 else 0
            end = at + length
            if signature != SIGNATURE or flags & VERSION_BITS != VERSION_2 or end > size or length < SHORTEST:
                window.at = at
                if not self._text():
                    break
                at = window.at
                continue
            if crc32(view[at : end - 4]) != stored_checksum(data, end - 4)[0]:
                break
            count += 1
            if flags & mask == FILE:
                yield self._packet(at, end, self.count + count - 1)
            at = end
        window.at = at
        self.count += count
        if self.count > self._limit:
            raise Unreadable(f"more than {self._limit:,} packets")

    def _packet(self, at: int, end: int, before: int) -> Packet | Lost:
        """The packet there, its checksum being good, or what is lost with it where its fields are not, or a loss ate
        into its file. ``before`` are the packets before it."""
        flags, _, body = header(self._window.data, at)
        packet = fields(self._window.data, body, end - 4, flags)
        fault = fault_of(packet, end - 4)
        if not fault:
            self._wanted_since += packet.name == self.wanted
            if self._blank and before == self._lost_before and not self._other(packet):
                return replace(self._blank, what=f"{self._blank.what}; what follows may have begun there",
                               owner=packet, named=True)
            return packet
        region, offset = Region(self.wanted), self._window.offset - self._window.at + at
        region.note(self._window.data[at:end])
        return region.lost(offset, fault, packet, of_a_test=not is_run_level(packet))

    def _behind_another(self, lost: Lost) -> Lost:
        """A loss, which is taken for the wanted file's where only packets of that lie between it and the one before.

        They may stand in a log of subunit's own tests whose header is destroyed: no packets of the stream, then.
        """
        between = self.count - self._lost_before if self._lost_before is not None else 0
        named = lost.named or 0 < between == self._wanted_since
        self._lost_before, self._wanted_since = self.count, 0
        self._blank = lost if lost.blank else None
        return replace(lost, named=named, of_a_test=lost.of_a_test and not named)

    def _gap(self) -> Lost | None:
        """Read on where the window was merely too small, else pass over what is no good packet."""
        window, taken = self._window, self._window.taken
        size = HEADER
        if window.left >= HEADER and window.data[window.at] == SIGNATURE:
            size = max(HEADER, header(window.data, window.at)[1])
        if not window.left or (window.fill(size) and window.taken > taken):
            return None
        self._look()
        judged = self._judged()
        if judged is None:
            return self._searched()
        length, lost = judged
        window.at += length
        return lost

    def _text(self) -> bool:
        """Pass over text before a good packet: it is no damage, and there may be much of it.

        It is to end with a line's end; but many a test writes a dot, and no more, between two packets.
        """
        window = self._window
        data, at = window.data, window.at
        passed = at
        for found in CANDIDATE_IN_TEXT.finditer(data, at) if not data.startswith(SIGNED, at) else ():
            end = found.start()
            if not self._is_text(passed, end):
                break
            passed = end
            ends_line = data[end - 1] == LINE_END
            packet = self._sound(end)
            if packet and (ends_line or (self._other(packet) and not self._fills(at, end))):
                window.at = end
                return True
            if ends_line and self._begins(end):
                window.at = end
                break
            self._look()
            if not self.wanted:
                break
        return False

    def _is_text(self, start: int, end: int) -> bool:
        """Whether the bytes there are text, behind text, and have no wanted packet in them."""
        data = self._window.data
        seam = max(self._window.at, start - len(self._needle))
        unwanted = not self.wanted or (self._needle if data[end - 1] == LINE_END else self.wanted) not in data[seam:end]
        return unwanted and is_textual(data[start:end])

    def _other(self, packet: Packet | None) -> bool:
        """Whether a packet there has nothing of the wanted file, or of any."""
        return packet is not None and (packet.name != self.wanted if self.wanted else packet.flags & FILE == 0)

    def _fills(self, at: int, end: int) -> bool:
        """Whether what lies between is a packet, but for its first byte."""
        packet = self._fields(at)
        return packet is not None and fit(packet, end, len(self._window.data))

    def _begins(self, at: int) -> bool:
        """Whether a packet may begin there, good or not."""
        data = self._window.data
        if len(data) - at < HEADER or not CANDIDATE.match(data, at):
            return False
        flags, length, _ = header(data, at)
        return flags & VERSION_BITS == VERSION_2 and length >= SHORTEST

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
            ends = length == left and not signed
            if ends or (length < left and data[at + length] == SIGNATURE):
                what, region = BAD_CHECKSUM if signed else BAD_START, self._filled(data, at, at + length, packet)
                return length, region.lost(offset, what, packet, of_a_test=has_test_id(packet))
        return self._followed(flags, length, packet) if signed else None

    def _followed(self, flags: int, length: int, packet: Packet | None) -> tuple[int, Lost] | None:
        """The damaged packet here, where a good one follows the length it claims or its fields have."""
        at, left, offset = self._window.at, self._window.left, self._window.offset
        is_test = looks_like_a_test(packet)
        if SHORTEST <= length <= left:
            self._spend(length)
            if self._sound(at + length):
                what = BAD_CHECKSUM if flags & VERSION_BITS == VERSION_2 else BAD_VERSION
                owner = None if is_test else packet
                return length, self._region(length).lost(offset, what, owner, of_a_test=is_test)
        if packet is not None and not fault_of(packet, at + left - 4):
            own = packet.end + 4 - at
            if own != length and (own == left or self._sound(at + own)):
                return own, self._region(own).lost(offset, BAD_LENGTH, packet, of_a_test=is_test)
        return None

    def _region(self, size: int) -> Region:
        """So many bytes from here."""
        region = Region(self.wanted)
        region.note(self._window.data[self._window.at : self._window.at + size])
        return region

    def _filled(self, data: bytes, at: int, end: int, packet: Packet) -> Region:
        """The bytes of a damaged packet that its fields fill.

        Without a test's content: that may hold packets, as the logs of subunit's own tests do.
        """
        region, has_log = Region(self.wanted), packet.content_at and looks_like_a_test(packet)
        region.note(data[at : packet.content_at if has_log else end])
        region.note(data[packet.content_end : end] if has_log else b"")
        return region

    def _sound(self, at: int) -> Packet | None:
        """The good packet there, if there is one."""
        data = self._window.data
        if len(data) - at < HEADER or data[at] != SIGNATURE:
            return None
        flags, length, body = header(data, at)
        end = at + length
        if flags & VERSION_BITS != VERSION_2 or end > len(data):
            return None
        packet = fields(data, body, end, flags)
        if not fit(packet, end, len(data)):
            return None
        self._spend(end - at)
        return packet if checksum_holds(data, at, end) else None

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
        data, at, offset, left = window.data, window.at, window.offset, window.left
        signed = data[at] == SIGNATURE
        length = header(data, at)[1] if left >= HEADER else HEADER
        packet = self._fields(at) if signed and left >= HEADER else None
        fits = packet is not None and fit(packet, at + length, len(data))
        self._search(region, offset + length if fits or length == left else offset, signed)
        if region.is_text(ends=not window.left or self._other(self._sound(window.at))):
            return None
        if packet is not None and fits and length >= left and not window.left:
            region = self._filled(data, at, at + left, packet)
            if length == left:
                return region.lost(offset, BAD_CHECKSUM, packet, of_a_test=has_test_id(packet))
        if signed and length > left and not window.left:
            return region.lost(offset, CUT, packet)
        return region.unaccounted(offset, UNKNOWN if signed else NO_TEXT, packet)

    def _search(self, region: Region, inside: int, signed: bool) -> None:
        """Pass over bytes up to a packet. Before the offset ``inside`` it may be one that a log holds."""
        window, step = self._window, 1
        while True:
            found = self._candidate(region, window.at + step, signed)
            end = found.start() if found else max(window.at, len(window.data) - BEGINNING + 1)
            step = step if end == window.at else 0
            self._skip(region, end)
            if found and self._promising(region, inside):
                return
            if found:
                step = 1
            elif not window.fill(BEGINNING):
                self._skip(region, len(window.data))
                return

    def _candidate(self, region: Region, start: int, signed: bool) -> re.Match[bytes] | None:
        """The next place where a packet may begin; in text not within a character."""
        data, at = self._window.data, self._window.at
        if not signed and region.textual:
            found = CANDIDATE_IN_TEXT.search(data, start)
            if is_textual(data[at : found.start() if found else len(data)]):
                return found
        return CANDIDATE.search(data, start)

    def _skip(self, region: Region, end: int) -> None:
        data = self._window.data
        for at in range(self._window.at, end, PIECE):  # several packets' bytes are not to be copied whole
            region.note(data[at : min(end, at + PIECE)])
        self._window.at = end

    def _promising(self, region: Region, inside: int) -> bool:
        """Whether a packet begins here: a good one, or one that a closer look would call damaged.

        Inside another packet it is one only if it stands where that was cut off: at the end of the
        stream, or before a further packet. (A runner was killed, and counters were appended.)
        """
        window = self._window
        if not window.fill(HEADER):
            return False
        self._look()
        if not self._begins(window.at):
            return False
        if region.is_text(ends=False):
            return True
        window.ahead()
        data, at = window.data, window.at
        packet, end = self._fields(at), at + header(data, at)[1]
        if packet is None or not fit(packet, end, len(data)):
            return packet is not None and packet.fault != "" and end > len(data) and region.line_ended
        if end > len(data) or self._ends(end):
            return True
        return window.offset >= inside and self._sound(at) is not None

    def _ends(self, end: int) -> bool:
        """Whether the stream ends there, or what may be another packet begins."""
        data = self._window.data
        return end == len(data) or (end < len(data) and data[end] == SIGNATURE)

    def _spend(self, size: int) -> None:
        """Checksum work beyond once the stream is limited: false packet starts would make it quadratic."""
        self.spent += size
        if self.spent > self._window.taken + SLACK:
            self._refuse()

    def _look(self) -> None:
        """A closer look is taken: where many would be, few bytes would cost much time."""
        self._looks += 1
        if self._looks > LOOKS + self._window.taken // BYTES_A_LOOK:
            self._refuse()

    def _refuse(self) -> NoReturn:
        raise Unreadable(f"too many false packet starts or damaged packets, the last at byte {self._window.offset}")
