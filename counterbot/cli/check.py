"""``counterbot check``: compares a counters file with the rules, inside a job. Posts nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from ..core import limits
from ..core.counters.attachment import parse_counters
from ..core.counters.naming import named_in
from ..core.counters.performance import looks_like_performance, parse_performance
from ..core.model import BuildFacts, Counters, Finding, Kind, Subject, Unreadable, group_of
from ..core.rules import Outcome, Rule, Verdict, applicable, judge, was_due
from ..core.subunit.gunzip import unzipped
from ..core.text.figures import compared, excess, number, order
from ..core.text.inert import called, inert
from ..core.text.names import few
from ..core.text.refusal import refusal
from ..core.wording.links import Links, bug_link
from ..files.rulebook import RuleBook
from .completion import files, folders
from .streams import beside, give, warn
from .tables import coloured, table

OVER, COULD_NOT_JUDGE = 1, 3
WORDS = {Outcome.WITHIN: "within", Outcome.NO_DATA: "no data", Outcome.OVER: "OVER"}
NAME, NAMES, SENTENCE = 120, 120, 400
"""Bytes of a counter's name, of several names, and of a reason that are shown."""

FEW = 3
"""More bounds of one group than these share a row where they have no data for the same reason."""


@click.command()
@click.argument("counters", metavar="COUNTERS", shell_complete=files)
@click.option("--job", help="The job's name; rules for other jobs are left out.")
@click.option("--branch", help="The branch; rules for other branches are left out.")
@click.option("--rules", "folder", metavar="DIR", default="queries/", show_default=True, shell_complete=folders,
              help="The rules.")
@click.option("--allow-none", is_flag=True, help="A folder without rules is no mistake.")
@click.option("--warn-only", is_flag=True, help="Status 0 also where a counter is over its bound.")
@click.option("--output", metavar="FILE", callback=beside, shell_complete=files,
              help="Write what was found here too, as JSON.")
def command(counters: str, job: str | None, branch: str | None, folder: str, allow_none: bool,
            warn_only: bool, output: str | None) -> None:
    """Compare COUNTERS (counters.json or performance.json, - is standard input) with the rules.

    Status 1 where a counter is over its bound, 3 where something could not be judged, or not be written.
    """
    book = RuleBook(folder, parse_queries=False)
    problems = [str(mistake) for mistake in (*book.mistakes, *(() if allow_none else book.empty()))]
    for problem in problems:
        warn(problem)
    found = read(counters)
    if isinstance(found, str):
        warn(inert(f"could not judge: {found}", limits.MISTAKE))
        give("", output, _document(COULD_NOT_JUDGE, (), {}, [*problems, found]), COULD_NOT_JUDGE)
        raise SystemExit(COULD_NOT_JUDGE)
    rules = {rule.name: rule for rule in applicable(book.rules, BuildFacts(job=job, branch=branch))}
    verdicts = sorted(_explained((verdict for rule in rules.values() for verdict in judge(rule, found)), found),
                      key=_order)
    status = _status(verdicts, found, warn_only, bool(problems))
    lines = [_report(rules, verdicts, job),
             *_repeated(sorted(found.repeated)),
             *(["", _summary(verdicts, status)] if verdicts else [])]
    give("".join(f"{line}\n" for line in lines), output, _document(status, verdicts, rules, problems),
         status or COULD_NOT_JUDGE)
    raise SystemExit(status)


def read(source: str) -> Counters | str:
    """The counters, or why there are none."""
    try:
        with click.open_file(source, "rb") as stream:
            data = stream.read(limits.COUNTERS_FILE + 1)
    except OSError as error:
        return f"{called(source)}: {refusal(error)}"
    try:
        data = b"".join(unzipped([data], packed_limit=len(data), unpacked_limit=limits.COUNTERS_FILE + 1))
        return parse_performance(data) if looks_like_performance(data) else parse_counters(data)
    except Unreadable as error:
        return f"{source}: {error}"


def _explained(verdicts: Iterable[Verdict], found: Counters) -> Iterable[Verdict]:
    """The verdicts; those on counters that did not come suggest the one that was probably meant."""
    names = named_in(found)
    for verdict in verdicts:
        meant = names.meant(verdict.counter) if verdict.outcome is Outcome.NO_DATA else None
        yield replace(verdict, why=f"{verdict.why}; did you mean {meant}?") if meant else verdict


def _order(verdict: Verdict) -> tuple[Any, ...]:
    """What is over first, beginning with the largest excess."""
    finding = _finding(verdict)
    return -verdict.outcome, order(finding) if finding else (), verdict.counter


def _finding(verdict: Verdict) -> Finding | None:
    if verdict.outcome is not Outcome.OVER or verdict.value is None:
        return None
    return Finding("", "", verdict.rule, Subject(Kind.COUNTER, verdict.counter), verdict.value, verdict.bound)


def _status(verdicts: Sequence[Verdict], found: Counters, warn_only: bool, problems: bool) -> int:
    """Over comes first; then whether something that was due is missing."""
    if any(verdict.outcome is Outcome.OVER for verdict in verdicts):
        return 0 if warn_only else OVER
    missing = [verdict for verdict in verdicts if verdict.outcome is Outcome.NO_DATA]
    judged_nothing = bool(verdicts) and len(missing) == len(verdicts)
    return COULD_NOT_JUDGE if problems or judged_nothing or any(was_due(verdict, found) for verdict in missing) \
        else 0


# -- for people


def _report(rules: Mapping[str, Rule], verdicts: Sequence[Verdict], job: str | None) -> str:
    if not rules:
        return f"no rule applies{f' to job {inert(job, NAME)}' if job else ''}; nothing was judged"
    rows = [row for same in _alike(verdicts) for row in _rows(same, rules)]
    shown = table(("RESULT", "COUNTER", "THIS RUN", "BOUND", "OVER", "RULE OR REASON"), rows, right={2, 3, 4})
    word = WORDS[Outcome.OVER]
    return re.sub(f"^{word}", coloured(word, "red"), shown, flags=re.MULTILINE)


def _repeated(names: Sequence[str]) -> Iterable[str]:
    """A line on counters that came more than once, as from two attachments."""
    if names:
        yield inert(f"{few(names)}: duplicate; the last value is used", SENTENCE)


def _alike(verdicts: Iterable[Verdict]) -> Iterable[list[Verdict]]:
    """Verdicts without data, of one group and for one reason, together; each of the others alone."""
    found: dict[object, list[Verdict]] = {}
    for verdict in verdicts:
        group = group_of(verdict.counter)
        key = (group, verdict.why) if verdict.outcome is Outcome.NO_DATA else id(verdict)
        found.setdefault(key, []).append(verdict)
    return found.values()


def _rows(same: Sequence[Verdict], rules: Mapping[str, Rule]) -> Iterable[tuple[str, ...]]:
    if len(same) > FEW:
        group = group_of(same[0].counter)
        names = inert(", ".join(verdict.counter.partition(".")[2] for verdict in same), NAMES)
        yield ("no data", inert(f"{group}: {len(same)} bounds", NAME), "–", "–", "",
               inert(f"{names}: {same[0].why}", SENTENCE))
        return
    for verdict in same:
        finding = _finding(verdict)
        figures = ("–", number(verdict.bound)) if verdict.value is None else compared(verdict.value, verdict.bound)
        yield (WORDS[verdict.outcome], inert(verdict.counter, NAME), *figures,
               excess(finding) if finding else "", inert(verdict.why or _about(rules[verdict.rule], finding), SENTENCE))


def _about(rule: Rule, finding: Finding | None) -> str:
    """The rule's title, with its bug where a counter is over."""
    return f"{rule.title}, bug {bug_link(rule.bug, Links())}" if finding and rule.bug else rule.title


def _summary(verdicts: Sequence[Verdict], status: int) -> str:
    """The last line, where people look first in a job's output."""
    over, missing, within = (sum(verdict.outcome is outcome for verdict in verdicts)
                             for outcome in (Outcome.OVER, Outcome.NO_DATA, Outcome.WITHIN))
    heads = f"{over} over {'its bound' if over == 1 else 'their bounds'}" if over else "nothing over its bound"
    counts = ", ".join([heads, *([f"{missing} without data"] if missing else []), f"{within} within"])
    if over and status == 0:
        return f"{counts}; a warning only"
    return f"{counts}; not everything could be judged" if status == COULD_NOT_JUDGE else counts


# -- for programs


def _document(status: int, verdicts: Sequence[Verdict], rules: Mapping[str, Rule], problems: Sequence[str]) -> bytes:
    """The findings as JSON, in the order of the table; ``text`` is a finding as one line, for a comment."""
    by = {outcome.name.lower(): [_fields(verdict, rules[verdict.rule]) for verdict in verdicts
                                 if verdict.outcome is outcome]
          for outcome in (Outcome.OVER, Outcome.NO_DATA, Outcome.WITHIN)}
    return json.dumps({"status": status, **by, "problems": list(problems)}, indent=1).encode() + b"\n"


def _fields(verdict: Verdict, rule: Rule) -> dict[str, Any]:
    finding = _finding(verdict)
    return {"counter": verdict.counter, "value": verdict.value, "bound": verdict.bound, "rule": rule.name,
            "title": rule.title, "bug": rule.bug, **({"text": _sentence(finding, rule)} if finding else {}),
            **({"why": verdict.why} if verdict.why else {})}


def _sentence(finding: Finding, rule: Rule) -> str:
    value, bound = compared(finding.value, finding.bound)
    return inert(f"{inert(finding.subject.name, NAME)} is {value}, over its bound {bound} ({excess(finding)}): "
                 f"{_about(rule, finding)}", SENTENCE)
