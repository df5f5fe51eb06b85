"""Subunit streams to be read: as jobs write them, of any size, and those that are to make reading dear.

The same bytes at every call. Reads and measures nothing; packets are those of ``tests/streams.py``.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tests.streams import NAME, changed, counters, packet, text

SHAPES = "last", "live"
"""``stestr last --subunit`` writes each log as one packet; a running test writes it in chunks, four tests woven."""

CHUNK, WORKERS = 4096, 4
LOG = 11_000
"""Bytes of a test's log: with that 100 MB have about 8,000 tests, as a whole Tempest run."""

SERVICES = "compute", "network", "volume", "image", "identity", "placement"
THINGS = "servers", "flavors", "networks", "ports", "volumes", "snapshots", "images", "projects", "users", "routers"
STATUSES = 200, 201, 202, 204, 404

STARTED, PASSED, START = 2, 3, 1_795_000_000
DOCUMENT = json.dumps({"mysql": {f"Com_{number}": number * 977 for number in range(60)}}).encode()


def write(path: Path, megabytes: int, shape: str) -> Path:
    """A stream of about so many MB (10^6 bytes), the counters at its end; gzipped where the path ends in .gz."""
    with gzip.open(path, "wb", 6) if path.suffix == ".gz" else path.open("wb") as out:
        _write(out, megabytes * 1_000_000, shape)
        out.write(counters(DOCUMENT))
    return path


def _write(out: BinaryIO, size: int, shape: str) -> None:
    chance, tests = random.Random(1), iter(range(1_000_000))
    lanes = [_test(next(tests), chance, shape) for _ in range(WORKERS)]
    written = 0
    while written < size:
        at = chance.randrange(WORKERS)
        for data in lanes[at]:
            written += out.write(data)
            if shape == "live":
                break
        else:
            lanes[at] = _test(next(tests), chance, shape)
    for data in (data for lane in lanes for data in lane):
        out.write(data)


def _test(number: int, chance: random.Random, shape: str) -> Iterator[bytes]:
    """The packets of one test: it starts, its log, two empty files, it ends."""
    worker = number % WORKERS
    fields = {
        "test_id": f"tempest.api.compute.servers.test_servers.ServersTestJSON.test_case_{number}"
                   f"[id-{chance.getrandbits(128):032x}]",
        "route": str(worker) if shape == "live" else None,
        "stamp": START + number,
    }
    yield packet(status=STARTED, **fields)
    log = _log(chance, int(chance.lognormvariate(0, 0.8) * LOG / 1.38))
    for name, content in (("pythonlogging:''", log), ("stderr", b""), ("stdout", b"")):
        step = CHUNK if shape == "live" else max(1, len(content))
        for at in range(0, max(1, len(content)), step):
            yield packet(content[at : at + step], name=name, mime='text/plain;charset="utf8"',
                         eof=at + step >= len(content), **fields)
    yield packet(status=PASSED, tags=[f"worker-{worker}"], **fields)


def _log(chance: random.Random, size: int) -> bytes:
    """Lines of requests and answers, which gzip packs about 7:1 and unpacks as fast as Tempest's own."""
    lines, have = [], 0
    while have < size:
        thing, service = chance.choice(THINGS), chance.choice(SERVICES)
        made, project, request = (f"{chance.getrandbits(128):032x}" for _ in range(3))
        at = f"2026-11-21 02:{chance.randrange(60):02}:{chance.randrange(60):02},{chance.randrange(1000):03}"
        url = f"http://10.0.0.{chance.randrange(1, 9)}/{service}/v2.1/{thing}"
        lines.append(
            f"{at} {91100 + chance.randrange(9)} INFO [tempest.lib.common.rest_client] Request "
            f"({thing.title()}TestJSON:test_case): {chance.choice(STATUSES)} POST {url} {chance.random():.3f}s\n"
            f"{at} 91117 DEBUG [tempest.lib.common.rest_client] Request - Headers: {{'Content-Type': "
            f"'application/json', 'Accept': 'application/json', 'X-Auth-Token': '<omitted>'}}\n"
            f'        Body: {{"{thing}": {{"name": "tempest-{thing}-{chance.getrandbits(30)}", '
            f'"project_id": "{project}"}}}}\n'
            f"    Response - Headers: {{'content-type': 'application/json', 'content-length': "
            f"'{chance.randrange(2000)}', 'x-compute-request-id': 'req-{request}'}}\n"
            f'        Body: b\'{{"{thing}": {{"id": "{made}", "status": "ACTIVE", "links": [{{"rel": "self", '
            f'"href": "{url}/{made}"}}]}}}}\'\n')
        have += len(lines[-1])
    return "".join(lines)[:size].encode()


def hostile(size: int) -> Iterator[tuple[str, bytes]]:
    """Name and stream, each of about ``size`` bytes before gzip, that cost more than what jobs write."""
    status = packet(test_id="tempest.api.test_servers.Servers.test_case", status=PASSED, stamp=START)
    log = packet(bytes(range(32, 127)) * 20, name="log", test_id="t.case", mime="text/plain", eof=True)
    end = b"\n" + counters(DOCUMENT)

    def filled(*pieces: bytes) -> bytes:
        return b"".join(pieces) * (size // sum(map(len, pieces)))

    def numbered(piece: Callable[[int], bytes]) -> bytes:
        return b"".join(map(piece, range(size // len(piece(10_000)))))

    yield "lines of text between packets of 2 kB", filled(log, b"make: Entering directory 'tempest'\n") + end
    yield "lines of text between packets of 60 bytes", filled(status, b"make: Entering directory 'tempest'\n") + end
    spanish = "la petición terminó con código 200, falló el intento\n".encode()  # its ó has a packet's first byte
    yield "lines of Spanish in UTF-8", filled(spanish) + end
    yield "a dot before every packet of 60 bytes", filled(b".", status) + end
    yield "text alone", filled(b"make: Entering directory 'tempest'\n")
    yield "version 1", filled(b"time: 2026-11-21 10:00:00.000000Z\ntest: a.b\nsuccessful: a.b [ multipart\n]\n")
    yield "bad checksum in every packet of 2 kB", filled(changed(log, 60)) + end
    yield "bad checksum in every packet of 60 bytes", filled(changed(status, 20)) + end
    yield "every packet of 2 kB cut", filled(log[:-5]) + end
    yield "false starts of 6 bytes", filled(b"\xb3\x29\x01\x80\xff\xff") + end
    yield "false starts of 4 bytes", filled(b"\xb3\x28\x00\x3f") + end
    for claimed in (100, 5_000, 1_000_000, 4_000_000):
        yield f"false starts whose fields fit, of {claimed:,} bytes", filled(_false_start(claimed)) + end
    yield "signatures alone", filled(b"\xb3") + end
    yield "random bytes", random.Random(2).randbytes(size) + end
    yield "a bomb: zeros, gzipped 1000:1", gzip.compress(bytes(size))
    yield "files without an end", numbered(lambda number: packet(b"x" * 200, name=f"file-{number}"))
    yield "counters in chunks of 64 bytes", filled(packet(b"x" * 64, name=NAME)) + end
    yield "packets of 60 bytes, all good", filled(status) + end
    yield "packets of 8 bytes, all good", filled(packet()) + end
    yield "empty files of the run, 11 bytes each", filled(packet(b"", name="x", eof=True)) + end
    yield "900 tags in every packet", filled(packet(b"x", name="f", tags=["a"] * 900)) + end


def _false_start(claimed: int) -> bytes:
    """The start of a file's packet whose fields fill the claimed length exactly."""
    head = b"\xb3\x28\x40" + _three_octets(claimed) + text("t") + text("f")
    return head + _three_octets(claimed - len(head) - 3 - 4)


def _three_octets(value: int) -> bytes:
    return (value | 0x800000).to_bytes(3, "big")
