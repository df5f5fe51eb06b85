"""What the bytes between two good packets are: text, a test's packet, a cut, or unknown. Reads no stream."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .wire import HEADER, SIGNATURE, TEST_ID, VERSION_2, Packet, fields, is_utf8, length_at, sound

BAD_CHECKSUM, BAD_LENGTH = "a packet's checksum does not match", "a packet's length does not match what is in it"
TEXT_INSIDE = "text inside a packet"
CUT_OFF, CUT = "a packet is cut off", "the stream ends inside a packet"
UNKNOWN_END, NO_TEXT = "a damaged packet whose end is not known", "bytes that are neither packets nor text"

SMALLEST_FILE = 11
"""Bytes of the smallest packet that has a file."""
NEAR, FAR, HALF = 80, 1024, 4
"""Bytes of a packet in which its file's name is looked for, at least and at most, and of half a name that tells it."""
TEXTUAL = bytes([*range(0x07, 0x0E), 0x1B, *range(0x20, 0xFF)])
"""The bytes that text may have, in any encoding; 0xFF is what an erased disk reads as."""


class Kind(Enum):
    """What is known of bytes between packets."""

    TEXT = "text, where the last damage was a cut or unknown"
    LINE = "one packet of a test, whole but for a line of text inside it"
    TEST = "one damaged packet of a test"
    CUT = "the beginning of a test's packet, or too few bytes for a file's packet"
    UNKNOWN = "nothing"


@dataclass(frozen=True)
class Damage:
    """Bytes of a stream that are no packet and should be: where (from 0), and what is wrong there."""

    offset: int
    what: str

    def __str__(self) -> str:
        return f"damage at byte {self.offset}: {self.what}"


@dataclass(frozen=True)
class Lost(Damage):
    """Damage with what is known of it. ``names`` are those of its bytes in which a file's name may stand."""

    kind: Kind
    names: bytes = b""

    @property
    def searched(self) -> bool:
        """Whether the next packet was searched for, and may be one inside another."""
        return self.kind in (Kind.CUT, Kind.UNKNOWN)


def bear(names: bytes, name: bytes) -> bool:
    """Whether a name is among them, or one half of it with the other damaged."""
    half = len(name) // 2
    return name != b"" and (name in names if half < HALF else name[:half] in names or name[half:] in names)


def is_text(gap: bytes, unwanted: bytes) -> bool:
    """Whether they are text, which begins as no packet does and bears nothing unwanted.

    A line that does not end is UTF-8: what is left of a packet ends in a checksum.
    """
    if not _is_textual(gap) or (unwanted and unwanted in gap):
        return False
    last = gap[gap.rfind(b"\n") + 1 :]
    return (not last or is_utf8(last, cut=True)) and not (gap[0] == SIGNATURE and (_is_version_2(gap) or last == gap))


def classify(offset: int, gap: bytes, ended: bool, thorough: bool) -> Lost:
    """What is no text, up to the next good packet or the end of the stream (``ended``).

    ``thorough``: text inside a packet is searched for, which takes a checksum for each line end.
    """
    line = gap.find(b"\n\xb3") + 1
    if _is_textual(gap[:line]):
        offset, gap = offset + line, gap[line:]
    cut = CUT if ended and gap[0] == SIGNATURE else CUT_OFF
    if len(gap) < SMALLEST_FILE:
        return Lost(offset, cut, Kind.CUT, gap)
    claimed, packet = length_at(gap, 0), fields(gap, 0, len(gap) - 4)
    names = gap[: max(NEAR, min(packet.content_at or FAR, FAR))]  # not the content: the log of a test may say any name
    if _is_version_2(gap) and len(gap) in (claimed, packet.end + 4):
        what = BAD_CHECKSUM if claimed == len(gap) else BAD_LENGTH
        return Lost(offset, what, _kind(packet, Kind.TEST), names)
    if gap[0] != SIGNATURE:
        return Lost(offset, NO_TEXT, Kind.UNKNOWN)
    if thorough and _has_line_inside(gap):
        return Lost(offset, TEXT_INSIDE, Kind.LINE)
    if _is_version_2(gap) and claimed > len(gap):
        return Lost(offset, cut, _kind(packet, Kind.CUT), names)
    return Lost(offset, UNKNOWN_END, Kind.UNKNOWN)


def _has_line_inside(gap: bytes) -> bool:
    """Whether the bytes are a test's packet with its checksum once text that ends a line is taken out of them."""
    extra = len(gap) - length_at(gap, 0)
    for line_end in re.finditer(b"\n", gap):
        end = line_end.end()
        for start in (*range(1, HEADER), end - extra):  # the length is to be read only where its bytes stand together
            header = gap[: min(start, HEADER)] + gap[end : end + HEADER]
            if 0 < start < end and len(header) >= HEADER and length_at(header, 0) == len(gap) - (end - start):
                whole = gap[:start] + gap[end:]
                if sound(whole, 0, len(whole)):
                    return _is_textual(gap[start:end]) and fields(whole, 0, len(whole) - 4).flags & TEST_ID != 0
    return False


def _kind(packet: Packet, kind: Kind) -> Kind:
    """The kind, if a damaged packet has what looks like a test id and, where it is cut off, text to its end.

    Were bytes missing instead, the rest of another packet would follow, which ends in a checksum.
    """
    test_id, content = (packet.test_id or b"").rstrip(b"\n"), bytes(packet.content or b"")
    cut = kind is Kind.CUT
    known = packet.flags & TEST_ID and min(test_id, default=0x20 * cut) >= 0x20 and is_utf8(test_id, cut=True)
    return kind if known and (not cut or (_is_textual(content) and content[-4:].isascii())) else Kind.UNKNOWN


def _is_version_2(gap: bytes) -> bool:
    return len(gap) > 1 and gap[1] << 8 & 0xF000 == VERSION_2


def _is_textual(piece: bytes) -> bool:
    return not piece.translate(None, TEXTUAL)  # ten times as fast as a pattern
