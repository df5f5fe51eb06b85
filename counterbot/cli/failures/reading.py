"""Opens what the commands on failures are about: the configuration's ledger, with its failures in groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..opening import opened

if TYPE_CHECKING:
    from ...engine.grouping import Grouper
    from ...files.config import Config


@contextmanager
def grouper(file: str) -> Iterator[tuple[Config, Grouper]]:
    """The configuration, and what groups the failures in its database."""
    from ...engine.grouping import Grouper

    with opened(file) as (config, kept, book):
        yield config, Grouper(kept, book, config.unexplained.days)
