"""Long work gives way to what somebody waits for, but not for ever."""

import threading

from counterbot.engine.turns import Turns


def working(turns):
    """A piece of long work, begun, which must not keep a failed test from ending."""
    thread = threading.Thread(target=turns.patient(), daemon=True)
    thread.start()
    return thread


def ends(thread):
    thread.join(60)
    return not thread.is_alive()


def test_long_work_waits_while_another_is_hurried_and_no_longer():
    turns = Turns(patience=3600)
    with turns.hurried():
        with turns.hurried():
            thread = working(turns)
            thread.join(0.2)
            assert thread.is_alive()
        thread.join(0.2)
        assert thread.is_alive()
    assert ends(thread)
    assert ends(working(turns))


def test_its_patience_ends():
    turns = Turns(patience=0.01)
    with turns.hurried():
        assert ends(working(turns))
