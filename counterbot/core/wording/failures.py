"""Failed builds in the review comment: verdict, table, explanations and whether a recheck is worth it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..decide import Observed, Seen
from ..mine import DAYS
from ..model import OMITTED, BuildFacts, KnownFailure, Report, State
from ..rules import Rule, known_failures
from ..text.columns import left, right, width
from ..text.figures import counted, number
from ..text.inert import NAME, inert, name_of
from ..text.markdown import code, prose, verbatim
from . import mine
from .filing import Unfiled
from .links import Links, bug_number, bug_page
from .listing import LINE, ROWS, SENTENCE, listed, more

JOBS = 5
"""Builds of which nothing is known that are explained."""

BUGS = 5
"""Of those that a recheck names."""

OF_THE_SITE = "of the site, not of this change"


@dataclass(frozen=True)
class Row:
    """A failed build, and one of the failures that are known of it; None where none is."""

    build: Observed
    known: KnownFailure | None


def rows(known: Sequence[KnownFailure], observed: Sequence[Observed]) -> list[Row]:
    """What is known first, then the other builds that failed and vote: first those that may not be the change's own
    doing."""
    told = {finding.build for finding in known}
    others = [build for build in observed if build.failed and build.voting and build.uuid not in told]
    others.sort(key=lambda build: (not build.facts.passed, -build.facts.changes))
    return [*(Row(build, finding) for build in observed for finding in known if finding.build == build.uuid),
            *(Row(build, None) for build in others)]


@dataclass(frozen=True)
class Untold:
    """Whether there may be failed builds that are no rows: ``unasked``, whose results are not asked for, since no query
    applies to every job; ``nonvoting``, of which nothing is known, and which do not vote."""

    unasked: bool = False
    nonvoting: bool = False


def untold(report: Report, rows: Sequence[Row], observed: Sequence[Observed], rules: Mapping[str, Rule]) -> Untold:
    any_job = BuildFacts(OMITTED, report.patchset.branch, report.patchset.project, report.pipeline, True)
    told = {row.build.uuid for row in rows}
    return Untold(not known_failures(rules.values(), any_job),
                  any(build.failed and build.uuid not in told for build in observed))


def verdict(rows: Sequence[Row], rules: Mapping[str, Rule], untold: Untold) -> str:
    builds, known = {row.build.uuid for row in rows}, {row.build.uuid for row in rows if row.known}
    told = [rules[row.known.rule] for row in rows if row.known]
    if not told:
        return f"Failures: {_none(len(builds), untold == Untold())} a known bug"
    if all(rule.infra for rule in told):
        one, several = f"a failure {OF_THE_SITE}", f"failures {OF_THE_SITE}"
    else:
        noun = "bug" if all(rule.bug for rule in told) else "failure"
        one, several = f"a known {noun}", f"known {noun}s"
    which = _which(len(known), len(builds), untold == Untold())
    return f"Failures: {which} {f'is {one}' if len(known) == 1 else f'are {several}'}"


def _which(known: int, builds: int, all_told: bool) -> str:
    if known < builds:
        return f"{known} of {builds} failed builds"
    if not all_told:
        return counted(known, "failed build")
    return {1: "the failed build", 2: "both failed builds"}.get(builds, f"all {builds} failed builds")


def _none(builds: int, all_told: bool) -> str:
    if builds > 1:
        return f"none of {number(builds)} failed builds is"
    return f"{'the' if all_told else '1'} failed build is not"


def table(rows: Sequence[Row], rules: Mapping[str, Rule], links: Links, seen: Seen, job: int) -> list[str]:
    """The first ROWS; ``job`` is the least width of the jobs' column."""
    if not any(row.known for row in rows):
        return _unexplained(rows, job)
    titles = ("job", "failed by", f"seen in {counted(seen.days, 'day')}")
    times = Counter(row.known.rule for row in rows if row.known) | Counter(seen.builds)
    cells = [titles, *((name_of(row.build.job), *_cells(row, rules, links, times)) for row in rows[:ROWS])]
    widths = [max(width(line[column]) for line in cells) for column in range(3)]
    return [f"{left(name, max(widths[0], job))}   {left(by, widths[1])}  {right(count, widths[2])}".rstrip()
            for name, by, count in cells] + more(rows)


def _unexplained(rows: Sequence[Row], job: int) -> list[str]:
    """The same where nothing is known of any build: what is counted are other changes."""
    cells = [("job", "failed by", f"seen in {counted(DAYS, 'day')}"),
             *((name_of(row.build.job), inert(row.build.standing, NAME), mine.elsewhere(row.build.facts))
               for row in rows[:ROWS])]
    widths = [max(width(line[column]) for line in cells) for column in range(2)]
    return [f"{left(name, max(widths[0], job))}   {left(by, widths[1])}   {where}".rstrip()
            for name, by, where in cells] + more(rows)


def _cells(row: Row, rules: Mapping[str, Rule], links: Links, seen: Mapping[str, int]) -> tuple[str, str]:
    if row.known is None:
        return inert(row.build.standing, NAME), ""
    rule = rules[row.known.rule]
    return bug_page(rule.bug, links) or name_of(rule.name), number(seen[rule.name])


def explanations(rows: Sequence[Row], rules: Mapping[str, Rule], links: Links, seen: Seen) -> Iterator[str]:
    """A line for each rule of the first ROWS, and one for each of the first JOBS builds of which nothing is known."""
    known = [row.known for row in rows[:ROWS] if row.known]
    for name in dict.fromkeys(finding.rule for finding in known):
        yield _explanation(rules[name], [finding for finding in known if finding.rule == name], links)
    counts = any(row.known for row in rows)  # then the table counts builds, and not changes
    unknown = [f"{code(row.build.job)}: {shown}." for row in rows
               if row.known is None and (shown := mine.shown(row.build, seen, counts))]
    yield from unknown[:JOBS]
    if len(unknown) > JOBS:
        yield f"… and {len(unknown) - JOBS} more"


def _explanation(rule: Rule, found: Sequence[KnownFailure], links: Links) -> str:
    """What it is about, where it was seen first, and its bug where its number does not name it."""
    hit, bug = found[0].hits[0], bug_number(rule.bug)
    where = f"{verbatim(hit.file, LINE)}, line {number(hit.line)}"
    page = None if bug else bug_page(rule.bug, links)
    parts = [prose(title_of(rule), SENTENCE), f"a failure {OF_THE_SITE}" if rule.infra else "",
             f"{where} of {code(found[0].job)}" if len(found) > 1 else where, f"bug {page}" if page else ""]
    return f"{bug or code(rule.name)}: {'; '.join(filter(None, parts))}"


def title_of(rule: Rule) -> str:
    """"" where it says no more than the rule's name, as that of a file by elastic-recheck."""
    return "" if rule.title in (rule.name, f"bug {rule.bug}") else rule.title


def ending(rows: Sequence[Row], observed: Sequence[Observed], rules: Mapping[str, Rule],
           untold: Untold) -> Iterator[str]:
    """Whether to run the jobs again; nothing where no failure is known, or no build failed that votes."""
    if not any(row.known for row in rows) or not any(row.build.voting for row in rows):
        return
    told = {row.build.uuid for row in rows if row.known}
    unknown = [build for build in observed if build.voting and build.uuid not in told
               and (build.failed or (build.failure and build.result is None))]
    if unknown:
        yield f"Not every failure is known: {'; '.join(_advice(unknown))}."
        return
    bugs = list(dict.fromkeys(filter(None, (bug_number(rules[row.known.rule].bug) for row in rows
                                            if row.known and row.build.voting))))
    named = " " + ", ".join(f"bug {bug}" for bug in bugs[:BUGS]) if bugs else ""
    which = " of a voting job" if untold.nonvoting else ""
    provided = "; jobs without a rule were not looked at: if they passed," if untold.unasked else ":"
    yield f'Every failure{which} is known{provided} comment "recheck{named}" to run the jobs again.'


def _advice(unknown: Sequence[Observed]) -> Iterator[str]:
    """What to do about builds of which nothing is known, or why nothing is."""
    ended = [build for build in unknown if build.failed]
    states = {build.uuid: build.failure.state if build.failure else State.READ for build in ended}
    if looked := [build for build in ended if states[build.uuid] is State.READ]:
        yield f"look at {_jobs(looked)} before you recheck"
    if without := [build for build in ended if states[build.uuid] in (State.NOTHING, State.NOT_RUN)]:
        yield f"{_jobs(without)} left no logs"
    if unread := [build for build in ended if states[build.uuid] in (State.UNREADABLE, State.MISSING)]:
        yield f"the logs of {_jobs(unread)} could not be read"
    if running := [build for build in unknown if not build.failed]:
        yield f"Zuul's API did not tell in time how {_jobs(running)} ended"


def _jobs(builds: Iterable[Observed]) -> str:
    return listed(list(dict.fromkeys(OMITTED if build.job == OMITTED else prose(name_of(build.job), NAME)
                                     for build in builds)))


def unfiled(rows: Iterable[Row], rules: Mapping[str, Rule]) -> Iterator[Unfiled]:
    """The rules without a bug."""
    for name in dict.fromkeys(row.known.rule for row in rows if row.known):
        if not rules[name].bug:
            yield Unfiled(name, (inert(rules[name].title, NAME), name_of(name)))
