"""How wide names stand in a terminal, and that columns of them stand straight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.text.columns import left, right, width

PRINTED = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@pytest.mark.parametrize(("text", "columns"), [
    ("", 0),
    ("mysql.Queries", 13),
    ("× – …", 5),
    ("Größe", 5),
    ("Gro\u0308ße", 5),
    ("日本語", 6),
    ("ﾊﾝｶｸ", 4),
    ("ＡＢ", 4),
    ("🚀", 2),
    ("한글", 4),
    ("e\u20dd", 1),
    ("กำ\u0e34", 2),
    ("a\u200bb", 2),
])
def test_width(text, columns):
    assert width(text) == columns


@given(PRINTED, st.integers(0, 50))
def test_plain_text_is_set_as_python_sets_it(text, columns):
    assert width(text) == len(text)
    assert (left(text, columns), right(text, columns)) == (text.ljust(columns), text.rjust(columns))


@given(st.text(), st.text(), st.integers(0, 50))
def test_what_is_set_is_as_wide_as_asked_or_as_it_is(text, other, columns):
    for cell in left(text, columns), right(text, columns):
        assert width(cell) == max(width(text), columns)
        assert cell.strip(" ") == text.strip(" ")
    assert width(text + other) == width(text) + width(other)
