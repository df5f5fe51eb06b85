"""A decision -> the line for an IRC channel, within its byte limit. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import limits
from ..model import Finding, Report
from ..text.figures import compared, excess, largest_first
from ..text.inert import NAME, inert, name_of

NAMES = (NAME, 48, 24, 12)
"""Bytes of names that are shown; the first at which figures and link have room too."""

LINK = 200


def irc_line(report: Report, over: Iterable[Finding]) -> str:
    """One line for a channel, its link last and whole, at most ``limits.IRC_LINE`` bytes."""
    rows = largest_first(over)
    link = _link(report.patchset.url)
    room = limits.IRC_LINE - len(link.encode())
    for name in NAMES:
        text = _text(report, rows, name)
        if len(text.encode()) <= room:
            break
    return inert(text, room) + link


def _text(report: Report, rows: Sequence[Finding], name: int) -> str:
    first, patchset = rows[0], report.patchset
    pipeline = f" ({name_of(report.pipeline, name)})" if report.pipeline else ""
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    value, bound = compared(first.value, first.bound)
    return (f"{name_of(patchset.project, name)} {patchset.change},{patchset.number}{pipeline}: "
            f"{name_of(first.job, name)} {name_of(first.subject.name, name)} {value} over its bound {bound} "
            f"({excess(first)}){more}")


def _link(url: str | None) -> str:
    """Half a link leads nowhere: one that is too long, or would not stay one word, is left out."""
    whole = url if url and inert(url, LINK) == url and " " not in url else None
    return f" {whole}" if whole else ""
