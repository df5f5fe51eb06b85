"""Reads the file that holds a password alone. Messages repeat no password, not even one given in place of the path."""

from __future__ import annotations

import os
from codecs import BOM_UTF8

from ..core.text.refusal import refusal
from . import Failed

SIZE = 4096


def password(path: str) -> bytes:
    """The file's one line, as the bytes that stand there. Raises Failed."""
    path = os.path.expanduser(path)
    try:
        with open(path, "rb") as file:
            first, *others = file.read(SIZE).removeprefix(BOM_UTF8).splitlines() or [b""]
    except OSError as error:
        raise Failed(f"{_named(path)}: {refusal(error)}; give the path of a file that holds the password, or leave it"
                     " out") from None
    if not first or any(others):
        raise Failed(f"{_named(path)} must hold one line, the password")
    return first


def _named(path: str) -> str:
    """The setting, with its value where that begins with a folder: else it may be the password itself."""
    end = path.find("/", 1)
    is_path = path.startswith("/") and end > 0 and os.path.isdir(path[:end])
    return f"password_file {path}" if is_path else "password_file"
