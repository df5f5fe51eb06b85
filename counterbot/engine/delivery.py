"""From what is owed to what was sent: each comment once, whatever dies or answers late in between.

Gerrit has neither idempotency keys nor edits. So: claim with a fence and a lease that is longer
than Gerrit may still finish a request; read the change's messages back and look for the marker;
post only while much of the lease is left; note it where the fence still matches. A crash at any
point leaves a claim that runs out, after which the read-back sees what was posted.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from ..core.decide import GERRIT, IRC
from ..core.model import Delivery, Refused, Retry, Sent
from ..ledger import Claimed, Ledger, Lost
from ..reporters.gerrit import CannotTell

Result = Sent | Retry | Refused
REFUSALS = 6
"""Tries after which a refusal in words that we do not know is final; the waits between are a quarter of an hour."""

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
        self._ledger = ledger
        self._poster = poster
        self._monotonic = monotonic
        self._at = at
        self._told = told

    def step(self) -> bool:
        """Walk the next due delivery; False where there is none."""
        started = self._monotonic()
        claimed = self._ledger.claim_delivery(GERRIT)
        if claimed is None:
            return False
        self._at(CLAIMED)
        result = self._attempt(claimed.delivery, started)
        self._at(POSTED)
        result = settle(self._ledger, claimed, result)
        self._at(NOTED)
        self._told(claimed.delivery, result)
        return True

    def _attempt(self, delivery: Delivery, started: float) -> Result:
        try:
            if self._poster.already_there(delivery):
                return Sent(already=True)
            self._at(READ_BACK)
            if (self._monotonic() - started) * 1000 > self._ledger.lease / 3:
                return Retry("reading back took too much of the lease", None)
            return self._poster.post(delivery)
        except CannotTell as unknown:
            return unknown.answer
        except Exception as error:  # a bug of ours must not lose the comment: what happened is not known
            log.exception("%s: failed", named(delivery))
            return Retry(f"{type(error).__name__}: {error}", None)


def settle(ledger: Ledger, claimed: Claimed, result: Result) -> Result:
    """Note a result as it counts after so many tries; a claim that was lost is somebody else's to note."""
    result = weighed(result, claimed.tries)
    try:
        ledger.settle_delivery(claimed, result)
    except Lost:
        log.warning("%s: claimed by another while it was done here", named(claimed.delivery))
        return result
    level = logging.WARNING if isinstance(result, Refused) else logging.INFO
    log.log(level, "%s: %s", named(claimed.delivery), worded(result))
    return result


def weighed(result: Result, tries: int) -> Result:
    """A retry waits longer with each try; a refusal in words that we do not know is final after a few."""
    if not isinstance(result, Retry) or result.after is None:
        return result
    if result.refusal and tries + 1 >= REFUSALS:
        return Refused(f"{result.why} (said {tries + 1} times)")
    return replace(result, after=result.after * 2 ** min(tries, 8) * random.uniform(0.8, 1.2))  # noqa: S311


def named(delivery: Delivery) -> str:
    """A delivery's change and destination, for people."""
    what = delivery.payload
    return f"change {what['change']},{what['patchset']} to {delivery.destination}"


def worded(result: Result) -> str:
    """A result as one word and its reason."""
    if isinstance(result, Sent):
        return "there already" if result.already else "sent"
    if isinstance(result, Refused):
        return f"refused: {result.why}"
    return f"again later: {result.why}"


@dataclass(frozen=True)
class LineClaim:
    """A claimed IRC line, in the form that the IRC reporter asks for."""

    claimed: Claimed
    id: int
    destination: str
    text: str


class Lines:
    """The ledger's IRC lines, as the IRC reporter claims and settles them."""

    def __init__(self, ledger: Ledger, channels: Iterable[str], *,
                 told: Callable[[Delivery, Result], None] = lambda *_: None) -> None:
        self._ledger = ledger
        self._channels = tuple(channels)
        self._told = told

    def claim(self) -> LineClaim | None:
        claimed = self._ledger.claim_delivery(IRC, self._channels)
        if claimed is None:
            return None
        delivery = claimed.delivery
        return LineClaim(claimed, claimed.row["id"], delivery.destination, str(delivery.payload["text"]))

    def settle(self, claim: LineClaim, result: Result) -> None:
        self._told(claim.claimed.delivery, settle(self._ledger, claim.claimed, result))
