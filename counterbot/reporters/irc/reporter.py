"""Posts pending lines to IRC channels: none is lost, a repeat is possible and counted.

An IRC server does not acknowledge a line, and a broken connection loses those in flight. So each line is followed by a
PING, and counts as sent once its PONG has come.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from irc.strings import lower

from ...core.backoff import pause
from ...core.deadline import Deadline
from ...core.limits import IRC_LINE
from ...core.model import Refused, Retry, Sent, Unreadable
from ...core.text.figures import counted
from ...core.text.inert import inert
from .connection import SHOWN, Settings
from .session import Session, Timing

__all__ = ["Irc", "Line", "Outbox", "Pace", "Settings", "Timing"]

BURST = 4
IN_FLIGHT = 4
"""Unacknowledged lines at most: as many may be repeated."""

NORMAL = Timing()
log = logging.getLogger(__name__)


class Line(Protocol):
    """A line that is leased to us."""

    @property
    def destination(self) -> str: ...
    @property
    def text(self) -> str: ...


class Outbox(Protocol):
    """Where the lines come from."""

    def claim(self) -> Line | None:
        """The next line that is due, leased for longer than ``Timing.answer``."""

    def settle(self, claim: Any, result: Sent | Retry | Refused) -> None:
        """Note what became of a line; called once for each."""


class Pace:
    """A few lines at once, then one each ``seconds``, as servers count them (RFC 2813, section 5.8)."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._paid_until = 0.0

    def allows(self) -> bool:
        return self._clock() >= self._paid_until - (BURST - 1) * self._seconds

    def spend(self) -> None:
        self._paid_until = max(self._paid_until, self._clock()) + self._seconds


class Irc:
    """The reporter. Only the thread that calls ``run`` touches the socket.

    ``maybe_repeated`` counts lines whose acknowledgement a broken connection took, and that were sent again.
    """

    def __init__(self, settings: Settings, outbox: Outbox, *, timing: Timing = NORMAL) -> None:
        self.maybe_repeated = 0
        self._settings, self._outbox, self._timing = settings, outbox, timing
        self._place = settings.place
        self._session: Session | None = None
        self._in_flight: dict[str, Line] = {}
        self._pace = Pace(timing.pace)
        self._serial = self._failures = 0
        self._poll_at = 0.0
        self._why = "not started"

    @property
    def trouble(self) -> str | None:
        """Why lines wait, for people to read; None where none need wait. Any thread may ask."""
        session = self._session
        if session is None or not session.welcomed:
            return self._why
        closed = [channel for channel in session.channels.values() if not channel.is_open]
        return "; ".join(f"{channel.name}: {channel.why or 'not joined yet'}" for channel in closed) or None

    def run(self, stop: threading.Event) -> None:
        """Deliver lines until ``stop`` is set."""
        while not stop.is_set():
            self._connect_and_serve(stop)
            wait = pause(self._failures, random.random(), first=self._timing.retry)  # noqa: S311
            self._failures += 1
            if not stop.is_set():
                log.warning("%s: %s; connecting again in %.1f s", self._place, self._why, wait)
                stop.wait(wait)
        self._why = "stopped"

    def _connect_and_serve(self, stop: threading.Event) -> None:
        """One session. No error in it ends the thread."""
        session = Session(self._settings, self._timing, self._acknowledged, self._rejected)
        self._why, self._session = "connecting", session
        try:
            session.connect()
            self._serve(session, stop)
        except Unreadable as error:
            session.why = session.why or inert(str(error), SHOWN)
        except Exception as error:
            log.exception("%s: unexpected error", self._place)
            session.why = repr(error)
        finally:
            session.close("leaving")
            self._why, self._session = session.why, None
            self._take_back()

    def _serve(self, session: Session, stop: threading.Event) -> None:
        busy = False
        while session.alive and not stop.is_set():
            session.pump(0 if busy else self._timing.pump)
            busy = session.alive and session.ready and self._deliver(session)
        farewell = Deadline.after(self._timing.farewell, time.monotonic)
        while session.alive and self._in_flight and not farewell.exceeded:
            session.pump(self._timing.pump)

    def _deliver(self, session: Session) -> bool:
        """Take the next line; False where there is none, or none may be sent yet."""
        line = self._claim()
        if line is None:
            return False
        channel, text = session.channels.get(lower(line.destination)), inert(line.text, IRC_LINE)
        if channel is None:
            self._settle(line, Refused(f"{inert(line.destination, SHOWN)} is not a configured channel"))
        elif not text:
            self._settle(line, Refused("the line has no visible text"))
        elif not channel.is_open:
            self._settle(line, Retry(f"{channel.name}: {channel.why}", self._timing.rejoin))
        else:
            self._serial += 1
            self._in_flight[f"k{self._serial}"] = line
            self._pace.spend()
            session.say(channel, text, f"k{self._serial}")
        return True

    def _claim(self) -> Line | None:
        if len(self._in_flight) >= IN_FLIGHT or not self._pace.allows() or time.monotonic() < self._poll_at:
            return None
        line = None
        try:
            line = self._outbox.claim()
        except Exception:
            log.exception("%s: cannot ask the database for lines; trying again", self._place)
        if line is None:
            self._poll_at = time.monotonic() + self._timing.poll
        return line

    def _acknowledged(self, token: str) -> None:
        if token in self._in_flight:
            self._failures = 0
            self._settle(self._in_flight.pop(token), Sent())

    def _rejected(self, channel: str, why: str) -> None:
        """It is the oldest line to that channel: a server answers in the order of the lines."""
        for token, line in self._in_flight.items():
            if lower(line.destination) == lower(channel):
                del self._in_flight[token]
                self._settle(line, Retry(f"{channel}: {why}", self._timing.rejoin))
                return

    def _take_back(self) -> None:
        lines = list(self._in_flight.values())
        self._in_flight.clear()
        if lines:
            self.maybe_repeated += len(lines)
            log.warning("%s: %s not acknowledged; sent again, and may appear twice (%d so far)",
                        self._place, counted(len(lines), "line"), self.maybe_repeated)
        for line in lines:
            self._settle(line, Retry("connection lost", 0))

    def _settle(self, line: Line, result: Sent | Retry | Refused) -> None:
        try:
            self._outbox.settle(line, result)
        except Exception:
            log.exception("%s: %s: cannot note %s; the line is sent again when its lease ends", self._place,
                          line.destination, result)
