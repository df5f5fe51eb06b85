"""One look at many files of a build: several at once, each once, within limits. Knows nothing of what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Protocol

from ..clients.http import Http, Unavailable
from ..core import limits
from ..core.deadline import DeadlineExceeded
from ..core.lines import Reduction
from ..core.model import Build, Failure, Later, Reading, State, Unreadable
from .attempts import Attempts, told
from .counters import STREAM
from .inventory import INVENTORY
from .job_output import JOB_OUTPUT_JSON
from .logs import JOB_OUTPUT, MANIFEST, Absent, Logs

SERVICES = ("c-api", "c-bak", "c-sch", "c-vol", "g-api", "keystone", "n-api", "n-api-meta", "n-cond-cell1", "n-cpu",
            "n-novnc-cell1", "n-sch", "n-super-cond", "neutron-api", "placement-api", "q-agt", "q-dhcp", "q-l3",
            "q-meta", "q-ovn-agent", "q-ovn-metadata-agent", "q-svc")
USUAL = (STREAM, JOB_OUTPUT_JSON, JOB_OUTPUT, INVENTORY, *(f"controller/logs/{name}" for name in (
    "devstacklog.txt", "grenade.sh_log.txt", "syslog.txt", "tempest_log.txt", "apache/horizon_error.txt",
    "libvirt/libvirtd_log.txt", *(f"screen-{service}.txt" for service in SERVICES))))
"""Where the files lie when no manifest tells: those of Zuul itself and of DevStack's jobs."""


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


class Source:
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
class Sweep:
    """``at_once`` files are read at the same time. ``learned``: something was read. ``overdue``: why time ran out; ""
    where it did not."""

    files: Files
    attempts: Attempts = field(default_factory=lambda: Attempts(awaits=False))
    caps: Caps = USUAL_CAPS
    at_once: int = limits.LOGS_AT_ONCE
    learned: bool = False
    overdue: str = ""
    _remarks: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)
    _stopped: bool = False

    def read(self, paths: Iterable[str], take: Callable[[str, Iterable[bytes]], None]) -> None:
        """Have ``take`` see each of these files, in several threads. Raises Unavailable where all may be late.

        ``take`` may raise Unreadable; a file that ends early does so after what came before has been taken.
        """
        room = self.caps.files - self._count
        wanted = list(islice(paths, room + 1))  # to find them all takes time, too
        if len(wanted) > room:
            self.remark("files", f"only the first {self.caps.files:,} that matter are read")
        self._count += len(wanted[:room])
        with ThreadPoolExecutor(self.at_once, "logs") as pool:
            running: list[Future[None]] = [pool.submit(self._file, path, take) for path in wanted[:room]]
            try:
                for each in running:
                    each.result()
            except BaseException:
                self._stopped = True
                pool.shutdown(cancel_futures=True)
                raise

    def remark(self, path: str, what: str) -> None:
        """A file was not read whole, or is damaged."""
        self._remarks.setdefault(path, what)

    @property
    def unread(self) -> Mapping[str, str]:
        """The files that were not read, or not whole, and why."""
        return {**self.files.missed, **dict(sorted({**self._remarks, **self.attempts.failures}.items()))}

    def _file(self, path: str, take: Callable[[str, Iterable[bytes]], None]) -> None:
        try:
            self.attempts.attempt(path, lambda: self._read(path, take))
        except DeadlineExceeded as error:
            self.overdue = self.attempts.failures[path] = str(error)

    def _read(self, path: str, take: Callable[[str, Iterable[bytes]], None]) -> None:
        with self.files.open(path, self.caps.packed, self.caps.unpacked) as blocks:
            if blocks is None:
                return
            source = Source(blocks, self._take_in)
            try:
                take(path, source)
            except Unreadable as error:
                raise source.error or error from None
            if source.error:
                raise source.error
            self.learned = True

    def _take_in(self, size: int) -> None:
        """Raises Unreadable where the build's files are too much together."""
        with self._lock:
            self._bytes += size
        self.learned = True
        if self._bytes > self.caps.total:
            raise Unreadable(f"more than {self.caps.total:,} bytes in the build's files")
        if self._stopped:
            raise Unreadable("broken off")


class Look(Protocol):
    """What a reader makes of a build's files: all that matter are read, and then there is its reading."""

    @property
    def sweep(self) -> Sweep: ...

    def read(self) -> None: ...

    def reading(self) -> Reading: ...


@dataclass(frozen=True)
class Store:
    """The log servers. A look at a build takes so many ``seconds`` at most."""

    http: Http
    seconds: float = limits.LOGS_SECONDS

    def look(self, build: Build, seconds: float | None, awaits: bool,
             begun: Callable[[Logs, Attempts], Look]) -> Reading | Later:
        """How a look at a build's logs ends: ``begun`` gets their list. Where time runs out, what was read until then
        counts, unless a later look would have more time. Raises nothing that a server or a file can cause.
        """
        last = seconds is None or seconds >= self.seconds
        seconds = self.seconds if seconds is None else min(seconds, self.seconds)
        logs, attempts = Logs(self.http.within(seconds), build, USUAL, awaits), Attempts(awaits)
        try:
            attempts.attempt(MANIFEST, logs.list_files)
            look = begun(logs, attempts)
            look.read()
            if not (logs.listed or look.sweep.learned or attempts.failures):
                logs.expect()
        except DeadlineExceeded as error:
            return Later(str(error), otherwise=Reading(State.UNREADABLE, str(error)) if last else None)
        except Unavailable as error:
            return Later(str(error), error.after, absent=isinstance(error, Absent))
        if look.sweep.overdue:
            return Later(look.sweep.overdue, otherwise=look.reading() if last else None)
        return attempts.ended(look.reading())


def outcome(sweep: Sweep, found: Failure | Reduction, nothing: str, *, enough: bool = False) -> Reading:
    """``found`` where something was read, or ``enough``: all that was asked for; else why there is nothing."""
    unread = sweep.unread
    if sweep.learned or (enough and not unread):
        return Reading(State.READ, told(unread), found)
    return Reading(State.UNREADABLE, told(unread)) if unread else Reading(State.NOTHING, nothing)
