"""Watches the pass rates of jobs and of their tests, and tells channels of those that fell, each once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from ..core.fallen import DAY, TOGETHER, Drop, News, news, ripe
from ..core.merged import Merge, likeliest
from ..core.model import Channel, Delivery
from ..core.wording.fallen import fallen_line
from ..files.rulebook import RuleBook
from ..ledger import Ledger
from ..ledger.rates import Ended, Job
from ..stats.rates import LEAST, RECENT, Outcome, Rate, rate
from .telling import about_branch

EVERY = 600_000
"""Milliseconds between two looks."""

DAYS = 105
"""Of a job's builds: the 63 that show what is usual, and others in which a fall goes on."""

log = logging.getLogger("counterbot.rates")


class Rates:
    """The pass rates in the ``pipelines`` (shell patterns) that test merged code, or what is about to be merged.

    Builds in which an infra rule of ``book`` was found are no failures here, nor are they passes.
    """

    def __init__(self, ledger: Ledger, book: RuleBook, pipelines: Sequence[str], channels: Sequence[Channel]) -> None:
        self._ledger, self._book, self._pipelines, self._channels = ledger, book, pipelines, channels
        self._run: int | None = None
        self._looked: int | None = None

    def step(self) -> bool:
        """Look, where it is time to; always False: there is no more to be done at once."""
        now = self._ledger.now()
        if self._looked is None or not 0 <= now - self._looked < EVERY:
            self._looked = now
            self._look(now)
            self._tell(now)
        return False

    def _look(self, now: int) -> None:
        """At the jobs with new builds, and those whose rate is down: that ends without builds, too."""
        jobs, newest = self._ledger.rates.jobs(self._pipelines, self._run)
        infra = [rule.name for rule in self._book.rules if rule.infra]
        for job in sorted({*jobs, *(drop.of for drop in self._ledger.rates.open())}):
            self._ledger.rates.note([job], list(self._drops(job, infra, now)))
        self._run = newest

    def _drops(self, job: Job, infra: Collection[str], now: int) -> Iterator[Drop]:
        builds = self._ledger.rates.ended(job, self._pipelines, DAYS, infra)
        yield from _falls(job, "", builds, rate(map(_outcome, builds), now))
        failed = [build.run for build in builds if build.failed]
        tests = self._ledger.rates.failed_tests(failed)
        recent = {build.run for build in builds if build.at > now - RECENT}
        often = Counter(key for run, keys in tests.items() if run in recent for key in keys)
        names = self._ledger.rates.test_names(failed, {key for key, count in often.items() if count >= LEAST})
        for key, name in sorted(names.items()):
            # A build that failed before its tests ran tells nothing of them.
            ran = [build for build in builds if not build.failed or build.run in tests]
            seen = rate((_outcome(build, build.failed and key in tests[build.run]) for build in ran), now)
            yield from _falls(job, name, ran, seen)

    def _tell(self, now: int) -> None:
        """What was found a while ago, so that what comes together is told together."""
        def say(untold: Sequence[Drop], told: Sequence[Drop]) -> tuple[Iterable[Drop], Iterable[Delivery]]:
            down = {drop.of for drop in told if not drop.test}
            together = ripe(untold, now)
            messages = [message for drops in together for message in news(drops, down)]
            return ([drop for drops in together for drop in drops],
                    [delivery for message in messages for delivery in self._deliveries(message, merged, now)])

        merged = {drop: self._candidates(drop)
                  for drop in self._ledger.rates.open() if drop.found >= now - DAY - TOGETHER}
        self._ledger.rates.tell(now - DAY - TOGETHER, say)

    def _candidates(self, drop: Drop) -> list[Merge]:
        return likeliest(self._ledger.merges.between(drop.branch, drop.projects, drop.after, drop.until), drop.projects)

    def _deliveries(self, message: News, merged: dict[Drop, list[Merge]], now: int) -> Iterator[Delivery]:
        text = fallen_line(message, merged.get(message.drops[0], ()), now)
        log.info("%s", text)
        projects = {project for drop in message.drops for project in drop.projects}
        pipelines = {pipeline for drop in message.drops for pipeline in drop.pipelines}
        yield from about_branch("fallen pass rate", [drop.series for drop in message.drops], message.drops[0].started,
                                text, self._channels, projects, pipelines)


def _outcome(build: Ended, failed: bool | None = None) -> Outcome:
    change = None if build.change is None else (build.project, build.change)
    return Outcome(build.at, build.failed if failed is None else failed, change)


def _falls(job: Job, test: str, builds: Sequence[Ended], seen: Rate) -> Iterator[Drop]:
    for fall in seen.falls:
        since = [build for build in builds if build.at >= fall.started]
        projects = Counter(build.project for build in since)
        yield Drop(*job, test, fall.after, fall.until, fall.started, fall.found, fall.usual, fall.failed, fall.builds,
                   tuple(sorted(projects, key=lambda project: (-projects[project], project))),
                   tuple(sorted({build.pipeline for build in since})), fall.over)
