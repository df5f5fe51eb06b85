"""Long work gives way to what somebody waits for, but not for ever."""

import threading

from counterbot.engine.turns import Turns


def test_long_work_waits_while_another_is_hurried():
    turns = Turns()
    thread = threading.Thread(target=turns.patient())
    with turns.hurried():
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()


def test_it_does_not_wait_where_nothing_is_hurried():
    turns = Turns()
    with turns.hurried():
        pass
    turns.patient()()


def test_its_patience_ends():
    turns = Turns(0.01)
    with turns.hurried():
        turns.patient()()
