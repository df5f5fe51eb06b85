"""What a failed build shows that no rule explains, and what the history tells of it: one line a job, facts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..decide import Observed, Seen
from ..mine import DAYS, Facts, Sight
from ..model import Failure
from ..text.figures import counted, date, number
from ..text.inert import NAME
from ..text.markdown import code, prose, verbatim
from ..text.names import few
from .listing import LINE, SENTENCE, listed

BUILDS = 5
"""Of fewer gate builds it tells nothing how many passed."""

FILES = 3
"""Those that were not read, and are shown."""


def elsewhere(facts: Facts) -> str:
    """How many other changes show the same, for the table; "" where that is not known."""
    if facts.changes:
        return counted(facts.changes, "other change")
    return "this change only" if facts.sights and facts.compared else ""


def shown(build: Observed, seen: Seen, counts: bool) -> str:
    """The line on a build, without its end; "" where nothing is known. ``counts``: other changes are counted here, as
    the table does not count them."""
    return "; ".join([*_facts(build, seen, counts), *_unread(build)])


def _facts(build: Observed, seen: Seen, counts: bool) -> Iterator[str]:
    facts = build.facts
    if facts.passed:
        yield "passed on this patch set in another run"
    yield from _sights(facts.sights, seen, counts) if facts.sights else _symptom(build)
    if facts.gate and facts.gate[1] >= BUILDS:
        passed, builds = facts.gate
        yield f"passed {number(passed)} of its last {number(builds)} gate builds"
    alone = facts.sights and facts.compared and not facts.changes
    if len(facts.patchsets) > 1 and alone and not facts.passed:
        yield f"failed on patch sets {listed([str(each) for each in facts.patchsets])} of this change and nowhere else"
    if facts.touched:
        yield f"it names {listed([verbatim(path, LINE) for path in facts.touched])}, which this change touches"


def _sights(sights: Sequence[Sight], seen: Seen, counts: bool) -> Iterator[str]:
    """That of the most other changes; and a line that they do not show, since a test may fail by several causes."""
    first, *others = sights
    yield _sight(first)
    if not first.changes:
        return
    if counts:
        yield f"seen on {counted(first.changes, 'other change')} in {counted(DAYS, 'day')}"
    if first.since is not None:
        yield f"first seen {date(first.since, seen.at)}"
    yield from (f"on this change only: {_sight(sight)}" for sight in others if sight.file and not sight.changes)


def _sight(sight: Sight) -> str:
    text = verbatim(sight.text, LINE)
    return f"{text} in {verbatim(sight.file, LINE)}" if sight.file else f"{text} failed first"


def _symptom(build: Observed) -> Iterator[str]:
    """What the failure itself shows, where nothing was compared."""
    found = build.failure.failure if build.failure else None
    if found and (words := _first(found)):
        yield words


def _first(found: Failure) -> str:
    if found.tests:
        return f"{verbatim(found.tests[0].name, LINE)} failed first"
    if found.task:
        phase = f" in phase {code(found.phase)}" if found.phase else ""
        host = f" on {code(found.host)}" if found.host else ""
        return f"task {verbatim(found.task, LINE)} failed{phase}{host}"
    return f"first error: {verbatim(found.error, LINE)}" if found.error else ""


def _unread(build: Observed) -> Iterator[str]:
    """Why its logs do not tell all."""
    if build.failure is None:
        return
    found = build.failure.failure
    if found is None:
        if build.failure.why:
            yield prose(build.failure.why, SENTENCE)
    elif found.unread:
        unread = [f"{verbatim(path, LINE)} ({prose(why, NAME)})" for path, why in found.unread.items()]
        yield f"not read: {few(unread, FILES)}"
