"""A monotonic clock that tests move by hand, and waiting for what another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Clock:
    """``seconds`` stand still until someone moves them; ``each`` is what every look at the clock costs."""

    def __init__(self, each: float = 0.0) -> None:
        self.seconds, self.each = 0.0, each

    def __call__(self) -> float:
        self.seconds += self.each
        return self.seconds


def eventually(question: Callable[[], T], seconds: float = 60) -> T:
    """The first answer that is true. Raises AssertionError when it takes longer than any machine is slow."""
    ends = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < ends, f"not within {seconds} s"
        time.sleep(0.01)
    return answer
