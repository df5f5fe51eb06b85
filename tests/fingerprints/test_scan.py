from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.model import Build
from counterbot.fingerprints.engines import Engine, Hyperscan, Re2
from counterbot.fingerprints.fields import of_build
from counterbot.fingerprints.query import parse, with_voting
from counterbot.fingerprints.scan import Scanned, Scanner

from . import old_index

CPU, CONSOLE, SYSLOG = "controller/logs/screen-n-cpu.txt", "job-output.txt", "controller/logs/syslog.txt"
BUILD = of_build(Build("4bb2b5c0ae7f4c4f9f5d8f5a36d4f5c1", "tempest-full", "FAILURE", True, "openstack/nova", "master",
                       "gate", "https://logs.example/1/"))
ENGINES = (Hyperscan, Re2)


def scanner(make_engine: Callable[[Sequence[tuple[str, ...]]], Engine] = Hyperscan, **queries: str) -> Scanner:
    return Scanner({rule: with_voting(parse(query)) for rule, query in queries.items()}, make_engine)


def windows_of(engine: type[Engine], size: int) -> Callable[[Sequence[tuple[str, ...]]], Engine]:
    """An engine that looks at so many bytes at once."""
    def make(phrases: Sequence[tuple[str, ...]]) -> Engine:
        made = engine(phrases)
        made.block = size
        return made
    return make


def found(scanned: Scanned) -> dict[str, tuple[int, int]]:
    return {hit.rule: (hit.line, hit.hits) for hit in scanned.hits}


PATHS = (CPU, CONSOLE, SYSLOG, "logs/screen-cat.txt", "controller/logs/tempest_log.txt", "logs/screen-s-object.txt",
         "logs/libvirtd.txt", "logs/apache/horizon_error.txt", "logs/dsvm-functional-index.txt", "logs/tempest.txt")
QUERIES = {
    "phrase": 'message:"alpha beta"', "word": "message:gamma", "both": 'message:"alpha" AND message:"delta"',
    "either": 'message:"alpha gamma" OR message:"beta delta"', "not": 'message:beta AND NOT message:"gamma delta"',
    "level": 'loglevel:"ERROR" AND message:"beta"', "module": 'module:"nova.compute" AND NOT message:gamma',
    "program": 'syslog_program:"proxy-server" AND message:alpha', "pid": "pid:411", "joined": 'tags:"multiline"',
    "failed": 'tags:"_grokparsefailure" AND message:delta', "wild": "message:al*", "none": "NOT message:alpha",
    "console": 'message:"beta gamma" AND tags:console', "file": "message:alpha AND filename:logs*", "get": 'message:"alpha 404"',
}
HEADS = (
    "2026-11-21 02:07:44.101 | ", "2026-11-21 02:07:44.101 | controller | ", "2026-11-21 02:07:44.101 411 ERROR nova.compute ",
    "2026-11-21 02:07:44,101 411 TRACE nova.api [-] ", "2026-11-21 02:07:44.101 411 DEBUG nova.compute ",
    "2026-11-21 02:07:44.101 412 INFO nova.api ", "2026-11-21 02:07:44.101 WARNING [nova.api] ", "2026-11-21 02:07:44.101 ",
    "Nov 21 02:10:11.123456 node nova-compute[411]: ERROR nova.compute [None req-1] ", "+ ", "<pre>", "    ", "",
    "Nov 21 02:10:11.123456 node nova-compute[411]: DEBUG nova.compute [-] ", "Nov  1 02:10:11 node kernel: ",
    "Nov 21 02:10:11.123456 node nova-compute[411]: INFO nova.api [-] ", "Nov 21 02:10:11.1 node uwsgi[4]: [pid: 1] ",
    "Nov 21 02:10:11 node proxy-server: ", "Nov 21 02:10:11 411 ERROR nova.compute ",
    "2026-11-21 02:07:44.101+0000: 411: error : virThing: ", "[Sat Nov 21 02:07:44 2026] [error] ",
    '10.0.0.1 - - [21/Nov/2026:02:07:44 +0000] "GET /alpha HTTP/1.1" 404 - "-" "beta gamma" ',
)
SEPARATORS = (" ", "  ", ".", "-", "_", " ___ ", "\x1b[01;31m ", "/", "é", ", ", "|", ": ")
ENDS = ("\n",) * 8 + ("\r\n", "\r", "\f", "\u2028", "\n\n")

texts = st.lists(st.tuples(st.sampled_from(("alpha", "BETA", "Gamma", "delta", "alphabet", "ERROR")),
                           st.sampled_from(SEPARATORS)), max_size=4).map(lambda parts: "".join(map("".join, parts)))
lines = st.tuples(st.sampled_from(HEADS), texts, st.sampled_from(ENDS)).map("".join)
logs = st.lists(lines, max_size=25).map("".join).map(str.encode)


@given(st.sampled_from(PATHS), logs, st.integers(16, 400), st.integers(1, 300), st.sampled_from(ENGINES))
@settings(max_examples=400, deadline=None)
def test_the_hits_are_those_of_the_old_index(path: str, data: bytes, window: int, block: int, engine: type[Engine]) -> None:
    scanned = scanner(windows_of(engine, window), **QUERIES).scan(BUILD, path, blocks_of(data, block))
    asked = {rule: with_voting(parse(query)).node for rule, query in QUERIES.items()}
    assert found(scanned) == old_index.hits(asked, BUILD, path, data)


def blocks_of(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at:at + size] for at in range(0, len(data), size))
