"""A server's process, known by its pid: started, paused, ended. Also free ports and bounded waiting.

Knows nothing of any protocol, and never looks for a process by its name.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S", bound="Server")
HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """As many different ports of 127.0.0.1 that nobody listens on just now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def until(question: Callable[[], T], seconds: float, what: str) -> T:
    """Ask every 50 ms until the answer is true, and return it. Raises AssertionError with ``what`` when time is up."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)
    return answer


class Process:
    """One program, its output in a file. Starting it again appends to that file."""

    def __init__(self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.command, self.log, self.env = command, log, env
        self._started: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a group of its own, so that a Ctrl-C at the tests leaves the ending to us."""
        with self.log.open("ab") as out:
            self._started = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=self.env, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self._started, "never started"
        return self._started.pid

    def alive(self) -> bool:
        return self._started is not None and self._started.poll() is None

    def ready(self, question: Callable[[], bool], seconds: float) -> None:
        """Wait until the server answers. Raises AssertionError with the end of its log."""
        until(lambda: not self.alive() or question(), seconds, f"ready; see {self.log}")
        if not self.alive():
            end = self.log.read_text(errors="replace")[-3000:]
            raise AssertionError(f"ended before it was ready, {self.log}:\n{end}")

    def pause(self) -> None:
        """Stop it where it stands: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # its threads stop one after the other

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self, seconds: float = 30) -> None:
        """End it in order; by force after ``seconds``. Does nothing where it has ended."""
        if not self.alive():
            return
        self._signal(signal.SIGTERM)
        self.resume()  # a paused process would see the request only then
        try:
            self._started.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.alive():
            self._signal(signal.SIGKILL)
            self._started.wait(30)

    def _signal(self, number: int) -> None:
        self._started.send_signal(number)  # by pid, and only while it has not been waited for


class Server:
    """A server around its process; a context manager. Whoever derives says when it ``answers``.

    After ``stop()`` or ``kill()``, ``start()`` brings the same server back on the same ports.
    """

    host = HOST
    ready_seconds: float = 60
    """How long it may take to start."""
    stop_seconds: float = 30
    """How long it may take to end, before it is ended by force."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.pause, self.resume, self.kill = process.pause, process.resume, process.kill

    def __enter__(self: S) -> S:
        try:
            self.prepare()
            self.start()
            self.furnish()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def prepare(self) -> None:
        """Once, before it starts for the first time."""

    def furnish(self) -> None:
        """Once, when it answers for the first time."""

    def answers(self) -> bool:
        """Whether it does its work."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        self.process.start()
        self.process.ready(self.answers, self.ready_seconds)

    def stop(self) -> None:
        self.process.stop(self.stop_seconds)
