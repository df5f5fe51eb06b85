"""A decision -> the line for an IRC channel, within its byte limit. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import limits
from ..decide import Observed
from ..model import Finding, Report
from ..text.figures import compared, excess, largest_first
from ..text.inert import NAME, inert, name_of

NAMES = (NAME, 48, 24, 12)
"""Bytes of names that are shown; the first at which figures and link have room too."""

LINK = 200


def irc_line(report: Report, over: Iterable[Finding], observed: Iterable[Observed] = ()) -> str:
    """One line for a channel, its link last and whole, at most ``limits.IRC_LINE`` bytes."""
    rows = largest_first(over)
    failed = rows[0].build in {build.uuid for build in observed if build.failed}
    link = _link(report.patchset.url)
    room = limits.IRC_LINE - len(link.encode())
    for name in NAMES:
        text = _text(report, rows, name, failed)
        if len(text.encode()) <= room:
            break
    return inert(text, room) + link


def _text(report: Report, rows: Sequence[Finding], name: int, failed: bool) -> str:
    first, patchset = rows[0], report.patchset
    pipeline = f" ({name_of(report.pipeline, name)})" if report.pipeline else ""
    value, bound = compared(first.value, first.bound)
    return (f"{name_of(patchset.project, name)} {patchset.change},{patchset.number}{pipeline}: "
            f"{name_of(first.job, name)} {name_of(first.subject.name, name)} {value} over its bound {bound} "
            f"({excess(first)}){_more(rows)}{'; the job failed' if failed else ''}")


def _more(rows: Sequence[Finding]) -> str:
    """How many other counters are over their bounds, or in how many other jobs the same counter is."""
    others = len({row.subject for row in rows}) - 1
    if others:
        return f" and {others} more"
    jobs = len(rows) - 1
    return f" and in {jobs} other job{'s' if jobs > 1 else ''}" if jobs else ""


def _link(url: str | None) -> str:
    """Half a link leads nowhere: one that is too long, or would not stay one word, is left out."""
    whole = url if url and inert(url, LINK) == url and " " not in url else None
    return f" {whole}" if whole else ""
