"""What is usual of a build's counters, by the levels that are kept ready. Learns nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..core.learned import Learned
from ..core.model import BuildFacts
from ..core.needs import learns
from ..core.rules import Rule, false_warnings
from ..files.config import LearnedBounds
from ..ledger import Ledger
from ..ledger.samples import Group, Ready, Step
from ..stats.bounds import bounds

GATE, DAY = 43_200_000, 86_400_000
"""Milliseconds before a merge in which runs of the gate may be of the new level already, and after it in which even a
bot that was away hears of it."""


class Usual:
    """Learned bounds, as far as the configuration and ``learn`` in rules ask for them."""

    def __init__(self, ledger: Ledger, settings: LearnedBounds) -> None:
        self._samples = ledger.samples
        self._settings = settings

    def learned(self, facts: BuildFacts, tenant: str, delta: bool, rules: Iterable[Rule] = ()) -> dict[str, Learned]:
        """By counter, what is usual of builds of which these facts are known. ``delta`` tells differences from totals.
        """
        if facts.job is None or facts.branch is None or not learns(self._settings.jobs, facts):
            return {}
        group = Group(tenant, facts.job, facts.branch, delta)
        ready = [each for each in self._samples.ready(group) if each.level.stable]
        asked = list(_asked(_settled(ready, self._samples.steps(group)), tuple(rules), facts))
        found = bounds([each.level for each, _ in asked], [rate for _, rate in asked])
        return {each.counter: Learned(each.counter, each.level.usual, bound, each.level.runs, each.since, group.branch)
                for (each, _), bound in zip(asked, found, strict=True)}


def _settled(ready: Iterable[Ready], steps: Iterable[Step]) -> Iterator[Ready]:
    """Without those whose level was learned before it was known that a step of theirs, which a person accepted, was
    merged."""
    merged: Mapping[str, int] = {step.counter: step.at for step in sorted(steps, key=lambda step: step.at)}
    return (each for each in ready if each.since >= merged.get(each.counter, 0) - GATE
            or each.looked >= merged[each.counter] + DAY)


def _asked(ready: Iterable[Ready], rules: tuple[Rule, ...], facts: BuildFacts) -> Iterator[tuple[Ready, float]]:
    """Each level with the rate of its bound, without those that a rule switches off."""
    for each in ready:
        rate = false_warnings(rules, facts, each.counter)
        if rate != 0:
            yield each, each.rate if rate is None else rate / 1000
