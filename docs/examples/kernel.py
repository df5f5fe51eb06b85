"""Processes and threads that the kernel started, and its context switches. Needs Linux.

Settings
    ``path``
        Default: ``/proc/stat``.

Output
    .. code-block:: json

        {"kernel": {"forks": 20411, "switches": 9120330}}
"""

from __future__ import annotations

from dataclasses import dataclass

from counterbot.collectors import Collected, Failed, Kind

GROUPS = {"kernel": Kind.COUNTER}
NAMES = {"processes": "forks", "ctxt": "switches"}


@dataclass(frozen=True)
class Settings:
    """The keys of the stanza ``kernel``."""

    path: str = "/proc/stat"


def collect(settings: Settings, _seconds: float, _again: bool) -> Collected:
    """Read the counters. Raises Failed if they cannot be read."""
    try:
        with open(settings.path, encoding="ascii") as stream:
            found = {name: int(value) for name, value, *_ in (line.split() for line in stream) if value.isdigit()}
    except (OSError, ValueError) as error:
        raise Failed(f"{settings.path} cannot be read: {error}; is this Linux?") from None
    if "btime" not in found:
        raise Failed(f"{settings.path} has no btime: set path to the kernel's own file")
    groups = {"kernel": {ours: found[theirs] for theirs, ours in NAMES.items() if theirs in found}}
    absent = frozenset(f"kernel.{ours}" for theirs, ours in NAMES.items() if theirs not in found)
    return Collected(groups, absent=absent, instances={"kernel": float(found["btime"])})
