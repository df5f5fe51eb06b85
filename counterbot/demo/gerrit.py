"""A Gerrit on loopback, as far as the bot speaks to it over SSH: stream-events, query, review, version.

It must not import the bot's own clients, which are tested against it. Texts and events are those of Gerrit 3.13.5.
"""

from __future__ import annotations

import json
import queue
import shlex
import threading
import time
from collections.abc import Callable, Mapping

from .gerrit_changes import Change, Stored, change_row, events_of_message
from .sshd import Session, SshServer, make_key

__all__ = ["Change", "Gerrit", "Stored", "make_key"]

MESSAGE_LIMIT = 16 << 10

Action = Callable[[Session], int | None]
"""Something that a stream is told to do; a status ends it."""


class Fatal(Exception):
    """What a command says on stderr before it ends with status 1."""


class Gerrit:
    """The server; a context manager. ``accounts``: public keys (``ssh-ed25519 AAAA…``) to usernames.

    ``host``, ``port`` and ``host_key`` are for the client's configuration. ``commands`` lists all command lines,
    ``inputs`` all ReviewInputs. ``noise`` is written to the stderr of every command.
    """

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self.commands: list[str] = []
        self.inputs: list[dict[str, object]] = []
        self.noise = b""
        self._changes: dict[int, Change] = {}
        self._streams: dict[Session, queue.SimpleQueue[Action]] = {}
        self._lock = threading.Condition()
        self._refusals: list[str] = []
        self._lost = 0
        self.ssh = SshServer(accounts, self._command)
        self.host, self.port, self.host_key = self.ssh.host, self.ssh.port, self.ssh.host_key

    def __enter__(self) -> Gerrit:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.end_streams()
        self.ssh.close()

    def add_change(self, project: str, number: int, subject: str = "A change", patchsets: int = 1) -> Change:
        self._changes[number] = Change(project, number, subject, patchsets)
        return self._changes[number]

    def messages(self, change: int) -> list[Stored]:
        return list(self._changes[change].messages)

    def emit(self, event: Mapping[str, object] | bytes) -> None:
        """Send an event, or a line without its LF, to all who listen now; as in Gerrit, nobody else will get it."""
        line = event if isinstance(event, bytes) else json.dumps(event, separators=(",", ":")).encode()
        self.emit_bytes(line + b"\n")

    def emit_bytes(self, data: bytes) -> None:
        """Send bytes as they are, so that a line may come in parts."""
        self._to_streams(lambda session: session.write(data))

    def wait_for_streams(self, number: int = 1, seconds: float = 10.0) -> bool:
        """Whether so many clients listen, or do so in time."""
        with self._lock:
            return self._lock.wait_for(lambda: sum(not session.gone for session in self._streams) >= number, seconds)

    # What goes wrong on request

    def refuse(self, text: str, times: int = 1) -> None:
        """End the next reviews with this text and status 1, storing nothing."""
        self._refusals += [text] * times

    def lose_answers(self, times: int = 1) -> None:
        """Store the next reviews, and end the connections instead of an answer."""
        self._lost += times

    def drop_connections(self) -> None:
        self.ssh.drop()

    def hang(self) -> None:
        """Answer nothing from now on, with all connections open."""
        self.ssh.hang()

    def resume(self) -> None:
        self.ssh.resume()

    def end_streams(self, status: int = 0) -> None:
        """End all streams; a server that shuts down does so with status 0."""
        self._to_streams(lambda _: status, last=True)

    def cut_in_mid_line(self, event: Mapping[str, object]) -> None:
        """Send half an event and end the connections."""
        line = json.dumps(event).encode()
        self.emit_bytes(line[: len(line) // 2])
        self._to_streams(Session.cut, last=True)

    def mutter(self, data: bytes) -> None:
        """Write to the stderr of all streams."""
        self._to_streams(lambda session: session.complain(data))

    # The commands

    def _to_streams(self, action: Action, *, last: bool = False) -> None:
        with self._lock:
            for actions in self._streams.values():
                actions.put(action)
            if last:
                self._streams.clear()  # at once, so that waiting for streams waits for new ones

    def _command(self, session: Session, line: str) -> int | None:
        self.commands.append(line)
        if self.noise:
            session.complain(self.noise)
        try:
            return self._run(session, shlex.split(line))
        except Fatal as error:
            session.complain(f"{error}\n".encode())
            return 1

    def _run(self, session: Session, words: list[str]) -> int | None:
        match words:
            case ["gerrit", "version"]:
                session.write(b"gerrit version 3.13.5\n")
                return 0
            case ["gerrit", "stream-events"]:
                return self._stream(session)
            case ["gerrit", "query", "--format=JSON", "--comments", query]:
                return self._query(session, int(query.removeprefix("change:")))
            case ["gerrit", "review", "--json", "--project", project, patchset]:
                return self._review(session, *self._patchset(project, patchset))
            case _:
                raise Fatal(f"fatal: {': '.join(words[:2])}: not found")

    def _stream(self, session: Session) -> int | None:
        actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        with self._lock:
            self._streams[session] = actions
            self._lock.notify_all()
        status = None
        try:
            while status is None and not session.gone:
                try:
                    action = actions.get(timeout=0.5)
                except queue.Empty:
                    continue
                status = action(session)
        finally:
            with self._lock:
                self._streams.pop(session, None)
        return status

    def _query(self, session: Session, number: int) -> int:
        change = self._changes.get(number)
        stats = {"type": "stats", "rowCount": int(change is not None), "runTimeMilliseconds": 1, "moreChanges": False}
        for row in ([change_row(change)] if change else []) + [stats]:
            session.write(json.dumps(row).encode() + b"\n")
        return 0

    def _patchset(self, project: str, patchset: str) -> tuple[Change, int]:
        number, _, patchset_number = patchset.partition(",")
        if project not in {known.project for known in self._changes.values()}:
            raise Fatal(f"fatal: project {project} not found")
        change = self._changes.get(int(number))
        if change is None or project != change.project:
            raise Fatal("fatal: database error")
        if int(patchset_number) > change.patchsets:
            raise Fatal(f'fatal: "{patchset}" no such patch set')
        return change, int(patchset_number)

    def _review(self, session: Session, change: Change, number: int) -> int | None:
        review = json.loads(session.read())
        self.inputs.append(review)
        if self._refusals:
            raise Fatal(self._refusals.pop(0))
        message = review["message"].strip()
        if len(message.encode()) > MESSAGE_LIMIT:
            raise Fatal("error: One or more comments were rejected in validation: Comment size exceeds limit "
                        f"({len(message.encode())} > {MESSAGE_LIMIT})\n\n"
                        "fatal: one or more reviews failed; review output above")
        text = f"Patch Set {number}:\n\n{message}"
        with self._lock:
            change.messages.append(Stored(session.username, review.get("tag"), text, number, int(time.time())))
        for event in events_of_message(session.username, change, number, text):
            self.emit(event)
        if self._lost:
            self._lost -= 1
            self.drop_connections()
            return None
        return 0
