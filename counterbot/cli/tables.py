"""Tables as text, for commands that a plain install must be able to run."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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
