"""How long to wait before the next try. Waits for nothing and draws no random number."""

from __future__ import annotations


def pause(failures: int, jitter: float, *, first: float = 1.0, longest: float = 60.0) -> float:
    """Seconds to wait after so many failures in a row before this one: doubling from ``first`` up to ``longest``.

    ``jitter`` is drawn from 0 to 1 by the caller. It decides the upper half of the pause, so that clients which
    failed together do not return together.
    """
    whole = min(longest, first * 2.0 ** min(failures, 16))
    return whole * (1 + jitter) / 2
