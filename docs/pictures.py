"""Draws the pictures of the page on statistics: python docs/pictures.py [FOLDER]

The runs are made up, the same each time. What is drawn round them is what counterbot's own code makes of them: change
points, usual values, bounds, what is decided, and why a counter is not stable.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).parents[1]))

from counterbot.core.decide import Before, Decision, Observed, decide
from counterbot.core.learned import Learned, Level
from counterbot.core.model import LEARNED, Counters, PatchSet, Report, State
from counterbot.core.rules import LEARNED_RULE, judge_learned
from counterbot.core.text.figures import counted, number
from counterbot.stats.analysis import analyse
from counterbot.stats.bounds import bounds
from counterbot.stats.predictors import Area, predictors
from counterbot.stats.rates import DAY, Outcome, rate
from counterbot.stats.stability import judged

WIDTH, LINE, LARGE = 760, 15, 5
RUNS = "runs, the oldest first →"
RATE = 0.001 / 40
"""Of a counter that shares one false warning in 1,000 builds with 39 others."""

QUERIES = "mysql.Queries"

# On white of its own, so that it can be read whatever the page's colour is.
STYLE = """
text { font: 12px "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif; fill: #33404d; }
.title { font-weight: bold; font-size: 13px; fill: #1b242d; }
.axis { fill: #6b7885; font-size: 11px; }
.good { fill: #1b6e4b; } .bad { fill: #b3261e; } .limit { fill: #a14a00; } .quiet { fill: #6b7885; }
line, path { fill: none; stroke-width: 1.5; }
line.frame { stroke: #d5dbe1; stroke-width: 1; }
line.usual { stroke: #1b6e4b; stroke-width: 2; }
line.limit { stroke: #c75b00; stroke-dasharray: 6 3; stroke-width: 2; }
line.step { stroke: #c75b00; stroke-width: 2; }
line.change { stroke: #6b7885; stroke-dasharray: 2 3; }
rect.spread { fill: #1b6e4b; opacity: .13; }
rect.when { fill: #c75b00; opacity: .15; }
.run { fill: #44688c; } .past { fill: #a9b8c6; } .over { fill: #b3261e; stroke: #fff; }
"""


@dataclass(frozen=True)
class Place:
    """A rectangle of the picture, in pixels, that shows these runs and values."""

    left: float
    top: float
    width: float
    height: float
    runs: tuple[float, float]
    values: tuple[float, float]

    def x(self, run: float) -> float:
        first, last = self.runs
        return self.left + (run - first) / (last - first) * self.width

    def y(self, value: float) -> float:
        low, high = self.values
        return self.top + (high - value) / (high - low) * self.height

    def title(self, text: str) -> str:
        return _text(self.left, self.top - 12, text, "title")

    def axes(self, ticks: Iterable[float], shown: Callable[[float], str] = number, under: str = "") -> Iterator[str]:
        for tick in ticks:
            yield _line(self.left, self.y(tick), self.left + self.width, self.y(tick), "frame")
            yield _text(self.left - 6, self.y(tick) + 4, shown(tick), "axis", "end")
        if under:
            yield _text(self.left + self.width, self.top + self.height + 18, under, "axis", "end")

    def dot(self, run: float, value: float, kind: str = "run", size: float = 2.6) -> str:
        return f'<circle class="{kind}" cx="{self.x(run):.1f}" cy="{self.y(value):.1f}" r="{size}"/>'

    def dots(self, values: Iterable[float], first: int = 0, kind: str = "run") -> list[str]:
        return [self.dot(run, value, kind) for run, value in enumerate(values, first)]

    def level(self, value: float, first: float, last: float, kind: str) -> str:
        return _line(self.x(first), self.y(value), self.x(last), self.y(value), kind)

    def upright(self, run: float, kind: str = "change") -> str:
        return _line(self.x(run), self.top, self.x(run), self.top + self.height, kind)

    def box(self, first: float, last: float, low: float, high: float, kind: str) -> str:
        return (f'<rect class="{kind}" x="{self.x(first):.1f}" y="{self.y(high):.1f}"'
                f' width="{self.x(last) - self.x(first):.1f}" height="{self.y(low) - self.y(high):.1f}"/>')

    def note(self, run: float, value: float, text: str, kind: str = "", anchor: str = "start") -> Iterator[str]:
        for below, line in enumerate(text.split("\n")):
            yield _text(self.x(run), self.y(value) + 4 + LINE * below, line, kind, anchor)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x: float, y: float, to_x: float, to_y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def picture(height: int, marks: Iterable[str]) -> str:
    """An SVG file, whose alternative text stands in the page."""
    inside = "\n".join(marks)
    size = f'width="{WIDTH}" height="{height}"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}">\n<style>{STYLE}</style>\n'
            f'<rect {size} rx="6" fill="#fff"/>\n{inside}\n</svg>\n')


def runs(count: int, usual: float, share: float, seed: int) -> list[float]:
    """Values of so many runs round what is usual, which they miss by a share of it."""
    chance = random.Random(seed)
    return [round(usual * chance.gauss(1, share)) for _ in range(count)]


def learned_of(values: Sequence[float], steps: Sequence[int] = ()) -> Learned | None:
    """What the next run is held against; None where nothing is."""
    found = analyse(values, RATE, steps)
    if found.level is None or found.bound is None or not found.level.stable:
        return None
    return Learned(QUERIES, found.level.usual, found.bound, found.level.runs, found.level.start, "master")


def what_is_learned() -> str:
    """A change point, a single run far out, and what is usual since."""
    values = [*runs(30, 1_180_000, 0.004, 1), *runs(45, 1_262_000, 0.004, 2)]
    values[17] = 1_279_000
    found = analyse(values, RATE)
    level, (point,) = found.level, found.points
    assert level
    assert found.bound
    at = Place(78, 40, 530, 210, (-1, len(values)), (1_155_000, 1_300_000))
    start, end = level.start - 0.5, len(values)
    low, high = (math.exp(level.centre + sign * 1.96 * level.spread) for sign in (-1, 1))
    return picture(284, [
        at.title(f"{QUERIES} of tempest-full on master: {len(values)} runs of merged code"),
        *at.axes([1_160_000, 1_200_000, 1_240_000, 1_280_000], under=RUNS),
        at.box(start, end, low, high, "spread"), at.level(level.usual, start, end, "usual"),
        at.level(found.bound, start, end, "limit"), at.upright(start),
        *at.dots(values[:point.index], kind="past"), *at.dots(values[point.index:], point.index),
        *at.note(start - 1, 1_293_000, f"change point: {point.change:+.1%}", "quiet", "end"),
        *at.note(17, 1_270_000, "a single run far out\nis no change point", "quiet", "middle"),
        *at.note(2, 1_198_000, "these runs do not count any more", "quiet"),
        *at.note(end + 1, found.bound, f"bound {number(math.floor(found.bound))}", "limit"),
        *at.note(end + 1, level.usual, f"usual {number(level.usual)},\nlearned from {level.runs} runs;\n"
                                       "19 of 20 runs are\nin the shade", "good"),
    ])


def how_sharp() -> str:
    """The same runs with the bounds of several rates, and the smallest rise that each catches."""
    values = runs(60, 1_262_000, 0.008, 21)
    level = analyse(values, RATE).level
    assert level
    at = Place(78, 40, 400, 210, (-1, len(values)), (1_240_000, 1_320_000))
    marks = [at.title("The same 60 runs, and their bound by false_warnings, where 40 counters are stable"),
             *at.axes([1_240_000, 1_280_000, 1_320_000], under=RUNS), at.level(level.usual, -1, len(values), "usual"),
             *at.dots(values), *at.note(len(values) + 1, level.usual, "usual", "good")]
    for warnings in (0.1, 1, 10, 100):
        one = warnings / 1000 / 40
        (bound,), (told,) = bounds([level], one), judged([level], one)
        marks += [at.level(bound, -1, len(values), "limit"), *at.note(
            len(values) + 1, bound, f"{warnings:g}: a rise of {told.rise:.1%} is caught", "limit")]
    return picture(284, marks)


def verdict(values: Sequence[tuple[str, float]], usual: Learned, crossed: Sequence[tuple[str, str]] = ()) -> Decision:
    """What the bot decides on a report whose jobs counted these values."""
    learned = {QUERIES: usual}
    builds = [Observed(job, job, State.READ, verdicts=judge_learned(learned, Counters({QUERIES: value})), usual=learned)
              for job, value in values]
    report = Report(PatchSet("review.example.org", "openstack/nova", "master", 71, 1), "check", None, ())
    return decide(report, builds, {LEARNED: LEARNED_RULE}, Before(crossed=crossed), ())


def when_it_is_told() -> str:
    """One run over the bound, two runs, and two jobs."""
    past = runs(40, 1_262_000, 0.004, 3)
    usual = learned_of(past)
    assert usual
    more, same = 1_318_000, 1_264_000
    one, two = (("tempest-full", more),), (("tempest-full", more), ("nova-next", more))
    crossed = [("tempest-full", QUERIES)]
    shown = (
        ("One run is over", (more, same), ("first run", "recheck"), verdict(one, usual)),
        ("So is the second run", (more, more), ("first run", "recheck"), verdict(one, usual, crossed)),
        ("So is another job of the report", (more, more), ("tempest-full", "nova-next"), verdict(two, usual)),
    )
    marks = []
    for which, (title, values, names, decision) in enumerate(shown):
        at = Place(78 + 230 * which, 40, 196, 160, (-1, 70), (1_245_000, 1_330_000))
        marks += [at.title(title), *at.axes([1_260_000, 1_300_000], number if which == 0 else lambda _: ""),
                  at.level(usual.usual, -1, 70, "usual"), at.level(usual.bound, -1, 70, "limit"), *at.dots(past)]
        for run, value, name in zip((46, 61), values, names, strict=True):
            marks += [at.dot(run, value, "over" if value > usual.bound else "run", LARGE), *at.note(
                run, 1_327_000 if name == names[0] else 1_307_000, name, "quiet", "middle")]
        told = "a comment is posted" if decision.effects else f"nobody is told:\n{decision.reason.value}"
        marks += at.note(-1, 1_236_000, told, "bad" if decision.effects else "")
    return picture(252, [*marks, *at.note(-1, usual.bound + 5_500, "bound", "limit"),
                         *at.note(71, usual.usual - 6_000, "usual", "good", "end")])


def moving_bounds(values: Sequence[float], steps: Sequence[int]) -> list[Learned | None]:
    """What each run is held against: it is learned from those before, and not while an accepted step is too new."""
    return [None if each and any(each.since < step <= run for step in steps) else each
            for run, each in enumerate(learned_of(values[:run], steps) for run in range(len(values)))]


def what_accept_does() -> str:
    """A change that costs more is merged: first nobody said anything, then somebody accepted it."""
    merged = 40
    values = [*runs(merged, 1_180_000, 0.004, 5), *runs(40, 1_262_000, 0.004, 6)]
    shown = (("A change that costs more is merged, and nobody said anything", ()),
             ("The same change, and somebody commented “counters: accept”", (merged,)))
    marks = []
    for which, (title, steps) in enumerate(shown):
        at = Place(78, 40 + 210 * which, 662, 140, (-1, len(values)), (1_160_000, 1_295_000))
        held = moving_bounds(values, steps)
        over = [run for run, each in enumerate(held) if each and values[run] > each.bound]
        again = next(run for run, each in enumerate(held) if each and each.since >= merged) - merged
        told = f"{counted(len(over), 'run')} over the old bound;\n" if over else ""
        marks += [at.title(title), *at.axes([1_180_000, 1_220_000, 1_260_000], under=RUNS if which else ""),
                  at.upright(merged - 0.5), *at.note(merged + 0.5, 1_172_000, "the merge", "quiet"),
                  *at.note(merged + 0.5, 1_238_000, f"{told}a new bound after {again} runs")]
        marks += [at.level(each.bound, run - 0.5, run + 0.5, "step") for run, each in enumerate(held) if each]
        marks += [*at.dots(values), *(at.dot(run, values[run], "over", LARGE) for run in over)]
    return picture(424, [*marks, *at.note(19, 1_207_000, "the bound", "limit", "end")])


def why_not_stable() -> str:
    """Four counters that are learned and not judged."""
    chance = random.Random(9)
    drifting = [0.0]
    for _ in range(59):
        drifting.append(0.6 * drifting[-1] + chance.gauss(0, 0.8))
    shown = (
        [1_200_000 * chance.gauss(1, 0.004) * (1.03 if chance.random() < 0.4 else 1) for _ in range(60)],
        [1_200_000 * chance.gauss(1, 0.004) * (1.13 if run == 41 else 1) for run in range(60)],
        [1_200_000 * (1 + 0.003 * left) for left in drifting],
        [1_200_000 * chance.gauss(1, 0.05) for _ in range(60)],
    )
    marks = []
    for which, values in enumerate(shown):
        level = _level(values)
        least, most = min(values), max(values)
        low, high = least - 0.1 * (most - least), most + 0.1 * (most - least)
        at = Place(20 + 376 * (which % 2), 40 + 156 * (which // 2), 344, 110, (-1, 60), (low, high))
        first, *others = level.why
        marks += [at.title(first), _text(at.left, at.top + 4, "; ".join(others), "quiet"),
                  *at.axes([low], lambda _: ""), *at.dots(values)]
    return picture(330, [*marks, _text(740, 322, RUNS, "axis", "end")])


def _level(values: Sequence[float]) -> Level:
    level = analyse(values, RATE).level
    assert level
    assert not level.stable
    return level


def fallen_pass_rate() -> str:
    """Builds that pass and fail, and when the bot says that more fail than used to."""
    chance, fell, a_day = random.Random(12), 70, 8
    outcomes = [Outcome(int((day + share / a_day) * DAY), chance.random() < (0.03 if day < fell else 0.2), (day, share))
                for day in range(84) for share in range(a_day)]
    known = rate(outcomes, outcomes[-1].at)
    (fall,) = known.falls
    first, last, top = 56, 84, 0.62
    at = Place(78, 40, 582, 150, (first, last), (0, top))
    days = [outcomes[day * a_day:(day + 1) * a_day] for day in range(first, last)]
    after, until, noticed = (each / DAY for each in (fall.after, fall.until, fall.found))
    marks = [at.title("Builds of tempest-full in gate that failed, by day"),
             *at.axes([0, 0.25, 0.5], lambda share: f"{share:.0%}", "days →"), at.box(after, until, 0, top, "when")]
    marks += [at.box(day + 0.15, day + 0.85, 0, sum(each.failed for each in builds) / a_day, "run")
              for day, builds in enumerate(days, first)]
    return picture(224, [
        *marks, at.level(fall.usual, first, last, "usual"), at.upright(noticed),
        *at.note(last + 0.3, fall.usual, f"usual {fall.usual:.1%}", "good"),
        *at.note((after + until) / 2, top - 0.045, "the rate fell in here", "limit", "middle"),
        *at.note(noticed + 0.2, top - 0.045, "noticed: told two hours later", "quiet"),
    ])


def what_foretells() -> str:
    """A counter that separates failed runs from passed ones, and one that does not."""
    chance = random.Random(15)
    failed = [which < 25 for which in range(125)]
    values = {"mysql.Aborted_clients": [chance.gauss(74 if each else 50, 10) for each in failed],
              "mysql.Threads_created": [chance.gauss(50, 10) for _ in failed]}
    found = {each.counter: each for each in predictors(values, failed).counters}
    marks = []
    for which, (name, runs_of) in enumerate(values.items()):
        area, told = found[name].best, found[name].found
        at = Place(86 + 370 * which, 62, 270, 110, (15, 105), (-0.5, 1.5))
        marks += [_text(at.left - 66, at.top - 32, name, "title"),
                  _text(at.left - 66, at.top - 14, _area(area, told), "bad" if told else "quiet"),
                  *at.axes([0, 1], lambda row: ("passed", "failed")[int(row)], "value of the counter →")]
        marks += [at.dot(value, bad + chance.uniform(-0.28, 0.28), "bad" if bad else "run")
                  for value, bad in zip(runs_of, failed, strict=True)]
    return picture(206, marks)


def _area(area: Area, told: bool) -> str:
    words = "a predictor" if told else "no more than by chance"
    return f"area {area.area:.2f} ({area.low:.2f} to {area.high:.2f}): {words}"


PICTURES = {
    "learned.svg": what_is_learned,
    "told.svg": when_it_is_told,
    "sharp.svg": how_sharp,
    "unstable.svg": why_not_stable,
    "accepted.svg": what_accept_does,
    "fallen.svg": fallen_pass_rate,
    "predictors.svg": what_foretells,
}


def main(folder: str = str(Path(__file__).parent / "pictures")) -> None:
    """Draws all of them into a folder."""
    for name, draw in PICTURES.items():
        (Path(folder) / name).write_text(draw())


if __name__ == "__main__":
    main(*sys.argv[1:])
