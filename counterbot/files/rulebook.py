"""A folder of rule files, kept up to date. Applies no rule.

Only what changed is read again. A file that is broken keeps its last good rule, and says so once.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..core import limits
from ..core.rules import Rule
from ..core.text.inert import inert
from .reader import Document, Mistake, Place, load
from .rulefile import RuleFile, parse_rule

SUFFIXES = (".yaml", ".yml")
Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, inode: what tells that a file was written or replaced."""

NO_FILE: Stamp = (0, 0, 0)
"""Of a link to nothing, of a folder, and of a pipe, which to open would wait for ever."""


@dataclass(frozen=True)
class _Entry:
    """A file as last read. ``rule`` is its last good one, if it ever had one."""

    path: Path
    stamp: Stamp
    file: RuleFile
    rule: Rule | None


class RuleBook:
    """The rules of a folder (not of folders in it), read when made and whenever ``refresh`` is called.

    ``rules`` and ``mistakes`` are replaced as a whole, so that other threads may read them at any time.
    One thread calls ``refresh``.
    """

    rules: tuple[Rule, ...] = ()
    """The good ones, and the last good ones of broken files, in the order of file names."""

    mistakes: tuple[Mistake, ...] = ()
    """All there are now, in the files' order."""

    def __init__(self, folder: Path | str, log: logging.Logger | None = None) -> None:
        self.folder = Path(folder)
        self._name = str(self.folder) if folder else ""  # an empty name is nowhere; Path makes it the current folder
        self.log = log
        self._entries: Mapping[str, _Entry] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read what changed; whether anything did. Never raises for what is, or is not, in the folder."""
        before = self._entries, self.mistakes
        try:
            stamps = dict(_stamps(self._name))
        except OSError as error:
            self._lost(error)
        else:
            self._entries = {name: self._entry(name, stamp) for name, stamp in stamps.items()}
            self._tell_removed(before[0].keys() - self._entries.keys())
            self._publish()
        return before != (self._entries, self.mistakes)

    @property
    def contradictions(self) -> tuple[Mistake, ...]:
        """Cases that their rules do not hold, in the files' order."""
        return tuple(mistake for _, entry in sorted(self._entries.items()) for mistake in entry.file.contradictions)

    def path_of(self, rule: Rule) -> Path:
        """The file of one of ``rules``."""
        return next(entry.path for entry in self._entries.values() if entry.rule is rule)

    def _entry(self, name: str, stamp: Stamp) -> _Entry:
        known = self._entries.get(name)
        if known and known.stamp == stamp:
            return known
        path = self.folder / name
        file = parse_rule(_no_file(path) if stamp == NO_FILE else load(path))
        self._warn(file.mistakes)
        if file.rule is None and known and known.rule:
            self._warn([Mistake(Place(str(path)), "the last good version stays in force")])
        return _Entry(path, stamp, file, file.rule or (known.rule if known else None))

    def _publish(self) -> None:
        entries = [entry for _, entry in sorted(self._entries.items())]
        entries, between = _settle(entries)
        self._warn(mistake for mistake in between if mistake not in self.mistakes)
        self.mistakes = (*(mistake for entry in entries for mistake in entry.file.mistakes), *between)
        self.rules = tuple(entry.rule for entry in entries if entry.rule)

    def _lost(self, error: OSError) -> None:
        """The folder is not there: the rules stay, for it may be on its way back (a checkout, a mount)."""
        mistake = Mistake(Place(self._name), f"the folder of rules cannot be read: {error.strerror}")
        if self.mistakes != (mistake,):
            self._warn([mistake])
            self.mistakes = (mistake,)

    def _tell_removed(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            if self.log:
                self.log.info("%s", inert(f"{self.folder / name}: removed, and its rule with it", limits.MISTAKE))

    def _warn(self, mistakes: Iterable[Mistake]) -> None:
        for mistake in mistakes:
            if self.log:
                self.log.warning("%s", mistake)


def load_all(folder: Path | str) -> tuple[tuple[Rule, ...], tuple[Mistake, ...]]:
    """The good rules of a folder, and the mistakes of the others."""
    book = RuleBook(folder)
    return book.rules, book.mistakes


def _stamps(folder: str) -> Iterator[tuple[str, Stamp]]:
    """Every rule file with its stamp, also what is named as one and cannot be read."""
    for name in sorted(os.listdir(folder)):
        if not name.endswith(SUFFIXES) or name.startswith("."):
            continue
        try:
            status = os.stat(os.path.join(folder, name))
        except OSError:
            if os.path.islink(os.path.join(folder, name)):  # else it is gone meanwhile
                yield name, NO_FILE
            continue
        regular = stat.S_ISREG(status.st_mode)
        yield name, (status.st_mtime_ns, status.st_size, status.st_ino) if regular else NO_FILE


def _no_file(path: Path) -> Document:
    return Document(str(path), None, (Mistake(Place(str(path)), "is no file; remove it, or let it point to one"),))


def _settle(entries: list[_Entry]) -> tuple[list[_Entry], list[Mistake]]:
    """What files say only of one another: a rule's name belongs to the first; a bug should have one file."""
    between: list[Mistake] = []
    names: dict[str, _Entry] = {}
    bugs: dict[str, _Entry] = {}
    kept = []
    for entry in entries:
        if entry.rule and (first := names.setdefault(entry.rule.name, entry)) is not entry:
            between.append(Mistake(Place(str(entry.path)), f"a rule of this name is in {first.path} already"))
            kept.append(replace(entry, rule=None))
            continue
        kept.append(entry)
        if entry.file.bug and (first := bugs.setdefault(entry.file.bug, entry)) is not entry:
            between.append(Mistake(entry.file.bug_at, f"bug {entry.file.bug} has a rule in {first.path} already"))
    return kept, between
