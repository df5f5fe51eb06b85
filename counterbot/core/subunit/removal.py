"""Takes the run-level files of one name out of a subunit version 2 stream; all other bytes stay. Opens no file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from .packets import Packets
from .wire import Packet

Place = tuple[int, int]
"""Offsets in the stream: of a packet's first byte, and of the first one after it."""


def places(blocks: Iterable[bytes], name: str) -> list[Place]:
    """Where the packets of the run-level files of this name stand. Raises Unreadable as :class:`Packets` does."""
    raw = name.encode()
    packets = Packets(blocks, raw)
    return [packets.place for item in packets if isinstance(item, Packet) and item.name == raw]


def without(blocks: Iterable[bytes], left_out: Sequence[Place]) -> Iterator[bytes]:
    """The stream without these places, which are in order."""
    offset, coming = 0, deque(left_out)
    for block in blocks:
        at, end = 0, offset + len(block)
        while coming and coming[0][0] < end:
            first, behind = coming.popleft()
            yield block[at : first - offset]
            if behind > end:
                coming.appendleft((end, behind))
            at = behind - offset
        yield block[at:]
        offset = end
