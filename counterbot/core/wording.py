"""Decisions -> the review comment and the IRC line, within their byte limits. Decides nothing.

Names from outside (jobs, counters, titles) are inert in what is written here: one line, nothing
that controls a terminal or a channel, cut at a sensible length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from . import limits
from .decide import Observed, State
from .inert import inert
from .model import Finding, Number, Report
from .rules import Rule

ROWS = 10
NAME = 80
"""Bytes of a job's or counter's name that are shown."""

SENTENCE = 400
LINK = 1500


@dataclass(frozen=True)
class Links:
    """URL templates: ``view`` with {bug}; ``file`` with {title} and {text}, None where no bugs are to be filed."""

    view: str = "https://bugs.launchpad.net/bugs/{bug}"
    file: str | None = None


def comment(report: Report, over: Iterable[Finding], observed: Sequence[Observed], rules: Mapping[str, Rule],
            links: Links, marker: str) -> str:
    """The whole review comment: verdict first, marker last, at most ``limits.COMMENT`` bytes."""
    rows = largest_first(over)
    shown = rows[:ROWS]
    tail = [
        *_explanations(report, shown, rules, links),
        *_coverage(observed),
        *_unjudged(observed),
        'Noise? "recheck".',
    ]
    head = [_headline(len(rows)), "", *_table(shown), *([f"  … and {len(rows) - ROWS} more"] * (len(rows) > ROWS)), ""]
    return _fitted(head, tail, marker)


def irc_line(report: Report, over: Iterable[Finding]) -> str:
    """One line for a channel, its link last and whole, at most ``limits.IRC_LINE`` bytes."""
    rows = largest_first(over)
    first, patchset = rows[0], report.patchset
    pipeline = f" ({_name(report.pipeline)})" if report.pipeline else ""
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    text = (f"{_name(patchset.project)} {patchset.change},{patchset.number}{pipeline}: {_name(first.job)} "
            f"{_name(first.counter)} {number(first.value)} over its bound {number(first.bound)} "
            f"({excess(first)}){more}")
    link = f" {inert(patchset.url, 200)}" if patchset.url else ""
    return inert(text, limits.IRC_LINE - len(link.encode())) + link


def largest_first(over: Iterable[Finding]) -> list[Finding]:
    """One finding for each counter of a job, that of the lowest bound; the largest excess first."""
    lowest: dict[tuple[str, str], Finding] = {}
    for finding in sorted(over, key=lambda finding: (finding.bound, finding.rule)):
        lowest.setdefault((finding.job, finding.counter), finding)
    return sorted(lowest.values(), key=lambda finding: (-_ratio(finding), finding.job, finding.counter))


def _ratio(finding: Finding) -> float:
    """How far over, as a part of the bound; infinite where the bound is zero."""
    return (finding.value - finding.bound) / finding.bound if finding.bound > 0 else math.inf


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


def number(value: Number) -> str:
    """With thousands separators, whole where it is whole, short where it is huge."""
    if abs(value) >= 10**15:
        return f"{float(value):.4g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _headline(count: int) -> str:
    return f"Counters: {count} counter{'s' * (count > 1)} over {'their bounds' if count > 1 else 'its bound'} (not voting)."


_COLUMNS = (("job", 0), ("counter", 0), ("this run", 12), ("bound", 9), ("over", 6))
"""Titles and least widths; the first two columns are names and stand to the left."""


def _table(rows: Sequence[Finding]) -> list[str]:
    cells = [tuple(title for title, _ in _COLUMNS)] + [
        (_name(row.job), _name(row.counter), number(row.value), number(row.bound), excess(row)) for row in rows]
    widths = [max(least, *(len(line[column]) for line in cells)) for column, (_, least) in enumerate(_COLUMNS)]
    return [_line(line, widths) for line in cells]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    names = "   ".join(cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True))
    return "  " + "  ".join([names, *(cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True))])


def _explanations(report: Report, rows: Sequence[Finding], rules: Mapping[str, Rule], links: Links) -> Iterable[str]:
    """A line for each rule that has a row: what it is about, and where its bug is or can be filed."""
    for name in dict.fromkeys(row.rule for row in rows):
        rule, mine = rules[name], [row for row in rows if row.rule == name]
        counters = list(dict.fromkeys(_name(row.counter) for row in mine))
        named = ", ".join(counters[:3]) + (f" and {len(counters) - 3} more" if len(counters) > 3 else "")
        yield f"{named}: {inert(rule.title, SENTENCE)}{_bug(report, rule, mine, links)}"


def _bug(report: Report, rule: Rule, rows: Sequence[Finding], links: Links) -> str:
    if rule.bug:
        return f", bug {bug_link(rule.bug, links)}"
    return f"; no bug yet, file one: {_file_link(report, rule, rows, links.file)}" if links.file else ""


def bug_link(bug: str, links: Links) -> str:
    return bug if "://" in bug else links.view.replace("{bug}", bug)


def _file_link(report: Report, rule: Rule, rows: Sequence[Finding], template: str) -> str:
    """A link that opens the tracker's form with title and figures filled in."""
    figures = "\n".join(f"{_name(row.job)}: {_name(row.counter)} {number(row.value)}, bound {number(row.bound)} "
                        f"({excess(row)})" for row in rows[:3])
    title = inert(f"{rule.title}: {_name(rows[0].counter)} over its bound", 120)
    text = f"{figures}\nSeen on {report.patchset.url or report.patchset.change}, patch set {report.patchset.number}."
    return template.replace("{title}", quote(title, safe="")).replace("{text}", quote(text, safe=""))[:LINK]


def _coverage(observed: Sequence[Observed]) -> Iterable[str]:
    """How many of the builds that ran the figures come from; nothing where all of them were counted."""
    ran = [build for build in observed if build.state is not State.NOT_RUN]
    counted = [build for build in ran if build.state is State.COUNTED]
    if len(counted) == len(ran):
        return
    parts = [
        _names(ran, State.NONE, "{} had none"),
        _names(ran, State.UNREADABLE, "those of {} could not be read"),
        _names(ran, State.NOT_THERE, "the logs of {} were not there in time"),
    ]
    yield f"Counters come from {len(counted)} of {len(ran)} builds; {'; '.join(filter(None, parts))}."


def _names(builds: Iterable[Observed], state: State, sentence: str) -> str:
    jobs = [_name(build.job) for build in builds if build.state is state]
    if not jobs:
        return ""
    shown = [*jobs[:3], f"{len(jobs) - 3} more"] if len(jobs) > 3 else jobs
    return sentence.format(shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}")


def _unjudged(observed: Sequence[Observed]) -> Iterable[str]:
    names = [f"{_name(build.job)} {inert(text, SENTENCE)}" for build in observed for text in build.unreadable]
    if names:
        yield f"Not judged: {'; '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}."


def _name(text: str) -> str:
    return inert(text, NAME) or "?"


def _fitted(head: list[str], tail: list[str], marker: str) -> str:
    """The whole text; where it is too long the tail gives way from its end, the marker never."""
    while tail and _size([*head, *tail, marker]) > limits.COMMENT:
        tail = tail[:-1]
    return "\n".join([*head, *tail, marker])


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
