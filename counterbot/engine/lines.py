"""The lines of builds of watched jobs, and which of a failed build's its job's passing builds do not have."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..builds.templates import TemplatesReader
from ..core.lines import Reduction
from ..core.model import Build, Later, Reading, State, is_failure
from ..core.needs import facts, watches
from ..fingerprints.unknown.telling import Baseline, telling
from ..ledger import Ledger
from .turns import Turns

FEWEST = 5
"""Passing builds from which on they tell what is unusual; with fewer, most of what they lack is usual elsewhere."""

JOBS = 4
"""Jobs whose passing builds are kept in memory."""

FRESH = 1800.0
"""Seconds until the ledger is asked again for a job's passing builds."""


@dataclass
class _Kept:
    baseline: Baseline
    until: float


class BuildLines:
    """``jobs`` are shell patterns of those that are watched, and ``passing`` is how many of a job's builds are compared
    with. In its ``turns`` it gives way to what a report waits for. ``monotonic`` is in seconds."""

    def __init__(self, ledger: Ledger, reader: TemplatesReader, jobs: Sequence[str], passing: int,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self.jobs, self.turns = tuple(jobs), Turns()
        self._templates, self._reader = ledger.templates, reader
        self._passing, self._monotonic = passing, monotonic
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def wanted(self, build: Build) -> bool:
        """Whether the lines of a finished build are kept because it failed."""
        return is_failure(build.result) and watches(self.jobs, facts(None, build))

    def read(self, build: Build) -> Reading | Later:
        """A build's lines. Some files that cannot be read are no reason for a second look: it would read all anew."""
        look = self._reader.read(build, self.turns.patient())
        if isinstance(look, Later):
            look = look.otherwise or (Reading(State.MISSING, look.why) if look.absent else look)
        if isinstance(look, Later) or look.reduction is None or not is_failure(build.result):
            return look
        return replace(look, found=self._told(build.job, look.reduction))

    def _told(self, job: str, found: Reduction) -> Reduction:
        with self._lock:  # one at a time: it takes milliseconds, and what is kept of a job is filled in as it is used
            baseline = self._baseline(job)
            if baseline.count < FEWEST:
                return found
            return replace(found, telling=[each.key for each in telling(found.lines, found.templates, baseline)])

    def _baseline(self, job: str) -> Baseline:
        now = self._monotonic()
        kept = self._kept.pop(job, None)
        if kept is None or now >= kept.until:
            builds = self._templates.baseline(job, self._passing)
            keys = {key for build in builds for key in build}
            kept = _Kept(Baseline(builds, self._templates.dictionary(keys)), now + FRESH)
        if kept.baseline.count >= FEWEST:
            self._kept[job] = kept
        while len(self._kept) > JOBS:
            del self._kept[next(iter(self._kept))]  # the one that was not asked for the longest
        return kept.baseline
