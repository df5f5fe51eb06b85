"""Threads at work until told to stop."""

import threading

from counterbot.engine.service import Service
from tests.clock import eventually


def test_work_that_comes_while_a_step_looks_is_not_slept_through():
    service, looked, again = Service(threading.Event(), idle=3600), [], threading.Event()

    def step():
        if looked:
            again.set()
        looked.append("once")
        service.wake("worker")  # after the look, before the sleep
        return False

    service.repeat("worker", step)
    assert again.wait(30)
    service.stop.set()
    assert service.join(30) == []


def test_work_of_one_stage_wakes_all_threads_of_the_next():
    service, work, begun = Service(threading.Event(), idle=3600), [], threading.Semaphore(0)
    both = threading.Barrier(2)

    def examine():
        begun.release()
        if not work:
            return False
        work.pop()
        both.wait(30)  # each has its own piece of work at the same time
        return True

    service.repeat("examiner", examine, 2)
    assert begun.acquire(timeout=30)
    assert begun.acquire(timeout=30)
    found = [False, True]
    service.repeat("recogniser", lambda: bool(found.pop() and not work.extend([1, 2])) if found else False,
                   then=["examiner"])
    eventually(lambda: not work)
    service.stop.set()
    assert service.join(30) == []
    assert not both.broken


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
