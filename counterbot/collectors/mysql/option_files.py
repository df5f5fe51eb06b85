"""Reads option files (``my.cnf``) as the programs of MariaDB and MySQL do. Judges no option's value.

The grammar is that of their ``mysys/my_default.c``, and what a name means is ``mysys/my_getopt.c``'s: MariaDB's mysql
takes names shortened to a unique beginning. What they refuse to read is left out here. ``~/.mylogin.cnf``,
which is scrambled, is not read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import Failed

DEPTH = 10
"""Files that include each other, at most; what lies deeper is not read, as the programs do."""

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}
BEFORE_COMMENT = re.compile(r"""(?:[^#"']|"(?:\\.|[^"\\])*(?:"|\\?$)|'(?:\\.|[^'\\])*(?:'|\\?$))*""")
"""A line up to the first ``#`` outside of quotes."""

USED = ("host", "password", "port", "protocol", "socket", "ssl", "ssl-ca", "ssl-cert", "ssl-key", "ssl-mode",
        "ssl-verify-server-cert", "user")
OTHERS = (
    "help", "histignore", "html", "pager", "pipe", "plugin-dir", "print-defaults", "print-query-on-error",
    "progress-reports", "prompt", "safe-updates", "sandbox", "secure-auth", "select-limit", "server-arg",
    "shared-memory-base-name", "show-warnings", "sigint-ignore", "silent", "skip-auto-rehash", "skip-column-names",
    "skip-line-numbers", "ssl-capath", "ssl-cipher", "ssl-crl", "ssl-crlpath", "syslog", "unbuffered")
"""The client's options that begin like those used here, of MariaDB 10.11 and MySQL 5.7."""

SWITCHES = ("ssl", "ssl-verify-server-cert")
OFF, ON = "0", "1"
PREFIXES = {"loose-": None, "skip-": OFF, "disable-": OFF, "enable-": ON}
"""What may stand before any option's name, and the value that it gives a switch; other options lose theirs to OFF."""


@dataclass(frozen=True)
class Option:
    """``value`` is None where there is no ``=``. ``source`` is the file, for messages."""

    value: str | None
    source: str


def options(paths: Iterable[str], groups: Collection[str]) -> dict[str, Option]:
    """The options of these groups that are in USED, by their full names; of a repeated one the last.

    Files that cannot be read are left out. Raises Failed where a shortened name may mean several.
    """
    return {name: option for written, given in entries(paths, groups) for name, option in _meant(written, given)}


def entries(paths: Iterable[str], groups: Collection[str], depth: int = 0) -> Iterator[tuple[str, Option]]:
    """All options of these groups, in their order, as they are written but with dashes and in small letters."""
    for path in paths:
        group = ""
        with suppress(OSError):
            for line in lines(path):
                if line.startswith("!") and depth < DEPTH:
                    yield from entries(_included(line), groups, depth + 1)
                elif line.startswith("["):
                    group = line[1:].partition("]")[0].rstrip().lower()
                elif group in groups and line and line[0] not in "#;!":
                    name, value = _option(line)
                    yield name, Option(value, path)


def _meant(written: str, option: Option) -> list[tuple[str, Option]]:
    """The option in USED that a name means, if any."""
    found = [written] if written in (*USED, *OTHERS) else [
        name for name in (*USED, *OTHERS) if written and name.startswith(written)]
    if len(found) > 1 and set(found) & set(USED):
        raise Failed(f"{written!r} in {option.source} may mean {' or '.join(sorted(found))}; write the name in full")
    if found:
        return [(found[0], option)] if found[0] in USED else []
    for prefix, value in PREFIXES.items():
        if written.startswith(prefix):
            return [(name, Option(_switched(name, given.value, value), given.source))
                    for name, given in _meant(written.removeprefix(prefix), option)]
    return []


def _switched(name: str, value: str | None, to: str | None) -> str | None:
    """``skip-ssl=0`` is ``ssl``, and ``skip-password`` is no password."""
    if to is None:
        return value
    if name not in SWITCHES:
        return "" if to == OFF else value
    return (ON if to == OFF else OFF) if value == OFF else to


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
    return name.rstrip().replace("_", "-").lower(), value if equals else None
