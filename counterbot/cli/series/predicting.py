"""``counterbot series predictors``: which counters of a job separate its failed runs from those that passed."""

from __future__ import annotations

import json
from collections.abc import Iterable
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
    from ...core.learned import SeriesKey
    from ...ledger.samples import Group, Outcomes
    from ...stats.predictors import Predictor, Predictors

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
        found = [(group, _told(ledger.samples.outcomes(group, since, infra))) for group in groups]
    if as_json:
        click.echo(json.dumps([{**asdict(group), **asdict(told)} for group, told in found], indent=2))
        return
    if not found:
        click.echo(NOTHING.format(where=f" of job {job}" if job else ""))
    rows = []
    for group, told in found:
        shown = [each for each in told.counters if all_of_them or each.found]
        rows += [_row(group, each) for each in (shown if all_of_them else shown[:MOST])]
        if why := told.why or ("" if shown else f"no counter separates its {number(told.failed)} failed from its"
                                                f" {number(told.passed)} passed runs"):
            warn(f"{name_of(group.job)} on {name_of(group.branch)}: {why}")
    if rows:
        head = ("JOB", "BRANCH", "COUNTER", "AREA", "FROM", "TO", "FAILED", "PASSED", "")
        click.echo(table(head, rows, right={3, 4, 5, 6, 7}, within=terminal()))


def _groups(keys: Iterable[SeriesKey]) -> list[Group]:
    from ...ledger.samples import Group

    return list(dict.fromkeys(Group(key.tenant, key.job, key.branch, key.delta) for key in keys))


def _told(runs: Outcomes) -> Predictors:
    from ...stats.predictors import predictors as reckoned

    gauges = [counter for counter in runs.values if group_of(counter) in GAUGES]  # a second of one means nothing
    return reckoned(runs.values, runs.failed, runs.seconds, gauges)


def _row(group: Group, each: Predictor) -> list[str]:
    best = each.best
    name = f"{name_of(each.counter)}{' per second' if best is each.per_second else ''}"
    how = f"{'higher' if best.area > 0.5 else 'lower'} in failed runs" if each.found else "no more than by chance"
    return [name_of(group.job), name_of(group.branch), name, f"{best.area:.0%}", f"{best.low:.0%}", f"{best.high:.0%}",
            number(best.failed), number(best.passed), how]
