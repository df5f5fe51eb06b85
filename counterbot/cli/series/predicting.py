"""``counterbot series predictors``: which counters of a job separate its failed runs from those that passed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ...core.counters.attachment import GAUGES
from ...core.model import group_of
from ...core.text.figures import number
from ...core.text.inert import name_of
from ..opening import AS_JSON, CONFIG, opened
from ..streams import warn
from ..tables import table, terminal
from .listing import NOTHING

if TYPE_CHECKING:
    from ...ledger.samples import Ended, Group
    from ...stats.predictors import Predictor, Runs

DAY = 86_400_000
MOST = 20
"""Rows of a job, where not all are asked for."""


@click.command("predictors")
@CONFIG
@click.option("--job", metavar="J", help="Only of this job.")
@click.option("--branch", metavar="B", help="Only of this branch.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How far back runs count.")
@click.option("--all", "all_of_them", is_flag=True, help="Also counters that foretell nothing.")
@AS_JSON
def predictors(file: str, job: str | None, branch: str | None, days: int, all_of_them: bool, as_json: bool) -> None:
    """Show the counters that best foretell a job's failure, by its failed and passed runs.

    AREA is the share of pairs of a failed and a passed run in which the failed one counts more, with its 95 % interval:
    50% is none, 0% and 100% are perfect. One in twenty of those shown may be there by chance. What is higher in failed
    runs need not be why they fail. Runs that failed by a rule with label infra do not count.
    """
    with opened(file) as (_, ledger, book):
        infra = [rule.name for rule in book.rules if rule.infra]
        since = ledger.now() - days * DAY
        groups = _groups(each.key for each in ledger.samples.series(None, job, branch))
        found = [(group, *_of(ledger.samples.separated(group, since, infra))) for group in groups]
    if as_json:
        click.echo(json.dumps([{**asdict(group), "failed": failed, "passed": passed, "predictors": [
            asdict(each) for each in told]} for group, failed, passed, told in found], indent=2))
        return
    if not found:
        click.echo(NOTHING.format(where=f" of job {job}" if job else ""))
    rows = []
    for group, failed, passed, told in found:
        where = f"{name_of(group.job)} on {name_of(group.branch)}"
        if not told:
            warn(f"{where}: {number(failed)} failed and {number(passed)} passed runs have counters, and at least"
                 f" {_fewest()} of each are needed to tell anything")
        shown = [each for each in told if all_of_them or each.foretells]
        rows += [_row(group, each) for each in (shown if all_of_them else shown[:MOST])]
        if told and not shown:
            warn(f"{where}: no counter separates {number(failed)} failed from {number(passed)} passed runs")
    if rows:
        head = ("JOB", "BRANCH", "COUNTER", "AREA", "FROM", "TO", "FAILED", "PASSED", "")
        click.echo(table(head, rows, right={3, 4, 5, 6, 7}, within=terminal()))


def _fewest() -> int:
    from ...stats.predictors import FEWEST

    return FEWEST


def _groups(keys: Iterable[object]) -> list[Group]:
    from ...ledger.samples import Group

    return list(dict.fromkeys(Group(*(getattr(key, name) for name in ("tenant", "job", "branch", "delta")))
                              for key in keys))


def _of(counters: dict[str, list[Ended]]) -> tuple[int, int, list[Predictor]]:
    """How many runs failed and passed, at most of any counter, and what the counters foretell."""
    from ...stats.predictors import predictors as reckoned

    parts = {name: ([run for run in runs if run.failed], [run for run in runs if not run.failed])
             for name, runs in counters.items()}
    failed = max((len(part) for part, _ in parts.values()), default=0)
    passed = max((len(part) for _, part in parts.values()), default=0)
    return failed, passed, reckoned({
        name: (_runs(name, lost), _runs(name, won)) for name, (lost, won) in parts.items()})


def _runs(counter: str, runs: Sequence[Ended]) -> Runs:
    """Of a gauge a second of it means nothing."""
    from ...stats.predictors import Runs

    seconds = list(_seconds(runs))
    timed = len(seconds) == len(runs) and group_of(counter) not in GAUGES
    return Runs([run.value for run in runs], seconds if timed else None)


def _seconds(runs: Iterable[Ended]) -> Iterator[float]:
    return (run.seconds for run in runs if run.seconds is not None)


def _row(group: Group, each: Predictor) -> list[str]:
    name = f"{name_of(each.counter)}{' per second' if each.per_second else ''}"
    higher = "higher" if each.area > 0.5 else "lower"
    return [name_of(group.job), name_of(group.branch), name, f"{each.area:.0%}", f"{each.low:.0%}", f"{each.high:.0%}",
            number(each.failed), number(each.passed),
            f"{higher} in failed runs" if each.foretells else "no more than by chance"]
