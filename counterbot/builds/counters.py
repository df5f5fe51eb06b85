"""One build's counters from what it left behind, or why there are none. Judges nothing, keeps nothing.

Where a build offers several ways: a Zuul artifact of type ``counters`` replaces the streams; the
streams' attachments are merged in path order; ``performance.json`` adds the groups still missing.
What is announced but not there yet makes the whole reading wait: a half of the counters would be
taken for all of them. What does not come is told as a failure beside the counters of the others.
"""

from __future__ import annotations

import copy
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import chain, islice
from urllib.parse import quote

from ..clients.http import Forbidden, Http, Unavailable, Unfinished
from ..core import limits
from ..core.counters.attachment import parse_each
from ..core.counters.merging import complete, merge
from ..core.counters.performance import parse_performance
from ..core.deadline import DeadlineExceeded
from ..core.model import ATTACHMENT, Build, Counters, Later, Reading, State, Unreadable
from ..core.subunit import attachments as subunit
from ..core.text.inert import inert
from . import manifest

MANIFEST = "zuul-manifest.json"
JOB_OUTPUT = "job-output.txt"
STREAM = "testrepository.subunit"
PERFORMANCE = "performance.json"
USUAL = (STREAM, f"controller/logs/{PERFORMANCE}", f"logs/{PERFORMANCE}")
"""Where the files lie when no manifest tells."""

MIXED = "totals in one file and differences in another: judged, but kept out of the history"

NAME = 100
"""Bytes of a returned file's name that are shown."""

REASONS = 5
"""Of why counters are missing, how many are told."""


@dataclass(frozen=True)
class _Files:
    """A build's files under its log root, in path order. ``sure``: a manifest lists them."""

    root: str
    paths: tuple[str, ...]
    sure: bool


_Source = tuple[str, Callable[[], Iterable[Counters]], Callable[[Counters, Iterable[Counters]], Counters]]
"""A file's name, how its documents are read, and how they join those before."""


@dataclass
class _Found:
    """What has been read so far: counters, from how many documents, and by file name why something was not read.

    ``damage`` is, by file name, the first that a stream has where no counters are.
    """

    counters: Counters = field(default_factory=lambda: Counters({}))
    documents: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    damage: dict[str, str] = field(default_factory=dict)
    sure: bool = True

    def take(self, parts: Iterable[Counters], join: Callable[[Counters, Iterable[Counters]], Counters]) -> None:
        """All of one file, or nothing of it: raises Unreadable where the build's files would be too much together."""
        before = self.documents
        try:
            self.counters = join(self.counters, self._counted(parts))
        except Unreadable:
            self.documents = before
            raise

    def tell(self, name: str, damage: subunit.Damage) -> None:
        """Damage to a stream, of which the first is told."""
        self.damage.setdefault(name, str(damage))

    def _counted(self, parts: Iterable[Counters]) -> Iterator[Counters]:
        for part in parts:
            self.documents += 1
            if self.documents > limits.DOCUMENTS:
                raise Unreadable(f"more than {limits.DOCUMENTS:,} documents of counters in the build's files")
            yield part


class CountersReader:
    """Reads builds' counters over HTTP. ``packed`` and ``unpacked`` are bytes of a stream, ``seconds`` is a build's."""

    def __init__(self, http: Http, *, packed: int = limits.STREAM_PACKED, unpacked: int = limits.STREAM_UNPACKED,
                 seconds: float = limits.READING_SECONDS) -> None:
        self._http = http
        self._packed, self._unpacked = packed, unpacked
        self._seconds = seconds
        self._awaits = True

    def read(self, build: Build, seconds: float | None = None, *, awaits: bool = True) -> Reading | Later:
        """The counters of a finished build, if they can be read in that time.

        ``awaits``: a file that the manifest lists, but that is not there, makes the reading wait; else it counts as
        unreadable, and the others are read. Raises nothing that a server or a file can cause.
        """
        patience = self._seconds if seconds is None else min(seconds, self._seconds)
        bounded = copy.copy(self)
        bounded._http, bounded._seconds, bounded._awaits = self._http.within(patience), patience, awaits
        try:
            return _reading(bounded._found(build))
        except DeadlineExceeded as error:
            costly = 2 * bounded._http.waited < bounded._http.passed
            return Later(str(error), otherwise=State.UNREADABLE if costly else None)
        except Unavailable as error:
            return Later(str(error), error.after, State.UNREADABLE if isinstance(error, Unfinished) else None)
        except Forbidden as error:
            return Reading(State.UNREADABLE, str(error))

    def _found(self, build: Build) -> _Found:
        """Every source read, one after the other: that one cannot be read is told, and costs no other."""
        found = _Found()
        files = self._files(build, found)
        for name, read, join in self._sources(build, files, found):
            if self._http.passed > self._seconds:
                raise DeadlineExceeded(f"its logs could not be read in {self._seconds:g} s")
            try:
                found.take(read(), join)
            except (Unreadable, Forbidden) as error:
                found.failures[name] = str(error)
                found.damage.pop(name, None)
        found.sure = files.sure
        if not (files.sure or found.documents or found.failures):
            self._expect_logs(files)
        return found

    def _sources(self, build: Build, files: _Files, found: _Found) -> Iterator[_Source]:
        returned = [artifact.url for artifact in build.artifacts if artifact.type == "counters"]
        for url in _first("artifacts", returned, found):
            yield _name(url), partial(self._returned, url), _merged
        streams = [] if returned else [path for path in files.paths if path.endswith((".subunit", ".subunit.gz"))]
        for path in _first("streams", streams, found):
            yield path, partial(self._stream, files, path, found), _merged
        yield PERFORMANCE, partial(self._performance, files), _completed

    def _files(self, build: Build, found: _Found) -> _Files:
        """The build's files. A manifest that is no manifest is a failure, and the usual places are tried."""
        root = (build.log_url or "").rstrip("/")
        listed = next((artifact.url for artifact in build.artifacts if artifact.type == "zuul_manifest"), None)
        if not root:
            return _Files(root, (), True)
        try:
            data = self._needed(listed, limits.MANIFEST_FILE) if listed else \
                self._http.fetch(f"{root}/{MANIFEST}", limits.MANIFEST_FILE)
            return _Files(root, USUAL, False) if data is None else _Files(root, tuple(manifest.paths(data)), True)
        except Unreadable as error:
            found.failures[MANIFEST] = str(error)
            return _Files(root, USUAL, False)

    def _returned(self, url: str) -> Iterable[Counters]:
        return parse_each(self._needed(url, limits.COUNTERS_FILE))

    def _stream(self, files: _Files, path: str, found: _Found) -> Iterable[Counters]:
        """The run-level attachments of one subunit stream, in order of completion."""
        with self._open(files, path, self._packed, self._unpacked) as blocks:
            contents = [] if blocks is None else subunit.documents(
                blocks, ATTACHMENT, tell=partial(found.tell, path))
        return chain.from_iterable(map(parse_each, contents))

    def _performance(self, files: _Files) -> list[Counters]:
        """Of the first node that has it: values of several nodes are not to be mixed."""
        for path in sorted((path for path in files.paths if posixpath.basename(path) == PERFORMANCE), key=_nearest):
            with self._open(files, path, limits.COUNTERS_FILE, limits.COUNTERS_FILE) as blocks:
                if blocks is not None:
                    return [parse_performance(b"".join(blocks))]
        return []

    @contextmanager
    def _open(self, files: _Files, path: str, packed: int, unpacked: int) -> Iterator[Iterator[bytes] | None]:
        """A log file's blocks, under its name or with ``.gz`` behind it; None where it need not be there."""
        url = f"{files.root}/{quote(path)}"
        for name in (url,) if path.endswith(".gz") else (url, f"{url}.gz"):
            with self._http.open(name, packed_limit=packed, unpacked_limit=unpacked) as blocks:
                if blocks is not None:
                    yield blocks
                    return
        if files.sure and self._awaits:
            raise Unavailable(f"{path} is listed but not there yet")
        if files.sure:
            raise Unreadable("it is listed but not there")
        yield None

    def _expect_logs(self, files: _Files) -> None:
        """Raise Unavailable where there is not even the log that Zuul itself writes: the others may be late too."""
        with self._open(files, JOB_OUTPUT, limits.STREAM_PACKED, limits.STREAM_UNPACKED) as blocks:
            if blocks is None:
                raise Unavailable(f"neither {MANIFEST} nor {JOB_OUTPUT} is there yet")

    def _needed(self, url: str, limit: int) -> bytes:
        """A small file that Zuul announced."""
        data = self._http.fetch(url, limit)
        if data is None:
            raise Unavailable(f"{_name(url)} is not there yet")
        return data


def _merged(counters: Counters, parts: Iterable[Counters]) -> Counters:
    return merge(chain([counters], parts))


def _completed(counters: Counters, parts: Iterable[Counters]) -> Counters:
    return reduce(complete, parts, counters)


def _first(kind: str, names: Sequence[str], found: _Found) -> Sequence[str]:
    """As many of a build's files as are read."""
    if len(names) > limits.STREAMS:
        found.failures[kind] = f"{len(names)}, of which only {limits.STREAMS} are read"
    return names[: limits.STREAMS]


def _reading(found: _Found) -> Reading | Later:
    merged = replace(found.counters, failures={**found.counters.failures, **found.failures})
    if merged.values:
        told = _told({**merged.failures, **merged.unreadable, **_repeated(merged), **found.damage})
        return Reading(State.READ, "; ".join(filter(None, (MIXED if merged.mixed else "", told))), merged)
    if found.failures or merged.unreadable:
        return Reading(State.UNREADABLE, _told(found.failures or merged.unreadable))
    if not found.sure:
        why = f"no {MANIFEST}, and nothing in the usual places"
        return Later(why, otherwise=State.NOTHING)
    return Reading(State.NOTHING, _told({**merged.failures, **found.damage}))


def _repeated(counters: Counters) -> dict[str, str]:
    return dict.fromkeys(sorted(counters.repeated), "duplicate; the last value is used")


def _told(reasons: Mapping[str, str]) -> str:
    more = len(reasons) - REASONS
    told = "; ".join(f"{name}: {reason}" for name, reason in islice(reasons.items(), REASONS))
    return told + (f"; and {more} more" if more > 0 else "")


def _name(url: str) -> str:
    """A file's, for people; of what is no URL too."""
    return inert(re.split("[?#]", url, maxsplit=1)[0].rpartition("/")[2] or url, NAME)


def _nearest(path: str) -> tuple[bool, int, str]:
    """The controller's files before those of other nodes, which lie deeper or are named after it."""
    folders = path.split("/")
    return "controller" not in folders, len(folders), path
