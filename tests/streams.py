"""Subunit version 2 streams for tests: packets byte by byte, and thirty-one odd streams with what is right."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import chain, zip_longest

NAME = "counters.json"
FLAGS = {"test_id": 0x0800, "route": 0x0400, "stamp": 0x0200, "tags": 0x0080, "mime": 0x0020, "name": 0x0040}
EOF, RUNNABLE, VERSION = 0x0010, 0x0100, 0x2000
DOC = b'{"mysql": {' + b", ".join(b'"Com_%d": %d' % (n, n * 977) for n in range(60)) + b"}}"
OTHER = b'{"queues": {' + b", ".join(b'"queue-%d_publish": %d' % (n, n * 31) for n in range(45)) + b"}}"


def number(value: int) -> bytes:
    for width, (mark, limit) in enumerate(((0, 1 << 6), (0x40, 1 << 14), (0x80, 1 << 22), (0xC0, 1 << 30)), 1):
        if value < limit:
            raw = value.to_bytes(width, "big")
            return bytes([raw[0] | mark]) + raw[1:]
    raise ValueError(value)


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return number(len(raw)) + raw


def framed(flags: int, body: bytes) -> bytes:
    """A packet of these flags and fields, with its length and checksum."""
    width = next(width for width in (1, 2, 3) if len(number(7 + len(body) + width)) == width)
    packet = b"\xb3" + struct.pack(">H", flags) + number(7 + len(body) + width) + body
    return packet + struct.pack(">I", zlib.crc32(packet))


def packet(content=None, *, name=None, test_id=None, mime=None, tags=None, route=None, stamp=None, eof=False, status=0):
    given = {"test_id": test_id, "route": route, "stamp": stamp, "tags": tags, "mime": mime, "name": name}
    flags = VERSION | RUNNABLE | status | EOF * eof
    flags |= sum(FLAGS[field] for field, value in given.items() if value is not None)
    body = b"" if stamp is None else struct.pack(">I", stamp) + number(1000)
    body += b"" if test_id is None else text(test_id)
    body += b"" if tags is None else number(len(tags)) + b"".join(map(text, tags))
    body += b"" if mime is None else text(mime)
    body += b"" if name is None else text(name) + text(content)
    body += b"" if route is None else text(route)
    return framed(flags, body)


def counters(content=DOC, **fields) -> bytes:
    """The packet that collectors write: no test id and no end-of-file mark."""
    return packet(content, **{"name": NAME, "mime": "application/json", **fields})


def chunks(content: bytes, size: int, **fields) -> list[bytes]:
    starts = range(0, len(content), size)
    return [
        counters(content[at : at + size], eof=at == starts[-1], mime=None if at else "a/b", **fields) for at in starts
    ]


def one_test(n: int) -> bytes:
    test_id = f"tempest.api.compute.test_servers.ServersTest.test_case_{n}[id-{n:036}]"
    log = b"".join(
        b"2026-11-20 10:%02d INFO Request (%d): 200 GET /v2.1/servers\n" % (n, line) for line in range(40 + n)
    )
    return b"".join(
        (
            packet(test_id=test_id, stamp=1795000000 + n, status=2),
            packet(log, name="pythonlogging:''", test_id=test_id, mime="text/plain", stamp=1795000001, eof=True),
            packet(b"", name="stdout", test_id=test_id, mime="text/plain", stamp=1795000001, eof=True),
            packet(test_id=test_id, stamp=1795000002 + n, status=3, tags=["worker-1"]),
        )
    )


TESTS = [one_test(n) for n in range(5)]
SOME = b"".join(TESTS)


def changed(data: bytes, at: int, bits: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def woven(*lists: list[bytes]) -> bytes:
    return b"".join(chain.from_iterable(zip_longest(*lists, fillvalue=b"")))


def overlong(whole: bytes) -> bytes:
    """The packet of DOC claiming more content than it holds, with a right checksum."""
    at = whole.index(DOC) - len(number(len(DOC)))
    data = whole[:at] + number(len(DOC) + 400) + DOC
    return data + struct.pack(">I", zlib.crc32(data))


LONG = SOME[:3] + number(16383) + SOME[5:]
HALVES = [counters(DOC[:500], mime=None), counters(DOC[500:], mime=None)]
V1 = b"time: 2026-11-20 10:00:00.000000Z\ntest: a.b\nsuccessful: a.b [ multipart\n]\n"


def odd_streams() -> Iterator[tuple[str, bytes, list[bytes] | None]]:
    """Name, stream and the run-level documents in it; None where they are unreadable."""
    whole, ended = counters(), counters(eof=True)
    decoy = packet(counters(OTHER, eof=True), name="log", test_id="t.z", eof=True)
    yield "plain", SOME + whole, [DOC]
    yield "none", SOME, []
    yield "empty", b"", []
    yield "start", whole + SOME, [DOC]
    yield "eof set", SOME + ended, [DOC]
    yield "chunks with eof", SOME + b"".join(chunks(DOC, 100)), [DOC]
    yield "chunks without eof", SOME + b"".join(HALVES), [DOC]
    yield "empty packet with eof", SOME + whole + counters(b"", eof=True), [DOC]
    yield "between tests", TESTS[0] + ended + b"".join(TESTS[1:]), [DOC]
    yield "of a test", SOME + counters(test_id="t.x", eof=True), []
    yield "woven with a test's", SOME + woven(chunks(DOC, 97), chunks(OTHER, 61, test_id="t.y")), [DOC]
    yield "woven routes", SOME + woven(chunks(DOC, 127, route="0"), chunks(OTHER, 97, route="1")), [DOC, OTHER]
    yield "twice with eof", SOME + ended + counters(OTHER, eof=True), [DOC, OTHER]
    yield "twice without eof", SOME + whole + counters(OTHER), [DOC + OTHER]
    yield "lines of text", b"make: entering\n" + SOME + "noise €\n".encode() + whole, [DOC]
    yield "b3 in text", b"caf\xb3\xb3\x2b\n" + SOME + b"x\xb3y\n" + whole, [DOC]
    yield "b3 in utf-8 text", "\u0433\u0133\n".encode() + SOME + whole, [DOC]
    yield "damaged test packet", changed(SOME, 60) + whole, [DOC]
    yield "damaged counters", SOME + changed(whole, 40), None
    yield "damaged second chunk", SOME + HALVES[0] + changed(HALVES[1], 30, 4), None
    yield "length too long", LONG + whole, [DOC]
    yield "cut in the content", SOME + whole[:-20], None
    yield "cut in the checksum", SOME + whole[:-2], None
    yield "file over the packet's end", SOME + overlong(whole), None
    yield "packet of version 1", b"\xb3\x12\x00\x0a" + bytes(6) + SOME + whole, [DOC]
    yield "packet inside a log", SOME + decoy + whole, [DOC]
    yield "packet inside a damaged log", SOME + changed(decoy, 12) + whole, None  # which is the stream's, nothing tells
    yield "version 1 text", V1, None
    yield "version 1, then version 2", b"test: a.b\nsuccess: a.b\n" + whole, [DOC]
    yield "length zero", b"\xb3\x29\x01\x00" + SOME + whole, [DOC]
    yield "tiny length in three bytes", b"\xb3\x29\x01\x80\x00\x08\n\n" + SOME + whole, [DOC]
