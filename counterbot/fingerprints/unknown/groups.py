"""Groups of failed builds that probably fail by one cause: by the lines they share that passing builds do not have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from ...core.lines import Lines, Template
from ..templates.mask import runs
from ..templates.reading import is_console, moment
from .telling import Baseline

Numbers: TypeAlias = NDArray[np.integer[Any]]
Weights: TypeAlias = NDArray[np.float64]

LINES = 1000
"""Lines of a build that are compared, those of the failed tests first."""

SHINGLE = 4
"""Words that follow one another and are compared as one."""

CUT = 0.77
"""The largest mean distance (1 - cosine) between the builds of two groups that become one."""

COMMON, FEW = 0.35, 60
"""What more than this part of the failed builds say tells none of them apart; but fewer builds than this may all have
failed by one cause."""

FAR, UNTIMED, LINKED, KNOWN = 0.3, 0.6, 2.0, 0.5
"""Weights: of a line that was said while no failed test ran, of one that has no time, by how much more one with an id
of the test's counts, and how much of one that a passing build has. 1 is that of a line that was said while a failed
test ran, and of the console's."""
FACE = 0.6
"""The weight of the face, which counts where no line has to do with a failed test."""

ALONE = 0.5
"""How much of what a build shares with nobody makes it unlike all others."""

ROUNDS, TRUST = 2, 1.3
"""How often the lines are weighed anew by how well they keep to one group, and the power of that part: consequences
that many causes share come to count less than what only one cause says."""

BLOCK = 500_000
"""Cosines that are held at once."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """A line of a failed build that passing builds hardly ever have; ``near`` and ``linked`` as in ``Lines``, ``known``
    where one of them does have it."""

    template: Template
    near: bool = False
    linked: bool = False
    known: bool = False


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
    """The lines of a failed build by which it is compared: neither usual nor such in other words, neither INFO nor a
    message's frame."""
    kept = [Unusual(template, key in lines.near, key in lines.linked, baseline.often(key) > 0) for key in lines.keys
            if (template := templates.get(key)) and not template.body and template.level != "INFO"
            and not baseline.usual(key)]
    kept.sort(key=lambda line: (-line.linked - line.near, line.template.key))
    return [line for line in kept[:LINES] if not baseline.reworded(line.template)]


def grouped(failed: Sequence[Failed]) -> list[int]:
    """By build the number of its group, from 0. Builds without a line that has to do with a failed test are also
    compared by their face, and those without any line only by it."""
    if not failed:
        return []
    said = _said(failed)
    trust = np.ones(len(said.features))
    for _ in range(ROUNDS):
        trust = _trust(said, _clusters(_directions(said, trust)))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in _clusters(_directions(said, trust))]


@dataclass(frozen=True)
class _Said:
    """Who says what: by build the numbers of its lines and their weights, and by line the numbers of its features.
    ``often`` is how many builds have a feature, ``faces`` tells which features are faces."""

    lines: Sequence[Numbers]
    weights: Sequence[Weights]
    features: Sequence[Numbers]
    often: Numbers
    faces: NDArray[np.bool_]


def _said(failed: Sequence[Failed]) -> _Said:
    known: dict[Hashable, int] = {}
    features: dict[Hashable, int] = {}
    of_line: list[Numbers] = []
    lines, weights = [], []

    def line(ident: Hashable, found: Iterator[Hashable]) -> int:
        if ident not in known:
            known[ident] = len(known)
            of_line.append(np.array([features.setdefault(each, len(features)) for each in set(found)], np.int32))
        return known[ident]

    for build in failed:
        told = [line(each.template.key, _shingles(each.template)) for each in build.lines]
        heavy = [_weight(each) for each in build.lines]
        if not any(each.near or each.linked for each in build.lines):
            told.append(line(build.face, iter([build.face])))
            heavy.append(FACE)
        lines.append(np.array(told, np.int32))
        weights.append(np.array(heavy))
    often = np.zeros(len(features), int)
    for mine in lines:
        often[_of_lines(of_line, mine)] += 1
    return _Said(lines, weights, of_line, often, np.array([isinstance(each, Face) for each in features]))


def _of_lines(features: Sequence[Numbers], lines: Numbers) -> Numbers:
    return np.concatenate([features[line] for line in lines])


def _weight(line: Unusual) -> float:
    close = 1.0 if line.near or is_console(line.template.file) else _away(line.template)
    return close * (LINKED if line.linked else 1.0) * (KNOWN if line.known else 1.0)


def _away(template: Template) -> float:
    return FAR if moment(template.text.encode(errors="replace")) is not None else UNTIMED


def _shingles(template: Template) -> Iterator[Hashable]:
    """By their hashes, which take less room. A line of what varies alone has none."""
    for run in runs(template.words):
        for start in range(max(1, len(run) - SHINGLE + 1)):
            yield hash((template.file, run[start:start + SHINGLE]))


def _directions(said: _Said, trust: Weights) -> sparse.csr_matrix:
    """A row a build, of length 1 or less: by feature its weight and how rare it is. What it shares with nobody only
    makes the row shorter. A line counts once, however long it is, and a feature of several lines by the heaviest."""
    count, often = len(said.lines), said.often
    total = max(count, FEW)
    rare = np.log((total + 1) / often)
    shared = (often > 1) & ((often <= COMMON * total) | said.faces)
    heaviest = np.zeros(len(often))
    columns, values = [], []
    for lines, weights in zip(said.lines, said.weights, strict=True):
        each = _of_lines(said.features, lines)
        lengths = np.array([len(said.features[line]) for line in lines])
        np.maximum.at(heaviest, each, np.repeat(weights * trust[lines] / np.sqrt(np.maximum(lengths, 1)), lengths))
        found = np.unique(each)
        heavy = heaviest[found] * rare[found]
        heaviest[each] = 0
        kept, alone = shared[found], often[found] == 1
        length = math.sqrt((heavy[kept] ** 2).sum() + (ALONE ** 2) * (heavy[alone] ** 2).sum())
        columns.append(found[kept])
        values.append((heavy[kept] / (length or 1)).astype(np.float32))
    starts = np.cumsum([0, *map(len, columns)])
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(count, len(often)))


def _clusters(directions: sparse.csr_matrix) -> Numbers:
    """By build a label: average linkage. What becomes one group is joined by pairs that are at least as alike as the
    cut, so each part that such pairs hold together is looked at alone."""
    count = directions.shape[0]
    pairs = sparse.coo_matrix((count, count))
    step = max(1, BLOCK // count)
    for start in range(0, count, step):
        alike = (directions[start:start + step] @ directions.T).tocoo()
        kept = alike.data >= 1 - CUT
        block = sparse.coo_matrix((alike.data[kept], (alike.row[kept] + start, alike.col[kept])), shape=(count, count))
        pairs = block if start == 0 else pairs + block
    total, found = sparse.csgraph.connected_components(pairs, directed=False)
    labels = found.astype(int)
    for part in range(total):
        members = np.flatnonzero(labels == part)
        if len(members) > 2:
            labels[members] = labels.max() + _linked(directions[members])
    return labels


def _linked(directions: sparse.csr_matrix) -> Numbers:
    distance = 1 - (directions @ directions.T).toarray()
    np.fill_diagonal(distance, 0)
    tree = linkage(np.clip(squareform(distance, checks=False), 0, 1), "average")
    return fcluster(tree, CUT, "distance").astype(int)


def _trust(said: _Said, labels: Numbers) -> Weights:
    """By line the part of its builds' pairs that lie in one group."""
    counts = [len(lines) for lines in said.lines]
    lines = np.concatenate(said.lines)
    often = sparse.csr_matrix((np.ones(len(lines)), (lines, np.repeat(labels, counts))))
    held = np.asarray(often.sum(1)).ravel()
    together = np.asarray(often.multiply(often).sum(1)).ravel() - held
    return ((together + 1) / (held * (held - 1) + 1)) ** TRUST


def kept_ids(groups: Mapping[int, int], old: Mapping[int, int]) -> dict[int, int]:
    """The groups that keep an id, each that of the old group with which it shares most builds; others are new.

    ``groups`` gives the group's number by build, ``old`` the id that its group had. Of two groups that merge the one
    that gives more builds names the whole, the older where both give as many; where a group splits, the larger part
    keeps the id.
    """
    shared: Counter[tuple[int, int]] = Counter()
    sizes = Counter(groups.values())
    for build, group in groups.items():
        if build in old:
            shared[group, old[build]] += 1
    ids: dict[int, int] = {}
    taken: set[int] = set()
    for (group, ident), _ in sorted(shared.items(), key=lambda each: (-each[1], each[0][1], -sizes[each[0][0]])):
        if group not in ids and ident not in taken:
            ids[group] = ident
            taken.add(ident)
    return ids
