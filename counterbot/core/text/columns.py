"""Sets names in columns of a terminal or another font of one pitch. Makes no text harmless; inert.py does.

A character takes two columns where Unicode has it wide (Standard Annex 11), none where it joins the one before it.
Of those whose width depends on the surroundings, as ×, – and …, each takes one.
"""

from __future__ import annotations

import re
import unicodedata

JOINED = frozenset(("Mn", "Me", "Cf"))
"""Categories of what is drawn over its neighbour, or not at all."""

ENDS_OF_SYLLABLES = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")
"""Vowels and last consonants of Hangul; the first consonant is as wide as the syllable."""


def width(text: str) -> int:
    """Columns that it takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def left(text: str, columns: int) -> str:
    """Filled up with blanks behind it."""
    return text + _blanks(text, columns)


def right(text: str, columns: int) -> str:
    """Filled up with blanks before it."""
    return _blanks(text, columns) + text


def _blanks(text: str, columns: int) -> str:
    return " " * (columns - width(text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in JOINED or ENDS_OF_SYLLABLES.match(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
