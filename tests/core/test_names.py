"""Long lists of names in a line."""

import pytest

from counterbot.core.text.names import few


@pytest.mark.parametrize(("count", "line"), [
    (0, ""), (1, "n0"), (5, "n0, n1, n2, n3, n4"), (6, "n0, n1, n2, n3, n4 and 1 more"),
    (1222, "n0, n1, n2, n3, n4 and 1,217 more")])
def test_the_first_are_named_and_the_rest_is_counted(count, line):
    assert few([f"n{number}" for number in range(count)]) == line


def test_phrases_may_stand_between_other_signs():
    assert few(["a: x, y", "b: z", "c"], most=2, between="; ") == "a: x, y; b: z and 1 more"
