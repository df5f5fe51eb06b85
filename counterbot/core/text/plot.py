"""Draws runs in rows of text: in ASCII, which every terminal has. Makes no names harmless; there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .figures import number, whole

STEP, ABOVE, BELOW = "|", "^", "v"
NARROW = 20
"""Columns that a drawing has at least."""

TRIMMED = 20
"""One run in so many may lie far above the others, and as many far below, without making the rest a flat line."""


@dataclass(frozen=True)
class Mark:
    """A run; those that ``lead`` are drawn over others, and the drawing is as high as they need."""

    value: float
    sign: str
    lead: bool


@dataclass(frozen=True)
class Line:
    """A line of ``sign`` at a value, from run ``first`` to run ``last``, counted from 0."""

    value: float
    sign: str
    first: int
    last: int


def plot(marks: Sequence[Mark], lines: Sequence[Line], steps: Sequence[int], width: int, rows: int = 14) -> list[str]:
    """Rows of at most ``width`` columns, with numbers at their left. ``steps`` are runs that begin a new level.

    What lies far beyond the leading runs is drawn at the edge; a leading run as ``^`` or ``v``. Where there are more
    runs than columns, several share one; equal ones are drawn once.
    """
    scale = _scale(marks, lines, rows)
    named = [scale.low, scale.high, *(line.value for line in lines if line.last == len(marks) - 1)]
    labels = {scale.row(value): number(whole(value)) for value in named}
    margin = max(map(len, labels.values()))
    columns = max(width - margin - 3, NARROW)

    def column(run: int) -> int:
        return run * columns // len(marks)

    grid = [[" "] * columns for _ in range(rows)]
    for step in steps:
        for row in grid:
            row[column(step)] = STEP
    for line in lines:
        first, end = column(line.first), max(column(line.last + 1), column(line.first) + 1)
        grid[scale.row(line.value)][first:end] = line.sign * (end - first)
    for run, mark in sorted(enumerate(marks), key=lambda each: each[1].lead):
        grid[scale.row(mark.value)][column(run)] = scale.sign(mark)
    return [f"{labels.get(row, ''):>{margin}} | {''.join(cells)}".rstrip() for row, cells in enumerate(grid)]


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    rows: int

    def row(self, value: float) -> int:
        if self.low == self.high:
            return self.rows // 2
        share = (self.high / 2 - value / 2) / (self.high / 2 - self.low / 2)  # halves, whose difference is finite
        return round(min(max(share, 0.0), 1.0) * (self.rows - 1))

    def sign(self, mark: Mark) -> str:
        if not mark.lead or self.low <= mark.value <= self.high:
            return mark.sign
        return ABOVE if mark.value > self.high else BELOW


def _scale(marks: Sequence[Mark], lines: Sequence[Line], rows: int) -> _Scale:
    leading = [mark.value for mark in marks if mark.lead] or [mark.value for mark in marks]
    near = [*_near(sorted(leading)), *(line.value for line in lines)]
    return _Scale(min(near), max(near), rows)


def _near(values: Sequence[float]) -> Iterator[float]:
    """Without the few that lie farther out than all others lie apart."""
    cut = len(values) // TRIMMED
    low, high = values[cut], values[len(values) - 1 - cut]
    span = high / 2 - low / 2
    return (value for value in values if low / 2 - span <= value / 2 <= high / 2 + span)
