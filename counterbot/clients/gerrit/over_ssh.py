"""Gerrit over SSH: its commands, and how their answers are read.

Formats: Gerrit's cmd-query, cmd-review and json documents; answers as seen on Gerrit 3.13.5.
"""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from ...core import gerrit_json
from ...core.model import Unreadable
from ...core.text.inert import inert
from ..ssh import Connection, Finished, SshError
from . import Change, Message, Page, Rejected, Unreachable


class OverSsh:
    """Implements ``Gerrit`` over a kept connection, reopened when it is dead or was unused for ``idle`` seconds.

    ``seconds`` is the time that one command may take. ``answered`` is called when Gerrit has answered one.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        seconds: float = 60.0,
        idle: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
        answered: Callable[[], object] = lambda: None,
    ) -> None:
        self._connect = connect
        self._seconds = seconds
        self._idle = idle
        self._monotonic = monotonic
        self._answered = answered
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._used = monotonic()

    def messages(self, change: int, project: str) -> tuple[Message, ...] | None:
        for row in self._query(f"--comments change:{int(change)}"):
            found = _change(row)
            # Changes imported from another server may repeat a number.
            if found and (found.number, found.project) == (change, project):
                return found.messages
        return None

    def updated(self, since: int, start: int, count: int) -> Page:
        when = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(since))
        rows = self._query(f"--comments --current-patch-set --start {int(start)} 'after:\"{when}\"' limit:{int(count)}")
        changes = tuple(filter(None, map(_change, rows)))
        # Where it is not told whether there are more, the next answer is empty.
        return Page(changes, rows[-1].get("moreChanges", changes != ()) is True)

    def files(self, change: int, project: str, patchset: int) -> tuple[str, ...] | None:
        # Of all patch sets a change may have hundreds, of which Gerrit would compare each with its parent.
        for row in self._query(f"--current-patch-set --files change:{int(change)}"):
            found = _change(row)
            if found and (found.number, found.project, found.patchset) == (change, project, patchset):
                return tuple(dict.fromkeys(_files(gerrit_json.mapping(row.get("currentPatchSet")))))
        return None

    def review(self, project: str, change: int, patchset: int, review: Mapping[str, object]) -> None:
        command = f"gerrit review --json --project {shlex.quote(project)} {int(change)},{int(patchset)}"
        self._run(command, json.dumps(review).encode())

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _query(self, what: str) -> list[Mapping[str, object]]:
        """The rows of an answer, of which there is one at least: the statistics."""
        rows = list(_rows(self._run(f"gerrit query --format=JSON {what}").out))
        for row in rows:
            if row.get("type") == "error":
                raise Rejected(_one_line(str(row.get("message"))))
        if not rows:
            raise Unreadable("gerrit query answered nothing")
        return rows

    def _run(self, command: str, stdin: bytes = b"") -> Finished:
        with self._lock:
            try:
                finished = self._finished(command, stdin)
            except SshError as error:
                raise Unreachable(error.why, sent=error.sent, lasting=error.lasting) from error
        self._answered()
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
    for line in out.split(b"\n"):
        if not line.strip():
            continue
        try:
            yield gerrit_json.parse(line)
        except Unreadable as error:
            start = _one_line(line[:1000].decode("utf-8", "replace"))
            raise Unreadable(f"gerrit query answered {error}: {start}") from error


def _change(row: Mapping[str, object]) -> Change | None:
    """None where the row is no change: the last one counts the others."""
    number, project = gerrit_json.whole(row.get("number")), gerrit_json.project(row.get("project"))
    if number is None or project is None:
        return None
    latest = gerrit_json.mapping(row.get("currentPatchSet"))
    return Change(project, gerrit_json.text(row.get("branch")) or "", number, gerrit_json.text(row.get("url")),
                  gerrit_json.whole(row.get("lastUpdated")) or 0, gerrit_json.whole(latest.get("number")),
                  row.get("status") == "MERGED", tuple(_messages(row)))


def _messages(row: Mapping[str, object]) -> Iterator[Message]:
    """Gerrit's own messages have no author, and some imported ones no text."""
    for comment in map(gerrit_json.mapping, gerrit_json.items(row.get("comments"))):
        text = gerrit_json.text(comment.get("message"))
        if text:
            yield Message(gerrit_json.username(comment.get("reviewer")) or "", text,
                          gerrit_json.whole(comment.get("timestamp")) or 0)


def _files(patchset: Mapping[str, object]) -> Iterator[str]:
    """Gerrit's own, such as the commit message, begin with a slash. A copied file's source is not touched."""
    for file in map(gerrit_json.mapping, gerrit_json.items(patchset.get("files"))):
        old = gerrit_json.text(file.get("fileOld")) if file.get("type") == "RENAMED" else None
        yield from (path for path in (gerrit_json.text(file.get("file")), old) if path and not path.startswith("/"))


def _complaint(finished: Finished) -> str:
    lines = finished.err.decode("utf-8", "replace").splitlines()
    # The last line of several only points at those above it.
    said = [line.strip() for line in lines if line.strip() and "review output above" not in line]
    words = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in said)
    return _one_line(words) or f"status {finished.status}, without a reason"


def _one_line(text: str) -> str:
    return inert(" ".join(text.split()), 300)
