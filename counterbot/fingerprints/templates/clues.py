"""What a job's own output tells of its failed tests: when each ran, of which ids it speaks, which files it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .mask import UUID

DAY = 86_400

FAILED = re.compile(rb"\[([0-9]{1,9}(?:\.[0-9]{1,9})?)s\] \.\.\. FAILED\b")
"""How stestr tells of a test that failed, and of the seconds it took."""
FRAME = re.compile(rb'File "([^"\x00-\x1f]{1,500})", line [0-9]')
SLACK = 2
"""Seconds that a test's window is wider on both sides: times in logs are cut to seconds, and lines come late."""

WINDOWS, IDS, SOURCES = 1_000, 10_000, 50
"""Failed tests, ids and source files that are kept."""


@dataclass(frozen=True)
class Clues:
    """``windows`` are those of failed tests, in seconds of the day; one that began before midnight begins below 0.
    ``ids`` are those of which their output speaks, ``sources`` the files that tracebacks name. ``seconds``: from the
    first line to the last."""

    windows: tuple[tuple[float, float], ...] = ()
    ids: frozenset[bytes] = frozenset()
    sources: tuple[str, ...] = ()
    began: int | None = None
    seconds: int = 0


class Listener:
    """Gathers clues while the lines of a job's output pass by."""

    def __init__(self) -> None:
        self._windows: list[tuple[float, float]] = []
        self._ids: set[bytes] = set()
        self._sources: dict[str, None] = {}
        self._captured = False
        self._began: int | None = None
        self._last = 0

    def line(self, line: bytes, at: int | None) -> None:
        """The next one, and its second of the day."""
        if at is not None:
            self._began = at if self._began is None else self._began
            self._last = at
        if b"FAILED" in line and at is not None and len(self._windows) < WINDOWS and (found := FAILED.search(line)):
            self._windows.append((at - float(found[1]) - SLACK, at + SLACK))
        if b"Captured " in line:
            self._captured = True
        elif b"Ran: " in line:
            self._captured = False
        if self._captured and len(self._ids) < IDS:
            self._ids.update(UUID.findall(line))
        if b'File "' in line and len(self._sources) < SOURCES and (found := FRAME.search(line)):
            self._sources[found[1].decode(errors="replace")] = None

    def clues(self) -> Clues:
        """Of what has passed by."""
        seconds = (self._last - self._began) % DAY if self._began is not None else 0
        return Clues(tuple(self._windows), frozenset(self._ids), tuple(self._sources), self._began, seconds)


def share(windows: Iterable[tuple[float, float]], seconds: float) -> float | None:
    """The part of so many seconds that windows cover, at most 1; None where there is no window, or no time."""
    covered, until = 0.0, float("-inf")
    for begin, end in sorted(windows):
        covered += max(0.0, end - max(begin, until))
        until = max(until, end)
    return min(1.0, covered / seconds) if covered and seconds else None


def by_second(windows: Iterable[tuple[float, float]]) -> bytes:
    """For each second of the day whether a window holds it."""
    day = bytearray(DAY)
    for begin, end in windows:
        first = int(begin) % DAY
        length = min(int(end) - int(begin) + 1, DAY)
        day[first:first + length] = b"\1" * min(length, DAY - first)
        day[:max(0, first + length - DAY)] = b"\1" * max(0, first + length - DAY)
    return bytes(day)
