"""``counterbot rules``: lists, validates, tests, tries and suggests rules, and prints their JSON Schema."""

from __future__ import annotations

import json

import click

from ...files.rulekeys import schema as schema_of_rules
from ..groups import Group
from .checking import check, test
from .listing import list_rules
from .suggesting import suggest
from .trying import try_rules


@click.group(cls=Group)
def command() -> None:
    """List, validate, test and try rules: those in files, and in folders (default: queries/)."""


@command.command()
def schema() -> None:
    """Print the JSON Schema of a rule's file, for editors."""
    click.echo(json.dumps(schema_of_rules(), indent=2))


for each in (list_rules, check, test, try_rules, suggest):
    command.add_command(each)
