"""The rules in force, made ready to be matched against the logs of failed builds. Fetches nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

from ..builds.failure import FailureReader
from ..core.model import Build, Later, Reading
from ..core.needs import facts
from ..core.rules import Rule, known_failures
from ..files.rulebook import RuleBook
from ..fingerprints import query
from ..fingerprints.scan import Scanner

SCANNERS = 16
"""Kept ready: one for each set of rules that apply together."""


class KnownFailures:
    """The reader of failed builds. ``book`` has the rules in force."""

    def __init__(self, book: RuleBook, reader: FailureReader) -> None:
        self._book = book
        self._reader = reader

    def read(self, build: Build, seconds: float, *, awaits: bool, only: Collection[str] | None = None
             ) -> Reading | Later:
        """What its failure is known by, within so many seconds; by the rules ``only``, where they are given."""
        rules = [rule for rule in known_failures(self._book.rules, facts(None, build))
                 if only is None or rule.name in only]
        tests = {rule.name: rule.fingerprint.test_ids for rule in rules if rule.fingerprint}
        return self._reader.read(build, scanner(rules), {name: ids for name, ids in tests.items() if ids}, seconds,
                                 awaits=awaits, hits_only=only is not None)


def scanner(rules: Sequence[Rule]) -> Scanner:
    """The queries of rules, ready to be matched."""
    return _scanner(tuple((rule.name, rule.fingerprint.query, rule.fingerprint.allow_nonvoting)
                          for rule in rules if rule.fingerprint))


@lru_cache(SCANNERS)
def _scanner(queries: tuple[tuple[str, str, bool], ...]) -> Scanner:
    parsed = {name: (query.parse(text), nonvoting) for name, text, nonvoting in queries}
    return Scanner({name: each if nonvoting else query.with_voting(each) for name, (each, nonvoting) in parsed.items()})
