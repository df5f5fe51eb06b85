"""News of the branch -> a line for each channel that wants to hear it. Words nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence

from ..core.model import IRC, Channel, Delivery, Tell
from ..core.rules import matches


def about_branch(topic: str, which: object, at: int, text: str, channels: Sequence[Channel],
                 projects: Collection[str], pipelines: Collection[str]) -> Iterator[Delivery]:
    """Lines on a ``topic`` to the channels that are told what moved. ``which`` and the time ``at`` (epoch milliseconds)
    make it this piece of news and no other; ``projects`` and ``pipelines`` are those it speaks of."""
    digest = hashlib.sha256(repr(which).encode()).hexdigest()[:16]
    about = f"{topic} {digest} {at}"
    for channel in channels:
        if Tell.MOVED in channel.tell and _hears(channel, projects, pipelines):
            yield Delivery(f"{about} {IRC} {channel.name}", IRC, channel.name,
                           {"project": about, "change": None, "patchset": None, "text": text})


def _hears(channel: Channel, projects: Collection[str], pipelines: Collection[str]) -> bool:
    return any(matches(channel.projects, project) for project in projects) and any(
        matches(channel.pipelines, pipeline) for pipeline in pipelines)
