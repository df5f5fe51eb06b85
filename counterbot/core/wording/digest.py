"""The weekly digest of a channel, within a line's byte limit. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import limits
from ..life import DAY, Digest
from ..rules import Rule
from ..text.figures import counted, date
from ..text.inert import inert
from .irc import NAMES, cause
from .listing import listed


def digest_line(found: Digest, rules: Mapping[str, Rule], until: int) -> str:
    """One line of at most ``limits.IRC_LINE`` bytes on the week before ``until``, in epoch milliseconds."""
    for name in NAMES:
        text = f"Known failures in the week to {date(until - 1)}: {'; '.join(_parts(found, rules, until, name))}"
        if len(text.encode()) <= limits.IRC_LINE:
            break
    return inert(text, limits.IRC_LINE)


def _parts(found: Digest, rules: Mapping[str, Rule], until: int, name: int) -> Iterator[str]:
    """What is news first: it must not be cut."""
    if found.back:
        yield "back again: " + listed([
            f"{cause(rules[each.rule], name)} after {_days(each.silence)}" for each in found.back])
    if found.quiet:
        yield "not seen any more: " + listed([
            f"{cause(rules[each.rule], name)} since {date(each.last, until)}, usually every {_days(each.gap)}"
            for each in found.quiet])
    if found.busy:
        yield "most seen: " + listed([
            f"{cause(rules[each.rule], name)} on {counted(each.changes, 'change')}" for each in found.busy])


def _days(milliseconds: int) -> str:
    return counted(max(1, round(milliseconds / DAY)), "day")
