"""Files that are replaced whole: a reader, a crash or a full disk never meets half of one. Knows no content."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` when the block ends, on the disk; not if it raises.

    It keeps the old one's permissions and owner, and a symbolic link stays one. What is no regular file
    (a pipe, a terminal) is written as it is. Raises OSError that names ``path``.
    """
    final = os.path.realpath(path)
    old = _status(final)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with _naming(path), open(path, "wb") as stream:
            yield stream
        return
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
    _sync(Path(final).parent)


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
        with suppress(PermissionError):
            os.chown(name, old.st_uid, old.st_gid)
    os.chmod(name, stat.S_IMODE(old.st_mode))


def _sync(folder: Path) -> None:
    """The new name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
