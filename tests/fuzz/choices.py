"""Bytes of a fuzzer -> numbers, choices and cuts, the same for the same bytes. Needs no fuzzer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Takes from the front of ``data``; when it is used up, everything is 0 and empty."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, limit: int) -> int:
        """At least 0, less than ``limit``."""
        width = 1 if limit <= 256 else 2 if limit <= 1 << 16 else 3
        return int.from_bytes(self.take(width), "big") % limit

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.number(len(values))]

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def rest(self) -> bytes:
        return self.take(len(self._data))


def in_blocks(data: bytes, seed: int) -> list[bytes]:
    """``data`` cut at random places, here and there with an empty block between; seed 0 gives single bytes."""
    if seed == 0:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = random.Random(seed)
    blocks, at = [], 0
    while at < len(data):
        size = cuts.choice((0, 1, 2, 7, 64, 300, 5000))
        blocks.append(data[at : at + size])
        at += size
    return blocks


def mutated(data: bytes, choices: Choices) -> tuple[str, int, bytes]:
    """One mutation: its kind, its place and the result. A change is of at most 4 bytes, which no CRC-32 misses."""
    kind = choices.one_of(("changed", "cut", "without", "inserted", "overwritten"))
    at = choices.number(len(data))
    if kind == "changed":
        piece = choices.take(4)
        return kind, at, data[:at] + bytes(map(int.__xor__, data[at:], piece)) + data[at + len(piece) :]
    if kind == "cut":
        return kind, at, data[:at]
    size = 1 + choices.number(2000)
    if kind == "overwritten":
        size = min(1 + size % 60, len(data) - at)
        return kind, at, data[:at] + choices.take(1).ljust(1, b"\0") * size + data[at + size :]
    if kind == "without":
        return kind, at, data[:at] + data[at + size :]
    return kind, at, data[:at] + choices.take(1).ljust(1, b"\0") * size + data[at:]
