"""What stands between the packets of a subunit version 2 stream: text, and what may begin a packet among it.

Knows what they look like; reads on and judges nowhere.
"""

from __future__ import annotations

import re

BEGINNING = 4
"""Bytes of a packet that must be there for it to be seen."""

_HEAD = (
    rb"(?=[\x20-\x2f][^\x08-\x0f][\x08-\xbf])"
    rb"(?![\x20\x21\x24\x25\x28\x29\x2c\x2d]."
    rb"(?:[\x09-\x3f][\x40-\xff]|[\x40-\x7f].[\x80-\xff]|\x80..[\x81-\xff]|[\x81-\xbf]..[\xc0-\xff]))"
)
_IN_UTF8 = rb"(?<![\xc2-\xf4]\xb3)(?<![\xe0-\xf4][\x80-\xbf]\xb3)(?<![\xf0-\xf4][\x80-\xbf]{2}\xb3)"

CANDIDATE = re.compile(rb"\xb3" + _HEAD, re.DOTALL)
"""What a packet of version 2 may begin with. Of the flags, bit 3 is clear; the length is neither too short
nor in four octets; where no timestamp comes first, it is the number behind it that is not the greater one.
"""
CANDIDATE_IN_TEXT = re.compile(rb"\xb3" + _IN_UTF8 + _HEAD, re.DOTALL)
"""The same, without what is a part of a character in UTF-8, such as the second byte of an o with an accent: a
signature never begins one."""

TEXTUAL = bytes([*range(0x07, 0x0E), 0x1B, *range(0x20, 0x100)])
"""The bytes that text may have, in whatever encoding."""


ZEROS, ONES = bytes(16), b"\xff" * 16
"""What stands where a file system or a disk lost what was written."""


def is_textual(piece: bytes) -> bool:
    return not piece.translate(None, TEXTUAL) and ONES not in piece  # ten times as fast as a pattern


def is_blanked(piece: bytes) -> bool:
    return ZEROS in piece or ONES in piece
