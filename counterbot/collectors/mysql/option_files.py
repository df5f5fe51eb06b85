"""Option files (``my.cnf``) -> options, read as the programs of MariaDB and MySQL read them. Judges no option.

The grammar is that of their ``mysys/my_default.c``, which works on bytes: a byte is a character of Latin-1
here, and a value becomes UTF-8 in the end. ``~/.mylogin.cnf``, which is scrambled, is not read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.text.inert import inert
from .. import Failed

FOLDERS = ("/etc", "/etc/mysql")
DEPTH = 10
"""Files that include each other, at most; what lies deeper is passed over, as the programs do."""

LARGEST = 1 << 20
"""Bytes read of one file."""

PATH = 300
"""Bytes of a path in a message."""

SPACE = " \t\n\v\f\r\xa0"
SIGNS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}
DIRECTIVE = re.compile(rf"![{SPACE}]*(includedir|include)(?:[{SPACE}](.*))?", re.DOTALL)


@dataclass(frozen=True)
class Option:
    """One line: the name with dashes and without ``loose-``. ``value`` is None where there is no ``=``."""

    name: str
    value: str | None
    path: str


def default_files(environment: Mapping[str, str]) -> list[str]:
    """Where the programs look, in their order; a file need not exist."""
    home = environment.get("MARIADB_HOME") or environment.get("MYSQL_HOME")
    folders = [*FOLDERS, *([home] if home else [])]
    return [*(os.path.join(folder, "my.cnf") for folder in folders), os.path.expanduser("~/.my.cnf")]


def options(paths: Collection[str], groups: Collection[str]) -> dict[str, Option]:
    """The options of these groups by name; of a repeated one the last. Files that are not there are passed over.

    Raises Failed with the place of what the programs, too, refuse to read.
    """
    return {option.name: option for path in paths for option in _file(path, groups, 0)}


def shown(path: str) -> str:
    """A path for a message, which is one line."""
    return inert(path, PATH)


def _file(path: str, groups: Collection[str], depth: int) -> Iterator[Option]:
    group = None
    for number, text in enumerate(_lines(path), 1):
        line = text.partition("\0")[0].lstrip(SPACE)
        if not line or line[0] in "#;":
            continue
        if line[0] == "!":
            for include in _included(line, f"{shown(path)}:{number}") if depth < DEPTH else ():
                with suppress(Failed):  # a mistake ends the file it is in; the programs go on with the one above
                    yield from _file(include, groups, depth + 1)
        elif line[0] == "[":
            name, bracket, _ = line[1:].partition("]")
            if not bracket:
                raise Failed(f"{shown(path)}:{number}: a group begins and does not end; write it as [client]")
            group = name.rstrip(SPACE)
        elif group is None:
            raise Failed(f"{shown(path)}:{number}: an option stands before any group; put a line [client] above it")
        elif group in groups:
            yield _option(line, path)


def _lines(path: str) -> list[str]:
    """What is in a file; nothing where it is missing, closed to us, no file, or writable for everyone."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) or mode & stat.S_IWOTH:
            return []
        with open(path, "rb") as file:
            return file.read(LARGEST).decode("latin-1").split("\n")
    except (OSError, ValueError):  # ValueError: a name with NUL in it
        return []


def _included(line: str, place: str) -> list[str]:
    """The files that a line beginning with ``!`` names; none where it is no such line."""
    found = DIRECTIVE.fullmatch(line)
    if not found:
        return []
    word, name = found[1], _utf8((found[2] or "").strip(SPACE))
    if not name:
        raise Failed(f"{place}: !{word} names nothing; write a path after it, or delete the line")
    if word == "include":
        return [name]
    try:
        return [os.path.join(name, each) for each in sorted(os.listdir(name)) if Path("x" + each).suffix == ".cnf"]
    except OSError as error:
        raise Failed(f"{place}: the folder {shown(name)} cannot be read ({error.strerror}); create it, or delete the"
                     " line") from None


def _option(line: str, path: str) -> Option:
    name, equals, value = _without_comment(line).partition("=")
    name = name.rstrip(SPACE).replace("_", "-").removeprefix("loose-")
    return Option(_utf8(name), _utf8(_value(value.strip(SPACE))) if equals else None, path)


def _without_comment(line: str) -> str:
    """The line up to the first ``#`` that stands in no quotes."""
    quote, escaped = "", False
    for at, sign in enumerate(line):
        if sign in "'\"" and not escaped:
            quote = sign if not quote else "" if quote == sign else quote
        if sign == "#" and not quote:
            return line[:at]
        escaped = bool(quote) and sign == "\\" and not escaped
    return line


def _value(text: str) -> str:
    """Without the quotes around it, and with ``\\n`` and its like replaced; an unknown one keeps its backslash."""
    if len(text) > 1 and text[0] in "'\"" and text[0] == text[-1]:
        text = text[1:-1]
    return re.sub(r"\\(.)", lambda found: SIGNS.get(found[1], found[0]), text, flags=re.DOTALL)


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
