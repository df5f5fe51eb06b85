"""What is kept of a build's log lines: each kind of line once, with everything that varies masked. Reads nothing."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Words = tuple[str | None, ...]
"""The words of a line as the old index had them; None stands for what varies: ids, addresses, numbers."""


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of line in a file.

    ``key`` is a hash of ``file`` and ``words``, at least 0 and below 2 ** 63. ``file`` is the path under the log root
    without the node's folder, so that a service on two nodes is one file. ``level`` is "" where a line has none.
    ``body``: it frames a message, as a traceback's frames and a test runner's own lines do, and tells nothing alone.
    ``text`` is the first such line that was seen, cut, without credentials; ``excerpt`` makes it fit to be shown.
    """

    key: int
    file: str
    level: str
    words: Words
    body: bool = False
    text: str = ""


@dataclass(frozen=True)
class StoryLine:
    """A warning or an error that carries an id of a failed test's; ``at`` is its second of the day, None where it has
    no time."""

    at: int | None
    file: str
    number: int
    text: str


@dataclass(frozen=True)
class Lines:
    """The lines of one build.

    ``keys`` are those of its templates, sorted. Of a failed build: ``near`` are the keys of lines that were said while
    a failed test ran, ``linked`` of those that carry an id of which a failed test speaks; ``share`` is the part of the
    build's time in which a failed test ran, None where that is not known. ``numbers`` are the first line's by key, from
    1, for lines that passing builds may not have, and ``paths`` are their files' under the log root. ``texts`` are the
    most telling lines as this build has them, fit to be shown; only the ledger tells them. ``sources`` are source files
    that tracebacks of the failure name. ``left_out`` counts templates beyond the cap, and ``unread`` gives files that
    were not read whole, with the reason.
    """

    keys: array[int]
    near: frozenset[int] = frozenset()
    linked: frozenset[int] = frozenset()
    share: float | None = None
    numbers: Mapping[int, int] = field(default_factory=dict)
    story: tuple[StoryLine, ...] = ()
    sources: tuple[str, ...] = ()
    left_out: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[int, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reduction:
    """A build's log, reduced: its lines and their templates by key.

    ``telling`` are the keys of its unusual lines, the most telling first: those that passing builds do not have.
    """

    lines: Lines
    templates: Mapping[int, Template]
    telling: Sequence[int] = ()
