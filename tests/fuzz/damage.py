"""Valid streams made of a fuzzer's choices, and one mutation of each: what is read must be whole.

subunit: attachments that come out are those that were written. gzip: what comes out was put in.
"""

from __future__ import annotations

import gzip
import json
import zlib
from bisect import bisect_right
from collections import Counter as Tally
from dataclasses import dataclass, field
from importlib import import_module
from itertools import accumulate
from types import ModuleType

from counterbot.core.model import Truncated, Unreadable
from counterbot.core.subunit.attachments import Attachment, documents, listing
from counterbot.core.subunit.gunzip import FASTER, unzipped

from ..streams import DOC, NAME, OTHER, counters, packet
from .choices import Choices, in_blocks, mutated
from .claims import in_time, outcome
from .random_damage import is_whole

DECOY = b'{"decoy": {"n": 1}}'
INSIDE = counters(DECOY), counters(DECOY, eof=True)
ROOM = {"packed_limit": 1 << 20, "unpacked_limit": 1 << 20}
LIBRARIES = (zlib, *map(import_module, FASTER))
CONTENTS = (DOC, OTHER, b"", b"{}", json.dumps({"cpu": {str(n): n for n in range(150)}}).encode())

Unzipped = tuple[bytes, type[Unreadable] | None]
"""What came, and the refusal behind it."""


@dataclass
class _Stream:
    """Packets so far, and the documents in them: with an end-of-file mark, and without."""

    packets: list[bytes] = field(default_factory=list)
    ended: list[bytes] = field(default_factory=list)
    unended: list[bytes] = field(default_factory=list)


def damage(data: bytes) -> None:
    """A stream with one mutation: every document and every attachment read is one that was written, whole."""
    choices = Choices(data)
    stream = _built(choices)
    good, written = b"".join(stream.packets), [*stream.ended, *stream.unended]
    assert documents([good], NAME) == written
    listed = Tally(map(_whole, listing([good])))
    kind, at, bad = mutated(good, choices)
    blocks = in_blocks(bad, choices.number(256))
    with in_time(len(bad)):
        found = outcome(lambda: documents(blocks, NAME))
        shown = outcome(lambda: list(listing(blocks)))
    if is_whole(bad, stream.packets) or (kind in ("without", "overwritten") and _leaves_text(stream.packets, at)):
        return
    if bad.endswith(INSIDE):  # a log that is cut right behind a packet: as if the runner was killed, and that appended
        return
    if not isinstance(found, Unreadable):
        assert not Tally(found) - Tally(written), f"a document that nobody wrote: {kind} at {at}"
    if not isinstance(shown, Unreadable):
        more = Tally(map(_whole, shown)) - listed
        assert not more, f"attachments that nobody wrote: {kind} at {at}: {list(more)}"


def one_byte(data: bytes) -> None:
    """A stream with one byte over, lost or other: every document that was written is read, whole, or none is."""
    choices = Choices(data)
    stream = _built(choices)
    good, written = b"".join(stream.packets), [*stream.ended, *stream.unended]
    at, byte = choices.number(len(good)), choices.take(1)
    over, instead, gone = good[:at] + byte + good[at:], good[:at] + byte + good[at + 1 :], good[:at] + good[at + 1 :]
    bad = choices.one_of((over, instead, gone))
    with in_time(len(bad)):
        found = outcome(lambda: documents([bad], NAME))
    assert isinstance(found, Unreadable) or found == written, f"other documents, at {at}"


def _leaves_text(parts: list[bytes], at: int) -> bool:
    """Whether damage begins in text or where a packet does: what it leaves of the next packet may read as text."""
    starts = [0, *accumulate(map(len, parts))]
    part = bisect_right(starts, at) - 1
    return starts[part] == at or not parts[part].startswith(b"\xb3")


def _whole(attachment: Attachment) -> tuple[str | None, str, int, str]:
    return attachment.test_id, attachment.name, attachment.size, attachment.sha256


def _built(choices: Choices) -> _Stream:
    stream = _Stream()
    _test(stream, choices, 0)
    for number in range(1, 2 + choices.number(6)):
        _PARTS[choices.number(len(_PARTS))](stream, choices, number)
    return stream


def _test(stream: _Stream, choices: Choices, number: int) -> None:
    log = b"2026-11-20 INFO request\n" * choices.number(60)
    test_id = f"tempest.api.test_{number}"
    stream.packets += [
        packet(test_id=test_id, stamp=1795000000, status=2),
        packet(log, name="log", test_id=test_id, mime="text/plain", eof=True),
        packet(test_id=test_id, stamp=1795000002, status=3, tags=["worker-1"]),
    ]


def _decoy(stream: _Stream, choices: Choices, number: int) -> None:
    """A log that holds a packet, as that of a test of subunit does."""
    inner = counters(DECOY, eof=bool(choices.number(2)))
    around = b"x" * choices.number(80)
    stream.packets.append(packet(around + inner + around, name="log", test_id=f"t.{number}", eof=True))


def _document(stream: _Stream, choices: Choices, number: int) -> None:
    """In one packet or several, on a route of its own; the last may leave out its end."""
    content, size = choices.one_of(CONTENTS), 1 + choices.number(700)
    ended, route = bool(choices.number(2)), f"{number}"
    pieces = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
    for index, piece in enumerate(pieces):
        last = index == len(pieces) - 1
        mime = "application/json" if index == 0 else None
        stream.packets.append(counters(piece, mime=mime, route=route, eof=last and ended))
    (stream.ended if ended else stream.unended).append(content)


def _text(stream: _Stream, choices: Choices, number: int) -> None:
    stream.packets.append(choices.one_of((b"make: entering\n", "noise €\n".encode(), b"caf\xb3\xb3\x2b\n")))


_PARTS = (_test, _document, _decoy, _text, _document)


def subunit(data: bytes) -> None:
    """Any bytes: the same is read, told and refused, whatever the sizes of the blocks they come in."""
    choices = Choices(data)
    cuts, stream = choices.number(256), choices.rest()
    for read in (_documents, _listing):
        with in_time(len(stream)):
            whole = read([stream])
        with in_time(len(stream)):
            cut = read(in_blocks(stream, cuts))
        assert whole == cut, f"{read.__name__}: {whole} in one block, {cut} in many"


def _documents(blocks: list[bytes]) -> tuple[object, list[str]]:
    told: list[str] = []
    found = outcome(lambda: documents(blocks, NAME, tell=lambda damage: told.append(str(damage))))
    return _comparable(found), told


def _listing(blocks: list[bytes]) -> tuple[object, list[str]]:
    told: list[str] = []
    found = outcome(lambda: list(listing(blocks, tell=lambda damage: told.append(str(damage)))))
    return _comparable(found), told


def _comparable(found: object) -> object:
    return str(found) if isinstance(found, Unreadable) else found


def gunzip(data: bytes) -> None:
    """Any bytes, or members with one mutation: by each library what the standard one gives, in blocks of any size."""
    choices = Choices(data)
    cuts, made = choices.number(256), choices.number(2)
    stream = mutated(_zipped(choices), choices)[2] if made else choices.rest()
    room = {name: choices.one_of((1 << 20, 1 << 20, 1000, 100, 1)) for name in ROOM} if made else ROOM
    for library in LIBRARIES:
        with in_time(len(stream)):
            whole = _unzipped([stream], room, library)
            cut = _unzipped(in_blocks(stream, cuts), room, library)
        _assert_alike(whole, cut)
        if room == ROOM and stream[:2] == b"\x1f\x8b":
            _compare(stream, *whole)


def _assert_alike(whole: Unzipped, cut: Unzipped) -> None:
    """Of data both corrupt and cut short, either may be told: it depends on how much the library looks ahead."""
    assert (whole[1] is None) == (cut[1] is None), f"{whole[1]} in one block, {cut[1]} in many"
    assert whole[0] == cut[0] or (whole[1] and (whole[0].startswith(cut[0]) or cut[0].startswith(whole[0])))


def _zipped(choices: Choices) -> bytes:
    members = [gzip.compress(choices.one_of(CONTENTS) * (1 + choices.number(40)), mtime=0)
               for _ in range(1 + choices.number(3))]
    return b"".join(members) + bytes(choices.one_of((0, 0, 1, 600)))


def _unzipped(blocks: list[bytes], room: dict[str, int], library: ModuleType) -> Unzipped:
    """What came, and the refusal behind it."""
    came: list[bytes] = []
    refusal = outcome(lambda: came.extend(unzipped(blocks, library=library, **room)))
    assert all(0 < len(block) <= 1 << 20 for block in came)
    assert sum(map(len, came)) <= room["unpacked_limit"]
    return b"".join(came), type(refusal) if isinstance(refusal, Unreadable) else None


def _compare(stream: bytes, came: bytes, refusal: type[Unreadable] | None) -> None:
    """With the standard library, a member at a time."""
    whole, rest = b"", stream
    while rest:
        member = zlib.decompressobj(31)
        try:
            whole += member.decompress(rest, ROOM["unpacked_limit"])
        except zlib.error:
            assert refusal, "corrupt for the standard library, and not told"
            return
        if not member.eof:
            assert refusal in (Truncated, Unreadable), "truncated, and not told"
            return
        rest = member.unused_data.lstrip(b"\0")
        if rest and rest[:1] != b"\x1f":
            assert refusal is Unreadable
            return
    assert (came, refusal) == (whole, None), "not what the standard library reads"
