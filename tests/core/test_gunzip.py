"""Gzip taken off block by block: members, padding, damage, bombs."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.gunzip import PIECE, unzipped, unzipped_all
from counterbot.core.model import Unreadable

TEXT = b"".join(b"%d lines of a log\n" % n for n in range(20_000))
PACKED = gzip.compress(TEXT)
MIB = 1 << 20


def blocks(data: bytes, size: int = 5000):
    return (data[at : at + size] for at in range(0, len(data), size))


def read(data: bytes, size: int = 5000, packed_limit: int = MIB, unpacked_limit: int = 8 * MIB, how=unzipped) -> bytes:
    return b"".join(how(blocks(data, size), packed_limit=packed_limit, unpacked_limit=unpacked_limit))


def refusal(data: bytes, **limits: int) -> tuple[bytes, str]:
    """What came before the error, and its words."""
    got = []
    with pytest.raises(Unreadable) as error:
        got.extend(unzipped(blocks(data), **{"packed_limit": MIB, "unpacked_limit": 8 * MIB, **limits}))
    return b"".join(got), str(error.value)


@pytest.mark.parametrize("size", [1, 2, 3, 1000, MIB])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (b"\x1f", b"\x1f"),
        (b"plain", b"plain"),
        (b"\x1f\x8c", b"\x1f\x8c"),
        (gzip.compress(b""), b""),
        (gzip.compress(b"a"), b"a"),
        (gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), b"ab"),
        (gzip.compress(b"a") + bytes(3000), b"a"),
        (gzip.compress(b"a") + bytes(5) + gzip.compress(b"b"), b"ab"),
    ],
)
def test_what_comes_out(data, expected, size):
    assert read(data, size) == expected


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300) | st.just(bytes(300_000)), max_size=3), st.sampled_from([1000, 70_000]))
def test_members_are_joined(contents, size):
    assert read(b"".join(map(gzip.compress, contents)), size) == b"".join(contents)


def test_gzipped_twice():
    for data in (TEXT, PACKED, gzip.compress(PACKED)):
        assert read(data, how=unzipped_all) == TEXT
    assert read(gzip.compress(gzip.compress(PACKED)), how=unzipped_all) == PACKED


def test_truncated_anywhere_is_told_after_what_came():
    for end in range(2, len(PACKED), 997):
        got, why = refusal(PACKED[:end])
        assert TEXT.startswith(got)
        assert why == "truncated gzip data: the end is missing"
    assert refusal(PACKED[:-1])[0] == TEXT
    assert refusal(PACKED + PACKED[:5])[0] == TEXT


def test_corrupt_data_is_told():
    flipped = bytearray(PACKED)
    flipped[-6] ^= 1  # in the checksum
    assert refusal(bytes(flipped))[1].startswith("corrupt gzip data")
    assert refusal(b"\x1f\x8brubbish that is no gzip")[1].startswith("corrupt gzip data")


def test_other_data_behind_is_told_after_what_came():
    got, why = refusal(PACKED + b"\xb3 a packet")
    assert got == TEXT
    assert why.startswith("other data stands behind the gzip data")


def test_limits():
    assert read(TEXT, unpacked_limit=len(TEXT), packed_limit=1) == TEXT
    assert read(PACKED, unpacked_limit=len(TEXT), packed_limit=len(PACKED)) == TEXT
    assert refusal(TEXT, unpacked_limit=len(TEXT) - 1)[1] == f"more than {len(TEXT) - 1:,} bytes"
    assert refusal(PACKED, unpacked_limit=9999)[1] == "more than 9,999 bytes when decompressed"
    assert refusal(PACKED, packed_limit=9999)[1] == "more than 9,999 bytes of gzip data"


def test_a_bomb_is_never_in_memory_at_once():
    bomb = gzip.compress(bytes(200 * MIB))
    tracemalloc.start()
    longest = max(map(len, unzipped([bomb], packed_limit=MIB, unpacked_limit=1 << 30)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert longest == PIECE <= MIB
    assert peak < 4 * MIB


def test_plain_blocks_are_cut_too():
    pieces = list(unzipped([bytes(3 * MIB)], packed_limit=1, unpacked_limit=4 * MIB))
    assert max(map(len, pieces)) <= MIB
    assert sum(map(len, pieces)) == 3 * MIB
