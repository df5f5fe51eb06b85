"""The lines of a failed build that passing builds of its job do not have, the most telling first."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...core.lines import Lines, Template
from ..templates.reading import is_console, moment

MOST, LOOKED_AT = 200, 1000
"""Telling lines of a build, and how many of the best are looked at more closely."""

OFTEN, ENOUGH = 0.02, 20
"""A line in more than this part of the passing builds is a usual one; of ``ENOUGH`` of them one may have any line."""

ALIKE = 0.8
"""From this cosine of their words on, an unknown line is a known one that was reworded."""
RAREST, NEIGHBOURS = 3, 500
"""A line's neighbours are found by its rarest words, and of each word not more are looked at."""

LEVELS = {"CRITICAL": 1.5, "ERROR": 1.5, "TRACE": 1.5, "WARNING": 0.5, "INFO": -3.0}
LOUD = frozenset({"aborted", "cannot", "critical", "died", "error", "exception", "fail", "failed", "failure", "fatal",
                  "killed", "panic", "refused", "severe", "unable", "unreachable"})
"""Words that make a line without a level a loud one."""

NEAR, LINKED, STRAY = 0.85, 0.45, 0.01
"""A line that belongs to the failure was said so often while a failed test ran, and has so often an id of which the
test speaks; any other line has such an id so often."""
UNTESTED = 2.0
"""In nats, how much more the console tells where no test failed: the job did not come so far."""
LATER, LATEST = 0.6, 3
"""In nats, what each earlier line that was said while a failed test ran takes from the next in its file, and how many
count: consequences come after causes."""
AGAIN, EVENT = 1.0, 12
"""In nats, what a line loses where a better one lies so many lines away: a message and its exception are one event."""


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
        """Whether so many passing builds have a line that it tells of no failure."""
        return self._often[key] > max(OFTEN * self.count, self.count >= ENOUGH)

    def reworded(self, template: Template) -> bool:
        """Whether a line that no passing build has is one of theirs in other words."""
        return not self.often(template.key) and self.likeness(template) >= ALIKE

    def likeness(self, template: Template) -> float:
        """The largest cosine of the line's words with those of a known line of its file, from 0 to 1; 1 where it has no
        words."""
        words = _words(template)
        if not words:
            return 1.0
        index = self._index()
        known = [index[template.file, word] for word in words if (template.file, word) in index]
        near = {other for others in sorted(known, key=len)[:RAREST] for other in others[:NEIGHBOURS]}
        return max((len(words & other) / math.sqrt(len(words) * len(other)) for other in near), default=0.0)

    def _index(self) -> dict[tuple[str, str], list[frozenset[str]]]:
        if self._by_word is None:
            self._by_word = defaultdict(list)
            for template in filter(None, map(self._dictionary.get, self._often)):
                words = _words(template)
                for word in words:
                    self._by_word[template.file, word].append(words)
        return self._by_word


def _words(template: Template) -> frozenset[str]:
    return frozenset(filter(None, template.words))


def telling(lines: Lines, templates: Mapping[int, Template], baseline: Baseline) -> list[Telling]:
    """The unusual lines of a failed build, the most telling first, at most ``MOST``."""
    unusual = (templates[key] for key in lines.keys if key in templates and not baseline.usual(key))
    found = ((_evidence(each, lines, baseline), each) for each in unusual if not each.body)
    best = heapq.nlargest(LOOKED_AT, found, key=lambda each: (each[0], -each[1].key))
    scores = {each.key: score for score, each in best if not baseline.reworded(each)}
    for files in _by_file(scores, templates, lines.numbers):
        _discount_later(scores, files, lines.near)
    for files in _by_file(scores, templates, lines.numbers):
        _discount_again(scores, files, lines.numbers)
    return [Telling(key, scores[key]) for key in _best(scores)[:MOST]]


def _best(scores: Mapping[int, float]) -> list[int]:
    return sorted(scores, key=lambda key: (-scores[key], key))


def _by_file(keys: Iterable[int], templates: Mapping[int, Template], numbers: Mapping[int, int]) -> Iterator[list[int]]:
    """Keys of the lines whose number is known, in the file's order."""
    files: dict[str, list[int]] = defaultdict(list)
    for key in sorted(filter(numbers.__contains__, keys), key=lambda key: (numbers[key], key)):
        files[templates[key].file].append(key)
    yield from files.values()


def _discount_later(scores: dict[int, float], keys: Iterable[int], near: Collection[int]) -> None:
    for rank, key in enumerate(filter(near.__contains__, keys)):
        scores[key] -= LATER * min(rank, LATEST)


def _discount_again(scores: dict[int, float], keys: Collection[int], numbers: Mapping[int, int]) -> None:
    told: set[int] = set()
    for key in _best({key: scores[key] for key in keys}):
        event = numbers[key] // EVENT
        if told.isdisjoint((event - 1, event, event + 1)):
            told.add(event)
        else:
            scores[key] -= AGAIN


def _evidence(template: Template, lines: Lines, baseline: Baseline) -> float:
    rare = math.log((baseline.count + 1) / (baseline.often(template.key) + 0.5))
    return rare + loudness(template) + _closeness(template, lines)


def loudness(template: Template) -> float:
    """By its level, or by its words where it has none."""
    if template.level:
        return LEVELS.get(template.level, 0.0)
    return 0.0 if LOUD.isdisjoint(template.words) else 1.0


def _closeness(template: Template, lines: Lines) -> float:
    """How much more likely a line of the failure is found where this one was than any other line (ln of the ratio):
    while a failed test ran, and with an id of which the test speaks."""
    if lines.share is None:
        return UNTESTED if is_console(template.file) else 0.0
    linked = LINKED / STRAY if template.key in lines.linked else (1 - LINKED) / (1 - STRAY)
    share = bounded(lines.share)
    if template.key in lines.near:
        return math.log(linked) + math.log(NEAR / share)
    timed = moment(template.text.encode(errors="replace")) is not None
    return math.log(linked) + timed * math.log((1 - NEAR) / (1 - share))


def bounded(share: float) -> float:
    """Of the part of a build's time in which a failed test ran what may be reckoned with: it is measured roughly."""
    return min(max(share, 0.005), 0.9)
