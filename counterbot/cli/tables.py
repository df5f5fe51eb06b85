"""Tables as text, for commands that a plain install must be able to run."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..core.text import columns


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Columns as wide as their widest cell, two blanks apart; those in ``right`` stand to the right."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(columns.width(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(
        columns.right(cell, width) if column in right else columns.left(cell, width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip() for line in lines)
