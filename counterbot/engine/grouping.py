"""Failures that no rule explains -> groups of alike ones, whose ids stay. Tells nobody.

Groups are for people: a group is no ground to tell a reviewer that a failure is not theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..core.lines import Lines, StoryLine, Template
from ..files.rulebook import RuleBook
from ..fingerprints.unknown.groups import Face, Failed, grouped, kept_ids, unusual
from ..fingerprints.unknown.sharing import Shared, shared
from ..fingerprints.unknown.telling import Baseline, telling
from ..ledger import Ledger
from ..ledger.work import FailedRun

EVERY = 300_000
"""Milliseconds between two groupings of a running bot."""

GROUPED = "failures grouped"
"""The name in the ledger of what was grouped the last time."""

TELLING = 10
"""Telling lines of a build that are shown."""


@dataclass(frozen=True)
class Group:
    """Failed builds that are alike, the newest first, and the lines that most of them share and passing builds do not
    have; no line where no passing build of their jobs is known."""

    id: int
    runs: tuple[FailedRun, ...]
    shared: tuple[Shared, ...] = ()

    @property
    def changes(self) -> int:
        """Distinct ones; all builds of a branch itself count as one."""
        return len({(run.project, run.change or run.branch) for run in self.runs})

    @property
    def jobs(self) -> Mapping[str, int]:
        """How many builds of each job."""
        return Counter(run.job for run in self.runs)

    @property
    def hours(self) -> float | None:
        """What its builds took; None where Zuul told that of none."""
        known = [run.seconds for run in self.runs if run.seconds is not None]
        return sum(known) / 3600 if known else None

    @property
    def since(self) -> int:
        """When the first of its builds ended, in epoch milliseconds."""
        return self.runs[-1].ended

    @property
    def last(self) -> int:
        return self.runs[0].ended


@dataclass(frozen=True)
class Shown:
    """A group with what its newest build shows: the first lines that the ``passing`` builds of its job do not have,
    each with its number in its file (None where that is not known), and the story of the failed test's ids.
    ``passing`` is None where its lines were not read."""

    group: Group
    passing: int | None = None
    telling: tuple[tuple[Template, int | None], ...] = ()
    story: tuple[StoryLine, ...] = ()


@dataclass(frozen=True)
class _Kept:
    """Of one job: what the failed builds show whose lines were read, by run, and with how many passing builds they were
    compared."""

    passing: int
    failed: dict[int, Failed]


class Grouper:
    """Groups the failures of the last ``days`` of which no rule in ``book`` was found.

    Two that share a ledger disturb each other little: both find the same groups, and of a new one the id that was
    noted last stays.
    """

    def __init__(self, ledger: Ledger, book: RuleBook, days: int) -> None:
        self._ledger, self._book, self._days = ledger, book, days
        self._kept: dict[str, _Kept] = {}
        self.now = ledger.now

    def step(self) -> bool:
        """Group anew where failures, lines or rules came since, but not too often; False where it did not."""
        saved = self._ledger.recall(GROUPED)
        if saved and 0 <= self._ledger.now() - saved[1] < EVERY:  # after another start the clock may be an earlier one
            return False
        runs = self._unexplained()
        which = self._identity(runs)
        # Before the work: another bot on this ledger need not do it, too. And after it: it may not come to its end.
        self._ledger.remember(GROUPED, which if saved and saved[0] == which else "")
        if saved and saved[0] == which:
            return False
        self._numbered(runs, self._failed(runs, lambda *_: None))
        self._ledger.remember(GROUPED, which)
        return True

    def group(self, told: Callable[[int, int], object] = lambda *_: None) -> list[Group]:
        """All groups, the largest by distinct changes first. ``told`` hears how many failures of how many are read."""
        runs = self._unexplained()
        failed = self._failed(runs, told)
        return self._groups(runs, failed, self._numbered(runs, failed))

    def show(self, number: int) -> Shown | None:
        """A group by its id; None where there is none."""
        ids = self._ledger.failures.groups()
        runs = [run for run in self._unexplained() if ids.get(run.run) == number]
        if not runs:
            return None
        failed = self._failed(runs, lambda *_: None)
        [group] = self._groups(runs, failed, dict.fromkeys((run.run for run in runs), number))
        return self._shown(group)

    def numbers(self) -> list[int]:
        """The ids of the groups that were noted and still have a failure that no rule explains."""
        ids = self._ledger.failures.groups()
        return sorted({ids[run.run] for run in self._unexplained() if run.run in ids})

    def _unexplained(self) -> list[FailedRun]:
        return self._ledger.failures.unexplained(self._days, list(self._book.queries))

    def _identity(self, runs: Sequence[FailedRun]) -> str:
        """Of the failures, and of how many builds the lines are known: those may come later."""
        known = [self._ledger.templates.count(), *sorted(run.run for run in runs)]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]

    def _numbered(self, runs: Sequence[FailedRun], failed: Mapping[int, Failed]) -> dict[int, int]:
        """The id of each run's group, which is noted."""
        numbers = dict(zip((run.run for run in runs), grouped([failed[run.run] for run in runs]), strict=True))
        ids = kept_ids(numbers, self._ledger.failures.groups())
        new = sorted(set(numbers.values()) - ids.keys())
        ids.update(zip(new, self._ledger.failures.new_group_ids(len(new)), strict=True))
        found = {run: ids[number] for run, number in numbers.items()}
        self._ledger.failures.save_groups(found)
        return found

    def _failed(self, runs: Sequence[FailedRun], told: Callable[[int, int], object]) -> dict[int, Failed]:
        """What each shows, by run; what was read before is not read again."""
        found: dict[int, Failed] = {}
        kept: dict[str, _Kept] = {}
        for job, mine in _by_job(runs).items():
            kept[job] = self._read_job(job, mine, lambda count: told(len(found) + count, len(runs)))
            found.update((run.run, kept[job].failed.get(run.run) or Failed(_face(run))) for run in mine)
        self._kept = kept
        return found

    def _read_job(self, job: str, runs: Sequence[FailedRun], told: Callable[[int], object]) -> _Kept:
        kept = self._kept.get(job) or _Kept(0, {})
        kept = _Kept(kept.passing, {run.run: kept.failed[run.run] for run in runs if run.run in kept.failed})
        if len(kept.failed) == len(runs):
            return kept
        baseline = self._baseline(job)
        if baseline.count >= 2 * kept.passing:  # so many more passing builds know better what is usual
            kept = _Kept(baseline.count, {})
        templates = {line.template.key: line.template for each in kept.failed.values() for line in each.lines}
        faces = {run.run: _face(run) for run in runs if run.run not in kept.failed}
        for run, said in self._ledger.templates.lines(list(faces)):
            rare = {key for key in said.keys if not baseline.usual(key)}
            templates.update(self._ledger.templates.dictionary(rare - templates.keys()))
            kept.failed[run] = Failed(faces[run], unusual(said, templates, baseline))
            told(len(kept.failed))
        return kept

    def _baseline(self, job: str) -> Baseline:
        builds = self._ledger.templates.baseline(job)
        return Baseline(builds, self._ledger.templates.dictionary({key for keys in builds for key in keys}))

    def _shown(self, group: Group) -> Shown:
        newest = group.runs[0]
        lines = dict(self._ledger.templates.lines([newest.run])).get(newest.run)
        if lines is None:
            return Shown(group)
        baseline = self._baseline(newest.job)
        if not baseline.count:
            return Shown(group, 0, story=lines.story)
        templates = self._ledger.templates.dictionary(lines.keys)
        best = telling(lines, templates, baseline)[:TELLING]
        told = tuple((_own(templates[each.key], lines), lines.numbers.get(each.key)) for each in best)
        return Shown(group, baseline.count, told, lines.story)

    def _groups(self, runs: Iterable[FailedRun], failed: Mapping[int, Failed], ids: Mapping[int, int]) -> list[Group]:
        """The largest by distinct changes first, then by builds, then the oldest id."""
        members: dict[int, list[FailedRun]] = defaultdict(list)
        for run in sorted(runs, key=lambda run: (-run.ended, -run.run)):
            members[ids[run.run]].append(run)
        found = [Group(number, tuple(mine), shared([failed[run.run].lines for run in mine if self._compared(run.job)]))
                 for number, mine in members.items()]
        return sorted(found, key=lambda group: (-group.changes, -len(group.runs), group.id))

    def _compared(self, job: str) -> bool:
        """Whether passing builds of a job tell which of its lines are unusual."""
        return job in self._kept and self._kept[job].passing > 0


def _own(line: Template, lines: Lines) -> Template:
    """A line as the build itself has it, and in which file, as far as that is kept."""
    return replace(line, file=lines.paths.get(line.key, line.file), text=lines.texts.get(line.key, line.text))


def _by_job(runs: Iterable[FailedRun]) -> dict[str, list[FailedRun]]:
    found = defaultdict(list)
    for run in runs:
        found[run.job].append(run)
    return found


def _face(run: FailedRun) -> Face:
    """The failed task of a job that runs tests is the same whatever fails, so the first test stands in its place. A
    build of which nothing at all is known but that it failed is like no other."""
    what = run.tests[0].name if run.tests else run.task
    return Face(run.result or "", run.phase, what or (run.uuid if run.result == "FAILURE" else ""))
