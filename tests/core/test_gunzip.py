"""Gzip taken off block by block, by each library that may do it: members, header fields, padding, damage, bombs."""

from __future__ import annotations

import gzip
import struct
import zlib
from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.model import Truncated, Unreadable
from counterbot.core.subunit.gunzip import FASTER, HOLLOW, PIECE, unzipped, unzipped_all
from tests.memory import peak_below

pytestmark = pytest.mark.parametrize("library", [zlib, *map(import_module, FASTER)], ids=["zlib", *FASTER])

TEXT = b"".join(b"%d lines of a log\n" % n for n in range(20_000))
PACKED = gzip.compress(TEXT)
LONG = b"".join(b"%d lines of a longer log\n" % n for n in range(250_000))
LONG_PACKED = gzip.compress(LONG)
LOOK_AHEAD = 40_000
"""Packed bytes that a library may take in before it hands on what is in them."""
MIB = 1 << 20
ROOM = {"packed_limit": MIB, "unpacked_limit": 8 * MIB}
CHECKSUM, EXTRA, NAME, COMMENT = 2, 4, 8, 16
"""Flags of a member's header, each for a field; RFC 1952, 2.3.1."""

FIELDS = {EXTRA: b"\6\0XY\2\0\0b", NAME: b"a name.txt\0", COMMENT: b"a comment\0"}


def member(content: bytes, flags: int = 0) -> bytes:
    """A member of gzip with these fields in its header."""
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\3"
    header += b"".join(field for flag, field in FIELDS.items() if flags & flag)
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF) if flags & CHECKSUM else b""
    return header + zlib.compress(content)[2:-4] + struct.pack("<II", zlib.crc32(content), len(content))


def blocks(data: bytes, size: int = 5000):
    return (data[at : at + size] for at in range(0, len(data), size))


def read(data: bytes, library: ModuleType, size: int = 5000, how=unzipped, **limits: int) -> bytes:
    return b"".join(how(blocks(data, size), library=library, **{**ROOM, **limits}))


def outcome(pieces, library: ModuleType, **limits: int) -> tuple[bytes, Unreadable | None]:
    """What came, and the refusal behind it."""
    got = []
    try:
        got.extend(unzipped(pieces, library=library, **{**ROOM, **limits}))
    except Unreadable as error:
        return b"".join(got), error
    return b"".join(got), None


def refusal(data: bytes, library: ModuleType, **limits: int) -> tuple[bytes, str]:
    """What came before the error, and its words."""
    got, error = outcome(blocks(data), library, **limits)
    assert error is not None
    return got, str(error)


@pytest.mark.parametrize("size", [1, 2, 3, 1000, MIB])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (b"\x1f", b"\x1f"),
        (b"plain", b"plain"),
        (b"\x1f\x8c", b"\x1f\x8c"),
        (member(b""), b""),
        (member(b"a"), b"a"),
        (member(b"a") + member(b"") + member(b"b"), b"ab"),
        (member(b"a") + bytes(3000), b"a"),
        (member(b"a") + bytes(5) + member(b"b"), b"ab"),
    ],
)
def test_what_comes_out(library, data, expected, size):
    assert read(data, library, size) == expected


@pytest.mark.parametrize("flags", range(2 * COMMENT))
def test_header_fields_are_passed_over_wherever_a_block_ends(library, flags):
    stream = member(b"first", flags) + member(b"", flags) + bytes(2) + member(b"last", flags)
    for at in range(len(stream) + 1):
        assert outcome([stream[:at], stream[at:]], library) == (b"firstlast", None), f"cut at {at}"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=300) | st.just(bytes(300_000)), max_size=3), st.sampled_from([1000, 70_000]))
def test_members_are_joined(library, contents, size):
    assert read(b"".join(map(gzip.compress, contents)), library, size) == b"".join(contents)


def test_gzipped_twice(library):
    for data in (TEXT, PACKED, gzip.compress(PACKED)):
        assert read(data, library, how=unzipped_all) == TEXT
    assert read(gzip.compress(gzip.compress(PACKED)), library, how=unzipped_all) == PACKED


def test_truncated_anywhere_is_told_after_what_came(library):
    for end in range(2, len(LONG_PACKED), 9973):
        got, why = refusal(LONG_PACKED[:end], library)
        assert LONG.startswith(got)
        assert len(got) >= len(LONG) * (end - LOOK_AHEAD) // len(LONG_PACKED)
        assert why == "truncated gzip data: the end is missing"
    assert refusal(PACKED[:-1], library)[0] == TEXT
    assert refusal(PACKED + PACKED[:5], library)[0] == TEXT


def test_small_members_truncated_anywhere_are_told(library):
    for flags in range(2 * COMMENT):
        first, last = member(b"first", flags), member(b"last", flags)
        for end in range(1, len(last)):
            got, error = outcome([first + last[:end]], library)
            assert b"firstlast".startswith(got)
            assert got.startswith(b"first")
            assert isinstance(error, Truncated)


@pytest.mark.parametrize("from_end", range(1, 9))
def test_a_wrong_checksum_or_size_is_told(library, from_end):
    for data in (PACKED, member(b"a", NAME), member(b"a", CHECKSUM), member(b"a") + member(b"b")):
        flipped = bytearray(data)
        flipped[-from_end] ^= 1
        _, error = outcome(blocks(bytes(flipped)), library)
        assert str(error).startswith("corrupt gzip data")
        assert not isinstance(error, Truncated)


@pytest.mark.parametrize("flags", range(CHECKSUM, 2 * COMMENT, 4))
def test_a_wrong_checksum_of_a_header_is_told(library, flags):
    good = member(b"a", flags)
    damaged = good.replace(struct.pack("<I", 0), struct.pack("<I", 1), 1)  # the time, which nothing else covers
    assert damaged != good
    assert refusal(damaged, library)[1].startswith("corrupt gzip data")


def test_rubbish_is_told(library):
    assert refusal(b"\x1f\x8brubbish that is no gzip", library)[1].startswith("corrupt gzip data")
    assert refusal(b"\x1f\x8b\x08\xe0" + PACKED[4:], library)[1].startswith("corrupt gzip data")  # unknown flags


def test_other_data_behind_is_told_after_what_came(library):
    got, why = refusal(PACKED + b"\xb3 a packet", library)
    assert got == TEXT
    assert why.startswith("other data stands behind the gzip data")


def test_limits(library):
    assert read(TEXT, library, unpacked_limit=len(TEXT), packed_limit=1) == TEXT
    assert read(PACKED, library, unpacked_limit=len(TEXT), packed_limit=len(PACKED)) == TEXT
    assert refusal(TEXT, library, unpacked_limit=len(TEXT) - 1)[1] == f"more than {len(TEXT) - 1:,} bytes"
    assert refusal(PACKED, library, unpacked_limit=9999)[1] == "more than 9,999 bytes when decompressed"
    assert refusal(PACKED, library, packed_limit=9999)[1] == "more than 9,999 bytes of gzip data"


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(bytes(64 * MIB))


def test_a_bomb_is_never_in_memory_at_once(library, bomb):
    with peak_below(4 * MIB):
        longest = max(map(len, unzipped([bomb], packed_limit=MIB, unpacked_limit=1 << 30, library=library)))
    assert longest == PIECE <= MIB


def test_a_bomb_is_refused_at_the_limit(library, bomb):
    got, why = refusal(bomb, library)
    assert ROOM["unpacked_limit"] - PIECE < len(got) <= ROOM["unpacked_limit"]
    assert why == f"more than {ROOM['unpacked_limit']:,} bytes when decompressed"


def test_members_without_content_are_read_up_to_a_limit(library):
    hollow = member(b"") * HOLLOW
    assert read(hollow, library) == b""
    assert read((hollow[: -len(member(b""))] + member(b"a")) * 2, library) == b"aa"
    assert refusal(PACKED + hollow + PACKED, library) == (TEXT, "more than 10,000 gzip members without content")


def test_a_check_is_made_for_each_block_of_either_layer(library):
    checks = []
    padded = gzip.compress(gzip.compress(b"a") + bytes(20 * PIECE))
    assert b"".join(unzipped_all([padded], library=library, check=lambda: checks.append(1), **ROOM)) == b"a"
    assert len(checks) > 20


def test_plain_blocks_are_cut_too(library):
    pieces = list(unzipped([bytes(3 * MIB)], packed_limit=1, unpacked_limit=4 * MIB, library=library))
    assert max(map(len, pieces)) <= MIB
    assert sum(map(len, pieces)) == 3 * MIB


CONTENTS = st.binary(max_size=300) | st.sampled_from([TEXT[:9000], TEXT, bytes(range(256)) * 20, bytes(300_000)])
STREAMS = st.builds(
    lambda members, behind: b"".join(members) + behind,
    st.lists(st.builds(member, CONTENTS, st.integers(0, 2 * COMMENT - 1)), min_size=1, max_size=3),
    st.sampled_from([b"", b"", bytes(700), b"rubbish"]),
)


@st.composite
def damaged(draw) -> bytes:
    """A stream, perhaps with one part of it cut away, overwritten or inserted; often near an end."""
    stream = draw(STREAMS)
    at = draw(st.integers(0, len(stream)) | st.integers(0, 40) | st.integers(max(0, len(stream) - 40), len(stream)))
    without = draw(st.sampled_from([0, 0, 1, 4, 50, len(stream)]))
    return stream[:at] + draw(st.binary(max_size=4)) + stream[at + without :]


@st.composite
def cut(draw, data: bytes) -> list[bytes]:
    """The same data in blocks."""
    ends = sorted(draw(st.lists(st.integers(0, len(data)) | st.integers(0, 60), max_size=6)))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@settings(deadline=None, max_examples=100)
@given(st.data(), damaged())
def test_read_and_refused_as_the_standard_library_does_in_one_block(library, data, stream):
    wanted, wrong = outcome([stream], zlib)
    got, error = outcome(data.draw(cut(stream)), library)
    assert (error is None) == (wrong is None), f"{error}; the standard library: {wrong}"
    assert got == wanted or (error and (wanted.startswith(got) or got.startswith(wanted)))
