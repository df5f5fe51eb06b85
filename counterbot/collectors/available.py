"""Finds a collector by its name. Runs none."""

from __future__ import annotations

import os
from importlib import import_module
from typing import cast

from . import Collector, Failed

ENTRY_POINTS = "counterbot.collectors"
BUILT_IN = frozenset({"mysql", "performance", "rabbitmq", "systemd"})
"""Found without a search for entry points, which takes as long as reading a server's counters."""


def collector(name: str) -> Collector:
    """The collector of this name. Raises Failed where there is none, and what its module raises."""
    if name in BUILT_IN:
        return cast(Collector, import_module(f".{name}", __package__))
    from importlib.metadata import entry_points

    others = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name not in others:
        raise Failed(f"there is no collector {name!r}; there are {', '.join(sorted(BUILT_IN | others.keys()))}")
    try:
        found = others[name].load()
    except ImportError as error:
        raise Failed(f"its module does not load: {type(error).__name__}: {error}") from error
    missing = [each for each in ("GROUPS", "Settings", "collect") if not hasattr(found, each)]
    if missing:
        raise Failed(f"a bug in the collector: it has no {' and no '.join(missing)}")
    return cast(Collector, found)


def bug(error: BaseException) -> str:
    """What is said of an exception that a collector should not have raised: its type and line.

    Not its text, which may hold a password.
    """
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" in {os.path.basename(last.tb_frame.f_code.co_filename)}, line {last.tb_lineno}" if last else ""
    return f"a bug in the collector: {type(error).__name__}{place}"
