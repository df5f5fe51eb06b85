"""The lines that builds of a group share, those first that tell most of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ...core.lines import Template
from ..templates.mask import runs
from .groups import Unusual
from .telling import loudness

PHRASE = 3
"""Words side by side by which two lines are alike."""

MOST = 10
"""Lines of a group that are told."""


@dataclass(frozen=True)
class Shared:
    """A line that passing builds do not have, and how many builds of a group do."""

    template: Template
    builds: int


def shared(builds: Sequence[Collection[Unusual]]) -> tuple[Shared, ...]:
    """The unusual lines that most of some builds have, each line for all that are worded like it: those of the most
    builds first, then those nearest to the failed test, then the loudest."""
    if len(builds) == 1:
        best = sorted(builds[0], key=lambda line: (-_nearness(line), -loudness(line.template)))
        return tuple(Shared(line.template, 1) for line in best[:MOST])
    having: Counter[object] = Counter()
    near: Counter[object] = Counter()
    lines: dict[object, Template] = {}
    for said in builds:
        mine = {phrase: line for line in said for phrase in _phrases(line.template)}
        having.update(mine.keys())
        for phrase, line in mine.items():
            lines.setdefault(phrase, line.template)
            near[phrase] += _nearness(line)
    kept = [phrase for phrase, count in having.items() if 2 * count > len(builds)]
    kept.sort(key=lambda phrase: (-having[phrase], -near[phrase], -loudness(lines[phrase]), lines[phrase].key))
    return tuple(islice(_distinct((lines[phrase], having[phrase]) for phrase in kept), MOST))


def _nearness(line: Unusual) -> int:
    return line.near + 2 * line.linked


def _distinct(lines: Iterable[tuple[Template, int]]) -> Iterator[Shared]:
    """Without those that share a phrase with one before."""
    told: set[object] = set()
    for line, builds in lines:
        mine = _phrases(line)
        if told.isdisjoint(mine):
            yield Shared(line, builds)
        told.update(mine)


def _phrases(line: Template) -> list[object]:
    """What of a line another one may share; a line without so many words between what varies is itself its phrase."""
    found: list[object] = [(line.file, run[start:start + PHRASE]) for run in runs(line.words)
                           for start in range(len(run) - PHRASE + 1)]
    return found or [line.key]
