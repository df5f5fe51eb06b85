"""Merged changes that may be the cause -> part of a sentence. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..merged import Merge
from ..text.figures import moment
from ..text.inert import name_of
from .listing import listed


def merged_between(merged: Sequence[Merge], after: int, until: int, now: int, name: int) -> str:
    """The ``merged`` changes, the likeliest first, and the time, in epoch milliseconds; so many bytes of a ``name``."""
    changes = [f"{name_of(each.project, name)} {each.change}" for each in merged]
    which = f"merged: {listed(changes)}" if changes else "no change is known to have merged"
    return f"{which} between {moment(after, now)} and {moment(until, now)}"
