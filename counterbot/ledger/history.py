"""Samples: every counter of every build that was read, whatever was decided. Only adds; judges nothing."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from ..core.model import Build, Counters, PatchSet
from . import schema
from .store import Store


def keep(connection: Connection, build: Build, patchset: PatchSet, counters: Counters, now: int) -> bool:
    """Note a build and its counters; a build that is known already adds nothing. Whether the counters are new.

    Counters of which some are totals and some differences stay out: nothing tells whose series each is of.
    """
    known_run = select(schema.runs.c.id).where(schema.runs.c.uuid == build.uuid)
    new_run = connection.execute(known_run).first() is None
    Store.insert_new(connection, schema.runs, [_run(build, patchset, now)])
    run = connection.execute(select(schema.runs.c.id, schema.runs.c.ended)
                             .where(schema.runs.c.uuid == build.uuid)).one()
    if counters.mixed:
        return False
    which = {"project": build.project, "branch": build.branch, "job": build.job, "pipeline": build.pipeline or "",
             "delta": bool(counters.delta)}
    known = _series(connection, which)
    if new := [name for name in counters.values if name not in known]:
        Store.insert_new(connection, schema.series, [{**which, "counter": name} for name in new])
        known = _series(connection, which)
    Store.insert_new(connection, schema.samples, [
        {"series": known[name], "at": run.ended, "run": run.id, "value": float(value)}
        for name, value in counters.values.items()])
    return new_run


def _series(connection: Connection, which: Mapping[str, object]) -> dict[str, int]:
    """The numbers of a job's series, by counter."""
    columns = schema.series.c
    query = select(columns.counter, columns.id).where(*(columns[name] == value for name, value in which.items()))
    return {row.counter: row.id for row in connection.execute(query)}


def _run(build: Build, patchset: PatchSet, now: int) -> dict[str, object]:
    return {"uuid": build.uuid, "job": build.job, "project": build.project, "branch": build.branch,
            "pipeline": build.pipeline or "", "change": patchset.change, "patchset": patchset.number,
            "result": build.result, "voting": build.voting, "ended": build.ended or now}
