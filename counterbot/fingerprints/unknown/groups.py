"""Groups of failed builds that probably fail by one cause: by the lines they share that passing builds do not have."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from ...core.lines import Lines, Template
from .telling import Baseline

SHINGLE = 4
"""Words that follow one another and are compared as one."""

CUT = 0.75
"""The largest mean distance (1 - cosine) between the builds of two groups that become one."""

COMMON, FEW = 0.35, 60
"""What more than this part of the failed builds say tells none of them apart; of fewer builds than this nothing is so
common, for they may all have failed by one cause."""

FAR, LINKED = 0.3, 2.0
"""The weight of a line that was said while no failed test ran, and by how much more one with an id of the test's
counts; 1 is that of a line that was said while a failed test ran, and of the console's."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """A line of a failed build that passing builds do not have; ``near`` and ``linked`` as in ``Lines``."""

    template: Template
    near: bool = False
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Face:
    """What is known of a failed build without any line of its log."""

    result: str
    phase: str = ""
    task: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed build, to be grouped; ``lines`` are empty where its log was not read, or shows nothing unusual."""

    face: Face
    lines: Sequence[Unusual] = ()


def unusual(lines: Lines, templates: Mapping[int, Template], baseline: Baseline) -> list[Unusual]:
    """The lines of a failed build by which it is compared: neither usual, nor INFO, nor a message's frame."""
    often = max(1, 0.02 * baseline.count)
    return [Unusual(template, key in lines.near, key in lines.linked) for key in lines.keys
            if (template := templates.get(key)) and not template.body and template.level != "INFO"
            and baseline.often(key) <= often]


def grouped(failed: Sequence[Failed]) -> list[int]:
    """By build the number of its group, from 0; builds without an unusual line are grouped by their face."""
    spoken = [at for at, each in enumerate(failed) if each.lines]
    numbers: dict[object, int] = {}
    labels: dict[int, object] = dict(zip(spoken, _by_lines([failed[at] for at in spoken]), strict=True))
    return [numbers.setdefault(labels.get(at, each.face), len(numbers)) for at, each in enumerate(failed)]


def _by_lines(failed: Sequence[Failed]) -> list[int]:
    if len(failed) < 2:
        return [0] * len(failed)
    distance = 1 - _similarity([_features(each) for each in failed])
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    return [int(label) for label in fcluster(tree, CUT, "distance")]


def _features(failed: Failed) -> dict[object, float]:
    """Weights of a build's shingles; a line counts once, however long it is."""
    weights: dict[object, float] = {}
    for line in failed.lines:
        found = list(_shingles(line.template))
        weight = (1.0 if line.near or "job-output" in line.template.file else FAR) * (LINKED if line.linked else 1.0)
        for shingle in found:
            weights[shingle] = max(weights.get(shingle, 0.0), weight / math.sqrt(len(found)))
    return weights


def _shingles(template: Template) -> Iterator[object]:
    for run in _runs(template):
        for start in range(max(1, len(run) - SHINGLE + 1)):
            yield hash((template.file, run[start:start + SHINGLE]))


def _runs(template: Template) -> Iterator[tuple[str, ...]]:
    run: list[str] = []
    for word in (*template.words, None):
        if word is not None:
            run.append(word)
        elif run:
            yield tuple(run)
            run = []


def _similarity(features: Sequence[Mapping[object, float]]) -> NDArray[np.float64]:
    """Cosines. What a build shares with nobody counts half, on an axis of its own."""
    count = len(features)
    total = max(count, FEW)
    often = Counter(shingle for each in features for shingle in each)
    ids: dict[object, int] = {}
    rows, columns, values = [], [], []
    for at, each in enumerate(features):
        alone = 0.0
        for shingle, weight in each.items():
            if often[shingle] == 1:
                alone += (weight * math.log(total)) ** 2
            elif often[shingle] <= COMMON * total:
                rows.append(at)
                columns.append(ids.setdefault(shingle, len(ids)))
                values.append(weight * math.log(total / often[shingle]))
        rows.append(at)
        columns.append(ids.setdefault(("alone", at), len(ids)))
        values.append(0.5 * math.sqrt(alone))
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(count, len(ids)))
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    matrix = sparse.diags(1 / np.where(norms > 0, norms, 1)) @ matrix
    return np.clip(np.asarray((matrix @ matrix.T).todense()), 0, 1)


def steady(groups: Mapping[int, int], old: Mapping[int, int], first_new: int) -> dict[int, int]:
    """By build the id of its group, stable: a group keeps the id of the old one with which it shares most builds.

    ``groups`` gives new group numbers by build, ``old`` the ids by build; an id that nobody keeps never comes back,
    and new groups get ids from ``first_new`` on. Of two groups that merge the one that gives more builds names the
    whole, the older where both give as many; where a group splits, the larger part keeps the id.
    """
    shared: Counter[tuple[int, int]] = Counter()
    sizes = Counter(groups.values())
    for build, group in groups.items():
        if build in old:
            shared[group, old[build]] += 1
    names: dict[int, int] = {}
    taken: set[int] = set()
    for (group, ident), _ in sorted(shared.items(), key=lambda each: (-each[1], each[0][1], -sizes[each[0][0]])):
        if group not in names and ident not in taken:
            names[group] = ident
            taken.add(ident)
    for group in sorted(set(groups.values()) - names.keys()):
        names[group] = first_new + sum(name >= first_new for name in names.values())
    return {build: names[group] for build, group in groups.items()}


def shared_lines(failed: Sequence[Sequence[int]], often: Mapping[int, int], passing: int, most: int = 10) -> list[int]:
    """Keys of the lines that most builds of a group have and passing builds hardly ever, the most builds' first.

    ``failed`` are the unusual lines of each of its builds, ``often`` in how many of the ``passing`` builds a line is.
    """
    counts: defaultdict[int, int] = defaultdict(int)
    for keys in failed:
        for key in set(keys):
            counts[key] += 1
    kept = [key for key, count in counts.items() if 2 * count > len(failed) and often.get(key, 0) <= 0.02 * passing]
    return sorted(kept, key=lambda key: (-counts[key], often.get(key, 0), key))[:most]
