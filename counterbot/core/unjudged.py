"""Counters that have a bound and no value, in words, folded by group.

A collector that fails gives none of its group's counters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .model import group_of
from .rules import Verdict


def folded(unjudged: Iterable[Verdict], name: Callable[[str], str] = str,
           text: Callable[[str], str] = str) -> Iterator[str]:
    """A phrase for each group and reason: a counter alone by its name, several as a number.

    ``name`` writes a counter, ``text`` a group and a reason.
    """
    together: dict[tuple[str, str, str], dict[str, Verdict]] = {}
    for verdict in unjudged:
        alone = verdict.counter if verdict.is_pattern else ""
        key = group_of(verdict.counter), verdict.why if verdict.came else "", alone
        together.setdefault(key, {}).setdefault(verdict.counter, verdict)
    for (group, why, _), counters in together.items():
        first = next(iter(counters.values()))
        if len(counters) == 1:
            yield f"{name(first.counter)} ({text(first.why)})"
        else:
            yield f"{text(group)}: {len(counters)} counters {f'({text(why)})' if why else 'did not come'}"
