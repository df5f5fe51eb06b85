"""What came of a report's builds + what was said before -> Decision(reason, effects). Words nothing, does nothing."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .model import GERRIT, IRC, Channel, Finding, Report, State, Subject
from .rules import Outcome, Rule, Verdict, findings, matches
from .unjudged import folded

COUNTERS_STATE = {
    State.READ: "counted",
    State.NOTHING: "no counters in its logs",
    State.UNREADABLE: "counters that cannot be read",
    State.MISSING: "logs not there in time",
    State.NOT_RUN: "did not run",
}
"""How the reading of a build's counters ended, in words."""


EVERY_CHANNEL = "every channel"


@dataclass(frozen=True)
class Observed:
    """One build of a report that a rule applies to, when the report is decided.

    ``unjudged`` are counters that a rule names and that have no value, and patterns whose collector failed.
    ``result`` is Zuul's, None where it is not known.
    """

    job: str
    uuid: str
    state: State
    why: str = ""
    verdicts: tuple[Verdict, ...] = ()
    unjudged: tuple[Verdict, ...] = ()
    result: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it is a failed build of which counters were judged."""
        judged = any(verdict.outcome is not Outcome.NO_DATA for verdict in self.verdicts)
        return judged and self.result not in (None, "SUCCESS")


class Reason(enum.Enum):
    """Why something is said, or nothing."""

    OVER = "over its bound"
    SAID_BEFORE = "the same was said before on this patch set"
    NOBODY = "over its bound, but the rules tell nobody"
    WITHIN = "every counter is within its bound"
    PARTLY = "no counter that came is over its bound"
    NO_DATA = "no counters to judge"
    NO_RULE = "no rule applies to its builds"


@dataclass(frozen=True)
class Effect:
    """Tell these findings at a destination: ``gerrit``, or an IRC channel's name."""

    kind: str
    destination: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Decision:
    """``findings`` is everything over its bound, told or not; ``missing`` says which builds gave nothing, and why.

    ``untold`` are findings that nobody is to hear of.
    """

    reason: Reason
    findings: tuple[Finding, ...] = ()
    effects: tuple[Effect, ...] = ()
    missing: str = ""
    untold: tuple[Finding, ...] = ()

    @property
    def why(self) -> str:
        """The reason in full, for the log and for ``status``."""
        return f"{self.reason.value}{f' ({self.missing})' if self.missing else ''}"


Said = Mapping[str, frozenset[tuple[str, Subject]]]
"""By destination, the (job, subject) pairs that were told there on this patch set."""


def decide(report: Report, observed: Iterable[Observed], rules: Mapping[str, Rule], said: Said,
           channels: Iterable[Channel]) -> Decision:
    """All builds of a report weighed together."""
    observed = tuple(observed)
    missing = _missing(observed)
    over = tuple(finding for build in observed for finding in findings(build.job, build.uuid, build.verdicts))
    if not over:
        return Decision(_quiet(observed, missing), missing=missing)
    wanted = tuple(effect for effect in _wanted(report, over, rules, channels) if effect.findings)
    untold = tuple(finding for finding in over if not any(finding in effect.findings for effect in wanted))
    if not wanted:
        return Decision(Reason.NOBODY, over, missing=missing, untold=untold)
    fresh = tuple(effect for effect in wanted if _is_news(effect, said))
    return Decision(Reason.OVER if fresh else Reason.SAID_BEFORE, over, fresh, missing, untold)


def _quiet(observed: Sequence[Observed], missing: str) -> Reason:
    if not observed:
        return Reason.NO_RULE
    judged = any(verdict.outcome is Outcome.WITHIN for build in observed for verdict in build.verdicts)
    if not judged:
        return Reason.NO_DATA
    return Reason.PARTLY if missing else Reason.WITHIN


def _missing(observed: Iterable[Observed]) -> str:
    return "; ".join(f"{build.job}: {lack}" for build in observed for lack in _lacks(build))


def _lacks(build: Observed) -> Iterable[str]:
    """What a build should have given and did not."""
    if build.state is not State.READ:
        yield f"{COUNTERS_STATE[build.state]}{f': {build.why}' if build.why else ''}"
    elif build.why:
        yield build.why
    if build.unjudged:
        yield f"not judged: {', '.join(folded(build.unjudged))}"


def _wanted(report: Report, over: tuple[Finding, ...], rules: Mapping[str, Rule],
            channels: Iterable[Channel]) -> Iterable[Effect]:
    yield Effect(GERRIT, GERRIT, tuple(finding for finding in over if rules[finding.rule].report.gerrit))
    for channel in channels:
        if wants(channel, report):
            yield Effect(IRC, channel.name,
                         tuple(finding for finding in over if _for_channel(rules[finding.rule], channel)))


def wants(channel: Channel, report: Report) -> bool:
    """Whether a channel's own filters let the report through; an unknown pipeline by no filter but ``*``."""
    return matches(channel.projects, report.patchset.project) and matches(channel.pipelines, report.pipeline or "")


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


def _is_news(effect: Effect, said: Said) -> bool:
    """A single new finding makes the whole news: posted text cannot be edited, so the table is given complete."""
    before = said.get(effect.destination, frozenset())
    return any((finding.job, finding.subject) not in before for finding in effect.findings)
