"""From the history of a failure that no rule explains to what a reviewer reads of it."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from counterbot.clients.gerrit.over_ssh import OverSsh
from counterbot.clients.ssh import Server, connect
from counterbot.core.lines import Lines, Reduction, Template
from counterbot.core.model import (
    Build,
    BuildLink,
    Channel,
    FailedTest,
    Failure,
    Hit,
    PatchSet,
    Reader,
    Reading,
    Report,
    State,
    Tell,
)
from counterbot.demo.sshd import make_key
from counterbot.engine.decide import Audience, Decider
from counterbot.engine.mine import PAUSE, History
from counterbot.files.rulebook import RuleBook
from counterbot.ledger import Ledger
from tests.gerrit_server import Gerrit

CONTRACT = Path(__file__).parents[1] / "samples/contract/comment-unexplained.txt"
DAY = 86_400_000
NOW = 1_796_126_400_000  # 1 Dec 2026, 12:00
PROJECT = "openstack/nova"
GRENADE, UNIT = "grenade", "nova-tox-py312"
MANAGER = "nova/compute/manager.py"
N_CPU = "controller/logs/screen-n-cpu.txt"
LABEL = "logs/screen-n-cpu.txt"
ACTIVE = Template(5, LABEL, "ERROR", ("timed", "out", "waiting"),
                  text="Nov 21 02:10:11.123456 np0043217786 nova-compute[98512]: ERROR nova.compute.manager"
                       " [None req-7d1c5e3f demo demo] Timed out waiting for server to become ACTIVE")
OTHER = Template(6, LABEL, "ERROR", ("no", "such", None), text="No such instance 17, password=hunter2")
MIGRATION = "nova.tests.unit.compute.test_manager.ManagerTest.test_live_migration"
FRAME = f'  File "/home/zuul/src/opendev.org/openstack/nova/{MANAGER}", line 1041, in live_migration'


class World:
    """A ledger with builds of several changes, the rules, and a Gerrit that has change 7."""

    def __init__(self, folder: Path, gerrit: Gerrit) -> None:
        self.now, self.seconds, self.builds = NOW, 1000.0, 0
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db", lambda: self.now)
        (folder / "queries").mkdir(exist_ok=True)
        (folder / "queries/1254890.yaml").write_text("query: message:lost\n")
        (folder / "queries/mirror.yaml").write_text("title: Mirror\nquery: message:mirror\nlabel: infra\n")
        self.book = RuleBook(folder / "queries")
        assert self.book.mistakes == ()
        server = Server(host=gerrit.host, port=gerrit.port, host_key=gerrit.host_key, username="bot",
                        key_file=str(folder / "key"))
        self.client = OverSsh(lambda: connect(server))
        self.history = History(self.ledger, self.client, monotonic=lambda: self.seconds)

    def close(self) -> None:
        self.client.close()
        self.ledger.close()

    def build(self, job: str, change: int | None = 7, patchset: int = 1, *, lines=(), tests=(), sources=(), rules=(),
              ago=0.0, pipeline="check", **more: object) -> BuildLink:
        """A build that was read ``ago`` days before now; it failed unless ``more`` says otherwise."""
        self.builds += 1
        uuid = f"{self.builds:032x}"
        made = Build(**{"uuid": uuid, "job": job, "result": "FAILURE", "voting": True, "project": PROJECT,
                        "branch": "master", "pipeline": pipeline, "log_url": "https://logs/",
                        "ended": NOW - int(ago * DAY), "change": change, "patchset": patchset, **more})
        link = BuildLink(job, f"https://z/build/{uuid}", uuid)
        self.ledger.builds.ask(link, made, [Reader.FAILURE, Reader.TEMPLATES])
        keys = sorted(line.key for line in lines)
        shown = Lines(array("q", keys), sources=tuple(sources), paths=dict.fromkeys(keys, N_CPU))
        found = Reduction(shown, {line.key: line for line in lines},
                          tuple(line.key for line in lines))
        failure = Failure(tuple(Hit(rule, N_CPU, 1, "x") for rule in rules), tuple(tests), len(tests))
        self.ledger.builds.note(self.ledger.builds.claim(), made, {
            Reader.FAILURE: Reading(State.READ, "", failure), Reader.TEMPLATES: Reading(State.READ, "", found)})
        return link

    def mine(self, job: str = GRENADE, **more: object) -> BuildLink:
        """A build in the gate of the change that is reported on."""
        return self.build(job, **{"patchset": 3, "pipeline": "gate", **more})

    def gate(self, passed: int, failed: int, job: str = GRENADE, **more: object) -> None:
        """Builds of other changes in the gate."""
        for number in range(passed + failed):
            result = "SUCCESS" if number < passed else "FAILURE"
            self.build(job, 100 + number, ago=number / 100, pipeline="gate", **{"result": result, **more})

    def comment(self, *links: BuildLink, patchset: int = 3, pipeline: str = "gate") -> str | None:
        """What is posted on change 7 when Zuul reports on these builds; None where nothing is."""
        report = Report(PatchSet("review", PROJECT, "master", 7, patchset), pipeline, links[0].uuid, links)
        self.ledger.inbox.put(str(links).encode(), "test")
        needs = {link: frozenset({Reader.FAILURE}) for link in links}
        assert self.ledger.reports.open(self.ledger.inbox.claim(), report, needs, 0, 0)
        audience = Audience((Channel("#new", tell=frozenset({Tell.UNEXPLAINED})),))
        assert Decider(self.ledger, self.book, audience, 0, self.history).step()
        work = self.ledger.outbox.claim("gerrit", ["gerrit"])
        return str(work.delivery.payload["message"]) if work else None

    def reason(self) -> str:
        return self.ledger.reports.decided()[-1].why

    def channel(self) -> list[str]:
        found = []
        while work := self.ledger.outbox.claim("irc", ["#new"]):
            found.append(str(work.delivery.payload["text"]))
        return found




@pytest.fixture
def gerrit(tmp_path):
    with Gerrit({make_key(tmp_path / "key"): "bot"}) as server:
        server.add_change(PROJECT, 7, patchsets=3, files=(MANAGER, "nova/virt/old.py => nova/virt/new.py"))
        yield server


@pytest.fixture
def world(tmp_path, gerrit):
    world = World(tmp_path, gerrit)
    yield world
    world.close()


def line_on(comment: str, job: str = GRENADE) -> str:
    [line] = [line for line in comment.split("\n") if line.startswith(f"`{job}`: ")]
    return line.removeprefix(f"`{job}`: ")


def test_the_contracts_comment_from_the_history(world):
    world.build(GRENADE, 8, lines=[ACTIVE], ago=13)
    world.gate(38, 2)
    for change, ago in ((8, 1), (9, 2), (9, 3), (10, 6.9), (11, 7.1)):
        world.build(GRENADE, change, lines=[ACTIVE], ago=ago)
    test = FailedTest(MIGRATION, ("Traceback (most recent call last):", FRAME))
    for patchset in (1, 2):
        world.build(UNIT, patchset=patchset, tests=[test], ago=4 - patchset)
    grenade = world.mine(lines=[ACTIVE])
    unit = world.mine(UNIT, tests=[test])
    comment = world.comment(grenade, unit)
    assert comment is not None
    assert comment.split("\n")[:-1] == CONTRACT.read_text().split("\n")[:-2]
    assert world.channel() == ["openstack/nova 7,3 (gate): grenade failed, nothing known, seen on 3 other changes;"
                               " nova-tox-py312 failed, nothing known"]


def test_what_a_change_breaks_itself_is_nobody_elses(world):
    """However often its patch sets are tested, and its jobs alike."""
    for patchset in (1, 2):
        for job in (GRENADE, "tempest-full", "tempest-slow"):
            world.build(job, patchset=patchset, lines=[ACTIVE], tests=[FailedTest("a.b")])
    world.gate(10, 0)
    world.build(GRENADE, change=8)
    assert world.comment(world.mine(lines=[ACTIVE], tests=[FailedTest("a.b")])) is None
    assert world.channel() == ["openstack/nova 7,3 (gate): grenade failed, nothing known"]
    comment = world.comment(world.mine(lines=[ACTIVE], tests=[FailedTest("a.b")]), world.mine("x", rules=["1254890"]))
    assert comment is not None
    assert line_on(comment) == ("`a.b` failed first; passed 10 of its last 10 gate builds;"
                                " failed on patch sets 1, 2 and 3 of this change and nowhere else.")


@pytest.mark.parametrize(("changes", "pipeline", "told"), [(2, "gate", False), (3, "gate", True), (9, "check", False)])
def test_three_other_changes_are_worth_a_comment_in_the_gate(world, changes, pipeline, told):
    for change in range(changes):
        world.build(GRENADE, 10 + change, lines=[OTHER])
    comment = world.comment(world.mine(lines=[OTHER], pipeline=pipeline), pipeline=pipeline)
    assert (comment is not None) is told
    assert world.channel() == [
        f"openstack/nova 7,3 ({pipeline}): grenade failed, nothing known, seen on {changes} other changes"]


def test_a_patch_set_that_passed_before_is_worth_a_comment_and_credentials_are_masked(world):
    world.build(GRENADE, patchset=2, result="SUCCESS", ago=1)
    assert world.comment(world.mine(lines=[OTHER])) is None
    world.build(GRENADE, patchset=3, result="SUCCESS", ago=1)
    comment = world.comment(world.mine(lines=[OTHER]))
    assert comment is not None
    assert line_on(comment) == (
        f"passed on this patch set in another run; `No such instance 17, password=***` in `{N_CPU}`.")


def test_the_same_is_said_once_on_a_patch_set(world):
    world.build(GRENADE, patchset=3, result="SUCCESS", ago=1)
    assert world.comment(world.mine(lines=[ACTIVE]))
    assert world.comment(world.mine(lines=[ACTIVE, OTHER])) is None
    assert world.reason() == "the same was said before on this patch set (grenade: nothing known)"


def test_failures_of_the_site_do_not_count_as_the_jobs(world):
    world.gate(5, 3)
    world.gate(0, 4, rules=["mirror"])
    world.build(GRENADE, patchset=3, result="SUCCESS")
    comment = world.comment(world.mine(lines=[ACTIVE]))
    assert comment is not None
    assert line_on(comment).endswith("; passed 5 of its last 8 gate builds.")


def test_beside_a_known_failure_all_is_told_in_any_pipeline(world):
    world.build(GRENADE, 8, tests=[FailedTest("a.b")], ago=2)
    known = world.mine("tempest", rules=["1254890"], pipeline="check")
    unknown = world.mine(tests=[FailedTest("a.b", (FRAME,))], sources=["/opt/stack/nova/nova/virt/old.py"],
                         pipeline="check")
    comment = world.comment(known, unknown, pipeline="check")
    assert comment is not None
    assert line_on(comment) == (
        "`a.b` failed first; seen on 1 other change in 7 days; first seen 29 Nov;"
        f" it names `nova/virt/old.py` and `{MANAGER}`, which this change touches.")


def test_of_failed_tests_the_first_is_told_and_a_date_of_another_year_has_it(world):
    """Of many that a change breaks, one may well be unstable elsewhere."""
    world.build(GRENADE, 8, tests=[FailedTest("first")], ago=400)
    for change in (8, 9, 10):
        world.build(GRENADE, change, tests=[FailedTest("unstable")])
    world.build(GRENADE, 8, tests=[FailedTest("first")], ago=1)
    world.build(GRENADE, patchset=3, result="SUCCESS")
    comment = world.comment(world.mine(tests=[FailedTest("first"), FailedTest("unstable")]))
    assert comment is not None
    assert "   1 other change\n" in comment
    assert line_on(comment) == "passed on this patch set in another run; `first` failed first; first seen 27 Oct 2025."


# -- Gerrit


def named(world: World, patchset: int = 3) -> bool:
    """Whether a comment says that the failure names a file of the patch set."""
    world.build(GRENADE, patchset=patchset, result="SUCCESS")
    links = [world.mine(job, patchset=patchset, lines=[ACTIVE], sources=[f"/opt/stack/nova/{MANAGER}"])
             for job in (f"grenade-{world.builds}", GRENADE)]
    world.now += 1
    comment = world.comment(*links, patchset=patchset)
    assert comment is not None
    return f"it names `{MANAGER}`" in line_on(comment)


def test_gerrit_is_asked_once_a_report_and_only_where_files_are_named(world, gerrit):
    assert named(world)
    assert len(gerrit.commands) == 1
    world.build(UNIT, patchset=3, result="SUCCESS")
    assert world.comment(world.mine(UNIT, lines=[OTHER]))
    assert len(gerrit.commands) == 1


def test_the_files_of_an_older_patch_set_are_not_known(world):
    assert not named(world, patchset=2)


def test_a_gerrit_that_is_away_costs_the_files_alone_and_is_left_in_peace(world, gerrit):
    gerrit.may_query = False
    assert not named(world, 3)
    gerrit.may_query = True
    gerrit.add_change(PROJECT, 7, patchsets=4, files=(MANAGER,))
    assert not named(world, 4)
    world.seconds += PAUSE
    gerrit.add_change(PROJECT, 7, patchsets=5, files=(MANAGER,))
    assert named(world, 5)
    assert len(gerrit.commands) == 2


def test_without_a_gerrit_to_ask_the_files_are_not_known(world):
    world.history = History(world.ledger)
    assert not named(world)


def test_a_report_on_a_branch_is_told_what_others_show(world):
    for change in range(3):
        world.build(GRENADE, 10 + change, lines=[ACTIVE])
    link = world.build(GRENADE, None, None, lines=[ACTIVE], sources=[MANAGER], pipeline="periodic")
    report = Report(PatchSet("review", PROJECT, "master", None, None), "periodic", "e" * 32, (link,))
    world.ledger.inbox.put(b"{}", "test")
    assert world.ledger.reports.open(world.ledger.inbox.claim(), report, {link: frozenset({Reader.FAILURE})}, 0, 0)
    audience = Audience((Channel("#new", tell=frozenset({Tell.UNEXPLAINED})),), comment_in=("*",))
    assert Decider(world.ledger, world.book, audience, 0, world.history).step()
    assert world.ledger.outbox.claim("gerrit", ["gerrit"]) is None
    [line] = world.channel()
    assert line.startswith("openstack/nova master (periodic): grenade failed, nothing known, seen on 3 other changes")
