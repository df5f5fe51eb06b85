"""Chooses passing builds whose lines failed ones are compared with, newest first, and has them read one at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..clients.zuul import TROUBLE, Filter, Zuul
from ..core.model import Build, BuildFacts, BuildLink, Reader
from ..core.needs import watches
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..ledger import Ledger, PastBuild

PASSED = "SUCCESS"
DAYS = 14
"""A job that did not fail in these days needs none; older builds are not chosen."""

DAY = 86_400_000
SOME = 10
"""Builds of a job that are asked for before another job's turn: these tell much already, and hundreds of jobs may wait.
"""

EVERY = 3600.0
"""Seconds from one look at what is lacking to the next."""

log = logging.getLogger("counterbot.baseline")

Listed = tuple[BuildLink, Build]


@dataclass(frozen=True)
class Wish:
    """Of each job that fits one of these shell patterns, so many builds that passed in a pipeline of ``gate``."""

    jobs: tuple[str, ...]
    gate: tuple[str, ...]
    passing: int


def chosen(listed: Iterable[Listed], known: Mapping[str, PastBuild], wish: Wish, since: int) -> list[Listed]:
    """The builds of a list that may be read: they passed since a time (epoch milliseconds) in the right pipeline and
    left logs, and nobody read, or tried to read, their lines. ``known`` are by uuid."""
    return [(link, build) for link, build in listed
            if build.result == PASSED and build.log_url and (build.ended or 0) >= since
            and build.pipeline in wish.gate
            and not ((past := known.get(build.uuid)) and (past.lines or past.state != "done"))]


class Sampler:
    """Asks for past builds, at most so many a minute and each when the one before is read.

    Without ``tenants`` they are chosen from those that reports named. ``monotonic`` is in seconds.
    """

    def __init__(self, ledger: Ledger, zuul: Zuul, tenants: Sequence[str], wish: Wish, per_minute: float,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self.asked = 0
        self._ledger, self._zuul, self._tenants, self._wish = ledger, zuul, tenants, wish
        self._pace, self._monotonic = 60 / per_minute, monotonic
        self._next = monotonic()
        self._reading = ""
        self._rounds = 0
        self._round: Iterator[None] | None = None

    def step(self) -> bool:
        """Ask for the next build, or page, where it is time; False where it is not. After a round, again in an hour."""
        if self._monotonic() < self._next or self._is_being_read():
            return False
        if self._round is None:
            self._round = self._go_round()
        went_on = next(self._round, self) is None
        if not went_on:
            self._rounds, self._round = self._rounds + 1, None
        self._next = self._monotonic() + (self._pace if went_on else EVERY)
        return went_on

    @property
    def done(self) -> bool:
        """Whether what every job lacked was asked for once, and read."""
        return self._rounds > 0 and not self._is_being_read()

    def _go_round(self) -> Iterator[None]:
        """What every job lacks, some of each at a time; a step after each page and each build that was asked for."""
        began, before = self.asked, -1
        while self.asked > before:
            before = self.asked
            lacking = self._ledger.templates.wanting(self._wish.gate, self._wish.passing, DAYS)
            for job, count in sorted(lacking.items(), key=lambda each: -each[1]):
                if watches(self._wish.jobs, BuildFacts(job)):
                    yield from self._of(job, min(count, SOME))
        if self.asked > began:
            log.info("%s asked for, to compare failed ones with", counted(self.asked - began, "passing build"))

    def _of(self, job: str, lacking: int) -> Iterator[None]:
        since = self._ledger.now() - DAYS * DAY
        for page in self._pages(job, since):
            yield
            known = self._ledger.builds.past([build.uuid for _, build in page])
            for link, build in chosen(page, known, self._wish, since)[:lacking]:
                self._ledger.builds.ask(link, build, {Reader.TEMPLATES})
                self._reading = build.uuid
                self.asked += 1
                lacking -= 1
                yield
            if not lacking:
                return

    def _pages(self, job: str, since: int) -> Iterator[list[Listed]]:
        """Passing builds of a job, newest first."""
        if not self._tenants:
            yield self._ledger.builds.passed(job, since)
            return
        filters: dict[str, Filter] = {
            "job_name": job, "pipeline": self._wish.gate, "result": PASSED, "complete": "true"}
        try:
            for tenant in self._tenants:
                for page in self._zuul.builds(tenant, None, **filters):
                    yield [(row.link, row.build) for row in page]
                    if all((row.build.ended or 0) < since for row in page):
                        break
        except TROUBLE as error:
            log.warning("Zuul's API: passing builds of %s: %s", inert(job, 100), inert(str(error), 300))

    def _is_being_read(self) -> bool:
        """Whether somebody still reads the last build, or could."""
        known = self._ledger.builds.past([self._reading]).get(self._reading) if self._reading else None
        return known is not None and known.state == "due" and known.working
