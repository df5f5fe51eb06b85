"""A decision -> the review comment, within its byte limit. Decides nothing.

Gerrit's page renders it as Markdown: a table stands in a code block, and names from outside stand in the table or in
backticks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .. import limits
from ..decide import Observed
from ..model import OMITTED, Finding, Report, State
from ..rules import Rule
from ..text.columns import left, right, width
from ..text.figures import compared, excess, largest_first
from ..text.inert import NAME, inert, name_of
from ..text.markdown import code, link, prose
from ..text.names import few
from ..unjudged import folded

ROWS = 10
SENTENCE = 400
"""Bytes of a title or a reason that are shown."""

NAMES = 3
"""Of a list of names, how many are shown."""

PHRASES = 5
"""Of what was not judged."""

FILED = 3
"""Links to file a bug, at most."""


@dataclass(frozen=True)
class Links:
    """URL templates: ``view`` with {bug}; ``file`` with {title} and {text}, None where no bugs are to be filed."""

    view: str = "https://bugs.launchpad.net/bugs/{bug}"
    file: str | None = None


def comment(report: Report, over: Iterable[Finding], observed: Sequence[Observed], rules: Mapping[str, Rule],
            links: Links, marker: str) -> str:
    """The whole review comment: verdict first, marker last, at most ``limits.COMMENT`` bytes.

    Of more than ROWS rows the largest are shown. Where the comment is too long, the last explanations are left out.
    """
    rows = largest_first(over)
    # Without a blank line before and after the table Markdown takes it for text.
    head = [_verdict(rows), "", *(f"    {row}" for row in _table(rows)), ""]
    explanations = list(_explanations(rows[:ROWS], rules, links))
    end = [*_failed(observed), *_coverage(observed), *_unjudged(observed), 'Noise? Comment "recheck".',
           *_filing(report, rows[:ROWS], rules, links.file), marker]
    while explanations and _size([*head, *explanations, *end]) > limits.COMMENT:
        explanations.pop()
    return "\n".join([*head, *explanations, *end])


def _size(lines: Iterable[str]) -> int:
    return len("\n".join(lines).encode())


def _verdict(rows: Sequence[Finding]) -> str:
    counters, jobs = len({row.subject for row in rows}), len({row.job for row in rows})
    what = "1 counter over its bound" if counters == 1 else f"{counters} counters over their bound"
    return f"Counters: {what}{f' in {jobs} jobs' if jobs > 1 else ''} (not voting)."


_COLUMNS = (("job", 0), ("counter", 0), ("this run", 12), ("bound", 9), ("over", 6))
"""Titles and least widths; the first two columns are names and stand to the left."""


def _table(rows: Sequence[Finding]) -> list[str]:
    shown = rows[:ROWS]
    cells = [tuple(title for title, _ in _COLUMNS)] + [
        (name_of(row.job), name_of(row.subject.name), *compared(row.value, row.bound), excess(row)) for row in shown]
    widths = [max(least, *(width(line[column]) for line in cells)) for column, (_, least) in enumerate(_COLUMNS)]
    more = [f"… and {len(rows) - ROWS} more"] if len(rows) > ROWS else []
    return [_row(line, widths) for line in cells] + more


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    names = "   ".join(map(left, cells[:2], widths[:2]))
    return "  ".join([names, *map(right, cells[2:], widths[2:])])


def _explanations(rows: Sequence[Finding], rules: Mapping[str, Rule], links: Links) -> Iterator[str]:
    """A line for each rule that has a row: what it is about, and where its bug is."""
    for name in dict.fromkeys(row.rule for row in rows):
        rule = rules[name]
        counters = list(dict.fromkeys(row.subject.name for row in rows if row.rule == name))
        yield f"{few([code(name) for name in counters], NAMES)}: {prose(rule.title, SENTENCE)}{_bug(rule, links)}"


def _bug(rule: Rule, links: Links) -> str:
    where = link(bug_link(rule.bug, links)) if rule.bug else None
    return f", bug {where}" if where else ""


def bug_link(bug: str, links: Links) -> str:
    return bug if "://" in bug else links.view.replace("{bug}", bug)


def _filing(report: Report, rows: Sequence[Finding], rules: Mapping[str, Rule], template: str | None) -> Iterator[str]:
    """Links that open the tracker's form, for the first rules without a bug."""
    if template is None:
        return
    counters: dict[str, str] = {}
    for row in rows:
        if not rules[row.rule].bug:
            counters.setdefault(row.rule, row.subject.name)
    for name, counter in list(counters.items())[:FILED]:
        if where := _file_link(report, rules[name], counter, template):
            yield f"No bug yet for {code(counter)}? File one: {where}"


def _file_link(report: Report, rule: Rule, counter: str, template: str) -> str | None:
    """A link with title and text filled in, as much of them as it holds whole; None where it holds neither."""
    short = f"{name_of(counter)} over its bound"
    titles = (f"{inert(rule.title, NAME)}: {short}", short)
    seen = inert(report.patchset.url or "", SENTENCE) or f"change {report.patchset.change}"
    filled = (link(template.replace("{title}", quote(title, "/:")).replace("{text}", quote(text, "/:")))
              for text in (f"Seen on {seen}, patch set {report.patchset.number}", "") for title in titles)
    return next(filter(None, filled), None)


def _failed(observed: Sequence[Observed]) -> Iterator[str]:
    """A job that failed may have done a part of its work only."""
    failed = [build for build in observed if build.failed]
    if failed:
        jobs = _listed([code(build.job) + _result(build.result or "") for build in failed])
        yield f"{jobs} failed: {'its' if len(failed) == 1 else 'their'} counters may be those of a part of the tests."


def _result(result: str) -> str:
    return "" if result == "FAILURE" else f" ({prose(result, NAME)})"


def _coverage(observed: Sequence[Observed]) -> Iterator[str]:
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
    jobs = [OMITTED if build.job == OMITTED else code(build.job) for build in builds if build.state is state]
    return sentence.format(_listed(jobs)) if jobs else ""


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:NAMES], f"{len(names) - NAMES} more"] if len(names) > NAMES else names
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _unjudged(observed: Sequence[Observed]) -> Iterator[str]:
    """Patterns are left out: they ask for what there is."""
    jobs: dict[str, list[str]] = {}
    for build in observed:
        named = (verdict for verdict in build.unjudged if not verdict.is_pattern)
        for phrase in folded(named, code, lambda text: prose(text, SENTENCE)):
            jobs.setdefault(phrase, []).append(code(build.job))
    phrases = [f"{phrase} in {_listed(where)}" for phrase, where in jobs.items()]
    if phrases:
        yield f"Not judged: {few(phrases, PHRASES, '; ')}."
