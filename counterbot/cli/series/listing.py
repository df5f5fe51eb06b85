"""``counterbot series list`` and ``stable``: the series of the history, and which are steady enough to be bounded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ...core.rules import matches
from ...core.text.figures import counted, date, number, whole
from ...core.text.inert import name_of
from ...core.wording.moved import share
from ..opening import AS_JSON, CONFIG, opened
from ..tables import table, terminal

if TYPE_CHECKING:
    from ...core.moved import Move
    from ...ledger.samples import Known

JOB = click.option("--job", metavar="J", help="Only series of this job.")
BRANCH = click.option("--branch", metavar="B", help="Only series of this branch.")
TENANT = click.option("--tenant", metavar="T", help="Only series of this tenant of Zuul's.")
COUNTER = click.option("--counter", metavar="C", help="Only series of this counter, or of those that fit a shell"
                       " pattern, such as 'mysql.*'.")
NOTHING = ("No counters are in the history yet{where}. Those of every build of a job that 'learned.jobs' names go there"
           " as builds end; 'counterbot backfill --days 30' reads past ones.")


@click.command("list")
@CONFIG
@JOB
@BRANCH
@TENANT
@COUNTER
@AS_JSON
def list_series(as_json: bool, **asked: str) -> None:
    """Show every series of the history: how many runs show what is usual, the usual value, the learned bound.

    MOVED is when its level moved last, and by how much.
    """
    _print(as_json, stable=False, **asked)


@click.command("stable")
@CONFIG
@JOB
@BRANCH
@TENANT
@COUNTER
@AS_JSON
def stable_series(as_json: bool, **asked: str) -> None:
    """Show the counters that are steady enough to be bounded, those first of which the smallest rise is caught.

    The smallest rise is what the bound catches in 19 of 20 runs. Counters that are not stable follow, with why.
    """
    _print(as_json, stable=True, **asked)


def _print(as_json: bool, stable: bool, file: str, job: str | None, branch: str | None, tenant: str | None,
           counter: str | None) -> None:
    with opened(file) as (_, ledger, _book):
        found = [each for each in ledger.samples.known(tenant, job, branch)
                 if counter is None or matches((counter,), each.series.key.counter)]
        moved = {move.key: move for move in ledger.moves.of(tenant, job, branch)}  # the last of each: it comes last
        now = ledger.now()
    if stable:
        found.sort(key=_steadiest_first)
    rows = [(each, bound, moved.get(each.series.key)) for each, bound in zip(found, bounds_of(found), strict=True)]
    if as_json:
        click.echo(json.dumps([summary(*row) for row in rows], indent=2))
    elif not found:
        where = "".join(f" of {what} {name}" for what, name in (
            ("job", job), ("branch", branch), ("tenant", tenant), ("counter", counter)) if name)
        click.echo(NOTHING.format(where=where))
    else:
        head = ("JOB", "BRANCH", "COUNTER", "RUNS", "USUAL", "BOUND", "CAUGHT", "SINCE", "MOVED", "STABLE")
        click.echo(table(head, [_row(each, bound, None if stable else move, now) for each, bound, move in rows],
                         right={3, 4, 5, 6}, within=terminal()))


def _steadiest_first(each: Known) -> tuple[bool, float, str, str]:
    level = each.level
    rise = level.rise if level and level.rise is not None else 0.0
    return level is None or not level.stable, rise, each.series.key.job, each.series.key.counter


def bounds_of(found: Sequence[Known]) -> list[float | None]:
    """The bounds of the stable ones."""
    from ...stats.bounds import bounds

    stable = [each for each in found if each.level and each.level.stable]
    reckoned = iter(bounds([each.level for each in stable if each.level], [each.rate or 0 for each in stable]))
    return [next(reckoned) if each.level and each.level.stable else None for each in found]


def _row(each: Known, bound: float | None, moved: Move | None, now: int) -> list[str]:
    key, level = each.series.key, each.level
    usual = number(whole(level.usual)) if level else ""
    rise = "" if bound is None or level is None or level.rise is None else f"+{level.rise:.1%}"
    why = "yes" if level and level.stable else "; ".join(why_not(each))
    return [name_of(key.job), name_of(key.branch), name_of(key.counter), number(each.runs), usual,
            "" if bound is None else number(whole(bound)), rise, date(each.since, now) if each.since else "",
            f"{date(moved.started, now)} {share(moved)}" if moved else "", why]


def why_not(each: Known) -> tuple[str, ...]:
    """Why a series is not stable; () where it is."""
    return each.level.why if each.level else (_unknown(each),)


def _unknown(each: Known) -> str:
    return f"only {counted(each.runs, 'run')}" if each.rate is not None else "not looked at yet"


def summary(each: Known, bound: float | None, moved: Move | None) -> dict[str, Any]:
    """A series as JSON has it in a list."""
    key, level = each.series.key, each.level
    return {"tenant": key.tenant, "job": key.job, "branch": key.branch, "counter": key.counter, "delta": key.delta,
            "runs": each.runs, "usual": level and level.usual, "bound": bound, "since": each.since,
            "stable": level is not None and level.stable, "smallest_caught": level and level.rise,
            "why": list(why_not(each)), "moved": moved and move_fields(moved)}


def move_fields(move: Move) -> dict[str, Any]:
    """Where a series moved, as JSON has it; times are epoch milliseconds."""
    return {"after": move.after, "started": move.started, "before": move.before, "now": move.now, "change": move.change,
            "p": move.p, "runs": move.runs, "accepted": move.accepted and asdict(move.accepted)}
