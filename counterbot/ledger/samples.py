"""Series of counters: their runs, which of them show what is usual, and the levels kept ready. Reckons nothing."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select

from ..core.learned import Level, Measured, SeriesKey
from ..core.model import LEARNED, Kind, PatchSet, is_failure
from ..core.rules import matches
from .alone import alone
from .moves import LOCK as MOVES
from .moves import Seen, note, noted
from .schema import (
    acknowledged,
    acknowledgements,
    change_points,
    findings,
    hits,
    levels,
    reports,
    runs,
    samples,
    series,
)
from .store import Store, Transaction, transaction

PASSED = "SUCCESS"
SOME = 500
"""Series that are looked at in one transaction, since others write meanwhile, and numbers in one query."""


@dataclass(frozen=True)
class Group:
    """The series of all counters of a job's builds on a branch, of differences or of totals."""

    tenant: str
    job: str
    branch: str
    delta: bool


@dataclass(frozen=True)
class SeriesRow:
    """A series and its number."""

    id: int
    key: SeriesKey


@dataclass(frozen=True)
class Point:
    """A run of a series; ``at`` is when it ended, in epoch milliseconds."""

    at: int
    value: float
    uuid: str
    project: str
    change: int | None
    patchset: int | None
    pipeline: str
    result: str | None
    nodeset: str | None
    source: str


@dataclass(frozen=True)
class Usual:
    """Which runs show what is usual: successful ones of pipelines that fit a shell pattern of ``baseline``, and of
    ``check`` the newest of each change that has no open finding."""

    baseline: Sequence[str]
    check: Sequence[str] = ()


@dataclass
class Baseline:
    """The runs of a series that show what is usual, the oldest first; times are epoch milliseconds."""

    at: array[int]
    values: array[float]


@dataclass(frozen=True)
class Ready:
    """The level of a series, that began with a run which ended at ``since``; its bound warns falsely at ``rate``. It
    was learned when somebody ``looked``."""

    series: int
    counter: str
    level: Level
    since: int
    rate: float
    looked: int


@dataclass(frozen=True)
class Known:
    """What is known of a series: of how many ``runs`` that show what is usual; the rest is None where these are too
    few, or nobody looked yet."""

    series: SeriesRow
    runs: int
    level: Level | None
    since: int | None
    rate: float | None


@dataclass(frozen=True)
class Outcomes:
    """Runs that passed or ``failed``, how many ``seconds`` each took, and by counter their values; NaN where a run has
    none."""

    failed: list[bool]
    seconds: list[float]
    values: dict[str, list[float]]


@dataclass(frozen=True)
class Run:
    """A run on a patch set of a change, with its counters."""

    group: Group
    project: str
    pipeline: str
    patchset: int | None
    values: dict[str, float]


@dataclass(frozen=True)
class Step:
    """A step of a counter that a person accepted by an acknowledgement, and that came with a change which was merged
    ``at`` a time."""

    acknowledgement: int
    counter: str
    at: int


@dataclass(frozen=True)
class Look:
    """What a look at a series told: its ``level`` (None: too few runs), and ``since`` when; of how many ``runs``, the
    first of which ended at ``first``; and where it ``moved``."""

    series: int
    level: Level | None
    since: int | None
    runs: int
    first: int
    moved: tuple[Seen, ...]


@dataclass(frozen=True)
class Crossing:
    """A run that was over a learned bound, which no other confirmed; it ended ``at``, in epoch milliseconds."""

    at: int
    uuid: str
    change: int | None
    patchset: int | None
    value: float
    bound: float


class Samples:
    """The history of counters."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def series(self, tenant: str | None = None, job: str | None = None, branch: str | None = None,
               counter: str | None = None) -> list[SeriesRow]:
        """All series, or those of these names, in their order."""
        asked = {series.c.tenant: tenant, series.c.job: job, series.c.branch: branch, series.c.counter: counter}
        query = select(series).where(*(column == name for column, name in asked.items() if name is not None)).order_by(
            series.c.job, series.c.branch, series.c.tenant, series.c.counter, series.c.delta)
        return [SeriesRow(row.id, SeriesKey(row.tenant, row.job, row.branch, row.counter, row.delta))
                for row in self._rows(query)]

    def points(self, number: int, since: int = 0) -> list[Point]:
        """The runs of a series that ended since a time, the oldest first, whatever their result."""
        return [Point(*row) for row in self._rows(_points(number, since))]

    def fresh(self, after: int | None) -> tuple[list[Group], int]:
        """The groups of the counted runs after one (a number; None: after those that their levels know), and the number
        of the newest run."""
        return self.store.read(lambda under_way: (
            list(_unlearned(under_way) if after is None else _counted(under_way, after)),
            under_way.execute(select(func.max(runs.c.id))).scalar() or 0))

    def looked_at(self, group: Group) -> int:
        """When the levels of a group were learned, in epoch milliseconds; 0 where they were not."""
        query = select(func.max(levels.c.at)).join(series, series.c.id == levels.c.series).where(*_of(group))
        return int(self.store.read(lambda under_way: under_way.execute(query).scalar()) or 0)

    def baselines(self, group: Group, usual: Usual, since: int = 0,
                  most: int | None = None) -> dict[SeriesRow, Baseline]:
        """Of each counter of a group the runs that show what is usual, those that ended since a time; of the newest
        ``most`` builds."""
        return self.store.read(lambda under_way: _baselines(under_way, group, usual, since, most))

    def known(self, tenant: str | None = None, job: str | None = None, branch: str | None = None) -> list[Known]:
        """All series, or those of these names, with what is known of each."""
        asked = {series.c.tenant: tenant, series.c.job: job, series.c.branch: branch}
        query = (select(series, levels.c.runs, levels.c.level, levels.c.since, levels.c.rate)
                 .outerjoin(levels, levels.c.series == series.c.id)
                 .where(*(column == name for column, name in asked.items() if name is not None))
                 .order_by(series.c.job, series.c.branch, series.c.tenant, series.c.counter, series.c.delta))
        return [Known(SeriesRow(row.id, SeriesKey(row.tenant, row.job, row.branch, row.counter, row.delta)),
                      row.runs or 0, level_from(row.level) if row.level else None, row.since, row.rate)
                for row in self._rows(query)]

    def outcomes(self, group: Group, since: int, infra: Collection[str] = ()) -> Outcomes:
        """The runs of a group that passed or failed since a time, without those in which a rule of ``infra`` was found.
        """
        return self.store.read(lambda under_way: _outcomes(under_way, group, since, infra))

    def ready(self, group: Group) -> list[Ready]:
        """The levels of a group's counters."""
        query = (select(levels.c.series, series.c.counter, levels.c.level, levels.c.since, levels.c.rate, levels.c.at)
                 .join(series, series.c.id == levels.c.series)
                 .where(*_of(group), levels.c.since.is_not(None)).order_by(series.c.counter))
        return [Ready(row.series, row.counter, level_from(row.level), row.since, row.rate, row.at)
                for row in self._rows(query)]

    def newest(self) -> int:
        """The number of the newest run; 0 where there is none."""
        return int(self.store.read(lambda under_way: under_way.execute(select(func.max(runs.c.id))).scalar()) or 0)

    @transaction
    def save(self, under_way: Transaction, group: Group, newest: int, looks: Sequence[Look], rate: float) -> None:
        """What a look at all of a group's counters told, in place of what was known before; ``newest`` is the number of
        the newest run there was then."""
        alone(under_way, MOVES)
        of_group = select(series.c.id).where(*_of(group))
        there = set(under_way.execute(of_group).scalars())  # others may have been forgotten since the look
        looks = [look for look in looks if look.series in there]
        known = set(under_way.execute(select(levels.c.series).where(levels.c.series.in_(there))).scalars())
        under_way.execute(delete(levels).where(levels.c.series.in_(of_group)))
        under_way.insert(levels, [
            {"series": look.series, "at": under_way.now, "newest": newest, "runs": look.runs, "since": look.since,
             "stable": look.level is not None and look.level.stable,
             "level": level_text(look.level) if look.level else "", "rate": rate} for look in looks])
        moved = noted(under_way, of_group)
        for look in looks:
            before = [row for row in moved.get(look.series, ()) if row["started"] >= look.first]
            note(under_way, look.series, look.series in known, before, look.moved)

    def steps(self, group: Group) -> list[Step]:
        """The accepted steps of a group's counters whose changes were merged."""
        query = (select(acknowledgements.c.id, acknowledged.c.counter, acknowledgements.c.merged)
                 .join(acknowledgements, acknowledgements.c.id == acknowledged.c.acknowledgement)
                 .where(acknowledgements.c.accepts, acknowledgements.c.merged.is_not(None),
                        acknowledgements.c.branch == group.branch, acknowledged.c.job == group.job))
        return [Step(*row) for row in self._rows(query)]

    def newest_of(self, patchset: PatchSet) -> list[Run]:
        """The newest counted run of each tenant's job on the change of a patch set, unless its counters are forgotten.
        """
        return self.store.read(lambda under_way: list(_newest_of(under_way, patchset)))

    @transaction
    def prune(self, under_way: Transaction, keep: int, after: int = 0) -> int | None:
        """Forget the samples that are older than ``keep`` milliseconds of the next SOME series after a number, and the
        series that have none left. The number of the last one; None where there is none."""
        numbers = list(under_way.execute(
            select(series.c.id).where(series.c.id > after).order_by(series.c.id).limit(SOME)).scalars())
        if not numbers:
            return None
        under_way.execute(delete(samples).where(samples.c.series.in_(numbers), samples.c.at < under_way.now - keep))
        empty = [number for number in numbers if under_way.execute(
            select(samples.c.run).where(samples.c.series == number).limit(1)).first() is None]
        for column in (levels.c.series, change_points.c.series, series.c.id):
            under_way.execute(delete(column.table).where(column.in_(empty)))
        return int(numbers[-1])

    def history(self, row: SeriesRow, usual: Usual, since: int = 0) -> list[tuple[Point, bool]]:
        """The runs of a series that ended since a time, the oldest first, each with whether it shows what is usual."""
        def read(under_way: Transaction) -> list[tuple[Point, bool]]:
            chosen = _chosen(under_way, _group_of(row.key), usual, since)
            return [(Point(*found), run in chosen)
                    for *found, run in under_way.execute(_points(row.id, since).add_columns(runs.c.id))]

        return self.store.read(read)

    def unconfirmed(self, key: SeriesKey, since: int, most: int) -> list[Crossing]:
        """The last runs that were over the learned bound of a series since a time, and were not confirmed; the newest
        first."""
        query = (select(runs.c.ended, runs.c.uuid, runs.c.change, runs.c.patchset, findings.c.value, findings.c.bound)
                 .join(findings, findings.c.build == runs.c.uuid)
                 .where(runs.c.tenant == key.tenant, runs.c.job == key.job, runs.c.branch == key.branch,
                        runs.c.ended >= since, findings.c.kind == Kind.COUNTER.value, findings.c.rule == LEARNED,
                        findings.c.subject == key.counter, findings.c.confirmed.is_(False))
                 .distinct().order_by(runs.c.ended.desc(), runs.c.uuid).limit(most))
        return [Crossing(*row) for row in self._rows(query)]

    def measured(self, group: Group, usual: Usual, most: int) -> list[Measured]:
        """The last runs of a group that passed, with their counters; the newest first."""
        return self.store.read(lambda under_way: _measured(under_way, group, usual, most))

    def _rows(self, query: Any) -> list[Any]:
        return self.store.read(lambda under_way: list(under_way.execute(query)))


def level_text(level: Level) -> str:
    return json.dumps(asdict(level))


def level_from(text: str) -> Level:
    found = json.loads(text)
    return Level(**{**found, "why": tuple(found["why"])})


def _of(group: Group) -> tuple[ColumnElement[bool], ...]:
    return (series.c.job == group.job, series.c.branch == group.branch, series.c.tenant == group.tenant,
            series.c.delta == group.delta)


def _group_of(key: SeriesKey) -> Group:
    return Group(key.tenant, key.job, key.branch, key.delta)


def _points(number: int, since: int) -> Select[Any]:
    return (select(samples.c.at, samples.c.value, runs.c.uuid, runs.c.project, runs.c.change, runs.c.patchset,
                   runs.c.pipeline, runs.c.result, runs.c.nodeset, runs.c.source)
            .join(runs, runs.c.id == samples.c.run)
            .where(samples.c.series == number, samples.c.at >= since).order_by(samples.c.at, samples.c.run))


def _newest_of(under_way: Transaction, patchset: PatchSet) -> Iterator[Run]:
    query = select(runs).where(runs.c.change == patchset.change, runs.c.project == patchset.project,
                               runs.c.counted).order_by(runs.c.ended, runs.c.id)
    newest = {(row["job"], row["tenant"]): row for row in under_way.execute(query).mappings()}
    for (job, tenant), row in sorted(newest.items(), key=lambda each: each[0]):
        counters = (select(series.c.delta, series.c.counter, samples.c.value)
                    .join(samples, samples.c.series == series.c.id)
                    .where(series.c.job == job, series.c.branch == row["branch"], series.c.tenant == tenant,
                           samples.c.at == row["ended"], samples.c.run == row["id"]).order_by(series.c.counter))
        if found := list(under_way.execute(counters)):
            group = Group(tenant, job, row["branch"], found[0].delta)
            values = {each.counter: each.value for each in found}
            yield Run(group, patchset.project, row["pipeline"], row["patchset"], values)


def _outcomes(under_way: Transaction, group: Group, since: int, infra: Collection[str]) -> Outcomes:
    query = select(runs.c.id, runs.c.result, runs.c.seconds).where(
        runs.c.tenant == group.tenant, runs.c.job == group.job, runs.c.branch == group.branch, runs.c.ended >= since,
        runs.c.counted)
    of_the_site = set(under_way.execute(select(hits.c.run).where(
        hits.c.rule.in_(list(infra)), hits.c.at >= since)).scalars()) if infra else set()
    ended = [row for row in under_way.execute(query)
             if (row.result == PASSED or is_failure(row.result)) and row.id not in of_the_site]
    place = {row.id: number for number, row in enumerate(ended)}
    values: dict[str, list[float]] = {}
    for row in under_way.execute(select(series.c.id, series.c.counter).where(*_of(group)).order_by(series.c.counter)):
        found = values[row.counter] = [math.nan] * len(ended)
        for run, value in under_way.execute(
                select(samples.c.run, samples.c.value).where(samples.c.series == row.id, samples.c.at >= since)):
            if run in place:
                found[place[run]] = value
    return Outcomes([is_failure(row.result) for row in ended],
                    [math.nan if row.seconds is None else row.seconds for row in ended], values)


def _unlearned(under_way: Transaction) -> Iterator[Group]:
    """Looks through all runs: a bot asks so once, when it starts."""
    newest = select(runs.c.tenant, runs.c.job, runs.c.branch, func.max(runs.c.id).label("newest")).where(
        runs.c.counted).group_by(runs.c.tenant, runs.c.job, runs.c.branch).subquery()
    query = (select(series.c.tenant, series.c.job, series.c.branch, series.c.delta)
             .join(newest, (newest.c.tenant == series.c.tenant) & (newest.c.job == series.c.job)
                   & (newest.c.branch == series.c.branch))
             .outerjoin(levels, levels.c.series == series.c.id)
             .where(levels.c.newest.is_(None) | (levels.c.newest < newest.c.newest))
             .distinct().order_by(series.c.job, series.c.branch, series.c.tenant, series.c.delta))
    return (Group(*row) for row in under_way.execute(query))


def _counted(under_way: Transaction, after: int) -> Iterator[Group]:
    """Without DISTINCT, for which SQLite would look through all runs."""
    query = select(runs.c.tenant, runs.c.job, runs.c.branch).where(runs.c.id > after, runs.c.counted)
    for tenant, job, branch in sorted({tuple(row) for row in under_way.execute(query)}):
        deltas = select(series.c.delta).distinct().where(
            series.c.tenant == tenant, series.c.job == job, series.c.branch == branch).order_by(series.c.delta)
        yield from (Group(tenant, job, branch, delta) for delta in under_way.execute(deltas).scalars())


def _baselines(under_way: Transaction, group: Group, usual: Usual, since: int,
               most: int | None) -> dict[SeriesRow, Baseline]:
    chosen = _chosen(under_way, group, usual, since)
    if most is not None and len(chosen) > most:
        chosen = dict(sorted(chosen.items(), key=lambda run: run[1])[-most:])
        since = min(chosen.values())
    found: dict[SeriesRow, Baseline] = {}
    for row in under_way.execute(select(series.c.id, series.c.counter).where(*_of(group)).order_by(series.c.counter)):
        made = Baseline(array("q"), array("d"))
        query = (select(samples.c.at, samples.c.run, samples.c.value).order_by(samples.c.at, samples.c.run)
                 .where(samples.c.series == row.id, samples.c.at >= since))
        for at, run, value in under_way.execute(query):
            if run in chosen:
                made.at.append(at)
                made.values.append(value)
        key = SeriesKey(group.tenant, group.job, group.branch, row.counter, group.delta)
        found[SeriesRow(row.id, key)] = made
    return found


def _chosen(under_way: Transaction, group: Group, usual: Usual, since: int) -> dict[int, int]:
    """The runs of a group that show what is usual, each with when it ended."""
    query = (select(runs.c.id, runs.c.ended, runs.c.project, runs.c.change, runs.c.pipeline)
             .where(runs.c.tenant == group.tenant, runs.c.job == group.job, runs.c.branch == group.branch,
                    runs.c.ended >= since, runs.c.counted, runs.c.result == PASSED).order_by(runs.c.ended, runs.c.id))
    chosen: dict[int, int] = {}
    newest: dict[tuple[str, int], tuple[int, int]] = {}
    for run, ended, project, change, pipeline in under_way.execute(query):
        if matches(usual.baseline, pipeline):
            chosen[run] = ended
        elif change is not None and usual.check and matches(usual.check, pipeline):
            newest[project, change] = run, ended
    unsettled = _unsettled(under_way, {change for _, change in newest})
    return chosen | dict(run for which, run in newest.items() if which not in unsettled)


def _measured(under_way: Transaction, group: Group, usual: Usual, most: int) -> list[Measured]:
    query = (select(runs.c.id, runs.c.uuid, runs.c.ended, runs.c.change, runs.c.patchset)
             .where(runs.c.tenant == group.tenant, runs.c.job == group.job, runs.c.branch == group.branch,
                    runs.c.counted, runs.c.result == PASSED)
             .order_by(runs.c.ended.desc(), runs.c.id.desc()).limit(most))
    last = under_way.execute(query).all()
    since = last[-1].ended if last else 0
    chosen = _chosen(under_way, group, usual, since)
    values: dict[int, dict[str, float]] = {row.id: {} for row in last}
    for row in under_way.execute(select(series.c.id, series.c.counter).where(*_of(group)).order_by(series.c.counter)):
        for run, value in under_way.execute(
                select(samples.c.run, samples.c.value).where(samples.c.series == row.id, samples.c.at >= since)):
            if run in values:
                values[run][row.counter] = value
    return [Measured(row.uuid, row.ended, row.change, row.patchset, row.id in chosen, values[row.id]) for row in last]


def _unsettled(under_way: Transaction, changes: Collection[int]) -> set[tuple[str, int]]:
    """Project and number of those changes that have a finding on a counter, which nobody accepted."""
    found: set[tuple[str, int]] = set()
    numbers = sorted(changes)
    for begin in range(0, len(numbers), SOME):
        piece = numbers[begin:begin + SOME]
        settled = {tuple(row) for row in under_way.execute(
            select(acknowledgements.c.project, acknowledgements.c.change, acknowledged.c.counter)
            .join(acknowledged, acknowledged.c.acknowledgement == acknowledgements.c.id)
            .where(acknowledgements.c.change.in_(piece), acknowledgements.c.accepts))}
        over = under_way.execute(
            select(reports.c.project, reports.c.change, findings.c.subject).distinct()
            .join(findings, findings.c.report == reports.c.id)
            .where(reports.c.change.in_(piece), findings.c.kind == Kind.COUNTER.value))
        found |= {(row.project, row.change) for row in over if tuple(row) not in settled}
    return found
