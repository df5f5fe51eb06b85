import pytest

from counterbot.core.deadline import Deadline, DeadlineExceeded


def test_what_is_left_shrinks_with_the_clock_until_it_is_exceeded():
    now = [100.0]
    deadline = Deadline.after(5, lambda: now[0])
    assert (deadline.left(), deadline.exceeded) == (5, False)
    now[0] = 104.0
    assert (deadline.left(), deadline.exceeded) == (1, False)
    now[0] = 105.0
    assert deadline.exceeded
    with pytest.raises(DeadlineExceeded):
        deadline.left()
