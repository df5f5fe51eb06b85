"""A Gerrit on loopback, as far as the bot speaks to it over SSH: stream-events, query, review, version.

It must not import the bot's own clients, which are tested against it. Texts and events are those of Gerrit 3.13.5.
"""

from __future__ import annotations

import json
import shlex
import threading
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .sshd import Session, SshServer


class Fatal(Exception):
    """What a command says on stderr before it ends with status 1."""


class Stored(NamedTuple):
    """A message as Gerrit keeps it; ``revision`` is the patch set's number."""

    username: str
    tag: str | None
    text: str
    revision: int
    timestamp: int


@dataclass
class Change:
    """A change on branch master; ``patchsets`` is the number of its latest patch set, which touches ``files``;
    ``updated`` is in epoch seconds."""

    project: str
    number: int
    subject: str = "A change"
    patchsets: int = 1
    files: tuple[str, ...] = ()
    messages: list[Stored] = field(default_factory=list)
    updated: int = 0
    status: str = "NEW"


class Gerrit:
    """The server; a context manager. ``accounts``: public keys (``ssh-ed25519 AAAA…``) to usernames.

    ``host``, ``port`` and ``host_key`` are for the client's configuration. ``inputs`` lists all ReviewInputs. ``now``
    is its clock, in epoch seconds.
    """

    def __init__(self, accounts: Mapping[str, str], now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.inputs: list[dict[str, Any]] = []
        self._changes: dict[int, Change] = {}
        self._streams: list[Session] = []
        self._lock = threading.Condition()
        self.ssh = SshServer(accounts, self._command)
        self.host, self.port, self.host_key = self.ssh.host, self.ssh.port, self.ssh.host_key

    def __enter__(self) -> Gerrit:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.ssh.close()

    def add_change(self, project: str, number: int, subject: str = "A change", patchsets: int = 1,
                   files: tuple[str, ...] = ()) -> Change:
        self._changes[number] = Change(project, number, subject, patchsets, files, updated=int(self._now()))
        return self._changes[number]

    def say(self, username: str, number: int, text: str, revision: int = 1) -> None:
        """Store a message as it is, and tell those who listen."""
        self._keep(username, self._changes[number], revision, text)

    def merge(self, number: int) -> None:
        """Submit a change."""
        change = self._changes[number]
        change.status = "MERGED"
        self._note("owner", change, change.patchsets, "Change has been successfully merged")
        self.emit(change_merged(change, change.updated))

    def messages(self, change: int) -> list[Stored]:
        return list(self._changes[change].messages)

    def emit(self, event: Mapping[str, object] | bytes) -> None:
        """Send an event, or a line without its LF, to all who listen now; as in Gerrit, nobody else will get it."""
        line = event if isinstance(event, bytes) else json.dumps(event, separators=(",", ":")).encode()
        for session in self._listening():
            with suppress(OSError, EOFError):  # it has just gone
                session.write(line + b"\n")

    def wait_for_streams(self, number: int = 1, seconds: float = 60.0) -> bool:
        """Whether so many clients listen, or do so in time."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self._listening()) >= number, seconds)

    def _listening(self) -> list[Session]:
        with self._lock:
            self._streams = [session for session in self._streams if not session.gone]
            return self._streams

    # The commands

    def _command(self, session: Session, line: str) -> int | None:
        try:
            return self._run(session, shlex.split(line))
        except Fatal as error:
            session.complain(f"{error}\n".encode())
            return 1

    def _run(self, session: Session, words: list[str]) -> int | None:
        match words:
            case ["gerrit", "version"]:
                session.write(b"gerrit version 3.13.5\n")
            case ["gerrit", "stream-events"]:
                with self._lock:
                    self._streams.append(session)
                    self._lock.notify_all()
                return None
            case ["gerrit", "query", "--format=JSON", *what]:
                self._query(session, what)
            case ["gerrit", "review", "--json", "--project", project, patchset]:
                self._review(session, project, patchset)
            case _:
                raise Fatal(f"fatal: {': '.join(words[:2])}: not found")
        return 0

    def _query(self, session: Session, what: list[str]) -> None:
        options = {word: what[place + 1] for place, word in enumerate(what[:-1]) if word == "--start"}
        terms = dict(word.split(":", 1) for word in what if ":" in word)
        found, more = self._found(terms, int(options.get("--start", "0")))
        stats = {"type": "stats", "rowCount": len(found), "runTimeMilliseconds": 1, "moreChanges": more}
        for row in [_row(change, what) for change in found] + [stats]:
            session.write(json.dumps(row).encode() + b"\n")

    def _found(self, terms: Mapping[str, str], start: int) -> tuple[list[Change], bool]:
        """The changes that a query asks for, the last updated first, and whether there are more of them."""
        if number := terms.get("change"):
            return [change for change in self._changes.values() if change.number == int(number)], False
        since = timegm(time.strptime(terms["after"].strip('"'), "%Y-%m-%d %H:%M:%S +0000"))
        found = [change for change in self._changes.values() if change.updated >= since]
        found.sort(key=lambda change: change.updated, reverse=True)
        end = start + int(terms.get("limit", "500"))
        return found[start:end], len(found) > end

    def _review(self, session: Session, project: str, patchset: str) -> None:
        number, _, revision = patchset.partition(",")
        change = self._changes.get(int(number))
        if change is None or change.project != project:
            raise Fatal("fatal: database error")
        review = json.loads(session.read())
        self.inputs.append(review)
        self._store(session.username, change, int(revision), review)

    def _store(self, username: str, change: Change, revision: int, review: Mapping[str, Any]) -> None:
        text = f"Patch Set {revision}:\n\n{review['message'].strip()}"
        self._keep(username, change, revision, text, review.get("tag"))

    def _keep(self, username: str, change: Change, revision: int, text: str, tag: str | None = None) -> None:
        self._note(username, change, revision, text, tag)
        self.emit(comment_added(username, change, revision, text, change.updated))

    def _note(self, username: str, change: Change, revision: int, text: str, tag: str | None = None) -> None:
        change.updated = int(self._now())
        change.messages.append(Stored(username, tag, text, revision, change.updated))


def comment_added(username: str, change: Change, revision: int, text: str, created: int) -> dict[str, Any]:
    """The event of a message; ``created`` is in epoch seconds."""
    attributes = _attributes(change)
    return {"type": "comment-added", "eventCreatedOn": created, "project": change.project,
            "refName": "refs/heads/master", "author": _account(username), "comment": text,
            "patchSet": {"number": revision, "ref": _ref(change, revision)}, "change": attributes,
            "changeKey": {"id": attributes["id"]}}


def change_merged(change: Change, created: int) -> dict[str, Any]:
    """The event of a merge; ``created`` is in epoch seconds."""
    return {"type": "change-merged", "eventCreatedOn": created, "project": change.project,
            "refName": "refs/heads/master", "submitter": _account("owner"), "patchSet": _latest(change),
            "change": _attributes(change)}


def _row(change: Change, options: list[str]) -> dict[str, Any]:
    """What a query answers of a change; files are told with a patch set alone."""
    row = {**_attributes(change), "lastUpdated": change.updated, "open": change.status == "NEW"}
    if "--comments" in options:
        row["comments"] = [{"timestamp": stored.timestamp, "reviewer": _account(stored.username),
                            "message": stored.text} for stored in change.messages]
    if "--current-patch-set" in options:
        row["currentPatchSet"] = _latest(change) | (_files(change) if "--files" in options else {})
    return row


def _files(change: Change) -> dict[str, Any]:
    """With the commit message, as Gerrit has it; ``old => new`` is a renamed file."""
    files = [{"file": "/COMMIT_MSG", "type": "ADDED", "insertions": 9, "deletions": 0}]
    for path in change.files:
        old, _, new = path.rpartition(" => ")
        kind = {"fileOld": old, "type": "RENAMED"} if old else {"type": "MODIFIED"}
        files.append({"file": new, **kind, "insertions": 2, "deletions": -1})
    return {"files": files}


def _latest(change: Change) -> dict[str, Any]:
    return {"number": change.patchsets, "ref": _ref(change, change.patchsets)}


def _ref(change: Change, revision: int) -> str:
    return f"refs/changes/{change.number % 100:02}/{change.number}/{revision}"


def _attributes(change: Change) -> dict[str, Any]:
    url = f"https://review.example.org/c/{change.project}/+/{change.number}"
    return {"project": change.project, "branch": "master", "id": f"I{change.number:040x}", "number": change.number,
            "subject": change.subject, "owner": _account("owner"), "url": url, "status": change.status}


def _account(username: str) -> dict[str, str]:
    return {"name": username.capitalize(), "email": f"{username}@example.org", "username": username}
