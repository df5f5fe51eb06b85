"""Writes a suggested query as a complete rule file: its title, cases from real lines, and what it was held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..core import limits
from ..core.lines import Template
from ..core.text.excerpt import excerpt
from ..core.text.inert import ELLIPSIS, inert
from ..fingerprints.unknown.quoting import plain
from ..fingerprints.unknown.suggest import Candidate
from .written import scalar

TITLE = 120
"""Bytes of a title, which is shown in comments."""

LINE = 1000
"""Bytes of a log line in a case."""


@dataclass(frozen=True)
class Proposal:
    """A query, and whom it was suggested for: ``of`` names the group, ``job`` is that of all its builds, "" where they
    are of several, or all that is known is of one. ``unlike`` is a line of a passing build that is not to match."""

    candidate: Candidate
    of: str
    job: str = ""
    unlike: Template | None = None


def rule_text(proposal: Proposal) -> str:
    """The file as YAML."""
    return "".join(f"{line}\n" for line in _lines(proposal))


def _title(candidate: Candidate) -> str:
    """What the line says, without what varies."""
    return inert(f" {ELLIPSIS} ".join(map(plain, candidate.clauses[0].said)), TITLE)


def _held_against(candidate: Candidate) -> Iterator[str]:
    """What it was held against, a line each."""
    yield f"{candidate.group} builds of the group, {candidate.changes} of their changes"
    yield f"{candidate.passing} passing builds"
    if candidate.other.of:
        yield f"{candidate.other} builds that failed by something else"
    else:
        yield "of builds that failed by something else none was known"


def _lines(proposal: Proposal) -> Iterator[str]:
    candidate = proposal.candidate
    yield f"# Suggested for {inert(proposal.of, limits.MISTAKE)}, and held against what was known then. It matches"
    yield from (f"#   {line}" for line in _held_against(candidate))
    yield "# Before it is used: correct the title, and say why the failure happens, whose it is and which bug it is."
    yield f"title: {scalar(_title(candidate))}"
    if proposal.job:
        yield "# It was seen in this job alone. Without 'where' the rule is for every job."
        yield f"where: {{job: {scalar(proposal.job, quotes=True)}}}"
    yield "query: >"
    yield f"  {candidate.query}"
    yield "cases:"
    for clause in candidate.clauses:
        yield from _case(clause.line, "match")
    if proposal.unlike:
        yield from _case(proposal.unlike, "no match")


def _case(line: Template, expected: str) -> Iterator[str]:
    yield "  - given:"
    yield f"      file: {scalar(line.file)}"
    yield "      lines:"
    yield f"        - {scalar(excerpt(line.text, LINE), quotes=True)}"
    yield f"    expect: {expected}"
