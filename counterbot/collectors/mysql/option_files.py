"""Reads option files (``my.cnf``) as the programs of MariaDB and MySQL do. Judges no option.

The grammar is that of their ``mysys/my_default.c``. ``~/.mylogin.cnf``, which is scrambled, is not read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from .. import Failed

FOLDERS = ("/etc", "/etc/mysql")
DEPTH = 10
"""Files that include each other, at most; what lies deeper is not read, as the programs do."""

LARGEST = 1 << 20
"""Characters read of one file."""

SPACE = " \t\v\f\r"
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}
DIRECTIVE = re.compile(rf"![{SPACE}]*(includedir|include)[{SPACE}]+(.+)")
BEFORE_COMMENT = re.compile(r"""(?:[^#"']|"(?:\\.|[^"\\])*(?:"|\\?$)|'(?:\\.|[^'\\])*(?:'|\\?$))*""")
"""A line up to the first ``#`` outside of quotes."""


@dataclass(frozen=True)
class Option:
    """One line: the name with dashes and without ``loose-``. ``value`` is None where there is no ``=``."""

    name: str
    value: str | None
    path: str


def default_files(environment: Mapping[str, str]) -> list[str]:
    """Where the programs look, in their order; a file need not exist."""
    home = environment.get("MARIADB_HOME") or environment.get("MYSQL_HOME")
    return [*(f"{folder}/my.cnf" for folder in (*FOLDERS, *filter(None, [home]))), os.path.expanduser("~/.my.cnf")]


def options(paths: Collection[str], groups: Collection[str]) -> dict[str, Option]:
    """The options of these groups by name; of a repeated one the last. Files that cannot be read are left out.

    Raises Failed with the place of what the programs refuse to read, too.
    """
    return {option.name: option for path in paths for option in _file(path, groups, 0)}


def _file(path: str, groups: Collection[str], depth: int) -> Iterator[Option]:
    group = None
    for number, line in enumerate(_lines(path), 1):
        if not line or line[0] in "#;":
            continue
        if line[0] == "!":
            for included in _included(line) if depth < DEPTH else ():
                with suppress(Failed):  # a mistake ends the included file alone
                    yield from _file(included, groups, depth + 1)
        elif line[0] == "[":
            name, bracket, _ = line[1:].partition("]")
            if not bracket:
                raise Failed(f"{path}:{number}: a group begins and does not end; write it as [client]")
            group = name.rstrip(SPACE)
        elif group is None:
            raise Failed(f"{path}:{number}: an option stands before any group; put a line [client] above it")
        elif group in groups:
            yield _option(line, path)


def _lines(path: str) -> list[str]:
    """The lines of a file; none where it cannot be read, or everyone may write to it."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            writable = os.fstat(file.fileno()).st_mode & stat.S_IWOTH
            return [] if writable else [
                line.partition("\0")[0].strip(SPACE) for line in file.read(LARGEST).split("\n")]
    except OSError:
        return []


def _included(line: str) -> list[str]:
    """The files that a line beginning with ``!`` names."""
    found = DIRECTIVE.fullmatch(line)
    if found is None or found[1] == "include":
        return [found[2]] if found else []
    with suppress(OSError):
        return [f"{found[2]}/{name}" for name in sorted(os.listdir(found[2])) if name.endswith(".cnf")]
    return []


def _option(line: str, path: str) -> Option:
    name, equals, value = BEFORE_COMMENT.match(line)[0].partition("=")  # type: ignore[index]  # matches any line
    value = value.strip(SPACE)
    if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
        value = value[1:-1]
    value = re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[0]), value)
    return Option(name.rstrip(SPACE).replace("_", "-").removeprefix("loose-"), value if equals else None, path)
