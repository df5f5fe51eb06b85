"""What a failed build's logs show: known failures, failed tests, the Ansible task that failed. Judges nothing.

Only files in which a known failure could be are fetched, beside those that show the failure itself; each is read once,
for everything. What could not be read, or not to its end, is told: nothing is known only of what was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from ..clients.http import Http
from ..core import limits
from ..core.model import Build, Failure, Hit, Later, Reading, State
from ..core.subunit.results import Failed, failed_tests, is_among
from ..fingerprints.fields import of_build
from ..fingerprints.nodes import Fields
from ..fingerprints.scan import Scanner
from .attempts import Attempts
from .inventory import INVENTORY, NAMES, facts_of
from .job_output import JOB_OUTPUT_JSON, FailedTask, FirstError, failed_task
from .logs import JOB_OUTPUT, Logs
from .sweep import USUAL_CAPS, Caps, Files, Store, Sweep, outcome

NOTHING = "it left no log in which a failure could be recognised"


class FailureReader:
    """Reads failed builds' logs over HTTP. ``seconds`` are those that one build may take."""

    def __init__(self, http: Http, *, caps: Caps = USUAL_CAPS, seconds: float = limits.LOGS_SECONDS) -> None:
        self._store, self._caps = Store(http, seconds), caps

    def read(self, build: Build, scanner: Scanner, test_ids: Mapping[str, Collection[str]],
             seconds: float | None = None, *, awaits: bool = True, counters: Reading | None = None,
             hits_only: bool = False) -> Reading | Later:
        """What the logs of a failed build show, as far as they can be read in that time.

        ``counters`` is what was read of the build's, for queries that ask for them. ``hits_only``: only the files are
        read in which a query could match, so that the failure itself is not shown. ``test_ids`` and ``awaits`` as in
        ``look`` and in CountersReader. Where time runs out, what was read until then counts, unless a later look would
        have more time. Raises nothing that a server or a file can cause.
        """
        def begun(logs: Logs, attempts: Attempts) -> _Look:
            facts = _facts(logs, attempts, scanner.fields & NAMES - of_build(build).keys())
            fields = of_build(build, facts, counters.counters if counters else None)
            sweep = Sweep(logs, attempts, self._caps)
            if counters and counters.state is State.UNREADABLE:
                sweep.remark("counters", counters.why)
            return _Look(sweep, fields, scanner, test_ids, hits_only)

        return self._store.look(build, seconds, awaits, begun)


def look(files: Files, fields: Fields, scanner: Scanner, test_ids: Mapping[str, Collection[str]]) -> Failure:
    """What the files of a failed build show, whose own facts are ``fields``.

    ``test_ids``: a rule that is among them counts only where one of its tests failed in the build, as elastic-recheck
    has it. Raises nothing that a file can cause; what could not be read is told in ``unread``.
    """
    found = _Look(Sweep(files), fields, scanner, test_ids)
    found.read()
    return found.failure()


def inventory_of(files: Files) -> Mapping[str, str]:
    """What the build's inventory tells of it; nothing where there is none. Raises as ``open`` does, and Unreadable."""
    if INVENTORY not in files.paths:
        return {}
    with files.open(INVENTORY, limits.INVENTORY, limits.INVENTORY) as blocks:
        return {} if blocks is None else facts_of(b"".join(blocks))


def _facts(logs: Logs, attempts: Attempts, asked: Collection[str]) -> Mapping[str, str]:
    """What the inventory tells, where a query asks for something that the build's row in Zuul's API lacks."""
    facts: dict[str, str] = {}
    if asked:
        attempts.attempt(INVENTORY, lambda: facts.update(inventory_of(logs)))
    return {name: facts[name] for name in asked if name in facts}


@dataclass
class _Look:
    """One look at one build's files: what was found so far."""

    sweep: Sweep
    fields: Fields
    scanner: Scanner
    test_ids: Mapping[str, Collection[str]]
    hits_only: bool = False
    _hits: list[Hit] = field(default_factory=list)
    _failed: dict[str, Failed] = field(default_factory=dict)
    _task: FailedTask = field(default_factory=FailedTask)
    _error: str = ""

    def read(self) -> None:
        """Read all files that matter. Raises Unavailable where all may be late."""
        self.sweep.read(self._wanted(), self._take)

    def reading(self) -> Reading:
        """How the look ends, if there is to be no other."""
        return outcome(self.sweep, self.failure(), NOTHING, enough=self.hits_only)

    def failure(self) -> Failure:
        """What was found until now."""
        failed = [self._failed[path] for path in sorted(self._failed)]
        names = frozenset(chain.from_iterable(each.names for each in failed))
        tests = {test.name: test for each in failed for test in each.tests}
        hits = sorted((hit for hit in self._hits if self._counts(hit, names)), key=lambda hit: (hit.rule, hit.file))
        task = self._task
        return Failure(
            tuple(hits), tuple(tests.values())[: limits.FAILED_TESTS], len(names), task.phase, task.task,
            task.host, self._error or task.message, self.sweep.unread)

    def _counts(self, hit: Hit, failed: Collection[str]) -> bool:
        asked = self.test_ids.get(hit.rule, ())
        return not asked or any(is_among(test, failed) for test in asked)

    def _wanted(self) -> Iterator[str]:
        """The files to be read, first those that show the failure whether it is known or not."""
        paths = self.sweep.files.paths
        telling = [path for path in paths if self._tells(path)]
        yield from sorted(telling, key=lambda path: (path == JOB_OUTPUT, path == JOB_OUTPUT_JSON, path))
        yield from (path for path in paths if not self._tells(path) and self.scanner.wanted(self.fields, path))

    def _tells(self, path: str) -> bool:
        if path.endswith(".subunit"):
            return bool(self.test_ids) or not self.hits_only
        return path in (JOB_OUTPUT, JOB_OUTPUT_JSON) and not self.hits_only

    def _take(self, path: str, blocks: Iterable[bytes]) -> None:
        if path.endswith(".subunit"):
            room = limits.TESTS - sum(len(each.names) for each in tuple(self._failed.values()))
            self._failed[path] = failed_tests(blocks, most=room,
                                              tell=lambda damage: self.sweep.remark(path, str(damage)))
        elif path == JOB_OUTPUT_JSON:
            self._task = failed_task(blocks) or self._task
        elif path == JOB_OUTPUT:
            self._take_job_output(path, blocks)
        else:
            self._scan(path, blocks)

    def _take_job_output(self, path: str, blocks: Iterable[bytes]) -> None:
        """Its first error, and what known failures are in it, in one pass."""
        first = FirstError()
        if self.scanner.wanted(self.fields, path):
            self._scan(path, first.passing(blocks))
        else:
            for _ in first.passing(blocks):
                if first.line:
                    break
        self._error = first.line

    def _scan(self, path: str, blocks: Iterable[bytes]) -> None:
        scanned = self.scanner.scan(self.fields, path, blocks)
        self._hits += scanned.hits
        if scanned.remarks:
            self.sweep.remark(path, "; ".join(scanned.remarks))
