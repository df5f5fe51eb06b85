"""The command line. Each command is a module of this folder, loaded when it is called: starting must be quick."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Any

import click

from .. import __version__
from .groups import Group
from .streams import failure

COMMANDS = {
    "attach": "Append counters to a job's subunit stream.",
    "backfill": "Read past builds into the history, and tell nobody.",
    "check": "Compare a counters file with the rules, inside a job.",
    "collect": "Print the counters of this node's servers.",
    "config": "Check the configuration, or print what it may hold.",
    "demo": "Show the whole job on loopback servers.",
    "explain": "Print what the bot makes of recorded events.",
    "extract": "Print a subunit stream's attachments.",
    "failures": "List and show failures that no rule explains, and suggest rules.",
    "replay": "Feed recorded events, and return when all is delivered.",
    "rules": "List, validate, test and try rules.",
    "run": "Run the bot.",
    "series": "Show what the history of counters tells.",
    "status": "Tell whether a running or stopped bot is healthy.",
}

EXTRA = frozenset({"alembic", "hyperscan", "irc", "luqum", "numpy", "paramiko", "re2", "scipy",
                   "sqlalchemy", "statsd", "urllib3"})
"""Modules of the extra ``bot``, which the plain install leaves out."""


class Lazy(Group):
    """A group that imports a command's module only when it is needed."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{name}", __package__).command
        return command

    def main(self, *arguments: Any, **options: Any) -> Any:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # "?" for a character that the encoding does not have
        return super().main(*arguments, **options)

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise failure(error) from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in EXTRA:
                raise
            raise click.ClickException(f"this command needs {error.name}, which the plain install leaves out: "
                                       "pip install 'counterbot[bot]'") from error

    def rows(self, _context: click.Context) -> list[tuple[str, str]]:
        """The list above, so that ``--help`` imports nothing."""
        return sorted(COMMANDS.items())


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="counterbot")
def main() -> None:
    """Tells people when a change makes a CI job work harder, or when a job failed by a known bug."""
