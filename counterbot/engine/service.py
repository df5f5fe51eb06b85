"""Keeps threads at work until told to stop. Knows of their work only which errors need no traceback."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..ledger import LedgerError

log = logging.getLogger("counterbot.service")

IDLE = 1.0
"""Seconds between looks for work that another process, or the passing of time, made due."""


class Service:
    """Threads that each repeat a step, or run until the stop; the first error ends them all."""

    def __init__(self, stop: threading.Event, idle: float = IDLE) -> None:
        self.stop = stop
        self._idle = idle
        self.error: Exception | None = None
        self._work = threading.Condition()
        self._calls = 0
        self._threads: list[threading.Thread] = []

    def repeat(self, name: str, step: Callable[[], bool], count: int = 1) -> None:
        """Threads that call ``step`` for as long as it finds work, and again when there may be more."""
        for number in range(count):
            self._start(f"{name}-{number}", self._loop, step)

    def run(self, name: str, body: Callable[[threading.Event], None]) -> None:
        """A thread for a body that runs until the stop."""
        self._start(name, body, self.stop)

    def wake(self) -> None:
        """There may be work."""
        with self._work:
            self._calls += 1
            self._work.notify_all()

    def join(self, seconds: float) -> list[str]:
        """Wait so long, in all, for the threads to end; the names of those that did not."""
        self.wake()
        ends = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _start(self, name: str, body: Callable[[Any], None], argument: object) -> None:
        thread = threading.Thread(target=self._guarded, args=(body, argument), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, body: Callable[[Any], None], argument: object) -> None:
        try:
            body(argument)
        except Exception as error:
            self.error = self.error or error
            # A database that cannot be used is told in a sentence.
            log.error("%s ended: %s", threading.current_thread().name, error,
                      exc_info=not isinstance(error, LedgerError))
            self.stop.set()

    def _loop(self, step: Callable[[], bool]) -> None:
        while not self.stop.is_set():
            calls = self._calls  # a call that comes while the step looks must not be slept through
            if step():
                self.wake()
            else:
                with self._work:
                    self._work.wait_for(lambda: self._calls != calls, self._idle)  # noqa: B023 - asked before the next round


def until(done: Callable[[], bool], stop: threading.Event, every: float = 0.05) -> bool:
    """Wait for something to be so; False where the stop came first."""
    while not stop.is_set():
        if done():
            return True
        stop.wait(every)
    return done()
