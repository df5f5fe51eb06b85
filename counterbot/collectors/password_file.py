"""Reads the file that holds a password alone. Messages repeat no password, not even one given in place of the path."""

from __future__ import annotations

import os
from codecs import BOM_UTF8

from ..core.text.refusal import refusal
from . import Failed, File

SIZE = 4096


def password(path: str) -> bytes:
    """The file's one line, as the bytes that stand there. Raises Failed."""
    named = _named(path, path.written if isinstance(path, File) else path)
    try:
        with open(os.path.expanduser(path), "rb") as file:
            first, *others = file.read(SIZE).removeprefix(BOM_UTF8).splitlines() or [b""]
    except OSError as error:
        raise Failed(f"{named}: {refusal(error)}; give the path of a file that holds the password, or leave it"
                     " out") from None
    if not first or any(others):
        raise Failed(f"{named} must hold one line, the password")
    return first


def _named(path: str, written: str) -> str:
    """The setting, with its value where that begins with a folder: else it may be the password itself."""
    path = os.path.expanduser(path)
    folder = path[:path.find("/", 1)] if written.startswith(("/", "~")) else os.path.dirname(path)
    if "/" in written and os.path.isdir(folder):
        return f"password_file {path}"
    base = path.removesuffix(written).rstrip("/")
    return f"password_file in {base}" if base else "password_file"
