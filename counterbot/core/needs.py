"""What is to be read of which build. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .model import OMITTED, Build, BuildFacts, BuildLink, PatchSet, Reader, is_failure
from .rules import Rule, applicable, known_failures, matches


@dataclass(frozen=True)
class Jobs:
    """Shell patterns of the jobs that matter without any rule: whose unknown failures are compared, and whose counters
    are learned."""

    watched: Sequence[str] = ()
    learned: Sequence[str] = ()


NO_JOBS = Jobs()


def needs(patchset: PatchSet | None, links: Iterable[BuildLink], rules: Sequence[Rule],
          jobs: Jobs = NO_JOBS) -> dict[BuildLink, frozenset[Reader]]:
    """The readers of each build that a rule may apply to, or whose job matters, as far as a report tells."""
    found = {link: readers(rules, announced(patchset, link), jobs=jobs) for link in links}
    return {link: needed for link, needed in found.items() if needed}


def readers(rules: Iterable[Rule], facts: BuildFacts, build: Build | None = None,
            jobs: Jobs = NO_JOBS) -> frozenset[Reader]:
    """What is asked of a build. Its counters by rules with bounds, and where they are learned; its failure while it is
    not known to have none, by rules with a query, and where its job is watched."""
    rules = tuple(rules)
    counters = applicable(rules, facts) or learns(jobs.learned, facts)
    failure = (build is None or is_failure(build.result)) and (
        known_failures(rules, facts) or watches(jobs.watched, facts))
    return frozenset({Reader.COUNTERS} if counters else ()) | ({Reader.FAILURE} if failure else set())


def learns(learned: Sequence[str], facts: BuildFacts) -> bool:
    """Whether the counters of a build go to the history without any rule."""
    return bool(learned) and matches(learned, facts.job)


def watches(watched: Sequence[str], facts: BuildFacts) -> bool:
    """Whether an unknown failure of a build matters: its job is watched, and it is not known to have no vote."""
    return bool(watched) and facts.voting is not False and matches(watched, facts.job)


def announced(patchset: PatchSet | None, link: BuildLink) -> BuildFacts:
    """What the comment alone tells of a build. Its pipeline may be a display name, so it is not asked."""
    job = None if link.job == OMITTED else link.job
    return BuildFacts(job, patchset.branch or None, patchset.project) if patchset else BuildFacts(job)


def facts(patchset: PatchSet | None, build: Build, pipeline: str | None = None) -> BuildFacts:
    """What Zuul's API tells of a build; what it does not tell is taken from the comment, where there is one."""
    branch, project = (patchset.branch, patchset.project) if patchset else (None, None)
    return BuildFacts(build.job, build.branch or branch, build.project or project, build.pipeline or pipeline,
                      build.voting)
