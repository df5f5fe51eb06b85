"""Whether the root of a failure is among the first lines that the bot shows of one failed build.

Beside it the lines that passing builds lack in the order of their number, and in that of how unlike any known line they
are, as LogJuicer has it. Lines are told without what the console knows of failed tests, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean, median

from failure_worlds import World
from printed import machine, show, table
from reduced_worlds import Fallen, Sample, arguments, sample, vocabularies

from counterbot.fingerprints.unknown.telling import ALIKE, Baseline, telling

PASSING = (1, 20, 60)

Way = Callable[[Fallen, Sample, Baseline], Sequence[int]]


def told(fallen: Fallen, sampled: Sample, baseline: Baseline) -> list[int]:
    return [each.key for each in telling(fallen.lines, sampled.templates, baseline)]


def without_hints(fallen: Fallen, sampled: Sample, baseline: Baseline) -> list[int]:
    bare = replace(fallen.lines, near=frozenset(), linked=frozenset(), share=None)
    return [each.key for each in telling(bare, sampled.templates, baseline)]


def by_distance(fallen: Fallen, sampled: Sample, baseline: Baseline) -> list[int]:
    unknown = {key: baseline.likeness(sampled.templates[key]) for key in fallen.lines.keys if not baseline.often(key)}
    return sorted((key for key, likeness in unknown.items() if likeness < ALIKE), key=lambda key: (unknown[key], key))


WAYS: dict[str, Way] = {"by distance": by_distance, "no hints": without_hints, "hints": told}


def row(name: str, way: Way, samples: Sequence[Sample], passing: int) -> list[str]:
    places, reported = [], []
    for each in samples:
        baseline = each.baseline(passing)
        for fallen in each.fallen:
            if fallen.roots and fallen.kind:
                found = way(fallen, each, baseline)
                reported.append(len(found))
                places.append(next((at for at, key in enumerate(found) if key in fallen.roots), 1 << 30))
    parts = [mean(place < most for place in places) for most in (1 << 30, 3, 10)]
    return [f"{name}, {passing} passing", f"{len(places)}", f"{median(reported):.0f}",
            *(f"{part:.2f}" for part in parts)]


def main() -> int:
    asked = arguments(__doc__ or "")
    parts = [machine()]
    for name, vocabulary in vocabularies(asked.tree):
        samples = [sample(World(vocabulary, seed, vocabulary.kinds), seed, asked.failures, max(PASSING))
                   for seed in asked.seeds]
        parts += [f"{name}, {len(samples)} worlds:", table(
            ["", "failures", "reported (median)", "root reported", "in first 3", "in first 10"],
            [row(way, WAYS[way], samples, passing) for way in WAYS for passing in PASSING])]
    show(*parts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
