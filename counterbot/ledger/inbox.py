"""Events as they came in: each is kept once, and worked on until it is a report or ignored."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from ..core.events import digest
from ..core.model import Merged
from .acknowledgements import note_merge
from .schema import inbox, merges
from .store import Store, Transaction, transaction
from .work import EventWork

WORK_LEASE = 10 * 60 * 1000
"""Milliseconds; longer than any build can take to read, see ``limits.READING_SECONDS``."""


class Inbox:
    """Events that are to be recognised."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def put(self, line: bytes, source: str) -> bool:
        """Take an event in; False where the same event is there already."""
        return self._put(digest(line), line, source)

    @transaction
    def _put(self, under_way: Transaction, key: str, line: bytes, source: str) -> bool:
        if under_way.execute(select(inbox.c.id).where(inbox.c.digest == key)).first():
            return False
        under_way.execute(insert(inbox).values(digest=key, source=source, line=line, received=under_way.now,
                                               state="due", due=under_way.now, why=""))
        return True

    def claim(self) -> EventWork | None:
        claimed = self.store.claim(inbox, WORK_LEASE, quarantined=lambda *_: None)
        if claimed is None:
            return None
        claim, row = claimed
        return EventWork(claim, row["line"], row["source"], row["received"])

    @transaction
    def ignore(self, under_way: Transaction, work: EventWork, why: str) -> None:
        """An event asks nothing of the bot. Its line goes, its digest stays against repeats."""
        under_way.settle(inbox, work.claim, state="ignored", why=why, line=None)

    @transaction
    def note_merge(self, under_way: Transaction, work: EventWork, merged: Merged) -> None:
        """A change was merged: the history's runs of it count as merged."""
        patchset, at = merged.patchset, merged.at or under_way.now
        under_way.settle(inbox, work.claim, state="done", why="merged", line=None)
        under_way.execute(delete(merges).where(merges.c.project == patchset.project,
                                               merges.c.change == patchset.change))
        under_way.insert(merges, [{"project": patchset.project, "change": patchset.change,
                                   "patchset": patchset.number, "at": at, "branch": patchset.branch,
                                   "url": patchset.url}])
        note_merge(under_way, patchset, at)

    @transaction
    def fault(self, under_way: Transaction, work: EventWork, why: str) -> None:
        """An error of ours: tried again soon, and quarantined after a few times."""
        under_way.fault(inbox, work.claim, why)
