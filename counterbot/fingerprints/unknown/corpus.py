"""Which builds hold a phrase: the templates of many builds, indexed by their words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...core.lines import Lines, Template
from ..templates.reduce import OVERLAP

LONGEST = OVERLAP
"""Words of a phrase: no line is cut within so many."""

END, VARIES = 0, 1
"""Numbers of no word: behind a line, and for what varies."""

Places: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.float64]
Bits: TypeAlias = npt.NDArray[np.uint64]
"""Sets of builds, one a row."""


@dataclass(frozen=True)
class Ranges:
    """Phrases as stretches of the index: ``low`` to ``high``, without it, holds each place where one stands."""

    low: Places
    high: Places


class Corpus:
    """Builds, known by their places in ``builds``, and their templates, each of which is kept once.

    A phrase is looked for in one file, known by its name without folders, as ``tags`` has it in a query: so its words
    are numbered by file. The index is the suffix array of all lines: the places of a phrase are side by side in it.
    """

    def __init__(self, templates: Mapping[int, Template], builds: Sequence[Lines]) -> None:
        self.templates = [templates[key] for key in sorted(templates)]
        self.lines = builds
        self.count = len(builds)
        self.builds = self.rows([lines.keys for lines in builds])
        """By template the builds that hold it."""
        self.tells = np.array([not template.body and template.level != "INFO" for template in self.templates], bool)
        """Which templates may tell of a failure."""
        self._ids: dict[str, dict[str | None, int]] = {}
        self.names = ["", ""]
        """By number a word of a file; END and VARIES have none."""
        self.words, self.owners = self._sequence()
        """The words of all lines by number, and by the same place the template that each is of."""
        self._order = _suffixes(self.words)
        self._rank = np.empty_like(self._order)
        self._rank[self._order] = np.arange(len(self._order), dtype=np.int32)
        self._alike = _alike(self.words, self._order)
        """How many words a suffix shares with the one before it, at most LONGEST."""

    def of(self, builds: Iterable[int]) -> Bits:
        """These builds as a set."""
        found = np.zeros(self.builds.shape[1], np.uint64)
        for place in builds:
            found[place >> 6] |= np.uint64(1 << (place & 63))
        return found

    def rows(self, keys: Sequence[Iterable[int]]) -> Bits:
        """By template which of these sets of keys hold it."""
        known = np.array([template.key for template in self.templates], np.int64)
        rows = np.zeros((len(known), max(1, -(-len(keys) // 64))), np.uint64)
        for place, held in enumerate(keys):
            wanted = np.fromiter(held, np.int64)
            at = np.searchsorted(known, wanted)
            at = at[(at < len(known)) & (known[np.minimum(at, len(known) - 1)] == wanted)] if len(known) else at[:0]
            rows[at, place >> 6] |= np.uint64(1 << (place & 63))
        return rows

    def at(self, places: Places, length: int) -> Ranges:
        """The phrases of so many words that begin at these places."""
        bounds = np.append(np.flatnonzero(self._alike < length), len(self._alike))
        found = np.searchsorted(bounds, self._rank[places], "right")
        return Ranges(bounds[found - 1], bounds[found])

    def find(self, phrase: Sequence[str | None], file: str) -> Places:
        """The templates of a file that hold the phrase, which has LONGEST words or fewer; None is what varies."""
        ids = self._ids.get(file, {})
        wanted = [ids[word] for word in phrase if word in ids]
        if len(wanted) < len(phrase):
            return np.empty(0, np.int64)
        low, high = 0, len(self._order)
        for length, word in enumerate(wanted):
            low, high = (self._side(low, high, length, word, False), self._side(low, high, length, word, True))
        return np.unique(self.owners[self._order[low:high]]).astype(np.int64)

    def _side(self, low: int, high: int, length: int, word: int, end: bool) -> int:
        """Where the word begins, or ends, among suffixes that share the ``length`` words before it."""
        last = len(self.words) - 1
        while low < high:
            middle = (low + high) // 2
            found = self.words[min(self._order[middle] + length, last)]
            if found < word or (end and found == word):
                low = middle + 1
            else:
                high = middle
        return low

    def hits(self, phrases: Iterable[Sequence[str]], file: str) -> Bits:
        """The builds that hold all of the phrases in one line of a file."""
        hits: Bits = np.bitwise_or.reduce(self.builds[list(self.matching(phrases, file))], axis=0)
        return hits

    def matching(self, phrases: Iterable[Sequence[str]], file: str) -> set[int]:
        """The templates of a file that hold all of the phrases."""
        return set.intersection(*(set(self.find(phrase, file).tolist()) for phrase in phrases))

    def doubtful(self, phrases: Iterable[Sequence[str]], file: str) -> set[int]:
        """The templates of a file in whose lines all of the phrases may be, the first or last word of some hidden in
        what varies: ``from source`` is in ``from source-6d1f3b7d``, of which ``from *`` is left."""
        return set.intersection(*({at for each in _hidden(phrase) for at in self.find(each, file).tolist()}
                                  for phrase in phrases))

    def holders(self, ranges: Ranges) -> Bits:
        """The builds that hold each phrase."""
        owners, starts = self._owners(ranges)
        return np.bitwise_or.reduceat(self.builds[owners], starts, axis=0) if len(starts) else self.builds[:0]

    def holding(self, low: int, high: int) -> frozenset[int]:
        """The templates that hold a phrase."""
        return frozenset(self.owners[self._order[low:high]].tolist())

    def numbers(self, wanted: Callable[[str], bool]) -> Places:
        """The numbers of words that are wanted, of any file."""
        return np.array([number for number, word in enumerate(self.names) if word and wanted(word)], np.int64)

    def _owners(self, ranges: Ranges) -> tuple[Places, Places]:
        """The templates of all phrases, one phrase behind the other, and where each begins."""
        lengths = ranges.high - ranges.low
        starts = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) + np.repeat(ranges.low - starts, lengths)
        return self.owners[self._order[places]], starts

    def _sequence(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        words: list[int] = []
        owners: list[int] = []
        for place, template in enumerate(self.templates):
            ids = self._ids.setdefault(tag_of(template), {None: VARIES})
            for word in template.words:
                number = ids.get(word)
                if number is None:
                    number = ids[word] = len(self.names)
                    self.names.append(word or "")
                words.append(number)
            words.append(END)
            owners += [place] * (len(template.words) + 1)
        return np.array(words, np.int32), np.array(owners, np.int32)


def tag_of(template: Template) -> str:
    """The name of its file, as a query asks for it."""
    return template.file.rpartition("/")[2]


def _hidden(phrase: Sequence[str]) -> Iterator[Sequence[str | None]]:
    """A phrase, and what is left of it where its first or last word is hidden."""
    yield phrase
    if len(phrase) > 1:
        yield (*phrase[:-1], None)
        yield (None, *phrase[1:])


def counts(rows: Bits) -> Places:
    """How many builds each set has."""
    found: Places = POPULATION[rows.view(np.uint8)].sum(axis=-1)
    return found


POPULATION = np.array([number.bit_count() for number in range(256)], np.int64)


def flags(rows: Bits, count: int) -> Flags:
    """By set whether it has each of the first builds."""
    return np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little", count=count).astype(bool)


def _suffixes(words: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The places in the order of what follows them, by as many words as a phrase has, by doubling."""
    rank, length = words.astype(np.int64), 1
    while length < LONGEST:
        behind = np.zeros_like(rank)
        behind[:-length] = rank[length:]
        rank = np.unique(rank * (int(rank.max(initial=0)) + 1) + behind, return_inverse=True)[1]
        length *= 2
    return np.argsort(rank, kind="stable").astype(np.int32)


def _alike(words: npt.NDArray[np.int32], order: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
    found = np.zeros(len(order), np.int8)
    same = np.ones(max(len(order) - 1, 0), bool)
    padded = np.append(words, np.zeros(LONGEST, np.int32))
    for length in range(LONGEST):
        following = padded[order + length]
        same &= following[1:] == following[:-1]
        found[1:] += same
    return found
