"""Where the levels of series moved: kept as looks at them find it, and told once. Reckons nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, insert, select, update

from ..core.learned import SeriesKey
from ..core.model import Delivery
from ..core.moved import Accepted, Move
from .alone import alone
from .outbox import owe
from .schema import acknowledgements, change_points, runs, samples, series
from .store import Row, Store, Transaction, transaction

LOCK = "moves of the branch"
"""The name of the row that one bot at a time holds while it notes and tells what moved."""


@dataclass(frozen=True)
class Seen:
    """A move as a look at a series found it. Another look may place it between the ``earliest`` and the ``latest``
    time; ``accepted`` is the number of the acknowledgement by which it is to be."""

    move: Move
    earliest: int
    latest: int
    accepted: int | None = None


class Moves:
    """Where levels moved."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def of(self, tenant: str | None = None, job: str | None = None, branch: str | None = None,
           counter: str | None = None) -> list[Move]:
        """Those of all series, or of series of these names, in their order and then the oldest first."""
        asked = {series.c.tenant: tenant, series.c.job: job, series.c.branch: branch, series.c.counter: counter}
        query = _moves().where(*(column == name for column, name in asked.items() if name is not None)).order_by(
            series.c.job, series.c.branch, series.c.tenant, series.c.counter, series.c.delta, change_points.c.started)
        return self.store.read(lambda under_way: list(map(_move_from, under_way.execute(query).mappings())))

    def untold(self, since: int) -> list[Move]:
        """Those that were found since a time and that nobody was told of."""
        query = _moves().where(change_points.c.told.is_(None), change_points.c.found >= since)
        return self.store.read(lambda under_way: list(map(_move_from, under_way.execute(query).mappings())))

    @transaction
    def tell(self, under_way: Transaction, since: int,
             say: Callable[[Collection[Move], Sequence[Move]], tuple[Iterable[Move], Iterable[Delivery]]]) -> None:
        """Owe what ``say`` makes of the moves found since then that were not told, beside those of their jobs that
        were; what it tells of is told once, whoever else asks."""
        alone(under_way, LOCK)
        recent = _moves().where(change_points.c.told.is_(None), change_points.c.found >= since)
        untold = {_move_from(row): row["id"] for row in under_way.execute(recent).mappings()}
        if not untold:
            return
        oldest = min(move.after for move in untold)
        told = _moves().where(change_points.c.told.is_not(None), change_points.c.started >= oldest)
        said, deliveries = say(untold.keys(), [_move_from(row) for row in under_way.execute(told).mappings()])
        numbers = [untold[move] for move in said]
        under_way.execute(update(change_points).where(change_points.c.id.in_(numbers)).values(told=under_way.now))
        owe(under_way, deliveries)


def noted(under_way: Transaction, numbers: Select[Any]) -> dict[int, list[Row]]:
    """What is known to have moved, by the number of the series, of all that a query gives."""
    query = select(change_points).where(change_points.c.series.in_(numbers), change_points.c.closed.is_(None))
    found: dict[int, list[Row]] = {}
    for row in under_way.execute(query).mappings():
        found.setdefault(row["series"], []).append(row)
    return found


def note(under_way: Transaction, number: int, looked_at: bool, before: Iterable[Row], found: Iterable[Seen]) -> None:
    """What a look at a series found, in place of those ``before`` among the same runs.

    What moved before a series was first ``looked_at`` is no news.
    """
    left = {row["id"]: row for row in before}
    for seen in found:
        same = [row for row in left.values() if seen.earliest <= row["started"] <= seen.latest]
        if same:
            _update(under_way, left.pop(min(same, key=lambda row: abs(row["started"] - seen.move.started))["id"]), seen)
        else:
            _insert(under_way, number, seen, looked_at and seen.move.news)
    if left:
        under_way.execute(update(change_points).where(change_points.c.id.in_(left)).values(closed=under_way.now))


def _update(under_way: Transaction, row: Row, seen: Seen) -> None:
    changes = {"started": seen.move.started, "acknowledgement": seen.accepted,
               "shown": _shown(seen.move, json.loads(row["shown"]))}
    if any(row[name] != value for name, value in changes.items()):
        under_way.execute(update(change_points).where(change_points.c.id == row["id"]).values(changes))


def _insert(under_way: Transaction, number: int, seen: Seen, news: bool) -> None:
    query = (select(samples.c.at, samples.c.run, runs.c.project, runs.c.change, runs.c.pipeline)
             .join(runs, runs.c.id == samples.c.run).where(samples.c.series == number, samples.c.at >= seen.move.after))
    before: list[Any] = []
    since: list[Any] = []
    for row in under_way.execute(query):
        (since if row.at >= seen.move.started else before).append(row)
    news = news and _came_in_order(before, since)
    shown = _shown(seen.move, {"news": news, **_tested(since, seen.move.started)})
    under_way.execute(insert(change_points).values(
        series=number, started=seen.move.started, found=under_way.now, acknowledgement=seen.accepted, shown=shown,
        told=None if news else under_way.now))


def _came_in_order(before: Sequence[Any], since: Sequence[Any]) -> bool:
    """Whether most runs since came to the ledger after the last one before; a walk through past builds goes back."""
    last = max((row.run for row in before), default=0)
    return 2 * len([row for row in since if row.run > last]) > len(since)


def _tested(since: Sequence[Any], started: int) -> dict[str, Any]:
    """What the runs since have tested."""
    projects = Counter(row.project for row in since)
    return {"projects": sorted(projects, key=lambda project: (-projects[project], project)),
            "pipelines": sorted({row.pipeline for row in since}),
            "tested": [[row.project, row.change] for row in since if row.at == started and row.change is not None]}


def _shown(move: Move, kept: Mapping[str, Any]) -> str:
    """``kept`` is what does not change from look to look."""
    kept = {key: kept[key] for key in ("news", "projects", "pipelines", "tested")}
    return json.dumps({"after": move.after, "before": move.before, "now": move.now, "p": move.p, "runs": move.runs,
                       **kept})


def _moves() -> Select[Any]:
    """Those that the newest look still found, or that lie before the runs it looked at."""
    said = acknowledgements.c
    return (select(change_points, series.c.tenant, series.c.job, series.c.branch, series.c.counter, series.c.delta,
                   said.author, said.project, said.change, said.reason)
            .join(series, series.c.id == change_points.c.series)
            .outerjoin(acknowledgements, said.id == change_points.c.acknowledgement)
            .where(change_points.c.closed.is_(None)))


def _move_from(row: Mapping[str, Any]) -> Move:
    shown: dict[str, Any] = json.loads(row["shown"])
    lists: dict[str, Any] = {key: tuple(shown.pop(key)) for key in ("projects", "pipelines")}
    tested = tuple((project, change) for project, change in shown.pop("tested"))
    key = SeriesKey(row["tenant"], row["job"], row["branch"], row["counter"], row["delta"])
    accepted = None if row["acknowledgement"] is None else Accepted(
        row["author"], row["project"], row["change"], row["reason"])
    return Move(key, started=row["started"], found=row["found"], tested=tested, accepted=accepted, **shown, **lists)
