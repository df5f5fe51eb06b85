"""What a failed build's logs show: known failures, failed tests, the Ansible task that failed. Judges nothing.

Only files in which a known failure could be are fetched, beside those that show the failure itself; each is read once,
for everything. What could not be read, or not to its end, is told: nothing is known only of what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain, islice
from threading import Lock
from typing import Protocol

from ..clients.http import Http, Unavailable
from ..core import limits
from ..core.deadline import DeadlineExceeded
from ..core.model import Build, Failure, Hit, Later, Reading, State, Unreadable
from ..core.subunit.results import Failed, failed_tests, is_among
from ..fingerprints.fields import of_build
from ..fingerprints.nodes import Fields
from ..fingerprints.scan import Scanner
from .attempts import Attempts, told
from .counters import STREAM
from .inventory import INVENTORY, NAMES, facts_of
from .job_output import JOB_OUTPUT_JSON, FailedTask, FirstError, failed_task
from .logs import JOB_OUTPUT, MANIFEST, Absent, Logs

SERVICES = ("c-api", "c-bak", "c-sch", "c-vol", "g-api", "keystone", "n-api", "n-api-meta", "n-cond-cell1", "n-cpu",
            "n-novnc-cell1", "n-sch", "n-super-cond", "neutron-api", "placement-api", "q-agt", "q-dhcp", "q-l3",
            "q-meta", "q-ovn-agent", "q-ovn-metadata-agent", "q-svc")
USUAL = (STREAM, JOB_OUTPUT_JSON, JOB_OUTPUT, INVENTORY, *(f"controller/logs/{name}" for name in (
    "devstacklog.txt", "grenade.sh_log.txt", "syslog.txt", "tempest_log.txt", "apache/horizon_error.txt",
    "libvirt/libvirtd_log.txt", *(f"screen-{service}.txt" for service in SERVICES))))
"""Where the files lie when no manifest tells: those of Zuul itself and of DevStack's jobs."""

NOTHING = "it left no log in which a failure could be recognised"


class Files(Protocol):
    """A build's files by their plain names: Logs over HTTP, or a Folder."""

    @property
    def paths(self) -> Sequence[str]: ...

    @property
    def missed(self) -> Mapping[str, str]: ...

    def open(self, path: str, packed: int, unpacked: int) -> AbstractContextManager[Iterator[bytes] | None]: ...


@dataclass(frozen=True)
class Caps:
    """How much of a build is read: bytes of one file before and after decompression, files, and their bytes in all."""

    packed: int = limits.LOG_PACKED
    unpacked: int = limits.LOG_UNPACKED
    files: int = limits.LOGS
    total: int = limits.LOGS_UNPACKED


USUAL_CAPS = Caps()


class FailureReader:
    """Reads failed builds' logs over HTTP. ``seconds`` are those that one build may take."""

    def __init__(self, http: Http, *, caps: Caps = USUAL_CAPS, seconds: float = limits.LOGS_SECONDS) -> None:
        self._http = http
        self._caps = caps
        self._seconds = seconds

    def read(self, build: Build, scanner: Scanner, test_ids: Mapping[str, Collection[str]],
             seconds: float | None = None, *, awaits: bool = True, counters: Reading | None = None,
             hits_only: bool = False) -> Reading | Later:
        """What the logs of a failed build show, as far as they can be read in that time.

        ``counters`` is what was read of the build's, for queries that ask for them. ``hits_only``: only the files are
        read in which a query could match, so that the failure itself is not shown. ``test_ids`` and ``awaits`` as in
        ``look`` and in CountersReader. Where time runs out, what was read until then counts, unless a later look would
        have more time. Raises nothing that a server or a file can cause.
        """
        last = seconds is None or seconds >= self._seconds
        seconds = self._seconds if seconds is None else min(seconds, self._seconds)
        logs = Logs(self._http.within(seconds), build, USUAL, awaits)
        attempts = Attempts(awaits)
        try:
            attempts.attempt(MANIFEST, logs.list_files)
            facts = _facts(logs, attempts, scanner.fields & NAMES - of_build(build).keys())
            fields = of_build(build, facts, counters.counters if counters else None)
            found = _Look(logs, fields, scanner, test_ids, attempts, self._caps, hits_only)
            found.read()
            if not (logs.listed or found.learned or attempts.failures):
                logs.expect()
            if counters and counters.state is State.UNREADABLE:
                attempts.failures["counters"] = counters.why
        except DeadlineExceeded as error:
            return Later(str(error), otherwise=Reading(State.UNREADABLE, str(error)) if last else None)
        except Unavailable as error:
            return Later(str(error), error.after, absent=isinstance(error, Absent))
        reading = found.reading()
        if found.overdue:
            return Later(found.overdue, otherwise=reading if last else None)
        return attempts.ended(reading)


def look(files: Files, fields: Fields, scanner: Scanner, test_ids: Mapping[str, Collection[str]]) -> Failure:
    """What the files of a failed build show, whose own facts are ``fields``.

    ``test_ids``: a rule that is among them counts only where one of its tests failed in the build, as elastic-recheck
    has it. Raises nothing that a file can cause; what could not be read is told in ``unread``.
    """
    found = _Look(files, fields, scanner, test_ids, Attempts(awaits=False), USUAL_CAPS)
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


class _Source:
    """A file's blocks, which end where they cannot be read on; ``error`` says why. Counts them against the build."""

    def __init__(self, blocks: Iterable[bytes], count: Callable[[int], None]) -> None:
        self.error: Exception | None = None
        self._blocks = blocks
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        try:
            for block in self._blocks:
                self._count(len(block))
                yield block
        except (Unreadable, Unavailable, DeadlineExceeded) as error:
            self.error = error


@dataclass
class _Look:
    """One look at one build's files: what was found so far."""

    files: Files
    fields: Fields
    scanner: Scanner
    test_ids: Mapping[str, Collection[str]]
    attempts: Attempts
    caps: Caps
    hits_only: bool = False
    learned: bool = False
    overdue: str = ""
    _hits: list[Hit] = field(default_factory=list)
    _failed: dict[str, Failed] = field(default_factory=dict)
    _task: FailedTask = field(default_factory=FailedTask)
    _error: str = ""
    _remarks: dict[str, str] = field(default_factory=dict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)
    _stopped: bool = False

    def read(self) -> None:
        """Read all files that matter, several at once. Raises Unavailable where all may be late."""
        wanted = list(islice(self._wanted(), self.caps.files + 1))  # to find them all takes time, too
        if len(wanted) > self.caps.files:
            self._remarks["files"] = f"only the first {self.caps.files:,} that matter are read"
        with ThreadPoolExecutor(limits.LOGS_AT_ONCE, "logs") as pool:
            running: list[Future[None]] = [pool.submit(self._file, path) for path in wanted[: self.caps.files]]
            try:
                for each in running:
                    each.result()
            except BaseException:
                self._stopped = True
                pool.shutdown(cancel_futures=True)
                raise

    def reading(self) -> Reading:
        """How the look ends, if there is to be no other."""
        failure = self.failure()
        if self.learned or (self.hits_only and not failure.unread):
            return Reading(State.READ, told(failure.unread), failure)
        return Reading(State.UNREADABLE, told(failure.unread)) if failure.unread else Reading(State.NOTHING, NOTHING)

    def failure(self) -> Failure:
        """What was found until now."""
        failed = [self._failed[path] for path in sorted(self._failed)]
        names = frozenset(chain.from_iterable(each.names for each in failed))
        tests = {test.name: test for each in failed for test in each.tests}
        hits = sorted((hit for hit in self._hits if self._counts(hit, names)), key=lambda hit: (hit.rule, hit.file))
        task = self._task
        return Failure(
            tuple(hits), tuple(tests.values())[: limits.FAILED_TESTS], len(names), task.phase, task.task,
            task.host, self._error or task.message,
            {**self.files.missed, **dict(sorted({**self._remarks, **self.attempts.failures}.items()))})

    def _counts(self, hit: Hit, failed: Collection[str]) -> bool:
        asked = self.test_ids.get(hit.rule, ())
        return not asked or any(is_among(test, failed) for test in asked)

    def _wanted(self) -> Iterator[str]:
        """The files to be read, first those that show the failure whether it is known or not."""
        paths = self.files.paths
        telling = [path for path in paths if self._tells(path)]
        yield from sorted(telling, key=lambda path: (path == JOB_OUTPUT, path == JOB_OUTPUT_JSON, path))
        yield from (path for path in paths if not self._tells(path) and self.scanner.wanted(self.fields, path))

    def _tells(self, path: str) -> bool:
        if path.endswith(".subunit"):
            return bool(self.test_ids) or not self.hits_only
        return path in (JOB_OUTPUT, JOB_OUTPUT_JSON) and not self.hits_only

    def _file(self, path: str) -> None:
        try:
            self.attempts.attempt(path, self._read, path)
        except DeadlineExceeded as error:
            self.overdue = self.attempts.failures[path] = str(error)

    def _read(self, path: str) -> None:
        """Raises what ended the file early, after what came before it has been taken."""
        with self.files.open(path, self.caps.packed, self.caps.unpacked) as blocks:
            if blocks is None:
                return
            source = _Source(blocks, self._count)
            try:
                self._take(path, source)
            except Unreadable as error:
                raise source.error or error from None
            if source.error:
                raise source.error
            self.learned = True

    def _take(self, path: str, blocks: Iterable[bytes]) -> None:
        if path.endswith(".subunit"):
            room = limits.TESTS - sum(len(each.names) for each in tuple(self._failed.values()))
            self._failed[path] = failed_tests(blocks, most=room, tell=lambda damage: self._remark(path, str(damage)))
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
            self._remark(path, "; ".join(scanned.remarks))

    def _remark(self, path: str, what: str) -> None:
        self._remarks.setdefault(path, what)

    def _count(self, size: int) -> None:
        """Raises Unreadable where the build's files are too much together."""
        with self._lock:
            self._bytes += size
        self.learned = True
        if self._bytes > self.caps.total:
            raise Unreadable(f"more than {self.caps.total:,} bytes in the build's files")
        if self._stopped:
            raise Unreadable("broken off")
