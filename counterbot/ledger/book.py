"""What can be noted and claimed. Every method is one transaction; none talks to anybody else.

A row's way: the inbox holds events; an event that is a report opens a row in ``reports`` and one for
each build in ``builds``; a report that is decided leaves findings and, in the outbox, what is owed.
Whoever works on a row claims it for a while; a claim that ran out is claimed again by somebody, and
the ``fence`` keeps the one who lost it from noting anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from ..core.decide import Decision, Said, State, delivery_key, patchset_key, report_key
from ..core.events import digest
from ..core.model import Build, BuildLink, Counters, Delivery, Refused, Report, Retry, Sent
from . import history, rows, schema
from .claims import BuildNoted, BuildWork, Claimed, Decided, EventWork, ReportWork
from .store import Row, Store

WORK_LEASE = 10 * 60 * 1000
"""Longer than any build can take to read: ``limits.DOWNLOAD_SECONDS`` for each of its few files."""

WAIT_LONGEST = 600_000


Weigh = Callable[[Said], tuple[Decision, Iterable[Delivery]]]


class Ledger:
    """The book on one database. ``now`` gives epoch milliseconds; ``lease`` is that of deliveries, in milliseconds."""

    def __init__(self, url: str, now: Callable[[], int], lease: int = 600_000) -> None:
        self.store = Store(url, now)
        self.now = now
        self.lease = lease

    def close(self) -> None:
        self.store.close()

    # -- inbox

    def put(self, line: bytes, source: str) -> bool:
        """Take an event in; False where the same event is there already."""
        row = {"digest": digest(line), "source": source, "line": line, "received": self.now(), "state": "due",
               "due": self.now()}
        with self.store.write() as connection:
            known = connection.execute(select(schema.inbox.c.id).where(schema.inbox.c.digest == row["digest"])).first()
            if known is None:
                connection.execute(insert(schema.inbox).values(row))
            return known is None

    def claim_event(self) -> EventWork | None:
        row = self.store.claim(schema.inbox, WORK_LEASE)
        return row and EventWork(row, row["line"], row["received"])

    def ignore(self, work: EventWork, why: str) -> None:
        """An event asks nothing of the bot. Its line goes, its digest stays against repeats."""
        with self.store.write() as connection:
            self.store.settle(connection, schema.inbox, work.row, state="ignored", why=why, line=None)

    def open_report(self, work: EventWork, report: Report, deadline: int, settle: int) -> bool:
        """Note a report and its builds, due after ``settle`` milliseconds; False where it is known already."""
        key, due = report_key(report), self.now() + settle
        with self.store.write() as connection:
            self.store.settle(connection, schema.inbox, work.row, state="done", line=None)
            known = connection.execute(select(schema.reports.c.id).where(schema.reports.c.key == key)).first()
            if known is None:
                number = connection.execute(insert(schema.reports).values(
                    **rows.report_row(report, key), received=work.received, state="due",
                    deadline=work.received + deadline, due=work.received + deadline)).inserted_primary_key[0]
                self.store.insert_new(connection, schema.builds, _due(number, report.links, due))
            return known is None

    # -- builds

    def claim_build(self, fresh: bool = False) -> BuildWork | None:
        """A build that is due; with ``fresh`` only one that was not claimed before."""
        row = self.store.claim(schema.builds, WORK_LEASE, *([schema.builds.c.fence == 0] if fresh else []))
        if row is None:
            return None
        with self.store.read() as connection:
            report = connection.execute(
                select(schema.reports).where(schema.reports.c.id == row["report"])).mappings().one()
        return BuildWork(row, rows.link_from(row), rows.report_from(report, []).patchset,
                         report["received"], report["deadline"], report["decided"] is not None)

    def later(self, work: BuildWork, why: str, after: int) -> None:
        """A build cannot be read yet: due again after so many milliseconds."""
        with self.store.write() as connection:
            self.store.settle(connection, schema.builds, work.row, due=self.now() + after, why=why)
            self._hasten(connection, work.row["report"])

    def observe(self, work: BuildWork, state: State, why: str, build: Build | None,
                counters: Counters | None) -> bool:
        """A build has an outcome: its counters go to the history, and its report may be due.

        Whether they are new there: a build may be in two reports.
        """
        with self.store.write() as connection:
            self.store.settle(connection, schema.builds, work.row, state="seen", outcome=state.name, why=why,
                              row=build and rows.build_text(build),
                              counters=counters and rows.counters_text(counters))
            new = bool(build and counters and
                       history.keep(connection, build, work.patchset, counters, self.now()))
            self._hasten(connection, work.row["report"])
            return new

    def unfold(self, work: BuildWork, links: Iterable[BuildLink]) -> None:
        """In place of a buildset its builds, due now, except those that the report has already."""
        with self.store.write() as connection:
            self.store.settle(connection, schema.builds, work.row)
            connection.execute(delete(schema.builds).where(schema.builds.c.id == work.row["id"]))
            self.store.insert_new(connection, schema.builds, _due(work.row["report"], links, self.now()))
            self._hasten(connection, work.row["report"])

    def give_up(self, work: BuildWork, why: str) -> None:
        """A build will not be asked for again."""
        with self.store.write() as connection:
            self.store.settle(connection, schema.builds, work.row, state="gone", why=why)

    def _hasten(self, connection: Connection, report: int) -> None:
        """A report whose builds all have an outcome is due now."""
        waiting = select(schema.builds.c.id).where(schema.builds.c.report == report,
                                                   schema.builds.c.state == "due").exists()
        connection.execute(update(schema.reports).where(
            schema.reports.c.id == report, schema.reports.c.state == "due", ~waiting).values(due=self.now()))

    # -- reports

    def claim_report(self) -> ReportWork | None:
        row = self.store.claim(schema.reports, WORK_LEASE)
        if row is None:
            return None
        with self.store.read() as connection:
            builds = list(connection.execute(select(schema.builds).where(schema.builds.c.report == row["id"])
                                             .order_by(schema.builds.c.id)).mappings())
        return ReportWork(row, rows.report_from(row, builds), tuple(_noted(build) for build in builds),
                          row["deadline"])

    def postpone(self, work: ReportWork, after: int) -> None:
        with self.store.write() as connection:
            self.store.settle(connection, schema.reports, work.row, due=self.now() + after)

    def decide(self, work: ReportWork, weigh: Weigh) -> Decision:
        """Weigh a report against what was said and note everything that follows, in one transaction."""
        patchset = patchset_key(work.report.patchset)
        with self.store.write() as connection:
            decision, deliveries = weigh(_said(connection, patchset))
            self.store.settle(connection, schema.reports, work.row, state="decided", decided=self.now(),
                              why=decision.why[:1000])
            connection.execute(update(schema.builds).where(schema.builds.c.report == work.row["id"])
                               .values(counters=None))
            self.store.insert_new(connection, schema.findings, [
                {"report": work.row["id"], "build": finding.build, "job": finding.job, "rule": finding.rule,
                 "counter": finding.counter, "value": float(finding.value), "bound": float(finding.bound)}
                for finding in decision.findings])
            self.store.insert_new(connection, schema.said, [
                {"patchset": patchset, "destination": effect.destination, "job": finding.job,
                 "counter": finding.counter, "at": self.now(), "delivery": delivery_key(work.report, effect)}
                for effect in decision.effects for finding in effect.findings])
            self.store.insert_new(connection, schema.outbox, [
                {"key": delivery.key, "kind": delivery.kind, "destination": delivery.destination,
                 "payload": json.dumps(dict(delivery.payload)), "created": self.now(), "due": self.now(),
                 "state": "due"} for delivery in deliveries])
        return decision

    def reports(self) -> list[Decided]:
        """The reports that are decided, oldest first."""
        columns = schema.reports.c
        query = select(columns.change, columns.patchset, columns.why).where(columns.state == "decided")
        with self.store.read() as connection:
            return [Decided(*row) for row in connection.execute(query.order_by(columns.id))]

    # -- outbox

    def claim_delivery(self, kind: str, destinations: Iterable[str] | None = None) -> Claimed | None:
        """The next delivery of a kind, in state ``sending`` for the length of the lease."""
        outbox = schema.outbox
        where = [outbox.c.kind == kind]
        if destinations is not None:
            where.append(outbox.c.destination.in_(list(destinations)))
        row = self.store.claim(outbox, self.lease, *where, states=("due", "sending"), taken="sending", patient=True)
        return row and Claimed(row, rows.delivery_from(row), row["tries"])

    def settle_delivery(self, claimed: Claimed, result: Sent | Retry | Refused) -> None:
        """Note how a delivery went. A retry without a time waits for its lease to end."""
        changes: dict[str, Any] = {"tries": claimed.tries + 1}
        if isinstance(result, Sent):
            changes |= {"state": "sent", "settled": self.now(), "why": "it was there already" if result.already else ""}
        elif isinstance(result, Refused):
            changes |= {"state": "refused", "settled": self.now(), "why": result.why}
        else:
            changes["why"] = result.why
            if result.after is not None:
                changes["due"] = self.now() + min(int(result.after * 1000), WAIT_LONGEST)
        with self.store.write() as connection:
            self.store.settle(connection, schema.outbox, claimed.row, **changes)
            if isinstance(result, Refused):  # it was not said after all: the next report may say it
                connection.execute(delete(schema.said).where(schema.said.c.delivery == claimed.delivery.key))

    # -- faults and upkeep

    def note_fault(self, work: EventWork | BuildWork | ReportWork, why: str) -> None:
        """A claim ended in an error of ours: try again soon, and put it aside after a few."""
        table = {EventWork: schema.inbox, BuildWork: schema.builds, ReportWork: schema.reports}[type(work)]
        with self.store.write() as connection:
            self.store.settle(connection, table, work.row, due=self.now() + 2000 * work.row["faults"],
                              faults=work.row["faults"], why=why)
            if isinstance(work, BuildWork):
                self._hasten(connection, work.row["report"])

    def remember(self, name: str, value: str) -> None:
        with self.store.write() as connection:
            connection.execute(delete(schema.cursors).where(schema.cursors.c.name == name))
            connection.execute(insert(schema.cursors).values(name=name, value=value, at=self.now()))

    def prune(self, keep: int) -> None:
        """Forget settled work older than ``keep`` milliseconds; samples stay."""
        before = self.now() - keep
        with self.store.write() as connection:
            connection.execute(delete(schema.inbox).where(schema.inbox.c.received < before,
                                                          schema.inbox.c.state.in_(("done", "ignored"))))
            waiting = select(schema.builds.c.id).where(schema.builds.c.report == schema.reports.c.id,
                                                       schema.builds.c.state == "due").exists()
            connection.execute(delete(schema.reports).where(
                schema.reports.c.decided < before, schema.reports.c.state == "decided", ~waiting))
            connection.execute(delete(schema.outbox).where(schema.outbox.c.settled < before))
            connection.execute(delete(schema.said).where(schema.said.c.at < before))

    def unsettled(self) -> int:
        """How many events, reports and deliveries are not at their end; late builds do not count."""
        tables = ((schema.inbox, ("due",)), (schema.reports, ("due",)), (schema.outbox, ("due", "sending")))
        with self.store.read() as connection:
            return sum(connection.execute(select(func.count()).select_from(table).where(
                table.c.state.in_(states))).scalar_one() for table, states in tables)


def _said(connection: Connection, patchset: str) -> Said:
    said: dict[str, set[tuple[str, str]]] = {}
    for row in connection.execute(select(schema.said).where(schema.said.c.patchset == patchset)):
        said.setdefault(row.destination, set()).add((row.job, row.counter))
    return {destination: frozenset(pairs) for destination, pairs in said.items()}


def _due(report: int, links: Iterable[BuildLink], due: int) -> list[dict[str, Any]]:
    return [{"report": report, "uuid": link.uuid, "job": link.job, "url": link.url, "state": "due", "due": due}
            for link in links]


def _noted(row: Row) -> BuildNoted:
    return BuildNoted(rows.link_from(row), State[row["outcome"]] if row["outcome"] else None, row["why"],
                      rows.build_from(row["row"]) if row["row"] else None,
                      rows.counters_from(row["counters"]) if row["counters"] else None, row["fence"])
