"""``counterbot failures list``: groups of failures that no rule explains."""

from __future__ import annotations

import click

from ..completion import files


@click.command("list")
@click.option("-c", "--config", "file", metavar="FILE", required=True, shell_complete=files,
              help="The bot's configuration.")
def list_failures(file: str) -> None:
    """Show the groups."""
