"""What templates tell of a query is what the logs would tell, or nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import pytest

from counterbot.core.model import Build
from counterbot.fingerprints.fields import of_build
from counterbot.fingerprints.nodes import Fields
from counterbot.fingerprints.query import BadQuery, Query, parse, with_voting
from counterbot.fingerprints.scan import Scanner
from counterbot.fingerprints.templates.proving import Answer, Proof, Reduced
from counterbot.fingerprints.templates.reading import is_console
from counterbot.fingerprints.templates.reduce import Reducer
from counterbot.fingerprints.templates.vocabulary import Vocabulary
from counterbot.fingerprints.words import words
from tests.fingerprints.real_queries import SAMPLES

CPU, CONSOLE, TEMPEST = "controller/logs/screen-n-cpu.txt", "job-output.txt", "controller/logs/tempest_log.txt"
SYSLOG, PLAIN = "controller/logs/syslog.txt", "controller/logs/screen-barbican-svc.txt"
FIELDS = of_build(Build("4bb2b5c0ae7f4c4f9f5d8f5a36d4f5c1", "tempest-full", "FAILURE", True, "openstack/nova", "master",
                        "gate", "https://logs.example/1/"))


@dataclass
class Raw:
    """A build's logs, and the build as its templates show it."""

    logs: Mapping[str, Sequence[str]]
    build: Reduced
    vocabulary: Vocabulary

    def hits(self, query: Query) -> bool:
        scanner = Scanner({"rule": query})
        return any(scanner.scan(FIELDS, path, [content(lines)]).hits for path, lines in self.logs.items())

    def answer(self, query: Query) -> Answer:
        return Proof(query, self.vocabulary).answer(self.build)


def content(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def raw(*builds: Mapping[str, Sequence[str]], fields: Fields = FIELDS) -> list[Raw]:
    """Builds that share a dictionary, as in the ledger: a kind of line has the text of the first that was seen."""
    reductions, templates = [], {}
    for logs in builds:
        reducer = Reducer(failed=False)
        for path in sorted(logs, key=lambda path: not is_console(path)):
            reducer.take(path, [content(logs[path])])
        reductions.append(reducer.reduction())
        templates = {**reductions[-1].templates, **templates}
    vocabulary = Vocabulary(templates)
    return [Raw(logs, Reduced(fields, reduction.lines.keys), vocabulary)
            for logs, reduction in zip(builds, reductions, strict=True)]


SAID = ("Failed to bind port {id} on host {name}", "Took {n} seconds to spawn the instance", "No valid host was found",
        "Timed out waiting for a reply to message {hex}", "Volume {name} status error", "cell0 is ready, code {n}",
        "Traceback (most recent call last):", '  File "/opt/stack/nova/nova/compute/manager.py", line {n}, in spawn',
        "    raise exception.{kind}", "Lock {kind} acquired by {path} waited {n}", "status: 404 for {id}", "retry",
        "Instance {name} is in error, host {name} status retry", "server {id} failed", "a b", "deadbeef is in bad face",
        "failed to spawn, retry", "reply to bind", "No valid host", "+ sudo systemctl restart nova", "é is no host")
HEADS = {
    CONSOLE: ("2026-11-21 02:07:44.{n:06} | controller | ", "2026-11-21 02:07:44.{n:06} | ", ""),
    CPU: ("Nov 21 02:10:11.123456 host nova-compute[4{n}]: {level} nova.compute.{kind} [None req-{id} admin {name}] ",
          "Nov 21 02:10:11.123456 host nova-compute[4{n}]: {level} nova.virt [-] ",
          "Nov 21 02:10:11.123456 host nova-compute[4{n}]: "),
    TEMPEST: ("2026-11-21 02:10:11.123 {n} {level} tempest.{kind} [-] ", "", ""),
    PLAIN: ("2026-11-21 02:10:11.123 {n} {level} barbican.{kind} [req-{id} demo demo] [instance: {id}] ", ""),
    SYSLOG: ("Nov 21 02:10:11 host systemd[{n}]: ", "Nov 21 02:10:11 host kernel: ",
             "Nov 21 02:10:11 host nova-api[{n}]: {level} nova.{kind} "),
}
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
KINDS = ("Server", "Volume", "Port", "spawn", "error")


def said(random: Random, template: str) -> str:
    kind = random.choice(KINDS)
    digits = f"{random.randrange(16 ** 12):012x}"
    return template.format(
        id=f"{digits[:8]}-{digits[:4]}-4{digits[1:4]}-8{digits[2:5]}-{digits}", n=random.randrange(2000), hex=digits,
        kind=kind, level=random.choice(LEVELS), path=f"/tmp/{random.choice(KINDS)}/{kind}",
        name=f"tempest-{kind}Test-{random.choice(KINDS)}-{random.randrange(10 ** 9)}")


def logs(random: Random) -> dict[str, list[str]]:
    """The logs of a build, each line of a few kinds."""
    kinds = random.sample(SAID, 12)
    return {path: [said(random, random.choice(heads)) + said(random, random.choice(kinds))
                   for _ in range(random.randrange(1, 14))]
            for path, heads in HEADS.items() if random.random() < 0.8}


def phrase(random: Random, lines: Mapping[str, Sequence[str]]) -> str:
    """Words that stand side by side in a file, also across lines, or in no file."""
    path = random.choice(list(lines))
    found = words("\n".join(lines[path])) or ["none"]
    at, count = random.randrange(len(found)), random.choice((1, 2, 3, 3, 4, 6, 9, 12))
    picked = found[at:at + count]
    if random.random() < 0.2:
        random.shuffle(picked)
    return f'message:"{" ".join(picked)}"'


def clause(random: Random, lines: Mapping[str, Sequence[str]]) -> str:
    return random.choice((
        lambda: f'tags:"{random.choice(list(HEADS)).rpartition("/")[2]}"', lambda: 'tags:"console"',
        lambda: f'filename:"{random.choice(list(HEADS))}"', lambda: f"loglevel:{random.choice(LEVELS)}",
        lambda: random.choice(("tags:devstack", "tags:multiline", "message:fail*", "message:tempest*",
                               "node_provider:x", "build_branch:stable*", 'build_name:"tempest-full"',
                               'module:"nova.compute.Server"')),
        lambda: phrase(random, lines), lambda: phrase(random, lines)))()


def query(random: Random, lines: Mapping[str, Sequence[str]]) -> str:
    """A phrase, and what may be asked beside it."""
    parts = [phrase(random, lines)]
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        parts.append(random.choice(("AND ", "AND NOT ", "OR ", "AND ")) + clause(random, lines))
    return " ".join(parts)


def asked(random: Random, lines: Mapping[str, Sequence[str]], count: int) -> Iterator[Query]:
    for _ in range(count):
        try:
            yield with_voting(parse(query(random, lines)))
        except BadQuery:
            continue


@pytest.mark.parametrize("seed", range(12))
def test_what_is_said_of_a_random_query_is_so_in_the_logs(seed: int) -> None:
    random = Random(seed)
    builds = raw(*({CONSOLE: ["2026-11-21 02:07:44.1 | x"]} | logs(random) for _ in range(4)))
    wrong = []
    for build in builds:
        for each in asked(random, build.logs, 60):
            answer = build.answer(each)
            if answer is not Answer.MAYBE and (answer is Answer.YES) is not build.hits(each):
                wrong.append((answer.name, each.text))
    assert wrong == []


REAL = [each["query"] for each in json.loads((SAMPLES / "queries.json").read_text()) if each["last"]]


def test_elastic_rechecks_own_queries_are_decided_without_logs() -> None:
    """In builds without what they ask, and in one that shows all that they ask."""
    random = Random(7)
    shown: dict[str, list[str]] = {}
    for each in REAL:
        tags, texts = (re.findall(rf'{field}:"((?:[^"\\]|\\.)*)"', each) for field in ("tags", "message"))
        name = next((tag for tag in tags if tag.endswith(".txt")), "")
        head = HEADS[CPU][1].replace("{level}", "ERROR") if name else HEADS[CONSOLE][0]
        line = said(random, head) + "; ".join(texts).replace("\\", "")
        shown.setdefault(f"controller/logs/{name}" if name else CONSOLE, []).append(line)
    queries = [with_voting(parse(each)) for each in REAL]
    builds = raw(*({CONSOLE: ["2026-11-21 02:07:44.1 | x"]} | logs(random) for _ in range(9)), shown)
    answers = [[build.answer(each) for build in builds] for each in queries]
    for each, answered in zip(queries, answers, strict=True):
        hits = [build.hits(each) for build in builds]
        assert all(answer is Answer.MAYBE or (answer is Answer.YES) is hit
                   for answer, hit in zip(answered, hits, strict=True)), each.text
    assert len(REAL) == 86
    assert sum(Answer.MAYBE in answered[:-1] for answered in answers) <= 6
    assert sum(answered[-1] is Answer.YES for answered in answers) >= 72
