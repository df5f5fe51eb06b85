"""The ledger on a real SQLite file: what is noted stays, what is claimed is claimed once."""

import json
import sqlite3
import threading
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from counterbot.core.decide import Decision, Effect, Reason, State
from counterbot.core.model import (
    OMITTED,
    Build,
    BuildLink,
    Counters,
    Delivery,
    Finding,
    PatchSet,
    Refused,
    Report,
    Retry,
    Sent,
)
from counterbot.ledger import Ledger, LedgerError, Lost, schema
from counterbot.ledger.status import status

UUIDS = ("a" * 32, "b" * 32)
REPORT = Report(PatchSet("review", "openstack/nova", "master", 7, 1, "https://review/7"), "check", "c" * 32,
                tuple(BuildLink(f"job-{uuid[0]}", f"https://zuul/build/{uuid}", uuid) for uuid in UUIDS))
FINDING = Finding("job-a", UUIDS[0], "rule", "mysql.Queries", 12, 10)
EFFECT = Effect("gerrit", "gerrit", (FINDING,))
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


def event(number=1):
    return json.dumps({"type": "comment-added", "n": number}).encode()


def opened(ledger):
    ledger.put(event(), "test")
    assert ledger.open_report(ledger.claim_event(), REPORT, deadline=1200 * SECOND, settle=0)


def build(uuid):
    return Build(uuid, f"job-{uuid[0]}", "SUCCESS", True, "openstack/nova", "master", "check", "https://logs/", (), 5)


def observed_all(ledger):
    opened(ledger)
    for _ in UUIDS:
        work = ledger.claim_build()
        ledger.observe(work, State.COUNTED, "", build(work.link.uuid), Counters({"mysql.Queries": 12}))


def test_a_buildset_gives_way_to_its_builds(ledger):
    ledger.put(event(), "test")
    omitted = BuildLink(OMITTED, "https://zuul/t/a/buildset/" + "e" * 32, "e" * 32)
    ledger.open_report(ledger.claim_event(), replace(REPORT, omitted=omitted), deadline=1200 * SECOND, settle=0)
    works = [ledger.claim_build() for _ in range(len(UUIDS) + 1)]
    for work in works[:-1]:
        ledger.observe(work, State.COUNTED, "", build(work.link.uuid), Counters({"mysql.Queries": 12}))
    assert works[-1].link == omitted
    assert ledger.claim_report() is None  # not before the omitted are known
    more = BuildLink("more", "https://zuul/t/a/build/" + "f" * 32, "f" * 32)
    ledger.unfold(works[-1], [*REPORT.builds, more])
    with pytest.raises(Lost):
        ledger.unfold(works[-1], [more])
    work = ledger.claim_build()
    assert (work.link, ledger.claim_build()) == (more, None)
    ledger.observe(work, State.NONE, "", None, None)
    assert [noted.link for noted in ledger.claim_report().builds] == [*REPORT.builds, more]


def test_a_buildset_without_more_builds_makes_its_report_due(ledger):
    ledger.put(event(), "test")
    omitted = BuildLink(OMITTED, "https://zuul/t/a/buildset/" + "e" * 32, "e" * 32)
    report = replace(REPORT, builds=(), omitted=omitted)
    ledger.open_report(ledger.claim_event(), report, deadline=1200 * SECOND, settle=0)
    ledger.unfold(ledger.claim_build(), [])
    assert ledger.claim_report().builds == ()


def decided(ledger, key="key"):
    observed_all(ledger)
    weigh = lambda said: (Decision(Reason.OVER, (FINDING,), (EFFECT,)), [Delivery(key, "gerrit", "gerrit", {"n": 1})])
    return ledger.decide(ledger.claim_report(), weigh)


def test_the_migrations_give_the_schema(ledger):
    with ledger.store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []


def test_a_ledger_is_opened_again_as_it_was(url, clock):
    first = Ledger(url, clock)
    first.put(event(), "test")
    first.close()
    second = Ledger(url, clock)
    assert second.claim_event().line == event()
    second.close()


def test_the_same_event_comes_in_once(ledger):
    assert ledger.put(b'{"type": "x", "a": 1, "b": 2}', "one")
    assert not ledger.put(b'{"b":2,"a":1,"type":"x"}', "two")
    assert not ledger.put(b'{"type": "x", "a": 1, "b": 2}\r', "three")


def test_a_line_that_is_no_event_is_taken_in_too(ledger):
    assert ledger.put(b'{"type":', "test")
    assert ledger.claim_event().line == b'{"type":'


def test_a_claim_is_nobody_elses_until_its_lease_ends(ledger, clock):
    ledger.put(event(), "test")
    first = ledger.claim_event()
    assert ledger.claim_event() is None
    clock.pass_seconds(601)
    second = ledger.claim_event()
    assert second.line == first.line
    with pytest.raises(Lost):
        ledger.ignore(first, "too late")
    ledger.ignore(second, "in time")


def test_many_threads_claim_each_event_once(url, clock):
    ledger = Ledger(url, clock)
    for number in range(60):
        ledger.put(event(number), "test")
    got, errors = [], []

    def work():
        try:
            while (claim := ledger.claim_event()) is not None:
                got.append(claim.line)
                ledger.ignore(claim, "done")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert sorted(got) == sorted(event(number) for number in range(60))
    ledger.close()


def test_an_ignored_event_keeps_its_digest_and_loses_its_line(ledger, tmp_path):
    ledger.put(event(), "test")
    ledger.ignore(ledger.claim_event(), "event type x")
    assert not ledger.put(event(), "again")
    rows = sqlite3.connect(tmp_path / "ledger.db").execute("select line, state, why from inbox").fetchall()
    assert rows == [(None, "ignored", "event type x")]


def test_a_report_from_two_events_is_one(ledger):
    opened(ledger)
    ledger.put(event(2), "test")
    assert not ledger.open_report(ledger.claim_event(), REPORT, deadline=0, settle=0)


def test_a_report_is_due_when_all_its_builds_have_an_outcome(ledger):
    opened(ledger)
    ledger.observe(ledger.claim_build(), State.NONE, "", build(UUIDS[0]), None)
    assert ledger.claim_report() is None
    ledger.observe(ledger.claim_build(), State.COUNTED, "", build(UUIDS[1]), Counters({"g.n": 1}))
    work = ledger.claim_report()
    assert [noted.state for noted in work.builds] == [State.NONE, State.COUNTED]
    assert work.builds[1].counters == Counters({"g.n": 1})
    assert work.builds[1].build == build(UUIDS[1])
    assert work.report == REPORT


def test_a_report_is_due_at_its_deadline(ledger, clock):
    opened(ledger)
    ledger.later(ledger.claim_build(), "404", 30 * SECOND)
    assert ledger.claim_report() is None
    clock.pass_seconds(1200)
    work = ledger.claim_report()
    assert [(noted.state, noted.why, noted.tried) for noted in work.builds] == [(None, "404", 1), (None, "", 0)]


def test_builds_wait_for_the_settle_delay(ledger, clock):
    ledger.put(event(), "test")
    ledger.open_report(ledger.claim_event(), REPORT, deadline=1200 * SECOND, settle=5 * SECOND)
    assert ledger.claim_build() is None
    clock.pass_seconds(5)
    assert ledger.claim_build().link == REPORT.builds[0]


def test_a_late_build_goes_to_the_history(ledger, clock, tmp_path):
    opened(ledger)
    ledger.later(ledger.claim_build(), "404", SECOND)
    ledger.later(ledger.claim_build(), "404", SECOND)
    clock.pass_seconds(1200)
    ledger.decide(ledger.claim_report(), lambda said: (Decision(Reason.NO_DATA), []))
    work = ledger.claim_build()
    assert work.late
    ledger.observe(work, State.COUNTED, "", build(work.link.uuid), Counters({"mysql.Queries": 12}))
    assert ledger.claim_report() is None
    assert samples(tmp_path) == [("job-" + work.link.uuid[0], "mysql.Queries", 12.0)]


def samples(tmp_path):
    return sqlite3.connect(tmp_path / "ledger.db").execute(
        "select s.job, s.counter, m.value from samples m join series s on s.id = m.series").fetchall()


def test_a_build_in_two_reports_is_sampled_once(ledger, tmp_path):
    observed_all(ledger)
    ledger.put(event(2), "test")
    other = Report(REPORT.patchset, "check", "d" * 32, REPORT.builds)
    ledger.open_report(ledger.claim_event(), other, deadline=SECOND, settle=0)
    for _ in UUIDS:
        work = ledger.claim_build()
        ledger.observe(work, State.COUNTED, "", build(work.link.uuid), Counters({"mysql.Queries": 12}))
    assert len(samples(tmp_path)) == 2


def test_totals_and_differences_are_different_series(ledger, tmp_path):
    opened(ledger)
    for delta in (True, False):
        work = ledger.claim_build()
        same_job = Build(**{**vars(build(work.link.uuid)), "job": "tempest"})
        ledger.observe(work, State.COUNTED, "", same_job, Counters({"g.n": 1}, delta=delta))
    rows = sqlite3.connect(tmp_path / "ledger.db").execute("select job, delta from series order by delta").fetchall()
    assert rows == [("tempest", 0), ("tempest", 1)]


def test_totals_mixed_with_differences_stay_out_of_the_history_and_are_judged(ledger, tmp_path):
    opened(ledger)
    for uuid in UUIDS:
        mixed = Counters({"g.n": 1}, mixed=True)
        ledger.observe(ledger.claim_build(), State.COUNTED, "", build(uuid), mixed)
    assert samples(tmp_path) == []
    assert sqlite3.connect(tmp_path / "ledger.db").execute("select count(*) from runs").fetchone() == (len(UUIDS),)
    assert [noted.counters for noted in ledger.claim_report().builds] == [mixed] * len(UUIDS)


def test_a_decision_leaves_findings_and_what_is_owed_at_once(ledger, tmp_path):
    decided(ledger)
    database = sqlite3.connect(tmp_path / "ledger.db")
    assert database.execute("select rule, counter, value, bound from findings").fetchall() == \
        [("rule", "mysql.Queries", 12.0, 10.0)]
    assert database.execute("select state, payload from outbox").fetchall() == [("due", '{"n": 1}')]
    assert database.execute("select count(*) from builds where counters is not null").fetchone() == (0,)
    assert ledger.reports()[0].why == "over its bound"


def test_a_decision_that_fails_leaves_nothing(ledger, tmp_path):
    observed_all(ledger)
    work = ledger.claim_report()

    def weigh(said):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.decide(work, weigh)
    assert sqlite3.connect(tmp_path / "ledger.db").execute("select count(*) from outbox").fetchone() == (0,)


def test_what_was_said_on_a_patch_set_is_known_to_its_next_report(ledger):
    decided(ledger)
    ledger.put(event(3), "test")
    ledger.open_report(ledger.claim_event(), Report(REPORT.patchset, "check", "e" * 32, REPORT.builds[:1]),
                       deadline=0, settle=0)
    heard = []
    ledger.decide(ledger.claim_report(), lambda said: heard.append(said) or (Decision(Reason.SAID_BEFORE), []))
    assert heard == [{"gerrit": frozenset({("job-a", "mysql.Queries")})}]


def test_a_delivery_is_claimed_and_sent_once(ledger):
    decided(ledger)
    claimed = ledger.claim_delivery("gerrit")
    assert claimed.delivery == Delivery("key", "gerrit", "gerrit", {"n": 1})
    assert ledger.claim_delivery("gerrit") is None
    ledger.settle_delivery(claimed, Sent())
    assert ledger.unsettled() == 0


def test_a_delivery_is_kept_for_its_own_kind_and_channel(ledger):
    decided(ledger)
    assert ledger.claim_delivery("irc") is None
    assert ledger.claim_delivery("gerrit", ["elsewhere"]) is None


@pytest.mark.parametrize(("result", "after"), [(Retry("busy", 5), 5), (Retry("unknown", None), 600)])
def test_a_retry_is_due_when_it_says_and_else_when_the_lease_ends(ledger, clock, result, after):
    decided(ledger)
    ledger.settle_delivery(ledger.claim_delivery("gerrit"), result)
    clock.pass_seconds(after - 1)
    assert ledger.claim_delivery("gerrit") is None
    clock.pass_seconds(1)
    assert ledger.claim_delivery("gerrit").tries == 1


def test_a_refused_delivery_is_not_claimed_again(ledger, clock):
    decided(ledger)
    ledger.settle_delivery(ledger.claim_delivery("gerrit"), Refused("change is deleted"))
    clock.pass_seconds(10_000)
    assert ledger.claim_delivery("gerrit") is None
    assert status(ledger.store).refused == 1


def test_what_is_owed_is_never_put_aside(ledger, clock):
    decided(ledger)
    for _ in range(20):
        assert ledger.claim_delivery("gerrit") is not None
        clock.pass_seconds(601)


def test_an_event_whose_worker_dies_each_time_is_put_aside(ledger, clock):
    ledger.put(event(), "test")
    ledger.put(event(2), "test")
    for _ in range(5):
        assert ledger.claim_event().line == event()
        assert ledger.claim_event().line == event(2)
        clock.pass_seconds(601)
    assert ledger.claim_event() is None
    assert ledger.claim_event() is None
    assert status(ledger.store).quarantined == 2


def test_an_error_is_tried_again_and_put_aside_with_its_reason(ledger, clock):
    ledger.put(event(), "test")
    for _ in range(5):
        ledger.note_fault(ledger.claim_event(), "KeyError: 'x'")
        clock.pass_seconds(60)
    assert ledger.claim_event() is None
    assert status(ledger.store).quarantined_why == "KeyError: 'x'"


def test_waiting_for_logs_is_no_fault(ledger, clock):
    opened(ledger)
    for _ in range(20):
        while (work := ledger.claim_build()) is not None:
            ledger.later(work, "404", SECOND)
        clock.pass_seconds(1)
    assert status(ledger.store).quarantined == 0


def test_pruning_forgets_settled_work_and_keeps_samples_and_what_is_owed(ledger, clock, tmp_path):
    decided(ledger)
    clock.pass_seconds(3 * 86400)
    ledger.prune(keep=86400 * SECOND)
    database = sqlite3.connect(tmp_path / "ledger.db")
    counts = {table: database.execute(f"select count(*) from {table}").fetchone()[0]
              for table in ("inbox", "reports", "builds", "findings", "said", "outbox", "samples")}
    assert counts == {"inbox": 0, "reports": 0, "builds": 0, "findings": 0, "said": 0, "outbox": 1, "samples": 2}


def fill(ledger):
    for number in range(2, 400):
        ledger.put(json.dumps({"type": "x" * 2000, "n": number}).encode(), "test")


def test_a_full_disk_is_told_and_nothing_is_lost(ledger, tmp_path):
    ledger.put(event(), "test")
    with ledger.store.engine.connect() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar()
    ledger.store.engine.dispose()
    from sqlalchemy import event as listen

    @listen.listens_for(ledger.store.engine, "connect")
    def limit(connection, _record):
        connection.execute(f"pragma max_page_count={pages}")

    with pytest.raises(LedgerError, match="database or disk is full"):
        fill(ledger)
    ledger.store.engine.dispose()
    listen.remove(ledger.store.engine, "connect", limit)
    assert ledger.put(b'{"type": "after"}', "test")
    assert ledger.claim_event().line == event()


def test_a_database_that_cannot_be_opened_is_told(tmp_path, clock):
    with pytest.raises(LedgerError, match="unable to open database file"):
        Ledger(f"sqlite:///{tmp_path}/no/such/folder.db", clock)
