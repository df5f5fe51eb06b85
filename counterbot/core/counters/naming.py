"""Suggests the counter that a misspelt name in a rule was meant for. Reads no file."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from ..model import Counters, group_of
from ..rules import is_pattern
from ..text.spelling import nearest

ALIKE = 0.75
"""How similar a name must be: ``Querys`` and ``Queries`` are; ``Com_insert`` and ``Com_insert_select`` are not."""


class Names:
    """Names of counters that exist, such as those of a build."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def meant(self, counter: str) -> str | None:
        """The counter, or the pattern, that a bound's ``counter`` was probably meant to be.

        None where that exists, or is a pattern that fits one, and where nothing is like it.
        """
        if counter in self._names or (is_pattern(counter) and fnmatch.filter(self._names, counter)):
            return None
        group, _, member = counter.partition(".")
        if group in self._members:
            found = _like(member, self._members[group])
            return None if found is None else f"{group}.{found}"
        other = nearest(group, list(self._members), ALIKE)
        if other is None:
            return None
        return f"{other}.{_like(member, self._members[other]) or member}"

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        members = defaultdict(list)
        for name in sorted(self._names):
            members[group_of(name)].append(name.partition(".")[2])
        return dict(members)


def named_in(counters: Counters) -> Names:
    """All names that a build told of, with a value or without."""
    return Names((*counters.values, *counters.unreadable, *counters.resets, *counters.absent))


def _like(member: str, known: list[str]) -> str | None:
    """The known name most like it; for a pattern, also a pattern ``BEGINNING_*`` or ``*_END`` that fits one of them."""
    stems = {stem for name in known for at in re.finditer("_", name)
             for stem in (f"{name[:at.end()]}*", f"*{name[at.start():]}")} if is_pattern(member) else ()
    return nearest(member, [*known, *sorted(stems)], ALIKE)
