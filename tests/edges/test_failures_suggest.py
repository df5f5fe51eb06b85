"""``counterbot failures suggest``: a rule file out of builds' logs, that the other commands take as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from counterbot.cli.failures import command
from counterbot.cli.rules import command as rules
from counterbot.engine.suggesting import of_group, suggest
from counterbot.fingerprints.templates.reduce import Reducer

from . import test_ledger
from .test_ledger_failures import note

clock, ledger, url = test_ledger.clock, test_ledger.ledger, test_ledger.url

CPU, CONSOLE, INVENTORY = "controller/logs/screen-n-cpu.txt", "job-output.txt", "zuul-info/inventory.yaml"
CAUSE = "The bridge collapsed under load"


def line(message: str) -> str:
    return f"Nov 21 02:41:07.318442 np0043217786 nova-compute[98512]: ERROR nova.compute.manager {message}"


USUAL = [line("Image cache was cleaned"), line("Request took too long under load")]


class Builds:
    """Folders of builds' logs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, name: str, *messages: str, inventory: str = "") -> str:
        folder = self.path / name
        self.log(name, CPU, [*USUAL, *map(line, messages)])
        if inventory:
            self.log(name, INVENTORY, [f"all: {{vars: {{zuul: {{{inventory}}}}}}}"])
        return str(folder)

    def log(self, name: str, path: str, lines: Sequence[str]) -> None:
        file = self.path / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")

    def failed(self, *messages: str, count: int = 3) -> list[str]:
        return [self(f"failed{number}", *messages) for number in range(count)]

    def passed(self, count: int = 20) -> list[str]:
        return [self(f"passed{number}") for number in range(count)]


@pytest.fixture
def builds(tmp_path) -> Builds:
    return Builds(tmp_path / "builds")


def suggested(failed: Sequence[str], passed: Sequence[str] = (), other: Sequence[str] = (), *more: str) -> Result:
    folders = [("--failed", failed), ("--passed", passed), ("--other", other)]
    return CliRunner().invoke(command, [
        "suggest", *(each for option, paths in folders for path in paths for each in (option, path)), *more])


def test_the_rule_is_all_that_is_printed_and_the_counts_are_told_beside_it(builds) -> None:
    other = [builds("other", "The chain broke"), builds("another", CAUSE)]
    result = suggested(builds.failed(CAUSE), builds.passed(), other)
    assert result.exit_code == 0
    assert result.stdout == f"""\
# Suggested for 3 builds in folders, and held against what was known then. It matches
#   3 of 3 builds of the group, 3 of 3 of their changes
#   0 of 20 passing builds
#   1 of 2 builds that failed by something else
# Before it is used: correct the title, and say why the failure happens, whose it is and which bug it is.
title: The bridge collapsed under load
query: >
  message:"The bridge collapsed under load" AND tags:"screen-n-cpu.txt"
cases:
  - given:
      file: logs/screen-n-cpu.txt
      lines:
        - '{line(CAUSE)}'
    expect: match
  - given:
      file: logs/screen-n-cpu.txt
      lines:
        - '{line("Request took too long under load")}'
    expect: no match
"""
    assert result.stderr == """\
 GROUP  CHANGES  PASSING   OTHER  QUERY
3 of 3   3 of 3  0 of 20  1 of 2  message:"The bridge collapsed under load" AND tags:"screen-n-cpu.txt"
"""


LONG = "Queue # 5: 'blue' is 100% full\\gone: " + " ".join(f"{word} pool" for word in "abcdefghijklmnopqrstuvwxyz") * 3


@pytest.mark.parametrize("message", [
    CAUSE, LONG, 'It said "no" and \\never\\ came back', "Übergabe gescheitert: größer als der Kai → 再試行",
    "# no comment: 'this' is {a: b} & *that %s !now", "key: value - [x, y] | > ? @ ` end", "one\ttab\tbetween\twords",
    "\x1b[31mred\x1b[0m words of a terminal", "password=hunter2 was refused by the old realm",
    "trouble" + " " * 9 + "with it all",
])
def test_the_other_commands_accept_the_rule_as_it_is(builds, tmp_path, message: str) -> None:
    failed = builds.failed(message)
    result = suggested(failed, builds.passed())
    assert result.exit_code == 0, result.stderr
    assert "hunter2" not in result.stdout
    file = tmp_path / "queries/x.yaml"
    file.parent.mkdir()
    file.write_text(result.stdout, encoding="utf-8")
    checked = CliRunner().invoke(rules, ["check", str(file)])
    assert (checked.stdout, checked.stderr) == ("1 rule, no mistakes\n", "")
    assert CliRunner().invoke(rules, ["test", str(file)]).stdout == "1 rule, 2 cases, no failures\n"
    for folder, status in ((failed[0], 0), (str(builds.path / "passed0"), 1)):
        assert CliRunner().invoke(rules, ["try", str(file), folder]).exit_code == status


def test_a_title_has_the_quotes_and_backslashes_of_the_line(builds) -> None:
    result = suggested(builds.failed('It said "no" and \\never\\ came back'), builds.passed())
    assert yaml.safe_load(result.stdout)["title"] == 'It said "no" and \\never\\ came back'


def test_a_rule_of_two_lines_has_a_case_for_each(builds, tmp_path) -> None:
    failed = [*builds.failed(CAUSE), builds("b1", "Flow table was lost"), builds("b2", "Flow table was lost")]
    file = tmp_path / "x.yaml"
    file.write_text(suggested(failed, builds.passed()).stdout)
    assert CliRunner().invoke(rules, ["test", str(file)]).stdout == "1 rule, 3 cases, no failures\n"


def test_builds_of_one_job_give_a_rule_for_it_where_others_are_known(builds) -> None:
    def failed(jobs: Sequence[str]) -> list[str]:
        return [builds(f"f{number}", CAUSE, inventory=f"job: {job}, change: {number}")
                for number, job in enumerate(jobs)]

    passed = [builds("p", inventory="job: grenade")]
    assert yaml.safe_load(suggested(failed(["tempest"] * 3), passed).stdout)["where"] == {"job": "tempest"}
    assert "where" not in yaml.safe_load(suggested(failed(["tempest", "tempest", "x"]), passed).stdout)
    assert "where" not in yaml.safe_load(suggested(failed(["tempest"] * 3), builds.passed()).stdout)


def test_a_rule_that_was_held_against_no_other_failure_says_so(builds) -> None:
    text = suggested(builds.failed(CAUSE), builds.passed()).stdout
    assert "\n#   of builds that failed by something else none was known\n" in text


def test_builds_of_one_change_are_no_group(builds) -> None:
    failed = [builds(f"f{number}", CAUSE, inventory="job: a, change: 7, project: {name: x}") for number in range(4)]
    result = suggested(failed, builds.passed())
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == """\
no rule to suggest: a rule takes 3 builds of 3 changes, else it names what one change does; given: 4 builds of 1 change
What came nearest:
 GROUP  CHANGES  PASSING   OTHER  QUERY
4 of 4   1 of 1  0 of 20  0 of 0  message:"The bridge collapsed under load" AND tags:"screen-n-cpu.txt"
"""


def test_names_of_the_changes_branch_and_of_its_tests_are_in_no_query(builds) -> None:
    failed = [builds(f"f{number}", "Branch feature/warp has no tree",
                     inventory=f"branch: feature/warp, change: {number}"
                     ) for number in range(3)]
    assert "warp" not in suggested(failed, builds.passed()).stdout.partition("cases:")[0]
    failed = builds.failed("Ports of WarpTest were left behind")
    for folder in failed:
        builds.log(Path(folder).name, CONSOLE,
                   ["2026-11-21 02:41:07.3 | controller | {0} tempest.api.x.WarpTest.test_y [1.5s] ... FAILED"])
    query = yaml.safe_load(suggested(failed, builds.passed()).stdout)["query"]
    assert query == 'message:"were left behind" AND tags:"screen-n-cpu.txt"\n'


@pytest.mark.parametrize("passing", [0, 3])
def test_where_passing_builds_tell_too_little_that_is_told(builds, passing: int) -> None:
    result = suggested(builds.failed(CAUSE), builds.passed(passing))
    assert result.exit_code == (0 if passing else 1)
    assert ("no passing build is given" in result.stderr) == (not passing)
    assert ("only 3 passing builds: 20 and more" in result.stderr) == bool(passing)


def test_passing_builds_that_hold_the_cause(builds) -> None:
    result = suggested(builds.failed(CAUSE), [*builds.passed(5), builds("p", CAUSE)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[1].startswith("no rule to suggest: no line tells these builds apart")
    assert "1 of 6" in result.stderr


def test_a_folder_that_is_given_twice_counts_once(builds) -> None:
    failed = builds.failed(CAUSE, count=2)
    result = suggested([*failed, f"{failed[0]}/../failed0"], builds.passed())
    assert result.exit_code == 1
    assert "failed0/../failed0: given twice, and counted once\n" in result.stderr
    assert "given: 2 builds of 2 changes\n" in result.stderr


def test_what_cannot_be_read_is_told(builds, tmp_path) -> None:
    (builds.path / "empty").mkdir(parents=True)
    failed = builds.failed(CAUSE)
    (Path(failed[0]) / "controller/logs/screen-c-vol.txt").write_bytes(b"\0\1\2")
    builds.log("failed1", INVENTORY, ["no inventory"])
    result = suggested([*failed, str(builds.path / "empty")], builds.passed())
    assert result.exit_code == 0
    assert result.stderr.splitlines()[:3] == [
        f"not read: {failed[0]}/controller/logs/screen-c-vol.txt: a binary file",
        f"not read: {failed[1]}/{INVENTORY}: no inventory of Zuul: it has no all.vars.zuul",
        f"{builds.path}/empty: no log was found in it, so it does not count"]


@pytest.mark.parametrize(("arguments", "told"), [
    ([], "name a GROUP of 'failures list' with -c FILE, or folders with --failed and --passed"),
    (["--passed", "x"], "name a GROUP"),
    (["7", "--failed", "x"], "name a GROUP"),
    (["7", "-c", "x", "--passed", "x"], "--passed and --other go with --failed"),
    (["7"], "a GROUP needs -c FILE"),
    (["--failed", "no-such-folder"], "no-such-folder is no folder"),
    (["--failed", ".", "--passed", "."], ".: given as --failed and as --passed; a build is one of them"),
])
def test_wrong_usage(arguments: list[str], told: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, ["suggest", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_json_has_all_of_it(builds) -> None:
    share = {"found": 3, "of": 3}
    known = {"query": 'message:"The bridge collapsed under load" AND tags:"screen-n-cpu.txt"',
             "lines": [{"file": "logs/screen-n-cpu.txt", "text": line(CAUSE)}],
             "group": share, "changes": share, "passing": {"found": 0, "of": 20}, "other": {"found": 0, "of": 0}}
    result = suggested(builds.failed(CAUSE), builds.passed(), (), "--json")
    found = json.loads(result.stdout)
    text = found["rule"].pop("text")
    assert text == suggested(builds.failed(CAUSE), builds.passed()).stdout
    assert found == {"candidates": [known], "rule": {**known, "job": None}, "why_not": None, "nearest": None,
                     "notes": []}
    result = suggested(builds.failed(CAUSE), (), (), "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["rule"], found["candidates"]) == (1, None, [])
    assert found["why_not"].startswith("no passing build is given")
    assert found["nearest"]["group"] == share


def test_builds_of_one_line_and_one_line_very_often(builds) -> None:
    for number in range(3):
        builds.log(f"f{number}", CONSOLE, [f"2026-11-21 02:41:07.3 | controller | {CAUSE}"] * 20_000)
    failed = [str(builds.path / f"f{number}") for number in range(3)]
    builds.log("p", CONSOLE, ["2026-11-21 02:41:07.3 | controller | fine"])
    result = suggested(failed, [str(builds.path / "p")])
    assert yaml.safe_load(result.stdout)["query"] == f'message:"{CAUSE}" AND tags:"job-output.txt"\n'


# -- from the ledger


def reduction(*messages: str, failed: bool = True):
    reducer = Reducer(failed)
    reducer.take(CPU, ["".join(f"{each}\n" for each in [*USUAL, *map(line, messages)]).encode()])
    return reducer.reduction()


@pytest.fixture
def known(ledger, clock):
    """A database with two groups: of the first, the logs of one build were not read."""
    for number in range(1, 5):
        note(ledger, clock, number, reduction(CAUSE), change=number)
    note(ledger, clock, 5, reduction("The chain broke"), change=5)
    note(ledger, clock, 6, reduction("Known trouble", CAUSE), change=6, rules=["known"])
    note(ledger, clock, 7, change=7)
    for number in range(20, 45):
        note(ledger, clock, number, reduction(failed=False), result="SUCCESS", pipeline="gate", change=number)
    note(ledger, clock, 50, reduction(failed=False), result="SUCCESS", pipeline="gate", job="grenade", change=50)
    runs = {run.uuid: run.run for run in ledger.failures.unexplained(30, ["known"])}
    first, second = ledger.failures.new_group_ids(2)
    ledger.failures.save_groups({runs[f"{number:032x}"]: second if number == 5 else first
                                 for number in (1, 2, 3, 4, 5, 7)})
    return ledger


def test_the_rule_for_a_group_of_the_ledger(known) -> None:
    builds = of_group(known, ["known"], 30, 1)
    assert builds is not None
    assert [len(each) for each in (builds.failed, builds.passing, builds.other)] == [4, 26, 2]
    found = suggest(builds)
    assert found.notes == ["the logs of 1 of 5 builds were not read"]
    rule = yaml.safe_load(found.text)
    assert rule["query"] == 'message:"The bridge collapsed under load" AND tags:"screen-n-cpu.txt"\n'
    assert rule["where"] == {"job": "tempest"}
    assert found.text.startswith("# Suggested for group 1, and held against")
    assert "#   1 of 2 builds that failed by something else\n" in found.text


def test_a_group_that_is_not_there(known) -> None:
    assert of_group(known, ["known"], 30, 9) is None
