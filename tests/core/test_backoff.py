import pytest

from counterbot.core.backoff import pause


@pytest.mark.parametrize(("failures", "jitter", "seconds"), [
    (0, 0.0, 0.5), (0, 1.0, 1.0), (1, 1.0, 2.0), (3, 0.5, 6.0), (6, 1.0, 60.0), (10_000, 0.0, 30.0)])
def test_a_pause_doubles_up_to_the_longest_and_half_of_it_is_chance(failures, jitter, seconds):
    assert pause(failures, jitter) == seconds


def test_first_and_longest_are_settable():
    assert [pause(failures, 1.0, first=2.0, longest=5.0) for failures in range(3)] == [2.0, 4.0, 5.0]
