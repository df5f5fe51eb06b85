"""When a pass rate is said to have fallen, from builds one after the other."""

import pytest

from counterbot.stats.rates import DAY, ENOUGH, Outcome, odds_worse, rate

PAST = [Outcome(day * DAY + hour * DAY // 10, False, (day, hour)) for day in range(60) for hour in range(10)]
LAST = 60 * DAY


def failures(count, changes=None, begin=LAST):
    return [Outcome(begin + number, True, ("new", number % (changes or count))) for number in range(count)]


def falls(outcomes, now=LAST + DAY):
    return rate(outcomes, now).falls


def test_evidence_adds_up_until_it_is_enough():
    assert falls(PAST + failures(3)) == ()  # 3 * ln(0.06 / 0.01) is 5.4
    [fall] = falls(PAST + failures(4))
    assert (fall.started, fall.found) == (LAST, LAST + 3)
    assert PAST[-3].at <= fall.after < fall.until == LAST  # that two passed by chance cannot be ruled out
    assert (fall.usual, fall.failed, fall.builds, fall.rate, fall.over) == (0.01, 4, 4, 1.0, None)


@pytest.mark.parametrize(("changes", "told"), [(1, 0), (2, 0), (3, 1)])
def test_failures_of_three_changes_are_asked_for(changes, told):
    assert len(falls(PAST + failures(9, changes))) == told


def test_builds_of_a_branch_count_each():
    assert len(falls(PAST + [Outcome(LAST + number, True) for number in range(4)])) == 1


def test_what_was_usual_is_not_told():
    often = [Outcome(each.at, number % 4 == 0, each.change) for number, each in enumerate(PAST)]
    assert rate(often, LAST).usual == pytest.approx(0.25, abs=0.01)
    assert falls(often) == ()


def test_too_few_builds_show_no_usual_rate():
    few = [Outcome(day * DAY, False, day) for day in range(60 - 14 - ENOUGH + 1, 60)]
    assert rate(few, LAST).usual is not None
    assert rate(few[1:], LAST) == rate([], LAST)  # no usual rate, and no fall
    assert falls(few[1:] + failures(9)) == ()


def test_a_fall_ends_when_there_was_no_evidence_for_three_days():
    mended = [Outcome(LAST + 1000 + number, False, ("mended", number)) for number in range(200)]
    began = PAST + failures(4) + mended
    assert falls(began, LAST + 2 * DAY)[0].over is None
    assert falls(began, LAST + 4 * DAY)[0].over == LAST + 4 * DAY
    again = falls(began + failures(5, begin=LAST + 5 * DAY), LAST + 6 * DAY)
    assert [(fall.started, fall.over) for fall in again] == [(LAST, LAST + 5 * DAY), (LAST + 5 * DAY, None)]


def test_a_long_outage_is_not_remembered_for_months():
    mended = [Outcome(LAST + DAY + number, False, ("mended", number)) for number in range(200)]
    assert falls(PAST + failures(500) + mended, LAST + 5 * DAY)[0].over is not None


def test_a_job_without_builds_is_over():
    assert falls(PAST + failures(4), LAST + 15 * DAY)[0].over == LAST + 15 * DAY


def test_builds_of_tomorrow_are_none_yet():
    assert falls(PAST + failures(9, begin=LAST + 2 * DAY)) == ()


def test_the_rate_may_have_fallen_before_the_first_failure():
    """One build in five failed: that ten pass before the first is not unlikely."""
    every_fifth = [Outcome(LAST + number * 1000, number % 5 == 0, ("new", number)) for number in range(50)]
    fall = falls(PAST + every_fifth)[-1]
    assert fall.started == LAST
    assert PAST[-50].at <= fall.after <= PAST[-5].at


@pytest.mark.parametrize("usual", [0.01, 0.3, 0.9, 0.99, 0.9999])
def test_what_is_looked_for_is_a_rate(usual):
    assert usual < odds_worse(usual) < 1
