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
    """A message on a change; ``username`` is empty where its author has none.

    ``at`` is Gerrit's time in epoch seconds; 0 where it is not told.
    """

    username: str
    text: str
    at: int = 0


@dataclass(frozen=True)
class Change:
    """A change. ``updated`` is Gerrit's time of its last update, in epoch seconds; ``patchset`` its latest patch set.

    ``messages`` are those that have a text, oldest first.
    """

    project: str
    branch: str
    number: int
    url: str | None
    updated: int
    patchset: int | None
    merged: bool
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Page:
    """A part of an answer; ``more`` follows."""

    changes: tuple[Change, ...]
    more: bool


class Gerrit(Protocol):
    """Must not repeat a request that may have taken effect. Thread-safe."""

    def messages(self, change: int, project: str) -> tuple[Message, ...] | None:
        """The messages on a change, oldest first; None where Gerrit has no such change, or does not show it to us.

        Raises Unreachable, Rejected, or Unreadable where the answer has not Gerrit's form.
        """

    def updated(self, since: int, start: int, count: int) -> Page:
        """At most ``count`` of the changes that were updated since then (epoch seconds), the latest first, without
        the first ``start`` of them. Raises like ``messages``."""

    def files(self, change: int, project: str, patchset: int) -> tuple[str, ...] | None:
        """The files that a patch set touches, a renamed one by both names; None where it is not the change's latest,
        or Gerrit does not tell them. Raises like ``messages``."""

    def review(self, project: str, change: int, patchset: int, review: Mapping[str, object]) -> None:
        """Post a ReviewInput. Raises Rejected, or Unreachable."""

    def close(self) -> None:
        """Let go of connections."""
