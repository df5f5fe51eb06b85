"""Finds many phrases in bytes at once: hyperscan where it is installed for this machine, google-re2 otherwise.

Both find too much rather than too little: words inside longer words, and phrases across records.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import re2

from .words import LONGEST

try:
    import hyperscan
except ImportError:  # no wheel for this machine
    hyperscan = None  # type: ignore[assignment]

BETWEEN = "[^A-Za-z0-9]+"
"""What may stand between two words: also what is no word to the analyser, such as ``__``, and line ends."""

Found = list[tuple[int, int]]
"""Where phrases end, and the phrase's number; in the order of the former."""


class Engine(ABC):
    """Phrases of lower-case ASCII words, compiled once, for many threads. ``block``: bytes that it likes at once."""

    block = 256 << 10

    @abstractmethod
    def __init__(self, phrases: Sequence[tuple[str, ...]]) -> None: ...

    @abstractmethod
    def find(self, data: bytes, end: int) -> Found:
        """Where phrases end in ``data[:end]``. Of places that overlap the first will do: it ends in the same record as
        the others that do not reach into a further one."""


class Hyperscan(Engine):
    """Vectorscan's engine: all phrases in one pass, with the places."""

    def __init__(self, phrases: Sequence[tuple[str, ...]]) -> None:
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(expressions=[pattern(phrase).encode() for phrase in phrases],
                               ids=list(range(len(phrases))), elements=len(phrases), flags=hyperscan.HS_FLAG_CASELESS)

    def find(self, data: bytes, end: int) -> Found:
        found: Found = []

        def add(number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            found.append((end, number))

        self._database.scan(memoryview(data)[:end], add,  # type: ignore[type-var]  # any buffer will do
                            scratch=self._database.scratch.clone())
        return found


class Re2(Engine):
    """RE2's set tells which phrases a small block holds; only these are looked for in it."""

    block = 1 << 15

    def __init__(self, phrases: Sequence[tuple[str, ...]]) -> None:
        options = re2.Options()
        options.encoding, options.case_sensitive = re2.Options.Encoding.LATIN1, False  # any bytes
        patterns = [pattern(phrase).encode() for phrase in phrases]
        self._each = [re2.compile(each, options) for each in patterns]
        self._all = re2.Set.SearchSet(options)
        for each in patterns:
            self._all.Add(each)
        self._all.Compile()

    def find(self, data: bytes, end: int) -> Found:
        data = data[:end]
        return sorted((match.end(), number) for number in self._all.Match(data) or ()
                      for match in self._each[number].finditer(data))


def pattern(phrase: Sequence[str]) -> str:
    """A phrase as a regular expression that both engines read."""
    return "".join(re.escape(word) + (BETWEEN.replace("+", "*") if len(word) == LONGEST else BETWEEN)
                   for word in phrase[:-1]) + re.escape(phrase[-1])


def engine(phrases: Sequence[tuple[str, ...]]) -> Engine:
    """The best engine that there is."""
    return Hyperscan(phrases) if hyperscan else Re2(phrases)
