"""Learned bounds, and which counters are stable: on exact cases, at their stated rate, and on odd series."""

import math
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.series_kinds import KINDS, series
from counterbot.stats.analysis import analyse, levelled
from counterbot.stats.bounds import bounds, learn
from counterbot.stats.stability import judged, shared


def why(values):
    return analyse(values).level.why


def test_a_bound_is_students_prediction_on_logarithms():
    values = 1000 * np.exp([0.01, 0.03, 0.02, 0.05, 0.04])
    (bound,) = bounds([learn(values)], 0.01)
    assert math.log(bound / 1000) == pytest.approx(0.03 + 3.7469 * math.sqrt(0.00025) * math.sqrt(1.2), abs=1e-6)


@pytest.mark.parametrize(("value", "bound"), [
    (0, 0.5), (1, 1.5), (1000, 1010), (-1000, -990), (0.1, 0.6), (2**53, 2**53 * 1.01), (1e308, 1.01e308),
    (sys.float_info.max, sys.float_info.max), (1e-320, 0.5),
])
def test_a_constant_is_bounded_by_one_percent_or_half_a_unit(value, bound):
    found = analyse([value] * 30)
    assert found.bound == pytest.approx(bound, rel=1e-12)
    assert found.level.stable


@pytest.mark.parametrize("value", [3, 10, 999, 1e15 / 3, 0.1, 1 / 3, 2**53 + 2, 1e300])
def test_a_constant_never_warns(value):
    assert not any(value > analyse([value] * count).bound for count in range(3, 200))


def test_a_value_that_flickers_back_does_not_warn():
    assert analyse([10, 10, 10, 11] + [10] * 26).bound == 11


def test_too_few_runs_have_no_level():
    assert (analyse([1, 2]).level, analyse([]).bound) == (None, None)
    assert why([5, 5, 5]) == ("only 3 runs since the last change point",)


@pytest.mark.parametrize(("kind", "reasons"), [
    ("normal 1 %", ()), ("constant", ()), ("constant, +1 in 10 %", ()), ("zero", ()),
    ("noisy 15 %", ("a rise of less than 80% would not be seen",)),
    ("two kinds of nodes 30 %", ("two levels, from run to run", "a rise of less than 10% would not be seen")),
])
def test_why_a_counter_is_not_stable(kind, reasons):
    found = why(series(kind, 100, np.random.default_rng(6)))
    assert found == reasons


def test_runs_that_resemble_the_one_before_and_spikes_are_not_stable():
    random = np.random.default_rng(1)
    level = 1e5 + 100 * np.cumsum(random.standard_normal(40)) + 10 * random.standard_normal(40)
    assert "each run resembles the one before" in levelled(level)[1].why
    runs = series("normal 1 %", 100, random)
    runs[[10, 50]] *= 1.4
    assert why(runs) == ("single runs far above the others",)


def test_only_runs_since_the_last_change_point_count():
    random = np.random.default_rng(2)
    runs = series("normal 1 %", 100, random, 0.2, at=60)
    found = analyse(runs)
    assert (found.level.start, found.level.runs) == (60, 40)
    assert found.level.usual == pytest.approx(120_000, rel=0.01)


def test_after_an_accepted_step_the_centre_restarts_and_the_spread_stays():
    random = np.random.default_rng(2)
    runs = series("normal 1 %", 64, random, 0.2, at=60)
    assert analyse(runs).level.usual == pytest.approx(100_000, rel=0.01)
    found = analyse(runs, steps=[60])
    assert (found.level.runs, found.level.stable) == (4, True)
    assert found.level.usual == pytest.approx(120_000, rel=0.01)
    assert found.level.usual * 1.03 < found.bound < found.level.usual * 1.08
    assert analyse(runs[:62], steps=[60]).level is None


@pytest.mark.parametrize("kind", ["normal 1 %", "log-normal 1 %", "Poisson 10,000"])
def test_the_rate_of_false_warnings_is_the_stated_one(kind):
    random = np.random.default_rng(8)
    false = runs = 0
    for _ in range(150):
        values = series(kind, 50 + 2000, random)
        found = analyse(values[:50])
        if found.level.stable:
            false += int(np.sum(values[50:] > found.bound))
            runs += 2000
    assert 0.5 <= 1000 * false / runs <= 1.5


def test_runs_that_resemble_warn_no_oftener_where_they_are_called_stable():
    random = np.random.default_rng(8)
    false = runs = 0
    for _ in range(400):
        values = series("correlated .5", 100 + 1000, random)
        found = analyse(values[:100])
        if found.level.stable:
            false += int(np.sum(values[100:] > found.bound))
            runs += 1000
    assert runs > 20_000
    assert 1000 * false / runs <= 1.5


@pytest.mark.parametrize("early", range(6))
@pytest.mark.parametrize("later", [5, 25])
def test_an_accepted_step_keeps_the_spread_though_the_gate_saw_it_before_the_merge(early, later):
    random = np.random.default_rng(3)
    for _ in range(20):
        values = np.concatenate([random.normal(1e6, 3e3, 60), random.normal(1.1e6, 3e3, early + later)])
        found = analyse(values, steps=[60 + early])
        assert found.bound < 1.02 * found.level.usual


def test_the_counters_of_a_build_share_the_rate():
    levels = [levelled(series("normal 1 %", 50, np.random.default_rng(seed)))[1] for seed in range(30)]
    noisy = [levelled(series("noisy 15 %", 50, np.random.default_rng(seed)))[1] for seed in range(30)]
    rate = shared([*levels, *noisy], 0.001)
    assert rate == pytest.approx(0.001 / 30)
    assert sum(level.stable for level in judged([*levels, *noisy], rate)) == 30
    assert shared([], 0.001) == 0.001


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.one_of(finite, st.integers(0, 3).map(float), st.floats(99, 101)), max_size=60),
       st.floats(1e-9, 0.1), st.sets(st.integers(-3, 70), max_size=3))
def test_any_series_has_an_answer(values, rate, steps):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = analyse(values, rate, steps)
    assert found.bound is None or math.isfinite(found.bound)
    if found.bound is not None and len(set(values)) == 1:
        assert found.bound >= values[0]
    if found.level:
        assert found.bound >= found.level.usual


def test_every_kind_has_an_answer_at_every_length():
    random = np.random.default_rng(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in KINDS:
            for count in range(3, 40):
                assert math.isfinite(analyse(series(kind, count, random)).bound)
