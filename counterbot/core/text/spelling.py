"""What somebody probably meant by a key that there is not. Reads no file."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def nearest(key: str, known: Sequence[str]) -> str | None:
    """The known key that a misspelt one was meant for, perhaps."""
    return next(iter(get_close_matches(key, known, n=1)), None)


def unknown(key: str, known: Sequence[str], search: bool = True) -> str:
    """That there is no such key, and which there are; to search for the one that was meant takes its time."""
    near = nearest(key, known) if search else None
    return f"unknown key {key!r}; " + (f"did you mean {near!r}?" if near else f"known: {', '.join(known)}")
