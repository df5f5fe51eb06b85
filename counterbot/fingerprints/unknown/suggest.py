"""From builds that failed alike to the query that finds them and no others, with what it was held against."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.lines import Template
from ...core.text.figures import counted
from .corpus import Bits, Corpus, Flags, Places, counts, flags, tag_of
from .finder import Finder, Found, Wanted
from .quoting import either, quoted
from .telling import loudness
from .weighing import Scales

BUILDS, CHANGES = 3, 3
"""From so many of both on a rule is suggested."""

ALLOWED = 0.01
"""Of passing builds, how many may hold the line."""

COVER = 0.5
"""Of the group's builds, and of its changes, how many a query must find."""

CANDIDATES, CLAUSES = 3, 3
"""Queries of one line that are shown; and lines of a rule, joined by OR."""

NEAREST = 100
"""Lines that are looked at for what came nearest."""


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    found: int
    of: int

    def __str__(self) -> str:
        return f"{self.found:,} of {self.of:,}"


@dataclass(frozen=True)
class Clause:
    """What a line of a file must say: ``said`` are its phrases in the spelling of ``line``, ready for a query."""

    file: str
    phrases: tuple[tuple[str, ...], ...]
    said: tuple[str, ...]
    line: Template


@dataclass(frozen=True)
class Candidate:
    """A query that finds a build where any of the clauses is in a line of it; and how many builds it found, of the
    group and its changes, of passing ones, and of other failures."""

    clauses: tuple[Clause, ...]
    group: Share
    changes: Share
    passing: Share
    other: Share

    @property
    def query(self) -> str:
        """As elastic-recheck has it."""
        return either([(clause.file, clause.said) for clause in self.clauses])


@dataclass(frozen=True)
class Suggestion:
    """``candidates`` are queries of one line each, the best first. ``rule`` is the best, joined by OR with those for
    the builds that it does not find; ``unlike`` is the line of a passing build that is most like one that it matches,
    and is not matched. Where there is no rule, ``why_not`` says why, and ``nearest`` is what came nearest.
    """

    candidates: tuple[Candidate, ...] = ()
    rule: Candidate | None = None
    unlike: Template | None = None
    nearest: Candidate | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Evidence:
    """Builds of a corpus, by their places, that failed alike, that passed, and that failed by something else.

    ``changes`` are those of the failed builds, in their order. ``names`` are words that belong to these changes, such
    as their branches, in lower case: no phrase holds one.
    """

    failed: Sequence[int]
    passing: Sequence[int]
    other: Sequence[int]
    changes: Sequence[Hashable]
    names: Collection[str] = ()


def suggested(corpus: Corpus, evidence: Evidence) -> Suggestion:
    """The query that recognises the failure, as far as the builds tell."""
    search = Search(corpus, evidence)
    why_not = _too_little(evidence)
    best = [] if why_not else search.best(range(len(evidence.failed)), CANDIDATES)
    if best:
        rule = search.joined(best[0])
        return Suggestion(tuple(search.candidate([each]) for each in best), rule, search.unlike(rule))
    return Suggestion(nearest=search.nearest(), why_not=why_not or NOTHING)


NOTHING = ("no line tells these builds apart: what at least half of them and of their changes hold, passing builds "
           "or other failures hold, too")


def _too_little(evidence: Evidence) -> str:
    builds, changes = len(evidence.failed), len(set(evidence.changes))
    if builds < BUILDS or changes < CHANGES:
        return (f"a rule takes {BUILDS} builds of {CHANGES} changes, else it names what one change does; given: "
                f"{counted(builds, 'build')} of {counted(changes, 'change')}")
    if not evidence.passing:
        return "no passing build is given, so nothing tells what is usual from what belongs to the failure"
    return ""


class Search:
    """For what tells one group of builds apart."""

    def __init__(self, corpus: Corpus, evidence: Evidence) -> None:
        self._corpus, self._evidence = corpus, evidence
        self._passing, self._other = corpus.of(evidence.passing), corpus.of(evidence.other)
        self._allowed = int(ALLOWED * len(evidence.passing))
        self._finder = Finder(corpus, evidence.names)
        self._scales = Scales(corpus, [corpus.lines[place] for place in evidence.failed], self._passing, self._other,
                              self._finder.unusual(Wanted(corpus.of(evidence.failed), self._passing, 1, self._allowed)))
        numbers = {change: number for number, change in enumerate(dict.fromkeys(evidence.changes))}
        self._changes = np.zeros((len(evidence.changes), len(numbers)), np.int64)
        """By failed build and change whether it is one of it."""
        for at, change in enumerate(evidence.changes):
            self._changes[at, numbers[change]] = 1

    def best(self, wanted: Sequence[int], most: int) -> list[Clause]:
        """What tells these of the failed builds best, each in other lines."""
        failed = self._corpus.of(self._evidence.failed[at] for at in wanted)
        chosen: list[Clause] = []
        told: set[int] = set()
        for found in self._ranked(failed, wanted):
            if len(chosen) == most:
                break
            if told.isdisjoint(found.holding) and (clause := self._clear(found)):
                chosen.append(clause)
                told |= found.holding
        return chosen

    def joined(self, first: Clause) -> Candidate:
        """With the lines of builds that the first does not find."""
        clauses = [first]
        while len(clauses) < CLAUSES and len(missed := self._missed(clauses)) > 1:
            more = self.best(missed, 1)
            if not more or len(missed) - len(self._missed([*clauses, *more])) < 2:
                break
            clauses += more
        return self.candidate(clauses)

    def candidate(self, clauses: Sequence[Clause]) -> Candidate:
        """With its counts."""
        hits, builds = self._hits(clauses), self._evidence
        seen = self._seen(hits[None])
        return Candidate(
            tuple(clauses), Share(int(seen.sum()), len(builds.failed)),
            Share(int(self._spread(seen)[0]), self._changes.shape[1]),
            Share(int(counts(hits & self._passing)), len(builds.passing)),
            Share(int(counts(hits & self._other)), len(builds.other)))

    def unlike(self, rule: Candidate) -> Template | None:
        """The passing line most like what the rule matches; one of the same file where there is any."""
        corpus, wanted = self._corpus, rule.clauses[0].line
        matching = {at for clause in rule.clauses for at in corpus.matching(clause.phrases, clause.file)}
        held = np.flatnonzero((corpus.builds & self._passing).any(axis=1)).tolist()
        lines = [corpus.templates[at] for at in held if at not in matching]
        return max(lines, key=lambda line: (tag_of(line) == tag_of(wanted), _likeness(line, wanted)), default=None)

    def nearest(self) -> Candidate | None:
        """The line that the most failed builds and the fewest others hold, whatever it is worth; of several the
        loudest."""
        rows, failed = self._corpus.builds, self._corpus.of(self._evidence.failed)
        at = np.flatnonzero((rows & failed).any(axis=1) & self._corpus.tells)
        missing, passing, other = (counts(rows[at] & builds) / max(1, int(counts(builds)))
                                   for builds in (failed, self._passing, self._other))
        quiet = np.array([-loudness(self._corpus.templates[template]) for template in at.tolist()])
        for template in at[np.lexsort((quiet, passing + other - missing))[:NEAREST]].tolist():
            found = self._finder.whole(template, CLAUSES)
            clause = found and self._spelled(found)
            if clause:
                return self.candidate([clause])
        return None

    def _ranked(self, failed: Bits, wanted: Sequence[int]) -> Iterator[Found]:
        """Lines that enough of these builds and changes hold, and not more others, the most telling first."""
        need = max(1, math.ceil(len(wanted) * COVER))
        found = self._finder.phrases(Wanted(failed, self._passing, need, self._allowed))
        if not found:
            return
        hits = np.stack([each.hits for each in found])
        seen = self._seen(hits)[:, wanted]
        enough = seen.sum(axis=1) >= need
        enough &= self._spread(seen, wanted) >= math.ceil(self._changes[wanted].any(axis=0).sum() * COVER)
        enough &= (counts(hits & self._other) <= seen.sum(axis=1)) | (len(wanted) == 1)
        weights = self._scales.weights(found, seen, wanted)
        for at in sorted(np.flatnonzero(enough).tolist(), key=lambda at: (-weights[at], found[at].phrases)):
            yield found[at]

    def _clear(self, found: Found) -> Clause | None:
        """None where it cannot be shown, or where the mask may hide it in too many passing builds."""
        doubtful = self._corpus.doubtful(found.phrases, tag_of(self._corpus.templates[found.template]))
        hits = np.bitwise_or.reduce(self._corpus.builds[list(doubtful)], axis=0)
        return self._spelled(found) if counts(hits & self._passing) <= self._allowed else None

    def _spelled(self, found: Found) -> Clause | None:
        """None where a phrase cannot be shown."""
        line = self._corpus.templates[found.template]
        said = [text for phrase in found.phrases if (text := quoted(line.text, phrase))]
        return Clause(tag_of(line), found.phrases, tuple(said), line) if len(said) == len(found.phrases) else None

    def _missed(self, clauses: Sequence[Clause]) -> list[int]:
        missed: list[int] = np.flatnonzero(~self._seen(self._hits(clauses)[None])[0]).tolist()
        return missed

    def _hits(self, clauses: Sequence[Clause]) -> Bits:
        hits: Bits = np.bitwise_or.reduce([self._corpus.hits(clause.phrases, clause.file) for clause in clauses])
        return hits

    def _seen(self, hits: Bits) -> Flags:
        """By set whether it has each of the failed builds."""
        return flags(hits, self._corpus.count)[:, list(self._evidence.failed)]

    def _spread(self, seen: Flags, wanted: Sequence[int] | None = None) -> Places:
        """Of how many changes the builds are."""
        changes = self._changes if wanted is None else self._changes[wanted]
        spread: Places = (seen.astype(np.int64) @ changes > 0).sum(axis=1)
        return spread


def _likeness(line: Template, other: Template) -> float:
    """The part of their words that both have."""
    mine, others = set(filter(None, line.words)), set(filter(None, other.words))
    return len(mine & others) / max(1, len(mine | others))
