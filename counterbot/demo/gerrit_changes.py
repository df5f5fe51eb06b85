"""A demo Gerrit's changes, and what its events and queries say of them. It must not talk to anybody.

Fields and their order are as Gerrit 3.13.5 gave them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from hashlib import sha1
from typing import NamedTuple


class Stored(NamedTuple):
    """A message as Gerrit keeps it; ``revision`` is the patch set's number."""

    username: str
    tag: str | None
    text: str
    revision: int
    timestamp: int


@dataclass
class Change:
    """A change; ``patchsets`` is the number of its latest patch set."""

    project: str
    number: int
    branch: str = "master"
    subject: str = "A change"
    owner: str = "owner"
    patchsets: int = 1
    status: str = "NEW"
    messages: list[Stored] = field(default_factory=list)


def events_of_message(username: str, change: Change, number: int, text: str, url: str) -> list[dict[str, object]]:
    """What listeners hear of a new message: of its ref, then of itself."""
    now = int(time.time())
    meta = f"refs/changes/{change.number % 100:02}/{change.number}/meta"
    update = {"oldRev": _sha(meta, now), "newRev": _sha(text, now), "refName": meta, "project": change.project}
    owner = account(change.owner)
    patchset = {
        "number": number,
        "revision": _sha(change.project, change.number, number),
        "parents": [_sha(change.project, change.branch)],
        "ref": f"refs/changes/{change.number % 100:02}/{change.number}/{number}",
        "uploader": owner,
        "createdOn": 1700000000,
        "author": owner,
        "kind": "REWORK",
        "sizeInsertions": 10,
        "sizeDeletions": 0,
    }
    comment_added = {
        "author": account(username),
        "approvals": [{"type": "Code-Review", "description": "Code-Review", "value": "0"}],
        "comment": text,
        "patchSet": patchset,
        "change": {
            **change_attribute(change, url),
            "commitMessage": f"{change.subject}\n",
            "createdOn": 1700000000,
        },
        "project": change.project,
        "refName": f"refs/heads/{change.branch}",
        "changeKey": {"id": _change_id(change)},
        "type": "comment-added",
        "eventCreatedOn": now,
    }
    ref_updated = {
        "submitter": account(username), "refUpdate": update, "type": "ref-updated", "eventCreatedOn": now,
    }  # fmt: skip
    return [ref_updated, comment_added]


def change_attribute(change: Change, url: str) -> dict[str, object]:
    return {
        "project": change.project,
        "branch": change.branch,
        "id": _change_id(change),
        "number": change.number,
        "subject": change.subject,
        "owner": account(change.owner),
        "url": f"{url}/c/{change.project}/+/{change.number}",
        "status": change.status,
    }


def account(username: str) -> dict[str, str]:
    return {"name": username.capitalize(), "email": f"{username}@example.org", "username": username}


def _sha(*parts: object) -> str:
    return sha1("\0".join(map(str, parts)).encode()).hexdigest()  # noqa: S324


def _change_id(change: Change) -> str:
    return "I" + _sha(change.project, change.number)
