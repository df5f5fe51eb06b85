"""Whether a rule's query does what its own cases expect."""

from __future__ import annotations

from ..core.model import Build, BuildFacts, Counters
from ..core.rules import LogCase, Rule, misfits
from .fields import of_build
from .query import Query, fields_of
from .scan import Scanner

OF_THE_CASE = {"job": "build_name", "branch": "build_branch", "project": "project", "pipeline": "build_queue"}
"""What a case may leave out, and how queries call it."""


def tested(rule: Rule, query: Query, case: LogCase) -> str | None:
    """None where the query matches in the case's file as expected, else what it does instead.

    The build failed, and votes unless the case says otherwise.
    """
    unfit = ", ".join(misfits(rule.where, case.given))
    if unfit:
        return f"the rule does not apply: {unfit}"
    scanner = Scanner({rule.name: query})
    counters = Counters(case.counters) if case.counters else None
    fields = of_build(_build(case.given), counters=counters)
    lines = "".join(f"{line}\n" for line in case.lines)
    hits = scanner.scan(fields, case.file, [lines.encode("utf-8", "surrogateescape")]).hits
    if case.match and not hits:
        return "expected a match: " + (
            "none of its lines does" if scanner.wanted(fields, case.file) else _why_not(query, case))
    if hits and not case.match:
        return f"expected no match, but line {hits[0].line} does: {hits[0].text}"
    return None


def _build(given: BuildFacts) -> Build:
    return Build("", given.job or "", "FAILURE", given.voting is not False, given.project or "", given.branch or "",
                 given.pipeline, None)


def _why_not(query: Query, case: LogCase) -> str:
    """Why no line of such a file can match, in words."""
    absent = [f"{key} ({field})" for key, field in OF_THE_CASE.items()
              if getattr(case.given, key) is None and field in fields_of(query.node)]
    lacks = f", for which the case must give {' and '.join(absent)}" if absent else ""
    return f"what the query asks of the build or the file's tags and name rules {case.file!r} out{lacks}"
