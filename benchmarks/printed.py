"""How figures are printed: reStructuredText, to be pasted into docs/figures.rst as it is. Must not measure anything."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """What was measured on, and how busy it was before. Linux only, for /proc."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    name = model[1] if model else platform.machine()
    return (f"{name}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f} before), {platform.system()} "
            f"{platform.release().split('-')[0]}, Python {platform.python_version()}.")


def table(head: list[str], body: list[list[str]]) -> str:
    """A simple table of reStructuredText; all columns but the first to the right."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    ruler = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) if at == 0 else cell.rjust(width)
                       for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
             for row in (head, *body)]
    return "\n".join([ruler, lines[0], ruler, *lines[1:], ruler])


def show(*parts: str) -> None:
    """Paragraphs and tables, one below the other."""
    print("\n\n".join(parts))
