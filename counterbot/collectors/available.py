"""Which collectors there are, by name. Runs none."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from . import Collector, Failed
from .contract import check, fault

ENTRY_POINTS = "counterbot.collectors"
BUILT_IN = frozenset({"mysql", "performance", "rabbitmq", "systemd"})
"""Entry points as others' are, found without a search: that takes as long as reading a server's counters."""


def collector(name: str) -> Collector:
    """The collector of this name. Raises Failed, with the names there are, where it is none; and why it is unfit."""
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
    except (Exception, SystemExit) as error:  # it is somebody else's, and must not cost the others' counters
        raise Failed(fault(error)) from error
    check(found)
    return cast(Collector, found)
