"""The ledger: its parts on one database, and their upkeep."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import delete, exists, func, insert, or_, select, update

from ..core.model import Kind
from . import adoption, failures, owner, templates
from .acknowledgements import Acknowledgements
from .builds import Builds, pending
from .failures import Failures
from .inbox import Inbox
from .merges import Merges
from .moves import Moves
from .outbox import Outbox
from .rates import Rates
from .reports import Reports
from .samples import Samples
from .schema import builds, cursors, findings, inbox, outbox, readings, report_builds, reports, said
from .store import Store, Transaction, transaction
from .templates import WINDOW, Templates

REREAD = 86_400_000
"""Milliseconds for which what was found in a build is kept: another report may refer to it."""


class Ledger:
    """``lease`` is that of deliveries, in milliseconds; the others are the Store's."""

    def __init__(self, url: str, now: Callable[[], int] | None = None, lease: int = 600_000,
                 wait: Callable[[float], bool | None] = time.sleep, password: str | None = None) -> None:
        self.store = Store(url, now, wait, password)
        self.now = self.store.now
        self.inbox = Inbox(self.store)
        self.builds = Builds(self.store)
        self.reports = Reports(self.store)
        self.outbox = Outbox(self.store, lease)
        self.templates = Templates(self.store)
        self.failures = Failures(self.store)
        self.samples = Samples(self.store)
        self.acknowledgements = Acknowledgements(self.store)
        self.rates = Rates(self.store)
        self.merges = Merges(self.store)
        self.moves = Moves(self.store)

    def close(self) -> None:
        self.store.close()

    @transaction
    def take_up(self, under_way: Transaction) -> int:
        """Make due now what processes of this host had claimed that have ended; how much that is.

        Deliveries wait for their lease: Gerrit may still finish what a dead process asked for.
        """
        count = 0
        for table in (inbox, builds, reports):
            owners = under_way.execute(select(table.c.owner).where(table.c.owner.is_not(None)).distinct()).scalars()
            dead = [mark for mark in owners if owner.is_dead(mark)]
            count += under_way.execute(update(table).where(table.c.owner.in_(dead), table.c.state == "due")
                                       .values(due=under_way.now, owner=None)).rowcount
        return count

    @transaction
    def adopt(self, under_way: Transaction, tenant: str) -> None:
        """Runs and series of times when the tenant was not noted are those of this one."""
        adoption.adopt(under_way, tenant)

    @transaction
    def remember(self, under_way: Transaction, name: str, value: str) -> None:
        under_way.execute(delete(cursors).where(cursors.c.name == name))
        under_way.execute(insert(cursors).values(name=name, value=value, at=under_way.now))

    def recall(self, name: str) -> tuple[str, int] | None:
        """What was remembered under a name, and when."""
        query = select(cursors.c.value, cursors.c.at).where(cursors.c.name == name)
        found = self.store.read(lambda under_way: under_way.execute(query).first())
        return None if found is None else (found.value, found.at)

    def prune(self, keep: int, lines: int = 2 * WINDOW, counters: int = 365 * REREAD) -> None:
        """Forget settled work older than ``keep`` milliseconds, and lines and counters of builds that ended ``lines``
        and ``counters`` milliseconds ago; the rest of the history stays.

        Reports that found a counter over its bound are kept as long as counters: their runs do not show what is usual.
        """
        self._prune_work(keep, counters)
        after: int | None = 0
        while after is not None:
            after = self.samples.prune(counters, after)
        while self._prune_lines(lines):  # little by little: others write meanwhile
            pass

    @transaction
    def _prune_lines(self, under_way: Transaction, keep: int) -> bool:
        """Whether there may be more to forget."""
        before = under_way.now - keep
        if runs := templates.prune(under_way, before):
            failures.forget_lines(under_way, runs)
            return True
        return templates.prune_dictionary(under_way, before) > 0

    @transaction
    def _prune_work(self, under_way: Transaction, keep: int, counters: int) -> None:
        before = under_way.now - keep
        under_way.execute(delete(inbox).where(inbox.c.received < before, inbox.c.state.in_(("done", "ignored"))))
        over = exists().where(findings.c.report == reports.c.id, findings.c.kind == Kind.COUNTER.value)
        old = (reports.c.decided < before, reports.c.state == "decided", pending(reports.c.id) == 0,
               or_(~over, reports.c.decided < under_way.now - counters))
        under_way.execute(delete(reports).where(*old))
        open_report = exists().where(report_builds.c.build == builds.c.id, report_builds.c.report == reports.c.id,
                                     reports.c.state == "due")
        settled = builds.c.state != "due"
        unwanted = select(builds.c.id).where(settled, builds.c.received < under_way.now - REREAD, ~open_report)
        under_way.execute(delete(readings).where(readings.c.build.in_(unwanted)))
        referred = exists().where(report_builds.c.build == builds.c.id)
        under_way.execute(delete(builds).where(settled, builds.c.received < before, ~referred))
        under_way.execute(delete(outbox).where(outbox.c.settled < before))
        under_way.execute(delete(said).where(said.c.at < before))

    def unsettled(self) -> int:
        """How many events, reports and deliveries are not at their end; late builds do not count."""
        tables = ((inbox, ("due",)), (reports, ("due",)), (outbox, ("due", "sending")))
        return self.store.read(lambda under_way: sum(
            int(under_way.execute(select(func.count()).select_from(table).where(table.c.state.in_(states))).scalar_one())
            for table, states in tables))
