"""Tables and coloured words as text, for commands that a plain install must be able to run."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import click

from ..core.text import columns


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Columns as wide as their widest cell, two blanks apart, aligned to the right where ``right`` has their number.

    Those without any content are left out.
    """
    filled = [column for column in range(len(head)) if any(row[column] for row in rows)]
    widths = {column: max(columns.width(line[column]) for line in (head, *rows)) for column in filled}
    return "\n".join("  ".join(
        (columns.right if column in right else columns.left)(line[column], width)
        for column, width in widths.items()).rstrip() for line in (head, *rows))


def coloured(text: str, colour: str) -> str:
    """In colour, unless ``NO_COLOR`` is set (https://no-color.org); ``click.echo`` drops it where no terminal reads."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)
