"""Keeps the rules of a folder up to date. Applies no rule.

Only changed files are read again. A broken file keeps its last good rule, which is logged once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..core import limits
from ..core.rules import Rule
from ..core.text.inert import inert
from .reader import Mistake, Place, load
from .rulefile import RuleFile, parse_rule

SUFFIXES = (".yaml", ".yml")
Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, inode: they show that a file was written or replaced."""


@dataclass(frozen=True)
class _Entry:
    """A file as last read. ``stamp`` is None for a broken link; ``rule`` is its last good one, if there was any."""

    path: Path
    stamp: Stamp | None
    file: RuleFile
    rule: Rule | None


class RuleBook:
    """The rules of a folder, without those in subfolders, read at first and by each ``refresh``.

    ``rules`` and ``mistakes`` are replaced as a whole, so that other threads may read them at any time.
    One thread calls ``refresh``.
    """

    rules: tuple[Rule, ...] = ()
    """The good ones, and the last good ones of broken files, in the order of file names."""

    mistakes: tuple[Mistake, ...] = ()
    """In the order of file names."""

    def __init__(self, folder: Path | str, log: logging.Logger | None = None) -> None:
        self.folder = Path(folder)
        self._name = str(self.folder) if folder else ""  # Path("") would be the current folder
        self.log = log
        self._entries: Mapping[str, _Entry] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read what changed; whether anything did. Never raises for a file or the folder."""
        before = self._entries, self.mistakes
        try:
            stamps = dict(_stamps(self._name))
        except OSError as error:
            self._keep(error)
        else:
            self._entries = {name: self._entry(name, stamp) for name, stamp in stamps.items()}
            self._log_removed(before[0].keys() - self._entries.keys())
            self._publish()
        return before != (self._entries, self.mistakes)

    def path_of(self, rule: Rule) -> Path:
        """The file of one of ``rules``."""
        return next(entry.path for entry in self._entries.values() if entry.rule is rule)

    def _entry(self, name: str, stamp: Stamp | None) -> _Entry:
        known = self._entries.get(name)
        if known and known.stamp == stamp:
            return known
        path = self.folder / name
        file = parse_rule(load(path))
        self._warn(file.mistakes)
        if file.rule is None and known and known.rule:
            self._warn([Mistake(Place(str(path)), "the last good version stays in force")])
        return _Entry(path, stamp, file, file.rule or (known.rule if known else None))

    def _publish(self) -> None:
        entries = [entry for _, entry in sorted(self._entries.items())]
        entries, between = _without_conflicts(entries)
        self._warn(mistake for mistake in between if mistake not in self.mistakes)
        self.mistakes = (*(mistake for entry in entries for mistake in entry.file.mistakes), *between)
        self.rules = tuple(entry.rule for entry in entries if entry.rule)

    def _keep(self, error: OSError) -> None:
        """Keep the rules of a folder that cannot be read: it may come back (a checkout, a mount)."""
        mistake = Mistake(Place(self._name), f"the folder of rules cannot be read: {error.strerror}")
        if self.mistakes != (mistake,):
            self._warn([mistake])
            self.mistakes = (mistake,)

    def _log_removed(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            if self.log:
                self.log.info("%s", inert(f"{self.folder / name}: removed, with its rule", limits.MISTAKE))

    def _warn(self, mistakes: Iterable[Mistake]) -> None:
        for mistake in mistakes:
            if self.log:
                self.log.warning("%s", mistake)


def _stamps(folder: str) -> Iterator[tuple[str, Stamp | None]]:
    """Every file that is named as a rule, with its stamp; raises OSError where the folder cannot be read."""
    for name in sorted(os.listdir(folder)):
        if not name.endswith(SUFFIXES) or name.startswith("."):
            continue
        try:
            status = os.stat(os.path.join(folder, name))
            yield name, (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:  # reading it will report this
            yield name, None


def _without_conflicts(entries: list[_Entry]) -> tuple[list[_Entry], list[Mistake]]:
    """The entries, without rules whose name an earlier file has, and mistakes; two files for one bug are one, too."""
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
