"""Says why SQLite cannot use a file, and what to change: SQLite itself says "unable to open database file" to all.

Opens nothing for writing, and creates no file.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

MAGIC = b"SQLite format 3\0"


def trouble(path: Path, writes: bool = True) -> str | None:
    """What to change before SQLite can use the file at ``path``, which need not be there; None where nothing is."""
    path = Path(os.path.realpath(path)) if os.path.islink(path) else path  # SQLite's other files lie beside the target
    folder = path.parent
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return f"{folder}: no such folder; 'database' in the configuration names it"
    except OSError as error:
        return f"{folder}: {error.strerror} for user {_user()}; 'database' in the configuration names it"
    if not folder.is_dir():
        return f"{folder}: no folder; 'database' in the configuration names a file in it"
    if os.path.isdir(path):
        return f"{path}: a folder; 'database' in the configuration must name a file"
    if why := _missing_right(path, folder, writes):
        return f"{why}; change its owner or mode, or 'database' in the configuration"
    if not _is_database(path):
        return f"{path}: no SQLite database; move it away, or correct 'database' in the configuration"
    return None


def _missing_right(path: Path, folder: Path, writes: bool) -> str | None:
    user = _user()
    if not _may(folder, os.X_OK):
        return f"{folder}: user {user} may not look into this folder"
    if writes and not _may(folder, os.W_OK):
        return f"{folder}: user {user} may not write in this folder, where SQLite keeps files beside the database"
    for file in filter(os.path.exists, (path, Path(f"{path}-wal"), Path(f"{path}-shm"))):
        if not _may(file, os.R_OK):
            return f"{file}: user {user} may not read this file"
        if writes and not _may(file, os.W_OK):
            return f"{file}: user {user} may not write to this file"
    return None


def _may(path: Path, right: int) -> bool:
    return os.access(path, right, effective_ids=True)


def _is_database(path: Path) -> bool:
    """A file that is missing or empty becomes one."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) in (MAGIC, b"")
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
