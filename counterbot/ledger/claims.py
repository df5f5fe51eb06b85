"""What is handed out of the ledger: claimed work, and what is known of it. Reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.decide import State
from ..core.model import Build, BuildLink, Counters, Delivery, PatchSet, Report
from .store import Row


@dataclass(frozen=True)
class EventWork:
    """A claimed line of the inbox; ``received`` is epoch milliseconds."""

    row: Row
    line: bytes
    received: int


@dataclass(frozen=True)
class BuildWork:
    """A claimed build; ``late`` once its report is decided, so that it goes to the history only."""

    row: Row
    link: BuildLink
    patchset: PatchSet
    received: int
    deadline: int
    late: bool

    @property
    def tries(self) -> int:
        """Attempts, this one included."""
        return int(self.row["fence"])


@dataclass(frozen=True)
class BuildNoted:
    """One build of a report as far as it is known when the report is weighed; ``tried`` counts the attempts."""

    link: BuildLink
    state: State | None
    why: str
    build: Build | None
    counters: Counters | None
    tried: int


@dataclass(frozen=True)
class ReportWork:
    """A claimed report that is to be decided."""

    row: Row
    report: Report
    builds: tuple[BuildNoted, ...]
    deadline: int


@dataclass(frozen=True)
class Claimed:
    """A delivery that is leased to the caller. ``contested``: somebody had it before, and may have sent it."""

    row: Row
    delivery: Delivery
    tries: int


@dataclass(frozen=True)
class Decided:
    """What came of a report, for people."""

    change: int
    patchset: int
    why: str
