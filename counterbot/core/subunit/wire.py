"""The packets of subunit version 2, byte by byte: ``B3 | flags u16 | length | fields | CRC-32``, big endian.

Knows one packet at a time, and nothing of streams. The fields are, where the flags have them and in
this order: timestamp, test id, tags, mime, file, route code. They fill a packet exactly: that tells,
after damage, a packet from bytes that look like one. Source:
https://github.com/testing-cabal/subunit, "Version 2".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from .gunzip import ZLIB

TEST_ID, ROUTE, STAMP, TAGS, FILE, MIME, EOF = 0x0800, 0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x0010
VERSION_BITS, VERSION_2 = 0xF008, 0x2000  # bit 3 is always zero
RUN_LEVEL = FILE | TEST_ID  # a mask: of these, the packet of a run-level file has FILE alone

SIGNATURE = 0xB3
HEADER, SHORTEST, LONGEST = 6, 8, (1 << 22) - 1
head_of = Struct(">BHBBB").unpack_from
"""Signature, flags and the three bytes in which the length is, of the packet at a place in the data."""

stored_checksum = Struct(">I").unpack_from
crc32: Callable[[bytes | memoryview], int] = ZLIB.crc32

NUMBER_MASKS = (0x3F, 0x3FFF, 0x3FFFFF, 0x3FFFFFFF)
TAGS_AT_MOST = 1000
ROUTE_AT_MOST = 300
"""Bytes that may follow the content of a packet whose route code is cut off, to be still believed."""


@dataclass(slots=True)  # neither frozen nor a tuple: those take twice as long to make
class Packet:
    """A packet's fields, raw; None where it has no such field, or ``fault`` came before it."""

    flags: int
    test_id: bytes | None = None
    mime: bytes | None = None
    name: bytes | None = None
    route: bytes | None = None
    data: bytes = b""
    content_at: int = 0
    content_end: int = 0
    end: int = 0
    fault: str = ""

    @property
    def key(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        return self.route, self.test_id, self.name

    @property
    def content(self) -> memoryview:
        """The file's, not copied. ``data`` is what the packet stands in, where it has a file."""
        return memoryview(self.data)[self.content_at : self.content_end]


class FieldError(ValueError):
    """A field does not fit its packet."""


def number(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to four octets and where it ends; raises IndexError behind the data."""
    first = data[at]
    if first < 0x40:
        return first, at + 1
    end = at + 1 + (first >> 6)
    return int.from_bytes(data[at:end], "big") & NUMBER_MASKS[first >> 6], end


def text(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    size, at = (data[at], at + 1) if data[at] < 0x40 else number(data, at)
    behind = at + size
    if behind > end:
        raise FieldError("a string reaches past the end of its packet")
    return data[at:behind], behind


def header(data: bytes, at: int) -> tuple[int, int, int]:
    """Flags, length and where the fields begin. A length of four octets is not allowed: it counts as 0.

    The data must have HEADER bytes there.
    """
    _, flags, first, second, third = head_of(data, at)
    if first < 0x40:
        return flags, first, at + 4
    if first < 0x80:
        return flags, (first & 0x3F) << 8 | second, at + 5
    if first < 0xC0:
        return flags, (first & 0x3F) << 16 | second << 8 | third, at + 6
    return flags, 0, at + 7


def checksum_holds(data: bytes, at: int, end: int) -> bool:
    matches: bool = crc32(memoryview(data)[at : end - 4]) == stored_checksum(data, end - 4)[0]
    return matches


def past_tags(data: bytes, at: int, end: int) -> int:
    count, at = number(data, at)
    if count > TAGS_AT_MOST:
        raise FieldError(f"a packet has more than {TAGS_AT_MOST} tags")
    for _ in range(count):
        size = data[at]
        if size < 0x40:
            at += 1 + size
        else:
            size, at = number(data, at)
            at += size
    if at > end:
        raise FieldError("a string reaches past the end of its packet")
    return at


def fields(data: bytes, at: int, end: int, flags: int) -> Packet:
    """The fields that stand at ``at``, as far as they are good. ``end`` is where the bytes that may be
    theirs end; the content alone may reach beyond, which the caller judges.
    """
    test_id = mime = name = route = None
    content_at = content_end = 0
    fault = ""
    try:
        if flags & STAMP:
            _, at = number(data, at + 4)
        if flags & TEST_ID:
            test_id, at = text(data, at, end)
        if flags & TAGS:
            at = past_tags(data, at, end)
        if flags & MIME:
            mime, at = text(data, at, end)
        if flags & FILE:
            name, at = text(data, at, end)
            size, content_at = number(data, at)
            content_end = at = content_at + size
        if flags & ROUTE:
            route, at = text(data, at, end)
    except (IndexError, FieldError) as error:
        fault = str(error) if isinstance(error, FieldError) else "a packet ends inside its fields"
    kept = data if content_at else b""  # a window's bytes are many
    return Packet(flags, test_id, mime, name, route, kept, content_at, content_end, at, fault)


def fault_of(packet: Packet, end: int) -> str:
    """Why the fields of a packet with a good checksum are none the less not good, or nothing."""
    if packet.content_end > end:
        return "file content reaches past the end of its packet"
    if packet.fault or packet.end > end:
        return packet.fault or "a packet ends inside its fields"
    if not all(map(is_text, filter(None, (packet.test_id, packet.mime, packet.name, packet.route)))):
        return "a string in a packet is not UTF-8, or has a zero byte"
    return ""


def is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return 0 not in raw


def is_run_level(packet: Packet) -> bool:
    return packet.flags & RUN_LEVEL == FILE


def has_test_id(packet: Packet) -> bool:
    """Whether a packet is a test's by its flags. Of one that its fields fill they are to be believed."""
    return packet.flags & TEST_ID != 0


def looks_like_a_test(packet: Packet | None) -> bool:
    """Whether a damaged packet has what looks like a test id."""
    if packet is None or not packet.test_id:
        return False
    return is_text(packet.test_id) and min(packet.test_id) >= 0x20


def fit(packet: Packet, end: int, have: int) -> bool:
    """Whether fields fill a packet that ends at ``end``, as far as ``have``, the end of the data, shows."""
    if not packet.fault:
        return packet.end + 4 == end
    return have < end and 0 < end - packet.content_end < ROUTE_AT_MOST and packet.flags & ROUTE != 0
