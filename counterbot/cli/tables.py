"""Tables and coloured words as text, for commands that a plain install must be able to run."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence
from itertools import zip_longest

import click

from ..core.text import columns

GAP = "  "


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = (),
          within: int | None = None) -> str:
    """Columns as wide as their widest line, two blanks apart, aligned to the right where ``right`` has their number.

    A cell may have several lines. Columns without any content are left out. ``within`` is the width of the terminal,
    to which lines are wrapped.
    """
    filled = [column for column in range(len(head)) if any(row[column] for row in rows)]
    cells = [[line[column].split("\n") for column in filled] for line in (head, *rows)]
    widths = [max(columns.width(line) for row in cells for line in row[column]) for column in range(len(filled))]
    if within is not None:
        widths = _narrowed(widths, cells, within - len(GAP) * (len(widths) - 1))
        cells = [list(map(_wrapped, row, widths)) for row in cells]
    aligned = [columns.right if column in right else columns.left for column in filled]
    return "\n".join(GAP.join(align(text, width) for align, text, width in zip(aligned, line, widths, strict=True))
                     .rstrip() for row in cells for line in zip_longest(*row, fillvalue=""))


def terminal() -> int | None:
    """The width of standard output in characters; None where it is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _narrowed(widths: Sequence[int], cells: Sequence[Sequence[Sequence[str]]], room: int) -> list[int]:
    """The widest columns are narrowed, at first no further than to their longest words, then to their headings."""
    now = list(widths)
    words = [max(columns.width(word) for row in cells for line in row[column] for word in line.split() or [""])
             for column in range(len(widths))]
    for least in (words, [columns.width(heading) for [heading] in cells[0]]):
        while sum(now) > room and now != least:
            widest = max((column for column in range(len(now)) if now[column] > least[column]), key=now.__getitem__)
            now[widest] -= 1
    return now


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    return [part for line in lines for part in
            ([line] if columns.width(line) <= width else textwrap.wrap(line, width, break_on_hyphens=False))]


def coloured(text: str, colour: str) -> str:
    """In colour, unless ``NO_COLOR`` is set (https://no-color.org); ``click.echo`` drops it where no terminal reads."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)
