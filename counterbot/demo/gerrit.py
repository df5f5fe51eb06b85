"""A Gerrit on loopback, as far as the bot speaks to it over SSH: stream-events, query, review, version.

It must not import the bot's own clients: it is what they are held against. Texts and events are as Gerrit
3.13.5 gave them; the methods from ``refuse`` on make it behave as servers do on bad days.
"""

from __future__ import annotations

import argparse
import json
import queue
import shlex
import threading
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from .gerrit_changes import Change, Stored, account, change_attribute, events_of_message
from .sshd import Session, SshServer, make_key

__all__ = ["Change", "Gerrit", "Stored", "make_key"]

MESSAGE_LIMIT = 16 << 10


Item = bytes | int | Callable[[Session], None]
"""What a stream is told to do: write, end with a status, or something else."""


class Fatal(Exception):
    """What a command says on stderr before it ends with status 1."""


class Gerrit:
    """The server; a context manager. ``accounts``: public keys (``ssh-ed25519 AAAA…``) to usernames.

    ``host``, ``port`` and ``host_key`` are for the client's configuration. ``commands`` lists all command lines
    with their user, ``inputs`` all ReviewInputs, so that tests see what was asked.
    """

    def __init__(self, accounts: Mapping[str, str], *, url: str = "https://review.example.org") -> None:
        self.url = url
        self.commands: list[tuple[str, str]] = []
        self.inputs: list[dict[str, object]] = []
        self.noise = b""
        self._changes: dict[int, Change] = {}
        self._streams: dict[Session, queue.SimpleQueue[Item]] = {}
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

    def add_change(
        self,
        project: str,
        number: int,
        branch: str = "master",
        subject: str = "A change",
        owner: str = "owner",
        *,
        patchsets: int = 1,
        status: str = "NEW",
    ) -> Change:
        change = Change(project, number, branch, subject, owner, patchsets, status)
        self._changes[number] = change
        return change

    def messages(self, change: int) -> list[Stored]:
        return list(self._changes[change].messages)

    def emit(self, event: Mapping[str, object] | bytes) -> None:
        """Send an event, or a line without its LF, to all who listen now; as in Gerrit, nobody else will get it."""
        line = event if isinstance(event, bytes) else json.dumps(event, separators=(",", ":")).encode()
        self.emit_bytes(line + b"\n")

    def emit_bytes(self, data: bytes) -> None:
        """Send bytes as they are, so that a line may come in parts."""
        self._to_streams(data)

    def wait_for_streams(self, number: int = 1, seconds: float = 10.0) -> bool:
        """Whether so many clients listen, or do so in time."""
        with self._lock:
            return self._lock.wait_for(lambda: sum(not session.gone for session in self._streams) >= number, seconds)

    def refuse(self, text: str, times: int = 1) -> None:
        """End the next reviews with this text and status 1, storing nothing."""
        self._refusals += [text] * times

    def lose_answers(self, times: int = 1) -> None:
        """Store the next reviews, and then never answer."""
        self._lost += times

    def drop_connections(self) -> None:
        self.ssh.drop()

    def hang(self) -> None:
        """Answer nothing from now on, with all connections up."""
        self.ssh.hang()

    def resume(self) -> None:
        self.ssh.resume()

    def end_streams(self, status: int = 0) -> None:
        """End all streams as a server that shuts down does, with status 0."""
        self._to_streams(status, last=True)

    def cut_in_mid_line(self, event: Mapping[str, object]) -> None:
        """Send half an event and end the connections."""
        line = json.dumps(event).encode()
        self._to_streams(line[: len(line) // 2])
        self._to_streams(Session.cut, last=True)

    def mutter(self, data: bytes) -> None:
        """Write to the stderr of all streams."""
        self._to_streams(lambda session: session.complain(data))

    def _to_streams(self, item: Item, *, last: bool = False) -> None:
        with self._lock:
            for items in self._streams.values():
                items.put(item)
            if last:
                self._streams.clear()  # at once, so that waiting for streams waits for new ones

    def _command(self, session: Session, line: str) -> int | None:
        self.commands.append((session.username, line))
        if self.noise:
            session.complain(self.noise)
        try:
            return self._run(session, shlex.split(line))
        except Fatal as error:
            session.complain(f"{error}\n".encode())
            return 1

    def _run(self, session: Session, words: list[str]) -> int | None:
        runners: dict[str, Callable[[Session, list[str]], int | None]] = {
            "stream-events": self._stream_events,
            "query": self._query,
            "review": self._review,
            "version": self._version,
        }
        match words:
            case ["gerrit", name, *arguments] if name in runners:
                return runners[name](session, arguments)
            case ["gerrit", name, *_]:
                raise Fatal(f"fatal: gerrit: {name}: not found")
            case _:
                raise Fatal(f"fatal: {' '.join(words[:1])}: not found")

    def _version(self, session: Session, _: list[str]) -> int:
        session.write(b"gerrit version 3.13.5\n")
        return 0

    def _stream_events(self, session: Session, _: list[str]) -> int | None:
        items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        with self._lock:
            self._streams[session] = items
            self._lock.notify_all()
        try:
            return _play(session, items)
        finally:
            with self._lock:
                self._streams.pop(session, None)

    def _query(self, session: Session, arguments: list[str]) -> int:
        asked = _Arguments()
        asked.add_argument("--format")
        asked.add_argument("--comments", action="store_true")
        asked.add_argument("query", nargs="+")
        given = asked.parse_args(arguments)
        number = given.query[0].removeprefix("change:")
        if not number.isdigit():
            session.write(_json({"type": "error", "message": "Invalid change format"}))
            return 0
        change = self._changes.get(int(number))
        if change:
            session.write(_json(self._row(change, comments=given.comments)))
        stats = {"type": "stats", "rowCount": int(change is not None), "runTimeMilliseconds": 1, "moreChanges": False}
        session.write(_json(stats))
        return 0

    def _row(self, change: Change, *, comments: bool) -> dict[str, object]:
        row: dict[str, object] = {
            **change_attribute(change, self.url),
            "createdOn": 1700000000,
            "lastUpdated": 1700000000,
            "open": change.status == "NEW",
        }
        if comments:
            row["comments"] = [
                {"timestamp": stored.timestamp, "reviewer": account(stored.username), "message": stored.text}
                for stored in change.messages
            ]
        return row

    def _review(self, session: Session, arguments: list[str]) -> int | None:
        asked = _Arguments()
        asked.add_argument("--json", action="store_true", required=True)
        asked.add_argument("--project")
        asked.add_argument("patchset")
        given = asked.parse_args(arguments)
        change, number = self._patchset(given.project, given.patchset)
        review = _review_input(session.read())
        self.inputs.append(review)
        if self._refusals:
            raise Fatal(self._refusals.pop(0))
        self._store(session.username, change, number, review)
        if self._lost:
            self._lost -= 1
            return None  # the channel stays open: as if the answer were still on its way
        return 0

    def _patchset(self, project: str | None, patchset: str) -> tuple[Change, int]:
        change, comma, number = patchset.partition(",")
        if not comma or not change.isdigit() or not number.isdigit():
            raise Fatal(f'fatal: "{patchset}" is not a valid patch set')
        if project is not None and project not in {known.project for known in self._changes.values()}:
            raise Fatal(f"fatal: project {project} not found")
        found = self._changes.get(int(change))
        if found is None or project not in (None, found.project):
            # The first is what 3.13.5 says with --project, the second without.
            raise Fatal("fatal: database error" if project else f'fatal: "{change}" no such change')
        if not 1 <= int(number) <= found.patchsets:
            raise Fatal(f'fatal: "{patchset}" no such patch set')
        return found, int(number)

    def _store(self, username: str, change: Change, number: int, review: Mapping[str, object]) -> None:
        message = str(review.get("message") or "").strip()
        if len(message.encode()) > MESSAGE_LIMIT:
            raise Fatal(
                "error: One or more comments were rejected in validation: Comment size exceeds limit "
                f"({len(message.encode())} > {MESSAGE_LIMIT})\n\n"
                "fatal: one or more reviews failed; review output above"
            )
        tag = review.get("tag")
        text = f"Patch Set {number}:\n\n{message}"
        with self._lock:
            change.messages.append(Stored(username, str(tag) if tag else None, text, number, int(time.time())))
        for event in events_of_message(username, change, number, text, self.url):
            self.emit(event)


def _play(session: Session, items: queue.SimpleQueue[Item]) -> int | None:
    while not session.gone:
        try:
            item = items.get(timeout=0.5)
        except queue.Empty:
            continue
        if isinstance(item, int):
            return item
        if isinstance(item, bytes):
            session.write(item)
        else:
            item(session)
    return None


class _Arguments(argparse.ArgumentParser):
    """Options as Gerrit takes them; it complains in Gerrit's words."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise Fatal(f"fatal: {message}")


def _review_input(data: bytes) -> dict[str, object]:
    try:
        review = json.loads(data)
    except ValueError as error:
        raise Fatal(f"error: {error}\n\nfatal: internal error while reading review input") from error
    if not isinstance(review, dict):
        raise Fatal("fatal: internal error while reading review input")
    return review


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode() + b"\n"
