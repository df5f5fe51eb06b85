"""Builds, each known once by its uuid: claimed, examined, and noted with what each reader found.

A report only refers to its builds. When the last of them is settled, the report is due at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import partial

from sqlalchemy import ColumnElement, delete, func, or_, select, update

from ..core.model import Build, BuildLink, Reader, Reading, State
from . import history, templates
from .inbox import WORK_LEASE
from .schema import UNHURRIED, builds, lines, readings, report_builds, reports, runs, searches
from .store import Row, Store, Transaction, transaction
from .work import (
    BuildWork,
    Claim,
    PastBuild,
    build_from,
    build_text,
    found_text,
    lack,
    link_from,
    patchset_from,
    reading_from,
)

NOT_TO_BE_HAD = [state.name for state in State if state is not State.READ]


class Builds:
    """Builds that are to be examined."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def claim(self, fresh: bool = False, past: bool = False) -> BuildWork | None:
        """A build that is due; with ``fresh`` one of an open report that was not claimed before, with ``past`` one that
        no open report names, or waits for. What nobody is in a hurry for comes last."""
        conditions = [builds.c.fence == 0, _awaited()] if fresh else [or_(~_awaited(), ~_hurried())] if past else []
        claim = partial(self.store.claim, builds, WORK_LEASE, *conditions, quarantined=hasten)
        claimed = claim(_hurried()) or claim()
        return claimed and self.store.read(lambda under_way: _work(under_way, *claimed))

    @transaction
    def later(self, under_way: Transaction, work: BuildWork, why: str, after: int, build: Build | None = None) -> None:
        """A build cannot be read yet: due again after so many milliseconds. ``build`` is its row, where that is known:
        a report may be decided before the build is read."""
        row = {} if build is None else {"row": build_text(build)}
        under_way.settle(builds, work.claim, due=under_way.now + after, why=why, **row)

    def note(self, work: BuildWork, build: Build | None, found: Mapping[Reader, Reading],
             then: Reader | None = None, awaited: bool = False) -> bool:
        """What each reader found in a build: it goes to the history. Whether its counters are new there.

        The build is due again for the reader ``then``, which reports on it wait for if it is ``awaited``, and where
        another one, or other rules, were asked for meanwhile.
        """
        reduction = found[Reader.TEMPLATES].reduction if Reader.TEMPLATES in found else None
        fit = None if build is None or reduction is None else self.store.read(
            lambda under_way: templates.fitted(under_way, reduction, build))
        return self._note(work, build, found, fit, then, awaited)

    @transaction
    def _note(self, under_way: Transaction, work: BuildWork, build: Build | None, found: Mapping[Reader, Reading],
              fit: templates.Fitted | None, then: Reader | None, awaited: bool) -> bool:
        before = _readings(under_way, work.claim.id) if work.readers == (Reader.TEMPLATES,) else {}
        under_way.settle(builds, work.claim, state="done", why=lack({**before, **found}),
                         row=build and build_text(build))
        if then is not None:
            _leave(under_way, work.claim.id, then, awaited)
        for reader in work.readings:
            if reading := found.get(reader):
                under_way.execute(
                    update(readings).where(readings.c.build == work.claim.id, readings.c.reader == reader.value)
                    .values(state=reading.state.name, why=reading.why, found=found_text(reading)))
        if work.rules is not None:
            under_way.execute(delete(searches).where(searches.c.build == work.claim.id,
                                                     searches.c.rules == _rules_text(work.rules)))
        new = build is not None and history.keep(under_way, build, work.patchset, found, work.rules, fit)
        _due_again(under_way, work)
        hasten(under_way, work.claim.id)
        return new

    @transaction
    def unfold(self, under_way: Transaction, work: BuildWork, links: Iterable[BuildLink]) -> None:
        """In place of a buildset its builds, for every report that refers to it."""
        under_way.settle(builds, work.claim, state="done")
        refer = select(report_builds.c.report).where(report_builds.c.build == work.claim.id)
        for report in under_way.execute(refer).scalars().all():
            refer_to(under_way, report, dict.fromkeys(links, frozenset(work.readers)), under_way.now)
        hasten(under_way, work.claim.id)
        under_way.execute(delete(builds).where(builds.c.id == work.claim.id))

    @transaction
    def give_up(self, under_way: Transaction, work: BuildWork, why: str, build: Build | None) -> None:
        """A build will not be asked for again; where it is known, it stands in the history without counters."""
        under_way.settle(builds, work.claim, state="gone", why=why)
        if build is not None:
            history.keep(under_way, build, work.patchset, {})
        hasten(under_way, work.claim.id)

    @transaction
    def fault(self, under_way: Transaction, work: BuildWork, why: str) -> None:
        """An error of ours: tried again soon, and quarantined after a few times."""
        under_way.fault(builds, work.claim, why)
        hasten(under_way, work.claim.id)

    @transaction
    def ask(self, under_way: Transaction, link: BuildLink, build: Build, readers: Collection[Reader],
            rules: Collection[str] | None = None) -> None:
        """Have a finished build examined for the history, also where a report names it, or where it was read before.

        With ``rules`` the failure reader looks for these alone, and what was found of others stays.
        """
        number = _noted(under_way, {link: build})[link.uuid]
        anew = [reader for reader in readers if rules is None or reader is not Reader.FAILURE]
        under_way.insert_new(readings, [_unread_row(number, reader) for reader in anew])
        for reader in {Reader.FAILURE, Reader.TEMPLATES}.intersection(anew):
            under_way.execute(update(readings).where(
                readings.c.build == number, readings.c.reader == reader.value, readings.c.state.is_not(None),
            ).values(state=_unread_row(number, reader)["state"]))  # a report goes on waiting for what it waits for
        if rules is not None and Reader.FAILURE in readers:
            _search(under_way, number, rules)
        _make_due(under_way, [number], under_way.now)

    def passed(self, job: str, since: int, most: int = 500) -> list[tuple[BuildLink, Build]]:
        """The newest builds of a job that passed, as far as they are known from reports or walks; ``since`` is epoch
        milliseconds."""
        query = (select(builds).join(runs, runs.c.uuid == builds.c.uuid)
                 .where(runs.c.job == job, runs.c.result == "SUCCESS", runs.c.ended >= since, builds.c.row.is_not(None))
                 .order_by(runs.c.ended.desc()).limit(most))
        rows = self.store.read(lambda under_way: list(under_way.execute(query).mappings()))
        return [(link_from(row), build) for row in rows if (build := build_from(row["row"]))]

    def past(self, uuids: Collection[str]) -> dict[str, PastBuild]:
        """What became of those builds that are known, by uuid."""
        return self.store.read(lambda under_way: _past(under_way, uuids))


def refer_to(under_way: Transaction, report: int, needs: Mapping[BuildLink, frozenset[Reader]], due: int) -> None:
    """Have a report refer to builds. Builds with an unread reader become due at ``due``; with none, the report does.

    A past build whose logs were not there is asked for again: now they are waited for.
    """
    ids = _noted(under_way, dict.fromkeys(needs))
    under_way.execute(update(readings).where(readings.c.build.in_(ids.values()), readings.c.state == State.MISSING.name,
                                             readings.c.reader != Reader.TEMPLATES.value).values(state=None))
    under_way.insert_new(report_builds, [{"report": report, "build": ids[link.uuid]} for link in needs])
    under_way.insert_new(readings, [_unread_row(ids[link.uuid], reader)
                                    for link, readers in needs.items() for reader in readers])
    _make_due(under_way, ids.values(), due)
    under_way.execute(update(reports).where(reports.c.id == report, pending(report) == 0).values(due=due))


def hasten(under_way: Transaction, build: int) -> None:
    """Make due now each report on this build whose builds are all settled."""
    mine = select(report_builds.c.report).where(report_builds.c.build == build)
    # Locked in order: of two workers that settle the last two builds, the second must see what the first did.
    waiting = under_way.execute(select(reports.c.id).where(reports.c.id.in_(mine), reports.c.state == "due")
                                .order_by(reports.c.id).with_for_update()).scalars().all()
    for report in waiting:
        if not under_way.execute(select(pending(report))).scalar():
            under_way.execute(update(reports).where(reports.c.id == report).values(due=under_way.now))


def pending(report: object) -> ColumnElement[int]:
    """How many of a report's builds are still to be examined, for more than the history."""
    return select(func.count()).select_from(report_builds.join(builds, builds.c.id == report_builds.c.build)).where(
        report_builds.c.report == report, builds.c.state == "due", _hurried()).scalar_subquery()


def _unread_row(build: object, reader: Reader) -> dict[str, object]:
    """A reading that is still to be made. No report waits for lines that it did not ask for itself."""
    state = UNHURRIED if reader is Reader.TEMPLATES else None
    return {"build": build, "reader": reader.value, "why": "", "state": state}


def _leave(under_way: Transaction, build: int, reader: Reader, awaited: bool) -> None:
    """A reader is still to look at a build."""
    under_way.insert_new(readings, [_unread_row(build, reader)])
    under_way.execute(update(readings).where(readings.c.build == build, readings.c.reader == reader.value)
                      .values(state=None if awaited else UNHURRIED))


def _noted(under_way: Transaction, found: Mapping[BuildLink, Build | None]) -> dict[str | None, int]:
    """The numbers of builds by uuid; new ones have nothing to be read yet.

    Locked in order: who notes one of them meanwhile either waits and then sees what is asked, or is seen here.
    """
    under_way.insert_new(builds, [
        {"uuid": link.uuid, "job": link.job, "url": link.url, "received": under_way.now, "state": "done",
         "due": under_way.now, "why": "", "row": build and build_text(build)} for link, build in found.items()])
    return {uuid: number for number, uuid in under_way.execute(
        select(builds.c.id, builds.c.uuid).where(builds.c.uuid.in_([link.uuid for link in found]))
        .order_by(builds.c.id).with_for_update())}


def _readings(under_way: Transaction, build: int) -> dict[Reader, Reading]:
    """What was found in a build until now."""
    query = select(readings).where(readings.c.build == build, readings.c.state.in_([state.name for state in State]))
    return {Reader(row.reader): reading_from(row.state, row.why, row.found) for row in under_way.execute(query)}


def _search(under_way: Transaction, number: int, rules: Collection[str]) -> None:
    """Have a build searched for some rules, and for those that it is waiting to be searched for."""
    mine = searches.c.build == number
    waiting = under_way.execute(select(searches.c.rules).where(mine)).scalar()
    under_way.execute(delete(searches).where(mine))
    under_way.insert(searches, [{"build": number, "rules": _rules_text({*rules, *json.loads(waiting or "[]")})}])


def _rules_text(rules: Collection[str]) -> str:
    return json.dumps(sorted(rules))


def _make_due(under_way: Transaction, numbers: Collection[int], due: int) -> None:
    """Make those builds due in which something is to be read, and that are not."""
    settled = builds.c.state.in_(("done", "gone"))
    under_way.execute(
        update(builds).where(builds.c.id.in_(numbers), settled, or_(_unread(), _searched()))
        .values(state="due", due=due, received=under_way.now))


def _due_again(under_way: Transaction, work: BuildWork) -> None:
    """Where lines are still to be read, or something was asked for that whoever had claimed the build could not know.
    """
    others = readings.c.reader.not_in({reader.value for reader in work.readings} - {Reader.TEMPLATES.value})
    under_way.execute(update(builds).where(builds.c.id == work.claim.id, or_(_unread(others), _searched()))
                      .values(state="due", due=under_way.now, received=under_way.now))


def _referred() -> ColumnElement[bool]:
    return select(report_builds.c.build).where(report_builds.c.build == builds.c.id).exists()


def _awaited() -> ColumnElement[bool]:
    return select(report_builds.c.build).join(reports, reports.c.id == report_builds.c.report).where(
        report_builds.c.build == builds.c.id, reports.c.state == "due").exists()


def _unread(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    still = or_(readings.c.state.is_(None), readings.c.state == UNHURRIED)
    return select(readings.c.build).where(readings.c.build == builds.c.id, still, *conditions).exists()


def _hurried() -> ColumnElement[bool]:
    return select(readings.c.build).where(readings.c.build == builds.c.id, readings.c.state.is_(None)).exists()


def _searched() -> ColumnElement[bool]:
    return select(searches.c.build).where(searches.c.build == builds.c.id).exists()


def _past(under_way: Transaction, uuids: Collection[str]) -> dict[str, PastBuild]:
    """Work on a build is forgotten after a time, and its run is not."""
    ended = {row.uuid: row.ended for row in under_way.execute(
        select(runs.c.uuid, runs.c.ended).where(runs.c.uuid.in_(uuids)))}
    reduced, counted = _reduced(under_way, uuids), _counted(under_way, uuids)
    found = {uuid: PastBuild("done", at, lines=uuid in reduced, counters=uuid in counted)
             for uuid, at in ended.items()}
    for row in under_way.execute(select(builds, or_(~_referred(), _searched()).label("past"))
                                 .where(builds.c.uuid.in_(uuids))):
        looked = row.received if row.state in ("due", "done") else ended.get(row.uuid)
        working = row.state == "due" and (row.due <= under_way.now or row.owner is not None)
        found[row.uuid] = PastBuild(row.state, looked, bool(row.past), working, row.why, row.uuid in reduced,
                                    row.uuid in counted)
    return found


def _counted(under_way: Transaction, uuids: Collection[str]) -> set[str]:
    """Builds whose counters the history has, or that are, or were lately, asked for them."""
    known = select(runs.c.uuid).where(runs.c.counted, runs.c.uuid.in_(uuids))
    tried = select(builds.c.uuid).join(readings, readings.c.build == builds.c.id).where(
        readings.c.reader == Reader.COUNTERS.value, builds.c.uuid.in_(uuids))
    return {uuid for query in (known, tried) for uuid in under_way.execute(query).scalars()}


def _reduced(under_way: Transaction, uuids: Collection[str]) -> set[str]:
    """Builds whose lines need not be asked for: those of another mask must be."""
    known = select(runs.c.uuid).join(lines, lines.c.run == runs.c.id).where(templates.MINE)
    tried = select(builds.c.uuid).join(readings, readings.c.build == builds.c.id).where(
        readings.c.reader == Reader.TEMPLATES.value, readings.c.state.in_(NOT_TO_BE_HAD))
    return {uuid for query in (known.where(runs.c.uuid.in_(uuids)), tried.where(builds.c.uuid.in_(uuids)))
            for uuid in under_way.execute(query).scalars()}


def _work(under_way: Transaction, claim: Claim, row: Row) -> BuildWork:
    about = list(under_way.execute(
        select(reports).join(report_builds, report_builds.c.report == reports.c.id)
        .where(report_builds.c.build == row["id"]).order_by(reports.c.id)).mappings())
    still = or_(readings.c.state.is_(None), readings.c.state == UNHURRIED)
    unread = {Reader(each.reader): each.state for each in under_way.execute(
        select(readings.c.reader, readings.c.state).where(readings.c.build == row["id"], still)
        .order_by(readings.c.reader))}
    search = under_way.execute(select(searches.c.rules).where(searches.c.build == row["id"])).scalar()
    rules = tuple(json.loads(search)) if search and Reader.FAILURE not in unread else None
    return BuildWork(claim, link_from(row), (*unread, *([Reader.FAILURE] if rules is not None else [])),
                     patchset_from(about[-1]) if about else None, row["received"],
                     all(report["state"] != "due" for report in about), row["why"], rules, build_from(row["row"]),
                     None in unread.values())
