"""A group of commands as click's, but its help is not cut, and for a misspelt command it suggests the right one."""

from __future__ import annotations

import click

from ..core.text.spelling import nearest


class Group(click.Group):
    """Commands with their whole first sentences in the help."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self.rows(context))

    def rows(self, context: click.Context) -> list[tuple[str, str]]:
        """Each command's name and first sentence, which click would cut at the end of the line."""
        found = ((name, self.get_command(context, name)) for name in self.list_commands(context))
        return [(name, command.get_short_help_str(limit=1000)) for name, command in found if command]

    def resolve_command(self, context: click.Context, words: list[str]
                        ) -> tuple[str | None, click.Command | None, list[str]]:
        near = nearest(words[0], self.list_commands(context))
        if near and near != words[0] and not context.resilient_parsing:
            context.fail(f"No such command {words[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(context, words)
