"""Asks Zuul's API for the buildsets that have ended, and hands each on as an event.

So pipelines that never report to Gerrit are seen, and reports that no event stream brings. Zuul numbers buildsets when
they begin: those that run are asked for again until they have ended. Only Zuul's own times count. It must not tell what
is new: the inbox does.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

from ..clients.http import Unavailable
from ..clients.zuul import PAGE, TROUBLE, BuildsetRow, Zuul
from ..core.backoff import pause
from ..core.events import buildset_line
from ..core.model import Unreadable
from ..core.text.figures import counted

SOURCE = "Zuul's API"
OVERLAP = 30
"""Numbers that are asked for again: a row may be seen before one with a lower number is committed."""

OPEN = 500
"""Running buildsets that are remembered, the newest."""

ROWS = 50_000
"""Of one catch-up, the newest."""

LONGEST = 600.0
"""Seconds until the next try, at most, where Zuul does not ask for more."""

DAY = 86_400_000
NO_BUILDS = frozenset({"CONFIG_ERROR", "DEQUEUED", "MERGE_CONFLICT", "NO_JOBS"})
"""Results of buildsets of which no build ended by itself."""

BROKEN = 500
"""What Zuul answers where a request fails in it: that may be this buildset's alone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """Up to which number the buildsets of a tenant are known, which of them still ran, and the last ones' uuids."""

    upto: int
    running: tuple[str, ...] = ()
    last: tuple[str, ...] = ()

    def including(self, row: BuildsetRow, running: bool) -> Seen:
        return Seen(max(self.upto, row.id), (*self.running, *([row.uuid] if running else []))[-OPEN:],
                    (*self.last, row.uuid)[-OVERLAP:])


@dataclass(frozen=True)
class Cursor:
    """Where a tenant's ``Seen`` is kept. ``load`` gives None before the first start."""

    load: Callable[[str], str | None]
    save: Callable[[str, str], None]


@dataclass
class Tenant:
    """A tenant by its page. ``asked``: when it last answered, by the ``monotonic`` clock; None before.

    ``found`` counts the buildsets that had not come in before; ``why`` it could not be asked the last time.
    """

    page: str
    asked: float | None = None
    found: int = 0
    running: int = 0
    why: str | None = None
    due: float = field(default=float("-inf"), repr=False)
    failures: int = field(default=0, repr=False)


class ZuulBuilds:
    """One question at a time. ``put`` commits an event's line with the way it came, and tells whether it is new.

    ``tenants`` are the URLs of their pages, asked ``every`` so many seconds, and for at most the last ``days``.
    ``stopping`` ends a long catch-up, which goes on at the next start.
    """

    def __init__(self, zuul: Zuul, tenants: Sequence[str], put: Callable[[bytes, str], bool], cursor: Cursor, *,
                 every: float, days: int, monotonic: Callable[[], float] = time.monotonic,
                 stopping: Callable[[], bool] = lambda: False) -> None:
        self.tenants = tuple(map(Tenant, tenants))
        self._zuul = zuul
        self._put = put
        self._cursor = cursor
        self._every = every
        self._days = days
        self._monotonic = monotonic
        self._stopping = stopping

    def step(self) -> bool:
        """Ask a tenant that it is time to; False where there is none."""
        tenant = next((each for each in self.tenants if each.due <= self._monotonic()), None)
        if tenant is None:
            return False
        tenant.due = self._monotonic() + self._every
        try:
            self._catch_up(tenant)
        except TROUBLE as error:
            self._failed(tenant, error)
        else:
            if tenant.why:
                log.info("%s answers again", tenant.page)
            tenant.asked, tenant.failures, tenant.why = self._monotonic(), 0, None
        return True

    def _failed(self, tenant: Tenant, error: Exception) -> None:
        after = max(pause(tenant.failures, random.random(), longest=LONGEST),  # noqa: S311
                    getattr(error, "after", None) or 0.0)
        tenant.due = self._monotonic() + after
        tenant.failures += 1
        log.log(logging.WARNING if tenant.why is None and not self._stopping() else logging.DEBUG,
                "%s cannot be asked for finished buildsets: %s; next try in %.0f s", tenant.page, error, after)
        tenant.why = str(error)

    def _catch_up(self, tenant: Tenant) -> None:
        text = self._cursor.load(tenant.page)
        if text is None:
            self._begin(tenant)
            log.info("first start: what %s finishes from now on is reported", tenant.page)
            return
        seen = _seen(text)
        waiting = sorted(self._running(tenant, seen), key=lambda row: row.id)
        new = self._new(tenant, seen)
        if new is None:
            log.warning("%s numbers its buildsets anew, from a new database it seems", tenant.page)
            self._begin(tenant)
            return
        oldest = _latest((*waiting, *new)) - self._days * DAY
        left_out = {row.uuid for row in (*waiting, *new) if row.at is not None and row.at < oldest}
        if left_out:
            log.warning("%s was not asked for long: %s left out (gerrit.catch_up_days is %d)", tenant.page,
                        counted(len(left_out), "old buildset"), self._days)
        still = [row.uuid for row in waiting if row.uuid not in left_out and not self._told(tenant, row)]
        seen = replace(seen, running=tuple(still))
        self._save(tenant, seen)
        for row in new:  # the oldest first: a bot that is stopped goes on from there
            seen = seen.including(row, running=row.uuid not in left_out and not self._told(tenant, row))
            self._save(tenant, seen)

    def _begin(self, tenant: Tenant) -> None:
        """At the first start ever: what ended before is nobody's news, and what runs is remembered."""
        seen = Seen(0)
        pages = islice(self._zuul.buildsets(tenant.page), OPEN // PAGE)
        for row in [row for page in pages for row in page][::-1]:
            seen = seen.including(row, running=row.result is None)
        self._save(tenant, seen)

    def _save(self, tenant: Tenant, seen: Seen) -> None:
        tenant.running = len(seen.running)
        self._cursor.save(tenant.page, json.dumps(asdict(seen)))

    def _running(self, tenant: Tenant, seen: Seen) -> Iterator[BuildsetRow]:
        """Those that ran the last time, as they are now; without those that Zuul has forgotten."""
        for start in range(0, len(seen.running), PAGE):
            self._go_on()
            uuids = seen.running[start : start + PAGE]
            yield from next(self._zuul.buildsets(tenant.page, uuid=uuids), [])

    def _new(self, tenant: Tenant, seen: Seen) -> list[BuildsetRow] | None:
        """Those that began since the last time, the oldest first; at most the last days' and the last ROWS. None where
        all have lower numbers."""
        found: list[BuildsetRow] = []
        page: list[BuildsetRow] = []
        for page in self._zuul.buildsets(tenant.page, idx_min=max(1, seen.upto - OVERLAP)):
            self._go_on()
            found += (row for row in page if row.uuid not in seen.running and row.uuid not in seen.last)
            if _latest(page) < _latest(found) - self._days * DAY or len(found) >= ROWS:
                break
        if not page and seen.upto and any(self._zuul.buildsets(tenant.page, limit=1)):
            return None
        return found[::-1]

    def _told(self, tenant: Tenant, row: BuildsetRow) -> bool:
        """Hand on a buildset; False where it still runs, or is to be asked for again."""
        if row.result is None:
            return False
        if row.result in NO_BUILDS:
            return True
        self._go_on()
        try:
            buildset = self._zuul.whole(tenant.page, row.uuid)
        except Unreadable as error:
            log.warning("%s: buildset %s is left out: %s", tenant.page, row.uuid, error)
            return True
        except Unavailable as error:
            if error.status != BROKEN:
                raise
            return False
        if buildset and buildset.builds:
            lines = (buildset_line(row.uuid, buildset.page, buildset.pipeline, patchset, buildset.builds)
                     for patchset in buildset.patchsets)
            tenant.found += sum(self._put(line, SOURCE) for line in lines) > 0
        return True

    def _go_on(self) -> None:
        if self._stopping():
            raise Unavailable("told to stop")


def _latest(rows: Iterable[BuildsetRow]) -> int:
    return max((row.at or 0 for row in rows), default=0)


def _seen(text: str) -> Seen:
    saved = json.loads(text)
    return Seen(saved["upto"], tuple(saved["running"]), tuple(saved["last"]))
