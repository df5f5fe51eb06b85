"""How well failed builds are grouped by their cause, beside other ways on the same builds, and what it costs.

Precision and recall are over pairs of builds; a fault of a change's own belongs with no other. Kinds are those of three
builds or more that get a group of which they are three quarters and which holds three fifths of them.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from statistics import mean

from failure_worlds import CONSOLE, Vocabulary, World
from printed import machine, show, table
from reduced_worlds import Fallen, Sample, arguments, sample, vocabularies

from counterbot.core.lines import Template
from counterbot.fingerprints.templates.mask import masked
from counterbot.fingerprints.templates.reading import split
from counterbot.fingerprints.unknown import groups
from counterbot.fingerprints.unknown.groups import Face, Failed, Unusual, grouped

PASSING, MANY = 60, 2000
SIMILAR = 0.10
"""The part of a failure's text that may differ in Kubernetes' triage."""

Way = Callable[[Sample], Sequence[Hashable]]


def messages(fallen: Fallen) -> list[str]:
    return [split(line, CONSOLE).message for line in fallen.build[CONSOLE]]


def plain(message: str) -> str:
    return " ".join(word or "%" for word in masked(message))


def first_error(fallen: Fallen) -> str | None:
    """The first failed test's message, masked, as Chromium's LUCI Analysis has it."""
    inside = False
    for message in messages(fallen):
        if message.startswith("Traceback (most recent"):
            inside = True
        elif inside and message[:1].strip():
            return plain(message)
    return None


def failure_text(fallen: Fallen) -> str:
    """Up to 800 characters of what failed tests captured, masked, as Kubernetes' triage has it."""
    found: list[str] = []
    inside = False
    for message in messages(fallen):
        if message.startswith("Captured traceback"):
            inside = True
        elif message.startswith("Captured pythonlogging"):
            break
        elif inside:
            found.append(plain(message))
    return " ".join(found)[:800]


def by_edit_distance(sampled: Sample) -> list[Hashable]:
    from rapidfuzz.distance import Levenshtein

    names: list[str] = []
    labels: list[Hashable] = []
    for number, text in enumerate(map(failure_text, sampled.fallen)):
        alike = (at for at, name in enumerate(names) if text and Levenshtein.distance(
            text, name, score_cutoff=(most := int((len(text) + len(name)) / 2 * SIMILAR))) <= most)
        found = next(alike, None)
        if found is None:
            found = len(names)
            names.append(text or f"\0{number}")
        labels.append(found)
    return labels


def by_lines(sampled: Sample) -> list[int]:
    return grouped(sampled.failed(PASSING))


def without_hints(sampled: Sample) -> list[int]:
    failed = sampled.failed(PASSING)
    return grouped([replace(each, lines=[replace(line, near=True, linked=False) for line in each.lines])
                    for each in failed])


WAYS: dict[str, Way] = {
    "first error, masked (LUCI)": lambda sampled: [first_error(each) or at for at, each in enumerate(sampled.fallen)],
    "name of the failed test": lambda sampled: [each.build.tests[0] if each.build.tests else at
                                                for at, each in enumerate(sampled.fallen)],
    "failure text, edit distance 10 % (triage)": by_edit_distance,
    "unusual lines, without time and ids": without_hints,
    "unusual lines": by_lines,
}


def together(labels: Sequence[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(labels).values())


def quality(labels: Sequence[Hashable], truth: Sequence[str | None]) -> tuple[float, float, float, float]:
    """Precision, recall, F1, and the part of the kinds that have a group."""
    real: list[Hashable] = [kind or at for at, kind in enumerate(truth)]
    right, said, all_pairs = together(list(zip(labels, real, strict=True))), together(labels), together(real)
    precision, recall = right / said if said else 1.0, right / all_pairs
    return precision, recall, 2 * precision * recall / (precision + recall or 1), have_a_group(labels, truth)


def have_a_group(labels: Sequence[Hashable], truth: Sequence[str | None]) -> float:
    members: defaultdict[Hashable, set[int]] = defaultdict(set)
    causes: defaultdict[str, set[int]] = defaultdict(set)
    for at, (label, kind) in enumerate(zip(labels, truth, strict=True)):
        members[label].add(at)
        if kind:
            causes[kind].add(at)
    wanted = [each for each in causes.values() if len(each) >= 3]
    return mean(any(len(group & cause) >= max(0.6 * len(cause), 0.75 * len(group)) for group in members.values())
                for cause in wanted)


def row(name: str, found: Sequence[tuple[float, ...]]) -> list[str]:
    return [name, *(f"{mean(column):.2f}" for column in zip(*found, strict=True))]


def compared(samples: Sequence[Sample]) -> str:
    body = [row(name, [quality(way(each), each.truth) for each in samples]) for name, way in WAYS.items()]
    original = groups.CUT
    for cut in (0.70, 0.85):
        groups.CUT = cut
        body.append(row(f"unusual lines, cut {cut:.2f}", [quality(by_lines(each), each.truth) for each in samples]))
    groups.CUT = original
    return table(["", "precision", "recall", "F1", "kinds"], body)


HARDER = {"as above": {}, "ids half as often": {"linking": 0.5}, "no ids": {"linking": 0},
          "tests four times as long": {"slow": 4}, "no clock in the lines": {"clock": False}}


def harder(vocabulary: Vocabulary, seed: int, failures: int) -> str:
    body = []
    for name, how in HARDER.items():
        each = sample(World(vocabulary, seed, vocabulary.kinds, **how), seed, failures, PASSING)
        body.append(row(name, [quality(by_lines(each), each.truth)]))
    return table([f"seed {seed}", "precision", "recall", "F1", "kinds"], body)


def many() -> str:
    """Seconds and memory for as many failures as a month may have; each of 200 lines, a tenth of them of its cause."""
    chance = random.Random(1)
    words = [f"word{chr(97 + at % 26)}{chr(97 + at // 26 % 26)}{chr(97 + at // 676)}" for at in range(8000)]
    lines = [Template(at, f"logs/screen-{at % 30}.txt", "ERROR", tuple(chance.choices(words, k=12)), text="")
             for at in range(30_000)]
    failed = [Failed(Face("FAILURE"), [Unusual(each, near=at < 30) for at, each in enumerate(
        [*lines[cause * 30:cause * 30 + 30], *chance.choices(lines, k=170)])])
        for cause in (chance.randrange(200) for _ in range(MANY))]
    before, start = peak(), time.process_time()
    count = len(set(grouped(failed)))
    return table(["failures", "lines of each", "groups", "seconds", "peak memory before", "and after"], [
        [f"{MANY}", "200", f"{count}", f"{time.process_time() - start:.1f}", f"{before} MB", f"{peak()} MB"]])


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> int:
    asked = arguments(__doc__ or "")
    parts = [machine(), many()]
    for name, vocabulary in vocabularies(asked.tree):
        samples = [sample(World(vocabulary, seed, vocabulary.kinds), seed, asked.failures, PASSING)
                   for seed in asked.seeds]
        parts += [f"{name}, {len(samples)} worlds of {asked.failures} failures, {PASSING} passing builds:",
                  compared(samples), harder(vocabulary, asked.seeds[0], asked.failures)]
    show(*parts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
