"""Joins packets of subunit version 2 to files, and keeps from them what damage may have taken a part of.

Looks at no bytes, and tells nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..model import Unreadable
from .lost import NEAR, Lost, needle, resembles
from .wire import EOF, Packet, is_run_level

UNFINISHED = 128 << 20
"""Bytes of memory, about, that attachments without an end may take while a stream is listed."""
OVERHEAD = 1000  # of an unfinished attachment besides its names
NAMES = 1 << 14
"""Lost bytes in which names may stand that are remembered, of tests and of others each."""
TEST_ID = NEAR // 2
"""Bytes of a test id that tell it, as far as they are kept of what is lost."""
SPOILED = 32
"""Files of damaged packets that are remembered, each until it, or what damage made its name, begins."""


@dataclass
class Room:
    """Bytes of memory still to be given away; raises Unreadable with ``refusal`` when there are no more."""

    left: int
    refusal: str

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Unreadable(self.refusal)


class Data(Protocol):
    """What is kept of an attachment's content."""

    def add(self, content: memoryview) -> None: ...


D = TypeVar("D", bound=Data)
Key = tuple["bytes | None", "bytes | None", "bytes | None"]


@dataclass
class File(Generic[D]):
    """An attachment in the making. ``broken``: damage may have taken a part of it. ``weight``: bytes of memory."""

    key: Key
    data: D
    weight: int
    mime: bytes | None = None
    broken: bool = False


class Files(Generic[D]):
    """Iterating gives files as they are complete, and what was lost between.

    The key of a file is route code, test id and name. ``open`` are those whose end did not come yet;
    with ``keep`` the whole ones count as kept in memory too. A file that may have begun in what was lost
    is broken, and ``doubtful`` is the last such loss.
    """

    def __init__(self, packets: Iterable[Packet | Lost], new: Callable[[], D], keep: bool = False) -> None:
        self.open: dict[Key, File[D]] = {}
        self.doubtful: Lost | None = None
        self._packets, self._new, self._keep = packets, new, keep
        self._room = Room(UNFINISHED, "too many attachments without an end")
        self._losses = _Losses()
        self._spoiled: deque[tuple[Key, Lost]] = deque(maxlen=SPOILED)
        self._just_lost: Lost | None = None

    def __iter__(self) -> Iterator[File[D] | Lost]:
        for item in self._packets:
            if isinstance(item, Lost):
                self._losses.add(item)
                self._just_lost = item
                yield item
                continue
            key = item.key
            file = self.open.get(key) or self._begun(key, item)
            file.mime = item.mime if file.mime is None else file.mime
            file.data.add(item.content)
            self._just_lost = None
            if item.flags & EOF:
                self._close(key)
                if not file.broken:
                    yield file
        yield from (file for file in self.open.values() if not file.broken)

    def spoil(self, packet: Packet, lost: Lost) -> bool:
        """Have the file of a damaged packet broken; whether it was not."""
        if packet.key not in self.open:
            self._spoiled.append((packet.key, lost))
        file = self.open.get(packet.key) or self._new_file(packet.key)
        whole, file.broken = not file.broken, True
        if packet.flags & EOF:
            self._close(packet.key)
        return whole

    def _begun(self, key: Key, packet: Packet) -> File[D]:
        file = self._new_file(key)
        loss = self._losses.with_start_of(packet) or self._spoiled_by(key) if self._losses.any else None
        if loss is not None:
            file.broken, self.doubtful = True, loss
        return file

    def _spoiled_by(self, key: Key) -> Lost | None:
        """The damage to a packet that may have been this file's first."""
        if self._just_lost is not None and stands_in(key, self._just_lost.names):
            return self._just_lost
        known = next((known for known in self._spoiled if differ_by_a_byte(known[0], key)), None)
        if known is None:
            return None
        self._spoiled.remove(known)
        return known[1]

    def _new_file(self, key: Key) -> File[D]:
        weight = OVERHEAD + sum(map(len, filter(None, key)))
        self._room.take(weight)
        file = self.open[key] = File(key, self._new(), weight)
        return file

    def _close(self, key: Key) -> None:
        file = self.open.pop(key, None)
        if file is not None and not self._keep:
            self._room.left += file.weight


def stands_in(key: Key, names: bytes) -> bool:
    """Whether lost bytes name a file, or its test as far as they are kept."""
    _, test_id, name = key
    return needle(name or b"") in names or (test_id is not None and test_id[:TEST_ID] in names)


def differ_by_a_byte(damaged: Key, key: Key) -> bool:
    """Whether one damaged byte may make the first key of the second: in a name, or before the route code."""
    if damaged[1:] == key[1:]:
        return damaged[0] != key[0]
    pairs = [(one or b"", other or b"") for one, other in zip(damaged, key, strict=True) if one != other]
    return all(len(one) == len(other) for one, other in pairs) and \
        sum(a != b for one, other in pairs for a, b in zip(one, other, strict=True)) == 1


class _Losses:
    """What is remembered of lost bytes, in fixed memory, for files that may have begun in them."""

    def __init__(self) -> None:
        self.any = False
        self._last: Lost | None = None
        self._last_of_a_run: Lost | None = None
        self._names = self._names_of_tests = b""

    def add(self, lost: Lost) -> None:
        self.any, self._last = True, lost
        if lost.of_a_test:
            self._names_of_tests += lost.names[: NAMES - len(self._names_of_tests)]
        else:
            self._last_of_a_run = lost
            self._names += lost.names[: NAMES - len(self._names)]

    def with_start_of(self, packet: Packet) -> Lost | None:
        """A loss in which the file of this packet may have begun.

        That is where it comes without the mime type that a file's first packet has; or where a run-level
        file's name is among the bytes lost.
        """
        run_level = is_run_level(packet)
        loss = self._last_of_a_run if run_level else self._last
        if loss is not None and packet.mime is None:
            return loss
        return self._last if run_level and self._hold(packet.name or b"") else None

    def _hold(self, name: bytes) -> bool:
        """Whether lost bytes may have been a packet of this run-level file; where they were too many, of any."""
        if NAMES in (len(self._names), len(self._names_of_tests)):
            return True
        return needle(name) in self._names_of_tests or resembles(self._names, name)
