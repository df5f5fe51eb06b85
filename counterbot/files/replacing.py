"""Files that are replaced whole: a reader, a crash or a full disk never meets half of one. Knows no content."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOENT
from pathlib import Path
from typing import IO

ENDING = signal.SIGTERM, signal.SIGHUP
PERMISSIONS = 0o777


@contextmanager
def replaced(path: str) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` when the block ends, unless it raises.

    By then its content is on the disk, and its name too where the folder can be synced. It has the old file's
    permissions, and its owner and group as far as this user may give files to them. A symbolic link stays one;
    other hard links keep the old file. SIGTERM and SIGHUP end the block as an exception does. A pipe or a
    terminal is written as it is. Every OSError, also one of the block, is raised with ``path`` as its file.
    """
    if not path:
        raise OSError(ENOENT, os.strerror(ENOENT), path)
    old = _status(path)  # of the path itself: where /dev/stdout leads to a pipe, there is no path to that
    if old is not None and not stat.S_ISREG(old.st_mode):
        with _naming(path), open(path, "wb") as stream:
            yield stream
        return
    with _ended_by_signals():
        yield from _beside(path, Path(os.path.realpath(path)), old)


def _beside(path: str, final: Path, old: os.stat_result | None) -> Iterator[IO[bytes]]:
    """The new file, under another name until it is complete."""
    with _naming(path, "no new file can be made beside it: "):
        new = tempfile.NamedTemporaryFile(prefix=f".{final.name}.", dir=final.parent, delete=False)  # noqa: SIM115
    try:
        with _naming(path), new:
            yield new
            new.flush()
            _keep(old, new.fileno())
            os.fsync(new.fileno())
        with _naming(path, "no new file can take its place: "):
            os.replace(new.name, final)
    except BaseException:
        with suppress(OSError):
            os.unlink(new.name)
        raise
    with suppress(OSError):  # the file is replaced: to raise now would say that it is not
        _sync(final.parent)


@contextmanager
def _naming(path: str, what: str = "") -> Iterator[None]:
    """Errors name the file that the user gave, and say what to do where its folder's permissions are in the way."""
    try:
        yield
    except OSError as error:
        denied = what and isinstance(error, PermissionError)
        advice = "; do it as its folder's owner, or in another folder" if denied else ""
        raise OSError(error.errno, f"{what}{error.strerror}{advice}", path) from None


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit, unless they are handled or ignored already: the new file is removed."""
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


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _keep(old: os.stat_result | None, new: int) -> None:
    """Give the new file the old one's owner, group and permissions, or those that a new file gets."""
    if old is None:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(new, 0o666 & ~mask)
        return
    for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
        with suppress(PermissionError):
            os.fchown(new, owner, group)
    os.fchmod(new, old.st_mode & PERMISSIONS)


def _sync(folder: Path) -> None:
    """The new name is on the disk only when its folder is. Raises OSError, also where it may not be listed."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
