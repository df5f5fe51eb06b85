"""``counterbot failures``: lists and shows failures that no rule recognises, and suggests rules."""

from __future__ import annotations

import click

from ..groups import Group
from .listing import list_failures
from .showing import show
from .suggesting import suggest


@click.group(cls=Group)
def command() -> None:
    """List and show failures that no rule explains, in groups of alike ones, and suggest rules for them."""


for each in (list_failures, show, suggest):
    command.add_command(each)
