"""A job's pass rate falls: each channel that wants it is told once, on a clock moved by hand."""

import pytest

from counterbot.core.model import Build, BuildLink, FailedTest, Failure, Hit, Reader, Reading, State
from counterbot.ledger.schema import merges
from tests.journeys.world import in_parallel

HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture
def world(world):
    world.rule("site", "title: the site is down\nquery: message:down\nlabel: infra\n")
    world.channels = {"#qa": {}, "#nova": {"projects": ["nova"]}, "#other": {"projects": ["x/*"]},
                      "#over": {"tell": ["over"]}, "#check": {"pipelines": ["check"]}}
    return world


class Gate:
    """A ledger with the builds of jobs, each every two hours."""

    def __init__(self, world):
        self.world, self.count = world, 0
        self.bot = world.bot()

    def build(self, at, failed=False, job="tempest", change=None, tests=(), hits=(), **of):
        self.count += 1
        uuid = f"{self.count:032x}"
        build = Build(uuid, job, "FAILURE" if failed else "SUCCESS", True, of.get("project", "nova"),
                      of.get("branch", "master"), of.get("pipeline", "gate"), "https://logs/", ended=at,
                      change=change or self.count, patchset=1)
        builds = self.bot.ledger.builds
        builds.ask(BuildLink(job, "https://zuul/", uuid), build, [Reader.FAILURE])
        shown = Failure(tuple(Hit(rule, "job-output.txt", 1, "down") for rule in hits),
                        tuple(FailedTest(test) for test in tests), len(tests))
        builds.note(builds.claim(past=True), build, {Reader.FAILURE: Reading(State.READ, "", shown)})

    def passes(self, days, until=0, **of):
        """Builds that passed, in the days before ``until`` days from now."""
        now = self.world.clock.now()
        for at in range(now - days * DAY, now - int(until * DAY), 8 * HOUR):
            self.build(at, **of)

    def fails(self, count, ago=3 * HOUR, **of):
        """Builds that failed, one every minute, of which the last ended so long ago."""
        last = self.world.clock.now() - ago
        for number in range(count):
            self.build(last - (count - 1 - number) * 60_000, True, **of)

    def said(self, bot=None):
        bot = bot or self.bot
        bot.rates._looked = None
        bot.rates.step()
        return bot.irc_lines()


@pytest.fixture
def gate(world):
    return Gate(world)


def test_a_job_that_fails_more_often_is_told_once_to_those_who_want_it(gate):
    gate.passes(50)
    gate.fails(4)
    text = ("tempest master fails more often since 15 Jan 04:57: 4 of 4 builds (100%), usually 1.0%; no change is known"
            " to have merged between 14 Jan 08:00 and 15 Jan 04:57; such a message is wrong about 2 times in 100 weeks"
            " of a job")
    assert gate.said() == [("#qa", text), ("#nova", text)]
    assert gate.said() == gate.said(gate.world.bot()) == []


def test_one_failure_or_a_change_that_fails_again_and_again_is_no_fall(gate):
    gate.passes(50)
    gate.fails(6, change=7)
    gate.fails(1)
    assert gate.said() == []


def test_what_the_site_breaks_is_no_failure_even_where_that_is_found_out_later(gate):
    gate.passes(50)
    gate.fails(4, hits=["site"])
    assert gate.said() == []


def test_check_builds_measure_the_changes_and_not_the_branch(gate):
    gate.passes(50)
    gate.fails(8, pipeline="check")
    assert gate.said() == []


def test_nothing_is_told_until_what_comes_together_is_known(gate):
    gate.passes(50)
    gate.fails(4, ago=HOUR)
    assert gate.said() == []
    gate.world.clock.seconds += 3600
    assert len(gate.said()) == 2


def test_many_jobs_at_once_are_one_message(gate):
    for job in "abcdef":
        gate.passes(50, job=job)
        gate.fails(4, job=job)
    text = ("The pass rates of 6 jobs fell within two hours, the first since 15 Jan 04:57: a master, b master, c master"
            " and 3 more; so many at once are mostly an outage of the site")
    assert gate.said() == [("#qa", text), ("#nova", text)]


def test_a_test_is_told_within_the_message_of_its_job(gate):
    gate.passes(50)
    gate.fails(4, tests=["test_boot"])
    assert [text.partition(" since")[0] for _, text in gate.said()] == ["tempest master fails more often"] * 2
    assert gate.said() == []


def test_a_test_that_fails_more_often_in_a_job_that_often_fails(gate):
    gate.passes(50)
    for number in range(16):
        gate.build(gate.world.clock.now() - 20 * DAY + number * HOUR, number % 3 == 0, tests=[f"test_{number}"])
    gate.fails(4, tests=["test_boot", "test_stop"])
    text = ("tempest master: test_boot and test_stop fail more often since 15 Jan 04:57: 4 of 4 builds (100%), usually"
            " 1.0%; no change is known to have merged between 14 Jan 08:00 and 15 Jan 04:57; such a message is wrong"
            " about 2 times in 100 weeks of a job")
    assert gate.said() == [("#qa", text), ("#nova", text)]
    gate.fails(2, ago=2 * HOUR, tests=["test_boot"])
    gate.world.clock.seconds += 3600
    assert gate.said() == []  # the job's own rate is down now, by what was told already


def test_the_first_bot_tells_nothing_that_is_old(gate):
    gate.passes(50)
    gate.fails(4, ago=2 * DAY)
    assert gate.said() == []
    assert [drop.job for drop in gate.bot.ledger.rates.open()] == ["tempest"]


def test_merged_changes_of_the_interval_are_named(gate):
    gate.passes(50)
    gate.fails(4)
    at = gate.world.clock.now() - 5 * HOUR
    gate.bot.ledger.store.write(lambda under_way: under_way.insert(merges, [
        {"project": "nova", "change": 900001, "patchset": 1, "at": at, "branch": "master"},
        {"project": "nova", "change": 900002, "patchset": 1, "at": at + 1, "branch": "master"},
        {"project": "nova", "change": 900003, "patchset": 1, "at": at, "branch": "stable/1"},
        {"project": "nova", "change": 900004, "patchset": 1, "at": at - DAY, "branch": "master"},
        {"project": "glance", "change": 900005, "patchset": 1, "at": at, "branch": "master"}]))
    assert "merged: nova 900002 and nova 900001 between" in gate.said()[0][1]


def test_a_rate_that_recovers_is_closed_and_may_fall_again(gate):
    gate.passes(50)
    gate.fails(4)
    assert len(gate.said()) == 2
    for _ in range(16):
        gate.world.clock.seconds += 12 * 3600
        for number in range(20):
            gate.build(gate.world.clock.now() - 1000 + number)
        assert gate.said() == []
    assert gate.bot.ledger.rates.open() == []
    gate.fails(5)
    assert len(gate.said()) == 2


def test_a_job_that_is_gone_is_not_told_of(gate):
    gate.passes(50)
    gate.fails(4)
    assert len(gate.said()) == 2
    gate.world.clock.seconds += 20 * 86_400
    assert gate.said() == []
    assert gate.bot.ledger.rates.open() == []


def test_a_clock_that_is_a_day_off_tells_nothing_twice(gate):
    gate.passes(50)
    gate.fails(4)
    gate.build(gate.world.clock.now() + DAY, True)
    assert len(gate.said()) == 2
    for seconds in (-86_400, 2 * 86_400, -86_400):
        gate.world.clock.seconds += seconds
        assert gate.said() == []


def test_two_bots_on_one_database_tell_once(gate):
    gate.passes(50)
    gate.fails(4)
    bots = [gate.bot, gate.world.bot(), gate.world.bot()]
    in_parallel(*(bot.rates.step for bot in bots))
    assert len(gate.bot.irc_lines()) == 2


def test_a_bot_that_dies_before_it_tells_leaves_it_to_the_next(gate):
    gate.passes(50)
    gate.fails(4)
    gate.bot.rates._look(gate.world.clock.now())
    assert gate.bot.irc_lines() == []
    assert len(gate.said(gate.world.bot())) == 2


def test_what_was_told_is_not_told_again_with_what_comes_later(gate):
    for job in "abcde":
        gate.passes(50, job=job)
    gate.fails(4, job="a")
    assert len(gate.said()) == 2
    for job in "bcde":
        gate.fails(4, job=job, ago=2 * HOUR + 60_000)
    later = [text.partition(" master")[0] for _, text in gate.said()]
    assert sorted(later) == ["b", "b", "c", "c", "d", "d", "e", "e"]
