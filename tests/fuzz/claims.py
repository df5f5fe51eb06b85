"""What the targets demand of what the code under test gives. A claim that does not hold is an AssertionError."""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from counterbot.core import limits
from counterbot.core.model import Counters, Unreadable

T = TypeVar("T")

SECONDS = 0.5
"""Of processor time for an input of 10 KB, and as much more for a larger one; it takes milliseconds."""

INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Controls, what turns the reading direction, half characters and line ends."""

REASON = 600
"""Characters of a reason; it may quote a name."""


@contextmanager
def in_time(size: int) -> Iterator[None]:
    """Processor time, so that a busy machine finds nothing."""
    began = time.process_time()
    yield
    spent = time.process_time() - began
    assert spent <= SECONDS * max(1, size / 10_000), f"{spent:.2f} s for {size:,} bytes"


def outcome(read: Callable[[], T]) -> T | Unreadable:
    """What is read, or the refusal; any other exception is a finding."""
    try:
        return read()
    except Unreadable as error:
        assert_told(str(error))
        return error


def assert_told(text: str, limit: int = REASON) -> None:
    """A reason, fit for a log and a terminal."""
    assert text.strip(), "an empty reason"
    assert not INVISIBLE & set(map(unicodedata.category, text)), f"does not print: {text!r}"
    assert len(text) <= limit, f"{len(text)} characters"


def assert_storable(texts: Iterable[str | None]) -> None:
    """What every database takes as text."""
    for text in texts:
        assert text is None or "\0" not in text
        (text or "").encode()


def assert_counters(counters: Counters) -> None:
    """Finite numbers under names within limits; no name is both good and not."""
    assert len(counters.values) + len(counters.unreadable) <= limits.COUNTERS
    assert len(counters.failures) <= limits.FAILURES
    for name, value in counters.values.items():
        assert type(value) in (int, float), f"{name}: {value!r}"
        assert math.isfinite(value), f"{name}: {value!r}"
        group, _, member = name.partition(".")
        assert "" not in (group, member), f"name {name!r}"
    for name in (*counters.values, *counters.unreadable, *counters.failures, *counters.absent, *counters.resets):
        assert len(name) <= limits.COUNTER_NAME, f"a name of {len(name)} characters"
        assert name.isprintable(), f"name {name!r}"
    for why in (*counters.unreadable.values(), *counters.failures.values()):
        assert_told(why)
    for others in (counters.unreadable, counters.absent, counters.resets):
        assert not counters.values.keys() & set(others)
