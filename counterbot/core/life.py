"""How a rule's failure comes and goes, by the changes that it hits: seen as usual, quiet, or back again. No clock."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

DAY = 86_400_000
"""Milliseconds, as all times here."""
WEEK = 7 * DAY

GAPS = 4
"""Fewer gaps do not tell what is usual."""
TIMES = 3
"""A failure is quiet when it was not seen for so many times its usual gap."""

Hit = tuple[int, int | None]
"""When a rule's failure was seen, and on which change; None: on none, as in a branch's own build."""


@dataclass(frozen=True)
class Quiet:
    """A failure that used to be seen, and is not any more: since ``last``; ``gap`` was usual."""

    rule: str
    last: int
    gap: int


@dataclass(frozen=True)
class Back:
    """A failure that was quiet for ``silence``, and was seen again at ``at``."""

    rule: str
    at: int
    silence: int


@dataclass(frozen=True)
class Busy:
    """How many changes a failure hit; a branch's own builds together count as one."""

    rule: str
    changes: int


@dataclass(frozen=True)
class Digest:
    """What is new of the rules' failures in a time: the quiet ones by name, then those that are back, and those seen
    most, by changes."""

    quiet: tuple[Quiet, ...] = ()
    back: tuple[Back, ...] = ()
    busy: tuple[Busy, ...] = ()


def digest(hits: Mapping[str, Sequence[Hit]], since: int, until: int) -> Digest:
    """Of hits by rule, oldest first: what became quiet in a time, what came back, and how much was seen in it."""
    rules = sorted(hits)
    quiet = tuple(filter(None, (fell_quiet(rule, hits[rule], since, until) for rule in rules)))
    back = tuple(filter(None, (came_back(rule, hits[rule], since, until) for rule in rules)))
    busy = (Busy(rule, _changes(hits[rule], since, until)) for rule in rules)
    return Digest(quiet, back, tuple(sorted((each for each in busy if each.changes), key=lambda each: -each.changes)))


def usual_gap(hits: Iterable[Hit]) -> int | None:
    """The median of the gaps between days on which another change was hit than on the day before; None where there are
    too few. Many hits of one day, or of one change that is tried again and again, are one sight."""
    days: dict[int, set[int | None]] = {}
    for at, change in hits:
        days.setdefault(at // DAY, set()).add(change)
    seen: list[int] = []
    last: set[int | None] = set()
    for day, changes in sorted(days.items()):
        if None in changes or changes - last:
            seen.append(day)
        last = changes
    gaps = [later - earlier for earlier, later in pairwise(seen)]
    return int(median(gaps) * DAY) if len(gaps) >= GAPS else None


def patience(hits: Iterable[Hit]) -> int | None:
    """How long nothing is seen until a failure counts as quiet: three times its usual gap, and at least a week, so that
    a weekend is no news. None where it is not known what is usual."""
    gap = usual_gap(hits)
    return None if gap is None else max(TIMES * gap, WEEK)


def fell_quiet(rule: str, hits: Sequence[Hit], since: int, until: int) -> Quiet | None:
    """Whether a failure became quiet in a time, and was so at its end."""
    before = _before(hits, until)
    waits = patience(before)
    if waits is None or not since <= before[-1][0] + waits < until:
        return None
    return Quiet(rule, before[-1][0], usual_gap(before) or 0)


def came_back(rule: str, hits: Sequence[Hit], since: int, until: int) -> Back | None:
    """Whether a failure was seen in a time that had been quiet before; the first such sight."""
    for number in range(len(_before(hits, since)), len(_before(hits, until))):
        silence = hits[number][0] - hits[number - 1][0] if number else 0
        waits = patience(hits[:number]) if silence > WEEK else None
        if waits is not None and silence > waits:
            return Back(rule, hits[number][0], silence)
    return None


def _before(hits: Sequence[Hit], until: int) -> Sequence[Hit]:
    return hits[:bisect_left(hits, until, key=lambda hit: hit[0])]


def _changes(hits: Sequence[Hit], since: int, until: int) -> int:
    return len({change for at, change in hits if since <= at < until})
