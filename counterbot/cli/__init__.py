"""The command line. Each command is a module of this folder, loaded when it is called: starting must be quick."""

from __future__ import annotations

import os
from importlib import import_module

import click

from .. import __version__

COMMANDS = {
    "attach": "Append counters to a job's subunit stream.",
    "check": "Compare a counters file with the rules, inside a job.",
    "collect": "Print the counters of this node's servers.",
    "config": "Check the configuration, or print what it may hold.",
    "demo": "Show the whole job on loopback servers.",
    "explain": "Tell what the bot makes of recorded events.",
    "extract": "Print a subunit stream's attachments.",
    "replay": "Feed recorded events, and return when all is delivered.",
    "rules": "List, validate and test rules.",
    "run": "Run the bot.",
    "status": "Tell how a running or stopped bot does.",
}


class Lazy(click.Group):
    """A group that imports a command's module only when it is needed."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        try:
            return import_module(f".{name}", __package__).command
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"'{name}' needs {error.name}, which the plain install leaves out: pip install 'counterbot[bot]'"
            ) from error

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise
        except OSError as error:
            if error.filename is None:  # what is still to be written would fail again when the process ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise click.ClickException(f"{error.filename or 'standard output'}: {error.strerror}") from error

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list above, so that ``--help`` imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=Lazy)
@click.version_option(__version__, prog_name="counterbot")
def main() -> None:
    """Tells people when a change makes a CI job work harder, or when a job failed by a known bug."""
