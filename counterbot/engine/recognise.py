"""The first stage: an event of the inbox -> a report and the builds to examine, or nothing."""

from __future__ import annotations

import logging
from dataclasses import replace

from ..core import events
from ..core.commands import Command
from ..core.events import Recognition
from ..core.model import Ignored, Merged, Report, Unreadable
from ..core.needs import NO_JOBS, Jobs, needs
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..files.rulebook import RuleBook
from ..ledger import EventWork, Ledger
from .commands import Commands
from .service import done

log = logging.getLogger("counterbot.engine")


class Recogniser:
    """``book`` has the rules in force, and ``jobs`` are those that matter without any.

    ``deadline`` and ``settle`` are milliseconds after an event came in. The event's own time is Gerrit's clock, and
    after an outage it may be long ago.
    """

    def __init__(self, ledger: Ledger, book: RuleBook, recognition: Recognition, commands: Commands,
                 deadline: int, settle: int, jobs: Jobs = NO_JOBS) -> None:
        self._inbox, self._reports = ledger.inbox, ledger.reports
        self._book = book
        self._recognition, self._commands = recognition, commands
        self._deadline, self._settle = deadline, settle
        self._jobs = jobs

    def step(self) -> bool:
        """Recognise the next event; False where there is none."""
        return done(self._inbox.claim, self._recognise, self._inbox.fault)

    def _recognise(self, work: EventWork) -> None:
        try:
            event = events.parse_line(work.line)
        except Unreadable as error:
            log.warning("%s: invalid event: %s", work.source, error)
            return self._inbox.ignore(work, str(error))
        found = events.recognise(event, self._recognition)
        if isinstance(found, Merged):
            return self._inbox.note_merge(work, found)
        if isinstance(found, Command):
            return self._commands.take(work, found)
        if isinstance(found, Ignored):
            log.debug("ignored: %s", found.why)
            return self._inbox.ignore(work, found.why)
        return self._open(work, self._followed(found))

    def _followed(self, report: Report) -> Report:
        """The report without links that lead elsewhere than to the configured Zuul."""
        roots = self._recognition.zuul_urls or ()
        builds = tuple(dict.fromkeys(link for link in report.builds if events.follows(link, roots)))
        omitted = report.omitted if report.omitted and events.follows(report.omitted, roots) else None
        return replace(report, builds=builds, omitted=omitted)

    def _open(self, work: EventWork, report: Report) -> None:
        needed = needs(report.patchset, report.links, self._book.rules, self._jobs)
        if not needed:
            why = f"no rule applies to {', '.join(link.job for link in report.links[:5])}"
            log.info("%s: %s", report.patchset, inert(why, 300))
            return self._inbox.ignore(work, why)
        new = self._reports.open(work, report, needed, self._deadline, self._settle)
        log.info("%s: report on %s%s%s", report.patchset, counted(len(needed.keys() & set(report.builds)), "build"),
                 " and those it leaves out" if report.omitted in needed else "", "" if new else ", known already")
        return None
