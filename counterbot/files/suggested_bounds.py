"""Writes learned bounds as a complete rule file, with cases from real runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from ..core.learned import Measured
from ..core.model import Number
from ..core.patterns import Names, literal
from ..core.text.figures import counted, date, number, whole
from ..core.text.inert import cut, name_of
from .fields import Branches, CounterName, CounterPattern, Jobs, Name
from .rulekeys import LARGEST
from .written import scalar

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.[A-Za-z0-9_.-]*[A-Za-z0-9_]")
"""Counters that need no quotes in YAML."""

FILE_NAME = 180
"""Bytes of a file's name, before its ending: of one that is made beside it, too, most systems allow 255."""

OF_PATTERN = {Names.COUNTER: TypeAdapter[object](CounterPattern), Names.JOB: TypeAdapter[object](Jobs),
              Names.BRANCH: TypeAdapter[object](Branches)}
OF_NAME = {Names.COUNTER: TypeAdapter[object](CounterName), Names.JOB: TypeAdapter[object](Name),
           Names.BRANCH: TypeAdapter[object](Name)}


@dataclass(frozen=True)
class SuggestedBound:
    """A counter's bound; it is ``usual`` in so many ``runs`` since a time, in epoch milliseconds."""

    counter: str
    max: Number
    usual: float
    runs: int
    since: int


@dataclass(frozen=True)
class SuggestedBounds:
    """The bounds of a job on a branch.

    ``within`` is a run that is over none of them, ``over`` one that is over some; None where no run was. In 1,000 runs
    that changed nothing there are so many ``false_warnings``.
    """

    job: str
    branch: str
    bounds: tuple[SuggestedBound, ...]
    within: Measured
    over: Measured | None
    false_warnings: float


def can_be_written(names: Names, name: str) -> bool:
    """Whether a rule can be about this name."""
    pattern = literal(names, name)
    return pattern is not None and _is_valid(OF_NAME[names], name) and _is_valid(
        OF_PATTERN[names], pattern if names is Names.COUNTER else (pattern,))


def is_bound(value: float) -> bool:
    """Whether a rule's bound can be this."""
    return 0 <= value <= LARGEST


def over(bounds: Collection[SuggestedBound], values: Mapping[str, float]) -> list[str]:
    """The counters that are over their bounds."""
    return [bound.counter for bound in bounds if values.get(bound.counter, bound.max) > bound.max]


def file_names(suggested: Collection[SuggestedBounds]) -> list[str]:
    """A name for the file of each, without an ending: each once, and none that is a bug's number."""
    names: list[str] = []
    for each in suggested:
        plain = re.sub(r"[^\w.-]", "-", f"learned-{each.job}-{each.branch}")
        name = plain = cut(plain, FILE_NAME)
        count = 1
        while name in names:
            count += 1
            name = f"{plain}-{count}"
        names.append(name)
    return names


def bounds_text(suggested: SuggestedBounds, now: int) -> str:
    """The file as YAML; ``now`` is epoch milliseconds."""
    return "".join(f"{line}\n" for line in _lines(suggested, now))


def _is_valid(kind: TypeAdapter[object], value: object) -> bool:
    try:
        kind.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _lines(suggested: SuggestedBounds, now: int) -> Iterator[str]:
    yield f"# Learned by counterbot by {_dated(now)}. Before it is used: correct the title, and say whose it is."
    yield f"title: {scalar(f'What is usual of {name_of(suggested.job)} on {name_of(suggested.branch)}', quotes=True)}"
    yield "why: >"
    yield "  The bounds are those that counterbot learned from the runs of merged code since each counter moved last."
    yield f"  Of 1,000 runs that changed nothing, about {_are(suggested.false_warnings)} over one of them by chance."
    job, branch = (scalar(literal(names, name) or name, quotes=True) for names, name in (
        (Names.JOB, suggested.job), (Names.BRANCH, suggested.branch)))
    yield f"where: {{job: {job}, branch: {branch}}}"
    yield "bounds:"
    for bound in suggested.bounds:
        yield (f"  # usually {number(whole(bound.usual))}, in {counted(bound.runs, 'run')} since"
               f" {_dated(bound.since)}")
        pattern = literal(Names.COUNTER, bound.counter) or bound.counter
        yield f"  {_counter(pattern)}: {{max: {_number(bound.max)}}}"
    yield "cases:"
    yield from _case(suggested, suggested.within, _measured(suggested.within))
    if suggested.over:
        yield from _case(suggested, suggested.over, _measured(suggested.over))
    else:
        yield from _case(suggested, _raised(suggested), "No run was over these bounds yet: this is none.")


def _are(count: float) -> str:
    return f"{number(count)} {'is' if count == 1 else 'are'}"


def _dated(at: int) -> str:
    """With the year, whenever it is read."""
    return date(at, 0)


def _counter(name: str) -> str:
    return scalar(name, quotes=PLAIN.fullmatch(name) is None)


def _number(value: Number) -> str:
    return str(int(value) if value == int(value) else value)


def _measured(run: Measured) -> str:
    of = f" of change {run.change},{run.patchset}" if run.change is not None else ""
    return f"Build {run.uuid}{of}, {_dated(run.at)}."


def _raised(suggested: SuggestedBounds) -> Measured:
    """The run within, raised a little over every bound."""
    run = suggested.within
    values = {bound.counter: bound.max + 1 if isinstance(bound.max, int) else bound.max * 1.01
              for bound in suggested.bounds}
    return Measured(run.uuid, run.at, run.change, run.patchset, usual=False, values=values)


def _case(suggested: SuggestedBounds, run: Measured, comment: str) -> Iterator[str]:
    job, branch = (scalar(name, quotes=True) for name in (suggested.job, suggested.branch))
    yield f"  # {comment}"
    yield "  - given:"
    yield f"      job: {job}"
    yield f"      branch: {branch}"
    yield "      counters:"
    for bound in suggested.bounds:
        if bound.counter in run.values:
            yield f"        {_counter(bound.counter)}: {_number(run.values[bound.counter])}"
    crossed = over(suggested.bounds, run.values)
    if not crossed:
        yield "    expect: within"
        return
    yield "    expect:"
    yield "      over:"
    yield from (f"        - {_counter(counter)}" for counter in crossed)
