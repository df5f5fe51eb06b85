"""Reads option files (``my.cnf``) as the programs of MariaDB and MySQL do. Judges no option.

The grammar is that of their ``mysys/my_default.c``; what they refuse to read is left out here. ``~/.mylogin.cnf``,
which is scrambled, is not read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DEPTH = 10
"""Files that include each other, at most; what lies deeper is not read, as the programs do."""

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}
BEFORE_COMMENT = re.compile(r"""(?:[^#"']|"(?:\\.|[^"\\])*(?:"|\\?$)|'(?:\\.|[^'\\])*(?:'|\\?$))*""")
"""A line up to the first ``#`` outside of quotes."""


@dataclass(frozen=True)
class Option:
    """``value`` is None where there is no ``=``. ``source`` is the file, for messages."""

    value: str | None
    source: str


def options(paths: Iterable[str], groups: Collection[str], depth: int = 0) -> dict[str, Option]:
    """The options of these groups by name, with dashes and without ``loose-``; of a repeated one the last.

    Files that cannot be read are left out.
    """
    found: dict[str, Option] = {}
    for path in paths:
        group = ""
        with suppress(OSError):
            for line in lines(path):
                if line.startswith("!") and depth < DEPTH:
                    found |= options(_included(line), groups, depth + 1)
                elif line.startswith("["):
                    group = line[1:].partition("]")[0].rstrip()
                elif group in groups and line and line[0] not in "#;!":
                    name, value = _option(line)
                    found[name] = Option(value, path)
    return found


def lines(path: str) -> list[str]:
    """The lines of a file. Raises OSError where it cannot be read, or everyone may write to it."""
    with open(os.path.expanduser(path), encoding="utf-8", errors="surrogateescape") as file:
        if os.fstat(file.fileno()).st_mode & stat.S_IWOTH:
            raise PermissionError(0, "everyone may write to it; chmod o-w it")
        return [line.strip() for line in file]


def _included(line: str) -> list[str]:
    """The files that a line beginning with ``!`` names."""
    match line[1:].split(None, 1):
        case ["include", path]:
            return [path]
        case ["includedir", folder]:
            return sorted(map(str, Path(folder).glob("*.cnf")))
    return []


def _option(line: str) -> tuple[str, str | None]:
    name, equals, value = BEFORE_COMMENT.match(line)[0].partition("=")  # type: ignore[index]  # matches any line
    value = value.strip()
    if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
        value = value[1:-1]
    value = re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[0]), value)
    return name.rstrip().replace("_", "-").removeprefix("loose-"), value if equals else None
