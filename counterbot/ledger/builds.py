"""Builds, each known once by its uuid: claimed, examined, and noted with what each reader found.

A report only refers to its builds. When the last of them is settled, the report is due at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, delete, func, select, update

from ..core.model import Build, BuildLink, Reader, Reading
from . import history
from .inbox import WORK_LEASE
from .schema import builds, readings, report_builds, reports
from .store import Row, Store, Transaction, transaction
from .work import BuildWork, Claim, build_text, found_text, link_from, patchset_from


class Builds:
    """Builds that are to be examined."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def claim(self, fresh: bool = False) -> BuildWork | None:
        """A build that is due; with ``fresh`` only one that was not claimed before."""
        claimed = self.store.claim(builds, WORK_LEASE, *([builds.c.fence == 0] if fresh else []), quarantined=hasten)
        return claimed and self.store.read(lambda under_way: _work(under_way, *claimed))

    @transaction
    def later(self, under_way: Transaction, work: BuildWork, why: str, after: int) -> None:
        """A build cannot be read yet: due again after so many milliseconds."""
        under_way.settle(builds, work.claim, due=under_way.now + after, why=why)

    @transaction
    def note(self, under_way: Transaction, work: BuildWork, build: Build | None,
             found: Mapping[Reader, Reading]) -> bool:
        """What each reader found in a build: its counters go to the history. Whether they are new there."""
        under_way.settle(builds, work.claim, state="done", why="", row=build and build_text(build))
        for reader, reading in found.items():
            under_way.execute(
                update(readings).where(readings.c.build == work.claim.id, readings.c.reader == reader.value)
                .values(state=reading.state.name, why=reading.why, found=found_text(reading)))
        counters = found[Reader.COUNTERS].counters if Reader.COUNTERS in found else None
        new = build is not None and history.keep(under_way, build, work.patchset, counters)
        hasten(under_way, work.claim.id)
        return new

    @transaction
    def unfold(self, under_way: Transaction, work: BuildWork, links: Iterable[BuildLink]) -> None:
        """In place of a buildset its builds, for every report that refers to it."""
        under_way.settle(builds, work.claim, state="done")
        refer = select(report_builds.c.report).where(report_builds.c.build == work.claim.id)
        for report in under_way.execute(refer).scalars().all():
            refer_to(under_way, report, dict.fromkeys(links, frozenset(work.readers)), under_way.now)
        hasten(under_way, work.claim.id)
        under_way.execute(delete(builds).where(builds.c.id == work.claim.id))

    @transaction
    def give_up(self, under_way: Transaction, work: BuildWork, why: str, build: Build | None) -> None:
        """A build will not be asked for again; where it is known, it stands in the history without counters."""
        under_way.settle(builds, work.claim, state="gone", why=why)
        if build is not None:
            history.keep(under_way, build, work.patchset, None)
        hasten(under_way, work.claim.id)

    @transaction
    def fault(self, under_way: Transaction, work: BuildWork, why: str) -> None:
        """An error of ours: tried again soon, and quarantined after a few times."""
        under_way.fault(builds, work.claim, why)
        hasten(under_way, work.claim.id)


def refer_to(under_way: Transaction, report: int, needs: Mapping[BuildLink, frozenset[Reader]], due: int) -> None:
    """Have a report refer to builds. Builds with an unread reader become due at ``due``; with none, the report does."""
    under_way.insert_new(builds, [
        {"uuid": link.uuid, "job": link.job, "url": link.url, "received": under_way.now, "state": "done",
         "due": due, "why": ""} for link in needs])
    # Locked in order: who notes one of them meanwhile either waits and then sees this report, or is seen here.
    ids = {uuid: number for number, uuid in under_way.execute(
        select(builds.c.id, builds.c.uuid).where(builds.c.uuid.in_([link.uuid for link in needs]))
        .order_by(builds.c.id).with_for_update())}
    under_way.insert_new(report_builds, [{"report": report, "build": ids[link.uuid]} for link in needs])
    under_way.insert_new(readings, [{"build": ids[link.uuid], "reader": reader.value, "why": ""}
                                    for link, readers in needs.items() for reader in readers])
    settled = builds.c.state.in_(("done", "gone"))
    under_way.execute(update(builds).where(builds.c.id.in_(ids.values()), settled, _unread())
                      .values(state="due", due=due, received=under_way.now))
    under_way.execute(update(reports).where(reports.c.id == report, pending(report) == 0).values(due=due))


def hasten(under_way: Transaction, build: int) -> None:
    """Make due now each report on this build whose builds are all settled."""
    mine = select(report_builds.c.report).where(report_builds.c.build == build)
    # Locked in order: of two workers that settle the last two builds, the second must see what the first did.
    waiting = under_way.execute(select(reports.c.id).where(reports.c.id.in_(mine), reports.c.state == "due")
                                .order_by(reports.c.id).with_for_update()).scalars().all()
    for report in waiting:
        if not under_way.execute(select(pending(report))).scalar():
            under_way.execute(update(reports).where(reports.c.id == report).values(due=under_way.now))


def pending(report: object) -> ColumnElement[int]:
    """How many of a report's builds are still to be examined."""
    return select(func.count()).select_from(report_builds.join(builds, builds.c.id == report_builds.c.build)).where(
        report_builds.c.report == report, builds.c.state == "due").scalar_subquery()


def _unread() -> ColumnElement[bool]:
    return select(readings.c.build).where(readings.c.build == builds.c.id, readings.c.state.is_(None)).exists()


def _work(under_way: Transaction, claim: Claim, row: Row) -> BuildWork:
    about = list(under_way.execute(
        select(reports).join(report_builds, report_builds.c.report == reports.c.id)
        .where(report_builds.c.build == row["id"]).order_by(reports.c.id)).mappings())
    waiting = under_way.execute(select(readings.c.reader).where(
        readings.c.build == row["id"], readings.c.state.is_(None)).order_by(readings.c.reader)).scalars()
    return BuildWork(claim, link_from(row), tuple(map(Reader, waiting)), patchset_from(about[-1]),
                     row["received"], all(report["state"] != "due" for report in about), row["why"])
