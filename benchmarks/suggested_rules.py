"""Suggested rules on generated worlds: what they find of later builds, by the bot's own matcher on raw lines.

Each suggestion is made from so many builds of one kind of failure and so many passing ones, and tried on builds that
were generated afterwards. ``--whole`` has nothing but failures of all kinds: it groups them, and suggests a rule for
each group of three or more. Seeds that the constants were not fixed on tell how good they are.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from failure_worlds import Build, Kind, World, devstack
from harbour import harbour
from printed import machine, show, table
from reduced_worlds import raw, reduced

from counterbot.fingerprints.query import parse
from counterbot.fingerprints.scan import Scanner
from counterbot.fingerprints.unknown.corpus import Corpus
from counterbot.fingerprints.unknown.groups import Face, Failed, grouped, unusual
from counterbot.fingerprints.unknown.suggest import Candidate, Evidence, Search, suggested
from counterbot.fingerprints.unknown.telling import Baseline

PASSING, FAILED = (5, 20, 100), (1, 3, 10)
OTHERS, LATER, LATER_PASSING, LATER_OTHERS = 40, 12, 200, 60
RECALL, FALSE_PASSING, FALSE_OTHERS = 0.6, 0.01, 0.05
"""A good query finds so much of its kind, and no more of passing builds and of other failures."""

FAILURES, OWN, LATER_MIXED, FALSE_WHOLE = 200, 0.35, 150, 0.03


@dataclass(frozen=True)
class Tried:
    """What a suggestion found of later builds. ``root``: its line is the planted one."""

    kind: tuple[str, int, str]
    rank: int
    recall: float
    passing: float
    others: float
    root: bool
    seconds: float
    query: str

    @property
    def good(self) -> bool:
        """Whether it is worth to be used."""
        return self.recall >= RECALL and self.passing <= FALSE_PASSING and self.others <= FALSE_OTHERS


class Oracle:
    """Finds queries in raw lines as the bot does."""

    def __init__(self, queries: Sequence[str]) -> None:
        self._scanner = Scanner({query: parse(query) for query in set(queries)})

    def found(self, build: Build) -> frozenset[str]:
        """The queries that match in a build."""
        return frozenset(hit.rule for path, lines in build.items()
                         for hit in self._scanner.scan({}, path, [raw(lines)]).hits)


def share(query: str, found: Sequence[frozenset[str]]) -> float:
    return sum(query in each for each in found) / max(1, len(found))


class Asked:
    """A world's builds, reduced, from which suggestions are made."""

    def __init__(self, name: str, world: World, seed: int) -> None:
        self.name, self.world, self.seed = name, world, seed
        self.passing = [reduced(world.build(f"{seed}p{at}"), failed=False) for at in range(max(PASSING))]
        self.kinds = [kind for kind in world.kinds if kind.roots]
        self.of_others: list[Kind | None] = [world.kinds[at % len(world.kinds)] if at % 5 else None
                                             for at in range(OTHERS)]
        self.others = [reduced(world.build(f"{seed}o{at}", kind, own=True), failed=True)
                       for at, kind in enumerate(self.of_others)]
        self.failed = {kind.name: [reduced(world.build(f"{seed}{kind.name}t{at}", kind), failed=True)
                                   for at in range(max(FAILED))] for kind in self.kinds}

    def corpus(self, kind: Kind, passing: int, failed: int) -> tuple[Corpus, Evidence]:
        """Of so many builds that passed or failed by a kind, and of others."""
        builds = [*self.failed[kind.name][:failed], *self.passing[:passing],
                  *(each for each, other in zip(self.others, self.of_others, strict=True) if other is not kind)]
        templates = {key: template for build in builds for key, template in build.templates.items()}
        corpus = Corpus(templates, [build.lines for build in builds])
        bounds = failed, failed + passing, len(builds)
        return corpus, Evidence(range(failed), range(*bounds[:2]), range(*bounds[1:]), range(failed))


def pure(name: str, world: World, seed: int) -> tuple[dict[tuple[int, int], list[Tried]], list[float]]:
    """By passing and failed builds, what the suggestions for each kind found; and seconds to build a corpus."""
    asked = Asked(name, world, seed)
    made: dict[tuple[int, int, str], tuple[list[Candidate], float]] = {}
    built = []
    for kind in asked.kinds:
        for passing in PASSING:
            for failed in FAILED:
                start = time.process_time()
                corpus, evidence = asked.corpus(kind, passing, failed)
                built.append(time.process_time() - start)
                start = time.process_time()
                search = Search(corpus, evidence)  # also for fewer builds than a rule is suggested for
                candidates = [search.candidate([clause]) for clause in search.best(range(failed), 3)]
                made[passing, failed, kind.name] = candidates, time.process_time() - start
    queries = [candidate.query for candidates, _ in made.values() for candidate in candidates]
    oracle = Oracle(queries)
    later_passing = [oracle.found(world.build(f"{seed}hp{at}")) for at in range(LATER_PASSING)]
    others = [world.kinds[at % len(world.kinds)] if at % 3 else None for at in range(LATER_OTHERS)]
    later_others = [(kind, oracle.found(world.build(f"{seed}ho{at}", kind, own=True)))
                    for at, kind in enumerate(others)]
    rows: dict[tuple[int, int], list[Tried]] = defaultdict(list)
    for kind in asked.kinds:
        later = [oracle.found(world.build(f"{seed}{kind.name}h{at}", kind)) for at in range(LATER)]
        unlike = [found for other, found in later_others if other is not kind]
        for passing in PASSING:
            for failed in FAILED:
                candidates, seconds = made[passing, failed, kind.name]
                which = name, seed, kind.name
                rows[passing, failed] += [
                    Tried(which, rank, share(each.query, later), share(each.query, later_passing),
                          share(each.query, unlike), kind.names(each.clauses[0].line.text), seconds, each.query)
                    for rank, each in enumerate(candidates)] or [Tried(which, 0, 0, 0, 0, False, seconds, "nothing")]
    return rows, built


def mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else float("nan")


def table_of(rows: Mapping[tuple[int, int], Sequence[Tried]]) -> str:
    body = []
    for (passing, failed), tried in sorted(rows.items()):
        first = [each for each in tried if each.rank == 0]
        some = {each.kind for each in tried if each.good}
        body.append([
            str(passing), str(failed), f"{mean([each.recall for each in first]):.2f}",
            f"{statistics.median(each.recall for each in first):.2f}",
            f"{mean([each.passing for each in first]):.2%}", f"{mean([each.others for each in first]):.2%}",
            f"{mean([each.root for each in first]):.2f}", f"{mean([each.good for each in first]):.2f}",
            f"{len(some) / len(first):.2f}", f"{1000 * mean([each.seconds for each in first]):.0f}"])
    return table(["passing", "failed", "recall", "median", "false, passing", "false, others", "root", "good first",
                  "good in 3", "ms"], body)


def whole(world: World, seed: int, passing: int) -> Counter[str]:
    """Groups of unlabelled failures, and the rule suggested for each, tried on later builds."""
    chance, total = random.Random(seed), Counter[str]()
    passed = [reduced(world.build(f"{seed}p{at}"), failed=False) for at in range(passing)]
    truth = [None if chance.random() < OWN else chance.choices(world.kinds, world.weights)[0] for _ in range(FAILURES)]
    built = [world.build(f"{seed}f{at}", kind, own=True) for at, kind in enumerate(truth)]
    failed = [reduced(build, failed=True) for build in built]
    templates = {key: template for each in (*passed, *failed) for key, template in each.templates.items()}
    start = time.process_time()
    baseline = Baseline([each.lines.keys for each in passed], templates)
    groups = grouped([Failed(Face(*build.face), unusual(each.lines, templates, baseline))
                      for build, each in zip(built, failed, strict=True)])
    corpus = Corpus(templates, [each.lines for each in (*failed, *passed)])
    rules = {}
    for group, count in Counter(groups).items():
        mine = [at for at in range(FAILURES) if groups[at] == group]
        if count >= 3:
            others = [at for at in range(FAILURES) if groups[at] != group]
            rules[group] = suggested(corpus, Evidence(mine, range(FAILURES, FAILURES + passing), others, mine)).rule
    total["seconds"] = round(1000 * (time.process_time() - start))
    oracle = Oracle([rule.query for rule in rules.values() if rule])
    later_passing = [oracle.found(world.build(f"{seed}hp{at}")) for at in range(LATER_MIXED)]
    kinds = [chance.choices(world.kinds, world.weights)[0] if chance.random() > OWN else None
             for _ in range(LATER_MIXED)]
    later = [(kind, oracle.found(world.build(f"{seed}h{at}", kind, own=True))) for at, kind in enumerate(kinds)]
    solved = set()
    for group, rule in rules.items():
        names = Counter(kind.name if (kind := truth[at]) else "" for at in range(FAILURES) if groups[at] == group)
        kind = {each.name: each for each in world.kinds}.get(names.most_common(1)[0][0])
        total["silent"] += not rule
        if not rule:
            continue
        mates = [found for other, found in later if other is kind] or [
            oracle.found(world.build(f"{seed}m{at}", kind)) for at in range(LATER if kind else 0)]
        numbers = (share(rule.query, mates), share(rule.query, later_passing),
                   share(rule.query, [found for other, found in later if other is not kind]))
        good = numbers[0] >= RECALL and numbers[1] <= FALSE_PASSING and numbers[2] <= FALSE_WHOLE
        total["wrong"] += not (kind and good)
        if kind:
            for name, value in zip(("recall", "passing", "others"), numbers, strict=True):
                total[name] += value
            total["tried"] += 1
            if good:
                solved.add(kind.name)
    often = Counter(kind.name for kind in truth if kind and kind.roots)
    total.update(kinds=sum(count >= 3 for count in often.values()), solved=len(solved), asked=len(rules))
    return total


def table_of_whole(rows: Mapping[int, Counter[str]], worlds: int) -> str:
    return table(["passing", "kinds", "solved", "asked", "wrong", "silent", "recall", "false, passing", "false, others",
                  "s"], [
        [str(passing), *(str(total[name]) for name in ("kinds", "solved", "asked", "wrong", "silent")),
         f"{total['recall'] / total['tried']:.2f}", f"{total['passing'] / total['tried']:.2%}",
         f"{total['others'] / total['tried']:.2%}", f"{total['seconds'] / 1000 / worlds:.1f}"]
        for passing, total in rows.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, help="a folder of unpacked packages, whose log statements are read")
    parser.add_argument("--seeds", default="11,12,13")
    parser.add_argument("--whole", action="store_true", help="group first")
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    vocabularies = {"harbour": harbour()} | ({"devstack": devstack(arguments.tree)} if arguments.tree else {})
    parts = []
    for name, vocabulary in vocabularies.items():
        worlds = [(World(vocabulary, seed), seed) for seed in seeds]
        if arguments.whole:
            rows = {passing: sum((whole(*each, passing) for each in worlds), Counter()) for passing in PASSING[1:]}
            parts += [f"World of {name}, {len(seeds) * FAILURES:,} failures, seeds {arguments.seeds}:",
                      table_of_whole(rows, len(worlds))]
        else:
            tried, built = zip(*(pure(name, *each) for each in worlds), strict=True)
            joined = {key: [row for rows in tried for row in rows[key]] for key in tried[0]}
            took = 1000 * mean([seconds for each in built for seconds in each])
            parts += [f"World of {name}, seeds {arguments.seeds}; to build a corpus takes {took:.0f} ms:",
                      table_of(joined)]
    show(machine(), *parts)


if __name__ == "__main__":
    main()
