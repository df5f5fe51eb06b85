"""The third stage: a report whose builds are examined, or whose deadline has come -> pending deliveries."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..core import decide
from ..core.decide import Decision, Effect, Observed, Reason, Said, listeners
from ..core.keys import delivery_key, marker
from ..core.model import IRC, Channel, Delivery, Finding, Reader, Reading, Report, State
from ..core.needs import facts
from ..core.rules import Rule, applicable, judge, was_due
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..core.text.names import few
from ..core.wording.comment import Links, comment
from ..core.wording.irc import irc_line
from ..files.rulebook import RuleBook
from ..ledger import ExaminedBuild, Ledger, ReportWork
from .service import done

SECOND = 1000

log = logging.getLogger("counterbot.engine")


@dataclass(frozen=True)
class Audience:
    """Who is told and how: ``links`` leads to bugs."""

    channels: tuple[Channel, ...] = ()
    links: Links = Links()  # noqa: RUF009 - frozen


class Decider:
    """``book`` has the rules in force. ``grace`` is milliseconds after a report's deadline in which a build that
    nobody has tried yet is still waited for."""

    def __init__(self, ledger: Ledger, book: RuleBook, audience: Audience,
                 grace: int) -> None:
        self._reports = ledger.reports
        self._book = book
        self._audience = audience
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
        found = (_observed(report, build, rules) for build in work.builds)
        observed = [build for build in found if build is not None]

        def weigh(said: Said, _seen: Mapping[str, int]) -> tuple[Decision, list[Delivery]]:
            decision = decide.decide(report, observed, rules, said, self._audience.channels)
            return decision, [_delivery(report, effect, observed, rules, self._audience.links)
                              for effect in decision.effects]

        decision = self._reports.decide(work, weigh)
        pending = f"; {counted(len(decision.effects), 'delivery', 'deliveries')} pending"
        log.info("%s: %s%s", report.patchset, inert(decision.why, 500), pending * (decision.reason is Reason.OVER))
        for line in _untold(decision.untold, rules):
            log.info("%s: %s", report.patchset, inert(line, 500))
        return None


def _untold(findings: Sequence[Finding], rules: dict[str, Rule]) -> Iterator[str]:
    """A line for each rule whose findings nobody hears of."""
    for name in dict.fromkeys(finding.rule for finding in findings):
        over = [f"{finding.subject.name} in {finding.job}" for finding in findings if finding.rule == name]
        yield f"nobody is told of {few(over)}, over the bound of rule {name}: it tells {listeners(rules[name])}"


def _with_pipeline(work: ReportWork) -> Report:
    """The API's word on the pipeline wins over the comment's."""
    named = next((each.build.pipeline for each in work.builds if each.build and each.build.pipeline), None)
    return replace(work.report, pipeline=named or work.report.pipeline)


def _observed(report: Report, examined: ExaminedBuild, rules: dict[str, Rule]) -> Observed | None:
    """What is known of a build; None where Zuul's API tells that no rule applies to it."""
    job, uuid, build = examined.link.job, examined.link.uuid or "", examined.build
    reading = examined.readings.get(Reader.COUNTERS, Reading(State.MISSING, examined.why))
    if build is None:
        return Observed(job, uuid, reading.state, reading.why)
    asked = applicable(rules.values(), facts(report.patchset, build, report.pipeline))
    if not asked:
        return None
    if build.changes and report.patchset.change not in build.changes:
        return Observed(job, uuid, State.UNREADABLE, f"it is a build of change {build.changes[0]}")
    counters = reading.counters
    if counters is None:
        return Observed(job, uuid, reading.state, reading.why, result=build.result)
    verdicts = tuple(verdict for rule in asked for verdict in judge(rule, counters))
    due = tuple(verdict for verdict in verdicts if was_due(verdict, counters))
    return Observed(job, uuid, reading.state, reading.why, verdicts, due, build.result)


def _delivery(report: Report, effect: Effect, observed: list[Observed], rules: dict[str, Rule],
              links: Links) -> Delivery:
    key = delivery_key(report, effect.kind, effect.destination)
    patchset = report.patchset
    about = {"project": patchset.project, "change": patchset.change, "patchset": patchset.number}
    if effect.kind == IRC:
        line = irc_line(report, effect.findings, observed)
        return Delivery(key, effect.kind, effect.destination, {**about, "text": line})
    text = comment(report, effect.findings, observed, rules, links, marker(key))
    return Delivery(key, effect.kind, effect.destination,
                    {**about, "message": text, "tag": _tag(report.pipeline), "marker": marker(key)})


def _tag(pipeline: str | None) -> str:
    """Gerrit hides an older patch set's message under the same tag; ``~`` would end the comparison."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", pipeline or "")[:60]
    return f"autogenerated:counterbot:{name}" if name else "autogenerated:counterbot"
