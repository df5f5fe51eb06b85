"""Failed builds: what they show, where else that was seen, and the groups of those that no rule explains.

Compares and explains nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from ..core.lines import Reduction, Template
from ..core.mine import DAYS, Facts, Sight
from ..core.model import NO_FAILURE, Failure, PatchSet
from ..fingerprints.templates.mask import VERSION
from .schema import failure_groups, failures, grouped, hits, runs, traits
from .store import Store, Transaction, transaction
from .templates import DAY, TELLING
from .work import FailedRun, failed_run_from, shown_packed

TEST, LINE = "test", f"line {VERSION}"
"""Kinds of traits; what another version of the mask made is another kind."""

MOST = 2_000
"""Failures that are asked for, the newest: what each shows is held in memory, and each is compared with each."""

GATE = 40
"""Newest builds of a job of which is told how many passed."""

BRANCHES = 0
"""Stands for the change of all builds that test none: a branch that is broken for days is one sight of it."""


class Failures:
    """What is known of failed builds."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def unexplained(self, days: int, rules: Collection[str] = ()) -> list[FailedRun]:
        """Voting builds of the last days that failed, and in which none of some rules was found; the newest
        ``MOST``, the newest first."""
        return self.store.read(lambda under_way: _unexplained(under_way, under_way.now - days * DAY, rules))

    def facts(self, patchset: PatchSet, job: str, uuid: str, tests: Sequence[str], telling: Sequence[Template],
              gate: Collection[str], infra: Collection[str]) -> Facts:
        """What the history tells of a build of a patch set that failed, without ``touched``.

        Of ``tests``, and of the ``telling`` lines, that which most other changes show in the last ``DAYS`` days; the
        first of them where they are alike. ``gate`` are the pipelines whose builds tell how a job does, without those
        in which a rule of ``infra`` was found.
        """
        return self.store.read(lambda under_way: Facts(
            passed=_passed(under_way, patchset, job),
            sights=_sights(under_way, patchset, uuid, tests, telling, under_way.now - DAYS * DAY),
            gate=_gate(under_way, patchset, job, gate, infra),
            patchsets=_patchsets(under_way, patchset, job),
            compared=_compared(under_way, patchset, under_way.now - DAYS * DAY)))

    def rule_hits(self, days: int, rules: Collection[str]) -> dict[str, list[tuple[int, int | None]]]:
        """When each of some rules was found in a build of the last days, and of which change (None: a branch's);
        oldest first, in epoch milliseconds."""
        return self.store.read(lambda under_way: _rule_hits(under_way, under_way.now - days * DAY, rules))

    def groups(self) -> dict[int, int]:
        """The group of each run that has one."""
        query = select(grouped.c.run, grouped.c.group_id)
        return self.store.read(lambda under_way: dict(tuple(row) for row in under_way.execute(query)))

    @transaction
    def save_groups(self, under_way: Transaction, groups: Mapping[int, int]) -> None:
        """Note the group of each run, in place of what was noted before."""
        under_way.execute(delete(grouped))
        under_way.insert(grouped, [{"run": run, "group_id": group} for run, group in groups.items()])

    @transaction
    def new_group_ids(self, under_way: Transaction, count: int) -> list[int]:
        """So many ids that no group has, nor ever had."""
        new = insert(failure_groups).values(created=under_way.now)
        return [under_way.execute(new).inserted_primary_key[0] for _ in range(count)]


def keep(under_way: Transaction, run: Any, failure: Failure | None, reduction: Reduction | None) -> None:
    """Note that a run failed, and what it shows, as far as that was read now."""
    under_way.insert_new(failures, [{"run": run.id, "at": run.ended}])
    if failure is not None:
        under_way.execute(update(failures).where(failures.c.run == run.id).values(shown=shown_packed(failure)))
        _note_traits(under_way, run, TEST, (test_key(test.name) for test in failure.tests))
    if reduction is not None:
        _note_traits(under_way, run, LINE, reduction.telling[:TELLING])


def forget_lines(under_way: Transaction, numbers: Collection[int]) -> None:
    """Of runs whose lines are forgotten; what their failed tests were stays, as all that a failed run shows."""
    under_way.execute(delete(traits).where(traits.c.run.in_(numbers), _same(LINE)))


def _same(kind: str) -> ColumnElement[bool]:
    return traits.c.kind == TEST if kind == TEST else traits.c.kind != TEST


def test_key(name: str) -> int:
    """At least 0 and below 2 ** 63, as a template's key."""
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _note_traits(under_way: Transaction, run: Any, kind: str, keys: Iterable[int]) -> None:
    under_way.execute(delete(traits).where(traits.c.run == run.id, _same(kind)))
    under_way.insert(traits, [{"kind": kind, "key": key, "at": run.ended, "run": run.id, "change": run.change}
                              for key in dict.fromkeys(keys)])


def _unexplained(under_way: Transaction, since: int, rules: Collection[str]) -> list[FailedRun]:
    explained = select(hits.c.run).where(hits.c.run == failures.c.run, hits.c.rule.in_(rules)).exists()
    query = (select(runs, failures).join(failures, failures.c.run == runs.c.id)
             .where(failures.c.at >= since, runs.c.voting, ~explained)
             .order_by(failures.c.at.desc(), runs.c.id.desc()).limit(MOST))
    return list(map(failed_run_from, under_way.execute(query).mappings()))


def _passed(under_way: Transaction, patchset: PatchSet, job: str) -> bool:
    if patchset.change is None:
        return False
    query = select(runs.c.id).where(*_of_change(patchset, job), runs.c.patchset == patchset.number,
                                    runs.c.result == "SUCCESS")
    return under_way.execute(query.limit(1)).first() is not None


def _patchsets(under_way: Transaction, patchset: PatchSet, job: str) -> tuple[int, ...]:
    if patchset.change is None or patchset.number is None:
        return ()
    query = select(runs.c.patchset).distinct().where(*_of_change(patchset, job), runs.c.patchset.is_not(None),
                                                     runs.c.result.not_in(NO_FAILURE))
    return tuple(sorted({patchset.number, *under_way.execute(query).scalars()}))


def _of_change(patchset: PatchSet, job: str) -> tuple[ColumnElement[bool], ...]:
    return runs.c.change == patchset.change, runs.c.project == patchset.project, runs.c.job == job


def _gate(under_way: Transaction, patchset: PatchSet, job: str, gate: Collection[str],
          infra: Collection[str]) -> tuple[int, int] | None:
    """Of a job of the project's on the branch: jobs of one name do other things elsewhere. The change's own builds tell
    of the change, and not of the branch."""
    site = select(hits.c.run).where(hits.c.run == runs.c.id, hits.c.rule.in_(infra)).exists()
    others = or_(runs.c.change.is_(None), runs.c.change != (patchset.change or BRANCHES))
    ended = or_(runs.c.result == "SUCCESS", runs.c.result.not_in(NO_FAILURE))
    query = (select(runs.c.result)
             .where(runs.c.project == patchset.project, runs.c.job == job, runs.c.branch == patchset.branch,
                    runs.c.pipeline.in_(gate), others, ended, ~site).order_by(runs.c.ended.desc()).limit(GATE))
    results = under_way.execute(query).scalars().all()
    return (results.count("SUCCESS"), len(results)) if results else None


def _compared(under_way: Transaction, patchset: PatchSet, since: int) -> bool:
    """Whether any failure of another change is known."""
    query = select(runs.c.id).join(failures, failures.c.run == runs.c.id).where(
        failures.c.at >= since, failures.c.shown.is_not(None),
        func.coalesce(runs.c.change, BRANCHES) != (patchset.change or BRANCHES))
    return under_way.execute(query.limit(1)).first() is not None


def _sights(under_way: Transaction, patchset: PatchSet, uuid: str, tests: Sequence[str], telling: Sequence[Template],
            since: int) -> tuple[Sight, ...]:
    run = under_way.execute(select(runs.c.id).where(runs.c.uuid == uuid)).scalar()

    def most(kind: str, asked: Iterable[tuple[int, str, str]]) -> list[Sight]:
        seen = [Sight(text, file, *_elsewhere(under_way, kind, key, patchset, run, since))
                for key, text, file in asked]
        return [max(seen, key=lambda sight: sight.changes)] if seen else []

    found = [*most(TEST, ((test_key(name), name, "") for name in tests)),
             *most(LINE, ((line.key, line.text, line.file) for line in telling))]
    return tuple(sorted(found, key=lambda sight: -sight.changes))


def _elsewhere(under_way: Transaction, kind: str, key: int, patchset: PatchSet, run: int | None,
               since: int) -> tuple[int, int | None]:
    """How many other changes show a trait since then, and when it was first seen in another build."""
    mine = (traits.c.kind == kind, traits.c.key == key)
    change = func.coalesce(traits.c.change, BRANCHES)
    elsewhere = (*mine, traits.c.run != (run or 0))  # a build may be of several changes
    others = under_way.execute(select(func.count(change.distinct())).where(
        *elsewhere, traits.c.at >= since, change != (patchset.change or BRANCHES))).scalar_one()
    first = under_way.execute(select(traits.c.at).where(*elsewhere)
                              .order_by(traits.c.at).limit(1)).scalar()
    return others, first


def _rule_hits(under_way: Transaction, since: int, rules: Collection[str]) -> dict[str, list[tuple[int, int | None]]]:
    query = (select(hits.c.rule, hits.c.at, runs.c.change).distinct().join(runs, runs.c.id == hits.c.run)
             .where(hits.c.rule.in_(rules), hits.c.at >= since).order_by(hits.c.at))
    found: dict[str, list[tuple[int, int | None]]] = {}
    for rule, at, change in under_way.execute(query):
        found.setdefault(rule, []).append((at, change))
    return found
