"""Files that are replaced whole: a reader, a crash or a full disk never meets half of one. Knows no content."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOENT
from pathlib import Path
from typing import BinaryIO

ENDING = signal.SIGTERM, signal.SIGHUP


@contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` when the block ends, on the disk; not if it raises.

    It keeps the old one's permissions, and its owner and group where this user may give files to them; a
    symbolic link stays one, and other hard links keep the old file. SIGTERM and SIGHUP end the block as an
    exception does. What is no regular file (a pipe, a terminal) is written as it is. Raises OSError that
    names ``path``.
    """
    if not path:
        raise OSError(ENOENT, os.strerror(ENOENT), path)
    old = _status(path)  # of the path itself: where /dev/stdout leads to a pipe, there is no path to that
    if old is not None and not stat.S_ISREG(old.st_mode):
        with _naming(path), open(path, "wb") as stream:
            yield stream
        return
    final = os.path.realpath(path)
    with _ended_by_signals():
        yield from _beside(path, final, old)
    _sync(Path(final).parent)


def _beside(path: str, final: str, old: os.stat_result | None) -> Iterator[BinaryIO]:
    """The new file, under another name until it is complete."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{Path(final).name}.", dir=Path(final).parent)
    except OSError as error:
        raise OSError(error.errno, f"no new file can be made beside it: {error.strerror}", path) from None
    os.close(handle)
    try:
        with _naming(path), open(name, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _keep(old, name)
        os.replace(name, final)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit, unless somebody handles or ignores them: what is half written goes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [each for each in ENDING if signal.getsignal(each) is signal.SIG_DFL]

    def end(number: int, _frame: object) -> None:
        for each in taken:  # a second one must not cut the clean-up short
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    try:
        for each in taken:
            signal.signal(each, end)
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Writing fails without a name, since a stream has none; a person needs it."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror, path) from None
        raise


def copy(source: str, target: BinaryIO) -> None:
    """All bytes of a file. Raises OSError."""
    with open(source, "rb") as stream:
        shutil.copyfileobj(stream, target, 1 << 20)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _keep(old: os.stat_result | None, name: str) -> None:
    """The permissions that the old file has, or a new one would get."""
    if old is None:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.chown(name, old.st_uid, old.st_gid)
        except PermissionError:
            with suppress(PermissionError):
                os.chown(name, -1, old.st_gid)
    os.chmod(name, stat.S_IMODE(old.st_mode))


def _sync(folder: Path) -> None:
    """The new name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
