"""Suggests the rule that would recognise some failures: those of a group of the ledger's, or of builds in folders.

Changes nothing: whoever asks puts the rule where the bot reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..builds.failure import inventory_of
from ..builds.folder import Folder
from ..builds.inventory import INVENTORY
from ..builds.templates import reduced
from ..core.lines import Lines, Template
from ..core.model import Unreadable
from ..core.text.figures import counted
from ..files.suggested_rule import Proposal, rule_text
from ..fingerprints.unknown.corpus import Corpus
from ..fingerprints.unknown.suggest import Evidence, Suggestion, suggested
from ..fingerprints.words import words
from ..ledger import Ledger
from ..ledger.work import Run

PASSING, PASSING_ELSEWHERE, OTHER = 100, 5, 300
"""Passing builds of each job of the group, of each other job, and other failures, that a query is held against."""

FEW = 20
"""Passing builds, below which is said that more would tell more."""

FAILED = re.compile(r"([\w.]+\.)?(?P<cls>\w+)\.(?P<test>\w+)\S* \[[0-9.]+s\] \.\.\. FAILED")
"""How a test runner tells of a failed test."""


@dataclass(frozen=True)
class Build:
    """What is known of a build: ``change`` is anything that no other change is; ``job`` and ``branch`` may be ""."""

    change: object
    job: str
    branch: str
    lines: Lines


@dataclass
class Builds:
    """Builds that failed alike, that passed, and that failed by something else, with the templates of all of them.

    ``of`` says what the first are. ``notes`` tell what could not be read, and what else is to be known.
    """

    of: str
    failed: list[Build] = field(default_factory=list)
    passing: list[Build] = field(default_factory=list)
    other: list[Build] = field(default_factory=list)
    templates: dict[int, Template] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """``text`` is the rule's file, "" where there is none to suggest; ``where`` is the job that it is for, or ""."""

    suggestion: Suggestion
    text: str
    where: str
    notes: Sequence[str]


def suggest(builds: Builds) -> Outcome:
    """The rule that recognises builds that failed alike."""
    everything = [*builds.failed, *builds.passing, *builds.other]
    corpus = Corpus(builds.templates, [build.lines for build in everything])
    passing, other = len(builds.failed), len(builds.failed) + len(builds.passing)
    suggestion = suggested(corpus, Evidence(
        range(passing), range(passing, other), range(other, len(everything)),
        [build.change for build in builds.failed], frozenset(_names(builds.failed, builds.templates))))
    notes = list(builds.notes)
    if 0 < len(builds.passing) < FEW:
        notes.append(f"only {counted(len(builds.passing), 'passing build')}: {FEW} and more tell better what is usual")
    if suggestion.rule is None:
        return Outcome(suggestion, "", "", notes)
    where = _job(builds)
    text = rule_text(Proposal(suggestion.rule, builds.of, where, suggestion.unlike))
    return Outcome(suggestion, text, where, notes)


def _job(builds: Builds) -> str:
    """That of all the failed builds, if builds of others are known that do not show it."""
    jobs = {build.job for build in builds.failed}
    known = {build.job for build in (*builds.passing, *builds.other)} - jobs - {""}
    return jobs.pop() if len(jobs) == 1 and known else ""


def _names(failed: Iterable[Build], templates: Mapping[int, Template]) -> Iterator[str]:
    """Words that belong to changes: their branches, and the classes and names of tests that failed."""
    for build in failed:
        yield from words(build.branch)
        for key in build.lines.keys:
            template = templates.get(key)
            if template and template.body and (found := FAILED.search(template.text)):
                yield from (found["cls"].lower(), found["test"].lower())


# From folders.


def in_folders(failed: Sequence[str], passed: Sequence[str], other: Sequence[str],
               told: Callable[[str], None] = lambda _: None) -> Builds:
    """Builds in folders laid out as under their log roots; ``told`` hears which is read.

    A build's change is that of its inventory; a folder without one is a change of its own. Raises Unreadable where one
    is no folder, or is given as two things.
    """
    found = Builds(f"{len(failed):,} builds in folders")
    seen: dict[Path, str] = {}
    read: set[Path] = set()
    for option, paths, builds in (("--failed", failed, found.failed), ("--passed", passed, found.passing),
                                  ("--other", other, found.other)):
        for path in paths:
            told(path)
            where = Path(path).resolve()
            if seen.setdefault(where, option) != option:
                raise Unreadable(f"{path}: given as {seen[where]} and as {option}; a build is one of them")
            if where in read:
                found.notes.append(f"{path}: given twice, and counted once")
                continue
            read.add(where)
            build = _in_folder(path, option != "--passed", found)
            if build:
                builds.append(build)
    return found


def _in_folder(path: str, failed: bool, found: Builds) -> Build | None:
    files = Folder(Path(path))
    reduction, facts = reduced(files, failed), _facts(path, files, found)
    found.notes += (f"not read: {path}/{name}: {why}" for name, why in reduction.lines.unread.items())
    if not reduction.lines.keys:
        found.notes.append(f"{path}: no log was found in it, so it does not count")
        return None
    for key, template in reduction.templates.items():
        found.templates.setdefault(key, template)
    change = facts.get("build_change")
    return Build((facts.get("project"), change) if change else Path(path).resolve(), facts.get("build_name", ""),
                 facts.get("build_branch", ""), reduction.lines)


def _facts(path: str, files: Folder, found: Builds) -> Mapping[str, str]:
    """What the build's inventory tells of it."""
    try:
        return inventory_of(files)
    except Unreadable as error:
        found.notes.append(f"not read: {path}/{INVENTORY}: {error}")
        return {}


# From the ledger.


def of_group(ledger: Ledger, rules: Collection[str], days: int, group: int,
             told: Callable[[str], None] = lambda _: None) -> Builds | None:
    """The builds of a group among the failures of the last days in which none of some rules was found; None where
    there is no such group.

    What they are held against: the newest passing builds of their jobs, a few of each other job, and other failures,
    explained ones too.
    """
    groups = ledger.failures.groups()
    runs = {run.run: run for run in ledger.failures.unexplained(days, rules) if groups.get(run.run) == group}
    if not runs:
        return None
    found = Builds(f"group {group}")
    told("its failed builds")
    lines = dict(ledger.templates.lines(list(runs)))
    found.failed = [_of_run(run, lines[number]) for number, run in runs.items() if number in lines]
    if len(lines) < len(runs):
        found.notes.append(f"the logs of {len(runs) - len(lines):,} of {len(runs):,} builds were not read")
    told("passing builds")
    jobs = sorted({run.job for run in runs.values()})
    for job in jobs:
        found.passing += (_of_run(*each) for each in ledger.templates.passing(job, PASSING))
    found.passing += (_of_run(run, each) for run, each in ledger.templates.passing(None, PASSING_ELSEWHERE)
                      if run.job not in jobs)
    told("other failures")
    others = ((run, each) for run, each in ledger.templates.failed(days) if run.run not in runs)
    found.other = [_of_run(*each) for each in islice(others, OTHER)]
    told("what their lines say")
    found.templates = ledger.templates.dictionary(
        {key for build in (*found.failed, *found.passing, *found.other) for key in build.lines.keys})
    return found


def _of_run(run: Run, lines: Lines) -> Build:
    return Build((run.project, run.change or run.branch), run.job, run.branch, lines)
