"""Runs drawn in rows of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.text.plot import Line, Mark, plot

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def drawn(values, *, others=(), lines=(), steps=(), width=32, rows=5):
    marks = [Mark(value, "x", lead=False) for value in others] + [Mark(value, "*", lead=True) for value in values]
    return plot(marks, lines, steps, width, rows)


def test_a_step_of_the_level():
    assert drawn([1000, 1000, 1001, 1000, 1100, 1100, 1101, 1100, 1100, 1101],
                 lines=[Line(1000, "-", 0, 3), Line(1100, "-", 4, 9), Line(1120, "=", 4, 9)], steps=[4]) == [
        "1,120 |          ===============",
        "1,100 |          *--*-*-*--*-*--",
        "      |          |",
        "      |          |",
        "1,000 | *-*-*--*-|"]


def test_a_run_far_away_leaves_the_others_their_room():
    rows = drawn([10, 11] * 20 + [500] + [10, 11] * 20)
    assert [row.partition("|")[0].strip() for row in rows] == ["11", "", "", "", "10"]
    assert "".join(rows).count("^") == 1


def test_runs_that_do_not_lead_are_drawn_at_the_edge_and_below_others():
    marks = [Mark(7, "*", lead=True), Mark(7, "x", lead=False)] * 30
    assert "x" not in "".join(plot(marks, [], [], 30))
    rows = drawn([10, 12], others=[1, 10], rows=3, width=40)
    assert rows == ["12 |                           *", "   |", "10 | x       x        *"]


def test_equal_runs_are_a_line_in_the_middle():
    assert drawn([7, 7], rows=3, width=5) == ["  |", "7 | *         *", "  |"]


@pytest.mark.parametrize("count", [1, 200_000])
def test_however_many_runs_there_are_the_drawing_is_as_wide(count):
    rows = drawn(range(count), width=80, rows=14)
    assert len(rows) == 14
    assert max(map(len, rows)) <= 80


@given(st.lists(FINITE, min_size=1, max_size=30), st.integers(0, 120))
def test_any_finite_runs_are_drawn(values, width):
    rows = drawn(values, lines=[Line(values[0], "-", 0, len(values) - 1)], steps=[len(values) - 1], width=width)
    assert len(rows) == 5
    assert any(sign in "".join(rows) for sign in "*^v")
