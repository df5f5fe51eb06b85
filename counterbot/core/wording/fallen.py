"""Fallen pass rates -> the line for an IRC channel, within its byte limit. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import limits
from ..fallen import Drop, News
from ..merged import Merge
from ..text.figures import counted, moment
from ..text.inert import inert, name_of
from .irc import NAMES
from .listing import listed
from .merged import merged_between

WRONG = 2
"""Such messages of which no fall is the cause, in 100 weeks of a job: ``benchmarks/pass_rates.py``."""


def fallen_line(news: News, merged: Sequence[Merge], now: int) -> str:
    """One line of at most ``limits.IRC_LINE`` bytes. ``merged`` are the changes merged while the rate fell, the
    likeliest first."""
    for name in NAMES:
        text = "; ".join(_many(news, now, name) if news.many else _one(news.drops, merged, now, name))
        if len(text.encode()) <= limits.IRC_LINE:
            break
    return inert(text, limits.IRC_LINE)


def _many(news: News, now: int, name: int) -> Iterator[str]:
    jobs = [_job(drop, name) for drop in news.drops]
    yield (f"The pass rates of {counted(len(jobs), 'job')} fell within two hours, the first since"
           f" {moment(min(drop.started for drop in news.drops), now)}: {listed(jobs)}")
    yield "so many at once are mostly an outage of the site"


def _one(drops: Sequence[Drop], merged: Sequence[Merge], now: int, name: int) -> Iterator[str]:
    first = drops[0]
    builds = f"{first.failed} of {counted(first.builds, 'build')}"
    yield (f"{_what(drops, name)} since {moment(first.started, now)}: {builds}"
           f" ({_percent(first.failed / first.builds)}), usually {_percent(first.usual)}")
    yield merged_between(merged, first.after, first.until, now, name)
    yield f"such a message is wrong about {WRONG} times in 100 weeks of a job"


def _what(drops: Sequence[Drop], name: int) -> str:
    tests = [name_of(drop.test, name) for drop in drops if drop.test]
    job = _job(drops[0], name)
    if not tests:
        return f"{job} fails more often"
    return f"{job}: {listed(tests)} fail{'s' if len(tests) == 1 else ''} more often"


def _job(drop: Drop, name: int) -> str:
    return f"{name_of(drop.job, name)} {name_of(drop.branch, name)}".rstrip()


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.095 else f"{share:.1%}"
