"""Asks Gerrit for what its event stream did not bring, and hands it on as events.

Gerrit repeats no event, but keeps each message on its change. So CI reports and merges that happened since a saved
time are asked for after each gap, and regularly. It must not tell what is new: the inbox does.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import count

from ..clients.gerrit import Change, Gerrit, Message, Rejected, Unreachable
from ..core.backoff import pause
from ..core.events import names_builds
from ..core.model import Unreadable

EVERY = 300.0
"""Seconds between questions that nothing gave cause for."""

OVERLAP = 300
"""Seconds of Gerrit's time that are asked for again: a message has the time when its request began, and the index
knows it when that has ended."""

PAGE = 20
"""Changes in one answer; a busy change has some hundred KB of messages."""

CHANGES = 20_000
SECONDS = 1800.0
"""Limits of one catch-up."""

DAY = 86_400

_PATCHSET = re.compile(r"\APatch Set (\d{1,9}):")
_MERGED = "Change has been successfully "

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """``gaps`` counts what may have cost events; ``gap`` is the last one's length in seconds, None where not known.

    ``caught_up`` counts the events that the stream had not brought. ``why`` Gerrit could not be asked the last time.
    """

    gaps: int = 0
    gap: float | None = None
    caught_up: int = 0
    why: str | None = None


@dataclass(frozen=True)
class Cursor:
    """The saved time from which on Gerrit is asked, in epoch seconds of Gerrit's clock.

    ``load`` gives it with the seconds since it was saved; None before the first start.
    """

    load: Callable[[], tuple[int, int] | None]
    save: Callable[[int], None]


class CatchUp:
    """``put`` commits an event's line and tells whether it is new. ``accounts`` are those whose messages are reports.

    ``days`` is how far back Gerrit is asked. ``stopping`` ends a long catch-up, which begins anew at the next start.
    """

    def __init__(self, gerrit: Gerrit, put: Callable[[bytes], bool], cursor: Cursor, accounts: Collection[str], *,
                 days: int, monotonic: Callable[[], float] = time.monotonic,
                 stopping: Callable[[], bool] = lambda: False) -> None:
        self._gaps, self._caught_up = 0, 0
        self._gap: float | None = None
        self._why: str | None = None
        self._gerrit = gerrit
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
        return State(self._gaps, self._gap, self._caught_up, self._why)

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
            new = self._catch_up()
        except (Unreachable, Rejected, Unreadable) as error:
            self._failed(str(error))
            return False
        finally:
            self._gerrit.close()
        self._failures = 0
        self._caught_up, self._why = self._caught_up + new, None
        return True

    def _failed(self, why: str) -> None:
        delay = pause(self._failures, random.random())  # noqa: S311
        self._failures += 1
        self._due = min(self._due, self._monotonic() + delay)
        self._why = why
        log.log(logging.WARNING if self._failures == 1 else logging.DEBUG,
                "Gerrit cannot be asked for missing events: %s; next try in %.0f s", why, delay)

    def _catch_up(self) -> int:
        """How many events were missing."""
        saved = self._cursor.load()
        if saved is None:
            return self._begin()
        newest, new, since = saved[0], 0, self._limited(*saved)
        for change in self._changes(since):
            newest = max(newest, change.updated)
            new += sum(self._put(line) for line in _events(change, since, self._accounts))
        self._cursor.save(max(since, newest - OVERLAP))
        log.log(logging.INFO if new else logging.DEBUG,
                "caught up with Gerrit since %s: %d missing events found", _utc(since), new)
        return new

    def _begin(self) -> int:
        """At the first start ever nothing is caught up: what was said before is nobody's news."""
        latest = self._gerrit.updated(0, 0, 1).changes
        since = latest[0].updated + 1 if latest else 0
        self._cursor.save(since)
        log.info("first start: what is reported from now on is caught up if it is missed")
        return 0

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
        newest, ends = after, self._monotonic() + SECONDS
        for start in count(0, PAGE):
            if self._stopping():
                raise Unreachable("told to stop")
            page = self._gerrit.updated(after, start, PAGE)
            yield from page.changes
            newest = max(newest, *(change.updated for change in page.changes), 0)
            if not page.more:
                break
            if start + PAGE >= CHANGES or self._monotonic() > ends:
                log.warning("too much for one catch-up: changes that were not updated since %s are left out",
                            _utc(page.changes[-1].updated if page.changes else after))
                break
        if start and newest > after:
            yield from self._changes(newest)


def _events(change: Change, since: int, accounts: Collection[str]) -> Iterator[bytes]:
    """What happened on a change since then, as the stream would have told it; each time in the same bytes."""
    for message in change.messages:
        patchset = _PATCHSET.match(message.text)
        if message.at < since:
            continue
        if message.text.startswith(_MERGED) and change.merged and change.patchset:
            yield _event("change-merged", change, change.patchset, message.at)
        elif message.username in accounts and patchset and names_builds(message.text):
            yield _event("comment-added", change, int(patchset[1]), message.at, **_comment(message))


def _comment(message: Message) -> dict[str, object]:
    return {"author": {"username": message.username}, "comment": message.text}


def _event(kind: str, change: Change, patchset: int, at: int, **more: object) -> bytes:
    where = {"project": change.project, "branch": change.branch, "number": change.number, "url": change.url}
    return json.dumps({"type": kind, "eventCreatedOn": at, "change": where, "patchSet": {"number": patchset}, **more},
                      sort_keys=True).encode()


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
