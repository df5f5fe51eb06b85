"""What people ask of the bot in a comment: ``counters: …`` at the beginning of a line. Does none of it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .model import PatchSet

MARKER = "[counterbot:"
"""Begins the last line of the bot's own comments."""

REASON = 500
"""Characters of a reason that are kept."""


class Verb(enum.Enum):
    """What can be asked; the help is made from it, whose lines Gerrit's page does not wrap."""

    ACCEPT = ("accept", "<reason>", "what is over is expected: say no more here, learn anew after the merge")
    IGNORE = ("ignore", "[reason]", "say no more here of what is over")
    SHOW = ("show", "", "the newest builds' counters beside what is usual")
    HELP = ("help", "", "this text")

    def __init__(self, word: str, more: str, does: str) -> None:
        self.word, self.more, self.does = word, more, does

    @property
    def usage(self) -> str:
        return f"counters: {self.word}{f' {self.more}' if self.more else ''}"


@dataclass(frozen=True)
class Asked:
    """A command that is complete; ``reason`` is what follows the verb, in the person's own words."""

    verb: Verb
    reason: str = ""


@dataclass(frozen=True)
class Mistaken:
    """What begins like a command and is none; ``why`` says what is wrong."""

    why: str


@dataclass(frozen=True)
class Command:
    """A person's command in a comment on a patch set; ``author`` is a user name."""

    patchset: PatchSet
    author: str
    asked: Asked | Mistaken


_COMMAND = re.compile(r"[ \t]{0,3}counters[ \t]*:(?P<rest>[^\n]*)", re.IGNORECASE)
_FENCE = re.compile(r"[ \t]*(```|~~~)")


def asked(comment: str) -> Asked | Mistaken | None:
    """The first command of a comment; None where there is none.

    Quoted text (``>``) and code hold none, nor does a comment of a bot like this one, by whatever account.
    """
    if MARKER in comment:
        return None
    for line in _own_lines(comment):
        if found := _COMMAND.match(line):
            return _parsed(found["rest"].strip())
    return None


def _own_lines(comment: str) -> Iterator[str]:
    """Without quotes and code: a line that is indented by four, or stands between fences."""
    fenced = False
    for line in comment.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith(("    ", "\t", ">")):
            yield line


def _parsed(rest: str) -> Asked | Mistaken:
    word, _, more = rest.partition(" ")
    verb = next((verb for verb in Verb if verb.word == word.lower()), None)
    reason = more.strip()[:REASON]
    if verb is None:
        return Mistaken(f"there is no command {word[:40]!r}" if word else "no command follows the colon")
    if verb is Verb.ACCEPT and not reason:
        return Mistaken("a reason must follow 'accept', for those who will see the step in the history")
    return Asked(verb, reason)
