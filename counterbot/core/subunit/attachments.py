"""Reads attachments out of a subunit version 2 stream: bytes in, attachments out, in fixed memory.

Opens no file, unpacks no gzip, and does not look into an attachment. Every checksum is verified. What
damage may have taken a part of is unreadable, never shortened; other damage is told and passed over.
The format: https://github.com/testing-cabal/subunit, "Version 2". The packets: subunit_wire.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .. import limits
from ..model import Unreadable
from .files import File, Files, Key, Room
from .lost import Lost, needle
from .packets import Packets
from .wire import FILE, RUN_LEVEL

VERSION_1 = re.compile(rb"\s*(time|tags|progress|test(ing)?|success(ful)?|failure|error|skip|u?xsuccess|xfail)[: ]")


@dataclass(frozen=True)
class Damage:
    """Bytes of a stream that are no packet and should be: where (from 0), and what is wrong there."""

    offset: int
    what: str

    def __str__(self) -> str:
        return f"damage at byte {self.offset}: {self.what}"


@dataclass(frozen=True)
class Attachment:
    """One attachment. ``test_id`` is None where it belongs to the whole run; ``size`` is in bytes."""

    test_id: str | None
    name: str
    mime: str | None
    size: int
    sha256: str


def _tell_nobody(damage: Damage) -> None:
    pass


def documents(
    blocks: Iterable[bytes],
    name: str,
    *,
    limit: int = limits.ATTACHMENT,
    tell: Callable[[Damage], None] = _tell_nobody,
) -> list[bytes]:
    """The contents of the run-level attachments of this name, in order of completion.

    One without an end-of-file mark is complete where the stream ends cleanly; such come last, in order
    of their beginning. Packets of one attachment are joined: two documents written without the mark are
    one. Where a stream without the mark ends between two packets of one attachment, nothing tells that the
    second is missing. ``tell`` hears of damage elsewhere. Raises Unreadable where damage touched, or may have
    touched, an attachment of the name; where they have more than ``limit`` bytes in all; and for what is no
    version 2 stream.
    """
    packets = Packets(blocks, RUN_LEVEL, name.encode())
    wanted = (packet for packet in packets if isinstance(packet, Lost) or packet.name == packets.wanted)
    room = Room(limit, f"{name}: more than {limit:,} bytes")
    files = Files(wanted, lambda: _Content(room), keep=True)
    done, nameless = [], None
    for item in files:
        if not isinstance(item, Lost):
            done.append(bytes(item.data.content))
        elif item.named or (files.open and not item.of_a_test):
            raise Unreadable(f"{name}: {Damage(item.offset, item.what)}")
        else:
            nameless = item if item.nameless or item.blank else nameless
            tell(Damage(item.offset, item.what))
    if files.doubtful is not None:
        raise Unreadable(f"{name}: {_begun_in(files.doubtful)}")
    _check_version(packets)
    if nameless is not None and not done:
        raise Unreadable(f"{name}: {Damage(nameless.offset, nameless.what)}; it may have been there")
    return done


def listing(blocks: Iterable[bytes], *, tell: Callable[[Damage], None] = _tell_nobody) -> Iterator[Attachment]:
    """Every whole attachment, each as it is complete; then those without an end-of-file mark, as they began.

    ``tell`` hears of all damage, and how many attachments are left out because of it. Raises Unreadable,
    at its end, for what is no version 2 stream.
    """
    packets = Packets(blocks, FILE)
    files = Files(packets, _Digest)
    for item in files:
        if isinstance(item, Lost):
            tell(_broken(item, files))
        else:
            yield _attachment(item)
    if files.doubtful is not None:
        tell(_begun_in(files.doubtful))
    _check_version(packets)


class _Content:
    def __init__(self, room: Room) -> None:
        self.content = bytearray()  # chunks may be of a byte or two, and objects of their own would be many
        self._room = room

    def add(self, content: memoryview) -> None:
        self._room.take(len(content))
        self.content += content


class _Digest:
    def __init__(self) -> None:
        self.size, self.sha256 = 0, hashlib.sha256()

    def add(self, content: memoryview) -> None:
        self.size += len(content)
        self.sha256.update(content)


def _broken(lost: Lost, files: Files[_Digest]) -> Damage:
    """Mark what damage may have touched, so that it is not listed."""
    hurt, owner = 0, lost.owner
    for file in files.open.values():
        if _touches(lost, file.key):
            hurt += not file.broken
            file.broken = True
    if owner is not None and owner.flags & FILE and owner.name is not None:
        hurt += files.spoil(owner, lost)
    left_out = f"; attachments left out: {hurt}" if hurt else ""
    return Damage(lost.offset, lost.what + left_out)


def _touches(lost: Lost, key: Key) -> bool:
    """Whether lost bytes may have been a part of the open file of this key: of any, where nobody knows better."""
    _, test_id, name = key
    if not lost.of_a_test:
        return True
    if test_id is None:
        return needle(name or b"") in lost.names
    return lost.owner is None or lost.owner.flags & FILE != 0


def _begun_in(lost: Lost) -> Damage:
    return Damage(lost.offset, f"{lost.what}; what follows may have begun there")


def _attachment(file: File[_Digest]) -> Attachment:
    _, test_id, name, mime = (None if raw is None else raw.decode() for raw in (*file.key, file.mime))
    return Attachment(test_id, name or "", mime, file.data.size, file.data.sha256.hexdigest())


def _check_version(packets: Packets) -> None:
    """Raise Unreadable where there were bytes and no packet among them."""
    if packets.count or not packets.start:
        return
    if VERSION_1.match(packets.start):
        raise Unreadable("a subunit version 1 stream, which cannot carry run-level files; subunit-1to2 converts it")
    raise Unreadable("no subunit version 2 stream: there is no whole packet in it")
