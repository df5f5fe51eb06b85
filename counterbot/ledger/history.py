"""The history: a run for every finished build, and a sample for each of its counters. Only adds; judges nothing."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from ..core.model import Build, Counters, PatchSet
from .schema import runs, samples, series
from .store import Transaction


def keep(under_way: Transaction, build: Build, patchset: PatchSet, counters: Counters | None) -> bool:
    """Note a build and its counters, once. Whether its counters are new.

    Counters of which some are totals and some differences stay out: nothing tells whose series each is of.
    """
    under_way.insert_new(runs, [_run(build, patchset, under_way.now)])
    run = under_way.execute(select(runs.c.id, runs.c.ended).where(runs.c.uuid == build.uuid)).one()
    if counters is None or counters.mixed:
        return False
    if under_way.execute(select(samples.c.run).where(samples.c.run == run.id).limit(1)).first():
        return False
    which = {"project": build.project, "branch": build.branch, "job": build.job, "pipeline": build.pipeline or "",
             "delta": bool(counters.delta)}
    known = _series(under_way, which)
    if new := [name for name in counters.values if name not in known]:
        under_way.insert_new(series, [{**which, "counter": name} for name in new])
        known = _series(under_way, which)
    under_way.insert_new(samples, [{"series": known[name], "at": run.ended, "run": run.id, "value": float(value)}
                                   for name, value in counters.values.items()])
    return True


def _series(under_way: Transaction, which: Mapping[str, object]) -> dict[str, int]:
    """The numbers of a job's series, by counter."""
    query = select(series.c.counter, series.c.id).where(*(series.c[name] == value for name, value in which.items()))
    return {row.counter: row.id for row in under_way.execute(query)}


def _run(build: Build, patchset: PatchSet, now: int) -> dict[str, object]:
    """A branch's build has no change, and older Zuuls do not tell whose it is."""
    mine = build.change is None and (not build.changes or patchset.change in build.changes)
    change, number = (patchset.change, patchset.number) if mine else (build.change, build.patchset)
    return {"uuid": build.uuid, "job": build.job, "project": build.project, "branch": build.branch,
            "pipeline": build.pipeline or "", "change": change, "patchset": number, "result": build.result,
            "voting": build.voting, "ended": build.ended or now}
