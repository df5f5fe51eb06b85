"""``counterbot series``: the history of counters, and what it shows."""

from __future__ import annotations

import click

from ..groups import Group
from .analysing import analyse
from .listing import list_series, stable_series
from .predicting import predictors
from .showing import show


@click.group(cls=Group)
def command() -> None:
    """Show what the history of counters tells: change points, usual values and bounds."""


for each in (list_series, show, stable_series, predictors, analyse):
    command.add_command(each)
