"""Past builds: what a walk through Zuul's lists brings into the history, on a clock moved by hand."""

from datetime import datetime, timezone

import pytest
from sqlalchemy import text

from counterbot.demo import story
from counterbot.engine.backfill import DAY, Order
from counterbot.engine.bot import CannotStart
from tests.zuul_server import Answer

from .world import SECOND, UNWATCHED

LINE = b"2026-11-21 02:07:44.101 | node | ERROR: deadlock found when trying to get lock\n"
DEADLOCK = 'query: message:"deadlock found" AND tags:"console"\n'
TRYING = 'query: message:"trying to get lock" AND tags:"console"\n'
STREAM = "testrepository.subunit"
TENANTS = ", tenants: [openstack]"


class Past:
    """Builds of the days before, of which Zuul knows; and bots that look at them."""

    def __init__(self, world):
        self.world = world
        self.count = 0

    def build(self, days, *, job="tempest-full", result="FAILURE", line=LINE):
        """A build that ended so many days ago, and began after those that were added before it."""
        self.count += 1
        zuul, uuid = self.world.zuul, f"{self.count:032x}"
        files = {"job-output.txt": line, STREAM: story.stream(story.USUAL)}
        row = zuul.add_build(uuid, job, files, result=result)
        self.ended(row, days)
        return row

    def ended(self, row, days):
        """The build ended so many days ago."""
        ended = datetime.fromtimestamp(self.world.clock.now() / SECOND - days * 86_400, timezone.utc)
        self.world.zuul.serve_row({**row, "end_time": ended.isoformat()[:19]})

    def breaks(self, row):
        """Its log server fails; the returned function mends it."""
        name = row["log_url"].removeprefix(self.world.zuul.url) + "zuul-manifest.json"
        answer, self.world.zuul.answers[name] = self.world.zuul.answers[name], Answer(b"", 503)
        return lambda: self.world.zuul.answers.update({name: answer})

    def bot(self, more="", **settings):
        return self.world.bot(of_zuul=TENANTS, more=more + UNWATCHED, **settings)

    def learning(self, jobs):
        """A bot that learns the counters of these jobs."""
        return self.world.bot(of_zuul=TENANTS, more=f"unexplained: {{jobs: []}}\nlearned: {{jobs: ['{jobs}']}}\n")

    def walk(self, bot, days=10, job=None, rule=None):
        return bot.walk(Order(bot.ledger.now() - days * DAY, job, rule), 60)

    def walked(self, bot, *wanted, **more):
        """Walk to the end; how many builds were read, without logs, not readable, passed over."""
        walk = self.walk(bot, *wanted, **more)
        self.end(bot, walk)
        return counts(walk)

    def end(self, bot, walk):
        for _ in range(5000):
            walk.step()
            bot.examiner.step_past()
            self.world.clock.seconds += 1
            if walk.done:
                return
        pytest.fail(f"the walk does not end: {walk.tally}")

    def upkeep(self, bot, seconds=100):
        """So many seconds of a running bot."""
        bot.book.refresh()
        for _ in range(seconds):
            bot.new_rules.step()
            bot.works()
            self.world.clock.seconds += 1


def counts(walk):
    tally = walk.tally
    return tally.read, tally.gone, tally.unread, tally.passed


@pytest.fixture
def past(world):
    world.rule("deadlock", DEADLOCK)
    return Past(world)


def rows(bot, query):
    return [tuple(row) for row in bot.ledger.store.read(lambda read: read.execute(text(query)).all())]


def hits(bot):
    return rows(bot, "select runs.uuid, hits.rule from hits join runs on runs.id = hits.run order by 1, 2")


def found(bot):
    """The rules that were found in the only build."""
    return [rule for _, rule in hits(bot)]


def fetched(world, row, name="job-output.txt"):
    return world.zuul.requests.count(row["log_url"].removeprefix(world.zuul.url) + name)


def test_past_builds_come_into_the_history_and_nobody_is_told(world, past):
    old = past.build(11)
    failed, other, passed = past.build(9), past.build(2, line=b"fine\n"), past.build(1, result="SUCCESS")
    bot = past.bot()
    assert past.walked(bot) == (3, 0, 0, 0)
    assert hits(bot) == [(failed["uuid"], "deadlock")]
    assert rows(bot, "select distinct uuid from runs join samples on samples.run = runs.id") == [
        (row["uuid"],) for row in (failed, other, passed)]
    assert bot.works().reasons() == []
    assert rows(bot, "select count(*) from outbox") == [(0,)]
    assert fetched(world, passed) == fetched(world, old) == 0


def test_what_the_history_has_is_passed_over_and_not_even_asked_for(world, past):
    for _ in range(120):
        past.build(1, result="SUCCESS", job="tox")
    world.rule("sql", "bounds: {mysql.Queries: {max: 1250000}}\n")
    bot = past.bot()
    assert past.walked(bot) == (120, 0, 0, 0)
    world.zuul.requests.clear()
    assert past.walked(bot) == (0, 0, 0, 120)
    assert len(world.zuul.requests) == 3
    assert all("/builds?" in path for path in world.zuul.requests)


def test_counters_that_were_not_asked_for_when_a_build_was_read_are_read_once(world, past):
    for _ in range(3):
        past.build(2, job="grenade")
    past.build(1, job="tox")
    assert past.walked(past.bot()) == (4, 0, 0, 0)
    bot = past.learning("gren*")
    assert past.walked(bot) == (3, 0, 0, 1)
    assert rows(bot, "select job, count(*) from runs where counted group by job") == [("grenade", 3)]
    assert len(hits(bot)) == 4
    assert past.walked(bot) == (0, 0, 0, 4)


def test_builds_without_counters_are_asked_for_them_once(world, past):
    built = past.build(2, job="grenade")
    assert past.walked(past.bot()) == (1, 0, 0, 0)
    world.zuul.answers[built["log_url"].removeprefix(world.zuul.url) + STREAM] = Answer(b"")
    bot = past.learning("*")
    assert past.walked(bot) == (1, 0, 0, 0)
    world.clock.seconds += 2 * 86_400
    bot.ledger.prune(90 * DAY)
    assert past.walked(bot) == (0, 0, 0, 1)


def test_a_build_whose_counters_a_rule_asked_for_in_vain_is_passed_over(world, past):
    built = past.build(2)
    world.zuul.answers[built["log_url"].removeprefix(world.zuul.url) + STREAM] = Answer(b"")
    assert past.walked(past.bot()) == (1, 0, 0, 0)
    world.clock.seconds += 60
    assert past.walked(past.learning("*")) == (0, 0, 0, 1)


def test_who_was_killed_goes_on_and_doubles_nothing(world, past):
    built = [past.build(1) for _ in range(6)]
    killed = past.bot()
    walk = past.walk(killed)
    while walk.tally.read < 2:
        walk.step()
        killed.examiner.step_past()
        world.clock.seconds += 1
    walk.step()  # a fourth one is asked for, and nobody reads it
    assert past.walked(past.bot()) == (3, 0, 0, 3)
    assert [fetched(world, row) for row in built] == [1] * 6
    assert len(hits(killed)) == 6


def test_one_build_is_read_at_a_time_at_the_given_rate(world, past):
    for _ in range(3):
        past.build(1)
    bot = past.bot()
    walk = past.walk(bot)
    assert walk.step()
    world.clock.seconds += 1
    assert walk.step()
    world.clock.seconds += 60
    assert not walk.step()  # it is not read yet
    bot.examiner.step_past()
    assert walk.step()
    bot.examiner.step_past()
    assert not walk.step()  # too early
    world.clock.seconds += 1
    assert walk.step()


def test_a_bot_and_the_command_on_one_database_do_not_both_read_a_build(world, past):
    built = [past.build(1) for _ in range(6)]
    bot = past.bot()
    walk = past.walk(past.bot())
    while not walk.done:
        walk.step()
        past.upkeep(bot, 1)
    past.upkeep(bot)
    assert [fetched(world, row) for row in built] == [1] * 6
    assert len(hits(bot)) == 6


def test_logs_that_are_gone_are_no_error(world, past):
    world.zuul.forget(past.build(9)["log_url"] + "zuul-manifest.json")
    bot = past.bot()
    assert past.walked(bot) == (0, 1, 0, 0)
    assert past.walked(bot) == (0, 0, 0, 1)


def test_logs_that_come_after_the_walk_and_before_the_report(world, past):
    change = world.change(7, story.Job("tempest-full", story.HARD))
    past.ended(world.zuul.row(story.uuid(change, change.jobs[0])), 1)
    world.rule("sql", "bounds: {mysql.Queries: {max: 1250000}}\n")
    show = world.hide_logs(change)
    bot = past.bot()
    assert past.walked(bot) == (0, 1, 0, 0)
    bot.reported(change).works()
    assert world.comments(7) == []
    show()
    bot.works_until(world.clock.seconds + 60)
    assert len(world.comments(7)) == 1


def test_a_build_that_cannot_be_read_is_told_and_read_the_next_time(world, past):
    row = past.build(9)
    for _ in range(3):
        past.build(1)
    mend = past.breaks(row)
    bot = past.bot()
    walk = past.walk(bot)
    past.end(bot, walk)
    assert counts(walk) == (3, 0, 1, 0)
    [reason] = walk.tally.reasons
    assert reason.startswith(f"tempest-full {row['uuid']}: ")
    assert "503" in reason
    mend()
    assert past.walked(bot) == (1, 0, 0, 3)
    assert len(hits(bot)) == 4


def test_a_build_that_could_not_be_searched_for_a_new_rule_is_searched_the_next_time(world, past):
    row = past.build(9)
    bot = past.bot()
    past.walked(bot)
    world.rule("trying", TRYING)
    bot.book.refresh()
    mend = past.breaks(row)
    assert past.walked(bot) == (0, 0, 1, 0)
    mend()
    assert past.walked(bot) == (1, 0, 0, 0)
    assert found(bot) == ["deadlock", "trying"]


def test_a_build_whose_report_a_stopped_bot_left_open(world, past):
    change = world.change(7, *(story.Job(name, failed=story.FAILED_UNIT) for name in ("tempest-full", "grenade")))
    for job in change.jobs:
        past.ended(world.zuul.row(story.uuid(change, job)), 1)
    world.hide_logs(change, 1)
    past.bot().reported(change).works()
    world.clock.seconds += 1
    world.rule("failed", 'query: message:"FAILED" AND tags:"console"\n')
    bot = past.bot()
    assert past.walked(bot) == (1, 0, 0, 1)
    assert found(bot) == ["failed"]


def test_a_build_without_a_rule_that_asks_for_it_is_not_read(world, past):
    world.rule("deadlock", DEADLOCK + "where: {job: grenade}\n")
    past.build(1, job="tox", result="SUCCESS")
    past.build(1, job="tox")
    assert past.walked(past.bot()) == (0, 0, 0, 2)
    past.build(1, job="grenade")
    assert past.walked(past.bot()) == (1, 0, 0, 2)


def test_only_a_job_and_only_a_rule(world, past):
    tempest, grenade = past.build(2), past.build(1, job="grenade")
    world.rule("other", TRYING + "where: {job: grenade}\n")
    bot = past.bot()
    assert past.walked(bot, job="tempest-full") == (1, 0, 0, 0)
    assert hits(bot) == [(tempest["uuid"], "deadlock")]
    assert past.walked(bot, rule="other") == (1, 0, 0, 1)
    assert hits(bot) == [(tempest["uuid"], "deadlock"), (grenade["uuid"], "deadlock"), (grenade["uuid"], "other")]


def test_without_a_tenant_there_are_no_lists(world, past):
    with pytest.raises(CannotStart, match=r"name yours under 'zuul\.tenants'"):
        past.walk(world.bot())


def test_an_api_that_fails_is_asked_again(world, past):
    row = past.build(1)
    bot = past.bot()
    listed = world.zuul.listed
    world.zuul.listed = lambda path: Answer(b"", 502)
    walk = past.walk(bot)
    assert walk.step()
    assert (walk.failures, walk.walked) == (1, False)
    assert "502" in walk.trouble
    world.zuul.listed = listed
    past.end(bot, walk)
    assert (hits(bot), walk.trouble) == ([(row["uuid"], "deadlock")], "")


def test_an_api_that_asks_for_time_is_left_alone(world, past):
    past.build(1)
    bot = past.bot()
    listed = world.zuul.listed
    world.zuul.listed = lambda path: Answer(b"", 429, {"Retry-After": "500"})
    walk = past.walk(bot)
    assert walk.step()
    world.zuul.listed = listed
    world.clock.seconds += 499
    assert not walk.step()
    past.end(bot, walk)
    assert counts(walk) == (1, 0, 0, 0)


def test_a_bot_that_starts_for_the_first_time_knows_what_was_seen_in_the_days_before(world, past):
    past.build(11)
    past.build(3)
    past.build(2, result="SUCCESS")
    past.build(1)
    bot = past.bot()
    past.upkeep(bot)
    assert len(hits(bot)) == 2
    assert bot.works().reasons() == []
    world.zuul.requests.clear()
    past.upkeep(past.bot())
    assert world.zuul.requests == []


def test_a_new_rule_is_held_against_past_failures_alone(world, past):
    failed, passed = past.build(3), past.build(2, result="SUCCESS")
    bot = past.bot()
    past.upkeep(bot)
    streams = fetched(world, failed, STREAM)
    world.rule("trying", TRYING)
    past.upkeep(bot)
    assert hits(bot) == [(failed["uuid"], "deadlock"), (failed["uuid"], "trying")]
    assert (fetched(world, failed), fetched(world, passed)) == (2, 0)
    assert fetched(world, failed, STREAM) == streams  # in which the rule could not match


def test_a_changed_rule_is_new_and_one_that_is_removed_or_resolved_is_not(world, past):
    row = past.build(3)
    bot = past.bot()
    past.upkeep(bot)
    world.rule("deadlock", DEADLOCK.replace("deadlock found", "no such thing"))
    past.upkeep(bot)
    assert (hits(bot), fetched(world, row)) == ([], 2)
    world.rule("deadlock", DEADLOCK + "title: Another\nresolved_at: 2026-11-21\n")
    world.rule("sql", "bounds: {mysql.Queries: {max: 7}}\n")
    past.upkeep(bot)
    (world.folder / "queries" / "deadlock.yaml").unlink()
    past.upkeep(bot)
    assert fetched(world, row) == 2
    world.rule("deadlock", DEADLOCK)
    past.upkeep(bot)
    assert (hits(bot), fetched(world, row)) == ([(row["uuid"], "deadlock")], 3)


def test_a_rule_that_comes_during_the_walk_begins_it_anew_and_a_restart_goes_on(world, past):
    built = [past.build(3 - number / 10) for number in range(8)]
    bot = past.bot()
    past.upkeep(bot, 4)
    assert 0 < len(hits(bot)) < 8
    world.rule("trying", TRYING)
    past.upkeep(bot, 4)
    assert (built[-1]["uuid"], "trying") in hits(bot)
    again = past.bot()
    past.upkeep(again)
    assert hits(again) == [(row["uuid"], rule) for row in built for rule in ("deadlock", "trying")]
    assert {fetched(world, row) for row in built} <= {1, 2}


def test_a_rule_that_comes_while_a_build_waits_for_its_server(world, past):
    row = past.build(3)
    bot = past.bot()
    past.upkeep(bot)
    mend = past.breaks(row)
    world.rule("trying", TRYING)
    past.upkeep(bot, 20)
    world.rule("found", DEADLOCK.replace("deadlock found", "found when"))
    past.upkeep(bot, 20)
    mend()
    past.upkeep(bot)
    assert found(bot) == ["deadlock", "found", "trying"]


def test_a_rule_that_is_edited_while_a_build_is_read(world, past):
    past.build(3)
    bot = past.bot()
    past.upkeep(bot)
    world.rule("deadlock", DEADLOCK.replace("deadlock found", "no such thing"))
    read = bot.examiner._known.read

    def edited(*arguments, **options):
        bot.examiner._known.read = read
        looked = read(*arguments, **options)
        world.clock.seconds += 1
        world.rule("deadlock", DEADLOCK)
        bot.book.refresh()
        bot.new_rules.step()
        return looked

    bot.examiner._known.read = edited
    past.upkeep(bot)
    assert found(bot) == ["deadlock"]


def test_more_days_are_walked_when_more_are_configured(world, past):
    row = past.build(15)
    past.upkeep(past.bot())
    bot = past.bot(more="known: {days: 20}\n")
    past.upkeep(bot)
    assert hits(bot) == [(row["uuid"], "deadlock")]


def test_counters_of_past_builds_are_not_sent_to_statsd(world, past):
    past.build(1)
    bot = past.bot()
    told = []
    bot.examiner._counted = lambda build, counters: told.append(build.uuid)
    past.walked(bot)
    assert (told, len(rows(bot, "select * from samples")) > 0) == ([], True)
    change = world.change(7, story.Job("tempest-full", story.HARD))
    bot.reported(change).works()
    assert told == [story.uuid(change, change.jobs[0])]
