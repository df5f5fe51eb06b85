"""The second stage: a build -> what each reader found in it. Waits for nothing.

What cannot be read yet goes back to the ledger with a later due time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from ..builds.counters import CountersReader
from ..clients.http import Forbidden, Unavailable
from ..clients.zuul import Zuul
from ..core.deadline import DeadlineExceeded
from ..core.model import OMITTED, Build, BuildLink, Counters, Later, Reader, Reading, State, Unreadable
from ..core.needs import NO_JOBS, Jobs, facts, needs, readers
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..files.rulebook import RuleBook
from ..ledger import BuildWork, Ledger
from .known import KnownFailures
from .lines import BuildLines
from .service import done

SECOND = 1000
PATIENCE = 24 * 3600 * SECOND
"""How long a build's logs are asked for; after its report is decided, for the history alone."""

PAST = 600 * SECOND
"""How long a past build's server is asked that does not answer."""

FIRST_LOOK = 5.0
"""Seconds for a build's files at the first try; then four, nine, … times as many: a slow store gets its
time when the quick ones are done."""

DOUBT = 30 * SECOND
"""How long a log that is cut short, or that nothing announces, may still be on its way; and how long one is tried again
that takes our own time to read, and not its server's."""

GONE = 300 * SECOND
"""How long a file that the manifest lists may still be on its way; some twenty looks. Zuul uploads logs before it
reports, so what a store has not shown by then it never got, and the reviewer need not wait for the deadline."""

NOT_ASKED = Reading(State.NOTHING, "no rule asks for it")

log = logging.getLogger("counterbot.engine")

T = TypeVar("T")


class Examiner:
    """``book`` has the rules in force; ``counters``, ``known`` and ``lines`` read what a build left. ``counted`` is
    called once for each build of a report with new counters, and must not wait. ``jobs`` matter without any rule."""

    def __init__(self, ledger: Ledger, zuul: Zuul, book: RuleBook, counters: CountersReader, known: KnownFailures,
                 lines: BuildLines, counted: Callable[[Build, Counters], None] = lambda *_: None,
                 jobs: Jobs = NO_JOBS) -> None:
        self._builds = ledger.builds
        self._zuul = zuul
        self._book = book
        self._counters, self._known, self._lines = counters, known, lines
        self._jobs = jobs
        self._now = ledger.now
        self._counted = counted

    def step(self) -> bool:
        """Examine the next build that is due; False where there is none."""
        return done(self._builds.claim, self._examine, self._builds.fault)

    def step_fresh(self) -> bool:
        """The same for a build that was not tried before: slow logs come back, and must not fill every place."""
        return done(partial(self._builds.claim, fresh=True), self._examine, self._builds.fault)

    def step_past(self) -> bool:
        """The same for a build that no report waits for."""
        return done(partial(self._builds.claim, past=True), self._examine, self._builds.fault)

    def _examine(self, work: BuildWork) -> None:
        if work.link.job == OMITTED:
            return self._unfold(work)
        build = work.build or self._asked(work, self._zuul.build, "build")
        if build is None:
            return None
        if build.result is None:
            return self._later(work, "the build has not ended in Zuul's API")
        wanted = readers(self._book.rules, facts(work.patchset, build), build, self._jobs) | {Reader.TEMPLATES}
        asked = [reader for reader in work.readers if reader in wanted]
        if not asked:
            log.info("%s: not read: no rule applies", _named(work))
        elif not build.log_url:
            reading = Reading(State.NOT_RUN, f"{build.result}, without logs")
            return self._note(work, build, dict.fromkeys(work.readers, reading))
        elif asked == [Reader.TEMPLATES]:
            return self._read_lines(work, build)
        return self._read(work, build, asked)

    def _read(self, work: BuildWork, build: Build, asked: Iterable[Reader]) -> None:
        """Every reader's look at the build; where one has to wait, all look again later.

        Lines are read in a claim of their own: they take long, and what is known without them must not get lost.
        """
        found: dict[Reader, Reading] = {each: NOT_ASKED for each in work.readers if each is not Reader.TEMPLATES}
        age = self._age(work, build)
        seconds, awaits = FIRST_LOOK * work.tries ** 2, age <= GONE
        counters: Reading | None = None
        for reader in (reader for reader in asked if reader in found):
            with self._lines.turns.hurried():
                look = (self._counters.read(build, seconds, awaits=awaits) if reader is Reader.COUNTERS else
                        self._known.read(build, seconds, awaits=awaits, only=work.rules, counters=counters))
            if isinstance(look, Later) and look.otherwise and age > DOUBT:
                look = look.otherwise
            if isinstance(look, Later) and look.absent and age > GONE and not work.waited_for:
                look = Reading(State.MISSING, look.why)
            if isinstance(look, Later):
                return self._later(work, look.why, look.after, build)
            found[reader] = look
            counters = look if reader is Reader.COUNTERS else counters
        failure = found.get(Reader.FAILURE, NOT_ASKED)
        if not self._has_lines_to_read(work, build, failure):
            return self._note(work, build, found)
        known = failure.failure is not None and bool(failure.failure.hits)
        return self._note(work, build, found, Reader.TEMPLATES, awaited=work.waited_for and not known)

    def _has_lines_to_read(self, work: BuildWork, build: Build, failure: Reading) -> bool:
        """Whether lines follow: not where some rules alone were looked for, nor where there are no logs."""
        looked = work.rules is None and failure is not NOT_ASKED
        return looked and failure.state not in (State.MISSING, State.NOT_RUN) and self._lines.wanted(build)

    def _read_lines(self, work: BuildWork, build: Build) -> None:
        look = self._lines.read(build)
        if isinstance(look, Later):
            return self._later(work, look.why, look.after, build)
        return self._note(work, build, {**dict.fromkeys(work.readers, NOT_ASKED), Reader.TEMPLATES: look})

    def _age(self, work: BuildWork, build: Build) -> int:
        """Milliseconds for which its logs could have come: a past build's are there, or gone."""
        return self._now() - (work.received if work.waited_for else min(work.received, build.ended or work.received))

    def _unfold(self, work: BuildWork) -> None:
        """Zuul's comment has no room for more than a hundred builds or two; its API tells them all."""
        links = self._asked(work, self._zuul.buildset, "buildset")
        if links is not None:
            needed = needs(work.patchset, links, self._book.rules, self._jobs)
            self._builds.unfold(work, needed)
            log.info("%s: %s of the buildset", work.patchset, counted(len(needed), "build"))

    def _asked(self, work: BuildWork, ask: Callable[[BuildLink], T | None], what: str) -> T | None:
        """What Zuul's API answers; None where it cannot yet, and the work went back."""
        try:
            found = ask(work.link)
        except DeadlineExceeded as error:
            self._later(work, f"Zuul's API: {error}")
        except Unavailable as error:
            self._later(work, f"Zuul's API: {error}", error.after)
        except (Forbidden, Unreadable) as error:
            self._later(work, str(error))
        else:
            if found is not None:
                return found
            self._later(work, f"Zuul's API does not know the {what}")
        return None

    def _later(self, work: BuildWork, why: str, asked: float | None = None, build: Build | None = None) -> None:
        """Again after a part of the time that has passed, or after what the server asked for."""
        age = self._now() - work.received
        if age > (PATIENCE if work.waited_for else PAST):
            log.warning("%s: given up: %s", _named(work), why)
            if build is not None and work.readers == (Reader.TEMPLATES,):  # all else is known of it
                return self._note(work, build, {Reader.TEMPLATES: Reading(State.MISSING, why)})
            return self._builds.give_up(work, why, build if work.waited_for else None)
        usual = min(max(age // 4, SECOND), 60 * SECOND if not work.late else 3600 * SECOND)
        after = max(usual, int((asked or 0) * SECOND))
        level = logging.DEBUG if why == work.why else logging.INFO  # the same again is no news
        log.log(level, "%s: again in %.0f s: %s", _named(work), after / SECOND, inert(why, 300))
        return self._builds.later(work, why, min(after, 3600 * SECOND), build)

    def _note(self, work: BuildWork, build: Build, found: Mapping[Reader, Reading], then: Reader | None = None,
              awaited: bool = False) -> None:
        new = self._builds.note(work, build, found, then, awaited)
        for reader, reading in found.items():
            if reading is NOT_ASKED:
                continue
            why = f" ({inert(reading.why, 300)})" if reading.why else ""
            log.info("%s: %s: %s%s", _named(work), reader.value, reading.state.value, why)
            if new and reading.counters is not None and work.waited_for:
                self._counted(build, reading.counters)


def _named(work: BuildWork) -> str:
    return f"{work.patchset or 'past build'} {inert(work.link.job, 100)} {work.link.uuid}"
