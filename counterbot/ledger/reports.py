"""Reports on builds: opened, decided once, with the findings and deliveries that follow from the decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sqlalchemy import insert, select

from ..core.decide import Before, Decision, Said
from ..core.keys import delivery_key, patchset_key, report_key, said_key
from ..core.model import (
    GERRIT,
    LEARNED,
    BuildLink,
    Delivery,
    Finding,
    Kind,
    PatchSet,
    Reader,
    Reading,
    Report,
    State,
    Subject,
    is_failure,
)
from . import history
from .acknowledgements import accept_also, silenced
from .alone import alone
from .builds import refer_to
from .inbox import WORK_LEASE
from .outbox import owe
from .schema import builds, findings, inbox, readings, report_builds, reports, runs, said
from .store import Row, Store, Transaction, transaction
from .work import (
    Decided,
    EventWork,
    ExaminedBuild,
    ReportWork,
    build_from,
    finding_row,
    link_from,
    reading_from,
    report_from,
    report_row,
)

WHY = 1000
"""Characters of a decision's reason that are kept."""

STATES = [state.name for state in State]

LOCK, LOCKS = "decisions", 64
"""Name and number of the rows, by change, that one bot at a time holds while it decides."""

Weigh = Callable[[Before, Mapping[str, int]], tuple[Decision, Iterable[Delivery]]]
"""Gets what was before, and in how many builds of the last days each rule that was found in the report's was."""


class Reports:
    """Reports that are to be decided."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @transaction
    def open(self, under_way: Transaction, work: EventWork, report: Report,
             needs: Mapping[BuildLink, frozenset[Reader]], deadline: int, settle: int) -> bool:
        """Note a report and what is to be read of its builds; False where it is known already.

        Due after ``settle`` milliseconds, and decided ``deadline`` milliseconds after its event at the latest.
        """
        key, latest = report_key(report), work.received + deadline
        under_way.settle(inbox, work.claim, state="done", line=None)
        if _is_known(under_way, key, report, needs):
            return False
        number = under_way.execute(insert(reports).values(
            **report_row(report, key), received=work.received, state="due", deadline=latest, due=latest,
            why="")).inserted_primary_key[0]
        refer_to(under_way, number, needs, under_way.now + settle)
        return True

    def claim(self) -> ReportWork | None:
        claimed = self.store.claim(reports, WORK_LEASE, quarantined=lambda *_: None)
        if claimed is None:
            return None
        claim, row = claimed
        examined = self.store.read(lambda under_way: _examined(under_way, row["id"]))
        report = report_from(row, [build.link for build in examined])
        return ReportWork(claim, report, examined, row["deadline"])

    @transaction
    def postpone(self, under_way: Transaction, work: ReportWork, after: int) -> None:
        under_way.settle(reports, work.claim, due=under_way.now + after)

    @transaction
    def decide(self, under_way: Transaction, work: ReportWork, weigh: Weigh, days: int = 10) -> Decision:
        """Weigh a report against what was said before and seen in the last ``days``; note everything that follows."""
        patchset, change = said_key(work.report), work.report.patchset.change
        if change is not None:  # of two reports at once the second is to see what the first found
            alone(under_way, f"{LOCK} {change % LOCKS}")
        before = _said(under_way, patchset)
        quiet = silenced(under_way, work.report.patchset.server, _changes(work))
        about = Before(before, _crossed(under_way, work), quiet.keys(), _over(under_way, work.report.patchset))
        decision, deliveries = weigh(about, history.seen(under_way, _found(work.builds), days))
        under_way.settle(reports, work.claim, state="decided", decided=under_way.now, why=decision.why[:WHY])
        under_way.insert(findings, [
            {"report": work.claim.id, **finding_row(finding)} for finding in decision.findings])
        accept_also(under_way, quiet, {(finding.job, finding.subject.name) for finding in decision.findings
                                       if isinstance(finding, Finding)})
        # Two reports on one patch set that are decided at once: the second fails here, and sees what the first said.
        under_way.insert(said, list({
            (effect.destination, finding.job, finding.subject): {
                "patchset": patchset, "destination": effect.destination, "job": finding.job,
                "kind": finding.subject.kind.value, "subject": finding.subject.name, "at": under_way.now,
                "delivery": delivery_key(work.report, effect.kind, effect.destination)}
            for effect in decision.effects for finding in effect.findings
            if (finding.job, finding.subject) not in before.get(effect.destination, ())}.values()))
        owe(under_way, deliveries)
        return decision

    @transaction
    def fault(self, under_way: Transaction, work: ReportWork, why: str) -> None:
        """An error of ours: tried again soon, and quarantined after a few times."""
        under_way.fault(reports, work.claim, why)

    def decided(self) -> list[Decided]:
        """The decided reports, oldest first."""
        query = select(reports.c.change, reports.c.patchset, reports.c.why).where(reports.c.state == "decided")
        return self.store.read(lambda under_way: [
            Decided(*row) for row in under_way.execute(query.order_by(reports.c.id))])


def _examined(under_way: Transaction, report: int) -> tuple[ExaminedBuild, ...]:
    """One query: a reading must not come without the build's row, which is noted with it."""
    query = (select(builds, readings.c.reader, readings.c.state.label("reading"), readings.c.why.label("reason"),
                    readings.c.found)
             .join(report_builds, report_builds.c.build == builds.c.id)
             .outerjoin(readings, (readings.c.build == builds.c.id) & readings.c.state.in_(STATES))
             .where(report_builds.c.report == report).order_by(report_builds.c.id))
    rows: dict[int, Row] = {}
    found: dict[int, dict[Reader, Reading]] = {}
    for row in under_way.execute(query).mappings():
        rows[row["id"]] = row
        read = found.setdefault(row["id"], {})
        if row["reader"]:
            read[Reader(row["reader"])] = reading_from(row["reading"], row["reason"], row["found"])
    return tuple(ExaminedBuild(link_from(row), build_from(row["row"]), found[number], row["why"], row["fence"])
                 for number, row in rows.items())


def _is_known(under_way: Transaction, key: str, report: Report, links: Iterable[BuildLink]) -> bool:
    """Whether the report is known: by its key, or by its builds where it, or the known one, names no buildset."""
    if under_way.execute(select(reports.c.id).where(reports.c.key == key)).first():
        return True
    same = [reports.c.server == report.patchset.server, reports.c.change == report.patchset.change,
            reports.c.patchset == report.patchset.number]
    if report.buildset is not None:
        same.append(reports.c.buildset.is_(None))
    shared = (select(reports.c.id).join(report_builds, report_builds.c.report == reports.c.id)
              .join(builds, builds.c.id == report_builds.c.build)
              .where(builds.c.uuid.in_([link.uuid for link in links]), *same))
    return under_way.execute(shared).first() is not None


def _changes(work: ReportWork) -> set[int]:
    """The change, and those that its builds tested with it since it depends on them."""
    tested = {change for each in work.builds if each.build for change in each.build.changes}
    return tested | ({work.report.patchset.change} if work.report.patchset.change is not None else set())


def _found(examined: Iterable[ExaminedBuild]) -> list[str]:
    """The rules that were found in a report's builds."""
    failures = (reading.failure for each in examined for reading in each.readings.values())
    return list({hit.rule for failure in failures if failure for hit in failure.hits})


def _crossed(under_way: Transaction, work: ReportWork) -> frozenset[tuple[str, str]]:
    """The counters that were over a learned bound in another build on the change, by job; not in one that failed."""
    patchset = work.report.patchset
    if patchset.change is None:
        return frozenset()
    query = (select(findings.c.job, findings.c.subject, runs.c.result)
             .join(reports, reports.c.id == findings.c.report).outerjoin(runs, runs.c.uuid == findings.c.build)
             .where(reports.c.server == patchset.server, reports.c.change == patchset.change,
                    findings.c.kind == Kind.COUNTER.value, findings.c.rule == LEARNED,
                    findings.c.build.not_in([build.link.uuid or "" for build in work.builds])))
    return frozenset((row.job, row.subject) for row in under_way.execute(query) if not is_failure(row.result))


def _said(under_way: Transaction, patchset: str) -> Said:
    told: dict[str, set[tuple[str, Subject]]] = {}
    for row in under_way.execute(select(said).where(said.c.patchset == patchset)):
        told.setdefault(row.destination, set()).add((row.job, Subject(Kind(row.kind), row.subject)))
    return {destination: frozenset(pairs) for destination, pairs in told.items()}


def _over(under_way: Transaction, patchset: PatchSet) -> frozenset[tuple[str, str]]:
    """The counters, by job, of which reviewers were told last that they are over their bounds, on an earlier patch set.
    """
    if patchset.change is None or patchset.number is None:
        return frozenset()
    numbers = under_way.execute(select(reports.c.patchset).distinct().where(
        reports.c.server == patchset.server, reports.c.change == patchset.change)).scalars()
    of = {patchset_key(replace(patchset, number=number)): number for number in numbers}
    query = select(said).where(said.c.patchset.in_(of), said.c.destination == GERRIT, said.c.kind.in_(
        [Kind.COUNTER.value, Kind.WITHIN.value])).order_by(said.c.at, said.c.patchset)
    last = {(row.job, row.subject): row for row in under_way.execute(query)}
    return frozenset(counter for counter, row in last.items()
                     if row.kind == Kind.COUNTER.value and of[row.patchset] < patchset.number)
