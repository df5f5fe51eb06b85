"""Finds what a rule with learned bounds would say of a job, for people who want to write bounds down."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..core.learned import Learned, Measured
from ..core.model import BuildFacts, Number
from ..core.patterns import Names
from ..core.rules import Rule
from ..core.text.figures import counted
from ..files.config import LearnedBounds
from ..files.suggested_bounds import SuggestedBound, SuggestedBounds, can_be_written, is_bound, over
from ..ledger import Ledger
from ..ledger.samples import Group, Known
from ..ledger.samples import Usual as Baseline
from .usual import Usual

RUNS = 200
"""The newest that are looked at, to choose cases from."""

MOST = 1_000
"""Bounds of a file: with its cases each takes eight keys and values of limits.RULE_VALUES."""

DIGITS = 6
"""Of a bound on what is no whole number."""


@dataclass(frozen=True)
class Suggestion:
    """What is suggested of a job on a branch: a rule, or None and ``why`` not. ``left_out`` are stable counters that
    a rule's file cannot hold."""

    job: str
    branch: str
    rule: SuggestedBounds | None
    why: str = ""
    left_out: tuple[str, ...] = ()


def suggestions(ledger: Ledger, settings: LearnedBounds, rules: Collection[Rule], job: str | None = None,
                branch: str | None = None) -> Iterator[Suggestion]:
    """For each job and branch of the history, or those of these names.

    Where several tenants run a job, or some of its builds count totals, those with most stable counters stand for it.
    """
    known: dict[tuple[str, str], list[Known]] = {}
    for each in ledger.samples.known(None, job, branch):
        known.setdefault((each.series.key.job, each.series.key.branch), []).append(each)
    for of, all_known in known.items():
        facts = BuildFacts(job=of[0], branch=of[1])
        groups = dict.fromkeys(Group(key.tenant, key.job, key.branch, key.delta)
                               for key in (each.series.key for each in all_known))
        learned = {group: Usual(ledger, settings).learned(facts, group.tenant, group.delta, rules) for group in groups}
        best = max(learned, key=lambda group: len(learned[group]))
        if learned[best]:
            runs = ledger.samples.measured(best, Baseline(settings.baseline, settings.check), RUNS)
            yield _suggestion(best, learned[best], runs, settings.false_warnings)
        else:
            yield Suggestion(*of, None, _unstable(all_known))


def _suggestion(group: Group, learned: Mapping[str, Learned], runs: Sequence[Measured], rate: float) -> Suggestion:
    good = [each for each in learned.values() if can_be_written(Names.COUNTER, each.counter) and is_bound(each.bound)]
    good = good[:MOST]
    left_out = tuple(sorted(learned.keys() - {each.counter for each in good}))
    if not good or not can_be_written(Names.JOB, group.job) or not can_be_written(Names.BRANCH, group.branch):
        return Suggestion(group.job, group.branch, None, "no file of rules can hold its names and bounds", left_out)
    bounds = tuple(SuggestedBound(each.counter, _max(each, runs), each.usual, each.runs, each.since) for each in good)
    measured = [run for run in runs if any(bound.counter in run.values for bound in bounds)]
    within = next((run for run in measured if run.usual and not over(bounds, run.values)), None)
    if within is None:
        why = f"none of its last {counted(len(runs), 'run')} is within all of its bounds: did it move just now?"
        return Suggestion(group.job, group.branch, None, why, left_out)
    crossed = next((run for run in measured if over(bounds, run.values)), None)
    return Suggestion(group.job, group.branch,
                      SuggestedBounds(group.job, group.branch, bounds, within, crossed, rate), left_out=left_out)


def _max(learned: Learned, runs: Sequence[Measured]) -> Number:
    """The bound; a whole number where all that is counted is."""
    if all(run.values.get(learned.counter, 0.0).is_integer() for run in runs):
        return math.floor(learned.bound)
    return float(f"{learned.bound:.{DIGITS}g}")


def _unstable(known: Sequence[Known]) -> str:
    """Why none is stable, by what is said of most."""
    reasons = Counter(why for each in known for why in (each.level.why if each.level else ("too few runs",)))
    [(why, count)] = reasons.most_common(1)
    return f"of {counted(len(known), 'counter')} none is stable; the commonest reason, of {count}: {why}"
