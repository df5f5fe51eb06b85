"""The counters of a test node, read once: what a collector is and what it returns.

A collector is a module named by an entry point of the group ``counterbot.collectors``; its docstring is its manual
page. It has ``GROUPS``, ``Settings`` and ``collect``, see :class:`Collector`. It runs on test nodes, where starting
must be quick: what is slow to import is imported in ``collect``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..core.counters.snapshot import Instance, Kind
from ..core.model import Number
from ..core.text.inert import inert

__all__ = ["Collected", "Collector", "Failed", "File", "Kind"]

LINE = 1000
"""Bytes of a failure's text."""


class File(str):
    """A file's or folder's path, as a field of Settings: in a settings file it is relative to that file's folder.

    ``written`` is what stood in the settings.
    """

    def __new__(cls, path: str, written: str | None = None) -> File:
        made = super().__new__(cls, path)
        made.written = path if written is None else written
        return made

    written: str


class Failed(Exception):
    """A server cannot be read. ``str()`` gives one line, without secrets, that says what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(inert(why, LINE))


@dataclass(frozen=True)
class Collected:
    """What one collector read.

    ``groups``: group to name to number; a group that was read and held nothing is there, and empty.
    ``failures``: a line about each group or value that could not be read while others could.
    ``absent``: counters (``group.name``) that were asked for and that the server does not have.
    ``instances``: group, or counter, to what tells one start of its server from the next.
    ``own``: counter to what one more reading like this one adds to it.
    ``made``: group to the rules (settings, tables) by which its counters got their names, where these can be chosen.
    ``parts``: counter to the parts that it adds up, where a part may vanish and its count with it: the part's mark
    (``core.counters.snapshot.mark``) to its count.
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
        """Read the counters within so many seconds. ``again``: there is a reading before, and ``own`` is needed.

        Raises Failed where nothing can be read; an empty group means that nothing was there.
        """
