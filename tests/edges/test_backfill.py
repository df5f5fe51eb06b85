"""``counterbot backfill`` as a process beside a loopback Zuul; and what it decides, as tables."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from counterbot.core.model import Build, Reader
from counterbot.core.needs import Jobs
from counterbot.core.rules import Bound, Fingerprint, Rule, Where
from counterbot.demo import story
from counterbot.demo.sshd import make_key
from counterbot.demo.zuul import Zuul
from counterbot.engine.backfill import IN_FORCE, End, Want, end_of, in_force, lacking
from counterbot.ledger import Ledger, PastBuild
from tests.clock import eventually
from tests.terminal import on_a_terminal
from tests.zuul_server import Answer

ROOT = Path(__file__).parents[2]
CONFIG = """\
gerrit: {{host: 127.0.0.1, username: counterbot, key_file: id_ed25519, host_key: {key}}}
zuul: {{accounts: [zuul], url: {zuul.url}, logs: ["{zuul.logs}"]{tenants}}}
rules: queries
database: sqlite:///counterbot.db
unexplained: {{jobs: {jobs}}}
learned: {{jobs: []}}
"""
LINE = b"2026-11-21 02:07:44.101 | node | ERROR: deadlock found\n"
COUNTERS, FAILURE, LINES = (frozenset({reader}) for reader in Reader)
BOTH = COUNTERS | FAILURE


class Site:
    """A Zuul with builds of yesterday, and the configuration of a bot."""

    def __init__(self, folder):
        self.folder = folder
        self.zuul = Zuul()
        self.key = make_key(folder / "id_ed25519")
        (folder / "queries").mkdir()
        (folder / "queries" / "deadlock.yaml").write_text('query: message:"deadlock found" AND tags:"console"\n')
        self.configure(", tenants: [openstack]")

    def configure(self, tenants, jobs="[]"):
        (self.folder / "config.yaml").write_text(CONFIG.format(
            key=self.key, zuul=self.zuul, tenants=tenants, jobs=jobs))

    def build(self, number, days=1, result="FAILURE", pipeline="check"):
        row = self.zuul.add_build(f"{number:032x}", "tempest-full", {
            "job-output.txt": LINE, "testrepository.subunit": story.stream(None)}, result=result)
        ended = datetime.now(timezone.utc) - timedelta(days=days)
        self.zuul.serve_row({**row, "end_time": ended.isoformat()[:19], "pipeline": pipeline})
        return row

    def manifest(self, row):
        return row["log_url"].removeprefix(self.zuul.url) + "zuul-manifest.json"

    def command(self, *options):
        return [sys.executable, "-m", "counterbot", "backfill", "-c", str(self.folder / "config.yaml"), "--days", "10",
                "--rate", "6000", *options]

    def run(self, *options):
        done = subprocess.run(self.command(*options), capture_output=True, text=True, cwd=ROOT, timeout=60)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    with site.zuul:
        yield site


def test_past_builds_are_read_once(site):
    for number in range(3):
        site.build(number)
    assert site.run() == (0, "3 builds read, 0 without logs, 0 not readable, 0 passed over\n", "")
    assert site.run() == (0, "0 builds read, 0 without logs, 0 not readable, 3 passed over\n", "")


def test_what_cannot_be_read_is_told_with_status_1(site):
    rows = [site.build(number) for number in range(2)]
    site.zuul.answers[site.manifest(rows[0])] = Answer(b"no manifest")
    site.zuul.forget(f"{site.zuul.url}{site.manifest(rows[1])}")
    status, told, reasons = site.run()
    assert (status, told) == (1, "0 builds read, 1 without logs, 1 not readable, 0 passed over\n")
    assert reasons.startswith(f"not readable: tempest-full {rows[0]['uuid']}: zuul-manifest.json")


def test_who_is_killed_while_a_build_is_read_goes_on(site):
    rows = [site.build(number) for number in range(3)]
    name = site.manifest(rows[1])
    whole, site.zuul.answers[name] = site.zuul.answers[name], Answer(b"x" * 1000, pause=1)
    killed = subprocess.Popen(site.command(), cwd=ROOT)
    eventually(lambda: name in site.zuul.requests)
    killed.kill()
    killed.wait(10)
    site.zuul.answers[name] = whole
    assert site.run() == (0, "2 builds read, 0 without logs, 0 not readable, 1 passed over\n", "")
    assert site.zuul.requests.count(site.manifest(rows[2])) == 1


def test_of_watched_jobs_lines_are_read_and_those_of_passing_gate_builds(site):
    site.configure(", tenants: [openstack]", jobs="['tempest-*']")
    rows = [site.build(1), *(site.build(number, result="SUCCESS", pipeline="gate") for number in (2, 3))]
    assert site.run() == (0, "1 build read, 0 without logs, 0 not readable, 2 passed over\n"
                             "2 passing builds looked at, to compare failures with\n", "")
    ledger = Ledger(f"sqlite:///{site.folder}/counterbot.db")
    assert {run.uuid for run, _ in ledger.templates.passing("tempest-full")} == {row["uuid"] for row in rows[1:]}
    ledger.close()
    assert site.run("--job", "tempest-full") == (
        0, "0 builds read, 0 without logs, 0 not readable, 3 passed over\n", "")


def test_who_is_ended_is_told_how_to_go_on(site):
    name = site.manifest(site.build(1))
    site.zuul.answers[name] = Answer(b"x" * 1000, pause=1)
    ended = subprocess.Popen(site.command(), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    eventually(lambda: name in site.zuul.requests)
    ended.send_signal(signal.SIGINT)
    assert ended.communicate(timeout=30)[1] == "Error: ended before its time; call it again to go on\n"
    assert ended.returncode == 1


def test_mistakes_are_told(site):
    assert site.run("--rule", "deadlok") == (
        1, "", f"Error: --rule deadlok: no such rule in {site.folder}/queries; did you mean deadlock?\n")
    site.configure(", tenants: [opnstack]")
    assert "/t/opnstack; 'zuul.tenants' in the configuration names it" in site.run()[2]
    site.configure("")
    assert site.run() == (
        1, "", "Error: past builds are listed by tenant: name yours under 'zuul.tenants' in the configuration\n")


def test_a_terminal_sees_how_far_it_is(site):
    site.build(1, days=9)
    site.zuul.answers[site.manifest(site.build(2, days=5))] = Answer(b'{"tree": []}', pause=0.2)
    site.build(3)
    code = "from counterbot.cli import main, progress; progress.SILENCE = 0.01; main()"
    shown = on_a_terminal(*site.command()[3:], program=["-c", code])
    assert "[#####     ]  50%  1 build read, 0 without logs, 0 not readable, 0 passed over\x1b[K\r" in shown


TAGGED = Fingerprint('message:"deadlock"')
KNOWN = Rule("known", "", fingerprint=TAGGED)
GRENADE = Rule("grenade", "", fingerprint=TAGGED, where=Where(job=("grenade",)))
BOUNDS = Rule("bounds", "", bounds=(Bound("mysql.Queries", 7),))
FAILED = Build("a" * 32, "tempest", "FAILURE", True, "nova", "master", "check", "https://logs/")
PASSED = Build("a" * 32, "tempest", "SUCCESS", True, "nova", "master", "check", "https://logs/")
NO_LOGS = Build("a" * 32, "tempest", "NODE_FAILURE", True, "nova", "master", "check", None)


@pytest.mark.parametrize(("build", "looked", "only", "want"), [
    (FAILED, None, None, Want(BOTH)),
    (PASSED, None, None, Want(COUNTERS)),
    (NO_LOGS, None, None, None),
    (FAILED, None, "known", Want(BOTH)),  # what the history lacks is read whole
    (PASSED, None, "known", None),
    (FAILED, None, "grenade", None),
    (FAILED, 9, None, Want(FAILURE, ("known",))),
    (FAILED, 9, "known", Want(FAILURE, ("known",))),
    (FAILED, 9, "bounds", None),
    (FAILED, 10, None, None),
    (PASSED, 9, None, None),
])
def test_what_the_history_lacks_of_a_build(build, looked, only, want):
    since = {"known": 10, "grenade": 10}
    assert lacking(build, looked, (KNOWN, GRENADE, BOUNDS), since, only) == want


@pytest.mark.parametrize(("build", "looked", "only", "watched", "lines", "want"), [
    (FAILED, None, None, "tem*", False, Want(FAILURE)),
    (FAILED, None, None, "tox*", False, None),
    (FAILED, None, "known", "tem*", False, None),
    (PASSED, None, None, "tem*", False, None),
    (replace(FAILED, voting=False), None, None, "tem*", False, None),
    (NO_LOGS, None, None, "tem*", False, Want(FAILURE)),
    (NO_LOGS, 9, None, "tem*", False, None),
    (FAILED, 9, None, "tem*", False, Want(LINES, ())),
    (FAILED, 9, "known", "tem*", False, None),
    (FAILED, 9, None, "tem*", True, None),
    (PASSED, 9, None, "tem*", False, None),
])
def test_what_the_history_lacks_of_a_build_of_a_watched_job(build, looked, only, watched, lines, want):
    assert lacking(build, looked, (GRENADE,), {"grenade": 10}, only, Jobs((watched,)), lines) == want


@pytest.mark.parametrize(("build", "looked", "only", "learned", "want"), [
    (PASSED, 9, None, "tem*", Want(COUNTERS, ())),
    (FAILED, 9, None, "tem*", Want(COUNTERS | FAILURE, ("known",))),
    (PASSED, 9, None, "tox*", None),
    (PASSED, 9, "known", "tem*", None),
    (NO_LOGS, 10, None, "*", None),
])
def test_what_the_history_lacks_of_a_build_of_a_learned_job(build, looked, only, learned, want):
    jobs = Jobs(("tem*",), (learned,))
    assert lacking(build, looked, (KNOWN,), {"known": 10}, only, jobs, counters=False) == want


def test_a_new_rule_and_lines_are_asked_for_together():
    assert lacking(FAILED, 9, (KNOWN,), {"known": 10}, None, Jobs(("*",)), False) == Want(FAILURE | LINES, ("known",))


@pytest.mark.parametrize(("past", "end"), [
    (PastBuild("due", 1), None),
    (PastBuild("done", 1), End.READ),
    (PastBuild("done", 1, why="missing: zuul-manifest.json is not there yet"), End.GONE),
    (PastBuild("done", 1, why="zuul-manifest.json has no tree"), End.UNREAD),
    (PastBuild("gone", None, why="503"), End.UNREAD),
    (PastBuild("quarantined", None, why="ValueError"), End.UNREAD),
])
def test_how_the_look_at_a_build_ended(past, end):
    assert end_of(past) is end


def test_thousands_of_rules_are_remembered_in_what_mariadb_keeps_as_text(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: 1_800_000_000_000)
    rules = [Rule(f"{number}" * 40, "", fingerprint=TAGGED) for number in range(4000)]
    assert len(in_force(ledger, rules)) == 4000
    assert len(ledger.recall(IN_FORCE)[0].encode()) < 1 << 16
    ledger.close()
