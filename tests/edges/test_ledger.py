"""The ledger, on SQLite here; tests/real runs the same tests on PostgreSQL and MariaDB."""

import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event as listen
from sqlalchemy import select, text, update

from counterbot.core.decide import Decision, Effect, Reason
from counterbot.core.keys import delivery_key
from counterbot.core.limits import COUNTER_NAME, NAME
from counterbot.core.model import (
    OMITTED,
    Build,
    BuildLink,
    Counters,
    Delivery,
    Failure,
    Finding,
    Hit,
    Kind,
    KnownFailure,
    Merged,
    PatchSet,
    Reader,
    Reading,
    Refused,
    Report,
    Retry,
    Sent,
    State,
    Subject,
)
from counterbot.ledger import Ledger, LedgerError, Lost, PastBuild, owner, schema
from counterbot.ledger.status import status
from counterbot.ledger.store import exists
from counterbot.ledger.trial import tried
from tests.mysql_server import WHOLE, MySQLServer, error, switch

ROOT = Path(__file__).parents[2]
UUIDS = ("a" * 32, "b" * 32)
REPORT = Report(PatchSet("review", "openstack/nova", "master", 7, 1, "https://review/7"), "check", "c" * 32,
                tuple(BuildLink(f"job-{uuid[0]}", f"https://zuul/build/{uuid}", uuid) for uuid in UUIDS))
QUERIES = Subject(Kind.COUNTER, "mysql.Queries")
FINDING = Finding("job-a", UUIDS[0], "rule", QUERIES, 12, 10)
EFFECT = Effect("gerrit", "gerrit", (FINDING,))
READ = {Reader.COUNTERS: Reading(State.READ, "", Counters({"mysql.Queries": 12}))}
NOTHING = {Reader.COUNTERS: Reading(State.NOTHING)}
BOTH = (Reader.COUNTERS, Reader.FAILURE)
HIT = Hit("1254890", "logs/screen-n-cpu.txt", 41, "Timed out waiting for thing", 3)
SECOND = 1000


class Clock:
    def __init__(self):
        self.at = 1_800_000_000_000

    def __call__(self):
        return self.at

    def pass_seconds(self, seconds):
        self.at += int(seconds * SECOND)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def ledger(url, clock):
    ledger = Ledger(url, clock)
    yield ledger
    ledger.close()


def rows(ledger, query):
    return ledger.store.read(lambda read: [tuple(row) for row in read.execute(text(query))])


def event(number=1):
    return json.dumps({"type": "comment-added", "n": number}).encode()


def opened(ledger, report=REPORT, number=1, deadline=1200, settle=0, readers=(Reader.COUNTERS,)):
    ledger.inbox.put(event(number), "test")
    needs = dict.fromkeys(report.links, frozenset(readers))
    return ledger.reports.open(ledger.inbox.claim(), report, needs, deadline * SECOND, settle * SECOND)


def build(uuid, **more):
    return replace(Build(uuid, f"job-{uuid[0]}", "SUCCESS", True, "openstack/nova", "master", "check", "https://logs/",
                         (), 5), **more)


def note(ledger, found=READ, **more):
    work = ledger.builds.claim()
    return ledger.builds.note(work, build(work.link.uuid, **more), found)


def examined(ledger, **report):
    assert opened(ledger, **report)
    for _ in UUIDS:
        note(ledger)


def decided(ledger, key="key", effect=EFFECT, finding=FINDING):
    examined(ledger)
    deliveries = [Delivery(key, effect.kind, effect.destination, {"n": 1})]
    return ledger.reports.decide(ledger.reports.claim(),
                                 lambda said, seen: (Decision(Reason.OVER, (finding,), (effect,)), deliveries))


# -- the tables


def test_a_new_database_has_the_schema(ledger):
    assert differences(ledger) == []


def differences(ledger, **options):
    with ledger.store.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)


def test_a_ledger_is_opened_again_as_it_was(ledger, url, clock):
    ledger.inbox.put(event(), "test")
    second = Ledger(url, clock)
    assert second.inbox.claim().line == event()
    second.close()


def test_the_longest_names_have_room(ledger):
    long, counter = "é" * NAME, "c." + "é" * (COUNTER_NAME - 2)
    patchset = PatchSet("h" * 253, long, long, 10**10, 10**10, "https://review/7")
    report = Report(patchset, long, "c" * 32, (BuildLink(long, "https://z/" + "é" * 2000, UUIDS[0]),))
    opened(ledger, report)
    reading = {Reader.COUNTERS: Reading(State.READ, "é" * 5000, Counters({counter: 1}))}
    note(ledger, reading, job=long, project=long, branch=long, pipeline=long, result=long)
    finding = replace(FINDING, job=long, rule="é" * 120, subject=Subject(Kind.COUNTER, counter))
    effect = Effect("irc", "#" + "é" * 49, (finding,))
    key = delivery_key(report, effect.kind, effect.destination)
    ledger.reports.decide(ledger.reports.claim(), lambda said, seen: (
        Decision(Reason.OVER, (finding,), (effect,)), [Delivery(key, "irc", effect.destination, {"text": long})]))
    claimed = ledger.outbox.claim("irc", [effect.destination])
    assert (claimed.delivery.key, claimed.delivery.payload) == (key, {"text": long})


def test_names_that_differ_in_case_or_a_blank_are_different(ledger):
    opened(ledger)
    counters = {"g.Name": 1, "g.name": 2, "g.name ": 3, "g.näme": 4}
    note(ledger, {Reader.COUNTERS: Reading(State.READ, "", Counters(counters))})
    found = rows(ledger, "select s.counter, m.value from samples m join series s on s.id = m.series")
    assert dict(found) == counters


def test_many_counters_and_a_long_event_have_room(ledger):
    line = json.dumps({"type": "x" * 900_000}).encode()
    ledger.inbox.put(line, "test")
    assert ledger.inbox.claim().line == line
    opened(ledger)
    counters = Counters({f"g.{'n' * 150}{number}": number + 0.1 for number in range(3000)})
    note(ledger, {Reader.COUNTERS: Reading(State.READ, "", counters)})
    note(ledger)
    assert ledger.reports.claim().builds[0].readings[Reader.COUNTERS].found == counters


# -- events


def test_the_same_event_comes_in_once(ledger):
    assert ledger.inbox.put(b'{"type": "x", "a": 1, "b": 2}', "one")
    assert not ledger.inbox.put(b'{"b":2,"a":1,"type":"x"}', "two")
    assert not ledger.inbox.put(b'{"type": "x", "a": 1, "b": 2}\r', "three")


def test_an_invalid_event_is_taken_in_too(ledger):
    assert ledger.inbox.put(b'{"type":', "test")
    assert ledger.inbox.claim().line == b'{"type":'


def test_a_claim_is_nobody_elses_until_its_lease_ends(ledger, clock):
    ledger.inbox.put(event(), "test")
    first = ledger.inbox.claim()
    assert ledger.inbox.claim() is None
    clock.pass_seconds(601)
    second = ledger.inbox.claim()
    assert second.line == first.line
    with pytest.raises(Lost):
        ledger.inbox.ignore(first, "too late")
    ledger.inbox.ignore(second, "in time")


def test_what_was_settled_is_not_settled_again(ledger):
    """A transaction that is tried again because the answer to its commit was lost."""
    ledger.inbox.put(event(), "test")
    work = ledger.inbox.claim()
    ledger.inbox.ignore(work, "once")
    with pytest.raises(Lost):
        ledger.inbox.ignore(work, "twice")


def test_a_row_that_was_claimed_since_it_was_read_is_not_changed(ledger):
    ledger.inbox.put(event(), "test")
    row = ledger.store.read(lambda read: read.execute(select(schema.inbox)).mappings().one())
    ledger.inbox.claim()
    assert not ledger.store.write(lambda under_way: under_way.change(schema.inbox, row, {"why": "stolen"}))
    assert rows(ledger, "select why from inbox") == [("",)]


def test_reading_waits_for_no_writer(ledger, url, clock):
    ledger.inbox.put(event(), "test")
    reader = Ledger(url, clock, wait=lambda seconds: True)

    def write(under_way):
        under_way.execute(update(schema.inbox).values(why="not committed"))
        assert rows(reader, "select why from inbox") == [("",)]

    ledger.store.write(write)
    reader.close()


def test_many_threads_claim_each_event_once(ledger):
    for number in range(60):
        ledger.inbox.put(event(number), "test")
    got, errors = [], []

    def work():
        try:
            while (claim := ledger.inbox.claim()) is not None:
                got.append(claim.line)
                ledger.inbox.ignore(claim, "done")
        except Exception as error:
            errors.append(error)

    in_threads(work, 6)
    assert errors == []
    assert sorted(got) == sorted(event(number) for number in range(60))


def in_threads(work, count):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_the_same_event_from_many_threads_comes_in_once(ledger):
    new, start = [], threading.Barrier(6)

    def work():
        start.wait(30)
        new.extend(ledger.inbox.put(event(number), "test") for number in range(20))

    in_threads(work, 6)
    assert (len(new), sum(new)) == (120, 20)


def test_an_ignored_event_keeps_its_digest_and_loses_its_line(ledger):
    ledger.inbox.put(event(), "test")
    ledger.inbox.ignore(ledger.inbox.claim(), "event type x")
    assert not ledger.inbox.put(event(), "again")
    assert rows(ledger, "select line, state, why from inbox") == [(None, "ignored", "event type x")]


def test_whether_a_change_was_merged_is_known_of_its_runs(ledger):
    opened(ledger)
    note(ledger, change=7, patchset=1)
    ledger.inbox.put(event(2), "test")
    ledger.inbox.note_merge(ledger.inbox.claim(), Merged(REPORT.patchset))
    note(ledger, NOTHING, change=8, patchset=1)
    merged = ("select r.uuid, r.result, m.change from runs r left join merges m "
              "on m.project = r.project and m.change = r.change and m.patchset = r.patchset order by r.uuid")
    assert rows(ledger, merged) == [(UUIDS[0], "SUCCESS", 7), (UUIDS[1], "SUCCESS", None)]


# -- builds


def test_a_build_is_claimed_with_the_readers_that_it_needs(ledger):
    opened(ledger)
    work = ledger.builds.claim()
    assert (work.link, work.readers, work.patchset) == (REPORT.builds[0], (Reader.COUNTERS,), REPORT.patchset)
    assert (work.tries, work.late, work.why) == (1, False, "")


def test_a_buildset_gives_way_to_its_builds(ledger):
    omitted = BuildLink(OMITTED, "https://zuul/t/a/buildset/" + "e" * 32, "e" * 32)
    opened(ledger, replace(REPORT, omitted=omitted))
    works = [ledger.builds.claim() for _ in range(len(UUIDS) + 1)]
    for work in works[:-1]:
        ledger.builds.note(work, build(work.link.uuid), READ)
    assert works[-1].link == omitted
    assert ledger.reports.claim() is None  # not before the omitted are known
    more = BuildLink("more", "https://zuul/t/a/build/" + "f" * 32, "f" * 32)
    ledger.builds.unfold(works[-1], [*REPORT.builds, more])
    with pytest.raises(Lost):
        ledger.builds.unfold(works[-1], [more])
    work = ledger.builds.claim()
    assert (work.link, ledger.builds.claim()) == (more, None)
    ledger.builds.note(work, None, NOTHING)
    assert [each.link for each in ledger.reports.claim().builds] == [*REPORT.builds, more]


def test_a_buildset_without_more_builds_makes_its_report_due(ledger):
    omitted = BuildLink(OMITTED, "https://zuul/t/a/buildset/" + "e" * 32, "e" * 32)
    opened(ledger, replace(REPORT, builds=(), omitted=omitted))
    ledger.builds.unfold(ledger.builds.claim(), [])
    assert ledger.reports.claim().builds == ()


def test_builds_wait_for_the_settle_delay(ledger, clock):
    opened(ledger, settle=5)
    assert ledger.builds.claim() is None
    clock.pass_seconds(5)
    assert ledger.builds.claim().link == REPORT.builds[0]


def test_waiting_for_logs_is_no_fault(ledger, clock):
    opened(ledger)
    for _ in range(20):
        while (work := ledger.builds.claim()) is not None:
            ledger.builds.later(work, "404", SECOND)
        clock.pass_seconds(1)
    assert status(ledger.store).quarantined == 0


@pytest.mark.parametrize("crash", [True, False])
def test_a_quarantined_build_hastens_its_report(ledger, clock, crash):
    """Long before the report's deadline: its other builds need not wait for one that cannot be examined."""
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]), deadline=7 * 86_400)
    for _ in range(5):
        work = ledger.builds.claim()
        if not crash:
            ledger.builds.fault(work, "KeyError: 'x'")
        clock.pass_seconds(601)
    assert ledger.builds.claim() is None
    assert status(ledger.store).quarantined == 1
    [noted] = ledger.reports.claim().builds
    assert (noted.readings, noted.why) == ({}, "its process died 5 times" if crash else "KeyError: 'x'")


def test_a_late_build_goes_to_the_history(ledger, clock):
    opened(ledger)
    ledger.builds.later(ledger.builds.claim(), "404", SECOND)
    ledger.builds.later(ledger.builds.claim(), "404", SECOND)
    clock.pass_seconds(1200)
    ledger.reports.decide(ledger.reports.claim(), lambda said, seen: (Decision(Reason.NO_DATA), []))
    work = ledger.builds.claim()
    assert work.late
    ledger.builds.note(work, build(work.link.uuid), READ)
    assert ledger.reports.claim() is None
    assert samples(ledger) == [(f"job-{work.link.uuid[0]}", "mysql.Queries", 12.0)]


def samples(ledger):
    query = "select s.job, s.counter, m.value from samples m join series s on s.id = m.series order by 1, 2"
    return rows(ledger, query)


def test_a_build_in_two_reports_is_examined_once(ledger):
    examined(ledger)
    other = replace(REPORT, buildset="d" * 32)
    assert opened(ledger, other, number=2)
    assert ledger.builds.claim() is None
    works = [ledger.reports.claim(), ledger.reports.claim()]
    assert [work.report for work in works] == [REPORT, other]
    assert works[0].builds == works[1].builds
    assert len(samples(ledger)) == 2


def test_a_build_whose_readings_are_forgotten_is_examined_again_and_sampled_once(ledger, clock):
    decided(ledger)
    clock.pass_seconds(2 * 86_400)
    ledger.prune(keep=90 * 86_400 * SECOND, counters=10**14)
    assert opened(ledger, replace(REPORT, buildset="d" * 32), number=2)
    assert [note(ledger) for _ in UUIDS] == [False, False]
    assert ledger.reports.claim().builds[0].readings == READ
    assert len(samples(ledger)) == 2


def test_every_finished_build_stands_in_the_history(ledger):
    opened(ledger)
    assert note(ledger, result="FAILURE", change=7, patchset=2)
    assert not note(ledger, NOTHING, result="TIMED_OUT")
    runs = schema.runs.c
    query = select(runs.job, runs.result, runs.change, runs.patchset).order_by(runs.job)
    found = ledger.store.read(lambda read: [tuple(row) for row in read.execute(query)])
    assert found == [("job-a", "FAILURE", 7, 2), ("job-b", "TIMED_OUT", 7, 1)]


def test_totals_and_differences_are_different_series(ledger):
    opened(ledger)
    for delta in (True, False):
        note(ledger, {Reader.COUNTERS: Reading(State.READ, "", Counters({"g.n": 1}, delta=delta))}, job="tempest")
    assert rows(ledger, "select job, count(*) from series group by job") == [("tempest", 2)]


def test_totals_mixed_with_differences_stay_out_of_the_history_and_are_judged(ledger):
    opened(ledger)
    mixed = {Reader.COUNTERS: Reading(State.READ, "", Counters({"g.n": 1}, mixed=True))}
    for _ in UUIDS:
        note(ledger, mixed)
    assert samples(ledger) == []
    assert rows(ledger, "select count(*) from runs") == [(len(UUIDS),)]
    assert [each.readings for each in ledger.reports.claim().builds] == [mixed] * len(UUIDS)


def test_a_build_that_was_given_up_is_asked_for_again_where_a_new_report_refers_to_it(ledger, clock):
    opened(ledger)
    ledger.builds.give_up(ledger.builds.claim(), "404", build(UUIDS[0], result="FAILURE"))
    assert rows(ledger, "select job, result from runs") == [("job-a", "FAILURE")]
    note(ledger)
    ledger.reports.claim()
    clock.pass_seconds(86_400)
    opened(ledger, replace(REPORT, buildset="d" * 32), number=2)
    work = ledger.builds.claim()
    assert (work.link, work.received) == (REPORT.builds[0], clock())


# -- known failures, and builds that no report names


def failed(*rules):
    hits = tuple(replace(HIT, rule=rule) for rule in rules)
    return {Reader.FAILURE: Reading(State.READ, "", Failure(hits, failed_tests=1))}


def asked(ledger, uuids=UUIDS, readers=(Reader.FAILURE,), rules=None):
    for uuid in uuids:
        link = BuildLink(f"job-{uuid[0]}", f"https://zuul/build/{uuid}", uuid)
        ledger.builds.ask(link, build(uuid, change=7), readers, rules)


def hits(ledger):
    return rows(ledger, "select r.job, h.rule from hits h join runs r on r.id = h.run order by 1, 2")


def test_what_is_found_in_a_failed_build_stands_in_its_readings_and_in_the_history(ledger):
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]), readers=BOTH)
    found = {**READ, **failed("1254890")}
    assert note(ledger, found)
    assert ledger.reports.claim().builds[0].readings == found
    query = "select r.job, h.rule, h.at, h.file, h.line, h.text, h.hits from hits h join runs r on r.id = h.run"
    assert rows(ledger, query) == [("job-a", "1254890", 5, HIT.file, 41, HIT.text, 3)]


def test_a_build_that_no_report_names_is_examined_for_the_history(ledger):
    asked(ledger, readers=BOTH)
    work = ledger.builds.claim()
    assert (work.link, work.readers, work.patchset, work.late, work.rules) == (
        REPORT.builds[0], (Reader.COUNTERS, Reader.FAILURE), None, True, None)
    assert work.build == build(UUIDS[0], change=7)
    assert ledger.builds.note(work, work.build, {**READ, **failed("x")})
    assert (hits(ledger), samples(ledger)) == ([("job-a", "x")], [("job-a", "mysql.Queries", 12.0)])
    assert (ledger.reports.claim(), ledger.builds.claim().link) == (None, REPORT.builds[1])


def test_past_builds_are_claimed_apart_from_those_that_a_report_waits_for(ledger):
    asked(ledger, ["e" * 32])
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]))
    assert ledger.builds.claim(fresh=True).link == REPORT.builds[0]
    assert ledger.builds.claim(fresh=True) is None
    assert ledger.builds.claim(past=True).link.uuid == "e" * 32
    assert ledger.builds.claim(past=True) is None


def test_what_became_of_past_builds(ledger, clock):
    opened(ledger)
    asked(ledger, ["e" * 32])
    at = ledger.now()
    waited = {uuid: PastBuild("due", at, past=False, working=True, counters=True) for uuid in UUIDS}
    assert ledger.builds.past([*UUIDS, "e" * 32, "f" * 32]) == {
        **waited, "e" * 32: PastBuild("due", at, working=True)}
    work = ledger.builds.claim(past=True)
    assert ledger.builds.past(["e" * 32])["e" * 32].working
    ledger.builds.later(work, "503", 5 * SECOND)
    assert ledger.builds.past(["e" * 32]) == {"e" * 32: PastBuild("due", at, why="503")}
    clock.pass_seconds(5)
    ledger.builds.give_up(ledger.builds.claim(past=True), "503", None)
    assert ledger.builds.past(["e" * 32]) == {"e" * 32: PastBuild("gone", None, why="503")}
    note(ledger, {Reader.COUNTERS: Reading(State.UNREADABLE, "no JSON")})
    assert ledger.builds.past(UUIDS[:1])[UUIDS[0]].why == "no JSON"
    clock.pass_seconds(200 * 86_400)
    ledger.reports.decide(ledger.reports.claim(), lambda *_: (Decision(Reason.NO_DATA), []))
    note(ledger)
    clock.pass_seconds(200 * 86_400)
    ledger.prune(90 * 86_400 * SECOND)
    assert ledger.builds.past(UUIDS[:1]) == {UUIDS[0]: PastBuild("done", 5)}


def test_a_build_that_is_asked_for_again_has_its_failure_read_again(ledger):
    asked(ledger, UUIDS[:1], readers=BOTH)
    asked(ledger, UUIDS[:1], readers=BOTH)
    note(ledger, {**READ, **failed("x")})
    assert ledger.builds.claim() is None
    asked(ledger, UUIDS[:1])
    assert ledger.builds.claim().readers == (Reader.FAILURE,)


def test_a_search_for_some_rules_leaves_what_was_found_of_others(ledger):
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]), readers=BOTH)
    found = {**READ, **failed("old", "other")}
    note(ledger, found)
    asked(ledger, UUIDS[:1], rules=["old", "new"])
    work = ledger.builds.claim()
    assert (work.readers, work.rules) == ((Reader.FAILURE,), ("new", "old"))
    ledger.builds.note(work, build(UUIDS[0]), failed("new"))
    assert hits(ledger) == [("job-a", "new"), ("job-a", "other")]
    assert ledger.builds.claim() is None
    assert ledger.reports.claim().builds[0].readings == found


def test_what_was_found_before_stays_where_logs_are_gone(ledger):
    asked(ledger, UUIDS[:1])
    note(ledger, failed("x"))
    asked(ledger, UUIDS[:1], rules=["x"])
    note(ledger, {Reader.FAILURE: Reading(State.MISSING, "404")})
    assert hits(ledger) == [("job-a", "x")]
    assert ledger.builds.past(UUIDS) == {UUIDS[0]: PastBuild("done", ledger.now(), why="missing: 404")}


def test_a_build_is_searched_for_all_rules_that_were_asked_for_before_it_was_claimed(ledger):
    asked(ledger, UUIDS[:1], rules=["a"])
    asked(ledger, UUIDS[:1], rules=["b"])
    assert ledger.builds.claim().rules == ("a", "b")


def test_a_report_on_a_build_that_was_searched_for_some_rules_has_it_read_for_all(ledger):
    asked(ledger, UUIDS[:1], rules=["x"])
    note(ledger, failed("x"))
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]), readers=[Reader.FAILURE])
    assert ledger.reports.claim() is None
    work = ledger.builds.claim()
    assert (work.readers, work.rules, work.patchset) == ((Reader.FAILURE,), None, REPORT.patchset)


@pytest.mark.parametrize("claimed_for", ["counters", "some rules"])
def test_what_is_asked_for_while_a_build_is_claimed_is_read_after_it(ledger, clock, claimed_for):
    if claimed_for == "counters":
        opened(ledger, replace(REPORT, builds=REPORT.builds[:1]))
    else:
        asked(ledger, UUIDS[:1], rules=["x"])
    work = ledger.builds.claim()
    clock.pass_seconds(5)
    other = replace(REPORT, builds=REPORT.builds[:1], buildset="d" * 32)
    opened(ledger, other, number=2, readers=[Reader.FAILURE])
    asked(ledger, UUIDS[:1], rules=["y"])
    assert ledger.builds.claim() is None
    ledger.builds.note(work, build(UUIDS[0]), READ if claimed_for == "counters" else failed("x"))
    assert ledger.reports.claim() is None
    work = ledger.builds.claim()
    assert (work.readers, work.rules, work.received) == ((Reader.FAILURE,), None, clock())
    ledger.builds.note(work, build(UUIDS[0]), failed("z"))
    work = ledger.builds.claim()
    assert (work.readers, "y" in work.rules) == ((Reader.FAILURE,), True)
    ledger.builds.note(work, build(UUIDS[0]), failed("y"))
    assert ledger.builds.claim() is None
    assert ledger.reports.claim() is not None


def test_a_reader_that_is_added_while_a_build_is_noted_is_not_forgotten(ledger):
    """Before the one transaction is committed the other cannot see it."""
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]))
    work = ledger.builds.claim()
    noting = threading.Thread(target=lambda: ledger.builds.note(work, build(UUIDS[0]), READ))

    def meanwhile(connection):
        if noting.ident is None:
            noting.start()
            noting.join(0.3)  # it must wait

    listen.listen(ledger.store.engine, "commit", meanwhile)
    asked(ledger, UUIDS[:1], rules=["x"])
    noting.join(60)
    assert ledger.builds.claim().rules == ("x",)


def lines_left(ledger, awaited):
    """A report's only build, of which the lines are still to be read."""
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]))
    work = ledger.builds.claim()
    ledger.builds.note(work, build(UUIDS[0]), READ, Reader.TEMPLATES, awaited)


def test_a_report_waits_for_lines_that_it_needs(ledger):
    lines_left(ledger, awaited=True)
    assert ledger.reports.claim() is None
    work = ledger.builds.claim()
    assert (work.readers, work.build, work.waited_for) == ((Reader.TEMPLATES,), build(UUIDS[0]), True)
    ledger.builds.note(work, build(UUIDS[0]), {Reader.TEMPLATES: Reading(State.MISSING, "404")})
    assert ledger.builds.claim() is None
    assert ledger.reports.claim().builds[0].readings[Reader.COUNTERS] == READ[Reader.COUNTERS]


def test_a_report_does_not_wait_for_lines_that_it_does_not_need(ledger):
    lines_left(ledger, awaited=False)
    assert ledger.reports.claim().builds[0].readings == READ
    work = ledger.builds.claim(past=True)
    assert (work.readers, work.waited_for) == ((Reader.TEMPLATES,), False)


def test_a_report_goes_on_waiting_for_lines_that_the_history_wants_too(ledger):
    lines_left(ledger, awaited=True)
    asked(ledger, UUIDS[:1], readers=[Reader.TEMPLATES])
    assert ledger.builds.claim().waited_for


def test_lines_that_no_report_needs_are_read_last(ledger, clock):
    lines_left(ledger, awaited=False)
    clock.pass_seconds(1)
    opened(ledger, replace(REPORT, builds=REPORT.builds[1:], buildset="d" * 32), number=2)
    assert [ledger.builds.claim().link.uuid for _ in UUIDS] == [UUIDS[1], UUIDS[0]]


def test_another_report_on_a_build_does_not_wait_for_its_lines_either(ledger):
    asked(ledger, UUIDS[:1], readers=[Reader.TEMPLATES])
    note(ledger, {Reader.TEMPLATES: Reading(State.MISSING, "404")})
    examined(ledger)
    assert ledger.builds.claim() is None
    assert ledger.reports.claim() is not None


def test_where_lines_are_read_it_is_told_what_of_the_others_was_not(ledger):
    asked(ledger, UUIDS[:1], readers=BOTH)
    work = ledger.builds.claim()
    ledger.builds.note(work, build(UUIDS[0]), {**READ, Reader.FAILURE: Reading(State.UNREADABLE, "no JSON")},
                       Reader.TEMPLATES)
    assert ledger.builds.past(UUIDS[:1])[UUIDS[0]].state == "due"
    note(ledger, {Reader.TEMPLATES: Reading(State.MISSING, "404")})
    assert ledger.builds.past(UUIDS[:1]) == {
        UUIDS[0]: PastBuild("done", ledger.now(), why="no JSON", lines=True, counters=True)}


def test_builds_of_a_job_that_passed(ledger):
    asked(ledger, UUIDS)
    asked(ledger, ["e" * 32])
    note(ledger, job="tempest", ended=7)
    note(ledger, job="tempest", ended=6)
    note(ledger, job="tempest", ended=8, result="FAILURE")
    assert [passed.ended for _, passed in ledger.builds.passed("tempest", since=6)] == [7, 6]


def test_a_reader_to_which_no_rule_applies_is_not_asked_again_and_again(ledger):
    opened(ledger)
    note(ledger, {})
    note(ledger, {})
    assert ledger.builds.claim() is None


def test_in_how_many_builds_a_rule_was_seen_is_told_to_its_report(ledger, clock):
    now, day = clock(), 86_400 * SECOND
    for number, (ended, *rules) in enumerate([(now - 11 * day, "a"), (now - 9 * day, "a", "a", "b"), (now, "a", "c")]):
        asked(ledger, [f"{number:032x}"])
        note(ledger, failed(*rules), ended=ended)
    opened(ledger, replace(REPORT, builds=REPORT.builds[:1]), readers=[Reader.FAILURE])
    note(ledger, failed("a", "b"), ended=now)
    heard, known = [], KnownFailure("job-a", UUIDS[0], "a", (HIT,))
    ledger.reports.decide(ledger.reports.claim(), lambda said, seen: heard.append(seen) or (
        Decision(Reason.OVER, (known,)), []), days=10)
    assert heard == [{"a": 3, "b": 2}]
    assert rows(ledger, "select rule, kind, subject, value, bound from findings") == [("a", "failure", "a", None, None)]


# -- reports


BRANCH = Report(PatchSet("review", "openstack/nova", "master", None, None), "periodic", "d" * 32, REPORT.builds)


def test_reports_on_a_branch_are_kept_apart_by_their_buildsets(ledger):
    effect = replace(EFFECT, kind="irc", destination="#qa")
    heard = []
    for number, buildset in enumerate(("d" * 32, "e" * 32)):
        assert opened(ledger, replace(BRANCH, buildset=buildset), number=number)
        assert not opened(ledger, replace(BRANCH, buildset=buildset), number=number + 10)
        while work := ledger.builds.claim():
            ledger.builds.note(work, build(work.link.uuid), READ)
        work = ledger.reports.claim()
        assert work.report.patchset == BRANCH.patchset
        ledger.reports.decide(work, lambda before, seen: heard.append(before.said) or (
            Decision(Reason.OVER, (FINDING,), (effect,)), []))
    assert heard == [{}, {}]
    assert rows(ledger, "select distinct runs.change, runs.patchset from runs") == [(None, None)]


@pytest.mark.parametrize("first", [None, "c" * 32])
def test_a_report_without_a_buildset_is_known_by_its_builds(ledger, first):
    """Older Zuuls name none in their comment."""
    second = None if first else "c" * 32
    assert opened(ledger, replace(REPORT, buildset=first))
    assert not opened(ledger, replace(REPORT, buildset=second, builds=REPORT.builds[1:]), number=2)
    assert opened(ledger, replace(REPORT, buildset=second, patchset=replace(REPORT.patchset, number=2)), number=3)


def test_a_report_from_two_events_is_one(ledger):
    assert opened(ledger)
    assert not opened(ledger, number=2)


def test_a_report_is_due_when_all_its_builds_are_examined(ledger):
    opened(ledger)
    note(ledger, NOTHING)
    assert ledger.reports.claim() is None
    note(ledger)
    work = ledger.reports.claim()
    assert work.report == REPORT
    assert [each.readings for each in work.builds] == [NOTHING, READ]
    assert work.builds[1].build == build(UUIDS[1])


def test_builds_that_are_examined_at_once_make_their_report_due(ledger):
    """Neither transaction may pass over what the other one notes."""
    many = tuple(BuildLink("job", f"https://zuul/build/{n:032x}", f"{n:032x}") for n in range(12))
    opened(ledger, replace(REPORT, builds=many), deadline=7 * 86_400)
    works, start = [ledger.builds.claim() for _ in many], threading.Barrier(12)

    def work():
        mine = works.pop()
        start.wait(30)
        ledger.builds.note(mine, build(mine.link.uuid), READ)

    in_threads(work, 12)
    assert len(ledger.reports.claim().builds) == 12


def test_a_report_that_is_opened_while_its_last_build_is_noted_is_due(ledger):
    """Before the one transaction is committed the other cannot see it."""
    opened(ledger)
    note(ledger)
    last = ledger.builds.claim()
    noting = threading.Thread(target=lambda: ledger.builds.note(last, build(last.link.uuid), READ))

    def meanwhile(connection):
        if noting.ident is None:
            noting.start()
            noting.join(0.3)  # it must wait

    ledger.inbox.put(event(2), "test")
    other, work = replace(REPORT, buildset="d" * 32), ledger.inbox.claim()
    listen.listen(ledger.store.engine, "commit", meanwhile)
    ledger.reports.open(work, other, dict.fromkeys(other.links, frozenset({Reader.COUNTERS})), 86_400 * SECOND, 0)
    noting.join(60)
    assert [ledger.reports.claim().report for _ in range(2)] == [REPORT, other]


def test_a_report_is_due_at_its_deadline(ledger, clock):
    opened(ledger)
    ledger.builds.later(ledger.builds.claim(), "404", 30 * SECOND)
    assert ledger.reports.claim() is None
    clock.pass_seconds(1200)
    found = [(each.readings, each.why, each.tries) for each in ledger.reports.claim().builds]
    assert found == [({}, "404", 1), ({}, "", 0)]


def test_a_decision_leaves_findings_and_deliveries_at_once(ledger):
    decided(ledger)
    assert rows(ledger, "select rule, kind, subject, value, bound from findings") == \
        [("rule", "counter", "mysql.Queries", 12.0, 10.0)]
    assert rows(ledger, "select state, payload from outbox") == [("due", '{"n": 1}')]
    assert ledger.reports.decided()[0].why == "over its bound"


def test_a_decision_that_fails_leaves_nothing(ledger):
    examined(ledger)
    with pytest.raises(ZeroDivisionError):
        ledger.reports.decide(ledger.reports.claim(), lambda said, seen: 1 / 0)
    assert rows(ledger, "select count(*) from outbox") == [(0,)]


def test_what_was_said_on_a_patch_set_is_known_to_its_next_report(ledger):
    decided(ledger)
    opened(ledger, replace(REPORT, buildset="e" * 32), number=3)
    heard = []
    ledger.reports.decide(ledger.reports.claim(), lambda before, seen: heard.append(before.said) or (
        Decision(Reason.NO_DATA), []))
    assert heard == [{"gerrit": frozenset({("job-a", QUERIES)})}]


def test_two_reports_that_are_decided_at_once_do_not_say_the_same(ledger):
    examined(ledger)
    opened(ledger, replace(REPORT, buildset="e" * 32), number=2)
    works, met, decisions = [ledger.reports.claim(), ledger.reports.claim()], threading.Barrier(2), []

    def weigh(before, seen):
        with suppress(threading.BrokenBarrierError):  # the other one is not to come before this one has ended
            met.wait(0.2)
        return (Decision(Reason.SAID_BEFORE), []) if before.said else (Decision(Reason.OVER, (FINDING,), (EFFECT,)), [])

    in_threads(lambda: decisions.append(ledger.reports.decide(works.pop(), weigh).reason), 2)
    assert sorted(reason.name for reason in decisions) == ["OVER", "SAID_BEFORE"]


# -- deliveries


def test_a_delivery_is_claimed_and_sent_once(ledger):
    decided(ledger)
    claimed = ledger.outbox.claim("gerrit")
    assert claimed.delivery == Delivery("key", "gerrit", "gerrit", {"n": 1})
    assert ledger.outbox.claim("gerrit") is None
    ledger.outbox.settle(claimed, Sent())
    assert ledger.unsettled() == 0


def test_a_delivery_is_kept_for_its_own_kind_and_channel(ledger):
    decided(ledger)
    assert ledger.outbox.claim("irc") is None
    assert ledger.outbox.claim("gerrit", ["elsewhere"]) is None


@pytest.mark.parametrize(("result", "after"), [(Retry("busy", 5), 5), (Retry("unknown", None), 600)])
def test_a_retry_is_due_when_it_says_and_else_when_the_lease_ends(ledger, clock, result, after):
    decided(ledger)
    ledger.outbox.settle(ledger.outbox.claim("gerrit"), result)
    clock.pass_seconds(after - 1)
    assert ledger.outbox.claim("gerrit") is None
    clock.pass_seconds(1)
    assert ledger.outbox.claim("gerrit").tries == 1


def test_a_refused_delivery_is_not_claimed_again_and_was_not_said(ledger, clock):
    decided(ledger, delivery_key(REPORT, "gerrit", "gerrit"))
    ledger.outbox.settle(ledger.outbox.claim("gerrit"), Refused("change is deleted"))
    clock.pass_seconds(10_000)
    assert ledger.outbox.claim("gerrit") is None
    assert status(ledger.store).refused == 1
    assert rows(ledger, "select count(*) from said") == [(0,)]


def test_a_pending_delivery_is_never_quarantined(ledger, clock):
    decided(ledger)
    for _ in range(20):
        assert ledger.outbox.claim("gerrit") is not None
        clock.pass_seconds(601)


# -- faults and upkeep


def test_an_event_whose_process_dies_each_time_is_quarantined(ledger, clock):
    ledger.inbox.put(event(), "test")
    ledger.inbox.put(event(2), "test")
    for _ in range(5):
        assert ledger.inbox.claim().line == event()
        assert ledger.inbox.claim().line == event(2)
        clock.pass_seconds(601)
    assert ledger.inbox.claim() is None
    assert ledger.inbox.claim() is None
    assert status(ledger.store).quarantined == 2


def test_an_error_is_tried_again_and_quarantined_with_its_reason(ledger, clock):
    ledger.inbox.put(event(), "test")
    for _ in range(5):
        assert status(ledger.store).quarantined == 0
        ledger.inbox.fault(ledger.inbox.claim(), "KeyError: 'x'")
        clock.pass_seconds(60)
    assert status(ledger.store).quarantined_why == "KeyError: 'x'"
    assert ledger.inbox.claim() is None


CLAIMS = """\
import sys, time
from counterbot.ledger import Ledger
ledger = Ledger(sys.argv[1], lambda: int(sys.argv[2]))
print(ledger.inbox.claim().line.decode(), flush=True)
time.sleep(600)
"""


def test_what_a_killed_process_had_claimed_is_taken_up_at_once(ledger, url, clock):
    ledger.inbox.put(event(), "test")
    with subprocess.Popen([sys.executable, "-c", CLAIMS, url, str(clock())], stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdout.readline().strip() == event()
        assert ledger.take_up() == 0  # it lives
        assert ledger.inbox.claim() is None
        os.kill(other.pid, signal.SIGKILL)
    assert ledger.take_up() == 1
    assert ledger.inbox.claim().line == event()
    assert ledger.take_up() == 0  # our own


@pytest.mark.parametrize(("old", "new", "dead"), [
    ("pid:[", "pid:[9", True),
    (f" {os.getpid()} ", " 4194305 ", True),  # more than there are pids
    (socket.gethostname(), "elsewhere", False),
    ("", "", False),
], ids=["a container that was started again", "gone", "of another host", "this one"])
def test_who_has_ended(old, new, dead):
    assert owner.is_dead(owner.mark().replace(old, new, 1)) is dead


def test_pruning_forgets_settled_work_and_keeps_the_history_and_what_is_pending(ledger, clock):
    decided(ledger, finding=replace(FINDING, subject=Subject(Kind.FAILURE, "")))
    clock.pass_seconds(3 * 86_400)
    ledger.prune(keep=86_400 * SECOND, counters=10**14)
    tables = ("inbox", "reports", "builds", "report_builds", "readings", "findings", "said", "outbox", "runs",
              "samples")
    counts = {table: rows(ledger, f"select count(*) from {table}")[0][0] for table in tables}
    assert counts == dict.fromkeys(tables, 0) | {"outbox": 1, "runs": 2, "samples": 2}


def test_pruning_keeps_a_report_with_a_late_build(ledger, clock):
    opened(ledger)
    clock.pass_seconds(1200)
    ledger.reports.decide(ledger.reports.claim(), lambda said, seen: (Decision(Reason.NO_DATA), []))
    clock.pass_seconds(3 * 86_400)
    ledger.prune(keep=86_400 * SECOND, counters=10**14)
    assert ledger.builds.claim().patchset == REPORT.patchset


# -- a database in trouble


def test_a_lock_that_passes_is_waited_for(tmp_path, clock):
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("ROLLBACK")

    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock, wait=wait)
    impatient(ledger)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert ledger.inbox.put(event(), "test")
    assert len(waits) == 3
    assert waits == sorted(waits)


def impatient(ledger):
    """SQLite does not wait for a lock by itself."""
    ledger.store.engine.dispose()
    listen.listen(ledger.store.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))


def test_a_lock_that_does_not_pass_ends_it_after_minutes(tmp_path, clock):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock, wait=lambda seconds: clock.pass_seconds(seconds))
    impatient(ledger)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = clock()
    with pytest.raises(LedgerError, match=r"sqlite:///.*ledger\.db: database is locked"):
        ledger.inbox.put(event(), "test")
    assert 300 <= (clock() - began) / SECOND < 330
    other.close()


def test_a_stop_ends_the_waiting(tmp_path, clock):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock, wait=lambda seconds: True)
    impatient(ledger)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError):
        ledger.inbox.put(event(), "test")
    other.close()


def fill(ledger):
    for number in range(2, 400):
        ledger.inbox.put(json.dumps({"type": "x" * 2000, "n": number}).encode(), "test")


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path, clock):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    ledger.inbox.put(event(), "test")
    with ledger.store.engine.connect() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar()
    ledger.store.engine.dispose()

    @listen.listens_for(ledger.store.engine, "connect")
    def limit(connection, _record):
        connection.execute(f"pragma max_page_count={pages}")

    with pytest.raises(LedgerError, match="database or disk is full"):
        fill(ledger)
    ledger.store.engine.dispose()
    listen.remove(ledger.store.engine, "connect", limit)
    assert ledger.inbox.put(b'{"type": "after"}', "test")
    assert ledger.inbox.claim().line == event()
    ledger.close()


def test_a_database_that_cannot_be_opened_is_told(tmp_path, clock):
    (tmp_path / "text").write_text("title: a rule\n")
    for path, why in (("no/such/folder.db", "no/such: no such folder; 'database' in the configuration names it"),
                      ("text/a.db", "text: no folder; 'database' in the configuration names a file in it"),
                      ("text/a/b.db", "text/a: no such folder; 'database' in the configuration names it"),
                      ("", ": a folder; 'database' in the configuration must name a file"),
                      ("text", "text: no SQLite database; move it away, or correct 'database' in the configuration")):
        for attempt in (Ledger, tried):
            with pytest.raises(LedgerError) as told:
                attempt(f"sqlite:///{tmp_path}/{path}")
            assert str(told.value) == f"{tmp_path}/{why}".replace("/:", ":")
    assert (tmp_path / "text").read_text() == "title: a rule\n"


@contextmanager
def as_nobody():
    """Without the rights of root, who may write everywhere; anybody else has none anyway."""
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        yield pwd.getpwuid(os.geteuid()).pw_name
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(("folder", "file", "why"), [
    (0o555, 0o666, "d: user {} may not write in this folder, where SQLite keeps files beside the database"),
    (0o555, None, "d: user {} may not write in this folder, where SQLite keeps files beside the database"),
    (0o777, 0o444, "d/a.db: user {} may not write to this file"),
    (0o777, 0o000, "d/a.db: user {} may not read this file"),
    (0o700, 0o666, "d: user {} may not look into this folder"),
])
def test_a_database_that_may_not_be_written_is_told(tmp_path, monkeypatch, folder, file, why):
    monkeypatch.chdir(tmp_path)  # whose own path may be closed to others
    (tmp_path / "d").mkdir()
    if file is not None:
        Ledger(f"sqlite:///{tmp_path}/made.db").close()
        shutil.copy(tmp_path / "made.db", tmp_path / "d/a.db")  # what root has opened, SQLite may use again
        (tmp_path / "d/a.db").chmod(file)
    tmp_path.chmod(0o755)
    (tmp_path / "d").chmod(folder)
    with as_nobody() as name:
        for attempt in (Ledger, tried):
            with pytest.raises(LedgerError) as told:
                attempt("sqlite:///d/a.db")
            told_to_do = "; change its owner or mode, or 'database' in the configuration"
            assert str(told.value) == why.format(name) + told_to_do
    (tmp_path / "d").chmod(0o755)


def test_whether_there_is_a_database_in_a_closed_folder_is_not_to_be_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0)
    tmp_path.chmod(0o755)
    with as_nobody() as name, pytest.raises(LedgerError, match=f"^d: user {name} may not look into this folder; "):
        exists("sqlite:///d/a.db")
    (tmp_path / "d").chmod(0o755)


def test_a_file_beside_the_database_that_may_not_be_written_is_told(tmp_path, monkeypatch):
    """SQLite itself is unable to open the database file then."""
    monkeypatch.chdir(tmp_path)
    Ledger("sqlite:///a.db").close()
    (tmp_path / "a.db").chmod(0o666)
    (tmp_path / "a.db-wal").write_bytes(b"")
    (tmp_path / "a.db-wal").chmod(0o444)
    tmp_path.chmod(0o777)
    with as_nobody() as name, pytest.raises(LedgerError, match=f"^a.db-wal: user {name} may not write to this file; "):
        Ledger("sqlite:///a.db")


def test_a_link_to_a_database_in_a_missing_folder_is_told(tmp_path):
    (tmp_path / "a.db").symlink_to(tmp_path / "none/a.db")
    with pytest.raises(LedgerError, match=f"^{tmp_path}/none: no such folder; "):
        Ledger(f"sqlite:///{tmp_path}/a.db")


@pytest.mark.parametrize("proposed", [False, True])
@pytest.mark.parametrize(("login", "more"), [
    ("mysql_clear_password", []), ("dialog", []), ("sha256_password", []), ("caching_sha2_password", [WHOLE]),
    ("auth_gssapi_client", []),
])
def test_mariadb_does_not_learn_the_password(login, more, proposed):
    with closing(MySQLServer()) as server:
        server.proposes = login if proposed else server.proposes
        server.exchange = [switch(login), *more, error(1045, "no")]
        for attempt in (Ledger, tried):
            with pytest.raises(LedgerError, match=f": the server wants a login by {login}, and the bot takes only"):
                attempt(f"mysql+pymysql://bot@127.0.0.1:{server.port}/counterbot", password=server.password)
    assert len(server.logins) == 2, "nothing was said after the greeting's scrambled password"
    assert server.password.encode() not in b"".join(server.logins)


def test_a_driver_that_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for attempt in (Ledger, tried):
        with pytest.raises(LedgerError, match=r"psycopg.*; install the Python package counterbot\[postgresql\]$"):
            attempt("postgresql+psycopg://bot@127.0.0.1/counterbot")


def test_a_ledger_is_tried(ledger):
    assert tried(ledger.store.engine.url.render_as_string(hide_password=False)) == "version 0006, may be written"


def test_a_database_is_tried_and_left_as_it_is(tmp_path):
    path = tmp_path / "ledger.db"
    url = f"sqlite:///{path}"
    assert tried(url) == "not there yet; the bot makes it at its start"
    assert list(tmp_path.iterdir()) == []
    path.touch()
    assert tried(url) == "empty; the bot makes its tables at its start"
    path.unlink()
    Ledger(url).close()
    assert tried(url) == "version 0006, may be written"
    with sqlite3.connect(path) as database:
        database.execute("update alembic_version set version_num = '9999'")
    database.close()
    with pytest.raises(LedgerError, match="version 9999 is not of this version of counterbot, but of a later one"):
        tried(url)


def test_a_database_of_the_version_before_is_tried_and_not_carried_over(tmp_path):
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.executescript((ROOT / "tests/samples/ledger/0001.sql").read_text())
    database.close()
    assert tried(f"sqlite:///{tmp_path}/ledger.db") == "version 0001; the bot brings it to 0006 at its start"
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("0001",)]
    database.close()


# -- a database of the version before


def test_a_build_that_a_report_waits_for_is_still_due_when_it_is_carried_over(tmp_path, clock):
    """Another report on it was decided, which dropped its counters."""
    old = sqlite3.connect(tmp_path / "ledger.db")
    old.executescript((ROOT / "tests/samples/ledger/0001.sql").read_text())
    old.execute("update builds set state = 'due', outcome = null, counters = null where report = 2")
    old.commit()
    old.close()
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    clock.pass_seconds(601)
    due = [ledger.builds.claim() for _ in range(4)]
    assert sorted(work.link.job for work in due if work) == ["job-a", "job-c", "job-d"]
    assert due[0].readers == (Reader.COUNTERS,)
    ledger.close()


@pytest.mark.parametrize("version", ["0001", "0002", "0003", "0005"])
def test_a_ledger_of_a_version_before_is_carried_over(tmp_path, clock, version):
    old = sqlite3.connect(tmp_path / "ledger.db")
    old.executescript((ROOT / f"tests/samples/ledger/{version}.sql").read_text())
    old.close()
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    assert differences(ledger, compare_type=False) == []  # SQLite holds nobody to the lengths of columns
    assert [(report.change, report.why) for report in ledger.reports.decided()] == [(7, "over its bound")]
    assert samples(ledger) == [("job-a", "mysql.Com_select", 3.0), ("job-a", "mysql.Queries", 12.0)]
    assert rows(ledger, "select job, kind, subject from findings") == [("job-a", "counter", "mysql.Queries")]
    assert ledger.inbox.claim().line == b'{"type":"waiting"}'
    assert ledger.outbox.claim("gerrit") is None
    assert ledger.outbox.claim("irc").delivery.payload == {"text": "x"}
    clock.pass_seconds(2)
    due = [ledger.builds.claim() for _ in range(3)]
    assert sorted(work.link.job for work in due if work) == ["job-c", "job-d"]
    late = next(work for work in due if work and work.link.job == "job-c")
    assert (late.tries, late.why, late.late) == (2, "404", False)
    ledger.builds.note(late, build(late.link.uuid), NOTHING)
    second = ledger.reports.claim()
    assert [each.link.job for each in second.builds] == ["job-a", "job-c"]
    assert second.builds[0].readings[Reader.COUNTERS].found.values["mysql.Queries"] == 12
    heard = []
    ledger.reports.decide(second, lambda before, seen: heard.append(before.said) or (Decision(Reason.NO_DATA), []))
    assert heard == [{"gerrit": frozenset({("job-a", QUERIES)}), "#qa": frozenset({("job-a", QUERIES)})}]
    ledger.close()


def test_the_failed_runs_of_a_version_before_are_failures(tmp_path, clock):
    old = sqlite3.connect(tmp_path / "ledger.db")
    old.executescript((ROOT / "tests/samples/ledger/0003.sql").read_text())
    old.close()
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    [found] = ledger.failures.unexplained(days=7)
    assert (found.job, found.change, found.seconds, found.tests) == ("job-e", 8, None, ())
    assert ledger.failures.unexplained(days=7, rules=["1254890"]) == []
    ledger.close()
