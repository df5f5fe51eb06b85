"""A decision -> the review comment, within its byte limit. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .. import limits
from ..decide import Observed
from ..model import Finding, Report, State
from ..rules import Rule
from ..text.columns import left, right, width
from ..text.figures import compared, excess, largest_first
from ..text.inert import inert, name_of

ROWS = 10
SENTENCE = 400
"""Bytes of a title or a reason that are shown."""

FILE_LINK = 1500
"""Bytes of a link that opens a bug tracker's form; servers refuse much longer ones."""


@dataclass(frozen=True)
class Links:
    """URL templates: ``view`` with {bug}; ``file`` with {title} and {text}, None where no bugs are to be filed."""

    view: str = "https://bugs.launchpad.net/bugs/{bug}"
    file: str | None = None


def comment(report: Report, over: Iterable[Finding], observed: Sequence[Observed], rules: Mapping[str, Rule],
            links: Links, marker: str) -> str:
    """The whole review comment: verdict first, marker last, at most ``limits.COMMENT`` bytes.

    Of more than ROWS rows the largest are shown; explanations too long for the comment give way from the last.
    """
    rows = largest_first(over)
    head = [_headline(len(rows)), "", *_table(rows), ""]
    explanations = list(_explanations(report, rows[:ROWS], rules, links))
    end = [*_coverage(observed), *_unjudged(observed), 'Noise? "recheck".', marker]
    while explanations and _size([*head, *explanations, *end]) > limits.COMMENT:
        explanations.pop()
    return "\n".join([*head, *explanations, *end])


def _headline(count: int) -> str:
    what = "1 counter over its bound" if count == 1 else f"{count} counters over their bound"
    return f"Counters: {what} (not voting)."


_COLUMNS = (("job", 0), ("counter", 0), ("this run", 12), ("bound", 9), ("over", 6))
"""Titles and least widths; the first two columns are names and stand to the left."""


def _table(rows: Sequence[Finding]) -> list[str]:
    shown = rows[:ROWS]
    cells = [tuple(title for title, _ in _COLUMNS)] + [
        (name_of(row.job), name_of(row.subject.name), *compared(row.value, row.bound), excess(row)) for row in shown]
    widths = [max(least, *(width(line[column]) for line in cells)) for column, (_, least) in enumerate(_COLUMNS)]
    more = [f"  … and {len(rows) - ROWS} more"] if len(rows) > ROWS else []
    return [_line(line, widths) for line in cells] + more


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    names = "   ".join(map(left, cells[:2], widths[:2]))
    return "  " + "  ".join([names, *map(right, cells[2:], widths[2:])])


def _explanations(report: Report, rows: Sequence[Finding], rules: Mapping[str, Rule], links: Links) -> Iterable[str]:
    """A line for each rule that has a row: what it is about, and where its bug is or can be filed."""
    for name in dict.fromkeys(row.rule for row in rows):
        rule, mine = rules[name], [row for row in rows if row.rule == name]
        counters = list(dict.fromkeys(name_of(row.subject.name) for row in mine))
        named = ", ".join(counters[:3]) + (f" and {len(counters) - 3} more" if len(counters) > 3 else "")
        yield f"{named}: {inert(rule.title, SENTENCE)}{_bug(report, rule, mine, links)}"


def _bug(report: Report, rule: Rule, rows: Sequence[Finding], links: Links) -> str:
    if rule.bug:
        return f", bug {bug_link(rule.bug, links)}"
    return f"; no bug yet, file one: {_file_link(report, rule, rows, links.file)}" if links.file else ""


def bug_link(bug: str, links: Links) -> str:
    return bug if "://" in bug else links.view.replace("{bug}", bug)


def _file_link(report: Report, rule: Rule, rows: Sequence[Finding], template: str) -> str:
    """A link that opens the tracker's form with title and figures filled in: as many figures as it holds whole."""
    title = inert(f"{rule.title}: {name_of(rows[0].subject.name)} over its bound", 120)
    where = f"Seen on {inert(report.patchset.url or '', SENTENCE) or report.patchset.change}, " \
            f"patch set {report.patchset.number}."
    figures = [f"{name_of(row.job)}: {name_of(row.subject.name)} {', bound '.join(compared(row.value, row.bound))} "
               f"({excess(row)})" for row in rows[:3]]
    texts = ["\n".join([*figures[:count], where]) for count in range(len(figures), -1, -1)]
    filled = [_filled(template, title, text) for text in (*texts, "")]
    return next((link for link in filled if len(link) <= FILE_LINK), filled[-1])


def _filled(template: str, title: str, text: str) -> str:
    return template.replace("{title}", quote(title, safe="")).replace("{text}", quote(text, safe=""))


def _coverage(observed: Sequence[Observed]) -> Iterable[str]:
    """How many of the builds that ran the figures come from; nothing where all of them were counted."""
    ran = [build for build in observed if build.state is not State.NOT_RUN]
    counted = [build for build in ran if build.state is State.READ]
    if len(counted) == len(ran):
        return
    parts = [
        _names(ran, State.NOTHING, "{} had none"),
        _names(ran, State.UNREADABLE, "those of {} could not be read"),
        _names(ran, State.MISSING, "the logs of {} were not there in time"),
    ]
    yield f"Counters come from {len(counted)} of {len(ran)} builds; {'; '.join(filter(None, parts))}."


def _names(builds: Iterable[Observed], state: State, sentence: str) -> str:
    jobs = [name_of(build.job) for build in builds if build.state is state]
    if not jobs:
        return ""
    shown = [*jobs[:3], f"{len(jobs) - 3} more"] if len(jobs) > 3 else jobs
    return sentence.format(shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}")


def _unjudged(observed: Sequence[Observed]) -> Iterable[str]:
    names = [f"{name_of(build.job)} {inert(text, SENTENCE)}" for build in observed for text in build.unjudged]
    if names:
        yield f"Not judged: {'; '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}."


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
