"""``counterbot check``: a counters file held against the rules, inside a job. Posts nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..core import counters as documents
from ..core import limits
from ..core.model import BuildFacts, Counters, Unreadable
from ..core.rules import Outcome, Rule, Verdict, applicable, judge, was_due

if TYPE_CHECKING:
    from ..files.rulebook import RuleBook

OVER, COULD_NOT_JUDGE = 1, 3
WORDS = {Outcome.WITHIN: "within", Outcome.NO_DATA: "no data", Outcome.OVER: "OVER"}


@click.command()
@click.argument("counters", metavar="COUNTERS")
@click.option("--job", help="The job's name; rules for other jobs are left out.")
@click.option("--branch", help="The branch; rules for other branches are left out.")
@click.option("--rules", "folder", metavar="DIR", default="queries/", show_default=True, help="The rules.")
@click.option("--warn-only", is_flag=True, help="Status 0 also where a counter is over its bound.")
def command(counters: str, job: str | None, branch: str | None, folder: str, warn_only: bool) -> None:
    """Compare COUNTERS (counters.json or performance.json, - is standard input) with the rules.

    Status 1 where a counter is over its bound, 3 where something could not be judged.
    """
    from ..files.rulebook import RuleBook

    book = RuleBook(folder)
    for mistake in book.mistakes:
        click.echo(str(mistake), err=True)
    found = _read(counters)
    rules = applicable(book.rules, BuildFacts(job=job, branch=branch))
    verdicts = sorted((verdict for rule in rules for verdict in judge(rule, found)),
                      key=lambda verdict: (-verdict.outcome, verdict.counter))
    click.echo(_report(rules, verdicts, job))
    for name in sorted(found.repeated):
        click.echo(f"{name} came twice; the later value counts")
    raise SystemExit(_status(book, verdicts, found, warn_only))


def _read(source: str) -> Counters:
    try:
        data = sys.stdin.buffer.read(limits.COUNTERS_FILE + 1) if source == "-" else Path(source).read_bytes()
    except OSError as error:
        return _cannot(f"{source}: {error.strerror}")
    try:
        performance = documents.looks_like_performance(data)
        return documents.parse_performance(data) if performance else documents.parse_counters(data)
    except Unreadable as error:
        return _cannot(f"{source}: {error}")


def _cannot(why: str) -> Counters:
    click.echo(f"could not judge: {why}", err=True)
    raise SystemExit(COULD_NOT_JUDGE)


def _report(rules: Sequence[Rule], verdicts: Iterable[Verdict], job: str | None) -> str:
    from ..core.wording import number
    from .tables import table

    if not rules:
        return f"no rule applies{f' to job {job}' if job else ''}; nothing was judged"
    titles = {rule.name: rule.title for rule in rules}
    rows = [(WORDS[verdict.outcome], verdict.counter, "–" if verdict.value is None else number(verdict.value),
             number(verdict.bound), verdict.why or titles[verdict.rule]) for verdict in verdicts]
    return table(("RESULT", "COUNTER", "THIS RUN", "BOUND", "RULE OR REASON"), rows, right={2, 3})


def _status(book: RuleBook, verdicts: Sequence[Verdict], found: Counters, warn_only: bool) -> int:
    """Over counts before everything; then whether something that was due is missing."""
    if any(verdict.outcome is Outcome.OVER for verdict in verdicts):
        return 0 if warn_only else OVER
    missing = [verdict for verdict in verdicts if verdict.outcome is Outcome.NO_DATA]
    judged_nothing = bool(verdicts) and len(missing) == len(verdicts)
    return COULD_NOT_JUDGE if book.mistakes or judged_nothing or any(was_due(verdict, found) for verdict in missing) \
        else 0
