"""Which counters foretell failure: on cases worked by hand, at the stated rates, and on odd values."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.stats.predictors import Runs, predictors


def one(failed, passed, **more):
    [found] = predictors({"c": (Runs(failed, **more), Runs(passed, **more))})
    return found


def test_the_area_is_the_share_of_pairs():
    found = one([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [0, 0, 0, 0, 0, 5, 5, 5, 20, 20])
    pairs = [(f > p) + (f == p) / 2 for f in range(1, 11) for p in (0, 0, 0, 0, 0, 5, 5, 5, 20, 20)]
    assert found.area == pytest.approx(np.mean(pairs))
    assert found.low < found.area < found.high
    assert (found.failed, found.passed) == (10, 10)


@pytest.mark.parametrize(("failed", "passed", "area", "low", "high"), [
    (range(20, 40), range(20), 1, 0.05 ** (1 / 20), 1),
    (range(20), range(20, 40), 0, 0, 1 - 0.05 ** (1 / 20)),
    ([7] * 10, [7] * 30, 0.5, 0.5, 0.5),
])
def test_where_all_pairs_are_alike(failed, passed, area, low, high):
    found = one(list(failed), list(passed))
    assert (found.area, found.low, found.high) == (area, pytest.approx(low), pytest.approx(high))


def test_the_interval_is_that_of_the_paper():
    """By the definition: the variances of the placements of both."""
    random = np.random.default_rng(3)
    failed, passed = random.normal(1, 1, 30), random.normal(0, 1, 50)
    above = np.array([np.mean(value > passed) for value in failed])
    below = np.array([np.mean(failed > value) for value in passed])
    error = np.sqrt(above.var(ddof=1) / 30 + below.var(ddof=1) / 50)
    found = one(failed, passed)
    logit = np.log(found.area / (1 - found.area))
    width = 1.959964 * error / (found.area * (1 - found.area))
    assert found.low == pytest.approx(1 / (1 + np.exp(width - logit)), abs=1e-6)
    assert found.high == pytest.approx(1 / (1 + np.exp(-width - logit)), abs=1e-6)


def test_runs_that_stop_early_are_compared_by_the_second():
    random = np.random.default_rng(1)
    seconds = random.uniform(100, 3000, 40)
    failed = Runs(list(1000 * seconds * random.uniform(1.1, 1.2, 40)), list(seconds))
    passed = Runs(list(1000 * 3000 * random.uniform(0.95, 1.05, 60)), [3000] * 60)
    first, second = predictors({"mysql.Queries": (failed, passed)})
    assert (first.per_second, first.area, first.foretells) == (True, 1, True)
    assert (second.per_second, second.area < 0.5) == (False, True)


def test_of_too_few_runs_nothing_is_said():
    assert predictors({"c": (Runs([5] * 9), Runs([1] * 100)), "d": (Runs([5] * 100), Runs([1] * 9))}) == []


def test_few_that_foretell_nothing_are_said_to():
    random = np.random.default_rng(5)
    false = sum(any(each.foretells for each in predictors({
        str(number): (Runs(random.normal(size=15)), Runs(random.normal(size=40))) for number in range(20)}))
        for _ in range(100))
    assert false <= 10


def test_the_interval_holds_what_it_states():
    random = np.random.default_rng(6)
    truth = 0.7602  # of normal runs one deviation apart
    held = 0
    for _ in range(300):
        found = one(random.normal(1, 1, 25), random.normal(0, 1, 60))
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 300 <= 0.98


finite = st.floats(allow_nan=False, allow_infinity=False)
runs = st.lists(finite | st.integers(0, 2).map(float), min_size=10, max_size=20)


@given(runs, runs)
def test_any_values_have_an_answer(failed, passed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = predictors({"c": (Runs(failed, [1.0] * len(failed)), Runs(passed, [0.0] * len(passed)))})
    assert all(0 <= each.low <= each.area <= each.high <= 1 and 0 <= each.p <= 1 for each in found)
