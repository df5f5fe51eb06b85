"""What is to be read of a report's builds. Reads nothing."""

from __future__ import annotations

from collections.abc import Sequence

from .model import OMITTED, Build, BuildFacts, BuildLink, Reader, Report
from .rules import Rule, applicable


def needs(report: Report, rules: Sequence[Rule]) -> dict[BuildLink, frozenset[Reader]]:
    """The readers of each build that a report leads to; empty where no rule applies to any of them.

    Where a rule applies to one build, the counters of all are read: the comment says how many had any.
    """
    if not any(applicable(rules, _announced(report, link)) for link in report.links):
        return {}
    return dict.fromkeys(report.links, frozenset({Reader.COUNTERS}))


def _announced(report: Report, link: BuildLink) -> BuildFacts:
    """What the comment alone tells. Its pipeline may be a display name, so it is not asked."""
    job = None if link.job == OMITTED else link.job
    return BuildFacts(job, report.patchset.branch or None, report.patchset.project)


def facts(report: Report, build: Build) -> BuildFacts:
    """What Zuul's API tells; of what it does not, the comment."""
    return BuildFacts(build.job, build.branch or report.patchset.branch, build.project or report.patchset.project,
                      build.pipeline or report.pipeline, build.voting)
