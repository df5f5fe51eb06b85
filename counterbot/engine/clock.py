"""The bot's clock: epoch milliseconds that never jump."""

from __future__ import annotations

import time
from collections.abc import Callable


def steady(now: int | None = None) -> Callable[[], int]:
    """The wall clock (or ``now``, epoch milliseconds) as it stood at the call, carried on by the time since boot.

    Somebody who sets the machine's clock by a day must not end every lease, nor keep work from being due.
    """
    started = (time.time() if now is None else now / 1000) - time.clock_gettime(time.CLOCK_BOOTTIME)
    return lambda: int((started + time.clock_gettime(time.CLOCK_BOOTTIME)) * 1000)
