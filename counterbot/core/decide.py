"""What came of a report's builds + what was said before -> Decision(reason, effects). Words nothing, does nothing."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .model import Finding, PatchSet, Report
from .rules import Outcome, Rule, Verdict, findings, matches

GERRIT = "gerrit"
IRC = "irc"


class State(enum.Enum):
    """What came of looking for one build's counters."""

    COUNTED = "counted"
    NONE = "no counters in its logs"
    UNREADABLE = "counters that cannot be read"
    NOT_THERE = "logs not there in time"
    NOT_RUN = "did not run"


@dataclass(frozen=True)
class Observed:
    """One build of a report, when the report is decided.

    ``unjudged`` are counters that a rule names and that have no value, ``unmet`` patterns whose
    collector failed, each with its reason.
    """

    job: str
    uuid: str
    state: State
    why: str = ""
    verdicts: tuple[Verdict, ...] = ()
    unjudged: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


class Reason(enum.Enum):
    """Why something is said, or nothing."""

    OVER = "over its bound"
    SAID_BEFORE = "the same was said before on this patch set"
    NOBODY = "over its bound, but the rules tell nobody"
    WITHIN = "every counter is within its bound"
    PARTLY = "no counter that came is over its bound"
    NO_DATA = "no counters to judge"


@dataclass(frozen=True)
class Channel:
    """An IRC channel and the changes it wants: shell patterns, an empty tuple wants all."""

    name: str
    projects: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Effect:
    """Tell these findings at a destination: ``gerrit``, or an IRC channel's name."""

    kind: str
    destination: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Decision:
    """``findings`` is everything over its bound, told or not; ``missing`` says which builds gave nothing, and why."""

    reason: Reason
    findings: tuple[Finding, ...] = ()
    effects: tuple[Effect, ...] = ()
    missing: str = ""

    @property
    def why(self) -> str:
        """The reason in full, for the log and for ``status``."""
        return f"{self.reason.value}{f' ({self.missing})' if self.missing else ''}"


Said = Mapping[str, frozenset[tuple[str, str]]]
"""By destination, the (job, counter) pairs that were told there on this patch set."""


def decide(report: Report, observed: Iterable[Observed], rules: Mapping[str, Rule], said: Said,
           channels: Iterable[Channel]) -> Decision:
    """All builds of a report weighed together."""
    observed = tuple(observed)
    missing = _missing(observed)
    over = tuple(finding for build in observed for finding in findings(build.job, build.uuid, build.verdicts))
    if not over:
        return Decision(_quiet(observed, missing), missing=missing)
    wanted = tuple(effect for effect in _wanted(report, over, rules, channels) if effect.findings)
    if not wanted:
        return Decision(Reason.NOBODY, over, missing=missing)
    fresh = tuple(effect for effect in wanted if _is_news(effect, said))
    return Decision(Reason.OVER if fresh else Reason.SAID_BEFORE, over, fresh, missing)


def _quiet(observed: Iterable[Observed], missing: str) -> Reason:
    judged = any(verdict.outcome is Outcome.WITHIN for build in observed for verdict in build.verdicts)
    if not judged:
        return Reason.NO_DATA
    return Reason.PARTLY if missing else Reason.WITHIN


def _missing(observed: Iterable[Observed]) -> str:
    return "; ".join(f"{build.job}: {lack}" for build in observed for lack in _lacks(build))


def _lacks(build: Observed) -> Iterable[str]:
    """What a build should have given and did not."""
    if build.state is not State.COUNTED:
        yield f"{build.state.value}{f': {build.why}' if build.why else ''}"
    elif build.why:
        yield build.why
    if build.unjudged or build.unmet:
        yield f"not judged: {', '.join((*build.unjudged, *build.unmet))}"


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


def _for_channel(rule: Rule, channel: Channel) -> bool:
    return rule.report.irc is None or channel.name in rule.report.irc


def _is_news(effect: Effect, said: Said) -> bool:
    """A single new finding makes the whole news: posted text cannot be edited, so the table is given complete."""
    before = said.get(effect.destination, frozenset())
    return any((finding.job, finding.counter) not in before for finding in effect.findings)


def delivery_key(report: Report, effect: Effect) -> str:
    """Unique to a report at a destination, and the same whoever derives it from whichever source."""
    return " ".join((report_key(report), effect.kind, effect.destination))


def report_key(report: Report) -> str:
    """Server, change, patch set and buildset; without one, a hash of the builds."""
    builds = ",".join(sorted({link.uuid or link.url for link in report.builds}))
    which = report.buildset or hashlib.sha256(builds.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{patchset_key(report.patchset)} {which}"


def patchset_key(patchset: PatchSet) -> str:
    """Server, change and patch set: within it nothing is said twice at one destination."""
    return f"{patchset.server} {patchset.change},{patchset.number}"


def marker(key: str) -> str:
    """The line by which a delivery is found again among a change's messages."""
    return f"[counterbot:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:12]}]"
