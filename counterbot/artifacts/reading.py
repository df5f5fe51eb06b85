"""One build's counters from what it left behind, or why there are none. Judges nothing, keeps nothing.

Where a build offers several ways: a Zuul artifact of type ``counters`` replaces the streams; the
streams' attachments are merged in path order; ``performance.json`` adds the groups still missing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from ..clients.http import Forbidden, Http, Unavailable
from ..core import counters as documents
from ..core import limits, subunit
from ..core.decide import State
from ..core.gunzip import unzipped_all
from ..core.model import Build, Counters, Unreadable
from . import manifest

ATTACHMENT = "counters.json"
STREAM = "testrepository.subunit"
PERFORMANCE = "performance.json"
USUAL = (STREAM, f"{STREAM}.gz", f"controller/logs/{PERFORMANCE}", f"logs/{PERFORMANCE}")
"""Where the files lie when no manifest tells."""


@dataclass(frozen=True)
class Reading:
    """What came of reading. ``state`` is None where trying later may help, ``after`` so many seconds."""

    state: State | None
    why: str = ""
    counters: Counters | None = None
    after: float | None = None


class _Late(Exception):
    """A file that should be there is not there yet."""


@dataclass
class _Found:
    """What has been read so far: counters in order, and by file name why something could not be read."""

    parts: list[Counters] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


class Artifacts:
    """Reads builds' counters over HTTP."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def read(self, build: Build) -> Reading:
        """The counters of a finished build that has logs."""
        try:
            return self._outcome(*self._read(build))
        except _Late as late:
            return Reading(None, str(late))
        except Unavailable as error:
            return Reading(None, str(error), after=error.after)
        except Forbidden as error:
            return Reading(State.NONE, str(error))
        except Unreadable as error:
            return Reading(State.UNREADABLE, str(error))

    def _read(self, build: Build) -> tuple[_Found, Counters | None]:
        found = _Found()
        returned = [artifact.url for artifact in build.artifacts if artifact.type == "counters"]
        files, sure = self._files(build)
        for url in returned:
            self._attempt(found, posixpath.basename(url), lambda url=url: [documents.parse_counters(self._small(url))])
        for path in [] if returned else [path for path in files if _is_stream(path)][: limits.STREAMS]:
            self._attempt(found, path, lambda path=path: self._stream(_under(build, path), sure))
        performance = min((path for path in files if posixpath.basename(path) == PERFORMANCE), key=_nearest, default=None)
        parts: list[Counters] = []
        if performance:
            self._attempt(found, performance,
                          lambda: parts.extend(self._performance(_under(build, performance), sure)) or [])
        return found, parts[0] if parts else None

    def _outcome(self, found: _Found, performance: Counters | None) -> Reading:
        why = "; ".join(f"{name}: {reason}" for name, reason in found.failures.items())
        merged = documents.merge(found.parts) if found.parts else Counters({})
        if performance:
            merged = documents.complete(merged, performance)
        if not merged.values:
            spoilt = why or "; ".join(f"{name}: {reason}" for name, reason in list(merged.unreadable.items())[:5])
            return Reading(State.UNREADABLE if spoilt else State.NONE, spoilt)
        return Reading(State.COUNTED, why, replace(merged, failures={**merged.failures, **found.failures}))

    @staticmethod
    def _attempt(found: _Found, name: str, read: Callable[[], list[Counters]]) -> None:
        """One file: that it cannot be read is told, and costs no other file."""
        try:
            found.parts += read()
        except (Unreadable, Forbidden) as error:
            found.failures[name] = str(error)

    def _files(self, build: Build) -> tuple[list[str], bool]:
        """The build's files, and whether that is known from a manifest."""
        listed = next((artifact.url for artifact in build.artifacts if artifact.type == "zuul_manifest"), None)
        data = self._small_or_none(listed or _under(build, "zuul-manifest.json"), limits.MANIFEST_FILE)
        if data is not None:
            return manifest.paths(data), True
        if listed:
            raise _Late("zuul-manifest.json is not there yet")
        return list(USUAL), False

    def _stream(self, url: str, sure: bool) -> list[Counters]:
        """The run-level attachments of one subunit stream, in order of completion."""
        with self._open(url, sure) as blocks:
            if blocks is None:
                return []
            contents = subunit.documents(_unpacked(blocks, limits.STREAM_PACKED, limits.STREAM_UNPACKED), ATTACHMENT)
            return [documents.parse_counters(content) for content in contents]

    def _performance(self, url: str, sure: bool) -> list[Counters]:
        with self._open(url, sure) as blocks:
            if blocks is None:
                return []
            return [documents.parse_performance(_whole(blocks, limits.COUNTERS_FILE))]

    @contextmanager
    def _open(self, url: str, sure: bool) -> Iterator[Iterator[bytes] | None]:
        """A log file's blocks, under its name or with ``.gz`` behind it; None where it need not be there."""
        for name in (url, f"{url}.gz"):
            with self._http.open(name) as body:
                if body.status == 200:
                    yield body.blocks
                    return
        if sure:
            raise _Late(f"{posixpath.basename(url)} is listed but not there yet")
        yield None

    def _small(self, url: str) -> bytes:
        data = self._small_or_none(url, limits.COUNTERS_FILE)
        if data is None:
            raise _Late(f"{posixpath.basename(url)} is not there yet")
        return data

    def _small_or_none(self, url: str, limit: int) -> bytes | None:
        with self._http.open(url) as body:
            return _whole(body.blocks, limit) if body.status == 200 else None


def _whole(blocks: Iterator[bytes], limit: int) -> bytes:
    return b"".join(_unpacked(blocks, limit, limit))


def _unpacked(blocks: Iterator[bytes], packed: int, unpacked: int) -> Iterator[bytes]:
    """Packed once by the store and once by name, perhaps: believe the bytes, not the headers."""
    return unzipped_all(blocks, packed_limit=packed, unpacked_limit=unpacked)


def _is_stream(path: str) -> bool:
    return path.endswith((".subunit", ".subunit.gz"))


def _nearest(path: str) -> tuple[bool, str]:
    """The controller's files before those of other nodes."""
    return "controller" not in path.split("/"), path


def _under(build: Build, path: str) -> str:
    return f"{(build.log_url or '').rstrip('/')}/{quote(path)}"
