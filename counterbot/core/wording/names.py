"""Names from outside (jobs, counters, projects) as they may stand in our sentences: inert, and of bounded length."""

from __future__ import annotations

import re

from ..text.inert import inert

_MARKUP = re.compile(r"://|[@<>`\[\]]")
"""What would mention somebody, or become a link or markup."""

NAME = 80
"""Bytes of a name that are shown."""


def name_of(text: str, limit: int = NAME) -> str:
    """A name without markup, at most ``limit`` bytes; ``?`` where nothing is left of it."""
    return inert(_MARKUP.sub("?", text), limit) or "?"
