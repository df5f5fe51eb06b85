"""The shared collector library: the counters of a test node, read once. Keeps nothing, and compares nothing.

A collector is a module, named by an entry point of the group ``counterbot.collectors``; its docstring is
its manual page. It has ``GROUPS``, ``Settings`` and ``collect``, as :class:`Collector` says. It runs on
test nodes, where starting must be quick: it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..core.counters.snapshot import Instance, Kind
from ..core.model import Number

__all__ = ["Collected", "Collector", "Failed", "Kind"]


class Failed(Exception):
    """A back end cannot be read: one line, without secrets, that says what to do."""


@dataclass(frozen=True)
class Collected:
    """What one collector read.

    ``groups``: group to name to number; a group that was read and held nothing is there, and empty.
    ``failures``: lines about groups or single values that could not be read while others could; what
    could not is not in ``groups``. ``absent``: counters (``group.name``) that were asked for and that the
    back end does not know. ``instances``: group, or counter, to what tells one start of its server from
    the next. ``own``: counter to what one more reading like this one adds to it. ``made``: group to the
    rules (settings, tables) by which its counters got their names, where names that a reading does not
    have counted nothing. ``parts``: counter to what it adds up, where that may vanish, and its count with it:
    a mark (``core.snapshot.mark``) of each part, and the part's count.
    """

    groups: Mapping[str, Mapping[str, Number]]
    failures: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()
    instances: Mapping[str, Instance] = field(default_factory=dict)
    own: Mapping[str, Number] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Collector(Protocol):
    """What a collector's module has."""

    GROUPS: Mapping[str, Kind]
    """The groups it reads, and what their numbers are."""

    Settings: type[Any]
    """A frozen dataclass, every field with a default: what stands under the collector's name in the settings."""

    def collect(self, settings: Any, seconds: float, again: bool) -> Collected:
        """Read the counters, in so many seconds. ``again``: a reading came before, and ``own`` is needed.

        Raises Failed where nothing can be read; never gives an empty group for one.
        """
