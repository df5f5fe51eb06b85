"""Keeps the rules of folders and files up to date. Applies no rule.

Only changed files are read again. A broken file keeps its last good rule. This, mistakes and doubts are logged once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core import limits
from ..core.decide import EVERY_CHANNEL, unheard
from ..core.rules import Rule
from ..core.text.inert import inert
from ..core.text.names import few
from .reader import Mistake, Place, load
from .rulefile import RuleFile, parse_rule

if TYPE_CHECKING:
    from ..fingerprints.query import Query

SUFFIXES = (".yaml", ".yml")
USUAL = "queries"
"""The folder that holds a project's rules."""

SHOWN = 3
"""Of the names in a folder without rules, how many are shown."""

Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, inode: they show that a file was written or replaced."""


@dataclass(frozen=True)
class _Entry:
    """A file as last read, with its last good rule. ``given`` is the path that led to it; ``stamp`` is None for a
    broken link."""

    given: str
    path: Path
    stamp: Stamp | None
    file: RuleFile


class RuleBook:
    """The rules of files, and of folders without their subfolders, read at first and by each ``refresh``.

    ``rules``, ``queries``, ``mistakes`` and ``doubts`` are each replaced as a whole, so that other threads may read
    them at any time. One thread calls ``refresh``. Without ``parse_queries`` the plain install is enough.
    """

    rules: tuple[Rule, ...] = ()
    """The good ones, and the last good ones of broken files, in the order of the paths, then of file names."""

    queries: Mapping[str, Query] = {}
    """What the rules' queries ask, by the rule's name."""

    mistakes: tuple[Mistake, ...] = ()
    """In the same order."""

    doubts: tuple[Mistake, ...] = ()
    """What in the queries of ``rules`` their writers may not have meant, in the same order."""

    def __init__(self, *paths: Path | str, log: logging.Logger | None = None, parse_queries: bool = True) -> None:
        self.paths = tuple(str(Path(path)) if path else "" for path in paths)  # Path("") would be the current folder
        self.log = log
        self._parse_queries = parse_queries
        self._entries: dict[str, _Entry] | None = None
        self._empty: list[str] = []
        self.refresh()

    def refresh(self) -> None:
        """Read what changed. Never raises for a file or a folder."""
        known, entries, lost = self._entries or {}, {}, []
        self._empty = []
        for given in self.paths:
            try:
                found = {os.path.abspath(path): self._entry(given, path, stamp) for path, stamp in _stamps(given)}
            except OSError as error:  # its rules stay: the folder may come back (a checkout, a mount)
                found = {key: entry for key, entry in known.items() if entry.given == given}
                lost.append(Mistake(Place(given, 0, 0), _why_unread(error)))
            else:
                self._empty += [given] * (not found)
            entries.update(found)
        for key in known.keys() - entries.keys():
            self._tell(known[key].path, "removed, with its rule")
        self._entries = entries
        files, conflicts = _joined(entries.values())
        self._publish(files, [*lost, *(mistake for each in entries.values() for mistake in each.file.mistakes),
                              *conflicts])

    def file_of(self, rule: Rule) -> RuleFile:
        """The file of one of ``rules``."""
        return self._entry_of(rule).file

    def unheard(self, channels: Collection[str]) -> list[str]:
        """A warning for each channel that a rule tells and that is not among the configured ``channels``."""
        return [inert(f"{self._entry_of(rule).path}: rule {rule.name} tells {what}, and 'irc.channels' in the "
                      f"configuration names {'none: name one' if what == EVERY_CHANNEL else 'no such channel: name it'}"
                      " there, or change 'report' in the rule", limits.MISTAKE)
                for rule, what in unheard(self.rules, channels)]

    def empty(self) -> tuple[Mistake, ...]:
        """A mistake for each folder without rules, good or broken, that says what the folder has instead."""
        return tuple(Mistake(Place(path, 0, 0), _instead(path)) for path in self._empty)

    def _entry_of(self, rule: Rule) -> _Entry:
        return next(entry for entry in (self._entries or {}).values() if entry.file.rule is rule)

    def _entry(self, given: str, path: Path, stamp: Stamp | None) -> _Entry:
        known = (self._entries or {}).get(os.path.abspath(path))
        if known and known.stamp == stamp:
            return known
        file = parse_rule(load(path), self._parse_queries)
        if known is None:
            if self._entries is not None:
                self._tell(path, "added" if file.rule else "added, but broken: it gives no rule")
        elif file.rule is None and known.file.rule:
            file = replace(known.file, mistakes=file.mistakes, bug=file.bug, bug_at=file.bug_at)
            if self.log:
                self.log.warning("%s", Mistake(Place(str(path), 0, 0), "broken; the last good version stays in force"))
        elif file.rule and known.file.mistakes:
            self._tell(path, "mended")
        elif file.rule != known.file.rule:
            self._tell(path, "changed")
        return _Entry(given, path, stamp, file)

    def _tell(self, path: Path, what: str) -> None:
        if self.log:
            self.log.info("%s", inert(f"{path}: {what}", limits.MISTAKE))

    def _publish(self, files: Sequence[RuleFile], mistakes: Sequence[Mistake]) -> None:
        """Log the new mistakes and doubts."""
        doubts = tuple(doubt for file in files for doubt in file.doubts)
        told = {*self.mistakes, *self.doubts}
        for each in (*mistakes, *doubts):
            if self.log and each not in told:
                self.log.warning("%s", each)
        self.queries = {file.rule.name: file.query for file in files if file.rule and file.query}
        self.rules = tuple(file.rule for file in files if file.rule)
        self.mistakes, self.doubts = tuple(mistakes), doubts


def _stamps(given: str) -> Iterator[tuple[Path, Stamp | None]]:
    """The files of a path, with their stamps; raises OSError where it is a folder that cannot be read."""
    for path in _files(given):
        try:
            status = os.stat(path)
            yield path, (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:  # reading it will report this
            yield path, None


def _files(given: str) -> list[Path]:
    """A file that is named as a rule, or all of a folder."""
    if given.endswith(SUFFIXES) and not os.path.isdir(given):
        return [Path(given)]
    return [Path(given, name) for name in sorted(os.listdir(given))
            if name.endswith(SUFFIXES) and not name.startswith(".")]


def _why_unread(error: OSError) -> str:
    if isinstance(error, NotADirectoryError):
        return "no folder, and no rule: a rule is named NAME.yaml or NAME.yml"
    return "no such folder" if isinstance(error, FileNotFoundError) else f"the folder of rules: {error.strerror}"


def _instead(path: str) -> str:
    """What a folder without rules has."""
    names = sorted(name for name in os.listdir(path) if not name.startswith("."))
    if not names:
        return "no rule in this folder: it is empty"
    usual = os.path.join(path, USUAL)
    meant = f"; did you mean {usual}?" if os.path.isdir(usual) else ""
    return f"no rule in this folder, but {few(names, SHOWN)}; a rule is named NAME.yaml or NAME.yml{meant}"


def _joined(entries: Iterable[_Entry]) -> tuple[list[RuleFile], list[Mistake]]:
    """The files that give rules, without those whose name an earlier file has, and mistakes; two files for one bug are
    one, too."""
    files: list[RuleFile] = []
    mistakes: list[Mistake] = []
    names: dict[str, Path] = {}
    bugs: dict[str, Path] = {}
    for entry in entries:
        rule, bug = entry.file.rule, entry.file.bug
        if rule and (first := names.setdefault(rule.name, entry.path)) != entry.path:
            mistakes.append(Mistake(Place(str(entry.path), 0, 0), f"a rule of this name is in {first} already"))
            continue
        if rule:
            files.append(entry.file)
        if bug and (first := bugs.setdefault(bug, entry.path)) != entry.path:
            mistakes.append(Mistake(entry.file.bug_at, f"bug {bug} has a rule in {first} already"))
    return files, mistakes
