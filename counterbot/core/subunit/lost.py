"""What bytes that damage made unreadable may have been: a test's packet for sure, or a part of a run-level file.

Believes nothing that a single damaged byte could make so. Reads no stream; what is left out of what is read
is decided in subunit.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .between import is_blanked, is_textual
from .wire import SIGNATURE, Packet, is_run_level, is_text

BAD_CHECKSUM = "a packet's checksum does not match"
BAD_LENGTH = "a packet's length does not match what is in it"
BAD_START = "a packet's first byte is wrong"
BAD_VERSION = "a packet of another version"
CUT = "the stream ends inside a packet"
UNKNOWN = "a damaged packet whose end is not known"
NO_TEXT = "bytes that are neither packets nor text"

HEAD = 256
"""Bytes of a packet in which its file's name stands, except behind very long tags."""
NEAR = 80
"""The same of a run-level file; half a name further behind is there by chance."""
HALF = 4
"""Bytes that half a name must have to tell anything."""
NAMES_OF_ONE = 1024
"""Bytes in which names may stand that are kept of one loss."""

SIGNED = bytes([SIGNATURE])
RUN_LEVEL_START = re.compile(
    rb"(?=(\xb3[\x20-\x27][\x40-\x47\x50-\x57\x60-\x67\x70-\x77\xc0-\xc7\xd0-\xd7\xe0-\xe7\xf0-\xf7].{0,%d}))"
    % (NEAR - 3),
    re.DOTALL,
)
"""What the packet of a run-level file may begin with, and its name."""


@dataclass(frozen=True)
class Lost:
    """Bytes that damage made unreadable.

    ``owner`` is the packet they begin with, as far as it is to be read. ``of_a_test``: they were a test's packet
    for sure. ``named``: they may have been a run-level file of the wanted name; ``nameless``: of any name.
    ``blank``: a piece of them was overwritten, and may have been the beginning of what follows, or whole packets.
    ``names``, where no name is wanted, is the bytes in which the names of run-level files may stand.
    """

    offset: int
    what: str
    owner: Packet | None = None
    of_a_test: bool = False
    named: bool = False
    nameless: bool = False
    blank: bool = False
    names: bytes = b""


class Region:
    """What is remembered of bytes passed over."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._needle = needle(wanted) if wanted else b""
        self._keep = max(len(wanted), NEAR)
        self._seam = self._head = self._starts = b""
        self.held_needle = self.held_name = self.binary = self.blank = False

    def note(self, piece: bytes) -> None:
        self._head += piece[: HEAD - len(self._head)]
        seam = self._seam + piece
        self.held_needle = self.held_needle or (self._needle != b"" and self._needle in seam)
        self.held_name = self.held_name or (self._needle != b"" and self._wanted in seam)
        self.blank = self.blank or is_blanked(seam)
        self.binary = self.binary or not is_textual(piece)
        if not self._wanted:
            self._note_starts(seam)
        self._seam = seam[-self._keep :]

    def _note_starts(self, seam: bytes) -> None:
        for start in RUN_LEVEL_START.finditer(seam):
            if len(self._starts) >= NAMES_OF_ONE:
                return
            self._starts += start[1]

    @property
    def line_ended(self) -> bool:
        return self._seam.endswith(b"\n")

    @property
    def textual(self) -> bool:
        return not self.binary and self._head[:1] != SIGNED

    def is_text(self, ends: bool) -> bool:
        """Whether they are text, and no packet whose first byte is wrong. ``ends``: the stream, or a packet of
        another file follows.

        Text between packets is to end its last line; else it may be what is left of a packet, and does not bear
        the wanted name.
        """
        return self.textual and not self.held_needle and (self.line_ended or (ends and not self.held_name))

    def lost(self, offset: int, what: str, owner: Packet | None, *, of_a_test: bool = False) -> Lost:
        """These bytes as lost. ``of_a_test`` is what their fields say; the wanted name in them says otherwise."""
        names = b"" if self._wanted else self._head[:NEAR] + self._starts
        named = self.held_needle or (self._named and not of_a_test)
        nameless = False
        if owner is not None and is_run_level(owner):
            nameless = not owner.name or not is_text(owner.name)
            named = named or len(owner.name or b"") == len(self._wanted)
        return Lost(offset, what, owner, of_a_test and not (named or self._named), named, nameless, names=names)

    def unaccounted(self, offset: int, what: str, owner: Packet | None) -> Lost:
        """These bytes as lost, where nothing tells what they were."""
        return replace(self.lost(offset, what, owner), blank=self.blank)

    @property
    def _named(self) -> bool:
        """Whether the wanted name stands where a file's does, or a half of it."""
        if not self._wanted:
            return False
        return self._wanted in self._head or resembles(self._head[:NEAR], self._wanted)


def needle(name: bytes) -> bytes:
    """A name as a packet has it, behind its length, as far as that is in the last octet."""
    return bytes([len(name) & 0xFF]) + name


def resembles(names: bytes, name: bytes) -> bool:
    """Whether a name is among them: whole, or one half of it with the other damaged."""
    half = len(name) // 2
    if half < HALF:
        return name != b"" and name in names
    return name[:half] in names or name[half:] in names
