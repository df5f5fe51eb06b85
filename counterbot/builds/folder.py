"""A build's logs in a local folder, laid out as under its log root. Reads no file until it is asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..core import limits
from ..core.model import Unreadable
from ..core.subunit.gunzip import unzipped_all
from ..core.text.inert import inert
from ..core.text.refusal import refusal
from .logs import NAME, plain

BLOCK = 1 << 20
MANY = "more files"


class Folder:
    """The files below a folder, as ``Logs`` gives those of a build; about ``most``. ``missed`` is what was not listed.

    Symbolic links to folders are not followed, nor are those that lead out of the folder; names that cannot be printed
    are passed over, as those of a manifest are. Raises Unreadable where it is no folder.
    """

    def __init__(self, path: Path, *, most: int = limits.MANIFEST_NODES) -> None:
        if not path.is_dir():
            raise Unreadable(f"{path} is no folder")
        self.missed: Mapping[str, str] = {}
        self._root = path.resolve()
        self._stored_as: dict[str, str] = {}
        self._list(most)
        self.paths: Sequence[str] = sorted(self._stored_as)

    def _list(self, most: int) -> None:
        missed: dict[str, str] = {}

        def refused(error: OSError) -> None:
            missed[_shown(Path(str(error.filename)).relative_to(self._root))] = refusal(error)

        for folder, folders, names in os.walk(self._root, onerror=refused):
            folders.sort()
            below = Path(folder).relative_to(self._root)
            for name in sorted(names):  # the plain one before its .gz
                path = (below / name).as_posix()
                if path.isprintable():
                    self._stored_as.setdefault(plain(path), path)
            if len(self._stored_as) > most:
                missed[MANY] = f"only the first {len(self._stored_as):,} are looked at"
                break
        self.missed = missed

    @contextmanager
    def open(self, path: str, packed: int, unpacked: int) -> Iterator[Iterator[bytes] | None]:
        """A file's blocks by its plain name, also where it is stored compressed; None where there is no such file.

        Raises Unreadable, as taking blocks does.
        """
        name = self._stored_as.get(path)
        if name is None:
            yield None
            return
        stored = self._root / name
        if not stored.resolve().is_relative_to(self._root):
            raise Unreadable("it is a symbolic link that leads out of the folder")
        if not stored.is_file():
            raise Unreadable("it is no file, or a symbolic link that leads nowhere")
        try:
            file = stored.open("rb")
        except OSError as error:
            raise Unreadable(refusal(error)) from None
        with file:
            yield unzipped_all(_blocks(file), packed_limit=packed, unpacked_limit=unpacked)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from iter(lambda: file.read(BLOCK), b"")
    except OSError as error:
        raise Unreadable(refusal(error)) from None


def _shown(path: Path) -> str:
    return inert(path.as_posix(), NAME)
