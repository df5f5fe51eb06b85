"""One piece of claimed work, done so that no event, log or file can end the thread that does it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from ..core.model import PatchSet
from ..ledger import LedgerError, Lost

W = TypeVar("W")
WHY = 500
"""Characters of an error that are kept."""

log = logging.getLogger("counterbot.engine")


def done(claim: Callable[[], W | None], do: Callable[[W], None], fault: Callable[[W, str], None]) -> bool:
    """Claim a piece of work and do it; an error is noted on it by ``fault``. False where there is none."""
    work = claim()
    if work is None:
        return False
    try:
        do(work)
    except Lost as lost:
        log.warning("%s: claimed by another worker in the meantime", lost)
    except LedgerError:
        raise
    except Exception as error:
        log.exception("%s failed", type(work).__name__)
        _note(work, fault, f"{type(error).__name__}: {error}"[:WHY])
    return True


def _note(work: W, fault: Callable[[W, str], None], why: str) -> None:
    try:
        fault(work, why)
    except Lost as lost:
        log.warning("%s: claimed by another worker in the meantime", lost)


def change_of(patchset: PatchSet) -> str:
    """A change for the log."""
    return f"change {patchset.change},{patchset.number}"
