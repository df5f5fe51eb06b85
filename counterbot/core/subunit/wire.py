"""One packet of subunit version 2: ``B3 | flags u16 | length | fields | CRC-32``, big endian.

The fields are, where the flags have them and in this order: timestamp, test id, tags, mime type, file, route code.
Source: https://github.com/testing-cabal/subunit, "Version 2".
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from .gunzip import ZLIB

TEST_ID, ROUTE, STAMP, TAGS, FILE, MIME, EOF = 0x0800, 0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x0010
STATUS, IN_PROGRESS = 0x0007, 2
VERSION_2, SIGNATURE = 0x2000, 0xB3
HEADS, TESTS = frozenset(range(0xB320, 0xB330)), 0xB328
"""The first two bytes of a packet: signature, version and upper flags; from which on it has a test id."""

HEADER, SHORTEST, LONGEST = 6, 8, (1 << 22) - 1
"""Bytes that hold signature, flags and length; bytes of a whole packet."""

crc32: Callable[..., int] = ZLIB.crc32
header = Struct(">HxH").unpack_from  # a packet's first two bytes, and the first two of its length
checksum_and_header = Struct(">IHxH").unpack_from

NUMBER_MASKS = (0x3F, 0x3FFF, 0x3FFFFF, 0x3FFFFFFF)


@dataclass(slots=True)  # neither frozen nor a tuple: those take twice as long to make
class Packet:
    """A packet's fields, raw; None where it has no such field, or ``fault`` came before it.

    The file's ``content`` begins at ``content_at``; at ``end`` the fields end.
    """

    flags: int
    test_id: bytes | None = None
    mime: bytes | None = None
    name: bytes | None = None
    route: bytes | None = None
    content: memoryview | None = None
    content_at: int = 0
    end: int = 0
    fault: str = ""


def length_at(data: bytes, at: int) -> int:
    """The length that a packet claims; 0 for four octets, which are not allowed. The data must have HEADER bytes."""
    return number(data, at + 3)[0] if data[at + 3] < 0xC0 else 0


def sound(data: bytes, at: int, end: int) -> bool:
    """Whether a version 2 packet with its checksum stands there."""
    if end - at < SHORTEST or header(data, at)[0] not in HEADS or length_at(data, at) != end - at:
        return False
    return crc32(memoryview(data)[at : end - 4]) == int.from_bytes(data[end - 4 : end], "big")


def number(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to four octets and where it ends; raises IndexError behind the data."""
    first = data[at]
    if first < 0x40:
        return first, at + 1
    end = at + 1 + (first >> 6)
    return int.from_bytes(data[at:end], "big") & NUMBER_MASKS[first >> 6], end


def text(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = number(data, at)
    return data[at : at + size], at + size


def fields(data: bytes, at: int, end: int) -> Packet:
    """The fields of the packet at ``at`` whose checksum stands at ``end``, as far as they can be read."""
    packet = Packet(data[at + 1] << 8 | data[at + 2])
    try:
        packet.end = _read(packet, data, at + 4 + (data[at + 3] >> 6))
    except IndexError:
        packet.end = len(data) + 1
    if packet.end > end:
        packet.fault = "the fields of a packet reach past its end"
    elif not is_utf8(b" ".join(filter(None, (packet.test_id, packet.mime, packet.name, packet.route)))):
        packet.fault = "a string in a packet is not UTF-8, or has a zero byte"
    return packet


def _read(packet: Packet, data: bytes, at: int) -> int:
    """Set the fields that begin there; where they end."""
    flags = packet.flags
    if flags & STAMP:
        _, at = number(data, at + 4)
    if flags & TEST_ID:
        packet.test_id, at = text(data, at)
    if flags & TAGS:
        count, at = number(data, at)
        for _ in range(count):
            _, at = text(data, at)
    if flags & MIME:
        packet.mime, at = text(data, at)
    if flags & FILE:
        packet.name, at = text(data, at)
        size, packet.content_at = number(data, at)
        at = packet.content_at + size
        packet.content = memoryview(data)[packet.content_at : at]
    if flags & ROUTE:
        packet.route, at = text(data, at)
    return at


def is_utf8(raw: bytes, cut: bool = False) -> bool:
    """Whether bytes are UTF-8 without a zero, as all strings are; if ``cut``, up to the last character."""
    try:
        codecs.utf_8_decode(raw, "strict", not cut)
    except UnicodeDecodeError:
        return False
    return 0 not in raw
