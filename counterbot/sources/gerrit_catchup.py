"""Asks Gerrit for what its event stream did not bring, and hands it on as events.

Gerrit repeats no event, but keeps each message on its change. So CI reports and merges that happened since a saved
time are asked for after each gap, and regularly; first of the events-log plugin, where Gerrit has it. It must not tell
what is new: the inbox does.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from ..clients.gerrit import Change, Gerrit, Message, Page, Rejected, Unreachable
from ..clients.gerrit.events_log import EventsLog
from ..core.backoff import pause
from ..core.events import is_command, is_told_everywhere, names_builds
from ..core.model import Unreadable

EVERY = 300.0
"""Seconds between questions that nothing gave cause for."""

OVERLAP = 300
"""Seconds of Gerrit's time that are asked for again: a message has the time when its request began, and the index
knows it when that has ended."""

PAGE = 20
"""Changes in one answer; a busy change has some hundred KB of messages."""

PATIENCE = 3
"""Failures in a row before a change that Gerrit fails on is left out."""

CHANGES = 20_000
SECONDS = 1800.0
"""Limits of one catch-up."""

DAY = 86_400

QUERY, LOG = "gerrit query", "events-log plugin"
"""The ways to ask."""

TROUBLE = (Unreachable, Rejected, Unreadable)
"""What a question may raise."""

_PATCHSET = re.compile(r"\APatch Set (\d{1,9}):")
_MERGED = "Change has been successfully "

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """``gaps`` counts what may have cost events; ``gap`` is the last one's length in seconds, None where not known.

    ``caught_up`` counts the events that the stream had not brought. ``why`` Gerrit could not be asked the last time.
    ``way`` is how it was asked, and ``log_why`` why not by the events log that is configured.
    """

    gaps: int = 0
    gap: float | None = None
    caught_up: int = 0
    why: str | None = None
    way: str = QUERY
    log_why: str | None = None


@dataclass(frozen=True)
class Cursor:
    """The saved time from which on Gerrit is asked, in epoch seconds of Gerrit's clock.

    ``load`` gives it with the seconds since it was saved; None before the first start. ``now`` is our own clock.
    """

    load: Callable[[], tuple[int, int] | None]
    save: Callable[[int], None]
    now: Callable[[], int]


class CatchUp:
    """``put`` commits an event's line with the way it came, and tells whether it is new. ``accounts`` are those whose
    messages are reports.

    ``days`` is how far back Gerrit is asked; ``log`` is asked first. ``stopping`` ends a long catch-up, which begins
    anew at the next start.
    """

    def __init__(self, gerrit: Gerrit, put: Callable[[bytes, str], bool], cursor: Cursor, accounts: Collection[str], *,
                 days: int, log: EventsLog | None = None, monotonic: Callable[[], float] = time.monotonic,
                 stopping: Callable[[], bool] = lambda: False) -> None:
        self._gaps, self._caught_up = 0, 0
        self._gap: float | None = None
        self._why: str | None = None
        self._log_why: str | None = None
        self._gerrit = gerrit
        self._log = log
        self._put = put
        self._cursor = cursor
        self._accounts = frozenset(accounts)
        self._days = days
        self._monotonic = monotonic
        self._stopping = stopping
        self._due = float("-inf")
        self._failures = 0

    @property
    def state(self) -> State:
        return State(self._gaps, self._gap, self._caught_up, self._why, self._way, self._log_why)

    @property
    def _way(self) -> str:
        return LOG if self._log and self._log_why is None else QUERY

    def gap(self, why: str, seconds: float | None = None) -> None:
        """Events may be missing, of so many seconds: ask at the next step."""
        self._gaps, self._gap = self._gaps + 1, seconds
        log.warning("events may be missing: %s%s", why, "" if seconds is None else f" for {seconds:.0f} s")
        self.ask()

    def ask(self) -> None:
        """Ask at the next step."""
        self._due = float("-inf")

    def step(self) -> bool:
        """Ask where it is time to; whether that was so and Gerrit answered."""
        if self._monotonic() < self._due:
            return False
        self._due = self._monotonic() + EVERY  # before the question: a gap from now on needs another one
        try:
            self._catch_up()
        except TROUBLE as error:
            self._failed(str(error))
            return False
        finally:
            self._gerrit.close()
        self._failures, self._why = 0, None
        return True

    def _failed(self, why: str) -> None:
        delay = pause(self._failures, random.random())  # noqa: S311
        self._failures += 1
        self._due = min(self._due, self._monotonic() + delay)
        self._why = why
        log.log(logging.WARNING if self._failures == 1 and not self._stopping() else logging.DEBUG,
                "Gerrit cannot be asked for missing events: %s; next try in %.0f s", why, delay)

    def _catch_up(self) -> None:
        """By the events log, and from where it ended by query: that is from the beginning where there is no log."""
        saved = self._cursor.load()
        if saved is None:
            self._begin()
            return
        since, before = self._limited(*saved), self._caught_up
        newest = logged = self._ask_log(self._log, since) if self._log else since
        for change in self._changes(logged):
            newest = self._later(newest, change.updated)
            for line in _events(change, logged, self._accounts):
                self._take(line, QUERY)
        new = self._caught_up - before
        self._cursor.save(max(since, newest - OVERLAP))
        log.log(logging.INFO if new else logging.DEBUG,
                "caught up with Gerrit since %s: %d missing events found, by %s", _utc(since), new, self._way)

    def _take(self, line: bytes, way: str) -> None:
        self._caught_up += self._put(line, way)

    def _ask_log(self, events_log: EventsLog, since: int) -> int:
        """Up to when it told all."""
        newest, ends = since, self._monotonic() + SECONDS
        try:
            for at, line in events_log.since(since):
                if is_told_everywhere(line):  # of others the plugin writes some fields unlike the stream
                    self._take(line, LOG)
                newest = self._later(newest, at)
                if self._stopping() or self._monotonic() > ends:
                    break
            self._tell_log(None)
        except TROUBLE as error:
            if not self._stopping():  # which breaks off what is under way
                self._tell_log(str(error))
        return newest

    def _tell_log(self, why: str | None) -> None:
        if why:
            log.log(logging.DEBUG if self._log_why else logging.WARNING,
                    "the events log is not used, Gerrit is queried instead: %s", why)
        elif self._log_why:
            log.info("the events log is used again")
        self._log_why = why

    def _begin(self) -> None:
        """At the first start ever nothing is caught up: what was said before is nobody's news.

        Our clock must do where no change is seen: Gerrit may show us its old ones later.
        """
        latest = self._later(0, *(change.updated for change in self._page(0, 0, 1).changes))
        self._cursor.save(latest + 1 if latest else self._cursor.now())
        log.info("first start: what is reported from now on is caught up if it is missed")

    def _later(self, known: int, *times: int) -> int:
        """The latest, without those that a wrong clock wrote: from a time in the future on, nothing would be found."""
        return max([known, *(at for at in times if at <= self._cursor.now() + DAY)])

    def _limited(self, since: int, age: int) -> int:
        """Told by how long ago the time was saved: Gerrit's clock may differ, and its last change be old."""
        too_long = age - self._days * DAY
        if too_long <= 0:
            return since
        log.warning("Gerrit was not asked for %.1f days: what happened before %s is not caught up"
                    " (gerrit.catch_up_days is %d)", age / DAY, _utc(since + too_long), self._days)
        return since + too_long

    def _changes(self, after: int) -> Iterator[Change]:
        """Those that were updated since then, the latest first.

        What is updated between two pages moves from a later page to the first one, so that is asked for at the end.
        """
        newest, start, ends = after, 0, self._monotonic() + SECONDS
        while True:
            page = self._page(after, start, PAGE)
            yield from page.changes
            newest = self._later(newest, *(change.updated for change in page.changes))
            if not page.more:
                break
            start += max(1, len(page.changes) - 1)  # one again: where one was deleted, the others move up
            if start >= CHANGES or self._monotonic() > ends:
                log.warning("too much for one catch-up: changes that were not updated since %s are left out",
                            _utc(page.changes[-1].updated if page.changes else after))
                break
        if start and newest > after:
            yield from self._changes(newest)

    def _page(self, after: int, start: int, count: int) -> Page:
        """At most ``count`` changes: fewer where that is too much for one answer, without one that Gerrit fails on."""
        if self._stopping():
            raise Unreachable("told to stop")
        try:
            return self._gerrit.updated(after, start, count)
        except TROUBLE as error:
            if isinstance(error, Unreachable) and not error.sent:
                raise
            if count > 1:
                return self._page(after, start, count // 2)
            if isinstance(error, Unreachable) or self._failures < PATIENCE:
                raise
            following = self._gerrit.updated(after, start + 1, 1)  # raises where it is not this change alone
            log.warning("a change that was updated since %s is left out: %s", _utc(after), error)
            return following


def _events(change: Change, since: int, accounts: Collection[str]) -> Iterator[bytes]:
    """What happened on a change since then, as the stream would have told it; each time in the same bytes."""
    for message in change.messages:
        patchset = _PATCHSET.match(message.text)
        if message.at < since:
            continue
        if message.text.startswith(_MERGED) and change.merged and change.patchset:
            yield _event("change-merged", change, change.patchset, message.at)
        elif patchset and (names_builds(message.text) if message.username in accounts else
                           message.username and is_command(message.text)):
            yield _event("comment-added", change, int(patchset[1]), message.at, **_comment(message))


def _comment(message: Message) -> dict[str, object]:
    return {"author": {"username": message.username}, "comment": message.text}


def _event(kind: str, change: Change, patchset: int, at: int, **more: object) -> bytes:
    where = {"project": change.project, "branch": change.branch, "number": change.number, "url": change.url}
    return json.dumps({"type": kind, "eventCreatedOn": at, "change": where, "patchSet": {"number": patchset}, **more},
                      sort_keys=True).encode()


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
