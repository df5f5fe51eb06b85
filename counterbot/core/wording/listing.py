"""Lists of names within a sentence."""

from __future__ import annotations

from collections.abc import Sequence

NAMES = 3
"""How many are shown."""


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b, c and 2 more``."""
    shown = [*names[:NAMES], f"{len(names) - NAMES} more"] if len(names) > NAMES else names
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
