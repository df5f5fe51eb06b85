"""``counterbot series list`` and ``stable``: the series of the history, and which are steady enough to be bounded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ...core.text.figures import counted, date, number, whole
from ...core.text.inert import name_of
from ..opening import AS_JSON, CONFIG, opened
from ..tables import table, terminal

if TYPE_CHECKING:
    from ...ledger.samples import Known

JOB = click.option("--job", metavar="J", help="Only series of this job.")
BRANCH = click.option("--branch", metavar="B", help="Only series of this branch.")
NOTHING = ("No counters are in the history yet{where}. Those of every build of a job that 'learned.jobs' names go there"
           " as builds end; 'counterbot backfill --days 30' reads past ones.")


@click.command("list")
@CONFIG
@JOB
@BRANCH
@AS_JSON
def list_series(file: str, job: str | None, branch: str | None, as_json: bool) -> None:
    """Show every series of the history: how many runs show what is usual, the usual value, the learned bound."""
    _print(file, job, branch, as_json, stable=False)


@click.command("stable")
@CONFIG
@JOB
@BRANCH
@AS_JSON
def stable_series(file: str, job: str | None, branch: str | None, as_json: bool) -> None:
    """Show the counters that are steady enough to be bounded, those first of which the smallest rise is caught.

    The smallest rise is what the bound catches in 19 of 20 runs. Counters that are not stable follow, with why.
    """
    _print(file, job, branch, as_json, stable=True)


def _print(file: str, job: str | None, branch: str | None, as_json: bool, stable: bool) -> None:
    with opened(file) as (_, ledger, _book):
        found = ledger.samples.known(None, job, branch)
        now = ledger.now()
    if stable:
        found.sort(key=_steadiest_first)
    bounds = _bounds(found)
    if as_json:
        click.echo(json.dumps([_summary(each, bound) for each, bound in zip(found, bounds, strict=True)], indent=2))
    elif not found:
        click.echo(NOTHING.format(where=f" of job {job}" if job else ""))
    else:
        head = ("JOB", "BRANCH", "COUNTER", "RUNS", "USUAL", "BOUND", "CAUGHT", "SINCE", "STABLE")
        rows = [_row(each, bound, now) for each, bound in zip(found, bounds, strict=True)]
        click.echo(table(head, rows, right={3, 4, 5, 6}, within=terminal()))


def _steadiest_first(each: Known) -> tuple[bool, float, str, str]:
    level = each.level
    rise = level.rise if level and level.rise is not None else 0.0
    return level is None or not level.stable, rise, each.series.key.job, each.series.key.counter


def _bounds(found: Sequence[Known]) -> list[float | None]:
    """The bounds of the stable ones."""
    from ...stats.bounds import bounds

    stable = [each for each in found if each.level and each.level.stable]
    reckoned = iter(bounds([each.level for each in stable if each.level], [each.rate or 0 for each in stable]))
    return [next(reckoned) if each.level and each.level.stable else None for each in found]


def _row(each: Known, bound: float | None, now: int) -> list[str]:
    key, level = each.series.key, each.level
    usual = number(whole(level.usual)) if level else ""
    rise = "" if bound is None or level is None or level.rise is None else f"+{level.rise:.1%}"
    why = "yes" if level and level.stable else "; ".join(level.why) if level else _unknown(each)
    return [name_of(key.job), name_of(key.branch), name_of(key.counter), number(each.runs), usual,
            "" if bound is None else number(whole(bound)), rise, date(each.since, now) if each.since else "", why]


def _unknown(each: Known) -> str:
    return f"only {counted(each.runs, 'run')}" if each.rate is not None else "not looked at yet"


def _summary(each: Known, bound: float | None) -> dict[str, Any]:
    key, level = each.series.key, each.level
    return {"tenant": key.tenant, "job": key.job, "branch": key.branch, "counter": key.counter, "delta": key.delta,
            "runs": each.runs, "usual": level and level.usual, "bound": bound, "since": each.since,
            "stable": level is not None and level.stable, "smallest_caught": level and level.rise,
            "why": list(level.why) if level else [_unknown(each)]}

