"""What the ledger keeps of builds' lines and of failures; tests/real runs the same tests on PostgreSQL and MariaDB."""

from array import array
from dataclasses import replace

from counterbot.core.lines import Lines, Reduction, StoryLine, Template
from counterbot.core.mine import Facts, Sight
from counterbot.core.model import BuildLink, FailedTest, Failure, Hit, PatchSet, Reader, Reading, State

from . import test_ledger as tables
from .test_ledger import SECOND, build

clock, ledger, url = tables.clock, tables.ledger, tables.url

DAY = 86_400 * SECOND
PATCHSET = PatchSet("review", "openstack/nova", "master", 7, 2)
GATE = ["gate"]


def template(key, *words, text=""):
    return Template(key, "logs/screen-n-cpu.txt", "ERROR", words or ("waiting", None, str(key)), text=text)


def reduction(*keys, telling=(), **lines):
    return Reduction(Lines(array("q", sorted(keys)), **lines), {key: template(key) for key in keys}, telling)


def note(ledger, clock, number, reduced=None, tests=(), rules=(), ago=0, **more):
    """A build of the job tempest that failed, unless ``more`` says otherwise, ended ``ago`` days before now."""
    uuid = f"{number:032x}"
    made = build(uuid, **{"job": "tempest", "result": "FAILURE", "ended": clock() - int(ago * DAY), **more})
    readers = [Reader.FAILURE, *([Reader.TEMPLATES] if reduced else [])]
    ledger.builds.ask(BuildLink(made.job, "https://zuul/", uuid), made, readers)
    failure = Failure(tuple(Hit(rule, "x", 1, "x") for rule in rules), tuple(map(FailedTest, tests)), len(tests))
    found = {Reader.FAILURE: Reading(State.READ, "", failure), Reader.TEMPLATES: Reading(State.READ, "", reduced)}
    ledger.builds.note(ledger.builds.claim(), made, {reader: found[reader] for reader in readers})
    return uuid


def passing(ledger, clock, number, *keys, **more):
    return note(ledger, clock, number, reduction(*keys), **{"result": "SUCCESS", "pipeline": "gate", **more})


def facts(ledger, tests=(), telling=(), patchset=PATCHSET, uuid="f" * 32, infra=()):
    return ledger.failures.facts(patchset, "tempest", uuid, tests, list(map(template, telling)), GATE, infra)


# -- lines


def test_the_newest_passing_builds_of_a_job_are_its_baseline(ledger, clock):
    passing(ledger, clock, 1, 5, 9, ago=2)
    passing(ledger, clock, 2, 5, 2**63 - 1, ago=1)
    passing(ledger, clock, 3, 7, ago=31)
    passing(ledger, clock, 4, 7, job="grenade")
    note(ledger, clock, 5, reduction(7))
    assert list(map(list, ledger.templates.baseline("tempest"))) == [[5, 2**63 - 1], [5, 9]]
    assert len(ledger.templates.baseline("tempest", most=1)) == 1


def test_the_dictionary_has_each_template_as_it_was_first_seen(ledger, clock):
    first = template(5, "wörter", None, "x.y", text="password=hunter2 \x1b[31mred")
    note(ledger, clock, 1, replace(reduction(5), templates={5: first}))
    note(ledger, clock, 2, replace(reduction(5), templates={5: replace(first, text="later")}))
    assert ledger.templates.dictionary([5, 6]) == {5: replace(first, text="password=*** red")}


def test_all_lines_of_a_failed_build_are_kept(ledger, clock):
    found = reduction(2**62, 5, 9, telling=[9, 5], near=frozenset([5]), linked=frozenset([9]), share=0.25,
                      numbers={9: 1041, 2**62: 3}, story=(StoryLine(7, "logs/a.txt", 3, "ERROR x"),),
                      sources=("nova/compute/manager.py",), left_out=3, unread={"logs/b.txt": "too long"})
    uuid = note(ledger, clock, 1, found)
    [(run, lines)] = ledger.templates.failed(days=7)
    assert (run.uuid, lines) == (uuid, found.lines)
    assert ledger.templates.telling(uuid) == [template(9), template(5)]
    assert list(ledger.templates.lines([run.run, 99])) == [(run.run, lines)]


# -- failures


def test_failures_that_no_rule_explains(ledger, clock):
    note(ledger, clock, 1, rules=["old", "known"])
    note(ledger, clock, 2, tests=["test_a"], rules=["old"], ago=1, seconds=61.5, change=7)
    note(ledger, clock, 3, voting=False)
    note(ledger, clock, 4, ago=8)
    note(ledger, clock, 5, result="SUCCESS")
    [found] = ledger.failures.unexplained(7, ["known", "other"])
    assert (found.uuid, found.job, found.change, found.seconds) == (f"{2:032x}", "tempest", 7, 61.5)
    assert (found.tests, found.failed_tests, found.phase) == ((FailedTest("test_a"),), 1, "")
    assert [run.uuid[-1] for run in ledger.failures.unexplained(7)] == ["1", "2"]


def test_what_the_history_tells_of_a_failure(ledger, clock):
    mine = note(ledger, clock, 1, reduction(5, telling=[5]), ["test_a"], change=7, patchset=2, seconds=1)
    assert facts(ledger, ["test_a"], [5], uuid=mine) == Facts(
        sights=(Sight("test_a"), Sight("", "logs/screen-n-cpu.txt")), patchsets=(2,))

