"""How the commands on failures write a group: its numbers, its lines, its moments."""

from __future__ import annotations

import textwrap
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ...core.text.columns import width
from ...core.text.excerpt import excerpt
from ...core.text.inert import ELLIPSIS, NAME, inert

if TYPE_CHECKING:
    from ...core.lines import Template
    from ...engine.grouping import Group

LINE = 300
"""Bytes of a log line that are shown."""


def by_job(group: Group) -> list[tuple[str, int]]:
    """Its jobs with their builds, those of most builds first."""
    return [(inert(job, NAME), count) for job, count in sorted(group.jobs.items(), key=lambda each: (-each[1], each))]


def hours(group: Group) -> str:
    return "" if group.hours is None else f"{group.hours:,.1f}"


def message(template: Template) -> str:
    """A line without what stands before its message."""
    from ...fingerprints.templates.reading import split

    return excerpt(split(template.text, template.file).message.strip() or template.text, LINE)


def levelled(template: Template) -> str:
    return f"{template.level} {message(template)}".strip()


def face(group: Group) -> str:
    """How builds ended that share no line which tells: ``TIMED_OUT in phase run, task Run devstack``."""
    run = group.runs[0]
    result = inert(run.result or "", NAME)
    if run.tests:
        return f"{result}: {excerpt(run.tests[0].name, LINE)} failed first"
    phase = f" in phase {inert(run.phase, NAME)}" if run.phase else ""
    return f"{result}{phase}" + (f", task {excerpt(run.task, LINE)}" if run.task else "")


def stamp(moment: int) -> str:
    """``2026-11-18T02:10:11Z``, as JSON has it."""
    return f"{_utc(moment):%Y-%m-%dT%H:%M:%SZ}"


def clock(second: int | None) -> str:
    """A second of the day as ``02:10:11``; "" where it is not known."""
    return "" if second is None else f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def summary(group: Group) -> dict[str, Any]:
    """A group as JSON has it in the list."""
    run = group.runs[0]
    return {"group": group.id, "changes": group.changes, "builds": len(group.runs), "jobs": dict(by_job(group)),
            "hours": None if group.hours is None else round(group.hours, 2),
            "since": stamp(group.since), "last": stamp(group.last),
            "line": line_of(group.shared[0].template) if group.shared else None,
            "result": run.result, "phase": run.phase or None, "task": excerpt(run.task, LINE) or None}


def line_of(template: Template) -> dict[str, Any]:
    """A line as JSON has it."""
    return {"file": inert(template.file, LINE), "level": template.level or None, "text": message(template)}


def cut(line: str, columns: int | None) -> str:
    """A line that is not wider than the terminal."""
    if columns is None or width(line) <= columns:
        return line
    while width(line) >= columns:
        line = line[:-1]
    return line + ELLIPSIS


def wrapped(line: str, columns: int | None) -> str:
    """A line of a terminal's width, that goes on as far in as it began."""
    if columns is None or width(line) <= columns:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    return "\n".join(textwrap.wrap(line, columns, subsequent_indent=indent, break_on_hyphens=False))


def _utc(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, timezone.utc)
