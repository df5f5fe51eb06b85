"""Suggests the key that a misspelt one was meant for."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def nearest(key: str, known: Sequence[str], alike: float = 0.6) -> str | None:
    """The known key that is most like this one, whatever its case; None where none is at least so much ``alike`` (1 is
    equal)."""
    cased = {each.casefold(): each for each in known}
    return next((cased[each] for each in get_close_matches(key.casefold(), cased, n=1, cutoff=alike)), None)


def unknown(key: str, known: Sequence[str]) -> str:
    """The mistake of an unknown key: the one that was probably meant, or all that are known."""
    near = nearest(key, known)
    return f"unknown key {key!r}; " + (f"did you mean {near!r}?" if near else f"known: {', '.join(known)}")
