"""``counterbot series list``, ``stable`` and ``predictors``, on a database with the counters of merged code's runs."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from counterbot.core.model import Build, Counters, Reader, Reading, State
from counterbot.engine.analyse import Analyst
from counterbot.files.config import LearnedBounds
from counterbot.ledger import Ledger, history
from tests.edges.test_failures_commands import CONFIG

ROOT = Path(__file__).parents[2]
HOUR = 3_600_000
NOW = int(time.time() * 1000)


class Site:
    """A folder with a configuration and a database."""

    def __init__(self, folder):
        self.folder, self.count, self.random = folder, 0, random.Random(3)
        (folder / "queries").mkdir()
        (folder / "config.yaml").write_text(CONFIG)
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db", lambda: NOW)

    def run(self, values, job="tempest-full", result="SUCCESS", seconds=3600.0, pipeline="gate",
            branch="master"):
        self.count += 1
        build = Build(f"{self.count:032x}", job, result, True, "openstack/nova", branch, pipeline, "http://127.0.0.1:1/",
                      ended=NOW - (1000 - self.count) * HOUR, change=self.count, patchset=1, seconds=seconds,
                      tenant="openstack")
        found = {Reader.COUNTERS: Reading(State.READ, found=Counters(values, delta=True))}
        self.ledger.store.write(lambda under_way: history.keep(under_way, build, None, found))

    def runs(self, count, result="SUCCESS", queries=1_200_000, **more):
        for _ in range(count):
            self.run({"mysql.Queries": round(queries * self.random.gauss(1, 0.004)),
                      "mysql.Slow": round(50 * self.random.gauss(1, 0.3)), "memory.nova": 2**31}, result=result, **more)

    def learns(self):
        analyst = Analyst(self.ledger, LearnedBounds())
        while analyst.step():
            pass

    def prints(self, *arguments):
        ran = subprocess.run([sys.executable, "-m", "counterbot", "series", *arguments, "-c", "config.yaml"],
                             cwd=self.folder, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True,
                             check=False)
        return ran.returncode, ran.stdout, ran.stderr


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.ledger.close()


def test_what_is_known_of_every_series(site):
    site.runs(60)
    site.learns()
    site.runs(2, job="grenade")
    status, out, err = site.prints("list")
    assert (status, err) == (0, "")
    head, *rows = [line.split() for line in out.splitlines()]
    assert head == ["JOB", "BRANCH", "COUNTER", "RUNS", "USUAL", "BOUND", "CAUGHT", "SINCE", "STABLE"]
    assert [row[:4] for row in rows] == [
        [job, "master", counter, runs] for job, runs in (("grenade", "0"), ("tempest-full", "60"))
        for counter in ("memory.nova", "mysql.Queries", "mysql.Slow")]
    assert " ".join(rows[0][4:]) == "not looked at yet"
    assert (rows[3][4], rows[3][5], rows[3][-1]) == ("2,147,483,648", "2,168,958,484", "yes")
    assert rows[5][5] != "yes"


def test_the_steadiest_come_first(site):
    site.runs(60)
    site.learns()
    found = json.loads(site.prints("stable", "--json", "--job", "tempest-full")[1])
    assert [(each["counter"], each["stable"]) for each in found] == [
        ("memory.nova", True), ("mysql.Queries", True), ("mysql.Slow", False)]
    assert found[0]["smallest_caught"] == pytest.approx(0.01)
    assert found[2]["why"][-1].startswith("a rise of less than ")
    assert found[2]["bound"] is None


def test_what_foretells_failure(site):
    site.runs(40)
    site.runs(15, result="FAILURE", queries=1_300_000)
    status, out, err = site.prints("predictors")
    assert (status, err) == (0, "")
    head, first = out.splitlines()
    assert head.split() == ["JOB", "BRANCH", "COUNTER", "AREA", "FROM", "TO", "FAILED", "PASSED"]
    assert first.split() == ["tempest-full", "master", "mysql.Queries", "100%", "78%", "100%", "15", "40",
                             "higher", "in", "failed", "runs"]
    [found] = json.loads(site.prints("predictors", "--json")[1])
    assert (found["job"], found["failed"], found["passed"], found["why"]) == ("tempest-full", 15, 40, "")
    assert {each["counter"]: each["per_second"] is None for each in found["counters"]} == {
        "mysql.Queries": False, "mysql.Slow": False, "memory.nova": True}
    assert len(site.prints("predictors", "--all")[1].splitlines()) == 4


def test_too_few_failures_tell_nothing(site):
    site.runs(40)
    site.runs(3, result="FAILURE")
    assert site.prints("predictors") == (0, "", (
        "tempest-full on master: only 3 of 43 runs failed: with fewer than 10 the area under the curve is uncertain by"
        " 0.18 or more\n"))


@pytest.mark.parametrize("command", ["list", "stable", "predictors"])
def test_an_empty_history_says_what_to_do(site, command):
    assert site.prints(command, "--job", "x") == (0, (
        "No counters are in the history yet of job x. Those of every build of a job that 'learned.jobs' names go there"
        " as builds end; 'counterbot backfill --days 30' reads past ones.\n"), "")
