"""What came of a report's builds + what was said before -> Decision(reason, effects). Words nothing, does nothing."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .learned import Learned
from .mine import Facts
from .model import (
    GERRIT,
    IRC,
    LEARNED,
    Back,
    Channel,
    Finding,
    KnownFailure,
    Reading,
    Report,
    State,
    Subject,
    Tell,
    Unexplained,
    is_failure,
)
from .rules import Outcome, Rule, Verdict, findings, matches
from .text.names import few
from .unjudged import folded

COUNTERS_STATE = {
    State.READ: "counted",
    State.NOTHING: "no counters in its logs",
    State.UNREADABLE: "counters that cannot be read",
    State.MISSING: "logs not there in time",
    State.NOT_RUN: "did not run",
}
"""How the reading of a build's counters ended, in words."""

FAILURE_STATE = {
    State.READ: "nothing known",
    State.NOTHING: "no logs",
    State.UNREADABLE: "logs could not be read",
    State.MISSING: "logs not there in time",
    State.NOT_RUN: "no logs",
}
"""What is known of a failed build that no rule recognised, by how the reading of its failure ended."""

OTHERS = 3
"""So many other changes that show the same make a comment worth posting for a failure of which nothing is known."""

EVERY_CHANNEL = "every channel"


@dataclass(frozen=True)
class Observed:
    """One build of a report that a rule applies to, when the report is decided.

    ``state`` is how the reading of its counters ended, None where no rule asks for them. ``unjudged`` are counters that
    a rule names and that have no value, and patterns whose collector failed. ``result`` is Zuul's, None where it is not
    known. ``failure`` is what was read of the failure: None where the build did not fail or no query applies to it.
    ``known`` is what the queries recognised in it, told to somebody or not; ``facts`` are what the history tells of a
    failure that they do not explain. ``usual`` is what is known of the job's counters, by name.
    """

    job: str
    uuid: str
    state: State | None
    why: str = ""
    verdicts: tuple[Verdict, ...] = ()
    unjudged: tuple[Verdict, ...] = ()
    result: str | None = None
    voting: bool = True
    failure: Reading | None = None
    known: tuple[KnownFailure, ...] = ()
    facts: Facts = Facts()  # noqa: RUF009 - frozen
    usual: Mapping[str, Learned] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        """Whether any of its counters was held against a bound."""
        return any(verdict.outcome is not Outcome.NO_DATA for verdict in self.verdicts)

    @property
    def failed(self) -> bool:
        return is_failure(self.result)

    @property
    def over(self) -> tuple[Finding, ...]:
        """Its counters over their bounds."""
        return findings(self.job, self.uuid, self.verdicts, self.usual)

    @property
    def standing(self) -> str:
        """What is said of a failed build that no rule recognised."""
        found = self.failure.failure if self.failure else None
        words = "nothing known, not all logs read" if found and found.unread else (
            FAILURE_STATE[self.failure.state] if self.failure else "no rule looks for its failure")
        return words if self.result in (None, "FAILURE") else f"{words} ({self.result})"


class Reason(enum.Enum):
    """Why something is said, or nothing."""

    OVER = "over its bound"
    KNOWN = "known failures"
    BOTH = "over its bound, and known failures"
    UNEXPLAINED = "failed builds of which nothing is known"
    UNSHARED = "failed builds of which nothing is known, and too few other changes show the same"
    UNCONFIRMED = "over a learned bound in one run only"
    ACKNOWLEDGED = "over its bound, and people said that this is to be so"
    BACK = "back within its bound"
    SAID_BEFORE = "the same was said before on this patch set"
    NOBODY = "over its bound, but the rules tell nobody"
    KNOWN_TO_NOBODY = "known failures, but the rules tell nobody"
    WITHIN = "every counter is within its bound"
    PARTLY = "no counter that came is over its bound"
    NO_DATA = "no counters to judge"
    NO_FAILURE = "no voting build is known to have failed"
    NO_RULE = "no rule applies to its builds"


Found = Finding | KnownFailure
Told = Finding | KnownFailure | Unexplained | Back


@dataclass(frozen=True)
class Effect:
    """Tell these findings at a destination: ``gerrit``, or an IRC channel's name."""

    kind: str
    destination: str
    findings: tuple[Told, ...]


@dataclass(frozen=True)
class Decision:
    """``findings`` is everything over its bound and every known failure, told or not.

    ``missing`` says which builds gave nothing, and why; ``untold`` are findings of rules that nobody is to hear of.
    """

    reason: Reason
    findings: tuple[Found, ...] = ()
    effects: tuple[Effect, ...] = ()
    missing: str = ""
    untold: tuple[Found, ...] = ()

    @property
    def why(self) -> str:
        """The reason in full, for the log and for ``status``."""
        return f"{self.reason.value}{f' ({self.missing})' if self.missing else ''}"


Said = Mapping[str, frozenset[tuple[str, Subject]]]
"""By destination, the (job, subject) pairs that were told there on this patch set."""

Counted = Collection[tuple[str, str]]
"""Pairs of a job and a counter of it."""


@dataclass(frozen=True)
class Before:
    """What is known of a change when a report on it is decided.

    It is what was ``said`` on this patch set; which counters were over learned bounds in earlier runs (``crossed``);
    which people had ``silenced``, by name, whatever the job; and which reviewers were told to be ``over`` their bounds
    on an earlier patch set, and not to be back within them since.
    """

    said: Said = field(default_factory=dict)
    crossed: Counted = frozenset()
    silenced: Collection[str] = frozenset()
    over: Counted = frozenset()


@dataclass(frozen=True)
class Seen:
    """In how many builds each rule's failure was found in the last days, those of this report among them.

    ``at`` is the time of counting, in epoch milliseconds: dates of another year are written with it.
    """

    builds: Mapping[str, int] = field(default_factory=dict)
    days: int = 10
    at: int | None = None


def decide(report: Report, observed: Iterable[Observed], rules: Mapping[str, Rule], before: Before,
           channels: Iterable[Channel], comment_in: Sequence[str] = ("gate",)) -> Decision:
    """All builds of a report weighed together with what was before.

    ``comment_in`` are shell patterns of the pipelines in which a comment may be posted for unexplained failures alone.
    """
    observed = tuple(observed)
    missing = _missing(observed)
    all_over = tuple(_confirmed(observed, before.crossed))
    unsilenced = tuple(each for each in all_over if each.subject.name not in before.silenced)
    over = tuple(each for each in unsilenced if each.confirmed)
    known = tuple(finding for build in observed for finding in build.known)
    builds = tuple(unexplained(observed, rules))
    back = tuple(_back(observed, before, rules))
    if not (over or known or builds or back):
        reason = (_quiet(observed, missing) if not all_over else
                  Reason.UNCONFIRMED if unsilenced else Reason.ACKNOWLEDGED)
        return Decision(reason, all_over, missing=missing)
    asked = may_comment(report, comment_in)
    news = frozenset(build.uuid for build in builds if asked and _is_worth_telling(build.facts))
    found: tuple[Found, ...] = (*over, *known)
    told = (*found, *(Unexplained(build.job, build.uuid) for build in builds), *back)
    wanted = tuple(effect for effect in _wanted(report, told, rules, channels, news) if effect.findings)
    untold = tuple(finding for finding in found if not any(finding in effect.findings for effect in wanted))
    fresh = tuple(_fresh(wanted, before.said, news))
    return Decision(_reason(over, known, wanted, fresh, asked), (*all_over, *known), fresh, missing, untold)


def _confirmed(observed: Sequence[Observed], crossed: Counted) -> Iterator[Finding]:
    """Counters over their bounds. What is over a learned one alone counts where another job of the report shows it too,
    or an earlier run did; a failed build may have done its work in part, or twice, and shows nothing by itself."""
    jobs: dict[str, set[str]] = {}
    for build in observed:
        for verdict in build.verdicts:
            if not build.failed and verdict.rule == LEARNED and verdict.outcome is Outcome.OVER:
                jobs.setdefault(verdict.counter, set()).add(build.job)
    for build in observed:
        for finding in build.over:
            name = finding.subject.name
            again = (finding.job, name) in crossed or len(jobs.get(name, ())) > 1
            yield replace(finding, confirmed=finding.rule != LEARNED or (not build.failed and again))


def _back(observed: Sequence[Observed], before: Before, rules: Mapping[str, Rule]) -> Iterator[Back]:
    """Counters that are within all their bounds again, with the lowest that reviewers are told of; a failed build may
    have done its work in part."""
    for build in observed:
        counters: dict[str, list[Verdict]] = {}
        for verdict in build.verdicts:
            if (build.job, verdict.counter) in before.over and verdict.counter not in before.silenced:
                counters.setdefault(verdict.counter, []).append(verdict)
        for counter, verdicts in counters.items():
            heard = (verdict for verdict in verdicts if rules[verdict.rule].report.gerrit)
            lowest = min(heard, key=lambda verdict: verdict.bound, default=None)
            if lowest and lowest.value is not None and not build.failed and all(
                    verdict.outcome is Outcome.WITHIN for verdict in verdicts):
                yield Back(build.job, build.uuid, counter, lowest.value, lowest.bound)


def unexplained(observed: Iterable[Observed], rules: Mapping[str, Rule]) -> Iterator[Observed]:
    """Failed builds that no rule explains and that vote: others do not keep a change from being merged."""
    for build in observed:
        known = any(not _is_muted(finding, rules) for finding in build.known)
        if build.failure is not None and build.failed and build.voting and not known:
            yield build


def may_comment(report: Report, comment_in: Sequence[str]) -> bool:
    """Whether unexplained failures alone may be worth a comment; an unknown pipeline is let through by ``*`` only."""
    return bool(comment_in) and matches(comment_in, report.pipeline or "")


def _is_worth_telling(facts: Facts) -> bool:
    """Whether a reviewer learns from it that the failure may not be the change's own doing."""
    return facts.passed or facts.changes >= OTHERS


def _reason(over: Sequence[Finding], known: Sequence[KnownFailure], wanted: Sequence[Effect],
            fresh: Sequence[Effect], asked: bool) -> Reason:
    if wanted and not fresh:
        return Reason.SAID_BEFORE
    if not wanted and (over or known):
        return Reason.NOBODY if over else Reason.KNOWN_TO_NOBODY
    if not wanted:
        return Reason.UNSHARED if asked else Reason.UNEXPLAINED
    kinds = {type(finding) for effect in fresh for finding in effect.findings}
    if {Finding, KnownFailure} <= kinds:
        return Reason.BOTH
    if kinds == {Back}:
        return Reason.BACK
    return Reason.OVER if Finding in kinds else Reason.KNOWN if KnownFailure in kinds else Reason.UNEXPLAINED


def _quiet(observed: Sequence[Observed], missing: str) -> Reason:
    if not observed:
        return Reason.NO_RULE
    if all(build.state is None for build in observed):
        return Reason.NO_FAILURE
    judged = any(verdict.outcome is Outcome.WITHIN for build in observed for verdict in build.verdicts)
    if not judged:
        return Reason.NO_DATA
    return Reason.PARTLY if missing else Reason.WITHIN


def _missing(observed: Iterable[Observed]) -> str:
    return "; ".join(dict.fromkeys(f"{build.job}: {lack}" for build in observed for lack in _lacks(build)))


def _lacks(build: Observed) -> Iterable[str]:
    """What a build should have given and did not."""
    if build.state not in (None, State.READ):
        yield f"{COUNTERS_STATE[build.state]}{f': {build.why}' if build.why else ''}"
    elif build.why:
        yield build.why
    if build.unjudged:
        yield f"not judged: {', '.join(folded(build.unjudged))}"
    if build.failure and not build.known:
        unread = build.failure.failure.unread if build.failure.failure else {}
        reasons = [f"{path}: {why}" for path, why in unread.items()] or list(filter(None, [build.failure.why]))
        yield f"{build.standing}{f': {few(reasons, 3)}' if reasons else ''}"


def _wanted(report: Report, told: Sequence[Told], rules: Mapping[str, Rule], channels: Iterable[Channel],
            news: Collection[str]) -> Iterator[Effect]:
    """A report on a branch has no change to comment on. ``news`` are unexplained builds that deserve a comment; others
    are only told in one that is posted anyway."""
    heard = [finding for finding in told if not _is_muted(finding, rules)]
    if report.patchset.change is not None:
        tells = [finding for finding in heard
                 if isinstance(finding, Unexplained | Back) or rules[finding.rule].report.gerrit]
        yield Effect(GERRIT, GERRIT, tuple(tells) if any(_is_reason(finding, news) for finding in tells) else ())
    for channel in channels:
        if wants(channel, report):
            topics = topics_of(channel, report)
            yield Effect(IRC, channel.name, tuple(
                finding for finding in heard if not isinstance(finding, Back) and _topic(finding) in topics
                and (isinstance(finding, Unexplained) or _for_channel(rules[finding.rule], channel))))


def _topic(finding: Finding | KnownFailure | Unexplained) -> Tell:
    if isinstance(finding, Finding):
        return Tell.OVER
    return Tell.KNOWN if isinstance(finding, KnownFailure) else Tell.UNEXPLAINED


def _is_muted(finding: Told, rules: Mapping[str, Rule]) -> bool:
    """Whether it is a known failure of a rule that suppresses notifications."""
    query = rules[finding.rule].fingerprint if isinstance(finding, KnownFailure) else None
    return query is not None and query.suppress_notification


def wants(channel: Channel, report: Report) -> bool:
    """Whether a channel's own filters let the report through; an unknown pipeline by no filter but ``*``."""
    return matches(channel.projects, report.patchset.project) and matches(channel.pipelines, report.pipeline or "")


def topics_of(channel: Channel, report: Report) -> frozenset[Tell]:
    """What a channel is told of in the report's pipeline."""
    failures = matches(channel.failures_in, report.pipeline or "")
    return channel.tell if failures else channel.tell & {Tell.OVER}


def unheard(rules: Iterable[Rule], channels: Collection[str]) -> Iterator[tuple[Rule, str]]:
    """Each rule that tells a channel which is not configured, with the channel; EVERY_CHANNEL where there is none."""
    for rule in rules:
        if rule.report.irc is None and not (rule.report.gerrit or channels):
            yield rule, EVERY_CHANNEL
        yield from ((rule, name) for name in rule.report.irc or () if name not in channels)


def listeners(rule: Rule) -> str:
    """Whom a rule's findings go to, in words."""
    named = [EVERY_CHANNEL] if rule.report.irc is None else rule.report.irc
    return ", ".join([*(["reviewers"] if rule.report.gerrit else []), *named]) or "nobody"


def _for_channel(rule: Rule, channel: Channel) -> bool:
    return rule.report.irc is None or channel.name in rule.report.irc


def _is_reason(finding: Told, news: Collection[str]) -> bool:
    """Whether a comment is posted for the sake of a finding."""
    return not isinstance(finding, Unexplained) or finding.build in news


def _fresh(wanted: Iterable[Effect], said: Said, news: Collection[str]) -> Iterator[Effect]:
    """A single new finding makes the whole news: posted text cannot be edited, so the table is given complete. What is
    back within its bound, if nothing else is new, is told alone."""
    for effect in wanted:
        before = said.get(effect.destination, frozenset())
        new = tuple(finding for finding in effect.findings if (finding.job, finding.subject) not in before
                    and (effect.kind != GERRIT or _is_reason(finding, news)))
        if new:
            yield replace(effect, findings=new) if all(isinstance(each, Back) for each in new) else effect
