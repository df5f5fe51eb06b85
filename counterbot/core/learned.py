"""What is usual of a counter, and what became of its series: nouns of the history. Reckons nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """What is usual of a counter since its last change point, or since its step was accepted.

    Learned from so many ``runs``, from number ``start`` of the series on (from 0); ``usual`` is their median.
    ``centre`` and ``spread`` are mean and standard deviation of what the next run is measured by: of logarithms where
    ``logarithmic``, else of the values themselves. ``size`` is what the runs count for, and ``freedom`` the degrees of
    freedom of the spread, to which runs before a step that was accepted belong. No bound lies below ``least``. ``rise``
    is the smallest rise, a fraction of ``usual``, that the bound catches in 19 of 20 runs; None where there is none.
    ``why`` says why the counter is not stable; () where it is.
    """

    runs: int
    start: int
    usual: float
    centre: float
    spread: float
    size: float
    freedom: float
    least: float
    logarithmic: bool
    rise: float | None = None
    why: tuple[str, ...] = ()

    @property
    def stable(self) -> bool:
        return not self.why


@dataclass(frozen=True)
class ChangePoint:
    """Where the level of a series changes.

    ``index`` is the first run of the new level, from 0; ``before`` and ``after`` are the medians of the runs beside it,
    ``p`` is how likely such a difference is by chance.
    """

    index: int
    before: float
    after: float
    p: float

    @property
    def change(self) -> float | None:
        """A fraction of what it was before; None where that was 0."""
        return (self.after - self.before) / abs(self.before) if self.before else None


@dataclass(frozen=True)
class Learned:
    """What a build's counter is held against: the bound of a series whose level is stable.

    Learned from so many ``runs`` of a ``branch`` since a time, in epoch milliseconds.
    """

    counter: str
    usual: float
    bound: float
    runs: int
    since: int
    branch: str


@dataclass(frozen=True)
class SeriesKey:
    """Whose series it is. ``tenant`` is Zuul's, "" where that is not known; ``delta`` tells differences from totals."""

    tenant: str
    job: str
    branch: str
    counter: str
    delta: bool


@dataclass(frozen=True)
class Measured:
    """A run that passed, with its counters; it ended ``at``, in epoch milliseconds. ``usual``: it is one of those that
    show what is usual."""

    uuid: str
    at: int
    change: int | None
    patchset: int | None
    usual: bool
    values: Mapping[str, float]
