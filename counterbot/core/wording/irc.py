"""A decision -> the line for an IRC channel, within its byte limit. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from .. import limits
from ..decide import Observed, Told
from ..model import LEARNED, Finding, KnownFailure, Report, Unexplained
from ..rules import Rule
from ..text.figures import compared, counted, excess, largest_first, whole
from ..text.inert import NAME, inert, name_of
from .failures import title_of
from .links import bug_number
from .listing import listed

NAMES = (NAME, 48, 24, 12)
"""Bytes of names that are shown; the first at which figures and link have room too."""

LINK = 200


def irc_line(report: Report, found: Iterable[Told], observed: Iterable[Observed] = (),
             rules: Mapping[str, Rule] = {}) -> str:
    """One line for a channel, its link last and whole, at most ``limits.IRC_LINE`` bytes."""
    found, builds = tuple(found), {build.uuid: build for build in observed}
    link = _link(report.patchset.url if report.patchset.change is not None else _page(report, found))
    room = limits.IRC_LINE - len(link.encode())
    for name in NAMES:
        text = f"{_about(report, name)}: {'; '.join(_parts(found, builds, rules, name))}"
        if len(text.encode()) <= room:
            break
    return inert(text, room) + link


def _about(report: Report, name: int) -> str:
    """The change, or for a branch's builds the branch."""
    patchset = report.patchset
    change = name_of(patchset.branch, name) if patchset.change is None else f"{patchset.change},{patchset.number}"
    pipeline = f" ({name_of(report.pipeline, name)})" if report.pipeline else ""
    return f"{name_of(patchset.project, name)} {change}{pipeline}"


def _parts(found: Sequence[Told], builds: Mapping[str, Observed], rules: Mapping[str, Rule],
           name: int) -> Iterator[str]:
    yield from _failures(found, builds, rules, name)
    rows = largest_first(finding for finding in found if isinstance(finding, Finding))
    if rows:
        told = {finding.build for finding in found if not isinstance(finding, Finding)}
        failed = rows[0].build in builds and builds[rows[0].build].failed and rows[0].build not in told
        yield _counter(rows, name)
        if failed:
            yield "the job failed"


def _failures(found: Sequence[Told], builds: Mapping[str, Observed], rules: Mapping[str, Rule],
              name: int) -> Iterator[str]:
    """Jobs that failed by the same together."""
    causes: dict[tuple[str, str], list[str]] = {}
    for finding in found:
        if isinstance(finding, KnownFailure):
            causes.setdefault((finding.job, finding.build), []).append(cause(rules[finding.rule], name))
    endings = {build: f"failed by {listed(by)}" for build, by in causes.items()}
    endings |= {(finding.job, finding.build): f"failed, {_unexplained(builds[finding.build])}"
                for finding in found if isinstance(finding, Unexplained)}
    jobs: dict[str, list[str]] = {}
    for (job, _), how in endings.items():
        jobs.setdefault(how, []).append(name_of(job, name))
    for how, failed in jobs.items():
        yield f"{listed(failed)} {how}"


def _unexplained(build: Observed) -> str:
    others = build.facts.changes
    return f"{build.standing}, seen on {counted(others, 'other change')}" if others else build.standing


def cause(rule: Rule, name: int) -> str:
    """By which bug or rule something failed, and its title; so many bytes of a name."""
    number, title = bug_number(rule.bug), title_of(rule)
    site = "a failure of the site" if rule.infra else ""
    words = ", ".join(filter(None, (inert(title, name), site)))
    return f"{f'bug {number}' if number else name_of(rule.name, name)}{f' ({words})' if words else ''}"


def _counter(rows: Sequence[Finding], name: int) -> str:
    first = rows[0]
    learned = first.rule == LEARNED
    value, bound = compared(first.value, whole(first.bound) if learned else first.bound)
    which = "learned bound" if learned else "bound"
    return (f"{name_of(first.job, name)} {name_of(first.subject.name, name)} {value} over its {which} {bound} "
            f"({excess(first)}){_more(rows)}")


def _more(rows: Sequence[Finding]) -> str:
    """How many other counters are over their bounds, or in how many other jobs the same counter is."""
    others = len({row.subject for row in rows}) - 1
    if others:
        return f" and {others} more"
    jobs = len(rows) - 1
    return f" and in {jobs} other job{'s' if jobs > 1 else ''}" if jobs else ""


def _page(report: Report, found: Sequence[Told]) -> str | None:
    """Where a branch's builds are to be seen: their buildset's page where it is known, else the first one's own."""
    if report.patchset.url:
        return report.patchset.url
    return next((link.url for link in report.builds if link.uuid == found[0].build), None)


def _link(url: str | None) -> str:
    """Half a link leads nowhere: one that is too long, or would not stay one word, is left out."""
    whole = url if url and inert(url, LINK) == url and " " not in url else None
    return f" {whole}" if whole else ""
