"""Events from ``gerrit stream-events``, each line handed on as it came, reconnecting for ever.

It must not parse, filter or wait for anything but the stream and ``put``: 128 unread events overflow Gerrit's
queue, and Gerrit replays nothing. What is lost between connections, at ``dropped-output`` and in lines over the
limit is counted in ``state`` for whoever catches up.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..clients.gerrit.over_ssh import STREAM_EVENTS
from ..clients.ssh import Connection, SshError, Stream
from ..core import limits
from .lines import Lines, TooLong

POLL_SECONDS = 0.5
FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """How the stream does. Times are those of the ``monotonic`` clock it was given.

    Events may be lost at each of: ``reconnects`` (connections after the first), ``gaps`` (Gerrit's
    ``dropped-output``), ``oversize`` (lines passed over). ``why`` tells the last disconnection.
    """

    connected_since: float | None = None
    last_line: float | None = None
    lines: int = 0
    connections: int = 0
    gaps: int = 0
    oversize: int = 0
    why: str | None = None

    @property
    def reconnects(self) -> int:
        return max(0, self.connections - 1)


class Backoff:
    """Seconds to wait: doubling from 1 to 60, each drawn from its upper half lest all bots return at once."""

    def __init__(self, first: float = FIRST_DELAY, longest: float = LONGEST_DELAY) -> None:
        self._first, self._longest = first, longest
        self.reset()

    def reset(self) -> None:
        self._next = self._first

    def delay(self, *, lasting: bool = False) -> float:
        """``lasting``: only a person can mend it, so waste nobody's time with short waits."""
        seconds = self._longest if lasting else self._next
        self._next = min(self._longest, 2 * seconds)
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311


class GerritStream:
    """One listener. ``put`` commits a line; what it raises ends ``run``, so that a full disk is no silence."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        put: Callable[[bytes], object],
        *,
        command: str = STREAM_EVENTS,
        log: logging.Logger = LOG,
        wait: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        probe_every: float = 30.0,
        probe_deadline: float = 20.0,
        limit: int = limits.EVENT_LINE,
    ) -> None:
        self.state = State()
        self._connect = connect
        self._put = put
        self._command = command
        self._log = log
        self._wait = wait
        self._monotonic = monotonic
        self._probe_every = probe_every
        self._probe_deadline = probe_deadline
        self._limit = limit
        self._backoff = Backoff()

    def run(self, stop: threading.Event) -> None:
        """Listen until ``stop``. Raise only what ``put`` raises."""
        wait = self._wait or stop.wait
        while not stop.is_set():
            why, lasting = self._session(stop)
            self.state = replace(self.state, connected_since=None, why=why)
            if stop.is_set():
                return
            delay = self._backoff.delay(lasting=lasting)
            tell = self._log.error if lasting else self._log.warning
            tell("no event stream: %s; next try in %.0f s", why, delay)
            wait(delay)

    def _session(self, stop: threading.Event) -> tuple[str, bool]:
        """Why one connection ended, and whether only a person can mend that."""
        try:
            connection = self._connect()
        except SshError as error:
            return error.why, error.lasting
        try:
            stream = connection.stream(self._command)
        except SshError as error:
            return error.why, error.lasting
        else:
            self.state = replace(
                self.state, connected_since=self._monotonic(), connections=self.state.connections + 1, why=None
            )
            self._log.info("listening to the events of %s", connection.name)
            return self._listen(connection, stream, stop)
        finally:
            connection.close()  # a connection left open counts against Gerrit's limit for the account

    def _listen(self, connection: Connection, stream: Stream, stop: threading.Event) -> tuple[str, bool]:
        lines = Lines(self._limit)
        heard = self._monotonic()
        while not stop.is_set():
            chunk = stream.read(min(POLL_SECONDS, self._probe_every))
            if chunk == b"":
                return self._end(stream, lines)
            now = self._monotonic()
            if chunk:
                heard = now
                self._take(lines, chunk)
            elif now - heard >= self._probe_every:
                heard = now  # the next question; this one closes the connection by itself if it gets no answer
                connection.probe(self._probe_deadline)
        return "told to stop", False

    def _take(self, lines: Lines, chunk: bytes) -> None:
        for line in lines.feed(chunk):
            if isinstance(line, TooLong):
                self.state = replace(self.state, oversize=self.state.oversize + 1)
                self._log.warning("an event of %d bytes was passed over: the limit is %d", line.size, self._limit)
            elif line.strip():
                self._put(line)
                self._count(line)

    def _count(self, line: bytes) -> None:
        self._backoff.reset()
        gap = _is_gap(line)
        self.state = replace(
            self.state, last_line=self._monotonic(), lines=self.state.lines + 1, gaps=self.state.gaps + gap
        )
        if gap:
            self._log.warning("Gerrit dropped events, for this reader was too slow (dropped-output)")

    def _end(self, stream: Stream, lines: Lines) -> tuple[str, bool]:
        if lines.pending:
            self._log.warning("the stream was cut in mid-line: %d bytes of an event are lost", lines.pending)
        status = stream.status()
        said = " ".join(stream.err.decode("utf-8", "replace").split())[-300:]
        if status is None:
            return stream.why or "the connection was lost", False
        return f"Gerrit ended the stream with status {status}" + (f": {said}" if said else ""), status != 0


def _is_gap(line: bytes) -> bool:
    if b'"dropped-output"' not in line:  # a comment that quotes it has backslashes before the quotes
        return False
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and event.get("type") == "dropped-output"
