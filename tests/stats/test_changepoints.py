"""Change points: what is one, what is none, and series that nobody expects."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.series_kinds import series
from counterbot.stats.changepoints import change_points


def indexes(values):
    return [point.index for point in change_points(values)]


@pytest.mark.parametrize(("values", "points"), [
    ([], []),
    ([5] * 9, []),
    ([1] * 5 + [2] * 4, []),
    ([1] * 5 + [2] * 5, [5]),
    ([7] * 500, []),
    ([1000] * 40 + [1001] * 40, []),
    ([1000] * 40 + [1010] * 40, [40]),
    ([0] * 30 + [3] * 30, [30]),
    ([3] * 30 + [0] * 30, [30]),
    ([-5] * 30 + [-4] * 30, [30]),
    ([4] * 20 + [8] * 20 + [2] * 20, [20, 40]),
    ([0] * 50 + [1] + [0] * 50, []),
    ([2**53 + 2] * 50 + [2**54] * 50, [50]),
    ([1e308] * 20 + [-1e308] * 20, [20]),
    ([1e-320] * 20 + [5e-320] * 20, [20]),
    (list(range(100)), []),
], ids=str)
def test_levels_without_noise(values, points):
    assert indexes(values) == points


@pytest.mark.parametrize("kind", ["normal 1 %", "whole numbers", "log-normal 1 %", "spikes in 2 %", "correlated .3"])
@pytest.mark.parametrize("count", [100, 200])
def test_a_step_of_three_percent_is_found_where_it_is(kind, count):
    random = np.random.default_rng(count)
    found = [indexes(series(kind, count, random, 0.03)) for _ in range(40)]
    assert sum(any(abs(point - count // 2) <= 5 for point in points) for points in found) >= 38


@pytest.mark.parametrize("kind", ["normal 1 %", "log-normal 5 %", "noisy 15 %", "spikes in 2 %", "Poisson 2,500",
                                  "two kinds of nodes 30 %", "constant, +1 in 10 %"])
def test_noise_alone_has_none(kind):
    random = np.random.default_rng(9)
    assert [indexes(series(kind, 100, random)) for _ in range(20)] == [[]] * 20


def test_a_drift_is_no_step():
    random = np.random.default_rng(3)
    for _ in range(10):
        assert indexes(series("normal 1 %", 200, random) * np.linspace(1, 1.2, 200)) == []


def test_a_step_on_two_kinds_of_nodes_lies_where_it_is():
    random = np.random.default_rng(4)
    found = [indexes(series("two kinds of nodes 30 %", 120, random, 0.05)) for _ in range(20)]
    assert sum(any(abs(point - 60) <= 2 for point in points) for points in found) >= 18


def test_what_is_told_of_a_point():
    (point,) = change_points([100.0, 101.0] * 20 + [110.0, 111.0] * 20)
    assert (point.index, point.before, point.after) == (40, 100.5, 110.5)
    assert point.change == pytest.approx(0.0995, abs=1e-4)
    assert point.p < 1e-10
    assert change_points([0] * 30 + [3] * 30)[0].change is None


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.one_of(finite, st.integers(-5, 5).map(float), st.floats(99, 101)), max_size=80))
def test_any_series_has_an_answer(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = change_points(values)
    edges = [0, *(point.index for point in points), len(values)]
    assert all(last - first >= 5 for first, last in pairwise(edges)) or not points
    assert all(0 <= point.p <= 1 for point in points)


@given(st.integers(0, 50), st.sampled_from([0.5, 3.0, 1000.0]))
def test_the_unit_does_not_matter(seed, factor):
    values = series("normal 1 %", 60, np.random.default_rng(seed), 0.05)
    assert indexes(values) == indexes(values * factor)
