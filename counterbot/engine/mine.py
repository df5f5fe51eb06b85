"""Asks the history, and Gerrit, what is known of failures that no rule explains. Words nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ..clients.gerrit import Gerrit, Rejected, Unreachable
from ..core.decide import Observed, unexplained
from ..core.mine import Facts, named, touched
from ..core.model import FailedTest, PatchSet, Report, Unreadable
from ..core.rules import Rule
from ..fingerprints.templates.reading import split
from ..ledger import Ledger

TELLING = 3
"""Of a build's telling lines that are looked for on other changes. The cause is among them in three builds of four;
further down stand ever more lines that are only rare, and that others show by chance."""

PAUSE = 60.0
"""Seconds for which a Gerrit that does not answer is not asked again."""

log = logging.getLogger("counterbot.engine")


class History:
    """``gerrit`` tells the files of a patch set, None where it is not to be asked. ``gate`` are the pipelines whose
    builds tell how a job does. For one thread."""

    def __init__(self, ledger: Ledger, gerrit: Gerrit | None = None, gate: Collection[str] = ("gate",),
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._gerrit = gerrit
        self._gate = gate
        self._monotonic = monotonic
        self._not_before = monotonic()

    def told(self, report: Report, observed: Sequence[Observed], rules: Mapping[str, Rule]) -> list[Observed]:
        """The builds of a report, with the facts about each that no rule explains."""
        infra = [rule.name for rule in rules.values() if rule.infra]
        builds = list(unexplained(observed, rules))
        paths = {build.uuid: [*self._ledger.templates.sources(build.uuid), *named(_tests(build))] for build in builds}
        files = self._files(report.patchset) if any(paths.values()) else ()
        facts = {build.uuid: replace(self._facts(report.patchset, build, infra),
                                     touched=touched(paths[build.uuid], files, report.patchset.project))
                 for build in builds}
        return [replace(build, facts=facts.get(build.uuid, build.facts)) for build in observed]

    def _facts(self, patchset: PatchSet, build: Observed, infra: Collection[str]) -> Facts:
        first = [test.name for test in _tests(build)[:1]]
        telling = [replace(line, text=split(line.text, line.file).message or line.text)
                   for line in self._ledger.templates.telling(build.uuid)[:TELLING]]
        return self._ledger.failures.facts(patchset, build.job, build.uuid, first, telling, self._gate, infra)

    def _files(self, patchset: PatchSet) -> Iterable[str]:
        """Those of the patch set; none where Gerrit does not tell: that costs this fact alone."""
        if self._gerrit is None or patchset.change is None or patchset.number is None:
            return ()
        if self._monotonic() < self._not_before:
            return ()
        try:
            return self._gerrit.files(patchset.change, patchset.project, patchset.number) or ()
        except (Unreachable, Rejected, Unreadable) as error:
            self._not_before = self._monotonic() + PAUSE
            log.info("%s: its files are not known: %s", patchset, error)
            return ()


def _tests(build: Observed) -> tuple[FailedTest, ...]:
    failure = build.failure.failure if build.failure else None
    return failure.tests if failure else ()
