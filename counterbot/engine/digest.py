"""Once a week, one line to each channel that wants it: which known failures come and go. Deletes no rule."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from ..core.life import DAY, WEEK, Digest, Hit, digest
from ..core.model import IRC, Channel, Delivery, Tell
from ..core.rules import Rule
from ..core.wording.digest import digest_line
from ..files.rulebook import RuleBook
from ..ledger import Ledger

DIGEST = "weekly digest"
"""The name in the ledger of the last week that was told of."""

DAYS = 365
"""How far back it is looked what gaps are usual."""

MONDAY, MORNING = 4 * DAY, 8 * 3_600_000
"""The first Monday of 1970, and the hour of a Monday from which the week before is told of, in UTC."""

log = logging.getLogger("counterbot.digest")


class Weekly:
    """The digests of a bot's channels. ``book`` has the rules in force."""

    def __init__(self, ledger: Ledger, book: RuleBook, channels: Sequence[Channel]) -> None:
        self._ledger, self._book = ledger, book
        self._channels = [channel for channel in channels if Tell.DIGEST in channel.tell]

    def step(self) -> None:
        """Tell of the week that has ended last, once; a week that ended while no bot ran is passed over. The first bot
        on a database is silent until the next one ends."""
        until = week_before(self._ledger.now())
        week = week_of(until - 1)
        told = self._ledger.recall(DIGEST)
        if told and told[0] == week:
            return
        if told and self._channels:
            lines = list(self._lines(until))
            self._ledger.outbox.put(Delivery(
                f"{DIGEST} {week} {IRC} {channel}", IRC, channel,
                {"project": f"{DIGEST} {week}", "change": None, "patchset": None, "text": text})
                for channel, text in lines)
            log.info("%s %s: told %s", DIGEST, week, ", ".join(channel for channel, _ in lines) or "nobody: no news")
        self._ledger.remember(DIGEST, week)

    def _lines(self, until: int) -> Iterator[tuple[str, str]]:
        """The line of each channel for which there is anything to be said."""
        rules = {rule.name: rule for rule in self._book.rules
                 if rule.fingerprint and not rule.fingerprint.suppress_notification}
        hits = self._ledger.failures.rule_hits(DAYS, tuple(rules))
        for channel in self._channels:
            found = _heard(channel, rules, hits, until)
            if found != Digest():
                yield channel.name, digest_line(found, rules, until)


def _heard(channel: Channel, rules: Mapping[str, Rule], hits: Mapping[str, Sequence[Hit]], until: int) -> Digest:
    """The digest of the rules that tell a channel."""
    told = {name: found for name, found in hits.items()
            if (named := rules[name].report.irc) is None or channel.name in named}
    return digest(told, until - WEEK, until)


def week_before(now: int) -> int:
    """When the last week ended that is to be told of by now; epoch milliseconds."""
    return now - (now - MORNING - MONDAY) % WEEK - MORNING


def week_of(at: int) -> str:
    """The ISO week of a time in epoch milliseconds, as in 2026-W48."""
    year, week, _ = datetime.fromtimestamp(at / 1000, timezone.utc).isocalendar()
    return f"{year}-W{week:02}"
