"""The rules in force, made ready to be matched against the logs of failed builds. Fetches nothing itself."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from ..builds.counters import CountersReader
from ..builds.failure import FailureReader
from ..core.model import Build, Later, Reading
from ..core.needs import facts
from ..core.rules import known_failures
from ..files.rulebook import RuleBook
from ..fingerprints.query import Query, ask_counters
from ..fingerprints.scan import Scanner

SCANNERS = 16
"""Kept ready: one for each set of rules that apply together."""


class KnownFailures:
    """The reader of failed builds. ``book`` has the rules in force; ``counters`` is for queries that ask for them."""

    def __init__(self, book: RuleBook, reader: FailureReader, counters: CountersReader) -> None:
        self._book = book
        self._reader, self._counters = reader, counters

    def read(self, build: Build, seconds: float, *, awaits: bool, only: Collection[str] | None = None,
             counters: Reading | None = None) -> Reading | Later:
        """What its failure is known by, within so many seconds; by the rules ``only``, where they are given.

        ``counters`` is what was read of them; None where nobody did.
        """
        queries = self._book.queries
        rules = [rule for rule in known_failures(self._book.rules, facts(None, build))
                 if rule.name in queries and (only is None or rule.name in only)]
        tests = {rule.name: rule.fingerprint.test_ids for rule in rules if rule.fingerprint}
        scanner = _scanner(tuple((rule.name, queries[rule.name]) for rule in rules))
        if not ask_counters(queries[rule.name] for rule in rules):
            counters = None
        elif counters is None:
            look = self._counters.read(build, seconds, awaits=awaits)
            if isinstance(look, Later):
                return look
            counters = look
        return self._reader.read(build, scanner, {name: ids for name, ids in tests.items() if ids}, seconds,
                                 awaits=awaits, counters=counters, hits_only=only is not None)


@lru_cache(SCANNERS)
def _scanner(queries: tuple[tuple[str, Query], ...]) -> Scanner:
    return Scanner(dict(queries))
