"""Histories that no job should have: each has a defined answer, all the way from the ledger to the comment."""

import sys
import warnings

import pytest

from counterbot.core.model import Build, Counters, Reader, Reading, State
from counterbot.ledger import history
from counterbot.ledger.samples import Group

from .test_learned_bounds import HOUR, JOBS, PROJECT, History
from .world import SECOND

COUNTER = "mysql.Queries"
DAY = 86_400_000
GROUP = Group("openstack", JOBS[0], "master", True)


class Past(History):
    """Runs of merged code that are in the ledger, as if they had been read."""

    def kept(self, counters, job=JOBS[0], at=None, branch="master"):
        """A run that ended now, or at a time."""
        self.count += 1
        build = Build(f"{self.count:032x}", job, "SUCCESS", True, PROJECT, branch, "gate", "https://logs/",
                      ended=self.world.clock.now() if at is None else at, change=10_000 + self.count, patchset=1,
                      seconds=60.0, tenant="openstack")
        found = {Reader.COUNTERS: Reading(State.READ, found=Counters(counters, delta=True))}
        self.bot.ledger.store.write(lambda under_way: history.keep(under_way, build, None, found))
        return self

    def hourly(self, series, **of_run):
        """A run an hour, of both jobs; of None the counter is not there."""
        for value in series:
            self.world.clock.seconds += HOUR
            for job in JOBS:
                self.kept({"mysql.Slow_queries": 0} if value is None else {COUNTER: value}, job, **of_run)
        return self

    def judged(self, number, value):
        """Zuul reports on a change: both jobs counted so many SQL statements."""
        return self.counted(number, [{"mysql": {"Queries": value}}] * len(JOBS))

    def level(self):
        """What is usual of SQL statements, whether that is stable, and of how many runs."""
        [level] = [ready.level for ready in self.bot.ledger.samples.ready(GROUP) if ready.counter == COUNTER]
        return level.usual, level.stable, level.runs


@pytest.fixture
def past(world):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy's, of arithmetic
        yield Past(world)


@pytest.mark.parametrize("value", [0, 7, -3, 2**53 + 2, 1e300, 5e-324])
def test_a_constant_of_any_size_does_not_warn_and_is_exceeded(past, value):
    past.hourly([value] * 30).learns()
    assert past.level() == (value, True, 30)
    past.judged(71, value).judged(72, value + abs(value) / 2 + 5)
    assert past.comments(71) == []
    assert len(past.comments(72)) == 1


def test_the_largest_numbers_have_a_bound(past):
    past.hourly([1.7e308] * 30).learns().judged(71, 1.7e308).judged(72, sys.float_info.max)
    assert past.comments(71) == []
    assert len(past.comments(72)) == 1


def test_what_jumps_between_the_smallest_and_the_largest_numbers_is_not_judged(past):
    past.hourly([1e308, -1e308, 0, 2**53 + 1, 5e-324] * 6).learns().judged(71, sys.float_info.max)
    assert not past.level()[1]
    assert past.comments(71) == []


def test_runs_without_the_counter_leave_no_hole(past):
    past.hourly([1000, None, None, 1000, 1001] * 10).learns()
    assert past.level() == (1000, True, 30)


def test_one_run_tells_nothing(past):
    past.hourly([1000]).learns().judged(71, 5000)
    assert past.bot.ledger.samples.ready(GROUP) == []
    assert past.comments(71) == []


def test_runs_that_end_at_the_same_time_all_count(past):
    for _ in range(30):
        for job in JOBS:
            past.kept({COUNTER: 1000}, job)
    past.learns().judged(71, 1100)
    assert past.level() == (1000, True, 30)
    assert len(past.comments(71)) == 1


def test_a_node_whose_clock_is_a_day_off_counts_like_any(past):
    now = past.world.clock.now()
    past.hourly([1000] * 30)
    for job in JOBS:
        past.kept({COUNTER: 1000}, job, now - DAY).kept({COUNTER: 1000}, job, past.world.clock.now() + DAY)
    past.learns().judged(71, 1100)
    assert past.level() == (1000, True, 32)
    assert len(past.comments(71)) == 1


def test_a_job_that_is_renamed_is_learned_anew(past):
    for _ in range(30):
        past.kept({COUNTER: 1000}, "tempest-of-old")
    past.learns().judged(71, 5000)
    assert past.comments(71) == []
    assert {row.key.job for row in past.bot.ledger.samples.series()} == {*JOBS, "tempest-of-old"}


def test_what_retention_forgets_takes_levels_and_moves_with_it(past):
    """Of a branch that was deleted nothing is left in the end, and judging goes on."""
    ledger = past.bot.ledger
    past.hourly([1000] * 30 + [1200] * 30, branch="stable/gone").learns()
    assert [move.key.branch for move in ledger.moves.of()] == ["stable/gone"] * len(JOBS)
    past.world.clock.seconds += 100 * DAY / SECOND
    past.hourly([1000] * 30).learns()
    ledger.prune(0, counters=50 * DAY)
    assert {row.key.branch for row in ledger.samples.series()} == {"master"}
    assert ledger.moves.of() == []
    past.judged(71, 1100)
    assert len(past.comments(71)) == 1
