"""Which rules apply to a build, and what they say of its counters. Reads no file and reports to nobody."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .learned import Learned
from .model import LEARNED, BuildFacts, Counters, Failure, Finding, Kind, KnownFailure, Number, Subject, group_of


def is_pattern(written: str) -> bool:
    """Whether what a rule says is a shell pattern, no plain name. Never ask it of a counter's own name."""
    return any(character in written for character in "*?[")


@dataclass(frozen=True)
class Where:
    """Shell patterns, any of which must match; an empty tuple asks nothing."""

    job: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    pipeline: tuple[str, ...] = ()
    voting: bool | None = None


@dataclass(frozen=True)
class Bound:
    """``counter`` is a name or a shell pattern; a value above ``max`` is over."""

    counter: str
    max: Number

    @property
    def is_pattern(self) -> bool:
        return is_pattern(self.counter)


@dataclass(frozen=True)
class Learning:
    """Of counters that fit ``counter``, a name or a shell pattern, so many ``false_warnings`` in 1,000 runs of each; 0:
    no bound is learned."""

    counter: str
    false_warnings: float


@dataclass(frozen=True)
class Audience:
    """Who is told: the change's reviewers, and channels (None: every channel that wants the change)."""

    gerrit: bool = True
    irc: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Case:
    """A rule's own test: counters of a build, and the names that must come out over their bound."""

    given: BuildFacts
    counters: Mapping[str, Number]
    over: frozenset[str]


@dataclass(frozen=True)
class LogCase:
    """A query's own test: a log file of a build, and whether the query must match in it; and its counters, where the
    query asks for some."""

    given: BuildFacts
    file: str
    lines: tuple[str, ...]
    match: bool
    counters: Mapping[str, Number] = field(default_factory=dict)


@dataclass(frozen=True)
class Fingerprint:
    """A known failure in elastic-recheck's form.

    ``suppress_notification``: nobody is told. ``allow_nonvoting``: builds that do not vote count, too. ``test_ids``: it
    counts only where one of these tests failed. ``cases`` are the query's own tests.
    """

    query: str
    suppress_graph: bool = False
    suppress_notification: bool = False
    allow_nonvoting: bool = False
    test_ids: tuple[str, ...] = ()
    resolved_at: str | None = None
    cases: tuple[LogCase, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One file of ``queries/``. ``bug`` is a Launchpad number or a URL. ``infra``: what it finds is the site's fault,
    not the change's."""

    name: str
    title: str
    why: str = ""
    owner: str = ""
    bug: str | None = None
    where: Where = Where()
    bounds: tuple[Bound, ...] = ()
    report: Audience = Audience()
    cases: tuple[Case, ...] = ()
    fingerprint: Fingerprint | None = None
    infra: bool = False
    learn: tuple[Learning, ...] = ()


LEARNED_RULE = Rule(LEARNED, "")
"""Stands for the rule of bounds that are learned: reviewers are told, and every channel that wants the change."""


class Outcome(enum.IntEnum):
    """What is known of a counter; of several, the greatest counts.

    within < no data < over: a value over its bound is news whatever else is missing, and what is
    missing must never look as if it had passed.
    """

    WITHIN = 0
    NO_DATA = 1
    OVER = 2


@dataclass(frozen=True)
class Verdict:
    """A bound held against a counter. ``value`` is None, and ``why`` says something, without data.

    ``is_pattern``: no counter met the bound, and ``counter`` is the pattern itself; a counter's own name may look
    like one. ``came``: the counter is there, with or without a usable value.
    """

    rule: str
    counter: str
    bound: Number
    outcome: Outcome
    value: Number | None = None
    why: str = ""
    is_pattern: bool = False
    came: bool = True


def applicable(rules: Iterable[Rule], facts: BuildFacts) -> tuple[Rule, ...]:
    """The rules with bounds whose ``where`` fits what is known of the build."""
    return tuple(rule for rule in rules if rule.bounds and fits(rule.where, facts))


def known_failures(rules: Iterable[Rule], facts: BuildFacts) -> tuple[Rule, ...]:
    """The rules with a query whose ``where`` fits what is known of the build."""
    return tuple(rule for rule in rules if rule.fingerprint and fits(rule.where, facts))


def false_warnings(rules: Iterable[Rule], facts: BuildFacts, counter: str) -> float | None:
    """How many false warnings in 1,000 runs rules allow a learned bound of a counter: the fewest that any says, None
    where none says any. A name that is given whole takes precedence over patterns within one rule."""
    said = [_said_of(rule.learn, counter) for rule in rules if rule.learn and fits(rule.where, facts)]
    return min((rate for rate in said if rate is not None), default=None)


def _said_of(learn: Iterable[Learning], counter: str) -> float | None:
    fitting = [each for each in learn if each.counter == counter or (
        is_pattern(each.counter) and fnmatchcase(counter, each.counter))]
    whole = [each for each in fitting if each.counter == counter]
    return min((each.false_warnings for each in whole or fitting), default=None)


def fits(where: Where, facts: BuildFacts) -> bool:
    """Whether all that is asked fits what is known."""
    return next(misfits(where, facts), None) is None


def misfits(where: Where, facts: BuildFacts) -> Iterator[str]:
    """Each key of ``where`` that does not fit what is known, in words."""
    if where.voting is not None and facts.voting is not None and where.voting != facts.voting:
        yield f"where.voting {str(where.voting).lower()} does not fit {str(facts.voting).lower()}"
    for key in ("job", "branch", "project", "pipeline"):
        patterns, value = getattr(where, key), getattr(facts, key)
        if not matches(patterns, value):
            asked = repr(patterns[0]) if len(patterns) == 1 else f"[{', '.join(map(repr, patterns))}]"
            yield f"where.{key} {asked} does not fit {value!r}"


def matches(patterns: Sequence[str], value: str | None) -> bool:
    """Whether any shell pattern matches; true where nothing is asked or nothing is known."""
    return not patterns or value is None or any(
        fnmatchcase(value, pattern) if is_pattern(pattern) else value == pattern for pattern in patterns)


def judge(rule: Rule, counters: Counters) -> tuple[Verdict, ...]:
    """One verdict for each counter that the rule bounds, and one for each bound that met none.

    Within one rule, a bound that gives the whole name takes precedence over patterns, so that an
    exception can stand beside the general case; of several patterns the lowest bound counts.
    """
    limits, unmet = _limits(rule.bounds, counters)
    met = (_verdict(rule.name, name, limit, counters) for name, limit in limits.items())
    return (*met, *(_unmet(rule.name, pattern, limit, counters) for pattern, limit in unmet.items()))


def judge_learned(usual: Mapping[str, Learned], counters: Counters) -> tuple[Verdict, ...]:
    """One verdict for each counter that came of which it is known what is usual."""
    return tuple(
        Verdict(LEARNED, name, found.bound,
                Outcome.OVER if counters.values[name] > found.bound else Outcome.WITHIN, counters.values[name])
        for name, found in usual.items() if name in counters.values)


def _limits(bounds: Sequence[Bound], counters: Counters) -> tuple[dict[str, Number], dict[str, Number]]:
    """By counter the bound that counts, and by pattern the bounds that met no counter.

    A pattern also meets counters that came without a usable value: they must not look as if they
    had passed. What the server does not have at all, a pattern does not ask for.
    """
    exact = {bound.counter: bound.max for bound in bounds if not bound.is_pattern}
    lowest: dict[str, Number] = {}
    unmet: dict[str, Number] = {}
    came = [*counters.values, *counters.unreadable, *sorted(counters.resets)]
    for bound in (bound for bound in bounds if bound.is_pattern):
        names = [name for name in came if fnmatchcase(name, bound.counter)]
        if not names:
            unmet[bound.counter] = bound.max
        for name in names:
            lowest[name] = min(bound.max, lowest.get(name, bound.max))
    return {**exact, **{name: limit for name, limit in lowest.items() if name not in exact}}, unmet


def _verdict(rule: str, name: str, limit: Number, counters: Counters) -> Verdict:
    value = counters.values.get(name)
    if value is None:
        came = name in counters.unreadable or name in counters.resets
        return Verdict(rule, name, limit, Outcome.NO_DATA, why=_why_none(name, counters), came=came)
    return Verdict(rule, name, limit, Outcome.OVER if value > limit else Outcome.WITHIN, value)


def _unmet(rule: str, pattern: str, limit: Number, counters: Counters) -> Verdict:
    why = _missing(pattern, counters, _groups_that_fit(pattern, counters))
    return Verdict(rule, pattern, limit, Outcome.NO_DATA, why=why, is_pattern=True, came=False)


def _why_none(name: str, counters: Counters) -> str:
    """Why a bounded counter has no value."""
    if name in counters.unreadable:
        return counters.unreadable[name]
    if name in counters.resets:
        return "counter reset: its server restarted"
    if name in counters.absent:
        return "the server does not have it"
    return _missing(name, counters, {group_of(name)} & counters.groups)


def _missing(name: str, counters: Counters, groups: Collection[str]) -> str:
    """Why nothing came of a name, or by a pattern. ``groups`` are those that came of its own: of these a collector
    with the group's name may still have failed in part, and others have nothing to do with it."""
    why = "missing from this build" if groups else f"no counter of group {group_of(name)} in this build"
    return why + "".join(f"; {collector}: {reason}" for collector, reason in counters.failures.items()
                         if not groups or collector in groups)


def _groups_that_fit(pattern: str, counters: Counters) -> list[str]:
    """The groups that came of those which a pattern asks for."""
    return [group for group in counters.groups if fnmatchcase(group, group_of(pattern))]


def was_due(verdict: Verdict, counters: Counters) -> bool:
    """Whether a value that is missing has to be told: that of a name which a rule gives whole, and
    those of a pattern's group where a collector failed. Other patterns ask for what there is."""
    if verdict.outcome is not Outcome.NO_DATA:
        return False
    if not verdict.is_pattern:
        return True
    return bool(counters.failures) and not _groups_that_fit(verdict.counter, counters)


def findings(job: str, build: str, verdicts: Iterable[Verdict],
             usual: Mapping[str, Learned] = {}) -> tuple[Finding, ...]:
    """The verdicts that are over, as findings of a build, with what is ``usual`` where that is known. Over a rule's
    bound and a learned one, a counter is the rule's finding."""
    over = [verdict for verdict in verdicts if verdict.outcome is Outcome.OVER]
    ruled = {verdict.counter for verdict in over if verdict.rule != LEARNED}
    return tuple(
        Finding(job, build, verdict.rule, Subject(Kind.COUNTER, verdict.counter), verdict.value, verdict.bound,
                usual.get(verdict.counter))
        for verdict in over if verdict.value is not None and (verdict.rule != LEARNED or verdict.counter not in ruled))


def recognised(job: str, build: str, failure: Failure, rules: Iterable[Rule]) -> tuple[KnownFailure, ...]:
    """The hits of these rules, as findings of a build."""
    hits = {rule.name: tuple(hit for hit in failure.hits if hit.rule == rule.name) for rule in rules}
    return tuple(KnownFailure(job, build, rule, found) for rule, found in hits.items() if found)


def holds(rule: Rule, case: Case) -> str | None:
    """None where the rule does what its case expects, else what it does instead."""
    unfit = ", ".join(misfits(rule.where, case.given))
    if unfit:
        return f"the rule does not apply: {unfit}"
    over = {verdict.counter for verdict in judge(rule, Counters(case.counters)) if verdict.outcome is Outcome.OVER}
    missed, extra = sorted(case.over - over), sorted(over - case.over)
    if not missed and not extra:
        return None
    told = (("expected over", missed), ("over as well", extra))
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in told if names)
