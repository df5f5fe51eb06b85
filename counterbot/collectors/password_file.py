"""The file in which a password stands alone. Repeats neither what is in it nor what may be the password itself."""

from __future__ import annotations

import os

from . import Failed
from .mysql.option_files import shown

SIZE = 4096
"""Bytes that are read; a password is one line."""


def content(path: str) -> bytes:
    """What the file begins with. Raises Failed."""
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read(SIZE)
    except (OSError, ValueError) as error:  # a name may hold a zero byte
        reason = error.strerror if isinstance(error, OSError) else "no file's name"
        raise Failed(f"{named(path)} cannot be read ({reason}); give the path of a file that holds the password,"
                     " or leave it out") from None


def named(path: str) -> str:
    """The setting, and the path where it is one: somebody may have written the password there."""
    whole = os.path.expanduser(path)
    folder = os.path.dirname(whole)
    return f"password_file {shown(whole)}" if folder != "/" and os.path.isdir(folder) else "password_file"
