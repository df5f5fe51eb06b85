"""Reads recorded events, one JSON object a line as ``gerrit stream-events`` prints them.

It must not judge them: blank lines and a last line without LF are given too. A line over the limit is reported and
cut to one byte more than the limit, so that line numbers stay and the parser refuses it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ..core import limits

log = logging.getLogger(__name__)


def recorded(
    source: str | Path, *, limit: int = limits.EVENT_LINE, told: Callable[[str], object] = log.warning
) -> Iterator[bytes]:
    """The lines of a file or fifo, without their LF; ``-`` is standard input. Raises OSError."""
    opened: AbstractContextManager[BinaryIO]
    opened = nullcontext(sys.stdin.buffer) if str(source) == "-" else open(source, "rb")  # noqa: SIM115
    with opened as stream:
        for number, line in enumerate(iter(partial(stream.readline, limit + 1), b""), start=1):
            if len(line) > limit and not line.endswith(b"\n"):
                size = len(line) + _skip(stream, limit)
                told(f"{source}: line {number} has {size} bytes, more than the {limit} of an event")
            yield line.removesuffix(b"\n")


def _skip(stream: BinaryIO, limit: int) -> int:
    """Read on to the end of the line; its remaining bytes."""
    size, piece = 0, b""
    while not piece.endswith(b"\n") and (piece := stream.readline(limit)):
        size += len(piece.removesuffix(b"\n"))
    return size
