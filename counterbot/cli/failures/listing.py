"""``counterbot failures list``: groups of failures that no rule explains."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ...core.text.figures import counted, date, number
from ...core.text.inert import NAME, inert
from ...core.text.names import few
from ..opening import AS_JSON, CONFIG
from ..progress import progress
from ..streams import warn
from ..tables import table, terminal
from .reading import grouper
from .wording import by_job, cut, face, hours, levelled, summary

if TYPE_CHECKING:
    from ...engine.grouping import Group
    from ...files.config import Config

HEAD = ("GROUP", "CHANGES", "BUILDS", "HOURS", "SINCE", "LAST", "JOBS")
INDENT = " " * 7
"""Of a group's line below its numbers."""

JOBS = 3


@click.command("list")
@CONFIG
@click.option("--job", metavar="J", help="Only groups with a build of this job.")
@click.option("--all", "all_of_them", is_flag=True, help="Also builds that failed like no other.")
@AS_JSON
def list_failures(file: str, job: str | None, all_of_them: bool, as_json: bool) -> None:
    """Show the failures of the last days that no rule explains, in groups of alike ones, worst first.

    The worst group is that of the most changes. HOURS are what its builds took, and below its numbers is the line that
    they share and passing builds do not have.
    """
    far = [(0, 0)]
    with (grouper(file) as (config, groups),
          progress(lambda: f"grouping: {far[0][0]:,} of {far[0][1]:,} failures read")):
        all_groups = groups.group(lambda *count: far.__setitem__(0, count))
    found = [group for group in all_groups if job is None or job in group.jobs]
    shown = [group for group in found if all_of_them or len(group.runs) > 1]
    if as_json:
        click.echo(json.dumps([summary(group) for group in found], indent=2))
    elif found:
        click.echo(listed(shown, len(found) - len(shown), groups.now()))
    else:
        click.echo(nothing(config, job))
    if told := limit(all_groups, groups.now()):
        warn(told)


def listed(groups: Sequence[Group], alone: int, now: int) -> str:
    """The table, and how many builds are ``alone``; ``now`` in epoch milliseconds."""
    rows = table(HEAD, [_row(group, now) for group in groups], right={0, 1, 2, 3}).splitlines()
    lines = rows[:1] if groups else []
    for row, group in zip(rows[1:], groups, strict=True):
        lines += [row, INDENT + _line(group)]
    if alone:
        what = "failed build is like no other" if alone == 1 else "failed builds are each like no other"
        lines.append(f"{number(alone)} {what}: --all lists {'it' if alone == 1 else 'them'}")
    return "\n".join(cut(line, terminal()) for line in lines)


def _row(group: Group, now: int) -> list[str]:
    return [str(group.id), number(group.changes), number(len(group.runs)), hours(group), date(group.since, now),
            date(group.last, now), few([job for job, _ in by_job(group)], JOBS)]


def _line(group: Group) -> str:
    if not group.shared:
        return face(group)
    template = group.shared[0].template
    return f"{inert(template.file, NAME)}: {levelled(template)}"


def limit(groups: Sequence[Group], now: int) -> str:
    """What is to be said where there are as many failures as are grouped at once; "" where there are fewer."""
    from ...ledger.failures import MOST

    if sum(len(group.runs) for group in groups) < MOST:
        return ""
    since = date(min(group.since for group in groups), now)
    return f"only the newest {number(MOST)} failures are grouped, those since {since}"


def nothing(config: Config, job: str | None) -> str:
    """What will be listed, and what makes it come."""
    if not config.unexplained.jobs:
        return ("Failures that no rule explains are not read: 'unexplained.jobs' in the configuration is empty; name"
                " the jobs to watch, or \"*\" for all.")
    days, where = counted(config.unexplained.days, "day"), f" of job {job}" if job else ""
    return (f"No failure{where} of the last {days} is without an explanation.\n"
            f"Failed builds of voting jobs that 'unexplained.jobs' names ({few(config.unexplained.jobs)}) will be here,"
            " once the bot has read them; 'counterbot backfill' reads past ones.")
