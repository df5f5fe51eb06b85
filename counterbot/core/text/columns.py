"""Aligns text in columns of a monospaced font. Does not make it harmless; inert.py does.

A character is two columns wide where Unicode says so (Standard Annex 11), and none where it is drawn over the one
before it. Ambiguous characters, such as ×, – and …, are one column wide.
"""

from __future__ import annotations

import unicodedata

JOINED = frozenset(("Mn", "Me", "Cf"))
"""Categories of what is drawn over its neighbour, or not at all."""


def width(text: str) -> int:
    """The number of columns."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def left(text: str, columns: int) -> str:
    """Aligned to the left: padded with blanks."""
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    """Aligned to the right."""
    return " " * (columns - width(text)) + text


def _columns(character: str) -> int:
    if unicodedata.category(character) in JOINED:
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
