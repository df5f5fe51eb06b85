"""A moment by which something must be over. Asks the clock that it was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class DeadlineExceeded(TimeoutError):
    """The time for something was over before it was done."""


@dataclass(frozen=True)
class Deadline:
    """``at`` is in seconds of ``clock``, which must be monotonic."""

    at: float
    clock: Callable[[], float]

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float]) -> Deadline:
        return cls(clock() + seconds, clock)

    @property
    def exceeded(self) -> bool:
        return self.clock() >= self.at

    def left(self) -> float:
        """Seconds until then, more than 0. Raises DeadlineExceeded."""
        seconds = self.at - self.clock()
        if seconds <= 0:
            raise DeadlineExceeded("deadline exceeded")
        return seconds
