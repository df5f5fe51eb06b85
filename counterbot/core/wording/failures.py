"""Known failures in the review comment: verdict, table, explanations and whether a recheck is worth it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..decide import Observed, Seen
from ..model import OMITTED, BuildFacts, Failure, KnownFailure, Report, State
from ..rules import Rule, known_failures
from ..text.columns import left, right, width
from ..text.figures import counted, number
from ..text.inert import NAME, inert, name_of
from ..text.markdown import code, prose, verbatim
from ..text.names import few
from .filing import Unfiled
from .links import Links, bug_number, bug_page
from .listing import ROWS, SENTENCE, listed, more

LINE = 200
"""Bytes of a test's id, a path or a log line that are shown."""

FILES = 3
BUGS = 5
"""Of those that a recheck names."""

OF_THE_SITE = "of the site, not of this change"


@dataclass(frozen=True)
class Row:
    """A failed build, and one of the failures that are known of it; None where none is."""

    build: Observed
    known: KnownFailure | None


def rows(known: Sequence[KnownFailure], observed: Sequence[Observed]) -> list[Row]:
    """What is known first, then the other builds that failed and vote; none where nothing is known."""
    told = {finding.build for finding in known}
    others = [build for build in observed if build.failed and build.voting and build.uuid not in told]
    first = [Row(build, finding) for build in observed for finding in known if finding.build == build.uuid]
    return [*first, *(Row(build, None) for build in others)] if first else []


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


def table(rows: Sequence[Row], rules: Mapping[str, Rule], links: Links, seen: Seen, job: int) -> list[str]:
    """The first ROWS; ``job`` is the least width of the jobs' column."""
    titles = ("job", "failed by", f"seen in {counted(seen.days, 'day')}")
    times = Counter(row.known.rule for row in rows if row.known) | Counter(seen.builds)
    cells = [titles, *((name_of(row.build.job), *_cells(row, rules, links, times)) for row in rows[:ROWS])]
    widths = [max(width(line[column]) for line in cells) for column in range(3)]
    return [f"{left(name, max(widths[0], job))}   {left(by, widths[1])}  {right(count, widths[2])}".rstrip()
            for name, by, count in cells] + more(rows)


def _cells(row: Row, rules: Mapping[str, Rule], links: Links, seen: Mapping[str, int]) -> tuple[str, str]:
    if row.known is None:
        return inert(row.build.standing, NAME), ""
    rule = rules[row.known.rule]
    return bug_page(rule.bug, links) or name_of(rule.name), number(seen[rule.name])


def explanations(rows: Sequence[Row], rules: Mapping[str, Rule], links: Links) -> Iterator[str]:
    """A line for each rule, and one for each build of which nothing is known."""
    known = [row.known for row in rows if row.known]
    for name in dict.fromkeys(finding.rule for finding in known):
        yield _explanation(rules[name], [finding for finding in known if finding.rule == name], links)
    for row in rows:
        if row.known is None and (shown := _shown(row.build)):
            yield f"{code(row.build.job)}: {shown}."


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


def _shown(build: Observed) -> str:
    """What a build shows that no rule recognised: its failure, or why its logs do not tell."""
    if build.failure is None:
        return ""
    found = build.failure.failure
    if found is None:
        return prose(build.failure.why, SENTENCE)
    unread = [f"{verbatim(path, LINE)} ({prose(why, NAME)})" for path, why in found.unread.items()]
    return "; ".join(filter(None, (_symptom(found), f"not read: {few(unread, FILES)}" if unread else "")))


def _symptom(found: Failure) -> str:
    if found.tests:
        return f"{verbatim(found.tests[0].name, LINE)} failed first"
    if found.task:
        phase = f" in phase {code(found.phase)}" if found.phase else ""
        host = f" on {code(found.host)}" if found.host else ""
        return f"task {verbatim(found.task, LINE)} failed{phase}{host}"
    return f"first error: {verbatim(found.error, LINE)}" if found.error else ""


def ending(rows: Sequence[Row], observed: Sequence[Observed], rules: Mapping[str, Rule],
           untold: Untold) -> Iterator[str]:
    """Whether to run the jobs again; nothing where no build failed that votes."""
    if not any(row.build.voting for row in rows):
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
