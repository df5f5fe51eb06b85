"""Posts review comments to Gerrit. It must not vote, nor repeat by itself what may have been posted.

A delivery's payload: ``project``, ``change``, ``patchset``, ``message``, ``tag``, ``marker``; the marker is in
the message's last line. Gerrit has neither idempotency keys nor edits, so ``already_there`` must be asked before
each ``post``.
"""

from __future__ import annotations

from ..clients.gerrit import Gerrit, Rejected, Unreachable
from ..core.model import Delivery, Refused, Retry, Sent, Unreadable

SOON = 30.0
"""Seconds until the next try where trouble is likely to pass."""
LATER = 300.0
"""Seconds until the next try where a person must fix something first."""

# Gerrit's error messages (3.13.5, and its sources for those that could not be provoked); the first match decides.
# A message that matches none is tried again: losing a comment by a wrong guess is worse than a few tries.
PASSING = ("unavailable", "temporar", "lock failure", "lock_failure", "internal server error", "timed out", "timeout")
FINAL = (
    "not found",
    "no such change",
    "no such patch set",
    "not permitted",
    "prohibited",
    "permission denied",
    "is restricted",
    "not visible",
    "rejected in validation",
    "exceeds limit",
    "is not a valid",
    "is required",
    "change is closed",
    "change is merged",
    "change is abandoned",
    "change is new",
    "read-only",
    "does not permit",
)
# 3.13.5 gives this message for a change that does not exist or that we may not see, and for real trouble too.
AMBIGUOUS = "database error"


class CannotTell(Exception):
    """Whether the comment is there is unknown; ``answer`` is what to do with the delivery."""

    def __init__(self, answer: Retry) -> None:
        super().__init__(answer.why)
        self.answer = answer


class GerritReporter:
    """Posts deliveries of kind ``gerrit`` as the account ``username``."""

    def __init__(self, gerrit: Gerrit, username: str) -> None:
        self._gerrit = gerrit
        self._username = username

    def already_there(self, delivery: Delivery) -> bool:
        """Whether one of our own messages on the change ends with the delivery's marker. Raises CannotTell.

        Only the last line counts: the lines above contain names that others chose, which could contain a marker.
        """
        project, change, _ = _place(delivery)
        try:
            messages = self._gerrit.messages(change, project)
        except Unreachable as error:
            raise CannotTell(Retry(error.why, _pause(error))) from error
        except Rejected as error:
            raise CannotTell(Retry(error.why, SOON)) from error
        except Unreadable as error:
            raise CannotTell(Retry(str(error), SOON)) from error
        marker = str(delivery.payload["marker"])
        return any(
            message.username == self._username and marker in _last_line(message.text) for message in messages or ()
        )

    def post(self, delivery: Delivery) -> Sent | Retry | Refused:
        """Post the comment. Raises ValueError where the message does not end with its marker."""
        payload = delivery.payload
        if str(payload["marker"]) not in _last_line(str(payload["message"])):
            raise ValueError(f"delivery {delivery.key}: the last line of its message lacks its marker")
        project, change, patchset = _place(delivery)
        try:
            self._gerrit.review(project, change, patchset, review_input(delivery))
        except Unreachable as error:
            return Retry(error.why, None if error.sent else _pause(error))
        except Rejected as error:
            return self._judge(error.why, project, change)
        return Sent()

    def _judge(self, why: str, project: str, change: int) -> Retry | Refused:
        if AMBIGUOUS in why.lower() and self._is_missing(project, change):
            return Refused(f"no such change: {project} {change} ({why})")
        return judged(why)

    def _is_missing(self, project: str, change: int) -> bool:
        try:
            return self._gerrit.messages(change, project) is None
        except (Unreachable, Rejected, Unreadable):
            return False


def review_input(delivery: Delivery) -> dict[str, object]:
    """Gerrit's ReviewInput. No labels, so no vote; KEEP, since over SSH drafts are published by default."""
    return {
        "message": delivery.payload["message"],
        "tag": delivery.payload["tag"],
        "notify": "OWNER",
        "drafts": "KEEP",
    }


def _place(delivery: Delivery) -> tuple[str, int, int]:
    payload = delivery.payload
    return str(payload["project"]), int(str(payload["change"])), int(str(payload["patchset"]))


def judged(why: str) -> Retry | Refused:
    """What an error of Gerrit's means for a delivery."""
    said = why.lower()
    if any(words in said for words in PASSING):
        return Retry(why, SOON)
    return Refused(why) if any(words in said for words in FINAL) else Retry(why, SOON, refusal=True)


def _pause(error: Unreachable) -> float:
    return LATER if error.lasting else SOON


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]
