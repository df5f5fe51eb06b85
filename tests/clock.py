"""A monotonic clock that tests move by hand."""


class Clock:
    """``seconds`` stand still until someone moves them; ``each`` is what every look at the clock costs."""

    def __init__(self, each: float = 0.0) -> None:
        self.seconds, self.each = 0.0, each

    def __call__(self) -> float:
        self.seconds += self.each
        return self.seconds
