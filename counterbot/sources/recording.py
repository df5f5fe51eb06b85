"""Reads recorded events, one JSON object a line as ``gerrit stream-events`` prints them.

It must not judge them: blank lines and a last line without LF are given too. A line over the limit is reported and
cut to one byte more than the limit, so that line numbers stay and the parser refuses it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ..core import limits
from .lines import Lines, TooLong

CHUNK = 1 << 16
log = logging.getLogger(__name__)


def recorded(
    source: str | Path, *, limit: int = limits.EVENT_LINE, told: Callable[[str], object] = log.warning
) -> Iterator[bytes]:
    """The lines of a file or fifo, without their LF; ``-`` is standard input. Raises OSError."""
    for number, line in enumerate(_lines(source, Lines(limit)), start=1):
        if isinstance(line, TooLong):
            told(f"{source}: line {number} has {line.size} bytes, more than the {limit} of an event")
            yield line.head
        else:
            yield line


def _lines(source: str | Path, lines: Lines) -> Iterator[bytes | TooLong]:
    opened: AbstractContextManager[Any]
    opened = nullcontext(sys.stdin.buffer) if str(source) == "-" else open(source, "rb")  # noqa: SIM115
    with opened as stream:
        while chunk := stream.read1(CHUNK):  # what is there now: a fifo's writer may be in no hurry
            yield from lines.feed(chunk)
    if lines.pending:
        yield lines.rest()
