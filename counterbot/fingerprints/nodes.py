"""What a query asks, as a tree. Knows neither Lucene's syntax nor logs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

MESSAGE = "message"
"""The only field that is analysed: compared word by word. All others are compared whole."""

Value = str | int | float
Fields = Mapping[str, tuple[Value, ...]]
"""What is known of a build, a file or a record: by field its values; several for an array such as ``tags``."""


class Occur(enum.Enum):
    """Lucene's ``BooleanClause.Occur``."""

    MUST = "must"
    SHOULD = "should"
    MUST_NOT = "must not"


@dataclass(frozen=True)
class Words:
    """A term or phrase on MESSAGE: its lower-cased words, which must stand side by side; never empty."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Exact:
    """A field has this value among its values. Numbers are compared as numbers."""

    field: str
    value: str


@dataclass(frozen=True)
class Matches:
    """One whole value of a field, or one whole word of MESSAGE, matches an anchored pattern of RE2."""

    field: str
    pattern: str


@dataclass(frozen=True)
class Within:
    """A value lies in a range; None is open. Text is compared as text, numbers as numbers."""

    field: str
    low: Value | None
    high: Value | None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True)
class Present:
    """The field has any value."""

    field: str


@dataclass(frozen=True)
class Nothing:
    """Matches no record: a clause without a field, since the old index had no ``_all``."""


@dataclass(frozen=True)
class Clauses:
    """Lucene's boolean query. All MUST clauses match and no MUST_NOT clause; without MUST clauses any SHOULD clause.

    Of MUST_NOT clauses alone it matches everything that none of them matches (Elasticsearch's
    ``fixNegativeQueryIfNeeded``).
    """

    clauses: tuple[tuple[Occur, Node], ...]


Node: TypeAlias = Words | Exact | Matches | Within | Present | Nothing | Clauses

EVERYTHING = Clauses(((Occur.MUST_NOT, Nothing()),))
"""Matches each record."""
