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
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EACCES, EAGAIN, EINVAL
from typing import BinaryIO

from ..core import gunzip, limits, subunit
from ..core.model import ATTACHMENT, JSON, Unreadable
from ..core.subunit_writing import attachment
from .replacing import copy, replaced

BLOCK = 1 << 18
WRITTEN = "it is being written; attach when the run has ended"

LEASES_DIFFER = frozenset({b"nfs", b"nfs4", b"cifs", b"smb3"})
"""Filesystems that refuse a lease for reasons of their own (the server gave no delegation, no oplock)."""


def attach(counters: bytes, stream: str) -> list[subunit.Damage]:
    """Append a counters document to a stream, plain or gzip. Gives the damage that was in it before.

    Raises Unreadable where the stream is no version 2, or so damaged that what is appended could not be
    read again, and where somebody else writes it meanwhile; OSError where it cannot be read or written.
    """
    state = os.stat(stream)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(EINVAL, "it is no regular file", stream)
    if not os.access(stream, os.W_OK):
        raise PermissionError(EACCES, "it is read-only for this user", stream)
    with open(stream, "rb") as held:
        _lock(held)
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
        new.write(gzip.compress(addition, mtime=0) if _is_gzip(stream) else addition)
        new.flush()
        os.fsync(new.fileno())  # it may take long, and nothing that does comes behind the last look
        damage: list[subunit.Damage] = []
        read = _documents(new.name, damage.append)
        if b"".join(read) != b"".join(due) or len(damage) > len(had):  # joined: the old tool's packet has no end
            raise _NotReadAgain
        _settled(stream, state)


def _lock(stream: BinaryIO) -> None:
    """Keep other attaches out: they would replace this file, and do not write it."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Unreadable(WRITTEN) from None
    except OSError:
        pass  # a filesystem without locks


def _settled(stream: str, state: os.stat_result) -> None:
    """Raise Unreadable where somebody has written it since, or is about to."""
    now = os.stat(stream)
    if (now.st_size, now.st_mtime_ns, now.st_ino) != (state.st_size, state.st_mtime_ns, state.st_ino):
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


def _documents(path: str, tell: Callable[[subunit.Damage], None]) -> list[bytes]:
    blocks = gunzip.unzipped(_blocks(path), packed_limit=limits.STREAM_PACKED, unpacked_limit=limits.STREAM_UNPACKED)
    return subunit.documents(blocks, ATTACHMENT, tell=tell)


def _blocks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as source:
        while block := source.read(BLOCK):
            yield block
