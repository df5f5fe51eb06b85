"""How a job's builds ended, and which pass rates fell. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update

from ..core.fallen import Drop
from ..core.model import NO_FAILURE, Delivery
from ..core.rules import matches
from .alone import alone
from .failures import TEST, test_key
from .outbox import owe
from .schema import drops, failures, hits, runs, traits
from .store import Store, Transaction, transaction
from .work import packed_from

DAY = 86_400_000
"""Milliseconds."""

RECENT_RUNS = 50_000
"""Newest runs among which a bot that starts looks for the jobs there are; some days of a large site."""

AT_ONCE = 500
"""Numbers in one query."""

LOCK = "fallen pass rates"
"""The name of the row that one bot at a time holds while it notes what fell."""

Job = tuple[str, str, str]
"""Tenant, job and branch."""


@dataclass(frozen=True)
class Ended:
    """A build that passed or failed; ``at`` is epoch milliseconds."""

    run: int
    at: int
    failed: bool
    project: str
    change: int | None
    pipeline: str


class Rates:
    """How builds ended. ``infra`` are rules that find the site's failures: builds in which they did are left out."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def jobs(self, pipelines: Sequence[str], after: int | None) -> tuple[list[Job], int]:
        """The jobs of runs that are newer than the run ``after``, and the newest run. ``pipelines`` are shell
        patterns."""
        return self.store.read(lambda under_way: _jobs(under_way, pipelines, after))

    def ended(self, job: Job, pipelines: Sequence[str], days: int, infra: Collection[str]) -> list[Ended]:
        """Builds of a job in the last days, oldest first."""
        return self.store.read(lambda under_way: _ended(under_way, job, pipelines, under_way.now - days * DAY, infra))

    def failed_tests(self, runs: Sequence[int]) -> dict[int, frozenset[int]]:
        """The keys of the tests that failed in each of these runs of which any is known."""
        return self.store.read(lambda under_way: _failed_tests(under_way, runs))

    def test_names(self, runs: Sequence[int], keys: Collection[int]) -> dict[int, str]:
        """The names of tests that failed in these runs, by key."""
        return self.store.read(lambda under_way: _test_names(under_way, runs, keys))

    def open(self) -> list[Drop]:
        """Rates that are down."""
        query = select(drops).where(drops.c.closed.is_(None)).order_by(drops.c.found, drops.c.id)
        return self.store.read(lambda under_way: list(map(_drop_from, under_way.execute(query).mappings())))

    @transaction
    def note(self, under_way: Transaction, jobs: Collection[Job], found: Iterable[Drop]) -> None:
        """What is known now of the rates of some jobs, in place of what was known before."""
        alone(under_way, LOCK)
        for job in jobs:
            _note(under_way, job, [drop for drop in found if drop.of == job])

    @transaction
    def tell(self, under_way: Transaction, since: int,
             say: Callable[[Sequence[Drop], Sequence[Drop]], tuple[Iterable[Drop], Iterable[Delivery]]]) -> None:
        """Owe what ``say`` makes of the drops found since then that were not told, beside those that were and are
        still open; what it tells of is told once, whoever else asks."""
        alone(under_way, LOCK)
        rows = under_way.execute(select(drops).where(drops.c.closed.is_(None))).mappings().all()
        untold = {_drop_from(row): row["id"] for row in rows if row["told"] is None and row["found"] >= since}
        if not untold:
            return
        told, deliveries = say(list(untold), [_drop_from(row) for row in rows if row["told"] is not None])
        numbers = [untold[drop] for drop in told]
        under_way.execute(update(drops).where(drops.c.id.in_(numbers)).values(told=under_way.now))
        owe(under_way, deliveries)


def _jobs(under_way: Transaction, pipelines: Sequence[str], after: int | None) -> tuple[list[Job], int]:
    newest = under_way.execute(select(func.max(runs.c.id))).scalar() or 0
    since = newest - RECENT_RUNS if after is None else after
    query = select(runs.c.tenant, runs.c.job, runs.c.branch, runs.c.pipeline).where(runs.c.id > since)
    found = {tuple(row) for row in under_way.execute(query)}  # for DISTINCT SQLite would look through all runs
    return sorted({(tenant, job, branch) for tenant, job, branch, pipeline in found
                   if matches(pipelines, pipeline)}), newest


def _of(job: Job, since: int) -> tuple[ColumnElement[bool], ...]:
    tenant, name, branch = job
    return (runs.c.tenant == tenant, runs.c.job == name, runs.c.ended >= since, runs.c.branch == branch,
            runs.c.result.not_in(NO_FAILURE - {"SUCCESS"}))


def _by_site(infra: Collection[str]) -> ColumnElement[bool]:
    return select(hits.c.run).where(hits.c.run == runs.c.id, hits.c.rule.in_(infra)).exists()


def _ended(under_way: Transaction, job: Job, pipelines: Sequence[str], since: int,
           infra: Collection[str]) -> list[Ended]:
    query = (select(runs.c.id, runs.c.ended, runs.c.result, runs.c.project, runs.c.change, runs.c.pipeline)
             .where(*_of(job, since), ~_by_site(infra)).order_by(runs.c.ended, runs.c.id))
    wanted: dict[str, bool] = {}
    found = []
    for row in under_way.execute(query):
        if row.pipeline not in wanted:
            wanted[row.pipeline] = matches(pipelines, row.pipeline)
        if wanted[row.pipeline]:
            found.append(Ended(row.id, row.ended, row.result != "SUCCESS", row.project, row.change, row.pipeline))
    return found


def _pieces(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for begin in range(0, len(numbers), AT_ONCE):
        yield numbers[begin:begin + AT_ONCE]


def _failed_tests(under_way: Transaction, numbers: Sequence[int]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for piece in _pieces(numbers):
        query = select(traits.c.run, traits.c.key).where(traits.c.run.in_(piece), traits.c.kind == TEST)
        for run, key in under_way.execute(query):
            found.setdefault(run, set()).add(key)
    return {run: frozenset(keys) for run, keys in found.items()}


def _test_names(under_way: Transaction, numbers: Sequence[int], keys: Collection[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for piece in _pieces(numbers):
        query = select(failures.c.shown).where(failures.c.run.in_(piece), failures.c.shown.is_not(None))
        for shown in under_way.execute(query).scalars():
            names = [test["name"] for test in packed_from(shown)["tests"]]
            found.update((key, name) for name in names if (key := test_key(name)) in keys)
    return found


def _note(under_way: Transaction, job: Job, found: Sequence[Drop]) -> None:
    tenant, name, branch = job
    mine = (drops.c.tenant == tenant, drops.c.job == name, drops.c.branch == branch)
    before = [(_drop_from(row), row["id"]) for row in under_way.execute(select(drops).where(*mine)).mappings()]
    left = {number for drop, number in before if drop.closed is None}
    for drop in found:
        same = [number for known, number in before if _same(known, drop)]
        if same:
            under_way.execute(update(drops).where(drops.c.id == same[-1]).values(
                closed=drop.closed, shown=_shown(drop)))
            left.discard(same[-1])
        elif drop.closed is None:
            under_way.execute(insert(drops).values(
                tenant=tenant, job=name, branch=branch, test=drop.test, started=drop.started, found=drop.found,
                shown=_shown(drop)))
    under_way.execute(update(drops).where(drops.c.id.in_(left)).values(closed=under_way.now))


def _same(known: Drop, drop: Drop) -> bool:
    """What is known of builds may change, and with it where a fall begins."""
    overlap = known.started <= (drop.closed or drop.found) and drop.started <= (known.closed or drop.started)
    return known.test == drop.test and overlap


def _shown(drop: Drop) -> str:
    return json.dumps({"after": drop.after, "until": drop.until, "usual": drop.usual, "failed": drop.failed,
                       "builds": drop.builds, "projects": drop.projects, "pipelines": drop.pipelines})


def _drop_from(row: Mapping[str, Any]) -> Drop:
    shown: dict[str, Any] = json.loads(row["shown"])
    lists: dict[str, Any] = {key: tuple(shown.pop(key)) for key in ("projects", "pipelines")}
    return Drop(row["tenant"], row["job"], row["branch"], row["test"], started=row["started"], found=row["found"],
                closed=row["closed"], **shown, **lists)
