"""Puts counters into a subunit stream file, by a copy that replaces it once it has been read back."""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from errno import EACCES, EAGAIN, EINVAL
from typing import IO, BinaryIO

from ..core import limits
from ..core.deadline import Deadline
from ..core.model import ATTACHMENT, JSON, Unreadable
from ..core.subunit import attachments as subunit
from ..core.subunit import gunzip, removal
from ..core.subunit.writer import attachment
from .replacing import replaced

BLOCK = 1 << 18

PATIENCE, PAUSE = 30.0, 0.05
"""Seconds that other attaches are waited for in all, and between two looks."""

REMOTE = frozenset({b"nfs", b"nfs4", b"cifs", b"smb3"})
"""Filesystems that refuse a lease for reasons of their own (the server gave no delegation, no oplock)."""


def attach(
    counters: bytes, stream: str, *, add: bool = False, tell: Callable[[int], None] = lambda _: None,
    patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep,
) -> list[subunit.Damage]:
    """Append a counters document to a stream, plain or gzip, in place of those in it unless ``add``.

    Gives the damage that was in it before. ``tell`` is called with how many documents were replaced, if any.
    Another attach to it is waited for, ``patience`` seconds at most. Raises Unreadable where it takes longer,
    where the stream is no version 2, or so damaged that what is appended could not be read again, and where
    somebody else writes it meanwhile; OSError where it cannot be read or written.
    """
    packet = attachment(ATTACHMENT, counters, JSON)
    with _locked(stream, patience, sleep) as state:
        _check_unwritten(stream, state)
        damage: list[subunit.Damage] = []
        old = _documents(stream, damage.append)
        for start in (b"", b"\n"):  # behind text, a packet must begin on a new line
            with suppress(_NotReadAgain):
                if old and not add:
                    _replace(start + packet, stream, state, [counters], damage)
                    tell(len(old))
                else:
                    _append(start + packet, stream, state, [*old, counters], damage)
                return damage
    raise Unreadable("it is so damaged at its end that nothing appended could be read again")


class _NotReadAgain(Exception):
    """The new stream holds other documents than expected, or more damage."""


def _append(packet: bytes, stream: str, state: tuple[int, ...], expected: list[bytes],
            had: list[subunit.Damage]) -> None:
    """Put the longer stream in the old one's place, if the expected documents are in it and no new damage."""
    with replaced(stream) as new:
        with open(stream, "rb") as old:
            shutil.copyfileobj(old, new)
        new.write(gzip.compress(packet, mtime=0) if _is_gzip(stream) else packet)
        _check(new, stream, state, expected, had)


def _replace(packet: bytes, stream: str, state: tuple[int, ...], expected: list[bytes],
             had: list[subunit.Damage]) -> None:
    """The same, with a stream that lacks the documents which were in it."""
    places = removal.places(_blocks(stream), ATTACHMENT)
    with replaced(stream) as new:
        zipped = gzip.GzipFile("", "wb", fileobj=new, mtime=0) if _is_gzip(stream) else nullcontext(new)
        with zipped as target:
            target.writelines(removal.without(_blocks(stream), places))
            target.write(packet)
        _check(new, stream, state, expected, had)


def _check(new: IO[bytes], stream: str, state: tuple[int, ...], expected: list[bytes],
           had: list[subunit.Damage]) -> None:
    """Raise _NotReadAgain, or Unreadable where somebody has written the stream since."""
    new.flush()
    os.fsync(new.fileno())  # it may take long, so it is done before the last look at the stream
    damage: list[subunit.Damage] = []
    found = _documents(new.name, damage.append)
    if b"".join(found) != b"".join(expected) or len(damage) > len(had):  # joined: the old tool's packet has no end
        raise _NotReadAgain
    _check_unwritten(stream, state)


@contextmanager
def _locked(stream: str, patience: float, sleep: Callable[[float], None]) -> Iterator[tuple[int, ...]]:
    """The stream's state when this attach's turn has come; until the block ends, no other attach replaces it."""
    if not stat.S_ISREG(os.stat(stream).st_mode):
        raise OSError(EINVAL, "it is no regular file", stream)  # opening a pipe would block
    if not os.access(stream, os.W_OK):
        raise PermissionError(EACCES, "it is read-only for this user", stream)
    deadline = Deadline.after(patience, time.monotonic)
    while True:
        with open(stream, "rb") as file:
            if _lock(file, stream):
                yield _state(stream)
                return
        if deadline.exceeded:
            raise Unreadable(f"another attach, or another program's lock, took more than {patience:g} s; attach again")
        sleep(PAUSE)


def _lock(file: BinaryIO, stream: str) -> bool:
    """Lock the open file as each attach does; False where it is locked, or another attach has replaced it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a filesystem without locks, or NFS, which locks only what is open for writing (flock(2))
    return os.path.samestat(os.fstat(file.fileno()), os.stat(stream))


def _check_unwritten(stream: str, state: tuple[int, ...]) -> None:
    """Raise Unreadable where somebody has written or replaced it since, or has it open for writing."""
    if _state(stream) != state or _is_open_for_writing(stream):
        raise Unreadable("it is being written; attach when the run has ended")


def _state(stream: str) -> tuple[int, ...]:
    """What changes where somebody writes or replaces it."""
    now = os.stat(stream)
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns


def _is_open_for_writing(stream: str) -> bool:
    """By any process: the kernel then refuses a read lease (fcntl(2)). False also where it cannot be asked.

    It answers a file's owner and root, and not on every filesystem.
    """
    with open(stream, "rb") as file:  # closing it ends the lease
        try:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # told to the lease's holder; SIGIO would end the process
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno == EAGAIN and _filesystem(os.fstat(file.fileno()).st_dev) not in REMOTE
    return False


def _filesystem(device: int) -> bytes | None:
    """The type of what is mounted from a device, by /proc/self/mountinfo (proc(5)); None where it is not there."""
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
    return subunit.documents(_blocks(path), ATTACHMENT, tell=tell)


def _blocks(path: str) -> Iterator[bytes]:
    """The stream's bytes, without gzip."""
    with open(path, "rb") as source:
        yield from gunzip.unzipped(iter(lambda: source.read(BLOCK), b""), packed_limit=limits.STREAM_PACKED,
                                   unpacked_limit=limits.STREAM_UNPACKED)
