"""Holds rules against past builds by what the ledger keeps of their lines, and by their logs where that is not enough.

Posts nothing and keeps nothing.
"""

from __future__ import annotations

import logging
import time
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..builds.failure import FailureReader
from ..builds.inventory import NAMES
from ..clients.http import Http
from ..clients.zuul import TROUBLE, Zuul
from ..core.lines import Lines, Template
from ..core.model import Build, BuildFacts, BuildLink, Reading
from ..core.rules import Rule, fits, matches
from ..core.text.figures import number
from ..core.text.names import few
from ..files.rulebook import RuleBook
from ..fingerprints.fields import GZ, of_build
from ..fingerprints.query import Query
from ..fingerprints.scan import BINARY, Scanner
from ..fingerprints.templates.proving import Answer, Proof, Reduced
from ..fingerprints.templates.reading import wanted
from ..fingerprints.templates.vocabulary import Vocabulary
from ..ledger import Ledger
from ..ledger.work import Run

PASSING, OF_A_JOB, FAILED = 500, 100, 500
"""The newest builds that a rule is held against: those that passed, of them of one job, and those that failed."""

TOO_COMMON = 0.01
"""The part of passing builds of which a rule may match so many; more, and it does not tell why a build failed."""

DAY = 86_400.0
"""Seconds."""

Kept = tuple[Run, Reduced]

log = logging.getLogger("counterbot.proving")


@dataclass(frozen=True)
class Held:
    """Builds that a rule applies to: how many, which its query matches, and of which that is not known, newest first.

    ``unread`` tells by uuid why the logs of some of the latter could not be read.
    """

    builds: int
    matched: tuple[Run, ...] = ()
    open: tuple[Run, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Proven:
    """How a rule does on passing builds and on failed ones. ``unexplained`` counts failures that it matches and that
    no other rule explains; ``groups`` gives, by group, how many of its builds it matches, and how many it has."""

    passing: Held
    failed: Held
    unexplained: int = 0
    groups: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def since(self) -> int | None:
        """When the first of the failures ended that it matches, in epoch milliseconds."""
        return min((run.ended for run in self.failed.matched), default=None)

    @property
    def unread(self) -> Mapping[str, str]:
        return {**self.passing.unread, **self.failed.unread}

    @property
    def warning(self) -> str:
        """What is to be said of a rule that matches too many passing builds; "" of others."""
        return too_common(self.passing)


def too_common(passing: Held) -> str:
    """The warning on a rule that matches more than TOO_COMMON of the passing builds; "" where it does not."""
    if len(passing.matched) <= TOO_COMMON * passing.builds:
        return ""
    return (f"matches {number(len(passing.matched))} of {number(passing.builds)} builds that passed, more than"
            f" {TOO_COMMON:.0%}: it does not tell why a build failed; ask for words that passing builds do not have")


class Builds:
    """The builds of which the ledger keeps lines, as far as some rules apply to them; read once, for many rules."""

    def __init__(self, ledger: Ledger, rules: Sequence[Rule], days: int) -> None:
        """``days``: how far back failures are looked at; 0 for none."""
        jobs = [job for job in ledger.templates.jobs() if any(matches(rule.where.job, job) for rule in rules)]
        most = max(1, min(OF_A_JOB, PASSING // max(1, len(jobs))))
        passing = [kept for job in jobs for kept in ledger.templates.passing(job, most)]
        failed = list(ledger.templates.failed(days, FAILED)) if days else []
        known = ledger.templates.dictionary({key for _, lines in (*passing, *failed) for key in lines.keys})
        self._vocabulary = Vocabulary(known)
        self.passing, self.failed = ([(run, _reduced(run, lines, known)) for run, lines in sorted(
            found, key=lambda kept: -kept[0].ended)] for found in (passing, failed))

    def held(self, rule: Rule, query: Query, builds: Iterable[Kept]) -> Held:
        """Some of the builds, held against a rule. They are taken as if they had failed: only such are asked of a
        query, which is to tell by its words what passing builds do not show."""
        proof = Proof(query, self._vocabulary, NAMES, _is_read)
        answers = [(run, proof.answer(build)) for run, build in builds if fits(rule.where, _facts(run))]
        return Held(len(answers), tuple(run for run, answer in answers if answer is Answer.YES),
                    tuple(run for run, answer in answers if answer is Answer.MAYBE))


class Looker:
    """Looks into builds' logs, one after the other and at most so many. ``pages`` are the tenants'."""

    def __init__(self, zuul: Zuul, http: Http, pages: Sequence[str], most: int) -> None:
        self._zuul, self._reader, self._pages = zuul, FailureReader(http), pages
        self._left = most

    def looked(self, held: Held, name: str, query: Query, tell: Callable[[Run], object]) -> Held:
        """What is known when the logs of builds were read of which nothing was known; ``tell`` is told of each."""
        matched, still, unread = list(held.matched), [], dict(held.unread)
        scanner = Scanner({name: query})
        for run in held.open:
            if self._left <= 0:
                still.append(run)
                continue
            self._left -= 1
            tell(run)
            found = self._look(run, scanner)
            if isinstance(found, str):
                unread[run.uuid] = found
                still.append(run)
            elif found:
                matched.append(run)
        return Held(held.builds, tuple(sorted(matched, key=lambda run: -run.ended)), tuple(still), unread)

    def _look(self, run: Run, scanner: Scanner) -> bool | str:
        """Whether the query matches in a build's logs, or why they could not be read."""
        try:
            build = self._known(run)
        except TROUBLE as error:
            return f"Zuul's API: {error}"
        if build is None:
            return "Zuul does not know the build any more"
        if not build.log_url:
            return "it has no logs"
        found = self._reader.read(replace(build, result="FAILURE"), scanner, {}, awaits=False, hits_only=True)
        failure = found.failure if isinstance(found, Reading) else None
        if failure is None or (failure.unread and not failure.hits):
            return found.why or few([f"{path}: {why}" for path, why in (failure.unread if failure else {}).items()], 1)
        return bool(failure.hits)

    def _known(self, run: Run) -> Build | None:
        """The build's row, of whichever tenant it is. Raises as ``Zuul.build`` does."""
        links = (BuildLink(run.job, f"{page.rstrip('/')}/build/{run.uuid}", run.uuid) for page in self._pages)
        return next((build for link in links if (build := self._zuul.build(link)) is not None), None)


def proven(ledger: Ledger, builds: Builds, rule: Rule, query: Query, others: Collection[str],
           look: Callable[[Held], Held], days: int) -> Proven:
    """A rule held against the builds; ``others`` are the rules that explain failures already."""
    passing = look(builds.held(rule, query, builds.passing))
    failed = look(builds.held(rule, query, builds.failed))
    matched = {run.run for run in failed.matched}
    open_ = {run.run for run in ledger.failures.unexplained(days, others)}
    groups = ledger.failures.groups()
    mine, all_ = Counter(groups[run] for run in matched if run in groups), Counter(groups.values())
    return Proven(passing, failed, len(matched & open_),
                  {group: (count, all_[group]) for group, count in mine.most_common()})


class NewlyLoaded:
    """In a running bot: rules that are new or changed are held against passing builds, and warned of; once a day all
    are, since there are new builds.

    ``warnings`` are those on rules in force, by the rule's name.
    """

    def __init__(self, ledger: Ledger, book: RuleBook, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ledger, self._book, self._monotonic = ledger, book, monotonic
        self._held: Mapping[str, Query] = {}
        self._all_at = monotonic()
        self.warnings: Mapping[str, str] = {}

    def step(self) -> bool:
        """Hold what is due; False where nothing is."""
        queries, now = self._book.queries, self._monotonic()
        same = {name for name, query in queries.items() if self._held.get(name) == query}
        due = set(queries) - (same if now < self._all_at else set())
        if now >= self._all_at:
            self._all_at = now + DAY
        self._held = dict(queries)
        warned = {name: why for name, why in self.warnings.items() if name in same}
        found = self._warnings([rule for rule in self._book.rules if rule.name in due], queries) if due else {}
        for name in found.keys() - warned.keys():
            log.warning("rule %s %s", name, found[name])
        self.warnings = {**{name: why for name, why in warned.items() if name not in due}, **found}
        return bool(due)

    def _warnings(self, rules: Sequence[Rule], queries: Mapping[str, Query]) -> dict[str, str]:
        builds = Builds(self._ledger, rules, days=0)
        told = {rule.name: too_common(builds.held(rule, queries[rule.name], builds.passing)) for rule in rules}
        return {name: why for name, why in told.items() if why}


def _reduced(run: Run, lines: Lines, known: Mapping[int, Template]) -> Reduced:
    keys = [key for key in lines.keys if key in known]
    unread = [why for why in lines.unread.values() if why != BINARY]  # nobody looks for words there
    whole = not lines.left_out and not unread and len(keys) == len(lines.keys)
    return Reduced(of_build(_build(run)), lines.keys if whole else array("q", keys), whole)


def _facts(run: Run) -> BuildFacts:
    return BuildFacts(run.job, run.branch, run.project, run.pipeline, run.voting)


def _build(run: Run) -> Build:
    return Build(run.uuid, run.job, "FAILURE", run.voting, run.project, run.branch, run.pipeline, None,
                 ended=run.ended, change=run.change, patchset=run.patchset)


def _is_read(name: str) -> bool:
    """Whether files of a name that a query asks for are reduced."""
    plain = name.removesuffix(GZ)
    return wanted(plain) or wanted(f"logs/{plain}")
