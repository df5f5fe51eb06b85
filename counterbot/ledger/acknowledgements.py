"""What people said of counters over their bounds: that their step is to be, or is to be ignored for a change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from ..core.model import Delivery, Kind, PatchSet
from .alone import alone
from .outbox import owe
from .schema import acknowledged, acknowledgements, findings, inbox, merges, outbox, runs
from .store import Store, Transaction, transaction
from .work import EventWork

LOCK = "answers"
"""The name of the row that one bot at a time holds while it answers."""

Counted = frozenset[tuple[str, str]]
"""Pairs of a job and a counter of it."""


@dataclass(frozen=True)
class Acknowledgement:
    """A person's word on counters of a change; ``accepts``: their step is to be expected once it is merged."""

    patchset: PatchSet
    author: str
    accepts: bool
    reason: str
    counters: Counted


@dataclass(frozen=True)
class Said:
    """A person's word on one counter, and when: ``at``, and when the change was ``merged``, in epoch milliseconds."""

    author: str
    project: str
    change: int
    accepts: bool
    reason: str
    at: int
    merged: int | None


class Acknowledgements:
    """What people said."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def over(self, patchset: PatchSet) -> dict[tuple[str, str], set[str]]:
        """The counters that are over their bounds in the newest counted run of each job on a change, as far as that may
        be told: by job and counter, the rules."""
        return self.store.read(lambda under_way: _over(under_way, patchset))

    def on(self, job: str, branch: str, counter: str) -> list[Said]:
        """What was said of a counter of a job, on changes of a branch; the oldest first."""
        said = acknowledgements.c
        query = (select(said.author, said.project, said.change, said.accepts, said.reason, said.at, said.merged)
                 .join(acknowledged, acknowledged.c.acknowledgement == said.id)
                 .where(said.branch == branch, acknowledged.c.job == job, acknowledged.c.counter == counter)
                 .order_by(said.at, said.id))
        return self.store.read(lambda under_way: [Said(*row) for row in under_way.execute(query)])

    @transaction
    def answer(self, under_way: Transaction, work: EventWork, answer: Delivery, same: Collection[str],
               said: Acknowledgement | None = None) -> None:
        """Settle the event of a command: what was said is noted, and the answer owed; not where one is known by a key
        of ``same``."""
        alone(under_way, LOCK)
        under_way.settle(inbox, work.claim, state="done", why="command", line=None)
        if under_way.execute(select(outbox.c.id).where(outbox.c.key.in_(same))).first() is None:
            if said is not None:
                _note(under_way, said)
            owe(under_way, [answer])


def silenced(under_way: Transaction, server: str, changes: Collection[int]) -> dict[str, set[int]]:
    """The counters that nobody is to be told of on any of these changes, by name, with the acknowledgements that accept
    them."""
    query = (select(acknowledged.c.counter, acknowledgements.c.id, acknowledgements.c.accepts).distinct()
             .join(acknowledgements, acknowledgements.c.id == acknowledged.c.acknowledgement)
             .where(acknowledgements.c.server == server, acknowledgements.c.change.in_(changes)))
    found: dict[str, set[int]] = {}
    for row in under_way.execute(query):
        found.setdefault(row.counter, set()).update([row.id] if row.accepts else [])
    return found


def accept_also(under_way: Transaction, accepted: Mapping[str, Collection[int]],
                over: Iterable[tuple[str, str]]) -> None:
    """What was ``accepted`` (by counter, the acknowledgements) is accepted of all jobs that show it; ``over`` are pairs
    of a job and a counter."""
    under_way.insert_new(acknowledged, [
        {"acknowledgement": number, "job": job, "counter": counter}
        for job, counter in over for number in accepted.get(counter, ())])


def note_merge(under_way: Transaction, patchset: PatchSet, at: int) -> None:
    """The change was merged at a time, in epoch milliseconds: from then on its steps are usual."""
    under_way.execute(update(acknowledgements).where(
        acknowledgements.c.server == patchset.server, acknowledgements.c.change == patchset.change).values(merged=at))


def _over(under_way: Transaction, patchset: PatchSet) -> dict[tuple[str, str], set[str]]:
    query = select(runs.c.job, runs.c.tenant, runs.c.uuid).where(
        runs.c.change == patchset.change, runs.c.project == patchset.project, runs.c.counted)
    newest = {(row.job, row.tenant): row.uuid for row in under_way.execute(query.order_by(runs.c.ended, runs.c.id))}
    over = select(findings.c.job, findings.c.subject, findings.c.rule).where(
        findings.c.build.in_(newest.values()), findings.c.kind == Kind.COUNTER.value, findings.c.confirmed)
    found: dict[tuple[str, str], set[str]] = {}
    for row in under_way.execute(over):
        found.setdefault((row.job, row.subject), set()).add(row.rule)
    return found


def _note(under_way: Transaction, said: Acknowledgement) -> None:
    """Also where the change is merged already."""
    patchset = said.patchset
    merged = under_way.execute(select(merges.c.at).where(
        merges.c.project == patchset.project, merges.c.change == patchset.change)).scalar()
    number = under_way.execute(insert(acknowledgements).values(
        server=patchset.server, project=patchset.project, branch=patchset.branch, change=patchset.change,
        patchset=patchset.number, author=said.author, accepts=said.accepts, reason=said.reason, at=under_way.now,
        merged=merged)).inserted_primary_key[0]
    under_way.insert(acknowledged, [
        {"acknowledgement": number, "job": job, "counter": counter} for job, counter in sorted(said.counters)])
