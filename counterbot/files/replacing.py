"""Files that are replaced whole: a reader, a crash or a full disk never meets half of one. Knows no content."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOENT
from pathlib import Path
from typing import BinaryIO

ENDING = signal.SIGTERM, signal.SIGHUP
ACCESS = "system.posix_acl_access"
"""The attribute that is a file's access control list (acl(5))."""


@contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` when the block ends; not if it raises.

    Its content is on the disk then, and its name too where the folder can be synced.

    It keeps the old one's permissions, and its owner and group where this user may give files to them, else
    without setuid and setgid; its access control list and ``user.*`` attributes, where they can be set. A
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
    with suppress(OSError):  # the file is replaced: to raise now would say that it is not
        _sync(Path(final).parent)


def _beside(path: str, final: str, old: os.stat_result | None) -> Iterator[BinaryIO]:
    """The new file, under another name until it is complete."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{Path(final).name}.", dir=Path(final).parent)
    except OSError as error:
        raise _refused("no new file can be made beside it", error, path) from None
    try:
        with _naming(path, name), open(name, "wb", opener=lambda _name, _flags: handle) as stream:
            yield stream
            stream.flush()
            _keep(old, final, handle)
            os.fsync(handle)
        _take_place(name, final, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _take_place(name: str, final: str, path: str) -> None:
    try:
        os.replace(name, final)
    except OSError as error:
        raise _refused("no new file can take its place", error, path) from None


def _refused(what: str, error: OSError, path: str) -> OSError:
    """The same error, of the path that was asked for, and with what to do where permissions are in the way."""
    advice = "; do it as its folder's owner, or in another folder" if isinstance(error, PermissionError) else ""
    return OSError(error.errno, f"{what}: {error.strerror}{advice}", path)


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
def _naming(path: str, name: str | None = None) -> Iterator[None]:
    """Writing fails without a name, since a stream has none, or with that of the new file; a person needs theirs."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, name):
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


def _keep(old: os.stat_result | None, final: str, new: int) -> None:
    """The permissions and attributes that the old file has, or a new one would get."""
    if old is None:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(new, 0o666 & ~mask)
        return
    had = _attributes(final)
    _copy_attributes((each for each in had if each.startswith("user.")), final, new)
    _give(new, old)
    with suppress(OSError):
        os.removexattr(new, ACCESS)  # which the folder may have given it
    mode = _mode(old, os.fstat(new))
    os.fchmod(new, mode & ~stat.S_IRWXG if ACCESS in had else mode)  # with a list they are its mask, which it sets
    _copy_attributes((each for each in had if each == ACCESS), final, new)


def _give(new: int, old: os.stat_result) -> None:
    """To the old owner and group, or one of them, where this user may."""
    if _owners(os.fstat(new)) != _owners(old):
        try:
            os.fchown(new, old.st_uid, old.st_gid)
        except PermissionError:
            with suppress(PermissionError):
                os.fchown(new, -1, old.st_gid)


def _mode(old: os.stat_result, new: os.stat_result) -> int:
    """The old one; not what acts as an owner or a group who never asked for it, as ``cp -p`` has it."""
    mode = stat.S_IMODE(old.st_mode)
    return mode if _owners(new) == _owners(old) else mode & ~(stat.S_ISUID | stat.S_ISGID)


def _owners(status: os.stat_result) -> tuple[int, int]:
    return status.st_uid, status.st_gid


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError:
        return []  # a filesystem without


def _copy_attributes(names: Iterable[str], source: str, target: int) -> None:
    """As far as the filesystem, and what this user may do, allow."""
    for each in names:
        with suppress(OSError):
            os.setxattr(target, each, os.getxattr(source, each))


def _sync(folder: Path) -> None:
    """The new name is on the disk only when its folder is. Raises OSError, also where it may not be listed."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
