"""``counterbot failures show``: one group of failures that no rule explains."""

from __future__ import annotations

import click

from ..completion import files


@click.command()
@click.argument("group", type=int)
@click.option("-c", "--config", "file", metavar="FILE", required=True, shell_complete=files,
              help="The bot's configuration.")
def show(group: int, file: str) -> None:
    """Show a group."""
