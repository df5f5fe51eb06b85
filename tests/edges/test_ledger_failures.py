"""What the ledger keeps of builds' lines and of failures; tests/real runs the same tests on PostgreSQL and MariaDB."""

import re
from array import array
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.event import listen

from counterbot.core.lines import Lines, Reduction, StoryLine, Template
from counterbot.core.mine import Facts, Sight
from counterbot.core.model import BuildLink, FailedTest, Failure, Hit, PatchSet, Reader, Reading, State
from counterbot.ledger import Ledger, schema
from counterbot.ledger.failures import MOST
from counterbot.ledger.templates import NEW_OF_FAILED, ROOM

from . import test_ledger as tables
from .test_ledger import SECOND, build

clock, ledger, url = tables.clock, tables.ledger, tables.url

DAY = 86_400 * SECOND
PATCHSET = PatchSet("review", "openstack/nova", "master", 7, 2)
FILE, GATE = "logs/screen-n-cpu.txt", ["gate"]


def template(key, *words, text=None):
    return Template(key, FILE, "ERROR", words or ("waiting", None, str(key)), text=text or f"line {key}")


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


def test_a_builds_telling_lines_have_its_own_ids(ledger, clock):
    note(ledger, clock, 1, reduction(5, 6, telling=[5]))
    mine = replace(reduction(5, 6, telling=[5, 6]), templates={5: template(5, text="line 5 of password=hunter2"),
                                                               6: template(6)})
    uuid = note(ledger, clock, 2, mine)
    assert [line.text for line in ledger.templates.telling(uuid)] == ["line 5 of password=***", "line 6"]
    assert ledger.templates.dictionary([5])[5].text == "line 5"


def test_all_lines_of_a_failed_build_are_kept(ledger, clock):
    found = reduction(2**62, 5, 9, telling=[9, 5], near=frozenset([5]), linked=frozenset([9]), share=0.25,
                      numbers={9: 1041, 2**62: 3}, story=(StoryLine(7, "logs/a.txt", 3, "ERROR x"),),
                      sources=("nova/compute/manager.py",), left_out=3, unread={"logs/b.txt": "too long"},
                      paths={9: "compute1/logs/screen-n-cpu.txt"})
    uuid = note(ledger, clock, 1, found)
    [(run, lines)] = ledger.templates.failed(days=7)
    assert (run.uuid, lines) == (uuid, replace(found.lines, texts={9: "line 9", 5: "line 5"}))
    assert ledger.templates.telling(uuid) == [replace(template(9), file="compute1/logs/screen-n-cpu.txt"), template(5)]
    assert list(ledger.templates.lines([run.run, 99])) == [(run.run, lines)]


def test_lines_that_are_noted_again_take_the_place_of_those_before(ledger, clock):
    note(ledger, clock, 1, reduction(5, 6, telling=[6]), change=8)
    note(ledger, clock, 1, reduction(5, 7, telling=[7]), change=8)
    [(_, lines)] = ledger.templates.failed(days=7)
    assert list(lines.keys) == [5, 7]
    assert [facts(ledger, telling=[key]).changes for key in (6, 7)] == [0, 1]


def test_a_build_cannot_fill_the_dictionary(ledger, clock):
    keys = range(1, NEW_OF_FAILED + 3)
    uuid = note(ledger, clock, 1, reduction(*keys, telling=keys[-1:], left_out=3))
    [(_, lines)] = ledger.templates.failed(days=7)
    assert list(lines.keys) == [*keys[:NEW_OF_FAILED - 1], keys[-1]]
    assert lines.left_out == 5
    assert ledger.templates.telling(uuid) == [template(keys[-1])]
    note(ledger, clock, 2, reduction(*keys))
    assert [each.left_out for _, each in ledger.templates.failed(days=7)] == [0, 5]


def test_very_long_lines_do_not_fill_the_dictionary(ledger, clock):
    found = {key: template(key, "x" * 8000) for key in range(1000)}
    note(ledger, clock, 1, Reduction(Lines(array("q", found)), found, telling=[999]))
    [(_, lines)] = ledger.templates.failed(days=7)
    assert (lines.left_out + len(lines.keys), lines.keys[-1]) == (1000, 999)
    most = NEW_OF_FAILED * ROOM
    assert most - 16_000 < tables.rows(ledger, "select sum(length(words)) from templates")[0][0] <= most


def test_what_lines_have_in_common_is_in_memory_once(ledger, clock):
    note(ledger, clock, 1, reduction(5, 6))
    one, other = ledger.templates.dictionary([5, 6]).values()
    assert [one.words[0] is other.words[0], one.file is other.file] == [True, True]


def test_what_is_not_known_of_a_passing_build_is_told(ledger, clock):
    found = reduction(5, left_out=2, unread={"logs/b.txt": "too long"})
    note(ledger, clock, 1, found, result="SUCCESS")
    assert [lines for _, lines in ledger.templates.passing()] == [found.lines]


def test_what_the_dictionary_of_another_window_has_is_not_new(ledger, clock):
    passing(ledger, clock, 1, *range(NEW_OF_FAILED + 1), ago=30)
    note(ledger, clock, 2, reduction(*range(NEW_OF_FAILED + 2)))
    [(_, lines)] = ledger.templates.failed(days=7)
    assert (len(lines.keys), lines.left_out) == (NEW_OF_FAILED + 2, 0)
    assert tables.rows(ledger, "select count(distinct in_window) from templates") == [(2,)]


def test_builds_that_are_noted_at_once_share_their_dictionary(ledger, clock):
    for number in range(8):
        made = build(f"{number:032x}", job="tempest", ended=clock())
        ledger.builds.ask(BuildLink("tempest", "https://zuul/", made.uuid), made, [Reader.TEMPLATES])

    def work():
        claimed = ledger.builds.claim()
        found = Reading(State.READ, "", reduction(*range(500)))
        ledger.builds.note(claimed, claimed.build, {Reader.TEMPLATES: found})

    tables.in_threads(work, 8)
    assert list(map(list, ledger.templates.baseline("tempest"))) == [list(range(500))] * 8
    assert tables.rows(ledger, "select count(*) from templates") == [(500,)]


def test_lines_that_an_older_mask_made_do_not_count_and_are_forgotten(ledger, clock):
    passing(ledger, clock, 1, 5)
    uuid = note(ledger, clock, 2, reduction(5, telling=[5]), ["test_a"], change=8)
    for table in ("run_lines", "templates"):
        ledger.store.write(lambda write, table=table: write.execute(text(f"update {table} set mask = mask - 1")))
    ledger.store.write(lambda write: write.execute(text("update traits set kind = 'line 0' where kind <> 'test'")))
    assert (ledger.templates.baseline("tempest"), ledger.templates.dictionary([5])) == ([], {})
    assert (list(ledger.templates.failed(7)), ledger.templates.telling(uuid)) == ([], [])
    assert list(ledger.templates.lines([run.run for run in ledger.failures.unexplained(7)])) == []
    assert facts(ledger, telling=[5]).changes == 0
    assert ledger.templates.wanting(GATE, 40) == {"tempest": 40}
    passing(ledger, clock, 3, 5)
    ledger.prune(DAY)
    assert kept(ledger) == {"run_lines": 1, "templates": 1, "traits": 1, "failures": 1, "runs": 3}
    assert list(map(list, ledger.templates.baseline("tempest"))) == [[5]]


def test_old_lines_are_forgotten_and_what_failed_stays(ledger, clock):
    for number, ago in enumerate([100, 61, 59, 0]):
        note(ledger, clock, number, reduction(5, number, telling=[5]), ["test_a"], ago=ago)
    ledger.prune(DAY, lines=60 * DAY)
    assert kept(ledger) == {"run_lines": 2, "templates": 5, "traits": 6, "failures": 4, "runs": 4}
    assert [list(lines.keys) for _, lines in ledger.templates.failed(90)] == [[3, 5], [2, 5]]


def kept(ledger):
    names = ("run_lines", "templates", "traits", "failures", "runs")
    return {name: tables.rows(ledger, f"select count(*) from {name}")[0][0] for name in names}


def test_jobs_whose_baseline_is_short(ledger, clock):
    for number, more in enumerate([{}, {"job": "grenade"}, {"job": "tox", "voting": False}, {"job": "old", "ago": 15},
                                   {"job": "enough"}]):
        note(ledger, clock, number, **more)
    for number, more in enumerate([{}, {}, {"ago": 15}, {"pipeline": "check"}, {"job": "enough"}, {"job": "enough"},
                                   {"job": "enough"}], 10):
        passing(ledger, clock, number, 5, **more)
    assert ledger.templates.wanting(GATE, 3) == {"tempest": 1, "grenade": 3}


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


def test_of_very_many_failures_the_newest_are_told(ledger, clock):
    numbers = range(1, MOST + 3)
    ledger.store.write(lambda write: write.insert(schema.runs, [
        {"id": number, "uuid": f"{number:032x}", "job": "tempest", "project": "nova", "branch": "master",
         "pipeline": "gate", "result": "FAILURE", "voting": True, "ended": clock()} for number in numbers]))
    ledger.store.write(lambda write: write.insert(schema.failures, [
        {"run": number, "at": clock() - number} for number in numbers]))
    assert [run.run for run in ledger.failures.unexplained(7)] == list(numbers[:MOST])


def test_what_a_failure_shows_stays_when_it_is_searched_for_some_rules(ledger, clock):
    uuid = note(ledger, clock, 1, tests=["test_a"])
    made = build(uuid, job="tempest", result="FAILURE", ended=clock())
    ledger.builds.ask(BuildLink("tempest", "https://zuul/", uuid), made, [Reader.FAILURE], ["new"])
    found = Failure((Hit("new", "x", 1, "x"),))
    ledger.builds.note(ledger.builds.claim(), made, {Reader.FAILURE: Reading(State.READ, "", found)})
    [run] = ledger.failures.unexplained(7)
    assert run.tests == (FailedTest("test_a"),)
    assert ledger.failures.unexplained(7, ["new"]) == []


def test_a_failed_build_without_logs_is_a_failure(ledger, clock):
    uuid = note(ledger, clock, 1, result="NODE_FAILURE")
    made = build(uuid, job="tempest", result="TIMED_OUT", ended=clock())
    ledger.builds.ask(BuildLink("tempest", "https://zuul/", "e" * 32), made, [Reader.FAILURE])
    work = ledger.builds.claim()
    ledger.builds.note(work, replace(made, uuid=work.link.uuid), {Reader.FAILURE: Reading(State.NOT_RUN)})
    assert sorted(run.result for run in ledger.failures.unexplained(7)) == ["NODE_FAILURE", "TIMED_OUT"]


def test_of_what_nobody_else_shows_no_other_change_is_told(ledger, clock):
    mine = note(ledger, clock, 1, reduction(5, telling=[5]), ["test_a"], change=7, patchset=2)
    alone = Facts(sights=(Sight("test_a"), Sight("line 5", FILE)), patchsets=(2,), compared=False)
    assert facts(ledger, ["test_a"], [5], uuid=mine) == alone
    note(ledger, clock, 2, change=8, ago=8)
    note(ledger, clock, 3, change=7, patchset=2)
    assert facts(ledger, ["test_a"], [5], uuid=mine) == alone
    note(ledger, clock, 4, change=8)
    assert facts(ledger, ["test_a"], [5], uuid=mine) == replace(alone, compared=True)


def test_one_build_of_several_changes_is_no_other_build(ledger, clock):
    mine = note(ledger, clock, 1, reduction(5, telling=[5]), ["test_a"], change=8, patchset=1)
    assert facts(ledger, ["test_a"], [5], uuid=mine).sights == (Sight("test_a"), Sight("line 5", FILE))


def test_other_changes_that_show_the_same_are_counted_once_each(ledger, clock):
    mine = note(ledger, clock, 1, reduction(5, telling=[5]), ["test_a"], change=7, patchset=2)
    for number, (change, ago) in enumerate([(7, 9), (8, 8), (9, 3), (9, 2), (10, 1)], 2):
        note(ledger, clock, number, reduction(5, 6, telling=[6, 5]), ["test_a"], change=change, patchset=1, ago=ago)
    note(ledger, clock, 12, tests=["test_a"], change=11)
    found = facts(ledger, ["test_b", "test_a"], [5], uuid=mine)
    assert found.sights == (Sight("test_a", "", 3, clock() - 9 * DAY), Sight("line 5", FILE, 2, clock() - 9 * DAY))
    assert found.changes == 3


def test_the_line_that_most_other_changes_show_is_told_first(ledger, clock):
    mine = note(ledger, clock, 1, reduction(4, 5, 6, telling=[4, 5, 6]), ["test_a"], change=7, patchset=2)
    note(ledger, clock, 2, reduction(5, 6, telling=[6, 5]), change=8)
    note(ledger, clock, 3, reduction(5, telling=[5]), ["test_a"], change=9)
    assert [sight.text for sight in facts(ledger, ["test_a"], [4, 5, 6], uuid=mine).sights] == ["line 5", "test_a"]


def test_all_builds_of_branches_count_as_one_other_change(ledger, clock):
    for number in (1, 2, 3):
        note(ledger, clock, number, tests=["test_a"], pipeline="periodic", branch=f"stable/{number}")
    assert facts(ledger, ["test_a"]).changes == 1
    branch = PatchSet("review", "openstack/nova", "master", None, None)
    assert facts(ledger, ["test_a"], patchset=branch) == Facts(
        sights=(Sight("test_a", "", 0, clock()),), compared=False)


def test_whether_the_same_patch_set_passed_the_job(ledger, clock):
    for number, differs in enumerate([{"job": "grenade"}, {"change": 8}, {"patchset": 1}, {"project": "x"}]):
        passing(ledger, clock, number, **{"change": 7, "patchset": 2, **differs})
    assert not facts(ledger).passed
    passing(ledger, clock, 9, change=7, patchset=2)
    assert facts(ledger).passed


def test_how_many_of_the_newest_gate_builds_of_the_job_passed(ledger, clock):
    counted = [{}, {}, {"result": "FAILURE"}, {"result": "TIMED_OUT"}, {"rules": ["bug"], "result": "FAILURE"}]
    others = [{"result": "CANCELED"}, {"rules": ["site"], "result": "FAILURE"}, {"pipeline": "check"},
              {"job": "grenade"}, {"branch": "stable"}, {"project": "openstack/glance"}]
    for number, more in enumerate(counted + others):
        passing(ledger, clock, number, change=90 + number, **more)
    assert facts(ledger, infra=["site"]).gate == (2, 5)
    for number in range(100, 140):
        note(ledger, clock, number, result="SUCCESS", pipeline="gate", ago=-0.01)
    assert facts(ledger, infra=["site"]).gate == (40, 40)


def test_patch_sets_of_the_change_on_which_the_job_failed(ledger, clock):
    for number, more in enumerate([{"patchset": 1}, {"patchset": 3, "result": "SUCCESS"}, {"patchset": 4},
                                   {"patchset": 5, "job": "grenade"}, {"patchset": 6, "change": 8}]):
        note(ledger, clock, number, **{"change": 7, **more})
    assert facts(ledger).patchsets == (1, 2, 4)


# -- groups, and the hits of rules


def test_groups_are_noted_in_place_of_those_before(ledger, clock):
    note(ledger, clock, 1)
    note(ledger, clock, 2)
    one, two = (run.run for run in ledger.failures.unexplained(7))
    first, second = ledger.failures.new_group_ids(2)
    ledger.failures.save_groups({one: first, two: first})
    ledger.failures.save_groups({two: second})
    assert ledger.failures.groups() == {two: second}
    ledger.failures.save_groups({})
    assert len({first, second, *ledger.failures.new_group_ids(1)}) == 3


def test_when_rules_were_found_on_which_changes(ledger, clock):
    note(ledger, clock, 1, rules=["a", "a", "b"], change=8, ago=1)
    note(ledger, clock, 2, rules=["a"], ago=2)
    note(ledger, clock, 3, rules=["a"], ago=9)
    assert ledger.failures.rule_hits(7, ["a", "c"]) == {"a": [(clock() - 2 * DAY, None), (clock() - DAY, 8)]}


# -- how the questions are answered


TABLES = "runs|hits|failures|traits|run_lines|templates"


def test_no_question_goes_through_a_whole_table(tmp_path, clock):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    uuid = note(ledger, clock, 1, reduction(5, telling=[5]), change=7)
    passing(ledger, clock, 2, 5)
    asked = []
    listen(ledger.store.engine, "before_cursor_execute",
           lambda connection, cursor, statement, values, *_: asked.append((statement, values)))
    facts(ledger, ["test_a"], [5], uuid=uuid, infra=["site"])
    ledger.failures.unexplained(30, ["a", "b"])
    ledger.failures.rule_hits(7, ["a"])
    ledger.templates.baseline("tempest")
    ledger.templates.dictionary([5])
    ledger.templates.telling(uuid)
    list(ledger.templates.failed(7))
    ledger.templates.wanting(GATE, 40)
    ledger.prune(DAY)
    with ledger.store.engine.connect() as connection:
        plans = {statement: [row[3] for row in connection.exec_driver_sql(f"explain query plan {statement}", values)]
                 for statement, values in list(asked) if re.search(TABLES, statement)}
    assert len(plans) > 15
    slow = re.compile(rf"SCAN ({TABLES})|\(rule=\?\)")  # nor through all hits of a rule
    assert {statement: plan for statement, plan in plans.items() if slow.search(str(plan))} == {}
    ledger.close()
