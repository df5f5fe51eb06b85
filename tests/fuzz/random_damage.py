"""Random streams with counters among tests' packets, and random damage to them, the same for the same seed.

As a script it counts what a reader makes of so many of them: ``python tests/fuzz/random_damage.py 60000``, with
``--beside DIRECTORY`` also what the reader of another checkout makes of the same streams.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
from collections import Counter as Tally
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])

from counterbot.core.model import Unreadable
from counterbot.core.subunit.attachments import Attachment, listing
from tests.streams import DOC, NAME, OTHER, counters, packet

SHORT = b'{"mysql": {"Queries": 12345, "Com_select": 7}}'
DECOY = b'{"decoy": {"n": 1}}'
LINES = b"make: Entering directory 'tempest'\n", b"caf\xb3\xb3\x2b\n", "la petición terminó con 200\n".encode(), b"."


def stream(chance: random.Random) -> tuple[list[bytes], list[bytes]]:
    """The parts of a stream, and the contents of the counters in it."""
    parts, contents = [], []
    for number in range(chance.randrange(2, 8)):
        kind = chance.choice(("test", "test", "live", "document", "chunks", "decoy", "text"))
        if kind in ("test", "live"):
            parts += _test(chance, number, kind == "live")
        elif kind == "text":
            parts.append(chance.choice(LINES))
        elif kind == "decoy":
            inner = b"".join(_document(chance, DECOY, f"d{number}", chance.randrange(5, 30)))
            around = _log(chance, 3)
            parts.append(packet(around + inner + around, name="log", test_id=f"subunit.t{number}", eof=True))
        else:
            content = chance.choice((DOC, OTHER, SHORT))
            step = len(content) if kind == "document" else chance.randrange(10, 400)
            pieces = _document(chance, content, chance.choice((None, f"{number}")), step)
            contents.append(content)
            for index, piece in enumerate(pieces):
                parts += [piece, *(_test(chance, 100 * number + index, True) if chance.random() < 0.1 else [])]
    return parts, contents


def _document(chance: random.Random, content: bytes, route: str | None, step: int) -> list[bytes]:
    """Each chunk has the mime type, as testtools writes it, or the first alone."""
    starts, each = range(0, len(content), step), chance.random() < 0.25
    return [counters(content[at : at + step], route=route, eof=at == starts[-1] and route is None,
                     mime="application/json" if each or at == 0 else None) for at in starts]


def _test(chance: random.Random, number: int, live: bool) -> list[bytes]:
    test_id, route = f"tempest.api.compute.test_{number}[id-{number:08}]", str(number) if live else None
    fields: dict[str, Any] = {"test_id": test_id, "route": route, "stamp": 1795000000 + number}
    log = _log(chance, chance.randrange(40))
    step = 300 if live else max(1, len(log))
    chunks = [packet(log[at : at + step], name="log", mime="text/plain", eof=at + step >= len(log), **fields)
              for at in range(0, max(1, len(log)), step)]
    return [packet(status=2, **fields), *chunks, packet(status=3, tags=["worker-1"], **fields)]


def _log(chance: random.Random, lines: int) -> bytes:
    return b"".join(b"2026-11-20 10:%02d INFO Request (%d): 200 GET /v2.1/servers\n" % (n % 60, chance.randrange(9999))
                    for n in range(lines))


def damaged(good: bytes, chance: random.Random) -> tuple[str, bytes]:
    """The kind of damage, and the stream with it."""
    at, size = chance.randrange(len(good)), chance.choice((1, 2, 4, 30, 100, 512, 1000))
    kind = chance.choice(("byte", "bit", "overwritten", "missing", "inserted", "zeroed", "swapped", "line", "cut out"))
    end = min(len(good), at + size)
    if kind == "byte":
        return kind, good[:at] + chance.randbytes(1) + good[at + 1 :]
    if kind == "bit":
        return kind, good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :]
    if kind == "overwritten":
        over = chance.choice((chance.randbytes(end - at), chance.randbytes(1) * (end - at)))
        return kind, good[:at] + over + good[end:]
    if kind == "missing":
        return kind, good[:at] + good[end:]
    if kind == "cut out":
        return kind, good[:at] + good[chance.randrange(at, len(good)) :]
    if kind == "inserted":
        return kind, good[:at] + chance.choice((chance.randbytes(size), bytes(size))) + good[at:]
    if kind == "zeroed":
        at, size = at // 512 * 512, chance.choice((512, 1024))
        return kind, good[:at] + bytes(min(size, len(good) - at)) + good[at + size :]
    if kind == "line":
        return kind, good[:at] + chance.choice(LINES) + good[at:]
    other = chance.randrange(len(good))
    first, second = sorted((at, other))
    size = min(size, second - first, len(good) - second)
    one, two = good[first : first + size], good[second : second + size]
    return kind, good[:first] + two + good[first + size : second] + one + good[second + size :]


def cases(seeds: range) -> Iterator[tuple[int, str, bytes, bytes, list[bytes]]]:
    """Seed, kinds of damage, the damaged stream and the good one, and the true contents."""
    for seed in seeds:
        chance = random.Random(seed)
        parts, contents = stream(chance)
        good, kinds = b"".join(parts), []
        data = good
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            kind, data = damaged(data or b"\n", chance)
            kinds.append(kind)
        if not is_whole(data, parts):
            yield seed, "+".join(kinds), data, good, contents


def is_whole(data: bytes, parts: list[bytes]) -> bool:
    """Whether it is made of whole parts of the stream: that others are missing, nothing in the format tells."""
    at = 0
    while at < len(data):
        whole = next((part for part in parts if data.startswith(part, at)), None)
        if whole is None:
            return False
        at += len(whole)
    return True


def outcome(core: Any, data: bytes, contents: list[bytes]) -> str:
    """What a reader makes of a stream: "wrong" is a content that is none of the true ones in full."""
    try:
        found = core.documents([data], NAME)
    except core.Unreadable:
        return "unreadable"
    if Tally(found) - Tally(contents):
        return "wrong"
    return "all" if len(found) == len(contents) else "fewer"


def listed(data: bytes) -> set[Attachment]:
    try:
        return set(listing([data]))
    except Unreadable:
        return set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("streams", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--beside", type=Path)
    options = parser.parse_args()
    readers = {"this": _reader("counterbot")}
    if options.beside:
        place = options.beside / "counterbot"
        spec = importlib.util.spec_from_file_location("beside", place / "__init__.py",
                                                      submodule_search_locations=[str(place)])
        sys.modules["beside"] = importlib.util.module_from_spec(spec)
        readers["beside"] = _reader("beside")
    tallies = {name: Tally() for name in readers}
    for seed, kind, data, _, contents in cases(range(options.first, options.first + options.streams)):
        for name, reader in readers.items():
            result = outcome(reader, data, contents)
            tallies[name][result] += 1
            if result == "wrong":
                tallies[name]["wrong: " + kind] += 1
                if name == "this":
                    print("wrong:", seed, kind)
    for name, tally in tallies.items():
        print(name, dict(sorted(tally.items(), key=lambda item: -item[1])))


def _reader(package: str) -> Any:
    """The module with ``documents``, as it is called now or was before."""
    module = importlib.import_module(f"{package}.core.subunit")
    return module if hasattr(module, "documents") else importlib.import_module(f"{package}.core.subunit.attachments")


if __name__ == "__main__":
    main()
