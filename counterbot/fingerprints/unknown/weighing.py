"""How much a phrase tells: how much likelier it is seen so where it belongs to the failure than where it does not."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...core.lines import Lines, Template
from ..templates.reading import split
from .corpus import LONGEST, Bits, Corpus, Flags, Numbers, Places, counts, flags
from .finder import Found, tells
from .telling import LATER, LATEST, LINKED, NEAR, STRAY, bounded

SEEN = 0.85
"""A line that belongs to the failure is in so many of its builds."""

LOUD = re.compile(
    r"(?i)\b(?:error|errors|fatal|fail(?:ed|ure|s)?|exception|timed? ?out|timeout|refused|denied|unreachable|cannot|"
    r"can't|could not|unable|no such|not found|abort(?:ed)?|panic|killed|missing|invalid)\b|Error\b|^E:")
QUIET = re.compile(r"\s*(?:INFO|DEBUG)\b")
LEVELS = {"WARNING": 0.3, "INFO": -2.0}
"""Of other levels 1."""


class Scales:
    """For one group of failed builds, whose ``lines`` are given in their order, with their ``unusual`` templates."""

    def __init__(self, corpus: Corpus, lines: Sequence[Lines], passing: Bits, other: Bits, unusual: Places) -> None:
        self._templates = corpus.templates
        self._passing, self._other = passing, other
        self._later = _later(corpus, lines, unusual)
        self._near = flags(corpus.rows([each.near for each in lines]), len(lines))
        self._linked = flags(corpus.rows([each.linked for each in lines]), len(lines))
        self._share = np.array([np.nan if each.share is None else bounded(each.share) for each in lines])

    def weights(self, found: Sequence[Found], seen: Flags, wanted: Sequence[int]) -> Numbers:
        """In nats. ``seen`` tells of each phrase which of the ``wanted`` failed builds hold it."""
        hits = np.stack([each.hits for each in found])
        rate = np.maximum(self._rate(hits, self._passing), self._rate(hits, self._other) / 2)
        count = seen.sum(axis=1)
        weights: Numbers = count * np.log(SEEN / rate)
        weights += (seen.shape[1] - count) * np.log((1 - SEEN) / np.maximum(1 - rate, 0.01))
        weights += np.where(seen, self._context(found, wanted), 0).sum(axis=1)
        weights += [_taste(self._templates[each.template], each.phrases) for each in found]
        return weights

    @staticmethod
    def _rate(hits: Bits, builds: Bits) -> Numbers:
        rate: Numbers = (counts(hits & builds) + 0.5) / (counts(builds) + 1)
        return rate

    def _context(self, found: Sequence[Found], wanted: Sequence[int]) -> Numbers:
        """What the times and ids of the failed tests tell, by phrase and build."""
        near, linked = (np.stack([rows[list(each.holding)].any(axis=0) for each in found])[:, wanted]
                        for rows in (self._near, self._linked))
        share = self._share[wanted]
        later = np.stack([self._later[list(each.holding)].min(axis=0) for each in found])[:, wanted]
        told = (np.where(near, np.log(NEAR / share) - LATER * later, np.log((1 - NEAR) / (1 - share)))
                + np.where(linked, math.log(LINKED / STRAY), math.log((1 - LINKED) / (1 - STRAY))))
        context: Numbers = np.nan_to_num(told)
        return context


def _later(corpus: Corpus, lines: Sequence[Lines], unusual: Places) -> Numbers:
    """By template and failed build, of one said while a failed test ran, how many unusual ones were so before it in its
    file."""
    places = {corpus.templates[at].key: at for at in unusual.tolist()}
    later = np.full((len(corpus.templates), len(lines)), float(LATEST))
    for build, each in enumerate(lines):
        passed: Counter[str] = Counter()
        for key in sorted(each.near & places.keys(), key=lambda key: (each.numbers[key], key)):
            file = corpus.templates[places[key]].file
            later[places[key], build] = min(passed[file], LATEST)
            passed[file] += 1
    return later


def _taste(template: Template, phrases: Sequence[Sequence[str]]) -> float:
    """What a reader of the query would say: a few telling words that begin a line which says that something failed."""
    words = [word for phrase in phrases for word in phrase]
    telling = len(tells(words))
    begins = tuple(template.words[:len(phrases[0])]) == tuple(phrases[0])
    return (0.4 * min(telling, 4) - 3 * (telling < 2) + 0.05 * min(len(words), LONGEST) + 0.4 * begins
            + 1.5 * _loudness(template))


def _loudness(template: Template) -> float:
    """By its level, or by its words where it has none."""
    if template.level:
        return LEVELS.get(template.level, 1.0)
    message = split(template.text, template.file).message
    return -2.0 if QUIET.match(message) else 1.0 if LOUD.search(message) else 0.0
