"""What the ledger hands out: claimed work, and what is known of it. Reads and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..core.model import Build, BuildLink, Delivery, PatchSet, Reader, Reading, Report


@dataclass(frozen=True)
class Claim:
    """A row that is leased to the caller. ``fence`` counts its claims, ``faults`` those in a row that went wrong."""

    id: int
    state: str
    fence: int
    faults: int


@dataclass(frozen=True)
class EventWork:
    """A claimed line of the inbox; ``received`` is epoch milliseconds."""

    claim: Claim
    line: bytes
    source: str
    received: int


@dataclass(frozen=True)
class BuildWork:
    """A claimed build, and the readers that have not looked at it.

    ``patchset`` is that of a report on it. ``late``: all its reports are decided, so that it goes to the history only.
    ``why`` it was not read the last time.
    """

    claim: Claim
    link: BuildLink
    readers: tuple[Reader, ...]
    patchset: PatchSet
    received: int
    late: bool
    why: str

    @property
    def tries(self) -> int:
        """Attempts, this one included."""
        return self.claim.fence


@dataclass(frozen=True)
class ExaminedBuild:
    """One build of a report as far as it is known when the report is decided; ``tries`` counts the attempts."""

    link: BuildLink
    build: Build | None
    readings: Mapping[Reader, Reading]
    why: str
    tries: int


@dataclass(frozen=True)
class ReportWork:
    """A claimed report that is to be decided; ``deadline`` is epoch milliseconds."""

    claim: Claim
    report: Report
    builds: tuple[ExaminedBuild, ...]
    deadline: int


@dataclass(frozen=True)
class DeliveryWork:
    """A claimed delivery, which may have been sent in an earlier claim; ``tries`` that were noted."""

    claim: Claim
    delivery: Delivery
    tries: int


@dataclass(frozen=True)
class Decided:
    """A decided report, for people."""

    change: int
    patchset: int
    why: str
