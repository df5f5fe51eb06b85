"""Takes gzip off a stream of blocks, in fixed memory. Opens no file and knows nothing of what is inside.

``isal`` and ``zlib-ng`` decompress about three times as fast as the standard library; where one of them
is installed, it is used. What one library reads, all read alike, and what one refuses, all refuse. Only
how much is handed on before a refusal may differ, and of data both corrupt and cut short either may be told:
they look ahead by different lengths.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from ..model import Truncated, Unreadable

MAGIC = b"\x1f\x8b"
SIMPLE = (b"\0", b"\x08")
"""Flags of a header with no field but a name. isal misreads a header's checksum, and fields that a block's end cuts."""

GZIP = 16 + 15  # wbits: a gzip header and check, the largest window
WRAPPED, RAW = 15, -15  # a zlib header and check, and neither
PACKED_PIECE, PIECE = 1 << 16, 1 << 18
"""Bytes taken in and handed on at a time: few enough to be still in the processor's cache when read."""

HOLLOW = 10_000
"""Members without content that may stand in a row; each costs as much time as one of some kilobytes."""

FASTER = "isal.isal_zlib", "zlib_ng.zlib_ng"
"""Than the standard library, the fastest first."""


def _fastest() -> ModuleType:
    for name in FASTER:
        try:
            return import_module(name)
        except ImportError:
            continue
    return zlib


ZLIB = _fastest()


def unzipped(
    blocks: Iterable[bytes], *, packed_limit: int, unpacked_limit: int, library: ModuleType = ZLIB
) -> Iterator[bytes]:
    """The blocks without their gzip, where they begin with its magic, else as they are.

    Appended members are one stream, and zeros behind the last are padding, as gzip(1) has it. No block
    is longer than 1 MiB. ``packed_limit`` (bytes) holds for gzip only, ``unpacked_limit`` for both.
    ``library`` is the standard library's zlib or one of ``FASTER``.
    Raises Unreadable for gzip data that is corrupt (or Truncated), for anything else behind it and for
    too many bytes, or members without any, after what came before has been handed on.
    """
    start, rest = _start(iter(blocks))
    if start != MAGIC:
        yield from _limited(_cut(start, rest, PIECE), unpacked_limit, "")
        return
    packed = _limited(_cut(start, rest, PACKED_PIECE), packed_limit, " of gzip data")
    yield from _limited(_members(packed, library), unpacked_limit, " when decompressed")


def unzipped_all(
    blocks: Iterable[bytes], *, packed_limit: int, unpacked_limit: int, library: ModuleType = ZLIB,
    check: Callable[[], None] = lambda: None
) -> Iterator[bytes]:
    """As :func:`unzipped`, for a file that may be gzipped twice: a ``.gz`` sent with Content-Encoding gzip.

    ``check`` is called before each block of either layer is handed on: much may come of little, and what it
    raises ends the reading.
    """
    once = unzipped(blocks, packed_limit=packed_limit, unpacked_limit=unpacked_limit, library=library)
    twice = unzipped(_checked(once, check), packed_limit=unpacked_limit, unpacked_limit=unpacked_limit, library=library)
    return _checked(twice, check)


def inflated(blocks: Iterable[bytes], *, packed_limit: int, unpacked_limit: int) -> Iterator[bytes]:
    """The blocks without their deflate, in zlib's wrapper (RFC 1950) or raw (RFC 1951): HTTP servers send both.

    No bytes are no deflate data, and give no blocks. Raises Unreadable (or Truncated) as :func:`unzipped` does.
    """
    start, rest = _start(iter(blocks))
    if not start:
        return
    packed = _limited(_cut(start, rest, PACKED_PIECE), packed_limit, " of deflate data")
    yield from _limited(_inflated(packed, WRAPPED if _is_wrapped(start) else RAW), unpacked_limit, " when decompressed")


def _is_wrapped(start: bytes) -> bool:
    """Raw data does not begin so: its low bits 000 would begin a stored block, and then the byte's other bits are 0."""
    return len(start) == len(MAGIC) and start[0] & 0x0f == SIMPLE[1][0] and int.from_bytes(start, "big") % 31 == 0


def _inflated(packed: Iterator[bytes], form: int) -> Iterator[bytes]:
    data = zlib.decompressobj(form)
    for block in packed:
        yield from _unpacked(data, block, zlib, "deflate")
        if data.unused_data:
            raise Unreadable("other data stands behind the deflate data")
    if not data.eof:
        raise Truncated("truncated deflate data: the end is missing")


def _checked(blocks: Iterator[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    for block in blocks:
        check()
        yield block


def _start(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first two bytes, if there are as many, and all the rest."""
    start = b""
    for block in blocks:
        start += block
        if len(start) >= len(MAGIC):
            break

    def rest() -> Iterator[bytes]:
        yield start[len(MAGIC) :]
        yield from blocks

    return start[: len(MAGIC)], rest()


def _cut(start: bytes, rest: Iterator[bytes], size: int) -> Iterator[bytes]:
    """All bytes again, in blocks of at most ``size``; none is empty."""
    for block in rest:
        whole, start = start + block, b""
        if 0 < len(whole) <= size:
            yield whole
        else:
            yield from (whole[at : at + size] for at in range(0, len(whole), size))


def _limited(blocks: Iterator[bytes], limit: int, when: str) -> Iterator[bytes]:
    total = 0
    for block in blocks:
        total += len(block)
        if total > limit:
            raise Unreadable(f"more than {limit:,} bytes{when}")
        yield block


def _members(packed: Iterator[bytes], library: ModuleType) -> Iterator[bytes]:
    member: Any = None
    hollow = 0
    for block in packed:
        # A member at its end would keep, and copy, all padding that is given to it.
        rest = block.lstrip(b"\0") if member is not None and member.eof else block
        while rest:
            if member is None or member.eof:
                member = _next_member(rest, library)
                hollow += 1
                if hollow > HOLLOW:
                    raise Unreadable(f"more than {HOLLOW:,} gzip members without content")
            for piece in _unpacked(member, rest, library):
                hollow = 0
                yield piece
            rest = member.unused_data.lstrip(b"\0")
    if member is None or not member.eof:
        raise Truncated("truncated gzip data: the end is missing")


def _next_member(block: bytes, library: ModuleType) -> Any:
    if block[0] != MAGIC[0]:
        raise Unreadable("other data stands behind the gzip data; append it gzipped, as a member of its own")
    return (library if block[3:4] in SIMPLE else zlib).decompressobj(GZIP)


def _unpacked(member: Any, block: bytes, library: ModuleType, kind: str = "gzip") -> Iterator[bytes]:
    """What the block adds, a piece at a time: a bomb must not be in memory at once."""
    while True:
        try:
            piece = member.decompress(block, PIECE)
        except (zlib.error, library.error) as error:
            raise Unreadable(f"corrupt {kind} data ({error})") from None
        if piece:
            yield piece
        block = member.unconsumed_tail
        if member.eof or (not block and len(piece) < PIECE):
            return
