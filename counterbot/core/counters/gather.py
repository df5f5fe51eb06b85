"""Collects counters by name; what is not a counter is unreadable, with the reason. Knows no file format."""

from __future__ import annotations

import math

from .. import limits
from ..model import Number, Unreadable
from .strictjson import Spoilt, kind


class Gather:
    """``values``, ``unreadable`` ones with the reason, and ``repeated`` names, which were set twice.

    Raises Unreadable at more names than ``limits.COUNTERS``.
    """

    def __init__(self) -> None:
        self.values: dict[str, Number] = {}
        self.unreadable: dict[str, str] = {}
        self.repeated: set[str] = set()

    def set(self, name: str, value: object) -> None:
        """Of duplicates the last value is used."""
        number = self._number(name, value)
        if number is not None:
            if name in self.values:
                self.repeated.add(name)
            self.values[name] = number

    def add(self, name: str, value: object) -> None:
        """Values of one name are summed; one that is not a number makes the sum unreadable."""
        number = self._number(name, value)
        if number is not None:
            total = self.values.get(name, 0) + number
            if math.isfinite(total):
                self.values[name] = total
            else:
                self._spoil(name, "its sum is not a finite number")

    def _number(self, name: str, value: object) -> Number | None:
        if name not in self.values and len(self.values) + len(self.unreadable) >= limits.COUNTERS:
            raise Unreadable(f"more than {limits.COUNTERS:,} counters")
        why = why_not(name, value)
        if why:
            self._spoil(name, why)
        return value if not why and name not in self.unreadable and isinstance(value, (int, float)) else None

    def _spoil(self, name: str, why: str) -> None:
        name = shown(name)  # of two that are shown alike neither is used
        self.values.pop(name, None)
        self.unreadable[name] = why


def why_not(name: str, value: object) -> str | None:
    """Why this cannot be a document's counter; None where it can."""
    return _wrong_name(name) or _wrong_value(value)


def shown(name: str) -> str:
    """A name that can be shown and stored: short, with ``�`` for each character that cannot be printed."""
    if len(name) > limits.COUNTER_NAME:
        name = name[:40] + "…"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)


def _wrong_name(name: str) -> str | None:
    if len(name) > limits.COUNTER_NAME:
        return f"a name of {len(name):,} characters, more than {limits.COUNTER_NAME}"
    group, _, member = name.partition(".")
    if not group or not member:
        return "a name with an empty part"
    return None if name.isprintable() else "a name with characters that cannot be printed"


def _wrong_value(value: object) -> str | None:
    if isinstance(value, Spoilt):
        return value.why
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"{kind(value)} instead of a number"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number"
    if isinstance(value, int) and abs(value) >= 10**limits.DIGITS:
        return f"a number of more than {limits.DIGITS} digits"
    return None
