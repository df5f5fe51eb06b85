"""Kinds of values that both the configuration and rule files know. Each says what a wrong one must be."""

from __future__ import annotations

import math
import re
from fnmatch import translate
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator

from ..core import limits
from ..core.model import Number
from .validate import shown

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CHANNEL = re.compile(r"[#&+!][^\x00-\x20\x7f,:]{1,63}")
"""RFC 2812, section 1.3, and a length that every network keeps to."""


NEVER = translate("[b-a]")
"""What fnmatch makes of brackets that hold nothing."""


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if CONTROL.search(value):
        raise ValueError("must be on one line, without control characters")
    return value


def _prose(value: str) -> str:
    return value.strip()


def _pattern(value: str) -> str:
    """An fnmatch pattern. An unclosed bracket would silently match itself."""
    if len(value) > limits.PATTERN:
        raise ValueError(f"must have at most {limits.PATTERN} characters; no name is longer, so shorten the pattern")
    position = value.find("[")
    while position >= 0:
        end = value.find("]", position + (3 if value[position + 1 : position + 2] == "!" else 2))
        if end < 0:
            raise ValueError("must be a shell pattern: its '[' is never closed")
        if translate(value[position : end + 1]) == NEVER:
            raise ValueError("must be a shell pattern: a range in its brackets runs backwards, so nothing matches")
        position = value.find("[", end)
    return value


def _counter(value: str) -> str:
    group, dot, name = value.partition(".")
    if not dot:
        raise ValueError("must have a dot: counter names are group.name")
    if not group or not name:
        raise ValueError("must have something on both sides of its first dot: counter names are group.name")
    if len(value) > limits.COUNTER_NAME:
        raise ValueError(f"must have at most {limits.COUNTER_NAME} characters")
    return value


def _finite(value: object) -> Number:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"must be a finite number, not {shown(value)}")
    if isinstance(value, str) and value[:1].isdigit():
        raise ValueError(f"must be a number in plain digits, such as 1250000 or 0.5, not {shown(value)}")
    if not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {shown(value)}")
    return value


def _channel(value: str) -> str:
    if not CHANNEL.fullmatch(value):
        raise ValueError("must be a channel's name, such as '#openstack-qa'")
    return value


def web_address(value: str) -> str:
    """Raises ValueError, without repeating what may hold a password."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or CONTROL.search(value) or " " in value:
        raise ValueError("must be a URL that begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("must be a URL without a user name or password")
    return value


def _plain_address(value: str) -> str:
    if "?" in web_address(value) or "#" in value:
        raise ValueError("must be a URL without '?' and '#'")
    return value


Text = Annotated[str, AfterValidator(_text)]
"""One line that is not empty."""

Prose = Annotated[str, AfterValidator(_prose)]
Pattern = Annotated[str, AfterValidator(_text), AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], Field(strict=False, min_length=1)]
"""A list of shell patterns, of which any must match."""

CounterName = Annotated[str, AfterValidator(_text), AfterValidator(_counter)]
CounterPattern = Annotated[CounterName, AfterValidator(_pattern)]
Finite = Annotated[Number, PlainValidator(_finite)]
Channel = Annotated[str, AfterValidator(_channel)]
BaseUrl = Annotated[str, AfterValidator(_plain_address)]
