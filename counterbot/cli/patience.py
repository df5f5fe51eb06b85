"""Tells people at a terminal that a command is still at work."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .streams import warn

QUIET = 2.0
"""Seconds that a command may be silent."""


@contextmanager
def told_if_slow(what: str, after: float = QUIET) -> Iterator[None]:
    """Write a line to standard error if the block takes so many seconds; only where that is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(after, warn, [what])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
