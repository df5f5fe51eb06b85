"""Review comments over SSH. It must not vote, and must not repeat by itself what may have been posted.

A delivery's payload: ``project``, ``change``, ``patchset``, ``message``, ``tag``, ``marker``; the marker stands
in the message's last line. Gerrit offers neither an idempotency key nor an edit, so whoever calls ``post`` asks
``already_there`` first, each time.
"""

from __future__ import annotations

from ..clients.gerrit.over_ssh import Gerrit, Rejected
from ..clients.ssh import SshError
from ..core.model import Delivery, Refused, Retry, Sent, Unreadable

SOON = 30.0
"""Seconds until the next try where trouble is likely to pass."""
LATER = 300.0
"""Seconds until the next try where a person must mend something first."""

# What Gerrit says (3.13.5, and its sources for what could not be provoked), the first that fits. What fits none
# is tried again: a comment lost by a wrong guess is worse than a few tries, which the engine bounds.
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
# With --project, 3.13.5 says this of a change that does not exist (or is not ours to see), and of real trouble too.
AMBIGUOUS = "database error"


class CannotTell(Exception):
    """Whether the comment is there could not be found out; ``answer`` is what to do with the delivery."""

    def __init__(self, answer: Retry) -> None:
        super().__init__(answer.why)
        self.answer = answer


class GerritReporter:
    """Posts deliveries of kind ``gerrit`` as the account ``username``."""

    def __init__(self, gerrit: Gerrit, username: str) -> None:
        self._gerrit = gerrit
        self._username = username

    def already_there(self, delivery: Delivery) -> bool:
        """Whether one of our own messages on the change ends with the delivery's marker. Raise CannotTell.

        Only the last line counts: above it stand names that others chose, who could put a marker in them.
        """
        project, change, _ = _place(delivery)
        try:
            messages = self._gerrit.messages(change, project)
        except SshError as error:
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
        """Post the comment. Raise ValueError where the message does not end with its marker."""
        payload = delivery.payload
        if str(payload["marker"]) not in _last_line(str(payload["message"])):
            raise ValueError(f"delivery {delivery.key}: the last line of its message lacks its marker")
        project, change, patchset = _place(delivery)
        try:
            self._gerrit.review(project, change, patchset, review_input(delivery))
        except SshError as error:
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
        except (SshError, Rejected, Unreadable):
            return False


def review_input(delivery: Delivery) -> dict[str, object]:
    """Gerrit's ReviewInput. No labels, so no vote; KEEP, for by default drafts would be published over SSH."""
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


def _pause(error: SshError) -> float:
    return LATER if error.lasting else SOON


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]
