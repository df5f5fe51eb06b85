"""Reads the rules that a command is about."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ...files.reader import Mistake
from ...files.rulebook import RuleBook
from ..completion import files

PATHS = click.argument("paths", metavar="[DIR|FILE]...", nargs=-1, shell_complete=files)
ALLOW_NONE = click.option("--allow-none", is_flag=True, help="A folder without rules is no mistake.")


def book_of(paths: Sequence[str], allow_none: bool) -> tuple[RuleBook, tuple[Mistake, ...]]:
    """The rules, and the mistakes in them."""
    book = RuleBook(*(paths or ["queries/"]))
    return book, (*book.mistakes, *(() if allow_none else book.empty()))
