"""Writes a run-level attachment as packets of subunit version 2. Opens no file.

Own code, though python-subunit can write: importing it takes as long as reading a server's counters, and it
refuses what is too large for one packet.
"""

from __future__ import annotations

import zlib
from struct import pack

from .wire import EOF, FILE, LONGEST, MIME, SIGNATURE, VERSION_2

RUNNABLE = 0x0100
AROUND = 64
"""Bytes of a packet, at most, besides its content and its two strings."""


def attachment(name: str, content: bytes, mime: str) -> bytes:
    """The file of the whole run: one packet, or a sequence where it is too large for one; the last has EOF."""
    head = _sized(mime.encode()) + _sized(name.encode())
    step = LONGEST - AROUND - len(head)
    flags = VERSION_2 | RUNNABLE | FILE | MIME
    starts = range(0, max(1, len(content)), step)
    return b"".join(
        _packet(flags | (EOF if at == starts[-1] else 0), head + _sized(content[at : at + step])) for at in starts)


def _packet(flags: int, fields: bytes) -> bytes:
    size = 1 + 2 + len(fields) + 4  # without the length itself, which counts too
    length = next(length for width in (1, 2, 3) if len(length := _number(size + width)) == width)
    data = pack(">BH", SIGNATURE, flags) + length + fields
    return data + pack(">I", zlib.crc32(data))


def _sized(raw: bytes) -> bytes:
    return _number(len(raw)) + raw


def _number(value: int) -> bytes:
    """One to three octets; how many stands in the first two bits."""
    width = next(width for width in (1, 2, 3) if value < 1 << (8 * width - 2))
    return (value | (width - 1) << (8 * width - 2)).to_bytes(width, "big")
