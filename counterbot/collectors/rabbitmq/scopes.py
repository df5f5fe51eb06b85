r"""A queue's or exchange's name -> its scope: the part that is the same in every run of a job. Asks no broker.

oslo.messaging names them ``TOPIC``, ``TOPIC.SERVER`` and ``TOPIC_fanout_UNIQUE``, and the queues for
answers ``reply_UNIQUE``; UNIQUE is 32 hexadecimal digits, or ``HOST:PROCESS:NUMBER`` with its option
``use_queue_manager``. With ``rabbit_stream_fanout`` all of a topic share the queue ``TOPIC_fanout``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...core.counters.snapshot import mark

ANY_HOST = r"(?:.*?(_fanout)(?:_.*)?|.*)"
"""What follows a topic that holds dots: nothing, a server, or a fanout's ending, which is a group."""

ROWS = (
    (r"", "default"),  # the exchange without a name
    (r"reply_.*", "reply"),
    (r"amq\.gen-.*", "amq_gen"),
    (r"(amq\..*)", r"\1"),
    (r"(neutron-vo-[A-Za-z]+)-[0-9]+\.[0-9]+" + ANY_HOST, r"\1\2"),  # the object's version changes with Neutron's
    (r"(ironic\.[a-z]+_manager|watcher\.[a-z]+\.[a-z]+)" + ANY_HOST, r"\1\2"),
    (r"(ceilometer-pipe)-.*", r"\1"),
    (r"([^.:@]+?)(?:[.:@].*?)?_fanout(?:_.*)?", r"\1_fanout"),
    (r"([^.:@]+?)[_-](?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:[.:@].*)?", r"\1"),
    (r"([^.:@]+).*", r"\1"),
)
"""Patterns of whole names, of which the first that fits counts, and what the scope is made of."""

LONGEST = 150
"""Characters of a scope; a queue's name has at most 255 bytes, and a counter's 200 characters."""

_STRANGE = re.compile(r"[^A-Za-z0-9_-]")


class Scopes:
    """The rule in ROWS, after the user's ``own`` rows. Raises ValueError for a row that is no pattern and scope.

    ``rules`` is different for different rows.
    """

    def __init__(self, own: Iterable[tuple[str, str]] = (), built_in: Iterable[tuple[str, str]] = ROWS) -> None:
        self._rows = [*map(_row, own), *((re.compile(pattern, re.DOTALL), scope) for pattern, scope in built_in)]
        self.rules = mark(repr([(pattern.pattern, scope) for pattern, scope in self._rows]))

    def of(self, name: str) -> str:
        """The scope: letters, digits, ``_`` and ``-``, at least one. A dot would part a name in Graphite."""
        for pattern, scope in self._rows:
            match = pattern.fullmatch(name)
            if match:
                name = match.expand(scope) if "\\" in scope else scope  # expand parses the scope each time
                break
        return _STRANGE.sub("_", name)[:LONGEST] or "unnamed"


def _row(row: tuple[str, str]) -> tuple[re.Pattern[str], str]:
    pattern, scope = row
    try:
        compiled = re.compile(pattern, re.DOTALL)
        re.sub(f"{pattern}\n|", scope, "")  # matches nothing and so puts the scope together, once
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f"scopes: {pattern!r}: {scope!r} is no pattern and its scope: {error}") from None
    return compiled, scope
