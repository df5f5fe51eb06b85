"""``counterbot rules try --history``: how often rules match in past builds, passing and failed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from counterbot.cli.rules import command
from counterbot.core.model import Build, BuildLink, Failure, Hit, Reader, Reading, State
from counterbot.engine.proving import NewlyLoaded
from counterbot.files.rulebook import RuleBook
from counterbot.fingerprints.templates.reduce import Reducer
from counterbot.ledger import Ledger
from tests.clock import Clock
from tests.zuul_server import Zuul

CONFIG = """\
gerrit: {{host: review.example.org, port: 29418, username: counterbot, key_file: key}}
zuul: {{accounts: [zuul], url: "{zuul.url}", logs: ["{zuul.logs}"], tenants: [{zuul.tenant}]}}
rules: in-force
database: "sqlite:///{folder}/ledger.db"
"""
DAY = 86_400_000
CONSOLE = "2026-11-21 02:07:44.101337 | controller | "
BROKEN, FINE = "E: Failed to fetch http://mirror/deb", "Setting up the node"
NAMED = "node tempest-VolumeTest-7654321 is up"


class Past:
    """A ledger, its configuration, rules to be tried, and a Zuul that has the builds' logs."""

    def __init__(self, folder: Path, zuul: Zuul) -> None:
        self.folder, self.zuul, self.count = folder, zuul, 0
        (folder / "in-force").mkdir()
        (folder / "rules").mkdir()
        (folder / "config.yaml").write_text(CONFIG.format(zuul=zuul, folder=folder))
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db")

    def build(self, *said: str, result: str = "FAILURE", job: str = "tempest", ago: float = 1, known: str = "",
              logs: bool = True) -> str:
        """A build whose console says something; ``known`` is a rule that was found in it."""
        self.count += 1
        uuid = f"{self.count:032x}"
        console = "".join(f"{CONSOLE}{line}\n" for line in (FINE, *said)).encode()
        if logs:
            self.zuul.add_build(uuid, job, {"job-output.txt": console}, result=result)
        build = Build(uuid, job, result, True, "openstack/nova", "master", "gate", "https://logs/",
                      ended=int(time.time() * 1000 - ago * DAY), change=self.count, patchset=1)
        reducer = Reducer(failed=result != "SUCCESS")
        reducer.take("job-output.txt", [console])
        found = {Reader.TEMPLATES: Reading(State.READ, "", reducer.reduction())}
        if result != "SUCCESS":
            hits = (Hit(known, "job-output.txt", 1, "x"),) if known else ()
            found[Reader.FAILURE] = Reading(State.READ, "", Failure(hits))
        self.ledger.builds.ask(BuildLink(job, "https://zuul/", uuid), build, list(found))
        self.ledger.builds.note(self.ledger.builds.claim(past=True), build, found)
        return uuid

    def rule(self, name: str, query: str, where: str = "") -> None:
        (self.folder / "rules" / f"{name}.yaml").write_text(f"title: {name}\nquery: '{query}'\n{where}")

    def tried(self, *options: str) -> Result:
        return CliRunner().invoke(command, [
            "try", str(self.folder / "rules"), "--history", "-c", str(self.folder / "config.yaml"), *options])


@pytest.fixture
def past(tmp_path):
    with Zuul() as zuul:
        past = Past(tmp_path, zuul)
        yield past
        past.ledger.close()


def test_a_rule_is_proven_without_a_log(past) -> None:
    for _ in range(4):
        past.build(result="SUCCESS", logs=False)
    past.build("another failure", logs=False)
    first = past.build(BROKEN, ago=3, logs=False)
    past.build(BROKEN, known="other", logs=False)
    [group] = past.ledger.failures.new_group_ids(1)
    past.ledger.failures.save_groups({past.ledger.failures.unexplained(7)[-1].run: group})
    (past.folder / "in-force" / "other.yaml").write_text('title: other\nquery: message:"other thing"\n')
    past.rule("apt", 'message:"failed to fetch http" AND tags:"console"')
    [told] = map(json.loads, past.tried("--json").stdout.splitlines())
    assert (told["rule"], told["passed"]["matched"], told["passed"]["builds"]) == ("apt", 0, 4)
    assert (told["failed"]["matched"], told["failed"]["builds"], told["failed"]["unknown"]) == (2, 3, 0)
    assert (told["unexplained"], told["groups"]) == (1, [{"group": 1, "matched": 1, "builds": 1}])
    assert told["failed"]["first"][-1] == {
        "job": "tempest", "uuid": first, "page": past.zuul.page(first), "ended": told["since"]}
    result = past.tried()
    assert (result.exit_code, result.stderr, result.stdout.split()[:7]) == (
        0, "", ["RULE", "PASSED", "FAILED", "SINCE", "UNEXPLAINED", "GROUPS", "apt"])
    assert "0 of 4  2 of 3" in result.stdout


def test_a_rule_that_matches_passing_builds_is_warned_of(past) -> None:
    passed = past.build(BROKEN, result="SUCCESS")
    past.build(BROKEN)
    past.rule("apt", 'message:"failed to fetch http" AND build_status:"FAILURE"')
    result = past.tried()
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "apt: matches 1 of 1 builds that passed, more than 1%: it does not tell why a build failed; ask for words that"
        " passing builds do not have", f"apt: it matches builds that passed: tempest {past.zuul.page(passed)}"]


def test_one_passing_build_in_a_hundred_is_no_warning(past) -> None:
    for number in range(100):
        past.build(*[BROKEN] * (number == 7), result="SUCCESS", logs=False)
    past.rule("apt", 'message:"failed to fetch http"')
    result = past.tried("--json")
    assert (result.exit_code, json.loads(result.stdout)["warning"]) == (1, None)


def test_where_lines_do_not_tell_the_logs_are_read_but_not_too_many(past) -> None:
    past.build(NAMED, result="SUCCESS", ago=2)
    past.build(NAMED.replace("Volume", "Server"), result="SUCCESS")
    past.build(NAMED)
    past.rule("named", 'message:"node tempest VolumeTest 7654321"')
    [told] = map(json.loads, past.tried("--json").stdout.splitlines())
    assert [(told[kind]["matched"], told[kind]["unknown"]) for kind in ("passed", "failed")] == [(1, 0), (1, 0)]
    result = past.tried("--most", "1")
    assert "0 of 2, 1 not known  0 of 1, 1 not known" in result.stdout
    assert result.stderr == "named: it may match 2 more, which only their logs tell; --most reads those of so many\n"
    assert result.exit_code == 1


def test_logs_that_cannot_be_read_are_told(past) -> None:
    uuid = past.build(NAMED, logs=False)
    past.rule("named", 'message:"node tempest VolumeTest 7654321"')
    result = past.tried()
    assert (result.exit_code, result.stderr) == (3, f"named: not read: {uuid}: Zuul does not know the build any more\n")


def test_a_rule_is_held_against_the_jobs_that_it_is_about(past) -> None:
    past.build(BROKEN, result="SUCCESS", job="grenade")
    past.build(BROKEN, job="grenade")
    past.build(BROKEN)
    past.rule("apt", 'message:"failed to fetch http"', "where: {job: [tempest]}\n")
    told = json.loads(past.tried("--json").stdout)
    assert (told["passed"]["builds"], told["failed"]["builds"], told["failed"]["matched"]) == (0, 1, 1)
    past.rule("apt", 'message:"failed to fetch http"', "where: {job: [nova]}\n")
    result = past.tried()
    assert (result.exit_code, result.stderr) == (
        1, "apt: no past build that it is about is known; 'counterbot backfill' reads some\n")


@pytest.mark.parametrize("arguments", [
    ["--history"], ["--history", "-c", "c.yaml", "logs"], [], ["logs", "-c", "c.yaml"],
    ["--history", "-c", "c.yaml", "--fact", "build_name=x"]])
def test_either_logs_or_the_history(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("")
    assert CliRunner().invoke(command, ["try", str(tmp_path), *arguments]).exit_code == 2


def test_a_bot_that_has_not_run_yet(past, tmp_path: Path) -> None:
    past.rule("apt", 'message:"failed to fetch http"')
    config = tmp_path / "other.yaml"
    config.write_text((past.folder / "config.yaml").read_text().replace("ledger.db", "other.db"))
    result = CliRunner().invoke(command, ["try", str(past.folder / "rules"), "--history", "-c", str(config)])
    assert result.exit_code == 1
    assert "the bot has not run yet" in result.stderr


def test_a_rule_that_is_new_to_a_running_bot_is_held_against_passing_builds(past, caplog) -> None:
    past.build(BROKEN, result="SUCCESS")
    past.rule("rare", 'message:"failed to catch"')
    book = RuleBook(past.folder / "rules")
    loaded = NewlyLoaded(past.ledger, book)
    assert loaded.step()
    assert (dict(loaded.warnings), caplog.messages) == ({}, [])
    past.rule("apt", 'message:"failed to fetch http"')
    book.refresh()
    assert loaded.step()
    assert list(loaded.warnings) == ["apt"]
    assert caplog.messages[0].startswith("rule apt matches 1 of 1 builds that passed, more than 1%")
    assert not loaded.step()
    past.rule("apt", 'message:"failed to fetch https"')
    book.refresh()
    assert loaded.step()
    assert (dict(loaded.warnings), len(caplog.messages)) == ({}, 1)


def test_all_rules_are_held_against_newer_builds_once_a_day(past, caplog) -> None:
    past.rule("apt", 'message:"failed to fetch http"')
    clock = Clock()
    loaded = NewlyLoaded(past.ledger, RuleBook(past.folder / "rules"), clock)
    assert loaded.step()
    past.build(BROKEN, result="SUCCESS")
    clock.seconds += 86_399
    assert not loaded.step()
    clock.seconds += 1
    assert loaded.step()
    assert list(loaded.warnings) == ["apt"]
    clock.seconds += 86_400
    assert loaded.step()
    assert len(caplog.messages) == 1
