"""``counterbot failures list`` and ``show``, on a database with failures that no rule explains."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.event import listen, remove

from counterbot.cli.failures.listing import limit
from counterbot.core.lines import Reduction
from counterbot.core.model import Build, BuildLink, FailedTest, Failure, Hit, Reader, Reading, State
from counterbot.demo import story, unexplained
from counterbot.demo.sshd import make_key
from counterbot.engine.grouping import EVERY, Group, Grouper
from counterbot.files.rulebook import RuleBook
from counterbot.fingerprints.templates.reading import is_console
from counterbot.fingerprints.templates.reduce import Reducer
from counterbot.ledger import FailedRun, Ledger
from counterbot.ledger.failures import MOST
from tests.terminal import on_a_terminal

ROOT = Path(__file__).parents[2]
HOUR = 3_600_000
NOW = int(time.time() * 1000)
CONFIG = """\
gerrit: {host: 127.0.0.1, port: 1, username: counterbot, key_file: key,
         host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcUg6ETYlqkejiNnSIiYscGh+1Vey8YMqjZBwILP3nK}
zuul: {accounts: [zuul], url: 'http://127.0.0.1:1', logs: ['http://127.0.0.1:1/'], tenants: [openstack]}
rules: queries
database: sqlite:///ledger.db
"""
RULE = 'query: message:"multipathd still holds device" AND tags:"screen-n-cpu.txt"\n'
SHARED = "multipathd still holds device"
NOTHING = Failure()


class Site:
    """A folder with a configuration and a database, and what its bot would have read."""

    def __init__(self, folder):
        self.folder = folder
        make_key(folder / "key")
        (folder / "queries").mkdir()
        (folder / "config.yaml").write_text(CONFIG)
        self.time = NOW
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db", lambda: self.time)

    def rule(self, name, text):
        (self.folder / "queries" / f"{name}.yaml").write_text(text)

    def build(self, number, change, *, job=unexplained.JOB, result="FAILURE", ago=HOUR, files=None, failure=NOTHING,
              hits=(), seconds=3600.0, patchset=1):
        """A build was read; it failed as those of the demo's changes do, or left ``files``."""
        build = Build(f"{number:032x}", job, result, True, story.PROJECT, "master", "gate", "http://127.0.0.1:1/",
                      ended=NOW - ago, change=change, patchset=patchset, seconds=seconds)
        failed = result != "SUCCESS"
        found = reduced(files if files is not None else unexplained.logs(number, "t.x" if failed else ""), failed)
        readings = {Reader.TEMPLATES: Reading(State.READ, found=found)}
        if failed:
            readings[Reader.FAILURE] = Reading(State.READ, found=replace(failure, hits=tuple(hits)))
        self.ledger.builds.ask(BuildLink(job, "http://127.0.0.1:1/", build.uuid), build, readings)
        self.ledger.builds.note(self.ledger.builds.claim(), build, readings)

    def passed(self, count=20):
        for number in range(1, count + 1):
            self.build(number, 2000 + number, result="SUCCESS", ago=48 * HOUR)

    def grouper(self):
        return Grouper(self.ledger, RuleBook(self.folder / "queries"), 30)

    def prints(self, *arguments):
        done = subprocess.run([sys.executable, "-m", "counterbot", "failures", *arguments, "-c",
                               str(self.folder / "config.yaml")], capture_output=True, text=True, cwd=ROOT)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr


def reduced(files, failed):
    reducer = Reducer(failed)
    for path in sorted(files, key=lambda path: not is_console(path)):
        reducer.take(path, [files[path]])
    found = reducer.reduction()
    return Reduction(found.lines, found.templates, tuple(found.lines.keys))


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.ledger.close()


@pytest.fixture
def alike(site):
    """Twenty builds passed; three changes failed alike, one of them twice; another change failed by itself."""
    site.passed()
    for at, change in enumerate((1, 2, 3, 3)):
        site.build(100 + at, change, ago=(10 - at) * HOUR)
    own = {"job-output.txt": b"2026-11-21 02:07:44.1 | node | ERROR: flavor is misspelt in this very guide\n"}
    site.build(200, 9, files=own)
    return site


def groups(site):
    return [(group.changes, len(group.runs)) for group in site.grouper().group()]


def test_builds_that_fail_alike_are_a_group_and_the_largest_by_changes_comes_first(alike):
    assert groups(alike) == [(3, 4), (1, 1)]


def test_usual_lines_with_other_names_in_them_part_no_builds_that_fail_alike(site):
    def logs(number, failed):
        files = unexplained.logs(number, failed)
        names = (f"{chr(97 + number % 26)}{chr(97 + at)}{chr(97 + number // 26)}x" for at in range(26))
        lines = (f"2026-11-21 02:06:01.1 | controller | took package {name} from mirror now\n"
                 for name in names)
        return {**files, "job-output.txt": "".join(lines).encode() + files["job-output.txt"]}

    for number in range(1, 21):
        site.build(number, 2000 + number, result="SUCCESS", ago=48 * HOUR, files=logs(number, ""))
    for number in (101, 102, 103):
        site.build(number, number, files=logs(number, "t.x"))
    assert groups(site) == [(3, 3)]


def test_the_list_shows_numbers_and_the_line_that_is_shared(alike):
    status, out, _ = alike.prints("list")
    assert status == 0
    head, numbers, line, alone = out.splitlines()
    assert head.split() == ["GROUP", "CHANGES", "BUILDS", "HOURS", "SINCE", "LAST", "JOBS"]
    assert numbers.split()[1:4] == ["3", "4", "4.0"]
    assert numbers.endswith(unexplained.JOB)
    assert f"logs/screen-n-cpu.txt: ERROR {SHARED}" in line
    assert alone == "1 failed build is like no other: --all lists it"


def test_json_has_all_groups(alike):
    first, second = json.loads(alike.prints("list", "--json")[1])
    assert (first["changes"], first["builds"], first["jobs"], first["hours"]) == (3, 4, {unexplained.JOB: 4}, 4.0)
    assert SHARED in first["line"]["text"]
    assert (second["changes"], second["builds"]) == (1, 1)


def test_where_only_the_newest_failures_are_grouped_that_is_told():
    run = FailedRun(1, "a" * 32, "tempest", "nova", "master", "gate", 7, 1, "FAILURE", True, NOW - 86_400_000, None)
    assert limit([Group(1, (run,) * (MOST - 1))], NOW) == ""
    assert limit([Group(1, (run,) * (MOST - 1)), Group(2, (run,))], NOW).startswith(
        "only the newest 2,000 failures are grouped, those since ")


def test_only_groups_of_a_job(alike):
    for number in (300, 301):
        alike.build(number, number, job="tempest-full", result="TIMED_OUT", files={})
    [group] = json.loads(alike.prints("list", "--json", "--job", "tempest-full")[1])
    assert group["jobs"] == {"tempest-full": 2}


def test_builds_without_a_line_are_grouped_by_how_they_ended(site):
    lost = Failure(phase="pre", task="Wait for the node")
    for number, change in ((1, 1), (2, 2)):
        site.build(number, change, result="TIMED_OUT", files={}, failure=lost)
    site.build(3, 3, result="NODE_FAILURE", files={})
    status, out, _ = site.prints("list")
    assert (status, out.splitlines()[2].strip()) == (0, "TIMED_OUT in phase pre, task Wait for the node")


def test_builds_that_show_only_a_failed_test_are_grouped_by_it_and_not_by_their_task(site):
    for number, name in ((1, "tests.a"), (2, "tests.b"), (3, "tests.a")):
        site.build(number, number, files={}, failure=Failure((), (FailedTest(name),), 1, "run", "Run tox"))
    for number in (4, 5):
        site.build(number, number, files={})  # it failed: no more is known
    assert groups(site) == [(2, 2), (1, 1), (1, 1), (1, 1)]
    assert "FAILURE: tests.a failed first" in site.prints("list")[1]


def test_nothing_to_list_says_what_will_be(site):
    status, out, _ = site.prints("list")
    assert status == 0
    assert "No failure of the last 30 days" in out
    assert "'unexplained.jobs'" in out
    assert json.loads(site.prints("list", "--json")[1]) == []


def test_a_configuration_that_watches_no_job_is_told(site):
    with (site.folder / "config.yaml").open("a") as more:
        more.write("unexplained: {jobs: []}\n")
    assert "'unexplained.jobs' in the configuration is empty" in site.prints("list")[1]


def test_there_is_no_list_before_the_first_run(site):
    site.ledger.close()
    (site.folder / "ledger.db").unlink()
    status, _, err = site.prints("list")
    assert (status, "the bot has not run yet" in err) == (1, True)
    assert not (site.folder / "ledger.db").exists()


def test_a_group_keeps_its_number_as_it_grows(alike):
    before = alike.grouper().group()[0]
    alike.build(400, 4)
    after = alike.grouper().group()[0]
    assert (after.id, after.changes) == (before.id, 4)


def test_builds_that_a_new_rule_explains_leave_their_group(alike):
    number = alike.grouper().group()[0].id
    alike.rule("multipath", RULE)
    hit = Hit("multipath", "controller/logs/screen-n-cpu.txt", 22, SHARED)
    for at, change in enumerate((1, 2, 3)):
        alike.build(100 + at, change, ago=(10 - at) * HOUR, hits=[hit])
    assert groups(alike) == [(1, 1), (1, 1)]
    assert [run.change for run in alike.grouper().show(number).group.runs] == [3]


def test_show_tells_builds_lines_and_story(alike):
    [first, _] = alike.grouper().group()
    status, out, _ = alike.prints("show", str(first.id))
    assert status == 0
    assert out.startswith(f"Group {first.id}: 4 builds of 3 changes, ")
    assert f"     4  logs/screen-n-cpu.txt: ERROR {SHARED}" in out
    told = [line.split()[-3:] for line in out.splitlines() if line.endswith("FAILURE")]
    assert told == [[f"{change},1", unexplained.JOB, "FAILURE"] for change in (3, 3, 2, 1)]
    assert [line[-3:] for line in out.splitlines() if line.startswith("    http://127.0.0.1:1/t/openstack/build/")] == [
        f"{number:03x}" for number in (103, 102, 101, 100)]
    assert "logs/screen-n-cpu.txt, line 22\n    ERROR " in out
    assert f"counterbot failures suggest {first.id} -c " in out


def test_the_newest_builds_lines_have_its_own_ids(alike):
    [first, _] = alike.grouper().group()
    out = alike.prints("show", str(first.id))[1]
    told = out[out.index("Lines of the newest build that 20 passing builds of its job do not have"):]
    assert told.count("dm-8") == 2  # in its telling line, and in the story
    assert "dm-5" not in told


def test_what_no_passing_build_is_known_to_compare_with_is_not_told_to_be_unusual(site):
    for number in (1, 2):
        site.build(number, number, failure=Failure((), (FailedTest("tests.a"),), 1))
    [group] = json.loads(site.prints("list", "--json")[1])
    assert (group["builds"], group["line"]) == (2, None)
    out = site.prints("show", str(group["group"]))[1]
    assert "\nThey ended with FAILURE: tests.a failed first\n" in out
    assert "\nNo passing build of its job is known yet" in out
    assert "multipathd" not in out[:out.index("What its logs tell")]
    assert "counterbot failures suggest" not in out  # which takes three changes


def test_a_build_like_no_other_shares_nothing(alike):
    [_, own] = alike.grouper().group()
    out = alike.prints("show", str(own.id))[1]
    assert "share" not in out
    assert out.count("flavor is misspelt in this very guide") == 1


def test_show_as_json(alike):
    [first, _] = alike.grouper().group()
    shown = json.loads(alike.prints("show", str(first.id), "--json")[1])
    assert shown["group"] == first.id
    assert [each["builds"] for each in shown["shared"] if SHARED in each["text"]] == [4]
    assert [run["change"] for run in shown["runs"]] == [3, 3, 2, 1]
    assert {"file", "level", "text", "number"} == set(shown["telling"][0])


def test_a_group_that_is_not_there_is_told_with_those_that_are(alike):
    known = sorted(group.id for group in alike.grouper().group())
    status, _, err = alike.prints("show", "99")
    assert status == 1
    assert f"no group 99: there are {known[0]}, {known[1]}" in err


def test_a_terminal_gets_lines_of_its_width(alike):
    number = alike.grouper().group()[0].id
    for arguments in (("list",), ("show", str(number))):
        said = on_a_terminal("failures", *arguments, "-c", alike.folder / "config.yaml")
        lines = [line for line in said.splitlines() if " " in line.strip()]
        assert max(map(len, lines)) <= 80


def test_what_others_wrote_is_inert_and_masked(site):
    bad = "2026-11-21 02:07:44.1 | node | ERROR: \x1b[2Jpassword=Zq9Secret \u202eupside down in the mirror\n"
    site.passed(1)
    for number in (101, 102):
        site.build(number, number, files={"job-output.txt": bad.encode()},
                   failure=Failure(tests=(FailedTest("t.\x1b[2Jx"),)))
    number = site.grouper().group()[0].id
    for arguments in (("list",), ("show", str(number)), ("list", "--json"), ("show", str(number), "--json")):
        out = site.prints(*arguments)[1]
        assert "upside down" in out
        assert not {"\x1b", "\u202e"} & set(json.dumps(json.loads(out), ensure_ascii=False) if "--json" in arguments
                                            else out)
        assert "Zq9Secret" not in out


def test_the_bot_groups_anew_where_something_came_but_not_too_often(alike):
    grouper = alike.grouper()
    assert [grouper.step(), grouper.step()] == [True, False]
    alike.build(400, 4)
    assert not grouper.step()
    alike.time += EVERY
    assert [grouper.step(), grouper.step()] == [True, False]
    alike.time += EVERY
    assert not grouper.step()  # nothing came


def test_the_bot_groups_anew_where_lines_came(alike):
    grouper = alike.grouper()
    grouper.step()
    alike.time += EVERY
    alike.build(21, 2021, result="SUCCESS", ago=48 * HOUR)
    assert grouper.step()


def test_a_line_of_many_failures_is_in_memory_once(alike):
    grouper = alike.grouper()
    grouper.group()
    alike.build(400, 4)
    grouper.group()
    lines = [line.template for failed in grouper._kept[unexplained.JOB].failed.values() for line in failed.lines]
    assert len(lines) > len(set(map(id, lines))) == len({line.key for line in lines})


def test_a_bot_that_dies_while_it_groups_does_it_again(alike):
    grouper = alike.grouper()

    def dies(connection, cursor, statement, *_):
        if statement.startswith("INSERT INTO grouped"):
            raise KeyboardInterrupt

    listen(alike.ledger.store.engine, "before_cursor_execute", dies)
    with pytest.raises(KeyboardInterrupt):
        grouper.step()
    remove(alike.ledger.store.engine, "before_cursor_execute", dies)
    alike.time += EVERY
    assert (alike.grouper().step(), len(alike.ledger.failures.groups())) == (True, 5)


def test_after_a_clock_that_was_wrong_it_does_not_wait(alike):
    alike.time += 24 * HOUR
    assert alike.grouper().step()
    alike.time -= 24 * HOUR
    alike.build(400, 4)
    assert alike.grouper().step()


def test_of_two_bots_one_groups(alike):
    assert [alike.grouper().step(), alike.grouper().step()] == [True, False]
