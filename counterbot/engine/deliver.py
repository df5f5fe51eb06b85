"""The last stage: delivers pending messages exactly once, whatever dies or answers late in between.

Gerrit has neither idempotency keys nor edits. So: claim with a fence and a lease that is longer than Gerrit may
still finish a request; read the change's messages back and look for the marker; post only while much of the lease
is left; note it where the fence still matches. A crash at any point leaves a claim that runs out, after which the
read-back finds what was posted.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from ..core.backoff import pause
from ..core.model import GERRIT, IRC, Delivery, Refused, Retry, Sent
from ..core.text.inert import inert
from ..ledger import DeliveryWork, Ledger, Lost
from ..reporters.gerrit import CannotTell

Result = Sent | Retry | Refused
REFUSALS = 6
"""Tries after which a refusal in words that we do not know is final; the waits between are some ten minutes."""

LONGEST = 600.0
"""Seconds that a retry waits at the most."""

log = logging.getLogger("counterbot.delivery")

CLAIMED, READ_BACK, POSTED, NOTED = "claimed", "read back", "posted", "noted"
"""The moments after which a process may die; tests let it."""


class Poster(Protocol):
    """A reporter that can be asked what it has posted."""

    def already_there(self, delivery: Delivery) -> bool: ...

    def post(self, delivery: Delivery) -> Result: ...


class Comments:
    """Delivers review comments, one at a time, exactly once."""

    def __init__(self, ledger: Ledger, poster: Poster, *, monotonic: Callable[[], float] = time.monotonic,
                 at: Callable[[str], None] = lambda _: None,
                 told: Callable[[Delivery, Result], None] = lambda *_: None) -> None:
        self._outbox = ledger.outbox
        self._poster = poster
        self._monotonic = monotonic
        self._at = at
        self._told = told

    def step(self) -> bool:
        """Deliver the next comment that is due; False where there is none."""
        started = self._monotonic()
        work = self._outbox.claim(GERRIT)
        if work is None:
            return False
        self._at(CLAIMED)
        result = self._attempt(work.delivery, started)
        self._at(POSTED)
        result = _settled(self._outbox.settle, work, result)
        self._at(NOTED)
        self._told(work.delivery, result)
        return True

    def _attempt(self, delivery: Delivery, started: float) -> Result:
        try:
            if self._poster.already_there(delivery):
                return Sent(already=True)
            self._at(READ_BACK)
            if (self._monotonic() - started) * 1000 > self._outbox.lease / 3:
                return Retry("reading back took too much of the lease", None)
            return self._poster.post(delivery)
        except CannotTell as unknown:
            return unknown.answer
        except Exception as error:  # a bug of ours must not lose the comment: what happened is not known
            log.exception("%s: failed", named(delivery))
            return Retry(f"{type(error).__name__}: {error}", None)


@dataclass(frozen=True)
class Line:
    """A claimed IRC line."""

    work: DeliveryWork
    destination: str
    text: str

    @property
    def id(self) -> int:
        return self.work.claim.id


class Lines:
    """Pending IRC lines, as the IRC reporter claims and settles them."""

    def __init__(self, ledger: Ledger, channels: Iterable[str], *,
                 told: Callable[[Delivery, Result], None] = lambda *_: None) -> None:
        self._outbox = ledger.outbox
        self._channels = tuple(channels)
        self._told = told

    def claim(self) -> Line | None:
        work = self._outbox.claim(IRC, self._channels)
        if work is None:
            return None
        return Line(work, work.delivery.destination, str(work.delivery.payload["text"]))

    def settle(self, line: Line, result: Result) -> None:
        self._told(line.work.delivery, _settled(self._outbox.settle, line.work, result))


def _settled(settle: Callable[[DeliveryWork, Result], None], work: DeliveryWork, result: Result) -> Result:
    """Note a result as it counts after so many tries."""
    result = weighed(result, work.tries, random.random())  # noqa: S311
    try:
        settle(work, result)
    except Lost:
        log.warning("%s: claimed by another worker, or noted already", named(work.delivery))
        return result
    level = logging.WARNING if isinstance(result, Refused) else logging.INFO
    log.log(level, "%s: %s", named(work.delivery), worded(result))
    return result


def weighed(result: Result, tries: int, jitter: float) -> Result:
    """A retry waits longer with each try; a refusal in words that we do not know is final after a few."""
    if not isinstance(result, Retry) or result.after is None:
        return result
    if result.refusal and tries + 1 >= REFUSALS:
        return Refused(f"{result.why} (said {tries + 1} times)")
    return replace(result, after=pause(tries, jitter, first=1.5 * result.after, longest=LONGEST))


def named(delivery: Delivery) -> str:
    """A delivery's destination and change, for people."""
    what = delivery.payload
    change = "" if what["change"] is None else f" {what['change']},{what['patchset']}"
    return inert(f"{delivery.destination} {what['project']}{change}", 400)


def worded(result: Result) -> str:
    """A result as one word and its reason."""
    if isinstance(result, Sent):
        return "there already" if result.already else "sent"
    if isinstance(result, Refused):
        return f"refused: {result.why}"
    return f"again later: {result.why}"
