"""Two figures that are compared: that one sees which is larger."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from counterbot.core.text.figures import compared, counted, number

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300)


def read(text: str) -> float:
    return float(text.replace(",", ""))


@pytest.mark.parametrize(("value", "bound", "written"), [
    (1_300_000, 1_250_000, ("1,300,000", "1,250,000")),
    (1.51, 1.5, ("1.51", "1.50")),
    (2, 2, ("2", "2")),
    (1.501, 1.501, ("1.50", "1.50")),
    (1.501, 1.5, ("1.501", "1.500")),
    (1.499, 1.5, ("1.499", "1.500")),
    (1.001, 1, ("1.001", "1")),  # 1.00 and 1 look equal, too
    (1234.5000001, 1234.5, ("1,234.5000001", "1,234.5000000")),
    (1.0, 0.9999, ("1", "0.9999")),
    (0.12345, 0.1234, ("0.1235", "0.1234")),
    (1.0000000000000002, 1, ("1.0000000000000002", "1")),
    (1_000_000_000_000_005, 10**15, ("1000000000000005", "1000000000000000")),
    (10**20 + 1, 10**20, ("1e+20", "1e+20")),  # no float tells these apart
])
def test_numbers_that_are_compared(value, bound, written):
    assert compared(value, bound) == written


@pytest.mark.parametrize(("told", "expected"), [
    ((0, "build"), "0 builds"),
    ((1, "build"), "1 build"),
    ((2000, "build"), "2,000 builds"),
    ((1, "delivery", "deliveries"), "1 delivery"),
    ((2, "delivery", "deliveries"), "2 deliveries"),
])
def test_one_has_no_plural(told, expected):
    assert counted(*told) == expected


@given(NUMBERS, NUMBERS)
def test_numbers_that_look_different_are_written_as_ever(value, bound):
    assume(read(number(value)) != read(number(bound)))
    assert compared(value, bound) == (number(value), number(bound))


@given(NUMBERS, st.floats(1e-17, 1e-2), st.booleans())
def test_the_larger_looks_larger_and_takes_little_room(bound, part, whole):
    value = float(bound + abs(bound) * part)
    value = int(value) if whole else value
    assume(value > bound)
    value_text, bound_text = compared(value, bound)
    assert read(value_text) > read(bound_text)
    assert max(len(value_text), len(bound_text)) <= 30
