"""What is asked of Gerrit and told to it, as one interface; each way to reach it is a module here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Unreachable(Exception):
    """No answer. ``sent``: the request had gone out, so it may have taken effect. ``lasting``: a person must act."""

    def __init__(self, why: str, *, sent: bool = False, lasting: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent
        self.lasting = lasting


class Rejected(Exception):
    """Gerrit answered with an error; ``why`` is its text, in one line."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Message:
    """A message on a change. ``username`` is None where the account has none."""

    username: str | None
    text: str


class Gerrit(Protocol):
    """Must not repeat a request that may have taken effect. Thread-safe."""

    def messages(self, change: int, project: str) -> tuple[Message, ...] | None:
        """The messages on a change, oldest first; None where Gerrit has no such change, or does not show it to us.

        Raises Unreachable, Rejected, or Unreadable where the answer has not Gerrit's form.
        """

    def review(self, project: str, change: int, patchset: int, review: Mapping[str, object]) -> None:
        """Post a ReviewInput. Raises Rejected, or Unreachable."""

    def close(self) -> None:
        """Let go of connections."""
