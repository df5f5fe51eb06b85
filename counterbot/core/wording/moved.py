"""Levels that moved -> the line for an IRC channel, within its byte limit. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import limits
from ..merged import Merge
from ..moved import Move
from ..text.figures import number, whole
from ..text.inert import inert, name_of
from .irc import NAMES
from .listing import listed
from .merged import merged_between

MANYFOLD = 9
"""From ten times on a rise is told as a factor."""


def moved_line(moves: Sequence[Move], merged: Sequence[Merge], now: int) -> str:
    """One line of at most ``limits.IRC_LINE`` bytes on moves of one job at one place, the largest first. ``merged`` are
    the changes merged meanwhile, the likeliest first."""
    for name in NAMES:
        text = "; ".join(_parts(moves, merged, now, name))
        if len(text.encode()) <= limits.IRC_LINE:
            break
    return inert(text, limits.IRC_LINE)


def _parts(moves: Sequence[Move], merged: Sequence[Merge], now: int, name: int) -> Iterator[str]:
    first = moves[0]
    job = f"{name_of(first.key.job, name)} {name_of(first.key.branch, name)}".rstrip()
    yield f"{job} moved: {listed([f'{name_of(move.key.counter, name)} {change(move)}' for move in moves])}"
    yield merged_between(merged, first.after, first.started, now, name)


def change(move: Move) -> str:
    """``from 1,180,000 to 1,347,000 (+14.2%)``."""
    by = share(move)
    return f"from {number(whole(move.before))} to {number(whole(move.now))}{f' ({by})' if by else ''}"


def share(move: Move) -> str:
    """``+14.2%``, ``×12``; "" where it moved from zero or below."""
    if move.change is None or move.before < 0:
        return ""
    return f"{move.change:+.1%}" if move.change < MANYFOLD else f"×{number(round(move.now / move.before))}"
