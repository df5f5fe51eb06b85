"""Small valid inputs of every target: the samples, and what is made here. Reads tests/samples and queries/."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from ..streams import DOC, odd_streams

TESTS = Path(__file__).parents[1]
SAMPLES = TESTS / "samples"
LARGEST = 30_000
"""Bytes; a fuzzer learns little from more."""

FLAT = b'{"mysql": {"Queries": 12, "Com_select": 1.5e3}, "__meta__": {"delta_seconds": 4, "absent": ["queues.x"]}}'
ODD = b'{"a": {"n": NaN, "b": 1e400, "t": true, "k": 1, "k": 2, "": 3, "s": "x"}, "g": 7,' \
    b' "__meta__": {"failures": {"m": 1}}}'
AGENTS = b'{"services": [{"service": "devstack@n-cpu.service", "MemoryCurrent": 5}], "db": [{"db": "nova",' \
    b' "op": "SELECT", "count": 9}],' \
    b' "processes": [{"cmd": "/bin/x", "rss": 4}], "api": [{"service": "nova", "agent-GET": 3}]}'
RULE = b"title: A\nbug: 7\nwhere: {job: [tempest-*], voting: true}\nbounds:\n  mysql.*: {max: 3}\n" \
    b"cases:\n- given: {counters: {mysql.x: 4}}\n  expect: {over: [mysql.x]}\n- given: {counters: {mysql.x: 1}}\n" \
    b"  expect: within\n"
TREE = b'{"tree": [{"name": "logs", "children": [{"name": "a.gz", "mimetype": "x"}, {"name": ".."}, {"name": "b/c"}]}]}'


def seeds(target: str) -> list[bytes]:
    """The seeds of a target, none larger than LARGEST bytes."""
    return [seed for seed in _SEEDS[target]() if len(seed) <= LARGEST]


def _files(*patterns: str) -> Iterator[bytes]:
    for pattern in patterns:
        yield from (path.read_bytes() for path in sorted(TESTS.parent.glob(pattern)))


def _events() -> Iterator[bytes]:
    for file in _files("tests/samples/contract/events.jsonl", "tests/samples/zuul-14.3/*.jsonl"):
        yield from file.splitlines()
    for file in _files("tests/samples/gerrit/*.json"):
        yield file.replace(b"\n", b" ")


def _subunit() -> Iterator[bytes]:
    """The first byte says how the stream is cut."""
    for number, (_, stream, _) in enumerate(odd_streams()):
        yield bytes([number]) + stream
    yield from (b"\1" + stream for stream in _files("tests/samples/subunit/*.subunit"))


def _choices() -> Iterator[bytes]:
    """Bytes that a target takes for choices."""
    yield from (hashlib.shake_128(bytes([number])).digest(60) for number in range(60))


def _gunzip() -> Iterator[bytes]:
    packed = gzip.compress(DOC, mtime=0)
    yield from (b"\1\0" + stream for stream in (packed, packed * 2, packed + bytes(9), packed[:-3], DOC, b""))
    yield from (bytes([number, 1]) + choices for number, choices in enumerate(_choices()))


def _counters() -> Iterator[bytes]:
    yield from _files("tests/samples/contract/counters.json")
    yield from (FLAT, ODD, FLAT + b"\n" + FLAT, DOC)


def _performance() -> Iterator[bytes]:
    yield AGENTS
    for file in _files("tests/samples/performance/*.json"):
        document = json.loads(file)
        yield json.dumps(document).encode()
        yield json.dumps({section: rows[:2] for section, rows in document.items() if isinstance(rows, list)}).encode()


def _manifest() -> Iterator[bytes]:
    yield from _files("tests/samples/zuul-14.3/zuul-manifest.json")
    yield TREE


def _rules() -> Iterator[bytes]:
    yield from _files("queries/*.yaml", "tests/samples/contract/queries/*.yaml")
    yield RULE


def _config() -> Iterator[bytes]:
    yield from _files("tests/samples/contract/config.yaml", "config.yaml.sample")


LOG = """\
2026-11-21 02:07:44.101337 | TASK [run : tempest]
2026-11-21 02:07:59.2 | controller | {1} tempest.api.compute.test_a.A.test_b[id-7] [12.5s] ... FAILED
2026-11-21 02:07:59.2 | controller | Captured traceback:
2026-11-21 02:07:59.2 | controller |   File "/opt/stack/tempest/tempest/a.py", line 7, in test_b
2026-11-21 02:07:59.2 | controller | Server 4be0643f-1d98-573b-97cd-ca98a65347dd failed: (404) état \x1b[1m漢字
2026-11-21 02:08:00.2 | controller | Ran: 12 tests
Nov 21 02:07:50.1 np0038 nova-compute[411]: DEBUG nova.x [None req-1 demo demo] Lock
  of it
Nov 21 02:07:50.1 np0038 nova-compute[411]: ERROR nova.x [-] [instance: 4be0643f-1d98-573b-97cd-ca98a65347dd] Boom
2026-11-21 02:07:50.123 98512 WARNING nova.x [req-1 demo] at fa:16:3e:aa:bb:cc, fe80::1 took 12.5 seconds
Nov 21 02:07:50 np0038 kernel: [12.5] tap4be0643f-1d: /tmp/x\r
+ lib/nova:init:1
10.0.0.1 - - [21/Nov/2026:02:10:11 +0000] "GET /a HTTP/1.1" 200 7 "-" "-"
""".encode()


def _templates() -> Iterator[bytes]:
    yield from (bytes([number, number * 7]) + LOG for number in range(6))
    yield b"\1\7" + LOG.replace(b"\n", b" ") * 6
    yield from (b"\0\1" + choices for choices in _choices())


_SEEDS = {"events": _events, "subunit": _subunit, "damage": _choices, "one_byte": _choices, "gunzip": _gunzip,
          "counters": _counters, "performance": _performance, "manifest": _manifest, "rules": _rules,
          "config": _config, "templates": _templates}
