"""``counterbot failures show``: one group of failures that no rule explains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ...core.text.excerpt import excerpt
from ...core.text.figures import counted, date, moment, number
from ...core.text.inert import NAME, inert
from ...core.text.names import few
from ..opening import AS_JSON, CONFIG
from ..progress import progress
from ..tables import table, terminal
from .reading import grouper
from .wording import LINE, by_job, clock, face, hours, levelled, line_of, stamp, summary, wrapped

if TYPE_CHECKING:
    from ...engine.grouping import Group, Shown
    from ...files.config import Config
    from ...ledger.work import FailedRun

HEAD = ("ENDED", "CHANGE", "JOB", "RESULT")
BUILDS = 20
"""That a table shows; JSON has all."""

STORY = 30
JOBS = 10


@click.command()
@click.argument("group", metavar="GROUP", type=int)
@CONFIG
@AS_JSON
def show(group: int, file: str, as_json: bool) -> None:
    """Show a group of failures, by its number in 'failures list': its builds, and what they share.

    Below are the first lines of the newest build that passing builds do not have, and what the logs tell of the failed
    test's ids, in time over all files.

    The exit status is 1 where there is no such group.
    """
    with grouper(file) as (config, groups), progress(lambda: "reading its lines"):
        shown = groups.show(group)
        known = [] if shown else groups.numbers()
    if shown is None:
        there = f"there are {few([str(each) for each in known], 20)}" if known else "there is none yet"
        raise click.ClickException(f"no group {group}: {there}; 'counterbot failures list -c {file}' groups anew")
    if as_json:
        click.echo(json.dumps(_fields(shown, config), indent=2))
    else:
        click.echo("\n".join(wrapped(line, terminal()) for line in _told(shown, config, file, groups.now())))


def _told(shown: Shown, config: Config, file: str, now: int) -> Iterator[str]:
    from ...fingerprints.unknown.suggest import CHANGES

    group = shown.group
    yield from _numbers(group, now)
    yield ""
    yield from _shared(group)
    yield from _builds(group, config, now)
    if shown.telling:
        yield ""
        passing = f"{counted(shown.passing or 0, 'passing build')} of its job {'do' if shown.passing != 1 else 'does'}"
        yield f"Lines of the newest build that {passing} not have, the most telling first:"
        for template, at in shown.telling:
            yield f"  {inert(template.file, LINE)}{f', line {number(at)}' if at else ''}"
            yield f"    {levelled(template)}"
    elif shown.passing == 0:
        yield ""
        yield "No passing build of its job is known yet, so nothing tells which of its lines are unusual."
    if shown.story:
        yield ""
        yield "What its logs tell of the failed test's ids:"
        for line in shown.story[:STORY]:
            yield f"  {clock(line.at) or '--:--:--'}  {inert(line.file, LINE)}, line {number(line.number)}"
            yield f"    {excerpt(line.text, LINE)}"
    if group.changes >= CHANGES:
        yield ""
        yield f"The rule that would recognise them: counterbot failures suggest {group.id} -c {file}"


def _shared(group: Group) -> Iterator[str]:
    """What makes the builds a group. The lines of a build that is like no other come below."""
    if not group.shared:
        yield f"{'They' if len(group.runs) > 1 else 'It'} ended with {face(group)}"
        yield ""
    elif len(group.runs) > 1:
        yield "Lines that they share, and passing builds do not have, with the builds that have them:"
        yield from (f"  {each.builds:>4}  {inert(each.template.file, LINE)}: {levelled(each.template)}"
                    for each in group.shared)
        yield ""


def _numbers(group: Group, now: int) -> Iterator[str]:
    since, last = date(group.since, now), date(group.last, now)
    when = last if since == last else f"{since} to {last}"
    took = f"; {hours(group)} builder hours" if group.hours is not None else ""
    yield (f"Group {group.id}: {counted(len(group.runs), 'build')} of {counted(group.changes, 'change')}, {when}{took}")
    yield f"Jobs: {few([f'{job} ({number(count)})' for job, count in by_job(group)], JOBS)}"


def _builds(group: Group, config: Config, now: int) -> Iterator[str]:
    """The newest, each with its page in a line of its own, where that is not broken."""
    runs = group.runs[:BUILDS]
    rows = [(moment(run.ended, now), _change(run), inert(run.job, NAME), inert(run.result or "", NAME)) for run in runs]
    head, *lines = table(HEAD, rows).splitlines()
    yield head
    for line, run in zip(lines, runs, strict=True):
        yield from (line, f"    {_page(run, config) or run.uuid}")
    if (more := len(group.runs) - BUILDS) > 0:
        yield f"… and {number(more)} more: --json has all"


def _change(run: FailedRun) -> str:
    return f"{run.change},{run.patchset}" if run.change is not None else inert(run.branch, NAME)


def _page(run: FailedRun, config: Config) -> str | None:
    """The build's page, where it can only be one."""
    pages = config.zuul.tenant_pages
    return f"{pages[0]}/build/{run.uuid}" if len(pages) == 1 else None


def _fields(shown: Shown, config: Config) -> dict[str, Any]:
    group = shown.group
    return {
        **summary(group),
        "shared": [{**line_of(each.template), "builds": each.builds} for each in group.shared],
        "runs": [{"uuid": run.uuid, "page": _page(run, config), "job": run.job, "project": run.project,
                  "branch": run.branch, "pipeline": run.pipeline or None, "change": run.change,
                  "patchset": run.patchset, "result": run.result, "ended": stamp(run.ended), "seconds": run.seconds,
                  "tests": [test.name for test in run.tests], "failed_tests": run.failed_tests}
                 for run in group.runs],
        "passing": shown.passing,
        "telling": [{**line_of(template), "number": at} for template, at in shown.telling],
        "story": [{"time": clock(line.at) or None, "file": inert(line.file, LINE), "number": line.number,
                   "text": excerpt(line.text, LINE)} for line in shown.story],
    }
