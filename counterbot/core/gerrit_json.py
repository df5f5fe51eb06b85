"""Reads Gerrit's JSON, wherever it comes from: the event stream, a recording, or the answer to a query.

Any field may be missing or have another type; None stands for that. Fields: Gerrit's json document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from . import limits
from .model import Unreadable

_HALF = re.compile("[\x00\ud800-\udfff]")
"""NUL and halves of surrogate pairs, which no database takes as text."""

_BYTE_ORDER_MARK = "\ufeff"


def parse(line: bytes) -> dict[str, object]:
    """The object of one line. Raises Unreadable where it is none.

    Byte order marks before it are ignored: editors put them into recordings, and joined files have several.
    """
    text = line.decode("utf-8", "replace").lstrip(_BYTE_ORDER_MARK).rstrip("\r\n")
    try:
        found = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # Of a line cut short, the last column there is.
        raise Unreadable(f"not JSON: {error.msg} at column {min(error.colno, max(1, len(text)))}") from None
    except RecursionError:
        raise Unreadable("not JSON that can be read: it is nested too deeply") from None
    if not isinstance(found, dict):
        raise Unreadable(f"a JSON {_kind(found)} instead of an object")
    return found


def mapping(value: object) -> Mapping[str, object]:
    """An object's fields; none where it is no object."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """A list's items; none where it is no list."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Text that is not empty, without what no database takes."""
    if not isinstance(value, str) or not value:
        return None
    harmless = value.isascii() and "\0" not in value  # nearly all are, and this tells it at once
    return value if harmless else _HALF.sub("\N{REPLACEMENT CHARACTER}", value)


def whole(value: object) -> int | None:
    """A positive number; a string of digits in Gerrits before 2.14."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11 else None


def project(value: object) -> str | None:
    """A project's name, or ``{"name": …}`` as sinks other than SSH write it."""
    return text(value) or text(mapping(value).get("name"))


def username(account: object) -> str | None:
    """An account's user name: not every account has one."""
    return text(mapping(account).get("username"))


def _number(digits: str) -> int | str:
    """Thousands of digits stay text: to turn them into a number is slow or refused, and none means anything here."""
    return int(digits) if len(digits) <= limits.DIGITS else digits


_DECODER = json.JSONDecoder(parse_int=_number)


def _kind(value: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
