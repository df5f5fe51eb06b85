"""The history: a run for every finished build, a sample for each of its counters, where known failures were found.

Judges nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import delete, func, select, update

from ..core.model import Build, Counters, Hit, PatchSet, Reader, Reading, is_failure
from . import failures, templates
from .schema import hits, runs, samples, series
from .store import Transaction
from .templates import Fitted

DAY = 86_400_000
"""Milliseconds."""


def keep(under_way: Transaction, build: Build, patchset: PatchSet | None, found: Mapping[Reader, Reading],
         rules: Collection[str] | None = None, fit: Fitted | None = None) -> bool:
    """Note a build and what was found in it; its counters once. Whether these are new.

    Hits of known failures replace what was found before of ``rules`` (None: of all). ``fit`` is of the build's lines.
    """
    under_way.insert_new(runs, [_run(build, patchset, under_way.now)])
    run = under_way.execute(select(runs.c.id, runs.c.job, runs.c.change, runs.c.ended, runs.c.counted)
                            .where(runs.c.uuid == build.uuid)).one()
    counters = found[Reader.COUNTERS].counters if Reader.COUNTERS in found else None
    failure = found[Reader.FAILURE].failure if Reader.FAILURE in found else None
    reduction = found[Reader.TEMPLATES].reduction if Reader.TEMPLATES in found else None
    if failure is not None:
        _note_hits(under_way, run, failure.hits, rules)
    if is_failure(build.result):  # a search for some rules shows nothing else
        failures.keep(under_way, run, failure if rules is None else None, reduction)
    if reduction is not None and fit is not None:
        templates.keep(under_way, run, is_failure(build.result), reduction, fit)
    return counters is not None and _note_counters(under_way, run, build, counters)


def seen(under_way: Transaction, rules: Collection[str], days: int) -> dict[str, int]:
    """In how many builds that ended in the last days each of some rules was found; one that was not is left out."""
    query = (select(hits.c.rule, func.count(hits.c.run.distinct())).group_by(hits.c.rule)
             .where(hits.c.rule.in_(rules), hits.c.at >= under_way.now - days * DAY))
    return dict(tuple(row) for row in under_way.execute(query)) if rules else {}


def _note_hits(under_way: Transaction, run: Any, found: Iterable[Hit], rules: Collection[str] | None) -> None:
    of_rules = [] if rules is None else [hits.c.rule.in_(rules)]
    under_way.execute(delete(hits).where(hits.c.run == run.id, *of_rules))
    under_way.insert(hits, [{"run": run.id, "at": run.ended, "rule": hit.rule, "file": hit.file, "line": hit.line,
                             "text": hit.text, "hits": hit.hits} for hit in found])


def _note_counters(under_way: Transaction, run: Any, build: Build, counters: Counters) -> bool:
    """Counters of which some are totals and some differences stay out: nothing tells whose series each is of."""
    if counters.mixed or run.counted:
        return False
    which = {"tenant": build.tenant, "job": build.job, "branch": build.branch, "delta": bool(counters.delta)}
    known = _series(under_way, which)
    if new := [name for name in counters.values if name not in known]:
        under_way.insert_new(series, [{**which, "counter": name} for name in new])
        known = _series(under_way, which)
    under_way.insert_new(samples, [{"series": known[name], "at": run.ended, "run": run.id, "value": float(value)}
                                   for name, value in counters.values.items()])
    # Of a run that was noted without counters the tenant may not be known.
    under_way.execute(update(runs).where(runs.c.id == run.id).values(counted=True, tenant=build.tenant))
    return True


def _series(under_way: Transaction, which: Mapping[str, object]) -> dict[str, int]:
    """The numbers of a job's series, by counter."""
    query = select(series.c.counter, series.c.id).where(*(series.c[name] == value for name, value in which.items()))
    return {row.counter: row.id for row in under_way.execute(query)}


def _run(build: Build, patchset: PatchSet | None, now: int) -> dict[str, object]:
    """A branch's build has no change, and older Zuuls do not tell whose it is."""
    mine = patchset and build.change is None and (not build.changes or patchset.change in build.changes)
    change, number = (patchset.change, patchset.number) if patchset and mine else (build.change, build.patchset)
    return {"uuid": build.uuid, "job": build.job, "project": build.project, "branch": build.branch,
            "pipeline": build.pipeline or "", "change": change, "patchset": number, "result": build.result,
            "voting": build.voting, "ended": build.ended or now, "seconds": build.seconds, "tenant": build.tenant,
            "nodeset": build.nodeset, "source": _source(patchset)}


def _source(patchset: PatchSet | None) -> str:
    """Who told of a build: a report on a change, Zuul's API on a branch's, or nobody but a walk through past builds."""
    return "backfill" if patchset is None else "zuul" if patchset.change is None else "report"
