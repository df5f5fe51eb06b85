"""Hands on each line of ``gerrit stream-events``, and reconnects for ever.

It must not filter or wait for anything but the stream and ``put``: 128 unread events overflow Gerrit's queue, and
Gerrit replays nothing. ``state`` counts the moments at which events may be lost, and ``opened`` and ``dropped`` hear
of them.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..clients.ssh import Connection, SshError, Stream
from ..core import limits
from ..core.backoff import pause
from ..core.events import parse_line
from ..core.model import Unreadable

STREAM_EVENTS = "gerrit stream-events"
POLL_SECONDS = 0.5
SOON = 5.0
"""Seconds between two tries, at most: what Gerrit emits before it is listened to again is missed."""
LATER = 60.0
"""Seconds between two tries where only a person can fix what is wrong."""
ADVICE = (" (give the bot's account the global capability 'Stream Events', which is under Access of All-Projects;"
          " members of the group 'Service Users' usually have it)")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """The stream's state. ``connected_since`` is a moment of the ``monotonic`` clock that it was given.

    Events may be lost at each of: ``reconnects`` (connections after the first), ``gaps`` (Gerrit's
    ``dropped-output``), ``oversize`` (lines over the limit). ``why`` is the reason of the last disconnection.
    """

    connected_since: float | None = None
    lines: int = 0
    connections: int = 0
    gaps: int = 0
    oversize: int = 0
    why: str | None = None

    @property
    def reconnects(self) -> int:
        return max(0, self.connections - 1)


@dataclass(frozen=True)
class TooLong:
    """A line over the limit, and its size in bytes."""

    size: int


class Lines:
    """Is fed chunks of any size and gives lines without their LF, in bounded memory and in time linear in their length.

    paramiko's ``readline`` is quadratic in the line, loses what it has read at a timeout (its issue 1196) and gives a
    half line at the end as if it were whole. ``pending`` is the bytes of a line whose LF is still missing.
    """

    def __init__(self, limit: int = limits.EVENT_LINE) -> None:
        self.pending = 0
        self._limit = limit
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes | TooLong]:
        *whole, half = chunk.split(b"\n")
        for piece in whole:
            self._keep(piece)
            yield TooLong(self.pending) if self.pending > self._limit else b"".join(self._parts)
            self._parts, self.pending = [], 0
        self._keep(half)

    def _keep(self, piece: bytes) -> None:
        self.pending += len(piece)
        if self.pending <= self._limit:
            self._parts.append(piece)


class GerritStream:
    """One listener. ``put`` commits a line; what it raises ends ``run``, so that a full disk is noticed.

    ``opened`` is called for each connection with the seconds in which nothing was heard before it (None for the first),
    ``dropped`` when Gerrit has dropped events.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        put: Callable[[bytes], object],
        *,
        opened: Callable[[float | None], object] = lambda _: None,
        dropped: Callable[[], object] = lambda: None,
        command: str = STREAM_EVENTS,
        wait: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        probe_every: float = 30.0,
        probe_deadline: float = 20.0,
        soon: float = SOON,
    ) -> None:
        self.state = State()
        self._opened = opened
        self._dropped = dropped
        self._connect = connect
        self._put = put
        self._command = command
        self._wait = wait
        self._monotonic = monotonic
        self._probe_every = probe_every
        self._probe_deadline = probe_deadline
        self._soon = soon
        self._failures = 0
        self._heard = monotonic()
        self._answers = threading.Event()

    def wake(self) -> None:
        """Gerrit has answered somebody else: a connection that was lost is tried again at once."""
        self._answers.set()

    def run(self, stop: threading.Event) -> None:
        """Listen until ``stop``. Raises only what ``put`` raises."""
        while not stop.is_set():
            self._answers.clear()
            why, lasting = self._session(stop)
            self.state = replace(self.state, connected_since=None, why=why)
            if stop.is_set():
                return
            delay = LATER if lasting else pause(self._failures, random.random(), longest=self._soon)  # noqa: S311
            self._failures += 1
            report = log.error if lasting else log.warning
            report("no event stream: %s; next try in %.0f s", why, delay)
            if self._wait:
                self._wait(delay)
            else:
                self._rest(delay, stop, lasting)

    def _rest(self, seconds: float, stop: threading.Event, lasting: bool) -> None:
        """Wait until a stop, or until Gerrit has answered somebody else; not for that where only a person can help."""
        for _ in range(math.ceil(seconds / POLL_SECONDS)):
            if stop.wait(POLL_SECONDS) or (self._answers.is_set() and not lasting):
                return

    def _session(self, stop: threading.Event) -> tuple[str, bool]:
        """Why one connection ended, and whether only a person can fix that."""
        try:
            with self._connect() as connection:  # one left open counts against Gerrit's limit for the account
                stream = connection.stream(self._command)
                chunk = stream.read(POLL_SECONDS)
                if chunk == b"":  # refused: Gerrit says nothing where it has begun
                    return self._end(stream, Lines())
                self._begin(connection)
                return self._listen(connection, stream, stop, chunk)
        except SshError as error:
            return error.why, error.lasting

    def _begin(self, connection: Connection) -> None:
        now, first = self._monotonic(), self.state.connections == 0
        self.state = replace(self.state, connected_since=now, connections=self.state.connections + 1, why=None)
        log.info("listening to the events of %s", connection.name)
        self._opened(None if first else now - self._heard)

    def _listen(self, connection: Connection, stream: Stream, stop: threading.Event,
                chunk: bytes | None) -> tuple[str, bool]:
        lines = Lines()
        self._heard = self._monotonic()
        while not stop.is_set():
            if chunk == b"":
                return self._end(stream, lines)
            if chunk:
                self._take(lines, chunk)
                self._heard = self._monotonic()
            elif self._monotonic() - self._heard >= self._probe_every:
                connection.probe(self._probe_deadline)  # closes the connection if it gets no answer
                self._heard = self._monotonic()
            chunk = stream.read(min(POLL_SECONDS, self._probe_every))
        return "told to stop", False

    def _take(self, lines: Lines, chunk: bytes) -> None:
        for line in lines.feed(chunk):
            if isinstance(line, TooLong):
                self.state = replace(self.state, oversize=self.state.oversize + 1)
                log.warning("an event of %d bytes was ignored: the limit is %d", line.size, limits.EVENT_LINE)
            elif line.strip():
                self._put(line)
                self._count(line)

    def _count(self, line: bytes) -> None:
        self._failures = 0
        gap = _is_gap(line)
        self.state = replace(self.state, lines=self.state.lines + 1, gaps=self.state.gaps + gap)
        if gap:
            log.warning("Gerrit dropped events, since this reader was too slow (dropped-output)")
            self._dropped()

    def _end(self, stream: Stream, lines: Lines) -> tuple[str, bool]:
        if lines.pending:
            log.warning("the stream ended within a line: %d bytes of an event are lost", lines.pending)
        status = stream.status()
        said = " ".join(stream.err.decode("utf-8", "replace").split())[-300:]
        if status is None:
            return stream.why or "the connection was lost", False
        advice = ADVICE if "stream events not permitted" in said else ""
        return f"Gerrit ended the stream with status {status}" + (f": {said}{advice}" if said else ""), status != 0


def _is_gap(line: bytes) -> bool:
    if b'"dropped-output"' not in line:  # a comment that quotes it has backslashes before the quotes
        return False
    try:
        return parse_line(line)["type"] == "dropped-output"
    except Unreadable:
        return False
