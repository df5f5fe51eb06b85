"""``counterbot series show``: the runs of a counter drawn in the terminal, what is usual of it, and where it moved."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from ...core.model import is_failure
from ...core.text.figures import compared, counted, date, moment, number, whole
from ...core.text.inert import inert, name_of
from ...core.text.names import few
from ...core.text.plot import Line, Mark, plot
from ...core.text.spelling import nearest
from ...core.wording.moved import change
from ..opening import AS_JSON, CONFIG, opened
from ..streams import Failure
from ..tables import table, terminal
from .listing import NOTHING, bounds_of, move_fields, summary, why_not

if TYPE_CHECKING:
    from ...core.learned import Level
    from ...core.merged import Merge
    from ...core.moved import Move
    from ...files.config import Config
    from ...ledger import Ledger
    from ...ledger.acknowledgements import Said
    from ...ledger.samples import Crossing, Known, Point

DAY = 86_400_000
LAST = 10
"""Runs that were over the learned bound alone, the newest; and names in a sentence."""

CANDIDATES = 3
"""Changes that may have moved it."""

WIDTH = 80
"""Columns of the drawing where no terminal has any."""

REASON = 300
USUAL, OTHER, FAILED, LEVEL, BOUND = "*", "o", "x", "-", "="
LEGEND = {USUAL: "shows what is usual", OTHER: "does not count", FAILED: "failed", LEVEL: "usual", BOUND: "bound",
          "|": "moved", "^": "far above", "v": "far below"}


@dataclass(frozen=True)
class Shown:
    """A series with its runs, each with whether it shows what is usual, and what happened to it."""

    known: Known
    bound: float | None
    runs: list[tuple[Point, bool]]
    moves: list[tuple[Move, list[Merge]]]
    said: list[Said]
    alone: list[Crossing]


@click.command()
@click.argument("job")
@click.argument("counter")
@CONFIG
@click.option("--branch", metavar="B", help="Only on this branch.")
@click.option("--tenant", metavar="T", help="Only of this tenant of Zuul's.")
@click.option("--days", type=click.IntRange(1, 3650), help="How far back runs are shown.  [default: learned.days]")
@AS_JSON
def show(job: str, counter: str, file: str, branch: str | None, tenant: str | None, days: int | None,
         as_json: bool) -> None:
    """Draw the runs of a job's COUNTER, with what is usual and the learned bound; show where it moved, and why.

    Below are the steps that people accepted, and the last runs that were over the learned bound alone, of which nobody
    was told. Each branch and each tenant has a series of its own: all are shown.

    The exit status is 1 where there is no such series.
    """
    with opened(file) as (config, ledger, _book):
        known = ledger.samples.known(tenant, job, branch)
        found = [each for each in known if each.series.key.counter == counter]
        if not found:
            raise Failure(_near(job, counter, known, ledger))
        since = ledger.now() - (days or config.learned.days) * DAY
        shown = [_shown(each, bound, config, ledger, since)
                 for each, bound in zip(found, bounds_of(found), strict=True)]
        now = ledger.now()
    if as_json:
        click.echo(json.dumps([_fields(each) for each in shown], indent=2))
    else:
        click.echo("\n\n".join("\n".join(_told(each, now)) for each in shown))


def _near(job: str, counter: str, known: Iterable[Known], ledger: Ledger) -> str:
    """What there is instead."""
    of_job = [each.key for each in ledger.samples.series(job=job)]
    if counters := {each.series.key.counter for each in known}:
        return f"no counter {name_of(counter)!r} of job {name_of(job)!r}; {_meant(counter, counters)}"
    if of_job:
        where = sorted({f"{key.branch}, tenant {key.tenant}" if key.tenant else key.branch for key in of_job})
        return f"job {name_of(job)!r} is not known there, but on {few(list(map(name_of, where)), LAST, '; ')}"
    if jobs := {each.key.job for each in ledger.samples.series()}:
        return f"no job {name_of(job)!r} in the history; {_meant(job, jobs)}"
    return NOTHING.format(where="")


def _meant(name: str, known: Iterable[str]) -> str:
    near = nearest(name, sorted(known))
    return f"did you mean {name_of(near)!r}?" if near else f"known: {few(list(map(name_of, sorted(known))), LAST)}"


def _shown(known: Known, bound: float | None, config: Config, ledger: Ledger, since: int) -> Shown:
    from ...engine.moved import candidates
    from ...ledger.samples import Usual

    key = known.series.key
    usual = Usual(config.learned.baseline, config.learned.check)
    moves = [move for move in ledger.moves.of(key.tenant, key.job, key.branch, key.counter)
             if move.key == key and move.started >= since]
    return Shown(known, bound, ledger.samples.history(known.series, usual, since),
                 [(move, candidates(ledger, move)) for move in moves],
                 ledger.acknowledgements.on(key.job, key.branch, key.counter),
                 ledger.samples.unconfirmed(key, since, LAST))


def _told(shown: Shown, now: int) -> Iterator[str]:
    key = shown.known.series.key
    tenant = f", tenant {name_of(key.tenant)}" if key.tenant else ""
    what = "differences" if key.delta else "totals"
    yield f"{name_of(key.counter)} of {name_of(key.job)} on {name_of(key.branch)}{tenant} ({what})"
    if shown.runs:
        yield ""
        yield from _drawing(shown, now)
    yield ""
    yield from _numbers(shown, now)
    yield from _section("Moved:", ("WHEN", "LEVEL", "ACCEPTED, OR MERGED THEN"),
                        [_move(move, merged, now) for move, merged in shown.moves])
    yield from _section("Said on changes:", ("WHEN", "WHO", "CHANGE", "SAYS", "MERGED", "WHY"),
                        [_word(said, now) for said in shown.said])
    yield from _section("Over the learned bound in one run alone, so nobody was told:",
                        ("ENDED", "CHANGE", "THIS RUN", "BOUND", "BUILD"),
                        [_crossing(each, now) for each in shown.alone], right={2, 3})


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[int] = ()
             ) -> Iterator[str]:
    if rows:
        yield ""
        yield title
        yield table(head, rows, right=set(right), within=terminal())


def _drawing(shown: Shown, now: int) -> Iterator[str]:
    ended = [point.at for point, _ in shown.runs]
    marks = [Mark(point.value, _sign(point, usual), usual) for point, usual in shown.runs]
    rows = plot(marks, list(_lines(shown, ended)), [_first(ended, move.started) for move, _ in shown.moves],
                terminal() or WIDTH)
    yield from rows
    margin = rows[0].index("|")
    first, last = date(ended[0], now), date(ended[-1], now)
    gap = max(map(len, rows)) - margin - 2 - len(first) - len(last)
    yield f"{'':{margin + 2}}{first}{'':{max(gap, 1)}}{last}"
    drawn = "".join(row[margin + 2:] for row in rows)
    yield "   ".join(f"{sign} {meaning}" for sign, meaning in LEGEND.items() if sign in drawn)


def _sign(point: Point, usual: bool) -> str:
    return USUAL if usual else FAILED if is_failure(point.result) else OTHER


def _lines(shown: Shown, ended: Sequence[int]) -> Iterator[Line]:
    """What was usual between the places where it moved, and the bound of now."""
    known, moves, last = shown.known, [move for move, _ in shown.moves], len(ended) - 1
    begun = {0: moves[0].before, **{_first(ended, move.started): move.now for move in moves}} if moves else {}
    if known.level and known.since is not None:
        now = _first(ended, known.since)
        begun = {first: usual for first, usual in begun.items() if first < now} | {now: known.level.usual}
        if shown.bound is not None:
            yield Line(shown.bound, BOUND, now, last)
    for usual, (first, end) in zip(begun.values(), pairwise([*begun, last + 1]), strict=True):
        yield Line(usual, LEVEL, first, end - 1)


def _first(ended: Sequence[int], at: int) -> int:
    """The first run that ended then or later."""
    return min(bisect_left(ended, at), len(ended) - 1)


def _numbers(shown: Shown, now: int) -> Iterator[str]:
    known, level = shown.known, shown.known.level
    counts = sum(usual for _, usual in shown.runs)
    yield f"runs    {number(len(shown.runs))}, of which {number(counts)} show what is usual"
    if level and known.since is not None:
        yield (f"usual   {number(whole(level.usual))} in {counted(level.runs, 'run')} since {date(known.since, now)},"
               f" {_spread(level)}")
    if shown.bound is not None and known.rate:
        yield (f"bound   {number(whole(shown.bound))}; by chance a run is over it once in"
               f" {number(round(1 / known.rate))} runs")
    rise = f"; a rise of {level.rise:.1%} is caught in 19 of 20 runs" if level and level.rise is not None else ""
    why = why_not(known)
    yield f"stable  no: {'; '.join(why)}" if why else f"stable  yes{rise}"


def _spread(level: Level) -> str:
    if not level.spread:
        return "all alike"
    if level.logarithmic:
        return f"standard deviation {level.spread:.2%}"
    return f"standard deviation {number(whole(level.spread))}"


def _move(move: Move, merged: Sequence[Merge], now: int) -> list[str]:
    if said := move.accepted:
        why = (f"accepted by {name_of(said.author)} on {name_of(said.project)} {said.change}:"
               f" {inert(said.reason, REASON)}")
    else:
        why = few([f"{name_of(each.project)} {each.change}" for each in merged], CANDIDATES)
    return [moment(move.started, now), change(move), why]


def _word(said: Said, now: int) -> list[str]:
    return [moment(said.at, now), name_of(said.author), f"{name_of(said.project)} {said.change}",
            "accept" if said.accepts else "ignore", "" if said.merged is None else moment(said.merged, now),
            inert(said.reason, REASON)]


def _crossing(each: Crossing, now: int) -> list[str]:
    of = "" if each.change is None else f"{each.change},{each.patchset}"
    return [moment(each.at, now), of, *compared(each.value, whole(each.bound)), each.uuid]


def _fields(shown: Shown) -> dict[str, Any]:
    last = shown.moves[-1][0] if shown.moves else None
    level = shown.known.level
    return {
        **summary(shown.known, shown.bound, last),
        "spread": level and level.spread,
        "logarithmic": level and level.logarithmic,
        "false_warnings": shown.known.rate,
        "history": [{**asdict(point), "usual": usual} for point, usual in shown.runs],
        "moves": [{**move_fields(move), "merged": [asdict(each) for each in merged]} for move, merged in shown.moves],
        "said": [asdict(each) for each in shown.said],
        "unconfirmed": [asdict(each) for each in shown.alone],
    }
