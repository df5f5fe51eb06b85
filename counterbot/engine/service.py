"""Keeps threads at work until told to stop; an error in a piece of work ends none. Knows nothing of the work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from ..ledger import LedgerError, Lost

IDLE = 1.0
"""Seconds between looks for work that another process, or the passing of time, made due."""

WHY = 500
"""Characters of an error that are kept."""

W = TypeVar("W")

log = logging.getLogger("counterbot.service")


def done(claim: Callable[[], W | None], do: Callable[[W], None], fault: Callable[[W, str], None]) -> bool:
    """Claim a piece of work and do it; an error is noted on it by ``fault``. False where there is none."""
    work = claim()
    if work is None:
        return False
    try:
        _do(work, do, fault)
    except Lost as lost:
        log.warning("%s: claimed by another worker, or noted already", lost)
    return True


def _do(work: W, do: Callable[[W], None], fault: Callable[[W, str], None]) -> None:
    try:
        do(work)
    except (Lost, LedgerError):
        raise
    except Exception as error:
        log.exception("%s failed", type(work).__name__)
        fault(work, f"{type(error).__name__}: {error}"[:WHY])


class Service:
    """Threads that each repeat a step, or run until the stop; the first error ends them all."""

    def __init__(self, stop: threading.Event, idle: float = IDLE) -> None:
        self.stop = stop
        self._idle = idle
        self.error: Exception | None = None
        self._work = threading.Condition()
        self._counts: dict[str, int] = {}
        self._wakes: dict[str, int] = {}
        """By name, how many threads are still to look for work."""

        self._threads: list[threading.Thread] = []

    def repeat(self, name: str, step: Callable[[], bool], count: int = 1, then: Collection[str] = ()) -> None:
        """Threads that call ``step`` for as long as it finds work, and again when there may be more.

        After each piece of work the threads of the names in ``then`` look for work, too.
        """
        self._counts[name] = count
        for number in range(count):
            self._start(f"{name}-{number}", self._loop, (name, step, then))

    def run(self, name: str, body: Callable[[threading.Event], None]) -> None:
        """A thread for a body that runs until the stop."""
        self._start(name, body, (self.stop,))

    def wake(self, *names: str) -> None:
        """There may be work for the threads of these names."""
        with self._work:
            self._wakes.update({name: self._counts.get(name, 0) for name in names})
            self._work.notify_all()

    def join(self, seconds: float) -> list[str]:
        """Wait so long, in all, for the threads to end; the names of those that did not."""
        self.wake()
        ends = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _start(self, name: str, body: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        thread = threading.Thread(target=self._guarded, args=(body, arguments), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, body: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            body(*arguments)
        except Exception as error:
            if self.stop.is_set() and isinstance(error, LedgerError):  # who waits for a database gives up at the stop
                log.info("%s stopped: %s", threading.current_thread().name, error)
                return
            self.error = self.error or error
            # A database that cannot be used is told in a sentence.
            log.error("%s ended: %s", threading.current_thread().name, error,
                      exc_info=not isinstance(error, LedgerError))
            self.stop.set()

    def _loop(self, name: str, step: Callable[[], bool], then: Collection[str]) -> None:
        while not self.stop.is_set():
            if step():
                self.wake(*then)
            else:
                self._await(name)

    def _await(self, name: str) -> None:
        """Until somebody has work for a thread of the name; a wake that came while it looked is not slept through."""
        with self._work:
            if self._work.wait_for(lambda: self._wakes.get(name) or self.stop.is_set(), self._idle):
                self._wakes[name] = max(0, self._wakes.get(name, 0) - 1)


def until(done: Callable[[], bool], stop: threading.Event, every: float = 0.05) -> bool:
    """Wait for something to be so; False where the stop came first."""
    while not stop.is_set():
        if done():
            return True
        stop.wait(every)
    return done()
