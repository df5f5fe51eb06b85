"""Finds what a line must say to tell failed builds from passing ones, in as few words as that takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .corpus import LONGEST, VARIES, Bits, Corpus, Flags, Places, Ranges, counts

SHORTEST = 3
"""Words of a phrase, unless the stretch between what varies has fewer."""

ALONE = 2
"""Words more that a phrase of a single build gets: it loses none by them, however many there are."""

TOGETHER, WORDS = 2, 4
"""Phrases of a line, at least, where it takes more than one, and their words: single words of a long line, which is
another in each build, tell little."""

OWN = re.compile(
    r"(?:^|[.:])tests?(?:_|[.:])"  # names of tests, and what lies among them
    r"|\.(?:c|cc|cpp|go|h|java|js|pp|pl|py|rb|rs|rst|sh|toml|ts|xml|ya?ml)$"  # files of a source tree
    r"|\.(?:cloud|com|dev|example|internal|io|lan|local|localdomain|net|org)$")  # hosts
"""Words of one change, one test or one site, which no phrase holds."""

_DULL = """a an and at be been but by call captured could details do does error exception failed false file for from had
has have in is it its last line most no none not null of on or recent self test that the this to traceback true unable
was were while will with due"""
DULL = frozenset(_DULL.split())


@dataclass(frozen=True)
class Found:
    """Phrases that one line holds, the template in which they were found, all templates that hold them, and the builds
    that do."""

    phrases: tuple[tuple[str, ...], ...]
    template: int
    holding: frozenset[int]
    hits: Bits


@dataclass(frozen=True)
class Wanted:
    """``need`` of the failed builds must hold a phrase, and at most ``allowed`` of the passing ones."""

    failed: Bits
    passing: Bits
    need: int
    allowed: int


class Finder:
    """Looks for phrases in a corpus. ``names`` are words that belong to single changes: none is in a phrase."""

    def __init__(self, corpus: Corpus, names: Collection[str] = ()) -> None:
        self._corpus = corpus
        own = corpus.numbers(lambda word: word in names or OWN.search(word) is not None)
        ends = np.flatnonzero((corpus.words <= VARIES) | np.isin(corpus.words, own))
        places = np.arange(len(corpus.words))
        self._left: Places = ends[np.searchsorted(ends, places)] - places
        """By place how many words a phrase that begins there may have."""
        self._begins = np.append(True, self._left[:-1] == 0) & (self._left > 0)
        """By place whether a stretch begins there."""

    def phrases(self, wanted: Wanted) -> list[Found]:
        """One phrase of a line where that suffices; where no phrase of a line does, several that together do."""
        unusual = self.unusual(wanted)
        single = list(self._single(unusual, wanted))
        left = np.setdiff1d(unusual, list(frozenset().union(*(found.holding for found in single))))
        return single + list(self._together(left, wanted))

    def unusual(self, wanted: Wanted) -> Places:
        """The templates that a failed build holds and passing ones do not."""
        rows = self._corpus.builds
        held = (rows & wanted.failed).any(axis=1) & self._corpus.tells
        return np.flatnonzero(held & (counts(rows & wanted.passing) <= wanted.allowed))

    def whole(self, template: int, most: int) -> Found | None:
        """The longest stretches of a line; None where it has no word that may be said."""
        starts = np.flatnonzero(self._begins & (self._corpus.owners == template))
        longest = np.sort(starts[np.argsort(-self._left[starts], kind="stable")][:most])
        return self._all_of(template, self._stretches(longest)) if len(longest) else None

    # -- one phrase

    def _single(self, templates: Places, wanted: Wanted) -> Iterator[Found]:
        """From each place the shortest phrase that passing builds do not hold, made longer as long as no failed build
        is lost."""
        places = np.flatnonzero(self._of(templates) & ((self._left >= SHORTEST) | self._begins))
        least = np.minimum(self._left[places], SHORTEST)
        growing = np.ones(len(places), bool)
        lengths, low, high = (np.zeros(len(places), np.int64) for _ in range(3))
        hits = np.zeros((len(places), len(wanted.failed)), np.uint64)
        alone = int(counts(wanted.failed)) == 1
        for length in range(1, LONGEST + 1):
            growing &= (self._left[places] >= length)
            at = np.flatnonzero(growing & (least <= length))
            ranges, rows = self._held(places[at], length)
            settled = lengths[at] > 0
            good = np.where(settled, _same(rows, hits[at], wanted.failed), counts(rows & wanted.failed) >= wanted.need)
            good &= ~(alone & settled) | (length <= least[at] + ALONE)
            growing[at] = good
            kept = good & (settled | (counts(rows & wanted.passing) <= wanted.allowed))
            at = at[kept]
            lengths[at], low[at], high[at], hits[at] = length, ranges.low[kept], ranges.high[kept], rows[kept]
        _, first = np.unique(np.stack([low, lengths]), axis=1, return_index=True)
        for at in first[lengths[first] > 0].tolist():
            yield Found((self._words(places[at], lengths[at]),), int(self._corpus.owners[places[at]]),
                        self._corpus.holding(low[at], high[at]), hits[at])

    def _held(self, places: Places, length: int) -> tuple[Ranges, Bits]:
        """The phrases of one length at these places, and the builds that hold each."""
        ranges = self._corpus.at(places, length)
        _, first, back = np.unique(ranges.low, return_index=True, return_inverse=True)
        return ranges, self._corpus.holders(Ranges(ranges.low[first], ranges.high[first]))[back]

    # -- several phrases

    def _together(self, templates: Places, wanted: Wanted) -> Iterator[Found]:
        stretches = self._stretches(np.flatnonzero(self._begins & self._of(templates)))
        enough = counts(stretches.hits & wanted.failed) >= wanted.need
        owners = self._corpus.owners[stretches.places]
        bounds = np.flatnonzero(np.diff(owners)) + 1
        for at in np.split(np.arange(len(owners)), bounds):
            said = {self._words(stretches.places[each], stretches.lengths[each]): each for each in at[::-1]}
            telling = sorted(each for words, each in said.items() if tells(words))
            if len(telling) >= TOGETHER and enough[telling].all():
                found = self._narrowed(int(owners[at[0]]), stretches.take(np.array(telling)), wanted)
                if found:
                    yield found

    def _narrowed(self, template: int, stretches: Stretches, wanted: Wanted) -> Found | None:
        """As many as it takes, those that the fewest lines hold first."""
        rarest = np.argsort(stretches.ranges.high - stretches.ranges.low, kind="stable")
        for count in range(TOGETHER, len(rarest) + 1):
            found = self._all_of(template, stretches.take(np.sort(rarest[:count])))
            if sum(map(len, found.phrases)) >= WORDS and counts(found.hits & wanted.passing) <= wanted.allowed:
                return found
        return None

    def _stretches(self, places: Places) -> Stretches:
        """Those that begin at these places, each as long as a phrase may be."""
        lengths = np.minimum(self._left[places], LONGEST)
        low, high = np.zeros_like(lengths), np.zeros_like(lengths)
        hits = np.zeros((len(places), self._corpus.builds.shape[1]), np.uint64)
        for length in np.unique(lengths):
            at = np.flatnonzero(lengths == length)
            ranges, hits[at] = self._held(places[at], int(length))
            low[at], high[at] = ranges.low, ranges.high
        return Stretches(places, lengths, Ranges(low, high), hits)

    def _all_of(self, template: int, stretches: Stretches) -> Found:
        """The lines that hold all of them."""
        holding = frozenset.intersection(*(
            self._corpus.holding(low, high)
            for low, high in zip(stretches.ranges.low, stretches.ranges.high, strict=True)))
        phrases = tuple(self._words(*each) for each in zip(stretches.places, stretches.lengths, strict=True))
        return Found(phrases, template, holding, np.bitwise_or.reduce(self._corpus.builds[list(holding)], axis=0))

    def _of(self, templates: Places) -> Flags:
        """By place whether it is in one of the templates."""
        mine = np.zeros(len(self._corpus.templates), bool)
        mine[templates] = True
        found: Flags = mine[self._corpus.owners]
        return found

    def _words(self, place: int, length: int) -> tuple[str, ...]:
        return tuple(self._corpus.names[number] for number in self._corpus.words[place:place + length])


@dataclass(frozen=True)
class Stretches:
    """Phrases by the place where each begins, with its length, its range of the index and the builds that hold it."""

    places: Places
    lengths: Places
    ranges: Ranges
    hits: Bits

    def take(self, at: Places) -> Stretches:
        """Some of them."""
        return Stretches(self.places[at], self.lengths[at], Ranges(self.ranges.low[at], self.ranges.high[at]),
                         self.hits[at])


def tells(words: Iterable[str]) -> set[str]:
    """The words that say more than that something failed."""
    return {word for word in words if word not in DULL and len(word) > 2}


def _same(rows: Bits, before: Bits, failed: Bits) -> Flags:
    """Whether each finds the failed builds that it found before."""
    found: Flags = ((rows & failed) == (before & failed)).all(axis=1)
    return found
