"""Counters over their bounds, in the review comment: verdict, table, explanations and what was not judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..decide import Observed
from ..learned import Learned
from ..model import LEARNED, OMITTED, Back, Finding, State
from ..rules import Outcome, Rule
from ..text.columns import left, right, width
from ..text.figures import compared, counted, date, excess, largest_first, number, whole
from ..text.inert import NAME, inert, name_of
from ..text.markdown import code, prose
from ..text.names import few
from ..unjudged import folded
from .filing import Unfiled
from .links import Links, bug_page
from .listing import NAMES, ROWS, SENTENCE, listed, more

PHRASES = 5
"""Of what was not judged."""


def rows(found: Iterable[Finding]) -> list[Finding]:
    """The largest excess first; of a counter over a learned bound the worst job alone."""
    chosen, learned = [], set()
    for row in largest_first(found):
        if row.rule != LEARNED or row.subject not in learned:
            chosen.append(row)
        if row.rule == LEARNED:
            learned.add(row.subject)
    return chosen


def verdict(rows: Sequence[Finding], observed: Sequence[Observed]) -> str:
    counters, jobs = len({row.subject for row in rows}), len({row.job for row in rows})
    where = f" in {jobs} jobs" if jobs > 1 else ""
    bounds = "its bound" if counters == 1 else "their bound"
    if all(row.learned for row in rows):
        stable = {verdict.counter for build in observed for verdict in build.verdicts if verdict.rule == LEARNED}
        return f"Counters: {counters} of {counted(len(stable), 'stable counter')} over {bounds}{where}"
    return f"Counters: {counted(counters, 'counter')} over {bounds}{where}"


def back(counters: Sequence[Back]) -> str:
    """What is within its bounds again: ``mysql.Queries in tempest-full is back within its bound``."""
    jobs: dict[str, list[str]] = {}
    for each in counters:
        jobs.setdefault(each.counter, []).append(code(each.job))
    words = listed([f"{code(counter)} in {listed(where)}" for counter, where in jobs.items()])
    ending = "is back within its bound" if len(jobs) == 1 else "are back within their bounds"
    if len(counters) > 1:
        return f"{words} {ending}"
    value, bound = compared(counters[0].value, whole(counters[0].bound))
    return f"{words} {ending}: {value} of at most {bound}"


_COLUMNS = (("job", 0), ("counter", 0), ("this run", 12), ("bound", 9), ("over", 6))
_WITH_USUAL = (("job", 0), ("counter", 28), ("this run", 12), ("usual", 10), ("bound", 9), ("over", 6))
"""Titles and least widths; the first two columns are names and stand to the left."""


def table(rows: Sequence[Finding], job: int) -> list[str]:
    """The largest ROWS; ``job`` is the least width of the jobs' column. What is usual is shown where it is known."""
    columns = _WITH_USUAL if any(row.learned for row in rows[:ROWS]) else _COLUMNS
    cells = [tuple(title for title, _ in columns)] + [_cells(row, len(columns)) for row in rows[:ROWS]]
    widths = [max(least, *(width(line[column]) for line in cells)) for column, (_, least) in enumerate(columns)]
    widths[0] = max(widths[0], job)
    return [_row(line, widths) for line in cells] + more(rows)


def _cells(row: Finding, columns: int) -> tuple[str, ...]:
    value, bound = compared(row.value, whole(row.bound) if row.rule == LEARNED else row.bound)
    usual = (_usual(row),) if columns == len(_WITH_USUAL) else ()
    return (name_of(row.job), name_of(row.subject.name), value, *usual, bound, excess(row))


def _usual(row: Finding) -> str:
    return number(whole(row.learned.usual)) if row.learned else ""


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    names = "   ".join(map(left, cells[:2], widths[:2]))
    return "  ".join([names, *map(right, cells[2:], widths[2:])])


def explanations(rows: Sequence[Finding], rules: Mapping[str, Rule], links: Links, observed: Sequence[Observed] = (),
                 now: int | None = None) -> Iterator[str]:
    """A line for each rule that has a row: what it is about, and where its bug is; and for each learned bound. ``now``
    is epoch milliseconds."""
    for name in dict.fromkeys(row.rule for row in rows if row.rule != LEARNED):
        rule = rules[name]
        counters = list(dict.fromkeys(row.subject.name for row in rows if row.rule == name))
        yield f"{few([code(name) for name in counters], NAMES)}: {prose(rule.title, SENTENCE)}{_bug(rule, links)}"
    alike: dict[str, list[str]] = {}
    for row in rows:
        if row.rule == LEARNED and row.learned:
            alike.setdefault(_learned(row.subject.name, row.learned, observed, now), []).append(code(row.subject.name))
    yield from (f"{few(names, NAMES)}: {words}." for words, names in alike.items())


def _learned(counter: str, usual: Learned, observed: Sequence[Observed], now: int | None) -> str:
    return (f"learned from {counted(usual.runs, 'run')} on {prose(usual.branch, NAME)} since {date(usual.since, now)};"
            f" seen in {_seen(counter, observed)}")


def _seen(counter: str, observed: Sequence[Observed]) -> str:
    """In which jobs of the report, of those that count it; failed ones show nothing."""
    counting = [(build, verdict) for build in observed if not build.failed for verdict in build.verdicts
                if verdict.rule == LEARNED and verdict.counter == counter]
    jobs = {build.job for build, _ in counting}
    over = {build.job for build, verdict in counting if verdict.outcome is Outcome.OVER}
    if len(over) < 2:
        return "a second run"
    if len(over) < len(jobs):
        return f"{len(over)} of {len(jobs)} jobs that count it"
    return "both jobs that count it" if len(jobs) == 2 else f"all {len(jobs)} jobs that count it"


def _bug(rule: Rule, links: Links) -> str:
    where = bug_page(rule.bug, links)
    return f", bug {where}" if where else ""


def asks(rows: Sequence[Finding], failed: bool, links: Links) -> str:
    """What a reviewer can do. ``failed``: what a recheck is worth is told with the failures."""
    if not any(row.learned for row in rows):
        return "" if failed else 'Noise? Comment "recheck".'
    noise = "" if failed else ' Noise? "recheck".'
    graphs = f" Graphs: {links.graphs}" if links.graphs else ""
    return f'More work expected? Comment "counters: accept <reason>".{noise}{graphs}'


def unfiled(rows: Iterable[Finding], rules: Mapping[str, Rule]) -> Iterator[Unfiled]:
    """The rules without a bug."""
    counters: dict[str, str] = {}
    for row in rows:
        counters.setdefault(row.rule, row.subject.name)
    for name, counter in counters.items():
        if name != LEARNED and not rules[name].bug:
            short = f"{name_of(counter)} over its bound"
            yield Unfiled(counter, (f"{inert(rules[name].title, NAME)}: {short}", short))


def remarks(builds: Iterable[Observed], observed: Sequence[Observed]) -> Iterator[str]:
    """What the figures do not tell: which of ``builds`` failed, and what was not counted or not judged."""
    yield from _failed(builds)
    yield from _coverage(observed)
    yield from _unjudged(observed)


def _failed(builds: Iterable[Observed]) -> Iterator[str]:
    """A job that failed may have done a part of its work only."""
    judged = [build for build in builds if build.failed and build.judged]
    if judged:
        jobs = listed([code(build.job) + _result(build.result or "") for build in judged])
        yield f"{jobs} failed: {'its' if len(judged) == 1 else 'their'} counters may be those of a part of the tests."


def _result(result: str) -> str:
    return "" if result == "FAILURE" else f" ({prose(result, NAME)})"


def _coverage(observed: Sequence[Observed]) -> Iterator[str]:
    """How many of the builds that ran the figures come from; nothing where all of them were counted."""
    ran = [build for build in observed if build.state not in (None, State.NOT_RUN)]
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
    return sentence.format(listed(jobs)) if jobs else ""


def _unjudged(observed: Sequence[Observed]) -> Iterator[str]:
    """Patterns are left out: they ask for what there is."""
    jobs: dict[str, list[str]] = {}
    for build in observed:
        named = (verdict for verdict in build.unjudged if not verdict.is_pattern)
        for phrase in folded(named, code, lambda text: prose(text, SENTENCE)):
            jobs.setdefault(phrase, []).append(code(build.job))
    phrases = [f"{phrase} in {listed(where)}" for phrase, where in jobs.items()]
    if phrases:
        yield f"Not judged: {few(phrases, PHRASES, '; ')}."
