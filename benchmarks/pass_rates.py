"""How often a fallen pass rate is told where none fell, and how soon one that fell, beside what others do.

All rules look at the same builds. A build belongs to a change, and a bad change fails each of its builds; outages fail
builds of all jobs, and a known failure explains four in five of these.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np
from numpy.typing import NDArray
from printed import machine, show, table
from scipy.special import betaln
from scipy.stats import hypergeom

from counterbot.stats import rates
from counterbot.stats.rates import DAY, Outcome, rate

DAYS, FIRST, FALL, SOON = 63, 35, 45, 14
"""Days of each series, the first that counts, the day on which a rate falls, and how soon that is to be seen."""

RATES = 0.995, 0.97, 0.90, 0.75
FALLS = (0.995, 0.93), (0.97, 0.90), (0.90, 0.80), (0.75, 0.60)
CHECK, GATE, BAD_IN_CHECK, BAD_IN_GATE, OUTAGE = 25, 10, 1 / 8, 1 / 200, 1 / 4


@dataclass(frozen=True)
class Builds:
    """Of one job, oldest first: when each ended, in days."""

    at: NDArray[np.float64]
    failed: NDArray[np.bool_]
    change: NDArray[np.int64]
    explained: NDArray[np.bool_]
    gate: NDArray[np.bool_]

    def of(self, which: NDArray[np.bool_]) -> Builds:
        """Some of them."""
        return Builds(self.at[which], self.failed[which], self.change[which], self.explained[which], self.gate[which])


Rule = Callable[[Builds, int], bool]
"""Whether a job's rate is said to have fallen, at the end of a day."""


def jobs(random: np.random.Generator, count: int, usual: float, fallen: float | None = None) -> list[Builds]:
    down = random.random((DAYS, 24)) < OUTAGE / 24
    return [job(random, down, usual, usual if fallen is None else fallen) for _ in range(count)]


def job(random: np.random.Generator, down: NDArray[np.bool_], usual: float, fallen: float) -> Builds:
    rows: list[tuple[float, bool, int, bool, bool]] = []
    change = 0
    for day in range(DAYS):
        passes, before = usual if day < FALL else fallen, len(rows)
        for gate, mean, share in ((False, CHECK, BAD_IN_CHECK), (True, GATE, BAD_IN_GATE)):
            left = int(random.poisson(mean))
            while left > 0:
                change += 1
                bad = random.random() < share
                builds = min(left, int(random.geometric(0.6)) + (int(random.integers(1, 4)) if bad and not gate else 0))
                left -= builds
                for _ in range(builds):
                    out = bool(down[day, random.integers(24)]) and random.random() < 0.6
                    failed = bad or out or random.random() > passes
                    at = day + (len(rows) - before + 1) / 1000
                    rows.append((at, failed, change, out and random.random() < 0.8, gate))
    rows.sort()
    at_, failed_, change_, explained, gate_ = (np.array(column) for column in zip(*rows, strict=True))
    return Builds(at_, failed_, change_, explained, gate_)


def gate(builds: Builds) -> Builds:
    return builds.of(builds.gate)


def clean(builds: Builds) -> Builds:
    return builds.of(builds.gate & ~builds.explained)


def fisher(builds: Builds, today: int, confidence: float) -> bool:
    """OpenShift's Component Readiness (openshift/sippy): a week against four, five points, three failures."""
    end = today + 1
    week = (builds.at >= end - 7) & (builds.at < end)
    past = (builds.at >= end - 35) & (builds.at < end - 7)
    failed, count, before, many = builds.failed[week].sum(), week.sum(), builds.failed[past].sum(), past.sum()
    if many < 10 or count == 0 or failed < 3 or failed / count - before / many <= 0.05:
        return False
    return bool(hypergeom.sf(failed - 1, many + count, before + failed, count) < 1 - confidence)


def bayesian(builds: Builds, today: int) -> bool:
    """The change point of Chromium's LUCI Analysis (luci/luci-go) with its numbers, in the last fortnight."""
    seen = builds.at < today + 1
    at, failed = builds.at[seen], builds.failed[seen]
    points = splits(failed)
    if not points or at[points[-1]] < today - 14:
        return False
    before = failed[points[-2] if len(points) > 1 else 0:points[-1]]
    after = failed[points[-1]:]
    return bool(after.sum() >= 3 and after.mean() - before.mean() > 0.05)


def likelihood(failed: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(betaln(0.3 + failed, 0.5 + count - failed) - betaln(0.3, 0.5))


def splits(failed: NDArray[np.bool_]) -> list[int]:
    if len(failed) < 4:
        return []
    left, size, whole = np.cumsum(failed)[:-1], np.arange(1, len(failed)), failed.sum()
    gain = (likelihood(left, size) + likelihood(whole - left, len(failed) - size)
            - likelihood(whole, np.array(len(failed))))
    best = int(gain.argmax()) + 1
    if gain[best - 1] + np.log(1e-4) <= 0:
        return []
    return [*splits(failed[:best]), best, *(best + at for at in splits(failed[best:]))]


def daily(builds: Builds, today: int, limit: float = 6.5) -> bool:
    """The CUSUM as it was first tried: each day anew over the last fortnight, against the four weeks before."""
    end = today + 1
    past = (builds.at >= end - 42) & (builds.at < end - 14)
    if past.sum() < 30:
        return False
    usual = max((builds.failed[past].sum() + 0.3) / (past.sum() + 0.8), 0.01)
    odds = 3 * usual / (1 - usual)
    worse = max(odds / (1 + odds), usual + 0.05)
    total, failures = 0.0, 0
    for failed in builds.failed[(builds.at >= end - 14) & (builds.at < end)]:
        total += np.log(worse / usual) if failed else np.log((1 - worse) / (1 - usual))
        failures += bool(failed)
        if total <= 0:
            total, failures = 0.0, 0
    return total > limit and failures >= 3


def falls(builds: Builds) -> tuple[rates.Fall, ...]:
    return rate((Outcome(int(at * DAY), bool(failed), int(change))
                 for at, failed, change in zip(builds.at, builds.failed, builds.change, strict=True)), DAYS * DAY).falls


def held(series: Sequence[Builds]) -> tuple[float, float]:
    """Of the falls that were seen, in how many the rate did fall in the time that is told; and between the last build
    before the first that failed, and that one."""
    told, close = [], []
    for builds in map(clean, series):
        soon = [fall for fall in falls(builds) if FALL <= fall.found / DAY < FALL + SOON]
        for fall in soon[:1]:
            before = max((at for at in builds.at if int(at * DAY) < fall.started), default=0.0)
            told.append(fall.after <= FALL * DAY <= fall.until)
            close.append(before <= FALL <= fall.started / DAY)
    return float(np.mean(told)), float(np.mean(close))


def ours() -> Rule:
    kept = cache(lambda key: [int(fall.found // DAY) for fall in falls(clean(series[key]))])
    series: dict[int, Builds] = {}

    def rule(builds: Builds, today: int) -> bool:
        series[id(builds)] = builds
        return today in kept(id(builds))

    return rule


RULES: dict[str, Rule] = {
    "all builds, Fisher 95 %": lambda builds, today: fisher(builds, today, 0.95),
    "gate, Fisher 95 %": lambda builds, today: fisher(gate(builds), today, 0.95),
    "gate, explained left out, Fisher 99.9 %": lambda builds, today: fisher(clean(builds), today, 0.999),
    "gate, explained left out, Bayesian change point": lambda builds, today: bayesian(clean(builds), today),
    "gate, explained left out, CUSUM anew each day": lambda builds, today: daily(clean(builds), today),
    "counterbot": ours(),
}


def false_alarms(rule: Rule, series: Sequence[Builds]) -> float:
    """In 100 weeks of a job; an alarm lasts a week."""
    found = 0
    for builds in series:
        day = FIRST
        while day < DAYS:
            alarm = rule(builds, day)
            found += alarm
            day += 7 if alarm else 1
    return 100 * found / (len(series) * (DAYS - FIRST) / 7)


def delays(rule: Rule, series: Sequence[Builds]) -> list[int]:
    """Days until each fall was seen, of those that were soon."""
    found = (next((day - FALL for day in range(FALL, min(DAYS, FALL + SOON)) if rule(builds, day)), None)
             for builds in series)
    return [days for days in found if days is not None]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=60)
    options.add_argument("--seeds", default="111,112,113")
    options.add_argument("--only", help="a part of a rule's name")
    given = options.parse_args()
    seeds = list(map(int, given.seeds.split(",")))
    steady: dict[float, list[Builds]] = {each: [] for each in RATES}
    fallen: dict[tuple[float, float], list[Builds]] = {each: [] for each in FALLS}
    for seed in seeds:
        random = np.random.default_rng(seed)
        for each in RATES:
            steady[each] += jobs(random, given.jobs, each)
        for pair in FALLS:
            fallen[pair] += jobs(random, given.jobs, *pair)
    body = []
    for name, rule in RULES.items():
        if given.only and given.only not in name:
            continue
        alarms = [f"{false_alarms(rule, series):.1f}" for series in steady.values()]
        seen = [(delays(rule, series), len(series)) for series in fallen.values()]
        body.append([name, *alarms, *(f"{len(found) / count:.0%} ({median(found) if found else 0:.0f})"
                                      for found, count in seen)])
    began = time.perf_counter()
    count = sum(len(falls(builds)) >= 0 and len(builds.at) for builds in steady[RATES[0]])
    took = (time.perf_counter() - began) / count
    head = ["rule", *(f"{each:g}" for each in RATES), *(f"{usual:g} to {now:g}" for usual, now in FALLS)]
    times = [[f"{usual:g} to {now:g}", *(f"{share:.0%}" for share in held(series))]
             for (usual, now), series in fallen.items()]
    show(machine() + f" {given.jobs} jobs for each of the seeds {given.seeds}; {took * 1e6:.1f} µs a build.",
         table(head, body), "The time in which a rate is said to have fallen holds the fall:",
         table(["fall", "as told", "between two builds"], times))


if __name__ == "__main__":
    main()
