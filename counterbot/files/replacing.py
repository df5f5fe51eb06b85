"""Files that are replaced whole: a reader, a crash or a full disk never meets half of one. Knows no content."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replaced(path: str) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` when the block ends, unless it raises.

    Its content is on the disk by then. It has the old file's permissions, and its owner and group as far as this
    user may give files to them. A symbolic link stays one; other hard links keep the old file. A pipe or a terminal
    is written as it is. Every OSError, also one of the block, is raised with ``path`` as its file.
    """
    old = _status(path)
    if not path or (old is not None and not stat.S_ISREG(old.st_mode)):  # an empty name cannot be opened
        with _naming(path), open(path, "wb") as stream:
            yield stream
        return
    final = Path(os.path.realpath(path))
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


@contextmanager
def _naming(path: str, what: str = "") -> Iterator[None]:
    """Errors name the file that the user gave, and say what to do where its folder's permissions are in the way."""
    try:
        yield
    except OSError as error:
        denied = what and isinstance(error, PermissionError)
        advice = "; do it as its folder's owner, or in another folder" if denied else ""
        why = "no such folder" if what and isinstance(error, FileNotFoundError) else error.strerror
        raise OSError(error.errno, f"{what}{why}{advice}", path) from None


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
    os.fchmod(new, old.st_mode & 0o777)
