"""Long work that nobody is in a hurry for gives way to work that somebody waits for: they share one processor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 20.0


class Turns:
    """A piece of long work gives way for ``patience`` seconds in all: what is hurried may itself wait for a server."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._hurried = 0
        self._free = threading.Condition()

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Work that others give way to."""
        with self._free:
            self._hurried += 1
        try:
            yield
        finally:
            with self._free:
                self._hurried -= 1
                self._free.notify_all()

    def patient(self) -> Callable[[], None]:
        """For one piece of long work: what it is to call between its steps. It may be called from several threads."""
        left = self._patience

        def give_way() -> None:
            nonlocal left
            if not self._hurried or left <= 0:
                return
            began = time.monotonic()
            with self._free:
                self._free.wait_for(lambda: not self._hurried, left)
            left -= time.monotonic() - began

        return give_way
