"""A decision -> the review comment, within its byte limit. Decides nothing.

Gerrit's page renders it as Markdown: a table stands in a code block, and names from outside stand in the table or in
backticks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .. import limits
from ..decide import Observed, Seen, Told
from ..model import Back, Finding, KnownFailure, Report
from ..rules import Rule
from ..text.columns import width
from ..text.inert import name_of
from . import counters, failures
from .filing import filing
from .links import Links
from .listing import ROWS


def comment(report: Report, found: Iterable[Told], observed: Sequence[Observed], rules: Mapping[str, Rule],
            links: Links, marker: str, seen: Seen = Seen()) -> str:  # noqa: B008 - frozen
    """The whole review comment: verdict first, marker last, at most ``limits.COMMENT`` bytes.

    Of more than ROWS rows the largest are shown. Where the comment is too long, the last explanations are left out.
    """
    found = tuple(found)
    over = counters.rows(finding for finding in found if isinstance(finding, Finding))
    back = [finding for finding in found if isinstance(finding, Back)]
    if len(back) == len(found):
        return f"Counters: {counters.back(back)} (not voting).\n{marker}"
    told = [finding for finding in found if not isinstance(finding, Finding | Back)]
    known = [finding for finding in told if isinstance(finding, KnownFailure)]
    failed = failures.rows(known, observed) if told else []
    explained = list(failures.explanations(failed, rules, links, seen))
    if over and not (known or explained):
        failed = []  # a table of jobs of which nothing is known tells nothing
    job = max(width(name_of(name)) for name in [*(row.job for row in over[:ROWS]),
                                                *(row.build.job for row in failed[:ROWS])])
    parts: list[tuple[list[str], list[str]]] = []
    if failed:
        parts.append((failures.table(failed, rules, links, seen, job), explained))
    if over:
        parts.append((counters.table(over, job), list(counters.explanations(over[:ROWS], rules, links, observed,
                                                                                        seen.at))))
    untold = failures.untold(report, failed, observed, rules)
    verdicts = [*([failures.verdict(failed, rules, untold)] if failed else []),
                *([counters.verdict(over, observed)] if over else [])]
    ending = list(failures.ending(failed, observed, rules, untold))
    asks = [words] if over and (words := counters.asks(over, bool(ending), links)) else []
    shown = {row.build.uuid for row in failed} - {row.build for row in over}  # that these failed stands in their table
    end = [*(counters.remarks([build for build in observed if build.uuid not in shown], observed) if over else []),
           *([f"{counters.back(back)}."] if back else []), *ending, *asks,
           *filing(report, [*failures.unfiled(failed[:ROWS], rules), *counters.unfiled(over[:ROWS], rules)],
                   links.file), marker]
    verdict = f"{'. '.join(verdicts)} (not voting)."
    while _size(_joined(verdict, parts, end)) > limits.COMMENT:
        left = [explanations for _, explanations in parts if explanations]
        if not left:
            break
        left[-1].pop()
    return _joined(verdict, parts, end)


def _joined(verdict: str, parts: Iterable[tuple[Sequence[str], Sequence[str]]], end: Sequence[str]) -> str:
    """Without a blank line before and after a table Markdown takes it for text."""
    lines = [verdict]
    for table, explanations in parts:
        lines += ["", *(f"    {row}" for row in table), "", *explanations]
    return "\n".join([*lines, *end])


def _size(text: str) -> int:
    return len(text.encode())
