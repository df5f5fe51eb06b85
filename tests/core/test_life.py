"""How a rule's failure comes and goes."""

import pytest

from counterbot.core import life
from counterbot.core.life import DAY, WEEK, Back, Busy, Digest, Quiet, came_back, fell_quiet, patience, usual_gap

HOUR = DAY // 24


def on(*days):
    """A hit on another change each of these days, at noon."""
    return [(int((day + 0.5) * DAY), number) for number, day in enumerate(days)]


@pytest.mark.parametrize(("hits", "gap"), [
    (on(0, 2, 4, 6, 8), 2),
    (on(0, 2, 4, 6), None),  # three gaps do not tell what is usual
    (on(0, 1, 2, 3, 33), 1),  # one long gap does not make long gaps usual
    ([(day * DAY, 7) for day in range(9)], None),  # one change that is tried again and again
    ([(day * DAY, day // 3) for day in range(15)], 3),
    ([(hour * HOUR, hour) for hour in range(24)], None),  # all in one day
    ([(day * DAY + hour, hour) for day in (0, 3, 6, 9, 12) for hour in range(9)], None),  # the same nine changes
    ([(day * DAY, None) for day in range(0, 10, 2)], 2),  # a branch's builds have no change that would be another one
])
def test_the_usual_gap(hits, gap):
    assert usual_gap(hits) == (None if gap is None else gap * DAY)


def test_three_times_the_usual_gap_and_a_week_at_least():
    assert patience(on(0, 1, 2, 3, 4)) == WEEK
    assert patience(on(0, 4, 8, 12, 16)) == 12 * DAY
    assert patience(on(0, 4)) is None


def test_a_failure_is_quiet_when_three_times_its_usual_gap_has_passed_and_then_no_more_news():
    hits = on(0, 4, 8, 12, 16)
    at = hits[-1][0] + 12 * DAY
    found = Quiet("a", hits[-1][0], 4 * DAY)
    assert fell_quiet("a", hits, at - WEEK, at) is None
    assert fell_quiet("a", hits, at - WEEK, at + 1) == found
    assert fell_quiet("a", hits, at, at + WEEK) == found
    assert fell_quiet("a", hits, at + 1, at + WEEK) is None


def test_a_failure_that_was_quiet_and_is_seen_again_is_back_once():
    hits = [*on(0, 4, 8, 12, 16), (40 * DAY, 99), (41 * DAY, 100)]
    silence = 40 * DAY - hits[4][0]
    assert came_back("a", hits, 39 * DAY, 40 * DAY) is None
    assert came_back("a", hits, 39 * DAY, 46 * DAY) == Back("a", 40 * DAY, silence)
    assert came_back("a", hits, 41 * DAY, 48 * DAY) is None
    assert came_back("a", [*hits[:5], (23 * DAY, 99)], 20 * DAY, 27 * DAY) is None  # three times its gap is longer


def test_what_is_seen_for_the_first_time_is_not_back():
    assert came_back("a", [(40 * DAY, 1)], 39 * DAY, 46 * DAY) is None


def test_a_failure_that_is_quiet_and_back_within_the_time_is_only_back():
    hits = [*on(0, 1, 2, 3, 4), (12 * DAY, 9)]
    assert life.digest({"a": hits}, 10 * DAY, 17 * DAY) == Digest(
        back=(Back("a", 12 * DAY, 12 * DAY - hits[4][0]),), busy=(Busy("a", 1),))


def test_most_seen_first_by_changes_not_by_hits():
    rechecked = [(10 * DAY + hour, 7) for hour in range(50)]
    others = [(10 * DAY, 1), (11 * DAY, 2), (11 * DAY, None), (12 * DAY, None), (30 * DAY, 5)]
    assert life.digest({"a": rechecked, "b": others, "c": [(0, 1)]}, 9 * DAY, 16 * DAY) == Digest(
        busy=(Busy("b", 3), Busy("a", 1)))


def test_the_digests_of_all_weeks_tell_each_turn_once():
    hits = [*on(0, 4, 8, 12, 16, 60, 64, 68, 110)]
    weeks = [life.digest({"a": hits}, start * WEEK, (start + 1) * WEEK) for start in range(30)]
    assert [found.last // DAY for week in weeks for found in week.quiet] == [16, 68, 110]
    assert [found.at // DAY for week in weeks for found in week.back] == [60, 110]
