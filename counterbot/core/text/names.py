"""Writes a list of names in a short line: the first ones, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence


def few(names: Sequence[str], most: int = 5, between: str = ", ") -> str:
    """``a, b, c, d, e and 217 more``."""
    more = len(names) - most
    return between.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
