"""``counterbot config``: checks a configuration, tries what it names, and explains its keys."""

from __future__ import annotations

import json

import click

from ..files import config
from ..files.rulebook import RuleBook
from ..files.sample import sample as sample_of
from .completion import files
from .groups import Group
from .progress import progress
from .starting import loaded
from .streams import end_with
from .tables import coloured

DEFAULT = "config.yaml"
WORDS = {True: "ok", False: "FAIL", None: "-"}


@click.group(cls=Group)
def command() -> None:
    """Check the configuration, or print what it may hold."""


@command.command()
@click.argument("file", required=False, shell_complete=files)
@click.option("-c", "--config", "option", metavar="FILE", shell_complete=files,
              help=f"The same as FILE (default: {DEFAULT}).")
@click.option("--try", "tries", is_flag=True, help="Open each file that FILE names, and try Gerrit, Zuul, the logs,"
              " IRC, statsd and the database. Nothing is posted or changed.")
def check(file: str | None, option: str | None, tries: bool) -> None:
    """Print every mistake in FILE; status 1 if there are any.

    Of the files that FILE names, it reads the rules only, if they are there: it warns of mistakes in them, and of
    channels that they tell and FILE does not name. With --try it opens all of them.
    """
    if file is not None and option is not None:
        raise click.UsageError("give the file once: as FILE or with -c")
    path = next(name for name in (file, option, DEFAULT) if name is not None)
    found = loaded(path)
    for doubt in config.doubts(found):
        click.echo(f"warning: {path}: {doubt}", err=True)
    if found.rules.exists():
        book = RuleBook(found.rules)
        for warning in (*(() if tries else book.mistakes), *book.unheard(found.irc.channels if found.irc else ())):
            click.echo(f"warning: {warning}", err=True)
    click.echo(f"{path}: no mistakes")
    if tries:
        raise SystemExit(_tried(found))


def _tried(found: config.Config) -> int:
    """Print a line for each trial, in order; the status."""
    from ..engine.trial import outcomes

    status = 0
    with progress(lambda: "trying the servers"):
        for outcome in outcomes(found):
            word = f"{WORDS[outcome.good]:<4}"
            click.echo(f"{coloured(word, 'red') if outcome.good is False else word}  {outcome.key:<23} {outcome.words}")
            status = status or int(outcome.good is False)
    return status


@command.command()
def sample() -> None:
    """Print a configuration in which every key is explained."""
    click.echo(sample_of(config.Config), nl=False)


@command.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(config.schema(), indent=2))


@command.command("import-elastic-recheck")
@click.argument("file", shell_complete=files)
def import_elastic_recheck(file: str) -> None:
    """Print what the configuration of elastic-recheck's bot is in ours; status 1 if FILE has mistakes.

    FILE is its YAML file of channels and messages, or its INI file, which names that. What has no counterpart becomes a
    comment.
    """
    from ..files.elastic_recheck import imported

    outcome = imported(file)
    if not isinstance(outcome, str):
        end_with(outcome)
    click.echo(outcome, nl=False)
