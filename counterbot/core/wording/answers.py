"""Answers to commands in comments, in the form of a comment. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..commands import Verb
from ..learned import Learned
from ..model import LEARNED, Number
from ..text.columns import left, right, width
from ..text.figures import counted, number, whole
from ..text.inert import name_of
from ..text.markdown import code, prose
from .listing import ROWS, SENTENCE, listed, more

COUNTERS = 8
"""That are named in a sentence."""


@dataclass(frozen=True)
class Shown:
    """A job's newest run on a change: its counters, and what is usual of those that are stable."""

    job: str
    patchset: int | None
    values: Mapping[str, Number]
    usual: Mapping[str, Learned]


def accepted(counters: Mapping[tuple[str, str], Collection[str]], reason: str, accepts: bool) -> str:
    """What follows from ``accept``, or ``ignore``, for counters: pairs of a job and a counter, and by which rules, or
    LEARNED, each is over its bound."""
    if not counters:
        return "Counters: none is over its bound on this change yet. Nothing was noted: say it again when one is."
    named = _named(counters)
    if not accepts:
        return f"Counters: ignored on this change: {named}."
    rules = [code(name) for name in sorted(set().union(*counters.values()) - {LEARNED})]
    stay = f" What {listed(rules)} in its rules allows stays: raise it with this change." if rules else ""
    return (f"Counters: accepted on this change: {named} ({prose(reason, SENTENCE)}). When it is merged, what is usual"
            f" is learned anew.{stay}")


def _named(counters: Collection[tuple[str, str]]) -> str:
    names = list(dict.fromkeys(counter for _, counter in sorted(counters)))
    jobs = list(dict.fromkeys(job for job, _ in sorted(counters)))
    shown = [code(name) for name in names[:COUNTERS]]
    rest = [f"{len(names) - COUNTERS} more"] if len(names) > COUNTERS else []
    return f"{', '.join([*shown, *rest])} in {listed([code(job) for job in jobs])}"


def mistaken(why: str) -> str:
    """What was wrong, and what is known."""
    return "\n".join([f"Counters: {prose(why, SENTENCE)}. This is what can be asked:", "", *_commands()])


def help_text() -> str:
    return "\n".join(["Counters: this is what can be asked in a comment:", "", *_commands()])


def _commands() -> Iterator[str]:
    least = max(len(verb.usage) for verb in Verb)
    yield from (f"    {verb.usage:<{least}}   {verb.does}" for verb in Verb)
    yield ""


def not_allowed(allowed: Sequence[str]) -> str:
    names = [code(name) for name in allowed]
    return f"Counters: this is for {listed(names)} to say (learned.accept in the bot's configuration)."


def show(runs: Sequence[Shown]) -> str:
    """The counters of a change's newest runs beside what is usual."""
    if not runs:
        return "Counters: none came from a build of this change yet."
    parts = [part for run in runs for part in _run(run)]
    return "\n".join([f"Counters of the newest {'build' if len(runs) == 1 else 'builds'} of this change:", "", *parts])


def _run(run: Shown) -> Iterator[str]:
    rows = sorted((name for name in run.usual if name in run.values), key=lambda name: _rise(run, name), reverse=True)
    others = len(run.values) - len(rows)
    where = f"{code(run.job)} (patch set {run.patchset})" if run.patchset is not None else code(run.job)
    if not rows:
        yield f"{where}: {counted(len(run.values), 'counter')}, and it is not known yet what is usual of any."
        yield ""
        return
    yield f"{where}: {counted(len(rows), 'stable counter')}, {number(others)} others of which no bound is known."
    yield ""
    cells = [("counter", "this run", "usual", "bound")] + [
        (name_of(name), *(number(whole(value)) for value in (
            run.values[name], run.usual[name].usual, run.usual[name].bound))) for name in rows[:ROWS]]
    widths = [max(width(line[column]) for line in cells) for column in range(4)]
    for name, *figures in cells:
        yield "    " + "  ".join([left(name, widths[0]), *map(right, figures, widths[1:])])
    yield from (f"    {line}" for line in more(rows))
    yield ""


def _rise(run: Shown, name: str) -> float:
    usual = run.usual[name].usual
    return (run.values[name] - usual) / abs(usual) if usual else float(run.values[name])

