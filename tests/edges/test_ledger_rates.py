"""What the ledger tells of how a job's builds ended, with their counters."""

import math

import pytest

from counterbot.core.model import Build, BuildLink, Counters, Failure, Hit, Reader, Reading, State
from counterbot.ledger import Ledger
from counterbot.ledger.samples import Group

JOB, NOW = ("openstack", "tempest", "master"), 1_800_000_000_000
DAY = 86_400_000


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: NOW)
    yield ledger
    ledger.close()


def note(ledger, number, result="SUCCESS", values=None, hits=(), days=1, **of):
    build = Build(f"{number:032x}", of.get("job", "tempest"), result, True, "nova", of.get("branch", "master"),
                  of.get("pipeline", "gate"), None, ended=NOW - days * DAY + number, seconds=of.get("seconds", 60.0),
                  tenant=of.get("tenant", "openstack"), change=number)
    found = {Reader.FAILURE: Reading(State.READ, "", Failure(hits))}
    if values:
        found[Reader.COUNTERS] = Reading(State.READ, "", Counters(values, delta=True))
    ledger.builds.ask(BuildLink("tempest", "https://zuul/", build.uuid), build, list(found))
    ledger.builds.note(ledger.builds.claim(past=True), build, found)


def test_runs_with_their_counters(ledger):
    note(ledger, 1, values={"mysql.Queries": 10, "mysql.Com_select": 3})
    note(ledger, 2, "FAILURE", {"mysql.Queries": 7}, seconds=None)
    note(ledger, 3, "FAILURE", {"mysql.Queries": 5}, (Hit("site", "console", 1, "down"),))
    note(ledger, 4, "FAILURE")
    note(ledger, 5, "CANCELED", {"mysql.Queries": 1})
    note(ledger, 6, values={"mysql.Queries": 2}, days=9)
    for number, of in enumerate(({"job": "other"}, {"branch": "stable/1"}, {"tenant": "other"}), 7):
        note(ledger, number, values={"mysql.Queries": 9}, **of)
    found = ledger.samples.outcomes(Group(*JOB, delta=True), NOW - 7 * DAY, ["site"])
    assert found.failed == [False, True]
    assert found.seconds[0] == 60
    assert math.isnan(found.seconds[1])
    assert found.values["mysql.Queries"] == [10, 7]
    assert found.values["mysql.Com_select"][0] == 3
    assert math.isnan(found.values["mysql.Com_select"][1])
    assert ledger.samples.outcomes(Group(*JOB, delta=False), NOW - 7 * DAY).values == {}


def test_builds_and_jobs_by_pipeline(ledger):
    note(ledger, 1, pipeline="periodic-weekly")
    note(ledger, 2, "TIMED_OUT")
    note(ledger, 3, pipeline="check", job="unit")
    jobs, newest = ledger.rates.jobs(["gate", "periodic*"], None)
    assert jobs == [JOB]
    assert ledger.rates.jobs(["*"], newest) == ([], newest)
    builds = ledger.rates.ended(JOB, ["gate", "periodic*"], 7, [])
    assert [(build.failed, build.pipeline) for build in builds] == [(False, "periodic-weekly"), (True, "gate")]
    assert [build.failed for build in ledger.rates.ended(JOB, ["gate"], 7, [])] == [True]
