"""Keeps the rules of a folder up to date. Applies no rule.

Only changed files are read again. A broken file keeps its last good rule, which is logged once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core import limits
from ..core.decide import EVERY_CHANNEL, unheard
from ..core.rules import Rule
from ..core.text.inert import inert
from .reader import Mistake, Place, load
from .rulefile import RuleFile, parse_rule

SUFFIXES = (".yaml", ".yml")
Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, inode: they show that a file was written or replaced."""


@dataclass(frozen=True)
class _Entry:
    """A file as last read, with its last good rule. ``stamp`` is None for a broken link."""

    path: Path
    stamp: Stamp | None
    file: RuleFile


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
        self._entries: dict[str, _Entry] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what changed. Never raises for a file or the folder."""
        try:
            stamps = dict(_stamps(self._name))
        except OSError as error:  # the rules stay: the folder may come back (a checkout, a mount)
            self._publish([Mistake(Place(self._name), f"the folder of rules cannot be read: {error.strerror}")])
            return
        for name in sorted(self._entries.keys() - stamps.keys()):
            if self.log:
                self.log.info("%s", inert(f"{self.folder / name}: removed, with its rule", limits.MISTAKE))
        self._entries = {name: self._entry(name, stamp) for name, stamp in stamps.items()}
        rules, conflicts = _joined(self._entries.values())
        self.rules = tuple(rules)
        self._publish([*(mistake for each in self._entries.values() for mistake in each.file.mistakes), *conflicts])

    def path_of(self, rule: Rule) -> Path:
        """The file of one of ``rules``."""
        return next(entry.path for entry in self._entries.values() if entry.file.rule is rule)

    def unheard(self, channels: Collection[str]) -> list[str]:
        """A warning for each rule and channel that it tells, and that is not among the configured ``channels``."""
        return [inert(f"{self.path_of(rule)}: rule {rule.name} tells {what}, and 'irc.channels' in the configuration "
                      f"names {'none' if what == EVERY_CHANNEL else 'no such channel'}: name it there, or change "
                      "'report' in the rule", limits.MISTAKE)
                for rule, what in unheard(self.rules, channels)]

    def _entry(self, name: str, stamp: Stamp | None) -> _Entry:
        known = self._entries.get(name)
        if known and known.stamp == stamp:
            return known
        path = self.folder / name
        file = parse_rule(load(path))
        if file.rule is None and known and known.file.rule:
            file = replace(file, rule=known.file.rule)
            if self.log:
                self.log.warning("%s", Mistake(Place(str(path)), "broken; the last good version stays in force"))
        return _Entry(path, stamp, file)

    def _publish(self, mistakes: Sequence[Mistake]) -> None:
        """Log the new ones."""
        for mistake in mistakes:
            if self.log and mistake not in self.mistakes:
                self.log.warning("%s", mistake)
        self.mistakes = tuple(mistakes)


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


def _joined(entries: Iterable[_Entry]) -> tuple[list[Rule], list[Mistake]]:
    """The rules, without those whose name an earlier file has, and mistakes; two files for one bug are one, too."""
    rules: list[Rule] = []
    mistakes: list[Mistake] = []
    names: dict[str, Path] = {}
    bugs: dict[str, Path] = {}
    for entry in entries:
        rule, bug = entry.file.rule, entry.file.bug
        if rule and (first := names.setdefault(rule.name, entry.path)) != entry.path:
            mistakes.append(Mistake(Place(str(entry.path)), f"a rule of this name is in {first} already"))
            continue
        if rule:
            rules.append(rule)
        if bug and (first := bugs.setdefault(bug, entry.path)) != entry.path:
            mistakes.append(Mistake(entry.file.bug_at, f"bug {bug} has a rule in {first} already"))
    return rules, mistakes
