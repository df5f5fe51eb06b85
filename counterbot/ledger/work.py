"""What the ledger hands out: claimed work, and what is known of it. Also rows <-> nouns. Reads and writes nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ..core.model import (
    Artifact,
    Build,
    BuildLink,
    Counters,
    Delivery,
    FailedTest,
    Failure,
    Finding,
    Hit,
    KnownFailure,
    PatchSet,
    Reader,
    Reading,
    Report,
    State,
)

MISSING = f"{State.MISSING.value}: "
"""What stands before the reason why nothing was read of a build, where its logs are not there."""

FAILURE = "failure"
"""What stands around a Failure as text; Counters stand as they are."""

Row = Mapping[str, Any]


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

    ``patchset`` is that of a report on it; None where no report names it. ``late``: all its reports are decided, so
    that it goes to the history only. ``why`` it was not read the last time. ``rules`` are those that the failure reader
    is to look for (None: all). ``build`` is its row, where that is known already. ``awaited``: a report that names it
    waits for what is to be read.
    """

    claim: Claim
    link: BuildLink
    readers: tuple[Reader, ...]
    patchset: PatchSet | None
    received: int
    late: bool
    why: str
    rules: tuple[str, ...] | None = None
    build: Build | None = None
    awaited: bool = True

    @property
    def tries(self) -> int:
        """Attempts, this one included."""
        return self.claim.fence

    @property
    def waited_for(self) -> bool:
        """Whether a report named it, and for more than its lines; others are read for the history alone."""
        return self.patchset is not None and self.rules is None and self.awaited

    @property
    def readings(self) -> tuple[Reader, ...]:
        """The readers whose reading is to be noted on the build: a search for some rules alone gives none."""
        return tuple(reader for reader in self.readers if self.rules is None or reader is not Reader.FAILURE)


@dataclass(frozen=True)
class ExaminedBuild:
    """One build of a report as far as it is known when the report is decided; ``tries`` counts the attempts."""

    link: BuildLink
    build: Build | None
    readings: Mapping[Reader, Reading]
    why: str
    tries: int


@dataclass(frozen=True)
class PastBuild:
    """What became of a build: ``due``, ``done``, ``gone`` (given up) or ``quarantined``.

    ``looked`` is when it was last asked for, in epoch milliseconds; None where it was given up, and the history lacks
    it. ``past``: it is looked at for the history alone. ``working``: somebody reads it, or could. ``why`` it was not
    read, or not whole; with MISSING before it where its logs are not there. ``lines``: its lines are known, or were
    not to be had; ``counters``: the history has them, or they were looked for.
    """

    state: str
    looked: int | None
    past: bool = True
    working: bool = False
    why: str = ""
    lines: bool = False
    counters: bool = False


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

    change: int | None
    patchset: int | None
    why: str


@dataclass(frozen=True)
class Run:
    """A finished build of the history; ``run`` is its number there, ``ended`` epoch milliseconds."""

    run: int
    uuid: str
    job: str
    project: str
    branch: str
    pipeline: str
    change: int | None
    patchset: int | None
    result: str
    voting: bool
    ended: int
    seconds: float | None


@dataclass(frozen=True)
class FailedRun(Run):
    """A finished build that failed, and what its logs show, as in Failure; empty where these were not read."""

    phase: str = ""
    task: str = ""
    host: str = ""
    error: str = ""
    tests: tuple[FailedTest, ...] = ()
    failed_tests: int = 0


RUN = tuple(field.name for field in fields(Run) if field.name != "run")
SHOWN = frozenset(field.name for field in fields(FailedRun)).difference(RUN, ["run"])


def run_from(row: Row) -> Run:
    return Run(row["id"], *(row[name] for name in RUN))


def failed_run_from(row: Row) -> FailedRun:
    shown = packed_from(row["shown"]) if row["shown"] else {}
    return FailedRun(**vars(run_from(row)), **{**shown, "tests": _tests(shown.get("tests", ()))})


def shown_packed(failure: Failure) -> bytes:
    """What a failed run shows."""
    return packed({name: value for name, value in asdict(failure).items() if name in SHOWN})


def packed(fields: Row) -> bytes:
    """Text that is kept long."""
    return zlib.compress(json.dumps(fields, separators=(",", ":")).encode())


def packed_from(blob: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(blob))
    return found


def report_from(row: Row, links: Iterable[BuildLink]) -> Report:
    return Report(patchset_from(row), row["pipeline"], row["buildset"], tuple(links))


def patchset_from(row: Row) -> PatchSet:
    return PatchSet(row["server"], row["project"], row["branch"], row["change"], row["patchset"], row["url"])


def link_from(row: Row) -> BuildLink:
    return BuildLink(row["job"], row["url"], row["uuid"])


def report_row(report: Report, key: str) -> dict[str, Any]:
    patchset = report.patchset
    return {"key": key, "server": patchset.server, "project": patchset.project, "branch": patchset.branch,
            "change": patchset.change, "patchset": patchset.number, "url": patchset.url,
            "pipeline": report.pipeline, "buildset": report.buildset}


def finding_row(finding: Finding | KnownFailure) -> dict[str, Any]:
    row = {"build": finding.build, "job": finding.job, "rule": finding.rule, "kind": finding.subject.kind.value,
           "subject": finding.subject.name, "value": None, "bound": None, "usual": None, "learned_runs": None,
           "learned_since": None, "confirmed": True}
    if isinstance(finding, KnownFailure):
        return row
    usual = finding.learned
    return {**row, "value": float(finding.value), "bound": float(finding.bound), "confirmed": finding.confirmed,
            "usual": usual and usual.usual, "learned_runs": usual and usual.runs,
            "learned_since": usual and usual.since}


def build_text(build: Build) -> str:
    return json.dumps(asdict(build))


def build_from(text: str | None) -> Build | None:
    if text is None:
        return None
    row = json.loads(text)
    artifacts = tuple(Artifact(**artifact) for artifact in row["artifacts"])
    return Build(**{**row, "artifacts": artifacts, "changes": tuple(row.get("changes", ()))})


def reading_from(state: str, why: str, found: str | None) -> Reading:
    return Reading(State[state], why, found_from(found) if found else None)


def lack(found: Mapping[Reader, Reading]) -> str:
    """Why a build was not read, or not whole; "" where it was."""
    unread = [reading.why for reading in found.values() if reading.state is State.UNREADABLE]
    unread += [f"{file}: {why}" for reading in found.values() if reading.failure
               for file, why in reading.failure.unread.items()]
    missing = [f"{MISSING}{reading.why}" for reading in found.values() if reading.state is State.MISSING]
    read = any(reading.state is State.READ for reading in found.values())
    return next(iter([*unread, *([] if read else missing)]), "")


def found_text(reading: Reading) -> str | None:
    if reading.failure:
        return json.dumps({FAILURE: asdict(reading.failure)})
    return counters_text(reading.counters) if reading.counters else None


def found_from(text: str) -> Counters | Failure:
    found = json.loads(text)
    if FAILURE not in found:
        return counters_from(text)
    found = found[FAILURE]
    return Failure(**{**found, "hits": tuple(Hit(**hit) for hit in found["hits"]), "tests": _tests(found["tests"])})


def _tests(found: Iterable[Row]) -> tuple[FailedTest, ...]:
    return tuple(FailedTest(test["name"], tuple(test["lines"])) for test in found)


def counters_text(counters: Counters) -> str:
    return json.dumps({name: sorted(value) if isinstance(value, frozenset) else value
                       for name, value in asdict(counters).items()})


def counters_from(text: str) -> Counters:
    counters = Counters(**json.loads(text))
    return replace(counters, absent=frozenset(counters.absent), resets=frozenset(counters.resets),
                   repeated=frozenset(counters.repeated))
