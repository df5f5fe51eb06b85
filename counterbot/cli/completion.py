"""What the shell completes where a name of a file or folder stands: without this, nothing."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def files(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(begun, type="file")]


def folders(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(begun, type="dir")]
