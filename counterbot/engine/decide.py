"""The third stage: a report whose builds are examined, or whose deadline has come -> pending deliveries."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..core import decide
from ..core.decide import Before, Decision, Effect, Found, Observed, Seen, listeners
from ..core.keys import delivery_key, marker
from ..core.learned import Learned
from ..core.model import (
    IRC,
    LEARNED,
    Build,
    BuildFacts,
    Channel,
    Delivery,
    Finding,
    KnownFailure,
    Reader,
    Reading,
    Report,
    State,
    is_failure,
)
from ..core.needs import announced, facts
from ..core.rules import (
    LEARNED_RULE,
    Rule,
    applicable,
    judge,
    judge_learned,
    known_failures,
    recognised,
    was_due,
)
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..core.text.names import few
from ..core.wording.comment import comment
from ..core.wording.irc import irc_line
from ..core.wording.links import Links
from ..files.rulebook import RuleBook
from ..ledger import ExaminedBuild, Ledger, ReportWork
from .mine import History
from .service import done
from .usual import Usual

SECOND = 1000

log = logging.getLogger("counterbot.engine")


@dataclass(frozen=True)
class Audience:
    """Who is told and how: ``links`` leads to bugs, ``days`` is how far back a known failure's builds are counted, and
    ``comment_in`` are the pipelines in which a comment may be posted for unexplained failures alone."""

    channels: tuple[Channel, ...] = ()
    links: Links = Links()  # noqa: RUF009 - frozen
    days: int = 10
    comment_in: tuple[str, ...] = ("gate",)


class Decider:
    """``book`` has the rules in force, and ``history`` what other builds show. ``grace`` is milliseconds after a
    report's deadline in which a build that nobody has tried yet is still waited for. ``usual`` has learned bounds.
    """

    def __init__(self, ledger: Ledger, book: RuleBook, audience: Audience, grace: int,
                 history: History | None = None, usual: Usual | None = None) -> None:
        self._reports = ledger.reports
        self._book = book
        self._history = history or History(ledger)
        self._audience, self._usual = audience, usual
        self._grace = grace
        self._now = ledger.now

    def step(self) -> bool:
        """Decide the next report that is due; False where there is none."""
        return done(self._reports.claim, self._decide, self._reports.fault)

    def _decide(self, work: ReportWork) -> None:
        untried = any(not build.readings and build.tries == 0 for build in work.builds)
        if untried and self._now() < work.deadline + self._grace:
            return self._reports.postpone(work, SECOND)
        rules = {rule.name: rule for rule in self._book.rules}
        report = _with_pipeline(work)
        observed = self._history.told(report, [
            build for each in work.builds if (build := self._observed(report, each, rules)) is not None], rules)
        named = {**rules, LEARNED: LEARNED_RULE}

        def weigh(before: Before, seen: Mapping[str, int]) -> tuple[Decision, list[Delivery]]:
            decision = decide.decide(report, observed, named, before, self._audience.channels,
                                     self._audience.comment_in)
            counts = Seen(seen, self._audience.days, self._now())
            told = _Told(report, observed, named, self._audience.links, counts)
            return decision, [_delivery(told, effect) for effect in decision.effects]

        decision = self._reports.decide(work, weigh, self._audience.days)
        pending = f"; {counted(len(decision.effects), 'delivery', 'deliveries')} pending"
        log.info("%s: %s%s", report.patchset, inert(decision.why, 500), pending * bool(decision.effects))
        for line in _untold(decision.untold, named):
            log.info("%s: %s", report.patchset, inert(line, 500))
        return None

    def _observed(self, report: Report, examined: ExaminedBuild, rules: Mapping[str, Rule]) -> Observed | None:
        """What is known of a build; None where no rule applies to it, as far as Zuul's API or else the comment tells,
        nobody read why it failed, and it is not known what is usual of its counters."""
        link, build, uuid = examined.link, examined.build, examined.link.uuid or ""
        about = facts(report.patchset, build, report.pipeline) if build else announced(report.patchset, link)
        bounds, queries = applicable(rules.values(), about), known_failures(rules.values(), about)
        read = examined.readings.get(Reader.FAILURE)
        watched = build is not None and build.voting and read is not None and read.state is not State.NOTHING
        usual = self._usual_of(build, about, examined.readings.get(Reader.COUNTERS), rules)
        if not (bounds or queries or watched or usual):
            return None
        unread = Reading(State.MISSING, examined.why)
        counters = examined.readings.get(Reader.COUNTERS, unread) if bounds or usual else None
        failure = examined.readings.get(Reader.FAILURE, unread) if queries or watched else None
        if build is None:
            state, why = (counters.state, counters.why) if counters else (None, "")
            return Observed(link.job, uuid, state, why, failure=failure)
        if build.changes and report.patchset.change not in build.changes:
            state = State.UNREADABLE if bounds else None
            return Observed(link.job, uuid, state, f"it is a build of change {build.changes[0]}")
        return _judged(_failed(link.job, uuid, build, failure, queries), counters, bounds, usual)

    def _usual_of(self, build: Build | None, about: BuildFacts, reading: Reading | None,
                  rules: Mapping[str, Rule]) -> Mapping[str, Learned]:
        """What is usual of a build's counters, as far as it has any."""
        counters = reading.counters if reading else None
        if self._usual is None or build is None or counters is None or counters.mixed:
            return {}
        return self._usual.learned(about, build.tenant, bool(counters.delta), rules.values())


def _untold(findings: Sequence[Found], rules: Mapping[str, Rule]) -> Iterator[str]:
    """A line for each rule whose findings nobody hears of."""
    for name in dict.fromkeys(finding.rule for finding in findings):
        mine, tells = [finding for finding in findings if finding.rule == name], f"it tells {listeners(rules[name])}"
        if over := [f"{each.subject.name} in {each.job}" for each in mine if isinstance(each, Finding)]:
            yield f"nobody is told of {few(over)}, over the bound of rule {name}: {tells}"
        if known := [each.job for each in mine if isinstance(each, KnownFailure)]:
            query = rules[name].fingerprint
            why = "it suppresses notifications" if query and query.suppress_notification else tells
            yield f"nobody is told that {few(known)} failed by rule {name}: {why}"


def _with_pipeline(work: ReportWork) -> Report:
    """The API's word on the pipeline wins over the comment's."""
    named = next((each.build.pipeline for each in work.builds if each.build and each.build.pipeline), None)
    return replace(work.report, pipeline=named or work.report.pipeline)


def _failed(job: str, uuid: str, build: Build, failure: Reading | None, queries: Sequence[Rule]) -> Observed:
    """A build, and what is known of its failure if it failed."""
    reading = failure if is_failure(build.result) else None
    known = recognised(job, uuid, reading.failure, queries) if reading and reading.failure else ()
    return Observed(job, uuid, None, result=build.result, voting=build.voting, failure=reading, known=known)


def _judged(build: Observed, reading: Reading | None, bounds: Sequence[Rule],
            usual: Mapping[str, Learned]) -> Observed:
    """A build with its counters held against the bounds."""
    if reading is None:
        return build
    build = replace(build, state=reading.state, why=reading.why)
    counters = reading.counters
    if counters is None:
        return build
    ruled = tuple(verdict for rule in bounds for verdict in judge(rule, counters))
    verdicts = (*ruled, *judge_learned(usual, counters))
    return replace(build, verdicts=verdicts, usual=usual,
                   unjudged=tuple(each for each in ruled if was_due(each, counters)))


@dataclass(frozen=True)
class _Told:
    """What the words of each delivery are made from."""

    report: Report
    observed: Sequence[Observed]
    rules: Mapping[str, Rule]
    links: Links
    seen: Seen


def _delivery(told: _Told, effect: Effect) -> Delivery:
    report = told.report
    key = delivery_key(report, effect.kind, effect.destination)
    patchset = report.patchset
    about = {"project": patchset.project, "change": patchset.change, "patchset": patchset.number}
    if effect.kind == IRC:
        line = irc_line(report, effect.findings, told.observed, told.rules)
        return Delivery(key, effect.kind, effect.destination, {**about, "text": line})
    text = comment(report, effect.findings, told.observed, told.rules, told.links, marker(key), told.seen)
    return Delivery(key, effect.kind, effect.destination,
                    {**about, "message": text, "tag": _tag(report.pipeline), "marker": marker(key)})


def _tag(pipeline: str | None) -> str:
    """Gerrit hides an older patch set's message under the same tag; ``~`` would end the comparison."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", pipeline or "")[:60]
    return f"autogenerated:counterbot:{name}" if name else "autogenerated:counterbot"
