"""Gerrit over SSH: its commands, and how their answers are read.

Formats: Gerrit's cmd-query, cmd-review and json documents; answers as seen on Gerrit 3.13.5.
"""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from ...core.model import Unreadable
from ...core.text.inert import inert
from ..ssh import Connection, Finished, SshError
from . import Message, Rejected, Unreachable


class OverSsh:
    """Implements ``Gerrit`` over a kept connection, reopened when it is dead or was unused for ``idle`` seconds.

    ``seconds`` is the time that one command may take.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        seconds: float = 60.0,
        idle: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._seconds = seconds
        self._idle = idle
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._used = monotonic()

    def messages(self, change: int, project: str) -> tuple[Message, ...] | None:
        finished = self._run(f"gerrit query --format=JSON --comments change:{int(change)}")
        for row in _rows(finished.out):
            if row.get("type") == "error":
                raise Rejected(_one_line(str(row.get("message"))))
            # Changes imported from another server may repeat a number.
            if row.get("number") == change and row.get("project") == project:
                return tuple(_messages(row))
        return None

    def review(self, project: str, change: int, patchset: int, review: Mapping[str, object]) -> None:
        command = f"gerrit review --json --project {shlex.quote(project)} {int(change)},{int(patchset)}"
        self._run(command, json.dumps(review).encode())

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _run(self, command: str, stdin: bytes = b"") -> Finished:
        with self._lock:
            try:
                finished = self._finished(command, stdin)
            except SshError as error:
                raise Unreachable(error.why, sent=error.sent, lasting=error.lasting) from error
        if finished.status != 0:
            raise Rejected(_complaint(finished))
        return finished

    def _finished(self, command: str, stdin: bytes) -> Finished:
        """A second attempt is made only where a kept connection was dead and the command had not been sent."""
        if self._monotonic() - self._used >= self._idle:
            self._drop()  # a firewall may have forgotten the connection, which costs a timeout to find out
        kept = self._connection is not None
        try:
            self._connection = self._connection or self._connect()
            finished = self._connection.run(command, stdin, seconds=self._seconds)
        except SshError as error:
            self._drop()
            if error.sent or not kept:
                raise
            return self._finished(command, stdin)
        self._used = self._monotonic()
        return finished

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _rows(out: bytes) -> Iterator[Mapping[str, object]]:
    for line in out.decode("utf-8", "replace").split("\n"):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"gerrit query did not answer JSON: {_one_line(line)}") from error
        if not isinstance(row, dict):
            raise Unreadable(f"gerrit query did not answer a JSON object: {_one_line(line)}")
        yield row


def _messages(row: Mapping[str, object]) -> Iterator[Message]:
    comments = row.get("comments", [])
    if not isinstance(comments, list):
        raise Unreadable("gerrit query gave comments that are not a list")
    for comment in comments:
        if not isinstance(comment, dict) or not isinstance(comment.get("message"), str):
            raise Unreadable(f"gerrit query gave a comment without a message: {_one_line(str(comment))}")
        reviewer = comment.get("reviewer")
        username = reviewer.get("username") if isinstance(reviewer, dict) else None
        yield Message(username if isinstance(username, str) else None, comment["message"])


def _complaint(finished: Finished) -> str:
    lines = finished.err.decode("utf-8", "replace").splitlines()
    # The last line of several only points at those above it.
    said = [line.strip() for line in lines if line.strip() and "review output above" not in line]
    words = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in said)
    return _one_line(words) or f"status {finished.status}, without a reason"


def _one_line(text: str) -> str:
    return inert(" ".join(text.split()), 300)
