"""Lists of names within a sentence, and of rows in a table: how much of them is shown."""

from __future__ import annotations

from collections.abc import Sequence

NAMES = 3
"""In a sentence."""

ROWS = 10
"""Of each table."""

LINE = 200
"""Bytes of a test's id, a path or a log line that are shown."""

SENTENCE = 400
"""Bytes of a title or a reason."""


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b, c and 2 more``."""
    shown = [*names[:NAMES], f"{len(names) - NAMES} more"] if len(names) > NAMES else names
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def more(rows: Sequence[object]) -> list[str]:
    """The table's last line, where it has not room for all."""
    return [f"… and {len(rows) - ROWS} more"] if len(rows) > ROWS else []
