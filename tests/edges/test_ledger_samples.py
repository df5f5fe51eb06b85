"""Series of counters in the ledger: whose they are, which runs show what is usual, and how they are asked for."""

from dataclasses import replace

import pytest
from sqlalchemy import event

from counterbot.core.learned import Level, SeriesKey
from counterbot.core.model import Build, Counters, Delivery, Finding, Kind, PatchSet, Reader, Reading, State, Subject
from counterbot.core.moved import Accepted, Move
from counterbot.ledger import history
from counterbot.ledger.acknowledgements import Acknowledgement
from counterbot.ledger.moves import Seen
from counterbot.ledger.samples import Group, Look, Usual

from . import test_ledger

clock, ledger, url = test_ledger.clock, test_ledger.ledger, test_ledger.url

HOUR = 3_600_000
NOW = 1_800_000_000_000
GROUP = Group("openstack", "tempest", "master", True)
BUILD = Build("", "tempest", "SUCCESS", True, "openstack/nova", "master", "gate", "https://logs/", ended=NOW,
              change=1, patchset=1, seconds=60.0, tenant="openstack", nodeset="big")
USUAL = Usual(("gate", "periodic*"), ("check",))


def keep(ledger, number, value=12, patchset=None, delta=True, **more):
    """A run was read, and had one counter."""
    build = replace(BUILD, **{"uuid": f"{number:032x}", "ended": NOW + number * HOUR, "change": number, **more})
    counters = Counters({"mysql.Queries": value}, delta=delta)
    return ledger.store.write(lambda under_way: history.keep(
        under_way, build, patchset, {Reader.COUNTERS: Reading(State.READ, found=counters)}))


def usual(ledger, group=GROUP, **more):
    return [list(runs.values) for runs in ledger.samples.baselines(group, USUAL, **more).values()]


def test_a_series_is_a_tenants_jobs_branchs(ledger):
    keep(ledger, 1)
    keep(ledger, 2, project="openstack/neutron", pipeline="periodic-weekly")
    keep(ledger, 3, delta=False)
    keep(ledger, 4, tenant="other")
    keep(ledger, 5, branch="stable/1")
    keep(ledger, 6, job="grenade")
    assert [row.key for row in ledger.samples.series()] == [
        SeriesKey("openstack", "grenade", "master", "mysql.Queries", True),
        SeriesKey("openstack", "tempest", "master", "mysql.Queries", False),
        SeriesKey("openstack", "tempest", "master", "mysql.Queries", True),
        SeriesKey("other", "tempest", "master", "mysql.Queries", True),
        SeriesKey("openstack", "tempest", "stable/1", "mysql.Queries", True)]
    assert usual(ledger) == [[12, 12]]


def test_what_is_of_no_known_tenant_becomes_one_tenants(ledger):
    for number in (1, 2):
        keep(ledger, number, tenant="")
    keep(ledger, 2, job="grenade", uuid="e" * 32, tenant="")
    keep(ledger, 3)
    keep(ledger, 4, tenant="other")
    for row in ledger.samples.series(job="tempest"):
        ledger.samples.save(replace(GROUP, tenant=row.key.tenant), 4, [Look(row.id, LEVEL, NOW, 1, NOW, (seen(NOW),))],
                            0.001)
    for _ in range(2):
        ledger.adopt("openstack")
        assert [(row.key.tenant, row.key.job) for row in ledger.samples.series()] == [
            ("openstack", "grenade"), ("openstack", "tempest"), ("other", "tempest")]
        assert usual(ledger) == [[12, 12, 12]]
    assert [move.key.tenant for move in ledger.moves.of()] == ["other"]
    assert GROUP in ledger.samples.fresh(None)[0]


def test_what_is_known_of_a_run(ledger):
    change = PatchSet("review", "openstack/nova", "master", 2, 1)
    keep(ledger, 1)
    keep(ledger, 2, patchset=change, result="FAILURE")
    keep(ledger, 3, patchset=replace(change, change=None, number=None), pipeline="periodic")
    [series] = ledger.samples.series(job="tempest")
    points = ledger.samples.points(series.id)
    assert [(point.at, point.uuid, point.change, point.pipeline, point.result, point.nodeset, point.source)
            for point in points] == [
        (NOW + HOUR, f"{1:032x}", 1, "gate", "SUCCESS", "big", "backfill"),
        (NOW + 2 * HOUR, f"{2:032x}", 2, "gate", "FAILURE", "big", "report"),
        (NOW + 3 * HOUR, f"{3:032x}", 3, "periodic", "SUCCESS", "big", "zuul")]
    assert ledger.samples.points(series.id, NOW + 3 * HOUR) == points[2:]


def test_a_run_is_sampled_once(ledger):
    assert keep(ledger, 1)
    assert not keep(ledger, 1, value=13)
    assert usual(ledger) == [[12]]


def test_a_run_that_is_counted_later_is_its_tenants(ledger):
    build = replace(BUILD, uuid=f"{1:032x}", ended=NOW + HOUR, tenant="")
    ledger.store.write(lambda under_way: history.keep(under_way, build, None, {}))
    assert keep(ledger, 1)
    assert usual(ledger) == [[12]]


def test_runs_that_show_what_is_usual(ledger):
    for number, (value, more) in enumerate([
        (1, {}), (2, {"result": "FAILURE"}), (3, {"pipeline": "experimental"}), (4, {"pipeline": "periodic-weekly"}),
        (5, {"pipeline": "check"}), (6, {"result": "TIMED_OUT", "pipeline": "periodic"}),
    ], 1):
        keep(ledger, number, value, **more)
    assert usual(ledger) == [[1, 4, 5]]
    assert usual(ledger, since=NOW + 4 * HOUR) == [[4, 5]]
    assert [list(runs.values) for runs in ledger.samples.baselines(GROUP, Usual(("gate",))).values()] == [[1]]


def test_of_a_change_in_check_its_newest_run_counts(ledger):
    for number, value in ((1, 5), (2, 6), (3, 7)):
        build = replace(BUILD, uuid=f"{number:032x}", ended=NOW + number * HOUR, change=9, pipeline="check")
        found = {Reader.COUNTERS: Reading(State.READ, found=Counters({"mysql.Queries": value}, delta=True))}
        ledger.store.write(lambda under_way, build=build, found=found: history.keep(under_way, build, None, found))
    assert usual(ledger) == [[7]]


def over(ledger, clock):
    """A counter of a run in check was over its bound; the change."""
    over = Finding("tempest", "1", "", Subject(Kind.COUNTER, "mysql.Queries"), 13, 12, confirmed=False)
    found = test_ledger.Decision(test_ledger.Reason.UNCONFIRMED, (over,))
    test_ledger.examined(ledger)
    ledger.reports.decide(ledger.reports.claim(), lambda before, seen: (found, []))
    patchset = test_ledger.REPORT.patchset
    keep(ledger, patchset.change, pipeline="check", project=patchset.project)
    return patchset


def test_a_change_with_an_open_finding_does_not_count_until_it_is_accepted(ledger, clock):
    patchset = over(ledger, clock)
    assert usual(ledger) == [[]]
    accept(ledger, patchset)
    assert usual(ledger) == [[12]]


def test_what_was_over_is_known_as_long_as_its_run(ledger, clock):
    over(ledger, clock)
    clock.pass_seconds(91 * 86_400)
    ledger.prune(90 * 24 * HOUR, counters=10**14)
    assert usual(ledger) == [[]]
    ledger.prune(90 * 24 * HOUR, counters=90 * 24 * HOUR)
    assert (usual(ledger), ledger.reports.decided()) == ([], [])


def test_what_is_over_in_one_tenant_is_so_whatever_another_shows(ledger):
    test_ledger.decided(ledger)
    patchset = test_ledger.REPORT.patchset
    keep(ledger, patchset.change, job="job-a", project=patchset.project, tenant="other")
    assert ledger.acknowledgements.over(patchset) == {("job-a", "mysql.Queries"): {"rule"}}


def test_the_newest_run_of_each_job_of_each_tenant(ledger, clock):
    keep(ledger, 1, 11)
    keep(ledger, 1, 12, tenant="other", uuid="f" * 32)
    keep(ledger, 1, 13, job="grenade", uuid="e" * 32)
    change = PatchSet("review", "openstack/nova", "master", 1, 1)
    shown = [(run.group.tenant, run.group.job, run.values["mysql.Queries"]) for run in ledger.samples.newest_of(change)]
    assert shown == [("openstack", "grenade", 13), ("openstack", "tempest", 11), ("other", "tempest", 12)]
    clock.at = NOW + 100 * HOUR
    ledger.prune(0, counters=HOUR)
    assert ledger.samples.newest_of(change) == []


def accept(ledger, patchset):
    said = Acknowledgement(patchset, "dana", True, "more work", frozenset({("tempest", "mysql.Queries")}))
    ledger.inbox.put(b'{"type": "comment-added"}', "test")
    ledger.acknowledgements.answer(ledger.inbox.claim(), Delivery("accepted", "gerrit", "gerrit", {}), [], said)


def seen(started, now=14.0, accepted=None, news=True, near=3 * HOUR):
    key = SeriesKey("openstack", "tempest", "master", "mysql.Queries", True)
    move = Move(key, started - HOUR, started, 0, 12.0, now, 1e-6, 7, news)
    return Seen(move, started - near, started + near, accepted)


def look(ledger, *found, first=NOW):
    """At the series, which has found that it moved."""
    [series] = ledger.samples.series()
    ledger.samples.save(GROUP, NOW, [Look(series.id, LEVEL, NOW, 63, first, found)], 0.001)
    return [(move.started - NOW, move.now, move.news) for move in ledger.moves.of()]


def test_where_a_series_moved_is_kept_as_later_looks_place_it(ledger):
    keep(ledger, 1)
    keep(ledger, 9, project="openstack/glance")
    keep(ledger, 10)
    keep(ledger, 11, pipeline="periodic")
    assert look(ledger) == []
    assert look(ledger, seen(NOW + 9 * HOUR)) == [(9 * HOUR, 14, True)]
    assert look(ledger, seen(NOW + 10 * HOUR, now=15)) == [(10 * HOUR, 15, True)]
    [move] = ledger.moves.untold(0)
    assert (move.projects, move.pipelines, move.tested, move.found) == (
        ("openstack/nova", "openstack/glance"), ("gate", "periodic"), (("openstack/glance", 9),), ledger.now())
    keep(ledger, 20)
    assert look(ledger, seen(NOW + 20 * HOUR), first=NOW + 15 * HOUR) == [(10 * HOUR, 15, True), (20 * HOUR, 14, True)]
    assert look(ledger) == []


def test_what_moved_before_the_first_look_is_told_to_nobody(ledger):
    keep(ledger, 1)
    assert look(ledger, seen(NOW + 9 * HOUR)) == [(9 * HOUR, 14, False)]
    assert look(ledger, seen(NOW + 9 * HOUR), seen(NOW + 20 * HOUR, news=False)) == [
        (9 * HOUR, 14, False), (20 * HOUR, 14, False)]
    assert ledger.moves.untold(0) == []


def test_what_past_builds_show_is_told_to_nobody(ledger):
    for number in (10, 9, 8, 7):  # as a walk finds them, which goes back
        keep(ledger, number)
    look(ledger)
    assert look(ledger, seen(NOW + 9 * HOUR)) == [(9 * HOUR, 14, False)]


def test_a_move_that_is_accepted_later(ledger):
    keep(ledger, 1)
    look(ledger)
    look(ledger, seen(NOW + 9 * HOUR))
    accept(ledger, test_ledger.REPORT.patchset)
    look(ledger, seen(NOW + 9 * HOUR, accepted=1))
    [move] = ledger.moves.of()
    patchset = test_ledger.REPORT.patchset
    assert move.accepted == Accepted("dana", patchset.project, patchset.change, "more work")


LEVEL = Level(60, 3, 12.0, 2.5, 0.01, 60.0, 59.0, 12.5, True, 0.05)


def test_levels_are_kept_until_there_are_more_runs(ledger):
    keep(ledger, 2)
    assert ledger.samples.fresh(None) == ([GROUP], 1)
    [series] = ledger.samples.series()
    ledger.samples.save(GROUP, 1, [Look(series.id, LEVEL, NOW, 63, NOW, ())], 0.0001)
    assert (ledger.samples.fresh(None), ledger.samples.looked_at(GROUP)) == (([], 1), ledger.now())
    [ready] = ledger.samples.ready(GROUP)
    assert (ready.counter, ready.level, ready.since, ready.rate) == ("mysql.Queries", LEVEL, NOW, 0.0001)
    keep(ledger, 1)  # a past one, from a backfill
    assert ledger.samples.fresh(None) == ledger.samples.fresh(1) == ([GROUP], 2)
    ledger.samples.save(GROUP, 2, [Look(series.id, None, None, 2, NOW, ())], 0.001)
    assert (ledger.samples.fresh(None), ledger.samples.ready(GROUP)) == (([], 2), [])


def test_a_series_that_is_forgotten_during_a_look_has_no_level(ledger, clock):
    keep(ledger, 1)
    [series] = ledger.samples.series()
    clock.at = NOW + 100 * HOUR
    ledger.prune(0, counters=HOUR)
    ledger.samples.save(GROUP, 1, [Look(series.id, LEVEL, NOW, 63, NOW, (seen(NOW),))], 0.001)
    assert (ledger.samples.ready(GROUP), ledger.moves.of()) == ([], [])


def test_old_samples_are_forgotten_and_series_without_any(ledger, clock):
    keep(ledger, 1)
    keep(ledger, 400)
    series = ledger.samples.series()
    ledger.samples.save(GROUP, NOW, [Look(series[0].id, LEVEL, NOW, 2, NOW, (seen(NOW + HOUR),))], 0.001)
    clock.at = NOW + 401 * HOUR
    ledger.prune(0, counters=10 * HOUR)
    assert usual(ledger) == [[12]]
    clock.at = NOW + 500 * HOUR
    ledger.prune(0, counters=10 * HOUR)
    assert ledger.samples.series() == ledger.samples.ready(GROUP) == []


@pytest.mark.parametrize("value", [0, -1, 1e308, 2**53 + 2, 5e-324])
def test_any_value_is_kept_as_it_is(ledger, value):
    keep(ledger, 1, value)
    assert usual(ledger) == [[value]]


def test_a_series_is_read_in_the_order_of_its_key(ledger):
    """Without a scan and without sorting."""
    if ledger.store.engine.dialect.name != "sqlite":
        return
    keep(ledger, 1)
    asked = []
    event.listen(ledger.store.engine, "before_cursor_execute", lambda _c, _k, text, *_: asked.append(text))
    [series] = ledger.samples.series()
    ledger.samples.points(series.id)
    usual(ledger)
    plans = [row[3] for text in list(asked) if "FROM samples" in text for row in ledger.store.read(
        lambda under_way, text=text: list(under_way.connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {text}", (1,) * text.count("?"))))]
    assert plans
    assert [plan for plan in plans if "SCAN" in plan or "TEMP" in plan] == []
