"""Whether a rule's query does what its own cases expect."""

from __future__ import annotations

from ..core.model import Build, BuildFacts, Counters
from ..core.rules import LogCase, Rule, misfits
from .fields import FACTS, of_build
from .query import Query, fields_of
from .scan import Scanner


def tested(rule: Rule, query: Query, case: LogCase) -> str | None:
    """None where the query matches in the case's file as expected, else what it does instead.

    The build failed, and votes unless the case says otherwise.
    """
    unfit = ", ".join(misfits(rule.where, case.given))
    if unfit:
        return f"the rule does not apply: {unfit}"
    scanner = Scanner({rule.name: query})
    fields = of_build(_build(case.given), counters=Counters(case.counters))
    lines = "".join(f"{line}\n" for line in case.lines)
    hits = scanner.scan(fields, case.file, [lines.encode()]).hits
    if hits and not case.match:
        return f"expected no match, but line {hits[0].line} matches: {hits[0].text}"
    if hits or not case.match:
        return None
    return "expected a match, but " + (
        "no line matches" if scanner.wanted(fields, case.file) else _why_not(query, case))


def _build(given: BuildFacts) -> Build:
    return Build("", given.job or "", "FAILURE", given.voting is not False, given.project or "", given.branch or "",
                 given.pipeline, None)


def _why_not(query: Query, case: LogCase) -> str:
    """Why no line of such a file can match."""
    untold = [f"; it asks {field}, and the case gives no {key!r}" for key, field in FACTS.items()
              if getattr(case.given, key) is None and field in fields_of(query.node)]
    return f"the query asks for other files or builds than {case.file!r} here{''.join(untold)}"
