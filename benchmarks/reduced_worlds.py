"""Worlds of failures as the bot keeps them: each build reduced to its lines, by the bot's own code."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from failure_worlds import Build, Kind, Vocabulary, World, devstack  # noqa: E402
from harbour import harbour  # noqa: E402

from counterbot.core.lines import Lines, Reduction, Template  # noqa: E402
from counterbot.fingerprints.templates.reading import is_console, wanted  # noqa: E402
from counterbot.fingerprints.templates.reduce import Reducer  # noqa: E402
from counterbot.fingerprints.unknown.groups import Face, Failed, unusual  # noqa: E402
from counterbot.fingerprints.unknown.telling import Baseline  # noqa: E402

OWN = 0.35
"""The part of the failures that are faults of a change's own."""


@dataclass(frozen=True)
class Fallen:
    """A failed build: its raw files, its lines, the keys of its planted root, and its kind (None: its change's own)."""

    build: Build
    lines: Lines
    roots: frozenset[int]
    kind: Kind | None


@dataclass(frozen=True)
class Sample:
    """Failed builds of a world, the lines of its passing ones, and all their templates."""

    world: World
    passing: list[Lines]
    fallen: list[Fallen]
    templates: Mapping[int, Template]

    @property
    def truth(self) -> list[str | None]:
        """By failed build the name of its kind."""
        return [each.kind and each.kind.name for each in self.fallen]

    def baseline(self, builds: int) -> Baseline:
        """Of so many passing builds."""
        return Baseline([lines.keys for lines in self.passing[:builds]], self.templates)

    def failed(self, builds: int) -> list[Failed]:
        """As they are grouped, with so many passing builds."""
        baseline = self.baseline(builds)
        return [Failed(Face(*each.build.face), unusual(each.lines, self.templates, baseline)) for each in self.fallen]


def reduced(files: Mapping[str, list[str]], failed: bool) -> Reduction:
    reducer = Reducer(failed)
    for path in sorted(filter(wanted, files), key=lambda path: not is_console(path)):
        reducer.take(path, [raw(files[path])])
    return reducer.reduction()


def raw(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def sample(world: World, seed: int, failures: int, passing: int) -> Sample:
    """``failures`` failed builds, of which some are faults of a change's own, and ``passing`` others."""
    chance = random.Random(seed)
    templates: dict[int, Template] = {}
    kept = []
    for number in range(passing):
        found = reduced(world.build(f"{seed}p{number}"), failed=False)
        templates.update(found.templates)
        kept.append(found.lines)
    fallen = []
    for number in range(failures):
        kind = None if chance.random() < OWN else chance.choices(world.kinds, world.weights)[0]
        build = world.build(f"{seed}f{number}", kind, own=True)
        found = reduced(build, failed=True)
        templates.update(found.templates)
        planted = {path: [line for line in lines if line in build.planted] for path, lines in build.items()}
        roots = reduced({path: lines for path, lines in planted.items() if lines}, failed=False)
        fallen.append(Fallen(build, found.lines, frozenset(roots.lines.keys), kind))
    return Sample(world, kept, fallen, templates)


def arguments(description: str) -> argparse.Namespace:
    """``--tree`` is a folder of unpacked OpenStack packages, without which only the port's words are used."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tree", type=Path, help="folder into which OpenStack's packages were unpacked")
    parser.add_argument("--seeds", default="21,22,23", help="of the worlds, with commas")
    parser.add_argument("--failures", type=int, default=200)
    parsed = parser.parse_args()
    parsed.seeds = [int(seed) for seed in parsed.seeds.split(",")]
    return parsed


def vocabularies(tree: Path | None) -> Iterator[tuple[str, Vocabulary]]:
    """The words, by what a table calls them."""
    if tree:
        yield "OpenStack's words", devstack(tree)
    yield "a port's words", harbour()
