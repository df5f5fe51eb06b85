"""Reads attachments out of a subunit version 2 stream: bytes in, attachments out, in fixed memory. Opens no file.

Every checksum is verified. A file that damage touched, or may have touched, is unreadable, never shortened; other
damage is told and passed over. What is in a file is not looked at.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .. import limits
from ..model import Unreadable
from .damage import Damage, Kind, Lost, bear
from .packets import Packets
from .wire import EOF, FILE, IN_PROGRESS, STATUS, Packet

VERSION_1 = re.compile(rb"\s*(time|tags|progress|test(ing)?|success(ful)?|failure|error|skip|u?xsuccess|xfail)[: ]")
MEMORY, OVERHEAD = 128 << 20, 1000
"""Bytes that attachments may take while they have no end, about; bytes of one besides its names."""
NAMES, TESTS = 1 << 14, 100_000
"""Lost bytes that are remembered because a file's name may stand in them; tests that are, since they began later."""

__all__ = ["Attachment", "Damage", "documents", "listing"]
Key = tuple["bytes | None", "bytes | None", "bytes | None"]


@dataclass(frozen=True)
class Attachment:
    """One attachment. ``test_id`` is None where it belongs to the whole run; ``size`` is in bytes."""

    test_id: str | None
    name: str
    mime: str | None
    size: int
    sha256: str


def _ignore(damage: Damage) -> None:
    pass


def documents(
    blocks: Iterable[bytes], name: str, *, limit: int = limits.ATTACHMENT, tell: Callable[[Damage], None] = _ignore
) -> list[bytes]:
    """The contents of the run-level attachments of this name, in order of completion.

    One without an end-of-file mark is complete where the stream ends; such come last, in order of their beginning.
    Packets of one attachment are joined: two documents written without the mark are one. Where a stream ends
    between two packets of an attachment without the mark, nothing tells that the second is missing. ``tell`` is
    called for damage elsewhere. Raises Unreadable where damage touched, or may have touched, an attachment of the
    name; where they have more than ``limit`` bytes in all; and for what is no version 2 stream.
    """
    raw, done, unreadable = name.encode(), [], ""
    packets = Packets(blocks, raw)
    for item in _Files((item for item in packets if isinstance(item, Lost) or item.name == raw), limit):
        if isinstance(item, _File) and item.doubt:
            unreadable = unreadable or f"{name}: {item.doubt}; a part of the file may have been there"
        elif isinstance(item, _File):
            done.append(bytes(item.content))
        elif item.kind is Kind.UNKNOWN or bear(item.names, raw):
            unreadable = unreadable or f"{name}: {item}"
        else:
            tell(item)
        if unreadable and packets.count:  # before the first packet it may turn out to be no version 2 stream
            break
    _check_version(packets)
    if unreadable:
        raise Unreadable(unreadable)
    return done


def listing(blocks: Iterable[bytes], *, tell: Callable[[Damage], None] = _ignore) -> Iterator[Attachment]:
    """Every whole attachment, each as it is complete; then those without an end-of-file mark, as they began.

    ``tell`` is called for all damage, and at the end with how many attachments are left out because of it. Raises
    Unreadable, at its end, for what is no version 2 stream.
    """
    packets, left_out, last = Packets(blocks), 0, None
    for item in _Files(packets):
        if isinstance(item, Lost):
            tell(item)
        elif item.doubt:
            left_out, last = left_out + 1, item.doubt
        else:
            _, test_id, name, mime = (None if raw is None else raw.decode() for raw in (*item.key, item.mime))
            yield Attachment(test_id, name or "", mime, item.size, item.digest.hexdigest())
    if last:
        tell(Damage(last.offset, f"{last.what}; attachments left out: {left_out}"))
    _check_version(packets)


def _check_version(packets: Packets) -> None:
    """Raise Unreadable where there were bytes and no packet among them."""
    if packets.count or not packets.start:
        return
    if VERSION_1.match(packets.start):
        raise Unreadable("a subunit version 1 stream, which cannot carry run-level files; subunit-1to2 converts it")
    raise Unreadable("no subunit version 2 stream: there is no whole packet in it")


@dataclass
class _File:
    """An attachment; its key is route code, test id and name. ``content`` is kept of it, or ``digest``.

    ``doubt`` is damage that may have taken a part of it, ``since`` damage that has if another packet of it comes.
    """

    key: Key
    digest: Any
    mime: bytes | None = None
    size: int = 0
    content: bytearray = field(default_factory=bytearray)  # chunks may be of a byte or two, and objects would be many
    doubt: Lost | None = None
    since: Lost | None = None

    @property
    def weight(self) -> int:
        return OVERHEAD + sum(map(len, filter(None, self.key)))


class _Files:
    """Iterating gives files, each when it is complete or known to be in doubt, and what was lost between.

    Packets behind a cut may be inside another packet, such as the log of one of subunit's own tests; then more damage
    or text follows, namely the rest of that. So files behind one are given when nothing of the kind follows.
    With a ``limit`` contents are kept, of so many bytes in all; without, their digests.
    """

    def __init__(self, packets: Iterable[Packet | Lost], limit: int | None = None) -> None:
        self._packets, self._limit, self._size, self._memory = packets, limit, 0, MEMORY
        self._open: dict[Key, _File] = {}
        self._held: list[_File] = []
        self._lost: Lost | None = None  # the last
        self._lost_of_run: Lost | None = None  # the last that may have been of run-level files, for all that is known
        self._names: bytes | None = b""  # None: of any
        self._tests: set[int] = set()

    def __iter__(self) -> Iterator[_File | Lost]:
        for item in self._packets:
            if isinstance(item, Lost):
                yield from self._damaged(item)
            elif item.flags & FILE:
                file = self._added(item)
                if item.flags & EOF:
                    del self._open[file.key]
                    if self._lost and self._lost.searched:
                        self._held.append(file)
                    else:
                        yield self._given(file)
            elif self._lost and item.flags & STATUS == IN_PROGRESS and len(self._tests) < TESTS:
                self._tests.add(hash(item.test_id))
        yield from self._held
        yield from self._open.values()

    def _damaged(self, lost: Lost) -> Iterator[_File | Lost]:
        for file in self._held:
            file.doubt = file.doubt or lost
            yield self._given(file)
        inside = self._lost is not None and self._lost.searched
        for file in self._open.values():
            _, test_id, name = file.key
            if test_id is not None or inside or lost.searched or bear(lost.names, name or b""):
                file.doubt = file.doubt or lost
            elif lost.kind is Kind.TEST:
                file.since = lost
        self._held = []
        self._tests.clear()
        if lost.kind is Kind.TEXT:
            return
        self._lost = lost
        yield lost
        if lost.kind is not Kind.LINE:
            self._lost_of_run = lost
            known = self._names is not None and lost.kind is not Kind.UNKNOWN and len(self._names) < NAMES
            self._names = (self._names or b"") + lost.names if known else None

    def _added(self, packet: Packet) -> _File:
        """The packet's file, with its content."""
        key = (packet.route, packet.test_id, packet.name)
        file = self._open.get(key)
        if file is None:
            file = self._open[key] = self._begun(key, packet)
        else:
            file.doubt = file.doubt or file.since
        content = packet.content or b""
        file.mime = packet.mime if file.mime is None else file.mime
        file.size += len(content)
        self._size += len(content)
        if self._limit is None:
            file.digest.update(content)
        elif self._size > self._limit:
            raise Unreadable(f"{(packet.name or b'').decode()}: more than {self._limit:,} bytes")
        else:
            file.content += content
        return file

    def _begun(self, key: Key, packet: Packet) -> _File:
        file = _File(key, hashlib.sha256() if self._limit is None else None)
        self._memory -= file.weight
        if self._memory < 0:
            raise Unreadable("too many attachments without an end")
        if packet.test_id is not None:  # which may have begun before the last damage
            file.doubt = None if hash(packet.test_id) in self._tests else self._lost
        elif packet.mime is None or self._names is None or bear(self._names, packet.name or b""):
            file.doubt = self._lost_of_run
        elif self._lost and self._lost.searched:
            file.since = self._lost
        return file

    def _given(self, file: _File) -> _File:
        self._memory += file.weight if self._limit is None else 0
        return file
