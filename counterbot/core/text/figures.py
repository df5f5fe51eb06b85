"""Findings in figures: their order, their excess, and how a number and a date are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timezone

from ..model import Finding, Number, Subject

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In whatever language the bot runs."""

DIGITS = 14
"""With so many more than usual, any two floats look different."""


def largest_first(over: Iterable[Finding]) -> list[Finding]:
    """One finding for each counter of a job, that of the lowest bound; the largest excess first."""
    lowest: dict[tuple[str, Subject], Finding] = {}
    for finding in sorted(over, key=lambda finding: (finding.bound, finding.rule)):
        lowest.setdefault((finding.job, finding.subject), finding)
    return sorted(lowest.values(), key=order)


def excess(finding: Finding) -> str:
    """``+4%``; ``+0.4%`` below one percent; ``×12`` from ten times on; the plain excess over a bound of zero."""
    ratio = _ratio(finding)
    if math.isinf(ratio):
        return f"+{number(finding.value - finding.bound)}"
    if ratio >= 9:
        return f"×{number(round(ratio + 1))}"
    if ratio >= 0.0095:
        return f"+{ratio:.0%}"
    return f"+{ratio:.1%}" if ratio >= 0.0005 else "+<0.1%"


def number(value: Number, more: int = 0) -> str:
    """With thousands separators; integers without a point, huge ones as 1e+20; ``more`` digits than usual."""
    if abs(value) >= 10**15:
        return f"{float(value):.{4 + more}g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.{2 + more}f}" if abs(value) >= 1 else f"{value:.{3 + more}g}"


def whole(value: Number) -> Number:
    """What was reckoned, without what stands behind its point where that tells nothing: from a thousand on."""
    return math.floor(value) if 1000 <= abs(value) < 10**15 else value


def counted(count: int, noun: str, nouns: str = "") -> str:
    """``1 build``, ``2 builds``; ``nouns`` where it is not the noun with an s."""
    return f"{number(count)} {noun if count == 1 else nouns or f'{noun}s'}"


def date(at: int, now: int | None = None) -> str:
    """``18 Nov``, with the year where it is not that of ``now``; both are epoch milliseconds, and shown in UTC."""
    day = _day(at)
    year = f" {day.year}" if now is not None and day.year != _day(now).year else ""
    return f"{day.day} {MONTHS[day.month - 1]}{year}"


def moment(at: int, now: int) -> str:
    """``18 Nov 09:30``, otherwise as a date."""
    return f"{date(at, now)} {_day(at):%H:%M}"


def _day(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, timezone.utc)


def compared(value: Number, bound: Number) -> tuple[str, str]:
    """Both as numbers, with as many more digits as needed to look different where they are."""
    pairs = ((number(value, more), number(bound, more)) for more in range(DIGITS + 1))
    return next((pair for pair in pairs if _differ(*pair)), (number(value), number(bound)))


def _differ(*texts: str) -> bool:
    """Whether they look different: 1.00 and 1 do not."""
    return len({float(text.replace(",", "")) for text in texts}) > 1


def order(finding: Finding) -> tuple[float, Number, str, str]:
    """A key that sorts the largest excess first; with bounds of zero, which have no ratio, the largest difference."""
    return -_ratio(finding), finding.bound - finding.value, finding.job, finding.subject.name


def _ratio(finding: Finding) -> float:
    """The excess as a fraction of the bound; infinite for a bound of zero."""
    return (finding.value - finding.bound) / finding.bound if finding.bound > 0 else math.inf
