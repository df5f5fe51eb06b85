"""Parses JSON with bounds, and marks values that cannot be used. Knows no format.

``json`` alone accepts NaN, makes infinity of 1e400, silently keeps the last of duplicate names, and converts numbers
of any length, which takes long.
"""

from __future__ import annotations

import json
import math
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass

from .. import limits
from ..model import Unreadable

SPACE = " \t\r\n\ufeff"
"""Between documents; the last is a byte order mark, which some editors write (RFC 8259, section 8.1)."""


@dataclass(frozen=True)
class Spoilt:
    """Stands where a value cannot be used, and says why."""

    why: str


def documents(data: bytes) -> Iterator[object]:
    """The JSON documents of a file, one at a time: a collector that runs twice appends.

    Raises Unreadable where the text is no JSON, too large, too deep, or of too many documents or values.
    """
    if len(data) > limits.COUNTERS_FILE:
        raise Unreadable(f"{len(data):,} bytes, more than the {limits.COUNTERS_FILE:,} that are read")
    if data.count(b"{") + data.count(b"[") + data.count(b",") > limits.VALUES:
        raise Unreadable(f"more than {limits.VALUES:,} values in one file")
    text = data.decode("utf-8", "replace")
    at, count = _skip_space(text, 0), 0
    while at < len(text):
        count += 1
        if count > limits.DOCUMENTS:
            raise Unreadable(f"more than {limits.DOCUMENTS:,} documents in one file")
        document, at = _document(text, at)
        yield document
        at = _skip_space(text, at)


def kind(value: object) -> str:
    """A value's JSON type, in words."""
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _document(text: str, at: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise Unreadable("not JSON that can be read: it is nested too deeply") from None


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in SPACE:
        at += 1
    return at


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Duplicate names have no value: nobody knows which was meant."""
    result = dict(pairs)
    if len(result) < len(pairs):
        names = Tally(name for name, _ in pairs)
        result |= {name: Spoilt("a duplicate name") for name, count in names.items() if count > 1}
    return result


def _whole(digits: str) -> int | Spoilt:
    return int(digits) if len(digits) <= limits.DIGITS else Spoilt(f"a number of {len(digits):,} digits")


def _real(digits: str) -> float | Spoilt:
    value = float(digits)
    return value if math.isfinite(value) else Spoilt(f"{digits[:20]} is not a finite number")


def _constant(word: str) -> Spoilt:
    return Spoilt(f"{word} is not a finite number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=_constant)
