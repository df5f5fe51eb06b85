"""The failed tests of a subunit version 2 stream: bytes in, names and tracebacks out, in fixed memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from .. import limits
from ..model import FailedTest, Unreadable
from ..text.excerpt import excerpt
from ..text.inert import inert
from .attachments import VERSION_1
from .damage import Damage, Kind, Lost
from .packets import Packets
from .wire import FILE, STATUS, Packet

FAILED = (4, 6)
"""The statuses ``uxsuccess``, of a test that was expected to fail and did not, and ``fail``."""
ENDED = (3, *FAILED, 5, 7)

TRACEBACK = b"traceback"
"""testtools' name for it; those of a test's clean-up are ``traceback-1`` and so on."""

TAGS = re.compile(r"\[(?:[\w.-]+,)*id-[0-9a-f-]{36}(?:,[\w.-]+)*\]$")
"""What Tempest writes behind a test's name, as do its plugins: an idempotent id, and tags."""

LONGEST = 4 << 10
"""Bytes of an id that tell tests apart; one packet may hold an id of 4 MB."""

BRACKETS = re.compile(r"\[.*\]")
"""What subunit2sql takes out of a test's name; elastic-recheck's ``test_ids`` are names of its database."""

LINES, TAIL = 3, 4 << 10
"""Of a traceback that are kept, and the bytes in which they are looked for."""
RUNNING = 1_000
"""Tests that are remembered while they run; a run has a worker for each processor, and each runs one test."""


@dataclass(frozen=True)
class Failed:
    """``names`` of the tests that failed, each once, as they did; ``tests`` are the first of them."""

    names: tuple[str, ...] = ()
    tests: tuple[FailedTest, ...] = ()


def failed_tests(blocks: Iterable[bytes], *, most: int = limits.TESTS,
                 tell: Callable[[Damage], None] = lambda _: None) -> Failed:
    """The first ``most`` tests of a stream whose status is ``fail`` or ``uxsuccess``.

    ``tell`` is called for damage, behind which a failed test may be missing. Raises Unreadable for what is no version
    2 stream, and as Packets does.
    """
    packets = Packets(blocks)
    tails: dict[bytes, bytes] = {}
    failed: dict[str, bytes] = {}
    for item in packets:
        if isinstance(item, Lost):
            if item.kind is not Kind.TEXT:
                tell(item)
        elif item.test_id is not None:
            _take(item, item.test_id[:LONGEST], tails, failed, most)
    if packets.start and not packets.count:
        raise Unreadable("a subunit version 1 stream; subunit-1to2 converts it" if VERSION_1.match(packets.start)
                         else "no subunit version 2 stream: there is no whole packet in it")
    tests = (FailedTest(name, last_lines(tail)) for name, tail in list(failed.items())[: limits.FAILED_TESTS])
    return Failed(tuple(failed), tuple(tests))


def _take(packet: Packet, test_id: bytes, tails: dict[bytes, bytes], failed: dict[str, bytes], most: int) -> None:
    """Keep a running test's traceback, in ``tails``; note one that failed, in ``failed`` with that."""
    if packet.flags & FILE and packet.name == TRACEBACK:
        tails[test_id] = (tails.pop(test_id, b"") + bytes(packet.content or b"")[-TAIL:])[-TAIL:]
        if len(tails) > RUNNING:
            del tails[next(iter(tails))]
    status = packet.flags & STATUS
    if status in ENDED:
        tail = tails.pop(test_id, b"")
        if status in FAILED and len(failed) < most:
            failed.setdefault(name_of(test_id), tail if len(failed) < limits.FAILED_TESTS else b"")


def name_of(test_id: bytes) -> str:
    """A test's name as people know it."""
    return inert(TAGS.sub("", test_id.decode("utf-8", "replace")), limits.TEST_NAME)


def is_among(test: str, failed: Collection[str]) -> bool:
    """Whether a test that a rule asks for is one of those that failed, or one of its scenarios is."""
    asked = TAGS.sub("", test)
    return asked in failed or any(asked == BRACKETS.sub("", name) for name in failed if "[" in name)


def last_lines(traceback: bytes) -> tuple[str, ...]:
    """The last lines of it that are not empty, fit to be shown; the first of them may lack its beginning."""
    lines = [line for line in traceback.decode("utf-8", "replace").splitlines() if line.strip()]
    return tuple(map(excerpt, lines[-LINES:]))
