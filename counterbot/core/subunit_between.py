"""What stands between the packets of a subunit version 2 stream: text, and what may begin a packet among it.

Knows what they look like; reads on and judges nowhere.
"""

from __future__ import annotations

import re

BEGINNING = 4
"""Bytes of a packet that must be there for it to be seen."""

CANDIDATE = re.compile(
    rb"\xb3(?=[\x20-\x2f][^\x08-\x0f][\x08-\xbf])"
    rb"(?![\x20\x21\x24\x25\x28\x29\x2c\x2d]."
    rb"(?:[\x09-\x3f][\x40-\xff]|[\x40-\x7f].[\x80-\xff]|\x80..[\x81-\xff]|[\x81-\xbf]..[\xc0-\xff]))",
    re.DOTALL,
)
"""What a packet of version 2 may begin with. Of the flags, bit 3 is clear; the length is neither too short
nor in four octets; where no timestamp comes first, it is the number behind it that is not the greater one.
"""

TEXTUAL = bytes([*range(0x07, 0x0E), 0x1B, *range(0x20, 0x100)])
"""The bytes that text may have, in whatever encoding."""


def is_textual(piece: bytes) -> bool:
    return not piece.translate(None, TEXTUAL)  # ten times as fast as a pattern
