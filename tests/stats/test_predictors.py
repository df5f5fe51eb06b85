"""Which counters separate failed runs from those that passed."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.stats.predictors import FEW, predictors

NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 3).map(float)


def area(failed, passed):
    return sum((a > b) + (a == b) / 2 for a, b in itertools.product(failed, passed)) / (len(failed) * len(passed))


def one(values, failed, **how):
    return predictors({"a": values}, failed, **how).counters[0]


@pytest.mark.parametrize(("failed", "passed"), [
    ([3, 4], [1, 2]), ([1, 2], [3, 4]), ([1, 2, 2], [2, 2, 3]), ([0, 0], [0, 0]), ([5], [1, 5, 9]),
    ([1e308, -1e308], [1e308, 0]), ([2 ** 53], [2 ** 53 - 1])])
def test_the_area_is_the_share_of_pairs_in_which_the_failed_run_has_more(failed, passed):
    found = one([*failed, *passed], [True] * len(failed) + [False] * len(passed))
    assert found.raw.area == pytest.approx(area(failed, passed), abs=1e-12)
    assert found.raw.low <= found.raw.area <= found.raw.high
    assert (found.raw.failed, found.raw.passed) == (len(failed), len(passed))


def test_a_constant_tells_nothing():
    found = one([7.0] * 100, [True] * 20 + [False] * 80)
    assert (found.raw.area, found.raw.p, found.found) == (0.5, 1.0, False)


def test_chances_are_those_of_all_ways_to_choose_who_failed():
    values, failed = [1, 1, 1, 2, 2, 3, 4, 9], [0, 0, 0, 0, 0, 1, 0, 1]
    seen = abs(area([3, 9], [1, 1, 1, 2, 2, 4]) - 0.5)
    ways = [abs(area([values[i] for i in chosen], [values[i] for i in range(8) if i not in chosen]) - 0.5)
            for chosen in itertools.combinations(range(8), 2)]
    exact = sum(way >= seen - 1e-12 for way in ways) / len(ways)
    assert one(values, failed).raw.p == pytest.approx(exact, abs=0.05)


def test_what_takes_as_long_as_it_counts_foretells_failure_per_second_alone():
    random = np.random.default_rng(7)
    failed = np.arange(400) < 60
    seconds = np.where(failed, random.uniform(1000, 5000, 400), random.uniform(4900, 5100, 400))
    busy = random.normal(100, 2, 400) * seconds * np.where(failed, 1.1, 1)
    found = predictors({"mysql.Queries": busy, "memory.nova-api": random.normal(5, 1, 400)}, failed, seconds,
                       gauges=["memory.nova-api"])
    first, last = found.counters
    assert (first.counter, first.found, first.best is first.per_second) == ("mysql.Queries", True, True)
    assert first.raw.area < 0.2  # it only ran for a shorter time
    assert first.per_second.area > 0.95
    assert (last.counter, last.found, last.per_second) == ("memory.nova-api", False, None)


def test_one_predictor_among_many_counters_is_found():
    random = np.random.default_rng(8)
    failed = random.random(300) < 0.1
    values = {f"c{number}": random.normal(size=300) for number in range(600)}
    values["c5"] = values["c5"] + 2 * failed
    found = [each.counter for each in predictors(values, failed).counters if each.found]
    assert found == ["c5"]


def test_runs_without_a_counter_are_left_out_of_it_alone():
    found = predictors({"a": [1, math.nan, 3, 4], "b": [math.nan] * 4, "c": [1, 2, math.nan, math.nan]},
                       [True, True, False, False])
    assert [(each.counter, each.raw.failed, each.raw.passed) for each in found.counters] == [("a", 1, 2)]


@pytest.mark.parametrize(("failed", "passed", "why"), [
    (0, 20, "only 0 of 20 runs failed"), (20, 3, "only 3 of 23 runs passed"), (9, 500, "only 9 of 509 runs failed")])
def test_too_few_runs_are_said_to_be_too_few(failed, passed, why):
    found = predictors({"a": range(failed + passed)}, [True] * failed + [False] * passed)
    assert found.why == f"{why}: with fewer than {FEW} the area under the curve is uncertain by 0.18 or more"
    assert predictors({"a": range(20)}, [True, False] * 10).why == ""


@given(st.lists(st.tuples(NUMBERS, st.booleans(), NUMBERS), max_size=12))
def test_any_numbers_have_an_answer(rows):
    values, failed, seconds = zip(*rows, strict=True) if rows else ((), (), ())
    for each in predictors({"a": values}, failed, seconds).counters:
        for found in filter(None, (each.raw, each.per_second)):
            assert 0 <= found.low <= found.area <= found.high <= 1
            assert 0 < found.p <= found.q <= 1
