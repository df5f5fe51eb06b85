"""Reduces a build's log to its templates: each kind of line once. Opens no file, and keeps no more than its caps."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain

from ...core.lines import Lines, Reduction, StoryLine, Template
from ...core.text.excerpt import MASK, excerpt, hidden
from ..records import COLOUR, ENDS, own_level
from .clues import DAY, Clues, Listener, by_second, share
from .mask import AN_ID, UUID, VARIED, as_words, key, rough, settling
from .reading import head, is_console, kind_of, label, moment

WORDS, OVERLAP, PIECES = 48, 10, 10
"""Words of a template, and of it that the next piece of a longer line begins with: a phrase of ten lies in one."""

LINE = 8 << 10
"""Bytes of a line that are looked at; so many words are seldom longer."""
TEXT = 400
"""Characters of a line that a template shows."""

TEMPLATES, ROOM = 50_000, 64 << 20
"""Templates of a build, and about the bytes of memory that they take. A DevStack job has some 15,000 in 15 MB."""
REMEMBERED = 4 << 20
"""Characters of masked lines of a file whose templates are remembered."""

WINDOW = 256 << 10
BEGINNING = 8 << 10
"""Bytes at a file's beginning of which none is NUL in a text."""
BINARY = "a binary file"

FOLLOWING = 100
"""Lines without a time behind one that has it, which were said when that was."""

STORY, TIMES = 100, 16
"""Lines of a story, and times of a console's line that are kept until it is known when tests failed."""

DEBUG, INFO = b"DEBUG", b"INFO"
LOUD = frozenset({b"WARNING", b"ERROR", b"CRITICAL", b"TRACE"})
LEVEL = 200
"""Bytes in which a line tells its level."""
ODD_ENDS = b"\r\v\f\x1c\x1d\x1e\xc2\xe2"
"""Where none of these bytes is, all lines end with a line feed."""

BODY = re.compile(
    rb'\s{2,}|\t|\s*(?:INFO|DEBUG) \[|\s*File "|Traceback |Captured |\{[0-9]+\} |-{5}|={5}'
    rb"|[\w.]+\.test_\w+(?:\[.*\])?(?: \[[0-9.]+s\] \.\.\. \w+)?\s*$")
"""What frames a message: a traceback's frames, captions, and a test runner's own lines."""


@dataclass(slots=True)
class _Kept:
    template: Template
    path: str
    number: int
    near: bool = False
    linked: bool = False


class Reducer:
    """Takes the files of one build that ``reading.wanted`` names, from several threads; the console first, for it tells
    when tests failed.

    ``most`` templates are kept, and no more than take about ``room`` bytes of memory.
    """

    def __init__(self, failed: bool, most: int = TEMPLATES, room: int = ROOM) -> None:
        self._failed = failed
        self._most = most
        self._kept: dict[int, _Kept] = {}
        self._room = room
        self._left_out: set[int] = set()
        """Templates beyond the cap, of which no more are counted than kept."""
        self._clues = Clues()
        self._near = bytes(DAY)
        self._story: list[StoryLine] = []
        self._unread: dict[str, str] = {}

    def unread(self, path: str, why: str) -> None:
        """A file was not read whole."""
        self._unread[path] = why

    def take(self, path: str, blocks: Iterable[bytes]) -> None:
        """A file, by its bytes in blocks of any size. What they raise is raised; the lines before it count."""
        blocks = iter(blocks)
        beginning = b""
        while len(beginning) < BEGINNING and (block := next(blocks, None)) is not None:
            beginning += block
        if b"\0" in beginning[:BEGINNING]:
            self.unread(path, BINARY)
            return
        file = _Console(self, path) if is_console(path) and self._failed else _File(self, path)
        try:
            for data in _whole_lines(chain([beginning], blocks)):
                file.take(data)
        finally:
            file.end()

    def reduction(self) -> Reduction:
        """Of all that was taken."""
        kept = self._kept
        keys = array("q", sorted(kept))
        templates = {each: kept[each].template for each in keys}
        if not self._failed:
            return Reduction(Lines(keys, left_out=len(self._left_out), unread=self._unread), templates)
        return Reduction(Lines(
            keys, frozenset(each for each in keys if kept[each].near),
            frozenset(each for each in keys if kept[each].linked), share(self._clues.windows, self._clues.seconds),
            {each: kept[each].number for each in keys}, tuple(sorted(self._story, key=self._when)[:STORY]),
            self._clues.sources, len(self._left_out), self._unread,
            {each: kept[each].path for each in keys}), templates)

    def _when(self, line: StoryLine) -> tuple[float, str, int]:
        """Its place in the story, over midnight; lines without a time are last."""
        since = float("inf") if line.at is None else (line.at - (self._clues.began or 0)) % DAY
        return since, line.file, line.number

    # What the files use.

    def keep(self, file: str, path: str, level: bytes, text: str, body: bool, shown: bytes,
             number: int) -> _Kept | None:
        """A template by its settled text; None where there is no room for it."""
        found = key(file, text)
        kept = self._kept.get(found)
        if kept:
            return kept
        cost = 500 + 70 * text.count(" ") + len(text) + len(shown)
        if len(self._kept) >= self._most or self._room < cost:
            if len(self._left_out) < self._most:
                self._left_out.add(found)
            return None
        self._room -= cost
        seen = shown.decode(errors="replace")[:TEXT].replace("\0", "")  # PostgreSQL takes none in a text
        template = Template(found, file, level.decode(), as_words(text), body, seen)
        return self._kept.setdefault(found, _Kept(template, path, number))  # another thread may have been quicker

    @property
    def near(self) -> bytes:
        """By second of the day whether a failed test ran."""
        return self._near

    @property
    def ids(self) -> frozenset[bytes]:
        """Of which a failed test speaks."""
        return self._clues.ids

    @property
    def watches(self) -> bool:
        """Whether anything is known of failed tests."""
        return bool(self._failed and (self._clues.windows or self._clues.ids))

    def heard(self, clues: Clues) -> None:
        """The console has ended."""
        self._clues, self._near = clues, by_second(clues.windows)

    def tell(self, line: StoryLine) -> None:
        """A line of the story."""
        self._story.append(line)


class _File:
    """One file's way through."""

    def __init__(self, reducer: Reducer, path: str) -> None:
        self._reducer = reducer
        self._path = path
        self._label = label(path)
        self._kind = kind_of(path)
        self._quick = self._kind.quick.match
        self._dropping = False
        """Whether lines without a level follow one of DEBUG."""
        self._number = 1
        self._headed, self._until = b"", 0
        """The last line with a time, if it has one, and the number up to which lines without one belong to it."""
        self._seen: dict[str, tuple[_Kept, ...]] = {}
        """By rough text."""
        self._remembered = 0
        self._watches = reducer.watches
        self._told = 0

    def take(self, data: bytes) -> None:
        """Lines that are whole."""
        if b"\x1b" in data:
            data = COLOUR.sub(b"", data)
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        numbered: Iterable[tuple[int, bytes]] = enumerate(lines, self._number)
        self._number += len(lines)
        if len(data.translate(None, ODD_ENDS)) < len(data):
            numbered = _ended(numbered)
        for number, line in numbered:
            if line and not ((self._dropping or DEBUG in line[:LEVEL]) and self._drops(line)):
                self._line(number, line)

    def _line(self, number: int, whole: bytes) -> None:
        line = whole if len(whole) <= LINE else whole[:LINE].rpartition(b" ")[0]  # its last word may have been cut
        level, at = self._head(line)
        if at < 0:
            return
        if at:
            self._headed, self._until = line, number + FOLLOWING
        text = rough(line[at:])
        found = self._seen.get(text)
        if found is None:
            found = self._new(text, line, at, level, number)
        if self._watches and level != INFO:
            self._watch(found, line, level, number)

    def end(self) -> None:
        """The file has no more."""

    def _head(self, line: bytes) -> tuple[bytes, int]:
        """A line's level, and where its message begins; -1 where the old index did not have it."""
        found = self._quick(line)
        if found:
            return found["level"] if self._kind.levelled else b"", found.end()
        dropped = self._kind.layout.dropped
        if dropped and dropped.match(line):
            return b"", -1
        level, _, at = head(line, self._kind)
        return level, -1 if level == DEBUG else at

    def _drops(self, line: bytes) -> bool:
        """Whether a line is of DEBUG, or belongs to one that is."""
        layout = self._kind.layout
        if layout.levelled:
            own = own_level(line)
            self._dropping = own == DEBUG or (self._dropping and not own)
        elif layout.starts is None or not self._dropping or layout.starts.match(line):
            level, _, _ = head(line, self._kind)
            self._dropping = level == DEBUG and layout.starts is not None
            return level == DEBUG
        return self._dropping

    def _new(self, text: str, line: bytes, at: int, level: bytes, number: int) -> tuple[_Kept, ...]:
        self._remembered += len(text) + 150
        if self._remembered > REMEMBERED:
            self._seen.clear()
            self._remembered = 0
        body = BODY.match(line, at) is not None
        public = _public(line, at)
        pieces = (self._reducer.keep(self._label, self._path, level, piece, body, shown, number)
                  for piece, shown in (_cut(text, line, at) if public is None else _cut_public(public, at)))
        found = self._seen[text] = tuple(filter(None, pieces))
        return found

    def _watch(self, found: tuple[_Kept, ...], line: bytes, level: bytes, number: int) -> None:
        """Whether a line was said while a failed test ran, or speaks of what one speaks of."""
        if not found:
            return
        if not found[0].near:
            at = moment(line)
            if at is None and number <= self._until:
                at = moment(self._headed)
            if at is not None and self._reducer.near[at]:
                for kept in found:
                    kept.near = True
        loud = level in LOUD and not found[0].template.body and self._told < STORY
        if (loud or not found[0].linked) and not self._reducer.ids.isdisjoint(UUID.findall(line)):
            for kept in found:
                kept.linked = True
            if loud:
                self._told += 1
                self._reducer.tell(StoryLine(
                    moment(line), self._path, number, excerpt(line.decode(errors="replace"))))


class _Console(_File):
    """The console of a failed build: what it tells of the tests is known when it has passed by."""

    def __init__(self, reducer: Reducer, path: str) -> None:
        super().__init__(reducer, path)
        self._watches = True
        self._listener = Listener()
        self._times: defaultdict[int, list[int]] = defaultdict(list)
        self._kept: dict[int, _Kept] = {}

    def _watch(self, found: tuple[_Kept, ...], line: bytes, level: bytes, number: int) -> None:  # noqa: ARG002
        at = moment(line)
        self._listener.line(line, at)
        for kept in found:
            times = self._times[kept.template.key]
            if at is not None and len(times) < TIMES:
                times.append(at)
                self._kept[kept.template.key] = kept

    def end(self) -> None:
        clues = self._listener.clues()
        self._reducer.heard(clues)
        for each, times in self._times.items():
            if any(self._reducer.near[at] for at in times):
                self._kept[each].near = True


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces that end where a line does; of a line that is too long its beginning."""
    rest = b""
    for block in blocks:
        for at in range(0, len(block), WINDOW):
            data = rest + block[at:at + WINDOW]
            end = data.rfind(b"\n") + 1
            if end:
                yield data[:end]
            rest = data[end:end + LINE + 1]
    if rest:
        yield rest


def _ended(numbered: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The same lines, cut where else a line ended in the old index."""
    for number, line in numbered:
        for part in ENDS.split(line.removesuffix(b"\r")):
            yield number, part


def _public(line: bytes, at: int) -> bytes | None:
    """A line with an id in place of each credential in its message, of which the mask makes no word; None where it has
    none."""
    message = line[at:].decode(errors="replace")
    public = hidden(message, AN_ID.decode())
    return None if public == message else line[:at] + public.encode()


def _cut_public(public: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    for piece, shown in _cut(rough(public[at:]), public, at):
        yield piece, shown.replace(AN_ID, MASK.encode())


def _cut(text: str, line: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    """The pieces of a line's rough text, settled, each with what to show of the line."""
    words = list(settling(text.split()))
    kept = list(filter(None, words))
    if len(kept) <= WORDS:
        if kept and kept != [VARIED]:
            yield " ".join(kept), line
        return
    parts = line[at:].split()
    before = list(accumulate(map(bool, words), initial=0))
    begins = [before[end] for end in accumulate((len(rough(part).split()) for part in parts), initial=0)]
    for start in range(0, len(kept) - OVERLAP, WORDS - OVERLAP)[:PIECES]:
        first = bisect_right(begins, start) - 1
        yield " ".join(kept[start:start + WORDS]), line[:at] + b" ".join(parts[first:first + WORDS])
