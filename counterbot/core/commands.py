"""What people ask of the bot in a comment: ``counters: …`` at the beginning of a line. Does none of it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .model import PatchSet
from .text.spelling import nearest

MARKER = "[counterbot:"
"""Begins the last line of the bot's own comments."""

ALIKE = 0.7
"""From so much likeness on a word is taken for a misspelt verb; ``so`` and ``except`` have less."""

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
    """A person's command in a comment on a patch set; ``author`` is a user name. It was given ``at`` a time, in epoch
    seconds, by whose clock Gerrit's may differ a little from telling to telling."""

    patchset: PatchSet
    author: str
    asked: Asked | Mistaken
    at: int | None = None


_COMMAND = re.compile(r"[ \t]{0,3}counters[ \t]*:(?P<rest>[^\n]*)", re.IGNORECASE)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})(?P<more>.*)")


def asked(comment: str) -> Asked | Mistaken | None:
    """The first command of a comment; None where there is none.

    Quoted text (``>``) and code hold none, nor does a comment of a bot like this one, by whatever account.
    """
    if MARKER in comment:
        return None
    for line in _own_lines(comment):
        if found := _COMMAND.match(line):
            return _parsed(found["rest"])
    return None


def _own_lines(comment: str) -> Iterator[str]:
    """Without quotes and code: a line that is indented by four, or stands between fences of one sign, of which the last
    is no shorter than the first."""
    opened = ""
    for line in comment.splitlines():
        fence = _FENCE.match(line)
        if fence and not opened:
            opened = fence[1]
        elif fence and fence[1].startswith(opened) and not fence["more"].strip():
            opened = ""
        elif not opened and not line.startswith(("    ", "\t", ">")):
            yield line


def _parsed(rest: str) -> Asked | Mistaken | None:
    """None of a sentence that begins with no word like a command: people write of counters, too."""
    word, reason = (*rest.split(None, 1), "", "")[:2]
    word, reason = word.rstrip(":.,;!"), reason.strip()[:REASON]
    verb = next((verb for verb in Verb if verb.word == word.lower()), None)
    if verb is None and reason and nearest(word.lower(), [verb.word for verb in Verb], ALIKE) is None:
        return None
    if verb is None:
        return Mistaken(f"there is no command {word[:40]!r}" if word else "no command follows the colon")
    if verb is Verb.ACCEPT and not reason:
        return Mistaken("a reason must follow 'accept', for those who will see the step in the history")
    return Asked(verb, reason)
