"""What is usual is learned from merged code, and who makes a job work harder is told: on a clock moved by hand."""

import random
from datetime import datetime, timezone

import pytest
from sqlalchemy import text

from counterbot.core.model import BuildLink, Reader
from counterbot.demo.gerrit import Change as GerritChange
from counterbot.demo.gerrit import comment_added
from counterbot.demo.story import PROJECT, stream

from .world import SECOND, Killed

HOUR = 3600
JOBS = ("tempest-full", "nova-next")


def values(random, queries=1_200_000, selects=580_000, share=0.003):
    """Counters of a run: about what is usual, and one that never changes."""
    return {"mysql": {"Queries": round(queries * random.gauss(1, share)), "Com_select": round(
        selects * random.gauss(1, share)), "Slow_queries": 0}, "queues": {"notifications_publish": 8020}}


class History:
    """Runs of merged code, read into a bot's history."""

    def __init__(self, world, **settings):
        self.world, self.random, self.count, self.reports = world, random.Random(7), 0, {}
        world.rule("sql", "where: {job: another}\nbounds: {mysql.Queries: {max: 1}}\n")
        self.settings = {"deadline": 60, **settings}
        self.bot = world.bot(**self.settings)

    def merged(self, runs, queries=1_200_000, jobs=JOBS, pipeline="gate", selects=580_000, **row):
        """So many runs of each job, an hour apart."""
        for _ in range(runs):
            self.world.clock.seconds += HOUR
            for job in jobs:
                self.run(job, values(self.random, queries, selects), pipeline, **row)
        return self

    def run(self, job, counters, pipeline, **row):
        self.count += 1
        zuul, uuid = self.world.zuul, f"{self.count:032x}"
        made = zuul.add_build(uuid, job, {"testrepository.subunit": stream(counters)}, change=10_000 + self.count)
        zuul.serve_row({**made, "pipeline": pipeline, "end_time": self.now(), **row})
        link = BuildLink(job, zuul.page(uuid), uuid)
        self.bot.ledger.builds.ask(link, self.bot._zuul.build(link), {Reader.COUNTERS})
        self.bot.works()

    def now(self):
        return datetime.fromtimestamp(self.world.clock.now() / SECOND, timezone.utc).isoformat()[:19]

    def learns(self):
        """All levels, however short ago they were learned."""
        self.world.clock.seconds += 2 * HOUR
        while self.bot.analyst.step():
            pass
        return self

    def report(self, number, rises, patchset=1, bot=None, result="SUCCESS", depends_on=()):
        """Zuul reports on a patch set whose jobs issue so many times the usual SQL statements."""
        found = [values(self.random, 1_200_000 * rise) for rise in rises]
        return self.counted(number, found, patchset, bot, result, depends_on)

    def counted(self, number, found, patchset=1, bot=None, result="SUCCESS", depends_on=()):
        """Zuul reports on a patch set in whose jobs these counters were found."""
        self.world.clock.seconds += HOUR
        if number not in self.reports:
            self.world.gerrit.add_change(PROJECT, number, subject="A change", patchsets=4)
        zuul, lines = self.world.zuul, []
        self.reports[number] = self.reports.get(number, 0) + 1
        for at, (job, counters) in enumerate(zip(JOBS, found, strict=True)):
            uuid = f"{number:08x}{self.reports[number]:012x}{at:012x}"
            made = zuul.add_build(uuid, job, {"testrepository.subunit": stream(counters)}, change=number, result=result)
            refs = [{**made["ref"], "change": change, "ref": f"refs/changes/{change % 100:02}/{change}/1"}
                    for change in (*depends_on, number)]
            zuul.serve_row({**made, "end_time": self.now(), "buildset": {"uuid": f"{number:032x}", "refs": refs}})
            lines.append(f"- {job} {zuul.page(uuid)} : SUCCESS in 1h 02m 03s")
        page = f"{zuul.url}/t/openstack/buildset/{number:016x}{self.reports[number]:016x}"
        text = f"Patch Set {patchset}: Verified+1\n\nBuild succeeded (check pipeline).\n{page}\n\n" + "\n".join(lines)
        (bot or self.bot).hears(said(number, "zuul", text, patchset)).works()
        return self

    def says(self, number, text, by="dana", patchset=1, bot=None):
        """A person comments on a change."""
        comment = f"Patch Set {patchset}:\n\n{text}"
        self.world.gerrit.say(by, number, comment, patchset)
        (bot or self.bot).hears(said(number, by, comment, patchset, self.world.clock.now() // SECOND)).works()
        return self

    def comments(self, number):
        """The bot's own, without Gerrit's line before them."""
        return [text.partition("\n\n")[2] for text in self.world.comments(number) if "[counterbot:" in text]


def said(number, by, comment, patchset=1, at=1_800_000_000):
    return comment_added(by, GerritChange(PROJECT, number, "A change"), patchset, comment, at)


@pytest.fixture
def history(world):
    return History(world).merged(60).learns()


def test_a_rise_in_two_jobs_is_told_and_one_in_one_run_is_not(history):
    history.report(71, (1.1, 1.1)).report(72, (1.1, 1)).report(73, (1, 1))
    [comment] = history.comments(71)
    assert comment.startswith("Counters: 1 of 4 stable counters over its bound (not voting).\n")
    assert "`mysql.Queries`: learned from 60 runs on master since " in comment
    assert "; seen in both jobs that count it." in comment
    assert (history.comments(72), history.comments(73)) == ([], [])
    assert [why.partition(" (")[0] for why in history.bot.reasons()] == [
        "over its bound", "over a learned bound in one run only", "every counter is within its bound"]


def test_a_second_run_confirms(history):
    history.report(72, (1.1, 1)).report(72, (1.1, 1), patchset=2)
    [comment] = history.comments(72)
    assert "; seen in a second run." in comment


def test_a_run_that_failed_confirms_nothing(history):
    history.report(72, (1.1, 1), result="FAILURE").report(72, (1.1, 1), patchset=2)
    assert history.comments(72) == []
    assert history.bot.reasons()[-1] == "over a learned bound in one run only"


def test_a_second_run_confirms_to_another_bot_that_dies_when_it_says_so(history):
    """And is told once."""
    history.report(72, (1.1, 1))
    second = history.world.bot(**history.settings)

    def die(moment):
        if moment == "posted":
            raise Killed

    second.at = die
    with pytest.raises(Killed):
        history.report(72, (1.1, 1), patchset=2, bot=second)
    history.world.clock.seconds += HOUR
    history.bot.works()
    [comment] = history.comments(72)
    assert "; seen in a second run." in comment


def test_a_counter_over_a_written_bound_and_a_learned_one_is_told_once(history):
    history.world.rule("written", "where: {job: tempest-full}\nbounds: {mysql.Queries: {max: 1250000}}\n")
    history.bot.book.refresh()
    history.report(71, (1.1, 1.1))
    [comment] = history.comments(71)
    rows = [line.split() for line in comment.split("\n") if "mysql.Queries  " in line]
    assert [row[0] for row in rows] == ["nova-next", "tempest-full"]
    assert rows[1][-2] == "1,250,000"


def test_a_later_patch_set_that_is_back_within_the_bounds_is_told_once(history):
    history.report(71, (1.1, 1.1))
    history.report(71, (1, 1)).report(71, (1, 1), patchset=2).report(71, (1, 1), patchset=2).report(
        71, (1, 1), patchset=3).report(71, (1.1, 1.1), patchset=3).report(71, (1, 1), patchset=4)
    told, back, again, last = history.comments(71)
    assert back.startswith("Counters: `mysql.Queries` in `tempest-full` and `nova-next` is back within its bound (not")
    assert (told[:20], last.split("[")[0]) == (again[:20], back.split("[")[0])


def test_what_is_back_within_a_written_bound_is_told_once_whichever_bot_dies(world):
    world.rule("written", "where: {job: tempest-full}\nbounds: {mysql.Queries: {max: 1250000}}\n")
    history = History(world).report(71, (1.1, 1))
    second = world.bot(**history.settings)

    def die(moment):
        if moment == "posted":
            raise Killed

    second.at = die
    with pytest.raises(Killed):
        history.report(71, (1, 1), patchset=2, bot=second)
    history.report(71, (1, 1), patchset=2).report(71, (1, 1), patchset=3)
    _, back = history.comments(71)
    assert back.startswith("Counters: `mysql.Queries` in `tempest-full` is back within its bound: 1,19")
    assert history.bot.reasons()[-3:] == ["back within its bound", *["every counter is within its bound"] * 2]


def test_nothing_is_told_twice(history):
    history.report(71, (1.1, 1.1))
    history.report(71, (1.1, 1.1))
    assert len(history.comments(71)) == 1


def test_who_accepts_ends_the_matter_and_what_is_usual_is_learned_anew(history):
    history.report(71, (1.1, 1.1)).says(71, "counters: accept a query for each tenant")
    assert history.comments(71)[-1].startswith("Counters: accepted on this change: `mysql.Queries` in `nova-next` and"
                                               " `tempest-full` (a query for each tenant).")
    history.report(71, (1.1, 1.1), patchset=2)
    assert len(history.comments(71)) == 2
    assert history.bot.reasons()[-1] == "over its bound, and people said that this is to be so"
    history.bot.hears({"type": "change-merged", "eventCreatedOn": history.world.clock.now() // SECOND,
                       "change": {"project": "openstack/nova", "branch": "master", "number": 71},
                       "patchSet": {"number": 2}}).works()
    history.report(80, (1.1, 1.1))
    history.merged(2, 1_320_000).learns().report(81, (1.1, 1.1))
    assert history.comments(80) == history.comments(81) == []
    history.merged(3, 1_320_000).learns().report(82, (1.1, 1.1)).report(83, (1.25, 1.25))
    assert history.comments(82) == []
    [comment] = history.comments(83)
    assert "`mysql.Queries`: learned from 8 runs" in comment  # three of them in check


def test_what_is_accepted_is_accepted_of_every_job_and_of_the_changes_behind(history):
    history.report(71, (1.1, 1)).report(71, (1.1, 1), patchset=2).says(71, "counters: accept a query for each tenant")
    assert len(history.comments(71)) == 2
    history.report(71, (1.1, 1.1), patchset=3).report(72, (1.1, 1.1), depends_on=[71])
    assert (len(history.comments(71)), history.comments(72)) == (2, [])
    history.bot.hears({"type": "change-merged", "eventCreatedOn": history.world.clock.now() // SECOND,
                       "change": {"project": "openstack/nova", "branch": "master", "number": 71},
                       "patchSet": {"number": 3}}).works()
    assert history.report(80, (1, 1.1)).report(80, (1, 1.1), patchset=2).comments(80) == []


def test_who_ignores_is_told_no_more_and_the_branch_stays_as_it_is(history):
    history.report(71, (1.1, 1.1)).says(71, "Counters: ignore").report(71, (1.1, 1.1), patchset=2)
    assert history.comments(71)[1].startswith("Counters: ignored on this change: `mysql.Queries`")
    assert len(history.comments(71)) == 2
    history.report(72, (1.1, 1.1))
    assert len(history.comments(72)) == 1


def test_what_is_usual_is_shown_on_demand(history):
    history.report(73, (1.01, 1)).says(73, "counters: show")
    [answer] = history.comments(73)
    assert answer.startswith("Counters of the newest builds of this change:\n\n`nova-next` (patch set 1): 4 stable")
    table = answer.split("\n\n")[2].split("\n")
    assert table[0].split() == ["counter", "this", "run", "usual", "bound"]
    assert {line.split()[0] for line in table[1:]} == {
        "mysql.Queries", "mysql.Com_select", "mysql.Slow_queries", "queues.notifications_publish"}


def test_without_a_history_what_there_is_is_shown(world):
    history = History(world).report(73, (1, 1)).says(73, "counters: show")
    [answer] = history.comments(73)
    assert "`tempest-full` (patch set 1): 4 counters, and it is not known yet what is usual of any.\n" in answer


def test_what_is_asked_again_later_is_answered_again(history):
    history.report(71, (1, 1)).says(71, "counters: show").says(71, "counters: accept: more work")
    assert history.comments(71)[1].startswith("Counters: none is over its bound on this change yet. Nothing was noted")
    history.report(71, (1.1, 1.1)).says(71, "counters: accept: more work").says(71, "Thanks.\n\ncounters: show.")
    told = [text.split("\n")[0][:30] for text in history.comments(71)]
    assert told == [
        "Counters of the newest builds ", "Counters: none is over its bou", "Counters: 1 of 4 stable counte",
        "Counters: accepted on this cha", "Counters of the newest builds "]


def test_what_is_mended_is_not_accepted(history):
    history.report(71, (1.1, 1.1)).report(71, (1, 1), patchset=2).says(71, "counters: accept it", patchset=2)
    assert history.comments(71)[-1].startswith("Counters: none is over its bound on this change yet.")


def test_the_bound_of_a_rule_stays_where_what_is_over_it_is_accepted(history):
    history.world.rule("strict", "title: Strict\nwhere: {job: nova-next}\nbounds: {mysql.Queries: {max: 1000}}\n")
    history.bot.book.refresh()
    history.report(71, (1, 1)).says(71, "counters: accept it")
    assert "anew. What `strict` in its rules allows stays: raise it with this change." in history.comments(71)[-1]


def test_whoever_is_mistaken_is_told_once_what_there_is(history):
    history.report(73, (1, 1)).says(73, "counters: acept this").says(73, "counters: agree")
    history.says(73, "counters: accept")
    [answer] = history.comments(73)
    assert answer.startswith("Counters: there is no command 'acept'. This is what can be asked:\n\n    counters: ")
    history.says(73, "counters: help", by="erin")
    assert history.comments(73)[1].startswith("Counters: this is what can be asked in a comment:")


@pytest.mark.parametrize("text", ["> counters: ignore", "I like counters: ignore", "    counters: ignore",
                                  "```\ncounters: ignore\n```"])
def test_what_is_quoted_is_no_command(history, text):
    history.report(71, (1.1, 1.1)).says(71, text)
    assert len(history.comments(71)) == 1


def test_only_those_may_who_the_operator_lets(world):
    history = History(world, more="learned: {accept: ['core-*']}\n").merged(25).learns().report(71, (1.2, 1.2))
    history.says(71, "counters: ignore").report(71, (1.2, 1.2), patchset=2)
    assert [text.split("\n")[0][:40] for text in history.comments(71)] == [
        "Counters: 1 of 4 stable counters over it", "Counters: this is for `core-*` to say (l",
        "Counters: 1 of 4 stable counters over it"]
    history.says(71, "counters: ignore", by="core-ann", patchset=2).report(71, (1.2, 1.2), patchset=3)
    assert len(history.comments(71)) == 4


def test_a_command_that_was_missed_is_caught_up_and_answered_once(history):
    history.bot.catches_up()
    history.report(71, (1.1, 1.1))
    history.world.clock.seconds += HOUR
    history.world.gerrit.say("dana", 71, "Patch Set 1:\n\ncounters: ignore", 1)
    history.bot.catches_up()
    assert len(history.comments(71)) == 2
    heard = history.world.clock.now() // SECOND + 2  # Gerrit's stream tells a moment that is a little later
    history.bot.hears(said(71, "dana", "Patch Set 1:\n\ncounters: ignore", at=heard)).works()
    assert len(history.comments(71)) == 2


def test_a_bot_that_dies_when_it_answers_answers_once(history):
    history.report(71, (1.1, 1.1))

    def die(moment):
        if moment == "posted":
            raise Killed

    history.bot.at = die
    with pytest.raises(Killed):
        history.says(71, "counters: ignore")
    history.world.clock.seconds += HOUR
    second = history.world.bot(**history.settings)
    second.works()
    assert len(history.comments(71)) == 2


def test_runs_that_show_what_is_usual(world):
    """Neither failed ones, nor those of other pipelines, nor more than one of a change in check."""
    history = History(world).merged(30).merged(20, 2_400_000, pipeline="experimental")
    history.merged(10, 2_400_000, result="FAILURE")
    for _ in range(20):
        history.merged(1, pipeline="check", ref={
            "project": "openstack/nova", "branch": "master", "change": 99, "patchset": "1",
            "ref": "refs/changes/99/99/1"})
    history.learns().report(71, (1.1, 1.1))
    [comment] = history.comments(71)
    assert "learned from 31 runs" in comment


def test_a_rule_may_switch_it_off(world):
    world.rule("off", "where: {job: tempest-full}\nlearn: {'mysql.*': false}\n")
    history = History(world).merged(25).learns().report(71, (1.2, 1.2))
    assert history.comments(71) == []
    world.rule("off", "where: {job: tempest-full}\nlearn: {'memory.*': false}\n")
    history.world.clock.seconds += HOUR
    history.bot.book.refresh()
    history.report(72, (1.2, 1.2))
    assert len(history.comments(72)) == 1


def test_without_learning_nothing_is_read_or_told(world):
    history = History(world, more="learned: {jobs: []}\nunexplained: {jobs: []}\n")
    history.report(71, (2, 2))
    assert history.comments(71) == []


def test_a_history_of_no_known_tenant_goes_on_as_the_only_tenants(world):
    history = History(world, of_zuul=", tenants: [openstack]").merged(25)
    for table in ("runs", "series"):
        history.bot.ledger.store.write(
            lambda under_way, table=table: under_way.execute(text(f"update {table} set tenant = ''")))
    history.merged(5)
    started = world.bot(**history.settings)
    started.start()
    assert started.close() == []
    history.learns().report(71, (1.2, 1.2))
    assert len(history.comments(71)) == 1
