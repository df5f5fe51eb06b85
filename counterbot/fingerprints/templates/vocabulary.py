"""In which templates a phrase lies, and in which it may lie: across what varies, or across the end of a line."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from ...core.lines import Template
from ..fields import of_file
from ..records import layout_of
from ..words import words
from .reduce import OVERLAP

OF_A_NAME = 2
"""Words of a name such as ``tempest-ServersTest-server-1234567`` that no other line has."""

_ODD = re.compile(r"[^a-z._']|^[a-f]+$")
"""What may be a number, or a part of an id."""


class Vocabulary:
    """All templates that are asked about, indexed once by their words; for one thread."""

    def __init__(self, templates: Mapping[int, Template]) -> None:
        self.templates = templates
        self._holding: defaultdict[str, list[int]] = defaultdict(list)
        self._beginning: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
        self._ending: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
        for key, template in templates.items():
            found = template.words
            for word in set(found):
                if word is not None:
                    self._holding[word].append(key)
            if found:
                self._beginning[template.file, found[0]].append(key)
                self._ending[template.file, found[-1]].append(key)
        self._hidden: dict[str, bool] = {}
        self._in_order = list(templates.values())
        texts = [template.text.lower().replace("\n", " ") for template in self._in_order]
        self._text = "\n".join(texts)
        self._starts = [0, *accumulate(len(text) + 1 for text in texts)]

    @property
    def words(self) -> Collection[str]:
        return self._holding.keys()

    def holding(self, word: str) -> Sequence[int]:
        """The templates that have a word, unmasked."""
        return self._holding.get(word, ())

    def beginning(self, file: str, word: str) -> Sequence[int]:
        """The templates of a file whose first word this is, or may be."""
        return [*self._beginning.get((file, word), ()), *self._beginning.get((file, None), ())]

    def ending(self, file: str, word: str) -> Sequence[int]:
        """The same of the last word."""
        return [*self._ending.get((file, word), ()), *self._ending.get((file, None), ())]

    def is_loose(self, word: str) -> bool:
        """Whether a word may stand where no template shows it: in what is masked, or in a line's head.

        Such are numbers, what may be a part of an id, what no line shows, and what the text of any line has and its
        template has not.
        """
        return not self.holding(word) or _ODD.search(word) is not None or self._is_hidden(word)

    def is_unseen(self, word: str) -> bool:
        """Whether it is a plain word that no line has, as far as lines are known."""
        return not self.holding(word) and _ODD.search(word) is None and not self._is_hidden(word)

    def _is_hidden(self, word: str) -> bool:
        """Whether the text of any line has a word more often than its template."""
        if word not in self._hidden:
            plain = re.escape(word)  # which stands first: so it is looked for quickly
            found = Counter(bisect_right(self._starts, match.start()) - 1
                            for match in re.finditer(rf"{plain}(?<!\w{plain})(?!\w)", self._text))
            self._hidden[word] = any(self._hides(word, self._in_order[number], count)
                                     for number, count in found.items())
        return self._hidden[word]

    @staticmethod
    def _hides(word: str, template: Template, most: int) -> bool:
        """``most``: it is in the text so often at most."""
        shown = template.words.count(word)
        return most > shown and words(template.text).count(word) > shown


class Phrase:
    """Words side by side.

    ``exact`` are the templates that have them so, unmasked. ``near`` are all in whose lines they may begin or lie;
    None: in any, since all their words may be masked.
    """

    def __init__(self, wanted: Sequence[str], vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._wanted = tuple(wanted)

    @cached_property
    def exact(self) -> frozenset[int]:
        templates, count = self._vocabulary.templates, len(self._wanted)
        rarest = min((self._vocabulary.holding(word) for word in self._wanted), key=len)
        return frozenset(key for key in rarest if any(
            templates[key].words[at:at + count] == self._wanted for at in range(len(templates[key].words) - count + 1)))

    @cached_property
    def near(self) -> frozenset[int] | None:
        """Words that no line shows are nowhere, unless they are but a few: then they may be parts of a name that is
        always masked."""
        phrase, known = self._wanted[:OVERLAP], self._vocabulary  # so many surely lie in one template
        if sum(map(known.is_unseen, set(phrase))) > OF_A_NAME:
            return frozenset()
        solid = [word for word in dict.fromkeys(phrase) if not known.is_loose(word)]
        return frozenset().union(*(self._around(phrase, phrase.index(word)) for word in solid)) if solid else None

    def lies_in(self, keys: Collection[int]) -> bool:
        """Whether the phrase may lie in lines of these templates, of one file of a build."""
        return bool(keys) if self.near is None else not self.near.isdisjoint(keys)

    def _around(self, phrase: tuple[str, ...], index: int) -> Iterator[int]:
        """The templates in which ``phrase[index]`` can stand, with the others around it."""
        by_file: dict[str, _Lies] = {}
        for key in self._vocabulary.holding(phrase[index]):
            template = self._vocabulary.templates[key]
            lies = by_file.get(template.file) or by_file.setdefault(
                template.file, _Lies(phrase, template.file, self._vocabulary))
            if any(lies.behind(index, key, at) and lies.ahead(index + 1, key, at + 1)
                   for at, word in enumerate(template.words) if word == phrase[index]):
                yield key


class _Lies:
    """Whether the parts of a phrase can stand before and behind a word of a line, and in other lines of the file."""

    def __init__(self, phrase: tuple[str, ...], file: str, vocabulary: Vocabulary) -> None:
        self._phrase, self._file, self._vocabulary = phrase, file, vocabulary
        self._joins = layout_of(file, of_file(file)).starts is not None
        self._loose = [vocabulary.is_loose(word) for word in phrase]
        self._beginnings: dict[int, bool] = {}
        self._endings: dict[int, bool] = {}

    def ahead(self, index: int, key: int, at: int) -> bool:
        """Whether ``phrase[index:]`` can stand from a place in a line on."""
        if index == len(self._phrase):
            return True
        found = self._vocabulary.templates[key].words
        if at == len(found):
            return self._joins and self._begins(index)
        if found[at] is None:
            return any(self.ahead(end, key, at + 1) for end in range(index + 1, len(self._phrase))
                       if self._hides(index, end)) or self._hides(index, len(self._phrase))
        return found[at] == self._phrase[index] and self.ahead(index + 1, key, at + 1)

    def behind(self, index: int, key: int, at: int) -> bool:
        """Whether ``phrase[:index]`` can stand up to a place in a line."""
        if index == 0:
            return True
        if at == 0:
            return (self._loose[index - 1] and self.behind(index - 1, key, 0)) or (self._joins and self._ends(index))
        before = self._vocabulary.templates[key].words[at - 1]
        if before is None:
            return any(self.behind(begin, key, at - 1) for begin in range(index) if self._hides(begin, index))
        return before == self._phrase[index - 1] and self.behind(index - 1, key, at - 1)

    def _hides(self, begin: int, end: int) -> bool:
        """Whether ``phrase[begin:end]`` may be masked: a plain word is only together with others, as in a name."""
        return any(self._loose[begin:end])

    def _begins(self, index: int) -> bool:
        """Whether ``phrase[index:]`` can begin a line of the file, or stand in its head and then begin it."""
        if index not in self._beginnings:
            lines = self._vocabulary.beginning(self._file, self._phrase[index])
            self._beginnings[index] = any(self.ahead(index, key, 0) for key in lines) or (
                self._loose[index] and (index + 1 == len(self._phrase) or self._begins(index + 1)))
        return self._beginnings[index]

    def _ends(self, index: int) -> bool:
        """Whether ``phrase[:index]`` can end a line of the file."""
        if index not in self._endings:
            lines = self._vocabulary.ending(self._file, self._phrase[index - 1])
            self._endings[index] = any(
                self.behind(index, key, len(self._vocabulary.templates[key].words)) for key in lines)
        return self._endings[index]
