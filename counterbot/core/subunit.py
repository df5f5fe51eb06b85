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
from typing import Generic, Protocol, TypeVar

from . import limits
from .model import Unreadable
from .subunit_packets import Lost, Packets
from .subunit_wire import EOF, FILE, TEST_ID, Packet, is_text

RUN_LEVEL = FILE | TEST_ID  # a mask: of these, a run-level file has FILE alone

UNFINISHED = 128 << 20
"""Bytes of memory, about, that attachments without an end may take while a stream is listed."""
A_CHUNK = 20  # bytes; the packet of a file is hardly shorter
OVERHEAD = 1000  # of an unfinished attachment besides its names

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
    one. ``tell`` hears of damage elsewhere. Raises Unreadable where damage touched an attachment of the
    name, where they have more than ``limit`` bytes in all, and for what is no version 2 stream.
    """
    packets = Packets(blocks, RUN_LEVEL, name.encode())
    wanted = (packet for packet in packets if isinstance(packet, Lost) or packet.name == packets.wanted)
    room = _Room(limit, f"{name}: more than {limit:,} bytes")
    files = _Files(wanted, lambda: _Content(room), keep=True)
    done = []
    for item in files:
        if not isinstance(item, Lost):
            done.append(b"".join(item.data.parts))
        elif _touches(item, packets.wanted, bool(files.open)):
            raise Unreadable(f"{name}: {Damage(item.offset, item.what)}")
        else:
            tell(Damage(item.offset, item.what))
    if files.doubtful is not None:
        raise Unreadable(f"{name}: {_begun_in(files.doubtful)}")
    _check_version(packets)
    return done


def listing(blocks: Iterable[bytes], *, tell: Callable[[Damage], None] = _tell_nobody) -> Iterator[Attachment]:
    """Every whole attachment, each as it is complete; then those without an end-of-file mark, as they began.

    ``tell`` hears of all damage, and how many attachments are left out because of it. Raises Unreadable,
    at its end, for what is no version 2 stream.
    """
    packets = Packets(blocks, FILE)
    files = _Files(packets, _Digest)
    for item in files:
        if isinstance(item, Lost):
            tell(_broken(item, files))
        else:
            yield _attachment(item)
    if files.doubtful is not None:
        tell(_begun_in(files.doubtful))
    _check_version(packets)


@dataclass
class _Room:
    """Bytes of memory still to be given away; raises Unreadable with ``refusal`` when there are no more."""

    left: int
    refusal: str

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Unreadable(self.refusal)


class _Data(Protocol):
    """What is kept of an attachment's content."""

    def add(self, content: memoryview) -> None: ...


class _Content:
    def __init__(self, room: _Room) -> None:
        self.parts: list[bytes] = []
        self._room = room

    def add(self, content: memoryview) -> None:
        self._room.take(len(content))
        self.parts.append(bytes(content))


class _Digest:
    def __init__(self) -> None:
        self.size, self.sha256 = 0, hashlib.sha256()

    def add(self, content: memoryview) -> None:
        self.size += len(content)
        self.sha256.update(content)


D = TypeVar("D", bound=_Data)
_Key = tuple["bytes | None", "bytes | None", "bytes | None"]


@dataclass
class _File(Generic[D]):
    """An attachment in the making. ``broken``: damage may have taken a part of it. ``weight``: bytes of memory."""

    key: _Key
    data: D
    weight: int
    mime: bytes | None = None
    broken: bool = False


class _Files(Generic[D]):
    """Joins packets to files; iterating gives files as they are complete, and what was lost between.

    The key of a file is route code, test id and name. ``open`` are those whose end did not come yet;
    with ``keep`` the whole ones count as kept in memory too.

    The mime type comes with a file's first packet. So a run-level file that begins without, behind lost
    bytes that nobody knows, may have begun in them: it is broken, and ``doubtful`` is that loss.
    """

    def __init__(self, packets: Iterable[Packet | Lost], new: Callable[[], D], keep: bool = False) -> None:
        self.open: dict[_Key, _File[D]] = {}
        self.doubtful: Lost | None = None
        self._loss: Lost | None = None
        self._packets, self._new, self._keep = packets, new, keep
        self._room = _Room(UNFINISHED, "too many attachments without an end")

    def __iter__(self) -> Iterator[_File[D] | Lost]:
        for item in self._packets:
            if isinstance(item, Lost):
                self._loss = item if _may_begin(item) else self._loss
                yield item
                continue
            file = self.of(item)
            file.mime = item.mime if file.mime is None else file.mime
            file.data.add(item.content)
            if item.flags & EOF:
                self.close(item)
                if not file.broken:
                    yield file
        yield from (file for file in self.open.values() if not file.broken)

    def of(self, packet: Packet) -> _File[D]:
        """The open file of this packet, begun now if there is none."""
        key = packet.key
        file = self.open.get(key)
        if file is None:
            weight = OVERHEAD + sum(map(len, filter(None, key)))
            file = self.open[key] = _File(key, self._new(), weight)
            self._room.take(weight)
            if self._loss is not None and packet.test_id is None and packet.mime is None:
                file.broken, self.doubtful = True, self._loss
        return file

    def close(self, packet: Packet) -> None:
        file = self.open.pop(packet.key, None)
        if file is not None and not self._keep:
            self._room.left += file.weight


def _may_begin(lost: Lost) -> bool:
    """Whether the first packet of a run-level file may be among lost bytes, perhaps under a damaged name."""
    of_a_run = lost.owner is not None and lost.owner.flags & RUN_LEVEL == FILE
    return of_a_run or (lost.loose and lost.size >= A_CHUNK)


def _touches(lost: Lost, name: bytes, begun: bool) -> bool:
    """Whether lost bytes may have been a part of a run-level attachment of this name."""
    owner = lost.owner
    if owner is not None and owner.flags & RUN_LEVEL == FILE and _resembles(owner.name, name):
        return True
    return lost.named or (lost.loose and begun)


def _resembles(damaged: bytes | None, name: bytes) -> bool:
    """Whether a name that may itself be damaged was this one. None: it was not to be read."""
    if damaged is None or not is_text(damaged):
        return True
    return len(damaged) == len(name)


def _broken(lost: Lost, files: _Files[_Digest]) -> Damage:
    """Mark what damage may have touched, so that it is not listed."""
    owner, hurt = lost.owner, 0
    if lost.loose or owner is None:
        for file in files.open.values():
            hurt += not file.broken
            file.broken = True
    if owner is not None and owner.flags & FILE and owner.name is not None:
        files.of(owner)
        for file in files.open.values():  # any of them: the damage may be in the name, test id or route
            if (file.key[1] is None) == (owner.test_id is None):
                hurt += not file.broken
                file.broken = True
        if owner.flags & EOF:
            files.close(owner)
    left_out = f"; attachments left out: {hurt}" if hurt else ""
    return Damage(lost.offset, lost.what + left_out)


def _begun_in(lost: Lost) -> Damage:
    return Damage(lost.offset, f"{lost.what}; what follows may have begun there")


def _attachment(file: _File[_Digest]) -> Attachment:
    _, test_id, name, mime = (None if raw is None else raw.decode() for raw in (*file.key, file.mime))
    return Attachment(test_id, name or "", mime, file.data.size, file.data.sha256.hexdigest())


def _check_version(packets: Packets) -> None:
    """Raise Unreadable where there were bytes and no packet among them."""
    if packets.count or not packets.start:
        return
    if VERSION_1.match(packets.start):
        raise Unreadable("a subunit version 1 stream, which cannot carry run-level files; subunit-1to2 converts it")
    raise Unreadable("no subunit version 2 stream: there is no whole packet in it")
