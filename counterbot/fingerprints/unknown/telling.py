"""The lines of a failed build that passing builds of its job do not have, the most telling first."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from ...core.lines import Lines, Template

MOST = 200
"""Telling lines of a build, at most."""

OFTEN = 0.02
"""A line in more than this part of the passing builds is a usual one."""

ALIKE = 0.8
"""From this cosine of their words on, an unknown line is a known one that was reworded."""

LEVELS = {"CRITICAL": 1.5, "FATAL": 1.5, "SEVERE": 1.5, "ERROR": 1.5, "TRACE": 1.5, "WARNING": 0.5, "WARN": 0.5,
          "INFO": -3.0}
LOUD = frozenset({"aborted", "cannot", "critical", "died", "error", "exception", "fail", "failed", "failure", "fatal",
                  "killed", "panic", "refused", "severe", "unable", "unreachable"})
"""Words that make a line without a level a loud one."""


@dataclass(frozen=True, slots=True)
class Telling:
    """An unusual line of a failed build; ``score`` is the evidence, in nats, that it belongs to the failure."""

    key: int
    score: float


class Baseline:
    """What passing builds of a job say. ``builds`` gives the keys of each one's templates; what ``dictionary`` lacks
    counts, but nothing is found to be like it."""

    def __init__(self, builds: Iterable[Collection[int]], dictionary: Mapping[int, Template]) -> None:
        self._often: Counter[int] = Counter()
        self.count = 0
        for keys in builds:
            self.count += 1
            self._often.update(keys)
        self._dictionary = dictionary
        self._by_word: dict[tuple[str, str], list[frozenset[str]]] | None = None

    def often(self, key: int) -> int:
        """In how many of the passing builds a line is."""
        return self._often[key]

    def usual(self, key: int) -> bool:
        """Whether a line is none that tells of a failure."""
        return self._often[key] > OFTEN * self.count

    def likeness(self, template: Template) -> float:
        """The largest cosine of the line's words with those of a known line of its file, from 0 to 1."""
        words = frozenset(filter(None, template.words))
        index = self._index()
        known = [index[template.file, word] for word in words if (template.file, word) in index]
        near = {other for others in sorted(known, key=len)[:RAREST] for other in others[:NEIGHBOURS]}
        return max((len(words & other) / math.sqrt(len(words) * len(other)) for other in near), default=0.0)

    def _index(self) -> dict[tuple[str, str], list[frozenset[str]]]:
        if self._by_word is None:
            self._by_word = defaultdict(list)
            for key in self._often:
                if template := self._dictionary.get(key):
                    words = frozenset(filter(None, template.words))
                    for word in words:
                        self._by_word[template.file, word].append(words)
        return self._by_word


RAREST, NEIGHBOURS = 3, 2000
"""A line's neighbours are found by its rarest words, and of each word not more are looked at."""


def telling(lines: Lines, templates: Mapping[int, Template], baseline: Baseline) -> list[Telling]:
    """The unusual lines of a failed build, the most telling first, at most ``MOST``."""
    found = [Telling(key, _score(templates[key], lines, baseline)) for key in lines.keys
             if key in templates and not baseline.usual(key)]
    found.sort(key=lambda each: (-each.score, each.key))
    return list(islice(_new(found, templates, baseline), MOST))


def _new(found: Iterable[Telling], templates: Mapping[int, Template], baseline: Baseline) -> Iterator[Telling]:
    """Without the lines that differ from a known one by a word or two."""
    return (each for each in found if baseline.often(each.key) or baseline.likeness(templates[each.key]) < ALIKE)


def _score(template: Template, lines: Lines, baseline: Baseline) -> float:
    rare = math.log((baseline.count + 1) / (baseline.often(template.key) + 0.5))
    return rare + loudness(template) - 2 * template.body + evidence(template.key, lines)


def loudness(template: Template) -> float:
    """By its level, or by its words where it has none."""
    if template.level:
        return LEVELS.get(template.level, 0.0)
    return 0.0 if LOUD.isdisjoint(template.words) else 1.0


def evidence(key: int, lines: Lines) -> float:
    """How much more likely a line of the failure is found there than any other line (ln of the ratio): while a failed
    test ran, and with an id that the test speaks of."""
    if lines.share is None:
        return 0.0
    share = min(max(lines.share, 0.005), 0.9)
    near = math.log(0.85 / share) if key in lines.near else math.log(0.15 / (1 - share))
    return near + (math.log(0.45 / 0.01) if key in lines.linked else math.log(0.55 / 0.99))
