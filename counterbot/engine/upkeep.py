"""What a running bot does regularly: keeps its rules fresh, says that it is alive, forgets old work, tells of weeks."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..core.text.figures import counted
from ..ledger.status import PULSE
from ..ledger.templates import WINDOW
from .bot import Bot

BEAT = 10.0
"""Seconds between signs of life in the ledger."""

PRUNE, DIGEST = 3600.0, 600.0
DAY = 86_400_000

log = logging.getLogger("counterbot.upkeep")


@dataclass
class Every:
    """True at once, and then when so many seconds have passed since it was true the last time."""

    seconds: float
    last: float | None = None

    def due(self, now: float) -> bool:
        due = self.last is None or now - self.last >= self.seconds
        if due:
            self.last = now
        return due


class Upkeep:
    """The upkeep of one bot. ``monotonic`` is in seconds."""

    def __init__(self, bot: Bot, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bot = bot
        self._monotonic = monotonic
        self._beat, self._prune, self._digest = Every(BEAT), Every(PRUNE), Every(DIGEST)
        self._reload = threading.Event()

    def reload(self) -> None:
        """Read the rules anew within a second, and log that. May be called from a signal handler."""
        self._reload.set()

    def run(self, stop: threading.Event) -> None:
        """Until the stop. Notes at the end that the bot has stopped, unless an error stopped it."""
        while not stop.wait(1.0):
            self.step()
        if self._bot.service.error is None:
            self._note("stopped")

    def step(self) -> None:
        """All that is due now."""
        now, asked = self._monotonic(), self._reload.is_set()
        if asked:
            self._reload.clear()  # before the rules are read: who asks from now on means a later state of them
        self._bot.book.refresh()
        self._bot.warn()
        if asked:
            self._tell()
        if self._beat.due(now):
            self._note("running")
        if self._prune.due(now):
            config = self._bot.config
            self._bot.ledger.prune(config.keep_days * DAY, config.unexplained.days * DAY + WINDOW,
                                   config.learned.days * DAY)
        if self._digest.due(now):
            self._bot.weekly.step()

    def _tell(self) -> None:
        book = self._bot.book
        log.info("SIGHUP: rules read anew from %s: %d in force, %s; for a changed configuration, restart",
                 self._bot.config.rules, len(book.rules), counted(len(book.mistakes), "mistake"))

    def _note(self, state: str) -> None:
        bot, stream, caught = self._bot, self._bot.stream.state, self._bot.catch_up.state
        bot.ledger.remember(PULSE, json.dumps({
            "state": state, "host": socket.gethostname(), "pid": os.getpid(),
            "stream": "connected" if stream.connected_since is not None else
                      f"not connected: {stream.why or 'not yet'}",
            "reconnects": stream.reconnects, "oversize": stream.oversize,
            "gaps": caught.gaps, "last_gap": caught.gap, "caught_up": caught.caught_up,
            "catch_up_why": caught.why, "catch_up_way": caught.way, "events_log_why": caught.log_why,
            "tenants": [{"page": each.page, "running": each.running, "found": each.found, "why": each.why,
                         "asked": None if each.asked is None else self._monotonic() - each.asked}
                        for each in bot.zuul_builds.tenants],
            "backfill": bot.new_rules.state,
            "irc": "off" if bot.irc is None else bot.irc.trouble or "joined",
            "rules": len(bot.book.rules), "rules_from": str(bot.config.rules),
            "rule_mistakes": len(bot.book.mistakes), "too_common": sorted(bot.newly_loaded.warnings)}))
