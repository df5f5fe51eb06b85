"""One build's counters from what it left behind, or why there are none. Judges nothing, keeps nothing.

Where a build offers several ways: a Zuul artifact of type ``counters`` replaces the streams; the
streams' attachments are merged in path order; ``performance.json`` adds the groups still missing.
What is announced but not there yet makes the whole reading wait: a half of the counters would be
taken for all of them. What does not come is told as a failure beside the counters of the others.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from ..clients.http import Http, Unavailable
from ..core import limits
from ..core.counters.attachment import parse_each
from ..core.counters.merging import complete, merge
from ..core.counters.performance import parse_performance
from ..core.deadline import DeadlineExceeded
from ..core.model import ATTACHMENT, Build, Counters, Later, Reading, State, Unreadable
from ..core.subunit import attachments as subunit
from .attempts import Attempts, told
from .logs import MANIFEST, Absent, Logs, name_of

STREAM = "testrepository.subunit"
PERFORMANCE = "performance.json"
USUAL = (STREAM, f"controller/logs/{PERFORMANCE}", f"logs/{PERFORMANCE}")
"""Where the files lie when no manifest tells."""

MIXED = "totals in one file and differences in another: judged, but kept out of the history"


class CountersReader:
    """Reads builds' counters over HTTP. ``packed`` and ``unpacked`` are bytes of a stream, ``seconds`` is a build's."""

    def __init__(self, http: Http, *, packed: int = limits.STREAM_PACKED, unpacked: int = limits.STREAM_UNPACKED,
                 seconds: float = limits.READING_SECONDS) -> None:
        self._http = http
        self._packed, self._unpacked = packed, unpacked
        self._seconds = seconds

    def read(self, build: Build, seconds: float | None = None, *, awaits: bool = True) -> Reading | Later:
        """The counters of a finished build, if they can be read in that time.

        ``awaits``: a file that the manifest lists, but that is not there, makes the reading wait; else it counts as
        unreadable, and the others are read. Raises nothing that a server or a file can cause.
        """
        seconds = self._seconds if seconds is None else min(seconds, self._seconds)
        http = self._http.within(seconds)
        try:
            return _Look(http, build, self._packed, self._unpacked, seconds, awaits).reading()
        except DeadlineExceeded as error:
            costly = 2 * http.waited < http.passed
            return Later(str(error), otherwise=Reading(State.UNREADABLE, str(error)) if costly else None)
        except Unavailable as error:
            return Later(str(error), error.after, absent=isinstance(error, Absent))


class _Look:
    """One reading of one build: the counters so far, and by file name why something was not read.

    ``damage`` is, by file name, the first that a stream has where no counters are.
    """

    def __init__(self, http: Http, build: Build, packed: int, unpacked: int, seconds: float, awaits: bool) -> None:
        self._http = http
        self._build = build
        self._logs = Logs(http, build, USUAL, awaits)
        self._packed, self._unpacked = packed, unpacked
        self._seconds = seconds
        self._counters = Counters({})
        self._documents = 0
        self._attempts = Attempts(awaits)
        self._failures = self._attempts.failures
        self._damage: dict[str, str] = {}

    def reading(self) -> Reading | Later:
        """Every source is read, one after the other; that one cannot be read is noted, and stops no other."""
        self._attempts.attempt(MANIFEST, self._logs.list_files)
        returned = [artifact.url for artifact in self._build.artifacts if artifact.type == "counters"]
        for url in self._first("artifacts", returned):
            self._read(name_of(url), self._take_returned, url)
        streams = [] if returned else [path for path in self._logs.paths if path.endswith(".subunit")]
        for path in self._first("streams", streams):
            self._read(path, self._take_stream, path)
        self._read(PERFORMANCE, self._take_performance)
        if not (self._logs.listed or self._documents or self._failures):
            self._logs.expect()
        found = self._reading()
        return found if isinstance(found, Later) else self._attempts.ended(found)

    def _first(self, kind: str, names: Sequence[str]) -> Sequence[str]:
        """As many of a build's files as are read."""
        if len(names) > limits.STREAMS:
            self._failures[kind] = f"{len(names)}, of which only {limits.STREAMS} are read"
        return names[: limits.STREAMS]

    def _read(self, name: str, take: Callable[..., None], *arguments: str) -> None:
        if self._http.passed > self._seconds:
            raise DeadlineExceeded(f"its logs could not be read in {self._seconds:g} s")
        if not self._attempts.attempt(name, take, *arguments):
            self._damage.pop(name, None)

    def _merge(self, parts: Iterable[Counters]) -> None:
        """All of one file, or nothing of it: raises Unreadable where the build's files would be too much together."""
        documents = self._documents

        def counted() -> Iterator[Counters]:
            nonlocal documents
            for part in parts:
                documents += 1
                if documents > limits.DOCUMENTS:
                    raise Unreadable(f"more than {limits.DOCUMENTS:,} documents of counters in the build's files")
                yield part

        self._counters = merge(chain([self._counters], counted()))
        self._documents = documents

    def _take_returned(self, url: str) -> None:
        self._merge(parse_each(self._logs.returned(url, limits.COUNTERS_FILE)))

    def _take_stream(self, path: str) -> None:
        """The run-level attachments of one subunit stream, in order of completion."""
        def tell(damage: subunit.Damage) -> None:
            self._damage.setdefault(path, str(damage))

        with self._logs.open(path, self._packed, self._unpacked) as blocks:
            contents = [] if blocks is None else subunit.documents(blocks, ATTACHMENT, tell=tell)
        self._merge(chain.from_iterable(map(parse_each, contents)))

    def _take_performance(self) -> None:
        """From performance.json of the first node that has it: values of several nodes are not to be mixed."""
        mine = sorted((path for path in self._logs.paths if posixpath.basename(path) == PERFORMANCE), key=_nearest)
        for path in mine:
            with self._logs.open(path, limits.COUNTERS_FILE, limits.COUNTERS_FILE) as blocks:
                if blocks is not None:
                    self._counters = complete(self._counters, parse_performance(b"".join(blocks)))
                    self._documents += 1
                    return

    def _reading(self) -> Reading | Later:
        found = replace(self._counters, failures={**self._counters.failures, **self._failures})
        if found.values:
            repeated = dict.fromkeys(sorted(found.repeated), "duplicate; the last value is used")
            why = told({**found.failures, **found.unreadable, **repeated, **self._damage})
            return Reading(State.READ, "; ".join(filter(None, (MIXED if found.mixed else "", why))), found)
        if self._failures or found.unreadable:
            return Reading(State.UNREADABLE, told(self._failures or found.unreadable))
        if not self._logs.listed:
            why = f"no {MANIFEST}, and nothing in the usual places"
            return Later(why, otherwise=Reading(State.NOTHING, why))
        return Reading(State.NOTHING, told({**found.failures, **self._damage}))


def _nearest(path: str) -> tuple[bool, int, str]:
    """The controller's files before those of other nodes, which lie deeper or are named after it."""
    folders = path.split("/")
    return "controller" not in folders, len(folders), path
