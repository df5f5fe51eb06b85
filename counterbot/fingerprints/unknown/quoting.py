"""A phrase in a line's own spelling, as a query quotes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...core.text.excerpt import excerpt
from ..query import parse
from ..words import words

SHOWN = 4000
"""Bytes of a line in which a phrase is looked for."""


def quoted(line: str, phrase: Sequence[str]) -> str | None:
    """The stretch of the line that these words stand for, made fit to stand in quotes; None where the line, as it may
    be shown, does not have it: a part of it looks like a credential.
    """
    gaps = r"[\W_]*?".join(map(re.escape, phrase))
    for found in re.finditer(rf"(?<!\w){gaps}(?!\w)", excerpt(line, SHOWN), re.IGNORECASE):
        if words(found[0]) == list(phrase):
            return _fit(found[0], phrase)
    return None


def plain(said: str) -> str:
    """What stands in quotes, as the line has it."""
    return re.sub(r"\\(.)", r"\1", said)


def either(lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A query for any of these lines: of each its file, and what it says, in quotes' spelling.

    Alternatives stand in parentheses, since AND voting:1 is appended to a query.
    """
    files = {file for file, _ in lines}
    if len(lines) == 1 or len(files) > 1:
        queries = [f'{_all(said)} AND tags:"{file}"' for file, said in lines]
        return queries[0] if len(queries) == 1 else f"({' OR '.join(f'({query})' for query in queries)})"
    messages = [_all(said) if len(said) == 1 else f"({_all(said)})" for _, said in lines]
    return f'({" OR ".join(messages)}) AND tags:"{files.pop()}"'


def _all(said: Iterable[str]) -> str:
    return " AND ".join(f'message:"{text}"' for text in said)


def _fit(text: str, phrase: Sequence[str]) -> str:
    """As it stands where it means nothing else in a query, else its words alone."""
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return " ".join(phrase) if parse(f'message:"{escaped}"').doubts else escaped
