"""Findings in figures: which first, how far over, how a number is written. Words no sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..model import Finding, Number, Subject

DIGITS = 14
"""So many more than usual tell any two floats apart."""


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
    """With thousands separators, whole where it is whole, short where it is huge; ``more`` digits than usual."""
    if abs(value) >= 10**15:
        return f"{float(value):.{4 + more}g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.{2 + more}f}" if abs(value) >= 1 else f"{value:.{3 + more}g}"


def compared(value: Number, bound: Number) -> tuple[str, str]:
    """Both as numbers, with as many digits more as it takes where they are different and would look equal."""
    pairs = ((number(value, more), number(bound, more)) for more in range(DIGITS + 1))
    return next((pair for pair in pairs if _differ(*pair)), (number(value), number(bound)))


def _differ(*texts: str) -> bool:
    """To the eye: 1.00 and 1 are the same."""
    return len({float(text.replace(",", "")) for text in texts}) > 1


def order(finding: Finding) -> tuple[float, Number, str, str]:
    """Bounds of zero have no ratio: among them the plain excess tells."""
    return -_ratio(finding), finding.bound - finding.value, finding.job, finding.subject.name


def _ratio(finding: Finding) -> float:
    """How far over, as a part of the bound; infinite where that says nothing."""
    return (finding.value - finding.bound) / finding.bound if finding.bound > 0 else math.inf
