"""Puts lines into IRC channels: none is lost, one may come twice, and none is sent faster than allowed.

Needs a server, a nick and channels; ``irc:`` in the configuration::

    irc:
      host: irc.example.org
      nick: counterbot
      channels:
        "#openstack-qa": {projects: ["openstack/*"]}

Each line is followed by a PING, and counts as sent when its PONG has come: an IRC server says nothing
when it takes a line, and a broken connection swallows what is under way. Only the thread that calls
``Irc.run`` touches the socket. What to say is decided elsewhere.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Hashable
from typing import Protocol

import irc.client
from irc.strings import lower

from ...core.limits import IRC_LINE
from ...core.model import Refused, Retry, Sent
from ...core.text.inert import inert
from .connection import SHOWN, Settings
from .link import Link, Timing

__all__ = ["Claim", "Irc", "Owed", "Settings", "Timing"]

LOG = logging.getLogger(__name__)
NORMAL = Timing()
BURST = 4
AT_ONCE = 20
"""Lines looked at between two looks at the socket; those of a closed channel need no pace."""

CONNECTION_LOST = "connection lost"


class Claim(Protocol):
    """A line that is ours to deliver until its lease ends."""

    @property
    def id(self) -> Hashable: ...
    @property
    def destination(self) -> str: ...
    @property
    def text(self) -> str: ...


class Owed(Protocol):
    """Where the lines come from; the engine keeps it in the ledger."""

    def claim(self) -> Claim | None:
        """The next line that is due, leased for longer than ``Timing.answer``."""

    def settle(self, claim: Claim, result: Sent | Retry | Refused) -> None:
        """What became of it; called once for each claim."""


class Pace:
    """So many lines at once, then one each ``seconds``."""

    def __init__(self, seconds: float, burst: int = BURST, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.burst = burst
        self._monotonic = monotonic
        self._free = float(burst)
        self._seen = monotonic()

    def allows(self) -> bool:
        now = self._monotonic()
        gained = (now - self._seen) / self.seconds if self.seconds > 0 else self.burst
        self._free, self._seen = min(self.burst, self._free + gained), now
        return self._free >= 1

    def spend(self) -> None:
        self._free -= 1


class Irc:
    """The reporter. ``jitter`` gives numbers from 0 to 1, so that many bots do not come back as one."""

    def __init__(
        self,
        settings: Settings,
        owed: Owed,
        *,
        timing: Timing = NORMAL,
        log: logging.Logger = LOG,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.timing = timing
        self.maybe_twice = 0
        """Lines sent that went back unacknowledged, and so may have come twice."""
        self._owed = owed
        self._log = log
        self._jitter = jitter
        self._link: Link | None = None
        self._under_way: dict[str, tuple[Claim, float]] = {}
        self._serial = 0
        self._ask_again = 0.0
        self._delivered = 0
        self._pace = Pace(settings.pace)
        self._why = "not started"

    # For status; any thread may read these

    @property
    def connected(self) -> bool:
        link = self._link
        return link is not None and link.alive and link.welcomed is not None

    @property
    def joined(self) -> tuple[str, ...]:
        """The channels that lines can go to now."""
        link = self._link
        return tuple(c.name for c in link.channels.values() if c.speakable) if link and self.connected else ()

    @property
    def trouble(self) -> str | None:
        """Why lines wait, for people to read; None where all is well."""
        link = self._link
        if link is None or not self.connected:
            return self._why
        shut = [f"{c.name}: {c.why or 'no answer to JOIN'}" for c in link.channels.values() if not c.speakable]
        return "; ".join(shut) or None

    # The thread

    def run(self, stop: threading.Event) -> None:
        """Delivers until ``stop`` is set; then waits a little for what is under way, and leaves."""
        failures = 0
        while not stop.is_set():
            delivered = self._delivered
            self._stay(stop)
            if stop.is_set():
                break
            failures = 0 if self._delivered > delivered else failures + 1
            pause = backoff(self.timing, max(0, failures - 1), self._jitter())
            self._log.warning("%s: %s; trying again in %.1f s", self._where, self._why, pause)
            stop.wait(pause)
        self._why = "stopped"

    @property
    def _where(self) -> str:
        return f"{self.settings.host}:{self.settings.port}"

    def _stay(self, stop: threading.Event) -> None:
        """One connection, from beginning to end. Nothing that happens in it ends the thread."""
        link = Link(self.settings, self.timing, answered=self._answered, bounced=self._bounced, log=self._log)
        self._why, self._link = "connecting", link
        try:
            link.connect()
            self._serve(link, stop)
        except (OSError, irc.client.IRCError) as error:
            link.why = link.why or inert(str(error), SHOWN)
        except Exception as error:
            self._log.exception("%s: a mistake of ours", self._where)
            link.why = repr(error)
        finally:
            link.close(link.why or "leaving")
            self._why, self._link = link.why or CONNECTION_LOST, None
            self._take_back()

    def _serve(self, link: Link, stop: threading.Event) -> None:
        self._ask_again = 0.0
        while link.alive and not stop.is_set():
            link.pump()
            if link.ready:
                self._deliver(link)
            self._give_up_on_deaf(link)
        end = time.monotonic() + self.timing.farewell
        while link.alive and self._under_way and time.monotonic() < end:
            link.pump()

    def _deliver(self, link: Link) -> None:
        for _ in range(AT_ONCE):
            if not link.alive or len(self._under_way) >= self.settings.unacknowledged or not self._pace.allows():
                return
            claim = self._claim()
            if claim is None:
                return
            self._send(link, claim)

    def _claim(self) -> Claim | None:
        now = time.monotonic()
        if now < self._ask_again:
            return None
        try:
            claim = self._owed.claim()
        except Exception:
            self._log.exception("cannot ask for lines; asking again")
            claim = None
        if claim is None:
            self._ask_again = now + self.timing.poll
        return claim

    def _send(self, link: Link, claim: Claim) -> None:
        channel, text = link.channel(claim.destination), inert(claim.text, IRC_LINE)
        if channel is None:
            self._settle(claim, Refused(f"{inert(claim.destination, SHOWN)} is none of the configured channels"))
        elif not text:
            self._settle(claim, Refused("nothing to be seen in the line"))
        elif not channel.speakable:
            self._settle(claim, Retry(f"{channel.name}: {channel.why or 'not joined'}", self.timing.rejoin))
        else:
            self._serial += 1
            token = f"k{self._serial}"
            self._under_way[token] = (claim, time.monotonic())
            self._pace.spend()
            link.say(channel, text, token)

    def _give_up_on_deaf(self, link: Link) -> None:
        """Oldest first. ngircd, for one, goes on talking to a client it has stopped reading."""
        for _claim, sent in self._under_way.values():
            if time.monotonic() > sent + self.timing.answer:
                link.close(f"a line was not acknowledged within {self.timing.answer:g} s")
            return

    # What became of lines

    def _answered(self, token: str) -> None:
        claim, _sent = self._under_way.pop(token, (None, 0.0))
        if claim is not None:
            self._delivered += 1
            self._settle(claim, Sent())

    def _bounced(self, channel: str, why: str) -> None:
        """Answers come in the order of the lines, so it is the oldest one to that channel."""
        for token, (claim, _sent) in self._under_way.items():
            if lower(claim.destination) == lower(channel):
                del self._under_way[token]
                self._settle(claim, Retry(f"{channel}: {why}", self.timing.rejoin))
                return

    def _take_back(self) -> None:
        if not self._under_way:
            return
        claims = [claim for claim, _sent in self._under_way.values()]
        self._under_way.clear()
        self.maybe_twice += len(claims)
        self._log.warning(
            "%s: %d lines were not acknowledged and go again; they may come twice (%d so far)",
            self._where, len(claims), self.maybe_twice,
        )  # fmt: skip
        for claim in claims:
            self._settle(claim, Retry(CONNECTION_LOST, 0))

    def _settle(self, claim: Claim, result: Sent | Retry | Refused) -> None:
        if isinstance(result, Refused):
            self._log.error("line %s refused: %s", claim.id, result.why)
        try:
            self._owed.settle(claim, result)
        except Exception:
            self._log.exception("line %s: cannot note %s; it comes again when its lease ends", claim.id, result)


def backoff(timing: Timing, failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures before: doubling up to the longest, then half of it by chance."""
    longest = min(timing.longest_backoff, timing.backoff * 2.0 ** min(failures, 16))
    return longest * (0.5 + 0.5 * jitter)
