"""Whether a query matches a build, told by the templates of its lines, without its logs.

The answer may be MAYBE. A query is held against records, which may be several lines; a template is one line, in which
what varies is masked. So YES is said only where one line is enough, whatever stands before and behind it, and NO only
where all lines of a file together, in any order, do not have what is asked; of a very long line only what is kept of it
counts (see ``reduce``).
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...core.lines import Template
from .. import fields as names
from ..doubts import Leaf, has_phrase
from ..matching import folded, matches, pattern
from ..nodes import MESSAGE, Clauses, Exact, Fields, Matches, Node, Nothing, Occur, Words
from ..query import Query, fields_of
from ..records import ANY_RECORD, FAILED, JOINED, Layout, layout_of
from .vocabulary import Phrase, Vocabulary


class Answer(enum.IntEnum):
    """Of several files or clauses one of which is enough, the greatest counts."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True)
class Reduced:
    """A build as its templates show it: what is known of it, and its templates' keys, sorted.

    ``whole``: nothing of its logs was left out.
    """

    fields: Fields
    keys: Sequence[int]
    whole: bool = True


class Proof:
    """A query, made ready to be held against many builds. ``vocabulary`` knows all their templates.

    ``open_`` are fields of a build that may be known elsewhere, as in its inventory. ``read`` tells whether a file of a
    name is reduced at all.
    """

    def __init__(self, query: Query, vocabulary: Vocabulary, open_: Collection[str] = (),
                 read: Callable[[str], bool] = lambda _: True) -> None:
        self._node, self._vocabulary, self._open = query.node, vocabulary, open_
        leaves = tuple(_leaves(query.node))
        self._phrases = {leaf: Phrase(leaf.words, vocabulary) for leaf in leaves if isinstance(leaf, Words)}
        self._patterns = {leaf: _holding(leaf.pattern, vocabulary) for leaf in leaves
                          if isinstance(leaf, Matches) and leaf.field == MESSAGE}
        build = fields_of(query.node) - ANY_RECORD - {names.TAGS, names.FILENAME}
        self._anywhere = folded(query.node, {}, ANY_RECORD | build) is not False
        self._unread = any(not read(leaf.value) for leaf in leaves if isinstance(leaf, Exact)
                           and leaf.field in (names.TAGS, names.FILENAME) and "." in leaf.value)
        phrases = self._phrases.values()
        self._telling = frozenset[int]().union(*(phrase.exact for phrase in phrases), *self._patterns.values())
        near, needed = [phrase.near for phrase in phrases], has_phrase(query.node)
        self._near = self._telling.union(*filter(None, near)) if needed and None not in near else None
        """All templates that matter; None where all do."""

    def answer(self, build: Reduced) -> Answer:
        """Whether the query matches anywhere in the build's logs."""
        if self._never(build.fields):
            return Answer.NO
        found = Answer.NO if build.whole and not self._unread else Answer.MAYBE
        keys = build.keys if self._near is None else _common(self._near, build.keys)
        for path, held in self._files(keys).items():
            found = max(found, self._in_file(_file(path), held, build.fields))
            if found is Answer.YES:
                break
        return found

    def _files(self, keys: Iterable[int]) -> Mapping[str, frozenset[int]]:
        """The templates of each file."""
        files: defaultdict[str, list[int]] = defaultdict(list)
        for key in keys:
            files[self._vocabulary.templates[key].file].append(key)
        return {file: frozenset(held) for file, held in files.items()}

    def _never(self, build: Fields) -> bool:
        """Whether what is known of the build is enough to say no."""
        asked = fields_of(self._node)
        unknown = {field for field in asked if field in self._open or names.is_counter(field)} - build.keys()
        here = ANY_RECORD | {names.TAGS, names.FILENAME, names.LOG_URL}
        return folded(self._node, build, here | unknown) is False

    def _in_file(self, file: _File, keys: frozenset[int], build: Fields) -> Answer:
        if self._anywhere and not names.was_indexed(file.label):
            return Answer.NO
        found = self._value(self._node, _At(file, keys, build))
        if found is Answer.NO:
            return found
        for key in keys & self._telling if found is Answer.MAYBE else keys:
            line = self._vocabulary.templates[key]
            if _is_in_message(line, file.layout) and self._value(
                    self._node, _At(file, keys, build, line)) is Answer.YES:
                return Answer.YES
        return Answer.MAYBE

    def _value(self, node: Node, at: _At) -> Answer:
        if isinstance(node, Clauses):
            return self._boolean(node, at)
        if isinstance(node, Nothing):
            return Answer.NO
        if isinstance(node, Words):
            return self._of_words(self._phrases[node], at)
        if node.field == MESSAGE:
            held = isinstance(node, Matches) and at.key in self._patterns[node]
            return Answer.YES if held else Answer.MAYBE
        if node.field in (names.TAGS, names.FILENAME):
            return at.file.value(node)
        if node.field in ANY_RECORD:
            return _of_record(node, at)
        if node.field not in at.build and (node.field in self._open or names.is_counter(node.field)):
            return Answer.MAYBE
        if node.field == names.LOG_URL and at.build.get(names.LOG_URL):
            return Answer.MAYBE  # a file's own is made of it
        return _certain(matches(node, at.build, tuple))

    def _boolean(self, node: Clauses, at: _At) -> Answer:
        """As ``matching.matches`` has it, with three values."""
        of = {occur: [self._value(clause, at) for each, clause in node.clauses if each is occur] for occur in Occur}
        must, should, must_not = of[Occur.MUST], of[Occur.SHOULD], of[Occur.MUST_NOT]
        required = [*must, *(Answer(Answer.YES - each) for each in must_not)]
        if should and not must:
            required.append(max(should))
        return min(required, default=Answer.NO)

    def _of_words(self, phrase: Phrase, at: _At) -> Answer:
        if at.file.layout.rewrites:
            return Answer.MAYBE
        if at.key in phrase.exact:
            return Answer.YES
        return Answer.MAYBE if phrase.lies_in(at.keys) else Answer.NO


@dataclass(frozen=True)
class _At:
    """Where a query is held: in a file of a build, and in one line of it where ``line`` is given."""

    file: _File
    keys: frozenset[int]
    build: Fields
    line: Template | None = None

    @property
    def key(self) -> int | None:
        return self.line.key if self.line else None


class _File:
    """A kind of file, by its path without the node's folder; which node's it is, is not known."""

    def __init__(self, label: str) -> None:
        self._of_node = label.startswith("logs/")
        self._known = [names.of_file(path) for path in (
            (label, f"controller/{label}", f"compute1/{label}") if self._of_node else (label,))]
        self.label = label
        self.layout: Layout = layout_of(label, self._known[0])

    def value(self, leaf: Leaf) -> Answer:
        """Of a clause on the file's tags or name."""
        if isinstance(leaf, Exact) and leaf.field == names.TAGS and leaf.value in (FAILED, JOINED):
            return Answer.MAYBE  # of the record
        found = {matches(leaf, known, tuple) for known in self._known}
        if found == {False, True}:
            return Answer.MAYBE
        if found == {True} or not self._of_node or names.FILENAME not in fields_of(leaf):
            return _certain(True in found)
        other = isinstance(leaf, Exact) and not leaf.value.removesuffix(names.GZ).endswith(f"/{self.label}")
        return Answer.NO if other else Answer.MAYBE


def _is_in_message(line: Template, layout: Layout) -> bool:
    """Whether the line is surely in the message of its record: what stands before a record's head is not, if it has
    one. A line of a journal begins a record."""
    starts = layout.starts
    return layout.later is None or starts is None or bool(line.level) or (
        line.text[:1].isalpha() and starts.match(line.text.encode()) is not None)


def _of_record(leaf: Leaf, at: _At) -> Answer:
    """Of a clause on a field that differs from record to record, and that templates do not have: a line of an error
    may be joined to another one's record."""
    return Answer.MAYBE if fields_of(leaf) & at.file.layout.fields else _certain(matches(leaf, {}, tuple))


def _common(few: frozenset[int], ascending: Sequence[int]) -> Collection[int]:
    """Of some keys those that are among a build's."""
    if len(few) > len(ascending) // 20:
        return few.intersection(ascending)
    places = ((key, bisect_left(ascending, key)) for key in few)
    return [key for key, at in places if at < len(ascending) and ascending[at] == key]


def _certain(value: bool) -> Answer:
    return Answer.YES if value else Answer.NO


def _leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, Clauses):
        for _, clause in node.clauses:
            yield from _leaves(clause)
    else:
        yield node


def _holding(asked: str, vocabulary: Vocabulary) -> frozenset[int]:
    """The templates that have a word which fits a pattern."""
    fits = pattern(asked).fullmatch
    return frozenset(key for word in vocabulary.words if fits(word) for key in vocabulary.holding(word))


_file = lru_cache(maxsize=4096)(_File)
