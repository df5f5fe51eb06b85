"""Threads at work until told to stop."""

import threading

from counterbot.engine.service import Service


def test_work_that_comes_while_a_step_looks_is_not_slept_through():
    service, looked, again = Service(threading.Event(), idle=3600), [], threading.Event()

    def step():
        if looked:
            again.set()
        looked.append("once")
        service.wake()  # after the look, before the sleep
        return False

    service.repeat("worker", step)
    assert again.wait(30)
    service.stop.set()
    assert service.join(30) == []


def test_the_first_error_ends_all_threads():
    service = Service(threading.Event())

    def fails():
        raise ValueError("the disk is full")

    service.run("listener", lambda stop: stop.wait())
    service.repeat("worker", fails)
    assert service.stop.wait(5)
    assert service.join(5) == []
    assert str(service.error) == "the disk is full"


def test_a_thread_that_does_not_end_is_named():
    service, release = Service(threading.Event()), threading.Event()
    service.run("stubborn", lambda stop: release.wait())
    service.stop.set()
    assert service.join(0.05) == ["stubborn"]
    release.set()
    assert service.join(5) == []
