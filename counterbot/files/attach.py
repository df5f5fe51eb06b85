"""Appends an attachment to a subunit stream file, which stays as it was if anything goes wrong. Collects nothing.

The file is copied, and the copy takes its place once it has been read back: whatever happens in between,
the old stream is there.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import signal
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EAGAIN, EINVAL
from typing import BinaryIO

from ..core import limits
from ..core.model import ATTACHMENT, JSON, Unreadable
from ..core.subunit import attachments as subunit
from ..core.subunit import gunzip
from ..core.subunit.writer import attachment
from .replacing import copy, replaced

BLOCK, SMALL = 1 << 18, 1 << 12
"""Bytes read at a time; few where they are unpacked at once, to a thousand times as many, or are many members."""

PATIENCE, PAUSE = 30.0, 0.05
"""Seconds that other attaches are waited for in all, and between two looks."""

WRITTEN = "it is being written; attach when the run has ended"
REPLACED = "another file took its place meanwhile; attach again"

LEASES_DIFFER = frozenset({b"nfs", b"nfs4", b"cifs", b"smb3"})
"""Filesystems that refuse a lease for reasons of their own (the server gave no delegation, no oplock)."""


def attach(
    counters: bytes, stream: str, *, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep
) -> list[subunit.Damage]:
    """Append a counters document to a stream, plain or gzip. Gives the damage that was in it before.

    Another attach to it is waited for, ``patience`` seconds at most. Raises Unreadable where it takes longer,
    where the stream is no version 2, or so damaged that what is appended could not be read again, and where
    somebody else writes it meanwhile; OSError where it cannot be read or written.
    """
    with _held(stream, patience, sleep) as state:
        _settled(stream, state)
        try:
            return _attached(counters, stream, state)
        except Unreadable:
            _settled(stream, state)  # what looks damaged may be half of what somebody writes
            raise


def _attached(counters: bytes, stream: str, state: os.stat_result) -> list[subunit.Damage]:
    damage: list[subunit.Damage] = []
    had = _documents(stream, damage.append)
    packet = attachment(ATTACHMENT, counters, JSON)
    for addition in (packet, b"\n" + packet):  # text may stand at the end, and a packet begins where a line does
        with suppress(_NotReadAgain):
            _append(addition, stream, state, [*had, counters], damage)
            return damage
    raise Unreadable("it is so damaged at its end that nothing appended could be read again")


class _NotReadAgain(Exception):
    """The new stream holds other documents than it should, or more damage."""


def _append(addition: bytes, stream: str, state: os.stat_result, due: list[bytes], had: list[subunit.Damage]) -> None:
    """Put the longer stream in the old one's place, if the documents due are in it and no new damage."""
    with replaced(stream) as new:
        copy(stream, new)
        if _is_gzip(stream):
            new.seek(_end_of_gzip(_blocks(stream, SMALL)))  # gzip(1) looks at nothing behind padding
            new.truncate()
            addition = gzip.compress(addition, mtime=0)
        new.write(addition)
        new.flush()
        os.fsync(new.fileno())  # it may take long, and nothing that does comes behind the last look
        damage: list[subunit.Damage] = []
        read = _documents(new.name, damage.append)
        if b"".join(read) != b"".join(due) or len(damage) > len(had):  # joined: the old tool's packet has no end
            raise _NotReadAgain
        _settled(stream, state)


@contextmanager
def _held(stream: str, patience: float, sleep: Callable[[float], None]) -> Iterator[os.stat_result]:
    """The stream as it is when this attach's turn has come; until the block ends, no other attach takes its place."""
    until = time.monotonic() + patience
    while True:
        _check(stream)
        with open(stream, "rb") as file:
            if _is_mine(file, stream):
                yield os.fstat(file.fileno())
                return
        if time.monotonic() >= until:
            raise Unreadable(f"another attach, or who else locked it, took more than {patience:g} s; attach again")
        sleep(PAUSE)


def _check(stream: str) -> None:
    """Raise OSError where it cannot be replaced: a pipe would block who opens it."""
    if not stat.S_ISREG(os.stat(stream).st_mode):
        raise OSError(EINVAL, "it is no regular file", stream)
    if not os.access(stream, os.W_OK):
        raise PermissionError(EACCES, "it is read-only for this user", stream)


def _is_mine(file: BinaryIO, stream: str) -> bool:
    """Lock the open file, as each attach does, unless it is locked or no more the stream: others replace it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a filesystem without locks, or NFS, which locks only what is open for writing (flock(2))
    return os.path.samestat(os.fstat(file.fileno()), os.stat(stream))


def _settled(stream: str, state: os.stat_result) -> None:
    """Raise Unreadable where somebody has written or replaced it since, or is about to write."""
    now = os.stat(stream)
    if not os.path.samestat(now, state):
        raise Unreadable(REPLACED)
    if (now.st_size, now.st_mtime_ns) != (state.st_size, state.st_mtime_ns):
        raise Unreadable(WRITTEN)
    if _is_open_for_writing(stream):
        raise Unreadable(WRITTEN)


def _is_open_for_writing(stream: str) -> bool:
    """By any process: the kernel then refuses a read lease (fcntl(2)). False also where it cannot be asked.

    It answers a file's owner and root, and not on every filesystem.
    """
    with open(stream, "rb") as file:  # closing it ends the lease
        try:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # told to who holds a lease; SIGIO would end the process
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno == EAGAIN and _filesystem(os.fstat(file.fileno()).st_dev) not in LEASES_DIFFER
    return False


def _filesystem(device: int) -> bytes | None:
    """The type of what is mounted from a device, as /proc/self/mountinfo has it (proc(5)); None if it is not there."""
    number = b"%d:%d" % (os.major(device), os.minor(device))
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as mounts:
        for line in mounts:
            if line.split()[2] == number:
                return line.partition(b" - ")[2].split()[0]
    return None


def _is_gzip(stream: str) -> bool:
    """By its bytes; by its name only where there are none."""
    with open(stream, "rb") as source:
        start = source.read(len(gunzip.MAGIC))
    return start == gunzip.MAGIC or (not start and stream.endswith(".gz"))


def _end_of_gzip(blocks: Iterable[bytes]) -> int:
    """Bytes up to the end of the last member, of gzip data that is sound: zeros behind it are padding."""
    member, read, end = zlib.decompressobj(gunzip.GZIP), 0, 0
    for block in blocks:
        read, rest = read + len(block), block
        while rest := rest.lstrip(b"\0") if member.eof else rest:
            if member.eof:
                member = zlib.decompressobj(gunzip.GZIP)
            member.decompress(rest)
            rest = member.unused_data
            if member.eof:
                end = read - len(rest)
    return end


def _documents(path: str, tell: Callable[[subunit.Damage], None]) -> list[bytes]:
    blocks = gunzip.unzipped(_blocks(path), packed_limit=limits.STREAM_PACKED, unpacked_limit=limits.STREAM_UNPACKED)
    return subunit.documents(_no_gzip(blocks), ATTACHMENT, tell=tell)


def _no_gzip(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks; raises Unreadable where there is gzip under the gzip, which no member can be appended to."""
    start = b""
    for block in blocks:
        start += block[: len(gunzip.MAGIC) - len(start)]
        if start == gunzip.MAGIC:
            raise Unreadable("it is gzipped twice; take one gzip off it, then attach")
        yield block


def _blocks(path: str, size: int = BLOCK) -> Iterator[bytes]:
    with open(path, "rb") as source:
        while block := source.read(size):
            yield block
