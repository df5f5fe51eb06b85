"""A demo Gerrit's changes, and what its events and queries say of them, with the fields of Gerrit 3.13.5."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from hashlib import sha1
from typing import NamedTuple

URL = "https://review.example.org"
CREATED = 1700000000


class Stored(NamedTuple):
    """A message as Gerrit keeps it; ``revision`` is the patch set's number."""

    username: str
    tag: str | None
    text: str
    revision: int
    timestamp: int


@dataclass
class Change:
    """An open change on branch master; ``patchsets`` is the number of its latest patch set."""

    project: str
    number: int
    subject: str = "A change"
    patchsets: int = 1
    messages: list[Stored] = field(default_factory=list)


def events_of_message(username: str, change: Change, number: int, text: str) -> list[dict[str, object]]:
    """What listeners get when a message is stored: an event of its ref, and one of itself."""
    now = int(time.time())
    ref = f"refs/changes/{change.number % 100:02}/{change.number}"
    update = {"oldRev": _sha(ref, now), "newRev": _sha(text, now), "refName": f"{ref}/meta", "project": change.project}
    patchset = {
        "number": number,
        "revision": _sha(change.project, change.number, number),
        "parents": [_sha(change.project)],
        "ref": f"{ref}/{number}",
        "uploader": account("owner"),
        "createdOn": CREATED,
        "author": account("owner"),
        "kind": "REWORK",
        "sizeInsertions": 10,
        "sizeDeletions": 0,
    }
    attributes = change_attributes(change)
    comment_added = {
        "author": account(username),
        "approvals": [{"type": "Code-Review", "description": "Code-Review", "value": "0"}],
        "comment": text,
        "patchSet": patchset,
        "change": {**attributes, "commitMessage": f"{change.subject}\n", "createdOn": CREATED},
        "project": change.project,
        "refName": "refs/heads/master",
        "changeKey": {"id": attributes["id"]},
        "type": "comment-added",
        "eventCreatedOn": now,
    }
    submitter = account(username)
    return [{"submitter": submitter, "refUpdate": update, "type": "ref-updated", "eventCreatedOn": now}, comment_added]


def change_row(change: Change) -> dict[str, object]:
    """What a query with comments answers."""
    comments = [{"timestamp": stored.timestamp, "reviewer": account(stored.username), "message": stored.text}
                for stored in change.messages]
    return {**change_attributes(change), "createdOn": CREATED, "lastUpdated": CREATED, "open": True,
            "comments": comments}


def change_attributes(change: Change) -> dict[str, object]:
    return {
        "project": change.project,
        "branch": "master",
        "id": "I" + _sha(change.project, change.number),
        "number": change.number,
        "subject": change.subject,
        "owner": account("owner"),
        "url": f"{URL}/c/{change.project}/+/{change.number}",
        "status": "NEW",
    }


def account(username: str) -> dict[str, str]:
    return {"name": username.capitalize(), "email": f"{username}@example.org", "username": username}


def _sha(*parts: object) -> str:
    return sha1("\0".join(map(str, parts)).encode()).hexdigest()  # noqa: S324
