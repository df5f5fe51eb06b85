"""Opens what commands on the history are about: the configuration, its database and its rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from .completion import files
from .starting import ledger, loaded
from .streams import warn

if TYPE_CHECKING:
    from ..files.config import Config
    from ..files.rulebook import RuleBook
    from ..ledger import Ledger

CONFIG = click.option("-c", "--config", "file", metavar="FILE", required=True, shell_complete=files,
                      help="The bot's configuration.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@contextmanager
def opened(file: str) -> Iterator[tuple[Config, Ledger, RuleBook]]:
    """The configuration, its database and its rules. Mistakes in rules are told: the others hold."""
    from ..files.rulebook import RuleBook

    config = loaded(file)
    book = RuleBook(config.rules)
    for mistake in book.mistakes:
        warn(str(mistake))
    with ledger(config) as kept:
        yield config, kept, book
