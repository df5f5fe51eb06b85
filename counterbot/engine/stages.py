"""From an event to a decision, one claimed piece of work at a time. Posts nothing and waits for nothing.

What cannot be read yet goes back to the ledger with a later due time: nobody sleeps on it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from ..builds import Artifacts
from ..clients.http import Forbidden, Unavailable
from ..clients.zuul import Zuul
from ..core import decide, events
from ..core.deadline import DeadlineExceeded
from ..core.decide import Channel, Decision, Effect, Observed, Reason, Said, State
from ..core.model import (
    OMITTED,
    Build,
    BuildFacts,
    BuildLink,
    Counters,
    Delivery,
    Ignored,
    PatchSet,
    Report,
    Unreadable,
)
from ..core.rules import Rule, applicable, judge, was_due
from ..core.text.inert import inert
from ..core.wording import comment as wording
from ..ledger import BuildNoted, BuildWork, EventWork, Ledger, LedgerError, Lost, ReportWork

SECOND = 1000
PATIENCE = 24 * 3600 * SECOND
"""How long a build's logs are asked for; after its report is decided, for the history alone."""

FIRST_LOOK = 5.0
"""Seconds for a build's files at the first try; then four, nine, … times as many: a slow store gets its
time when the quick ones are done."""

DOUBT = 30 * SECOND
"""How long a log that is cut short, or that nothing announces, may still be on its way; and how long one is tried again
that takes our own time to read, and not its server's."""

GONE = 300 * SECOND
"""How long a file that the manifest lists may still be on its way; some twenty looks. Zuul uploads logs before it
reports, so what a store has not shown by then it never got, and the reviewer need not wait for the deadline."""

log = logging.getLogger("counterbot.engine")

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What the operator decides.

    ``deadline`` and ``settle`` are milliseconds after an event came in: the event's own time is
    Gerrit's clock, and after an outage it may be long ago.
    """

    recognition: events.Recognition
    channels: tuple[Channel, ...] = ()
    links: wording.Links = field(default_factory=wording.Links)
    deadline: int = 20 * 60 * SECOND
    settle: int = 0


class Stages:
    """The walk of one bot. ``rules`` gives those in force; ``now`` epoch milliseconds.

    ``counted`` hears once of each build whose counters were read, and must not wait.
    """

    def __init__(self, ledger: Ledger, zuul: Zuul, artifacts: Artifacts, rules: Callable[[], Sequence[Rule]],
                 settings: Settings, now: Callable[[], int],
                 counted: Callable[[Build, Counters], None] = lambda *_: None) -> None:
        self._ledger = ledger
        self._zuul = zuul
        self._artifacts = artifacts
        self._rules = rules
        self._settings = settings
        self._now = now
        self._counted = counted

    def step(self) -> bool:
        """Do the next due piece of work; False where there is none."""
        return self.note() or self.look()

    def note(self) -> bool:
        """Decide a report or recognise an event: what needs no network and so never waits."""
        return self._walk(self._ledger.claim_report, self._decide) or \
            self._walk(self._ledger.claim_event, self._recognise)

    def look(self) -> bool:
        """Look for a build's counters."""
        return self._walk(self._ledger.claim_build, self._observe)

    def look_first(self) -> bool:
        """Look for the counters of a build that nobody looked for yet: slow logs come back, and must not fill
        every place."""
        return self._walk(partial(self._ledger.claim_build, fresh=True), self._observe)

    def _walk(self, claim: Callable, walk: Callable) -> bool:
        work = claim()
        if work is not None:
            self._guarded(walk, work)
        return work is not None

    def _guarded(self, walk: Callable, work: EventWork | BuildWork | ReportWork) -> None:
        """No event, log or file may end a thread: an error is noted on the work it belongs to."""
        try:
            walk(work)
        except Lost as lost:
            log.warning("%s passed to another worker while it was done here", lost)
        except LedgerError:
            raise
        except Exception as error:
            log.exception("%s failed", _named(work))
            self._ledger.note_fault(work, f"{type(error).__name__}: {error}"[:500])

    # -- an event

    def _recognise(self, work: EventWork) -> None:
        try:
            event = events.parse_line(work.line)
        except Unreadable as error:
            log.warning("%s: line that is no event: %s", work.row["source"], error)
            return self._ledger.ignore(work, str(error))
        report = events.recognise(event, self._settings.recognition)
        if isinstance(report, Ignored):
            log.debug("ignored: %s", report.why)
            return self._ledger.ignore(work, report.why)
        return self._open(work, report)

    def _open(self, work: EventWork, report: Report) -> None:
        root = self._settings.recognition.zuul_url or ""
        builds = tuple(dict.fromkeys(link for link in report.builds if events.follows(link, root)))
        omitted = report.omitted if report.omitted and events.follows(report.omitted, root) else None
        followed = replace(report, builds=builds, omitted=omitted)
        if not any(applicable(self._rules(), _announced(report, link)) for link in followed.links):
            why = f"no rule applies to {', '.join(link.job for link in followed.links[:5])}"
            log.info("%s: %s", _change(report), inert(why, 300))
            return self._ledger.ignore(work, why)
        new = self._ledger.open_report(work, followed, self._settings.deadline, self._settings.settle)
        log.info("%s: report on %d builds%s%s", _change(report), len(builds),
                 " and those it leaves out" if omitted else "", "" if new else ", known already")
        return None

    # -- a build

    def _observe(self, work: BuildWork) -> None:
        if work.link.job == OMITTED:
            return self._unfold(work)
        build = self._known(work, self._zuul.build, "build")
        if build is None:
            return None
        if build.changes and work.patchset.change not in build.changes:
            return self._seen(work, State.UNREADABLE, f"it is a build of change {build.changes[0]}", None)
        if build.result is None:
            return self._later(work, "the build has not ended in Zuul's API")
        if not build.log_url:
            return self._seen(work, State.NOT_RUN, f"{build.result}, without logs", build)
        age = self._now() - work.received
        reading = self._artifacts.read(build, FIRST_LOOK * work.tries ** 2, awaits=age <= GONE)
        if reading.otherwise and age > DOUBT:
            return self._seen(work, reading.otherwise, reading.why, build)
        if reading.state is None:
            return self._later(work, reading.why, reading.after)
        return self._seen(work, reading.state, reading.why, build, reading.counters)

    def _unfold(self, work: BuildWork) -> None:
        """Zuul's comment has no room for more than a hundred builds or two; its API tells them all."""
        links = self._known(work, self._zuul.buildset, "buildset")
        if links is not None:
            self._ledger.unfold(work, links)
            log.info("%s: %d builds of the buildset", _change_of(work.patchset), len(links))

    def _known(self, work: BuildWork, ask: Callable[[BuildLink], T | None], what: str) -> T | None:
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

    def _later(self, work: BuildWork, why: str, asked: float | None = None) -> None:
        """Again after a part of the time that has passed, or after what the server asked for."""
        age = self._now() - work.received
        if age > PATIENCE:
            log.warning("%s: given up: %s", _named(work), why)
            return self._ledger.give_up(work, why)
        usual = min(max(age // 4, SECOND), 60 * SECOND if not work.late else 3600 * SECOND)
        after = max(usual, int((asked or 0) * SECOND))
        level = logging.DEBUG if why == work.row["why"] else logging.INFO  # the same again is no news
        log.log(level, "%s: again in %.0f s: %s", _named(work), after / SECOND, inert(why, 300))
        return self._ledger.later(work, why, min(after, 3600 * SECOND))

    def _seen(self, work: BuildWork, state: State, why: str, build: Build, counters: Counters | None = None) -> None:
        if self._ledger.observe(work, state, why, build, counters):
            self._counted(build, counters)
        log.info("%s: %s%s", _named(work), state.value, f" ({inert(why, 300)})" if why else "")

    # -- a report

    def _decide(self, work: ReportWork) -> None:
        if any(noted.state is None and noted.tried == 0 for noted in work.builds) and \
                self._now() < work.deadline + self._settings.deadline:
            return self._ledger.postpone(work, SECOND)
        rules = {rule.name: rule for rule in self._rules()}
        report = self._named_pipeline(work)
        observed = [self._judged(report, noted, rules) for noted in work.builds]

        def weigh(said: Said) -> tuple[Decision, list[Delivery]]:
            decision = decide.decide(report, observed, rules, said, self._settings.channels)
            return decision, [self._delivery(report, effect, observed, rules) for effect in decision.effects]

        decision = self._ledger.decide(work, weigh)
        log.info("%s: %s%s", _change(report), inert(decision.why, 500),
                 f"; {len(decision.effects)} deliveries owed" if decision.reason is Reason.OVER else "")
        return None

    def _named_pipeline(self, work: ReportWork) -> Report:
        """The API's word on the pipeline wins over the comment's."""
        named = next((noted.build.pipeline for noted in work.builds if noted.build and noted.build.pipeline), None)
        return replace(work.report, pipeline=named or work.report.pipeline)

    def _judged(self, report: Report, noted: BuildNoted, rules: dict[str, Rule]) -> Observed:
        state = noted.state or State.NOT_THERE
        if noted.counters is None or noted.build is None:
            return Observed(noted.link.job, noted.link.uuid or "", state, noted.why)
        mine = applicable(rules.values(), _facts(report, noted.build))
        verdicts = tuple(verdict for rule in mine for verdict in judge(rule, noted.counters))
        due = [verdict for verdict in verdicts if was_due(verdict, noted.counters)]
        named = {pattern: tuple(dict.fromkeys(f"{verdict.counter} ({verdict.why})" for verdict in due
                                              if verdict.is_pattern is pattern))
                 for pattern in (False, True)}
        return Observed(noted.link.job, noted.link.uuid or "", state, noted.why, verdicts, named[False], named[True])

    def _delivery(self, report: Report, effect: Effect, observed: list[Observed],
                  rules: dict[str, Rule]) -> Delivery:
        key = decide.delivery_key(report, effect)
        patchset = report.patchset
        about = {"project": patchset.project, "change": patchset.change, "patchset": patchset.number}
        if effect.kind == decide.IRC:
            return Delivery(key, effect.kind, effect.destination,
                            {**about, "text": wording.irc_line(report, effect.findings)})
        marker = decide.marker(key)
        text = wording.comment(report, effect.findings, observed, rules, self._settings.links, marker)
        return Delivery(key, effect.kind, effect.destination,
                        {**about, "message": text, "tag": _tag(report.pipeline), "marker": marker})


def _announced(report: Report, link: BuildLink) -> BuildFacts:
    """What the comment alone tells. Its pipeline may be a display name, so it is not asked."""
    job = None if link.job == OMITTED else link.job
    return BuildFacts(job, report.patchset.branch or None, report.patchset.project)


def _facts(report: Report, build: Build) -> BuildFacts:
    return BuildFacts(build.job, build.branch or report.patchset.branch, build.project or report.patchset.project,
                      build.pipeline or report.pipeline, build.voting)


def _tag(pipeline: str | None) -> str:
    """Gerrit hides an older patch set's message under the same tag; ``~`` would end the comparison."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", pipeline or "")[:60]
    return f"autogenerated:counterbot:{name}" if name else "autogenerated:counterbot"


def _change(report: Report) -> str:
    return _change_of(report.patchset)


def _change_of(patchset: PatchSet) -> str:
    return f"change {patchset.change},{patchset.number}"


def _named(work: EventWork | BuildWork | ReportWork) -> str:
    if isinstance(work, BuildWork):
        return f"{_change_of(work.patchset)} {inert(work.link.job, 100)} {work.link.uuid}"
    return _change(work.report) if isinstance(work, ReportWork) else f"event {work.row['id']}"
