"""Types of values that both the configuration and rule files have. Each says what a wrong value must be."""

from __future__ import annotations

import math
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from ..core import limits
from ..core.model import Number
from ..core.patterns import Names, complaint
from .validate import shown

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CHANNEL = re.compile(r"[#&+!][^\x00-\x20\x7f,:]{1,63}")
"""RFC 2812, section 1.3, and a length that every network keeps to."""


def matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    """Text that the pattern matches as a whole; ``what`` says what it must be."""
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"must be {what}")
        return value

    return AfterValidator(check)


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if CONTROL.search(value):
        raise ValueError("must be on one line, without control characters")
    return value


def fitting(names: Names) -> AfterValidator:
    """A shell pattern that may fit such names."""
    def check(value: str) -> str:
        if wrong := complaint(names, value):
            raise ValueError(wrong)
        return value

    return AfterValidator(check)


def _counter(value: str) -> str:
    group, _, name = value.partition(".")
    if not group or not name:
        raise ValueError("must be a counter's name, which is group.name")
    return value


def _finite(value: object) -> Number:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"must be a finite number, not {shown(value)}")
    if not isinstance(value, int | float):
        raise ValueError(f"must be a number in plain digits, such as 1250000 or 0.5, not {shown(value)}")
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


Text = Annotated[str, AfterValidator(_text)]
"""One line that is not empty."""

Name = Annotated[str, Field(max_length=limits.NAME), AfterValidator(_text)]

Prose = Annotated[str, StringConstraints(strip_whitespace=True)]
_Pattern = Annotated[str, Field(max_length=limits.PATTERN), AfterValidator(_text)]
JobPattern = Annotated[_Pattern, fitting(Names.JOB)]
Jobs = Annotated[tuple[JobPattern, ...], Field(strict=False, min_length=1)]
Branches = Annotated[tuple[Annotated[_Pattern, fitting(Names.BRANCH)], ...], Field(strict=False, min_length=1)]
Projects = Annotated[tuple[Annotated[_Pattern, fitting(Names.PROJECT)], ...], Field(strict=False, min_length=1)]
PipelinePattern = Annotated[_Pattern, fitting(Names.PIPELINE)]
Pipelines = Annotated[tuple[PipelinePattern, ...], Field(strict=False, min_length=1)]
"""Lists of shell patterns, of which any must match."""

CounterName = Annotated[str, Field(max_length=limits.COUNTER_NAME), AfterValidator(_text), AfterValidator(_counter)]
CounterPattern = Annotated[CounterName, fitting(Names.COUNTER)]
Finite = Annotated[Number, PlainValidator(_finite), WithJsonSchema({"type": "number"})]
Channel = Annotated[str, matching(CHANNEL, "a channel's name, such as '#openstack-qa'")]
