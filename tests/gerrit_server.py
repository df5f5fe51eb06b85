"""The demo's Gerrit with what goes wrong on real ones, on request."""

from __future__ import annotations

import json
import time

from counterbot.demo import gerrit
from counterbot.demo.gerrit import Fatal

MESSAGE_LIMIT = 16 << 10


class Gerrit(gerrit.Gerrit):
    """``commands`` lists all command lines. ``noise`` is written to the stderr of every command. ``may_stream`` and
    ``may_query`` are whether the accounts have the right to."""

    def __init__(self, accounts, now=time.time) -> None:
        self.commands: list[str] = []
        self.noise = b""
        self.may_stream = self.may_query = True
        self._refusals: list[str] = []
        self._lost = 0
        super().__init__(accounts, now)

    def refuse(self, text: str, times: int = 1) -> None:
        """End the next reviews with this text and status 1, storing nothing."""
        self._refusals += [text] * times

    def lose_answers(self, times: int = 1) -> None:
        """Store the next reviews, and end the connections instead of an answer."""
        self._lost += times

    def send(self, data: bytes) -> None:
        """Send bytes as they are to all who listen, so that a line may come in parts."""
        for session in self._listening():
            session.write(data)

    def mutter(self, data: bytes) -> None:
        """Write to the stderr of all streams."""
        for session in self._listening():
            session.complain(data)

    def end_streams(self, status: int = 0) -> None:
        """End all streams; a server that shuts down does so with status 0."""
        for session in self._leaving():
            session.exit(status)

    def cut_in_mid_line(self, event) -> None:
        """Send half an event and end the connections."""
        line = json.dumps(event).encode()
        for session in self._leaving():
            session.write(line[: len(line) // 2])
            session.cut()

    def _leaving(self):
        """Those who listen; forgotten at once, so that waiting for streams waits for new ones."""
        with self._lock:
            sessions, self._streams = self._listening(), []
        return sessions

    def _command(self, session, line):
        self.commands.append(line)
        if self.noise:
            session.complain(self.noise)
        status = super()._command(session, line)
        if self._lost and status == 0 and "gerrit review" in line:
            self._lost -= 1
            self.ssh.drop()
            return None
        return status

    def _run(self, session, words):
        if words == ["gerrit", "stream-events"] and not self.may_stream:
            raise Fatal("stream events not permitted")
        if words[:2] == ["gerrit", "query"] and not self.may_query:
            raise Fatal("fatal: query not permitted")
        match words:
            case ["gerrit", "create-account", "--group", _, "--ssh-key", "-", name] if session.username == "admin":
                self.ssh.accounts[" ".join(session.read().decode().split()[:2])] = name
                return 0
        return super()._run(session, words)

    def _review(self, session, project, patchset):
        if project not in {known.project for known in self._changes.values()}:
            raise Fatal(f"fatal: project {project} not found")
        number, _, revision = patchset.partition(",")
        if int(number) in self._changes and int(revision) > self._changes[int(number)].patchsets:
            raise Fatal(f'fatal: "{patchset}" no such patch set')
        super()._review(session, project, patchset)

    def _store(self, username, change, revision, review):
        if self._refusals:
            raise Fatal(self._refusals.pop(0))
        size = len(review["message"].strip().encode())
        if size > MESSAGE_LIMIT:
            raise Fatal("error: One or more comments were rejected in validation: Comment size exceeds limit "
                        f"({size} > {MESSAGE_LIMIT})\n\nfatal: one or more reviews failed; review output above")
        super()._store(username, change, revision, review)
