"""What stands in the settings file and in options -> a collector's own Settings, or mistakes. Reads no file.

Settings are dataclasses and not pydantic's models as elsewhere: importing pydantic takes half as long as the whole
of reading a broker with 2,000 queues.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from . import File

Settings = TypeVar("Settings")
Steps = tuple[str | int, ...]
Mistakes = list[tuple[Steps, str]]

WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list",
         File: "a path, as text", Mapping: "a mapping of keys to values"}


class Wrong(ValueError):
    """Settings that cannot be used; ``mistakes`` gives the way to each, and what to change."""

    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, steps))}: {what}" for steps, what in mistakes))
        self.mistakes = mistakes


def build(
    kind: type[Settings], given: object, options: Mapping[str, object] | None = None, folder: str = ""
) -> Settings:
    """Settings of this kind from a mapping of its fields; what is not given keeps its default.

    ``options`` win over ``given``. A path in ``given`` is relative to ``folder``, one in ``options`` to the working
    folder. Fields are text, File, numbers, true or false, ``tuple[…, ...]`` (a list in the file),
    ``Mapping[str, …]``, or one of these or None. A ``__post_init__`` may raise ValueError. Raises Wrong.
    """
    if not isinstance(given, (Mapping, NoneType)):
        raise Wrong([((), f"must be {WORDS[Mapping]}")])
    mistakes: Mistakes = []
    hints, options = get_type_hints(kind), options or {}
    others = {key: value for key, value in (given or {}).items() if key not in options}
    values = _fields(hints, others, mistakes, folder) | _fields(hints, options, mistakes, "")
    if mistakes:
        raise Wrong(mistakes)
    try:
        return kind(**values)
    except ValueError as error:
        raise Wrong([_of_a_field(str(error), hints)]) from None


def _of_a_field(why: str, hints: Mapping[str, Any]) -> tuple[Steps, str]:
    """The field whose name a sentence begins with (``port must be …``, ``url: must be …``), and the sentence."""
    found = re.match(r"(\w+)(: | )", why)
    if found is None or found[1] not in hints:
        return (), why
    return (found[1],), why.removeprefix(f"{found[1]}: ")


def _fields(
    hints: Mapping[str, Any], given: Mapping[str, object], mistakes: Mistakes, folder: str
) -> dict[str, object]:
    for key in [key for key in given if key not in hints]:
        from ..core.text.spelling import unknown

        mistakes.append(((key,), unknown(key, list(hints))))
    return {name: _value(given[name], hint, (name,), mistakes, folder)
            for name, hint in hints.items() if name in given}


def _value(value: object, hint: Any, steps: Steps, mistakes: Mistakes, folder: str) -> object:
    """The value as its field has it; where it cannot be, a mistake is added."""
    if get_origin(hint) is UnionType:  # of one kind and None
        if value is None:
            return None
        hint = next(each for each in get_args(hint) if each is not NoneType)
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind is tuple and isinstance(value, list):
        return tuple(_value(item, inner[0], (*steps, at), mistakes, folder) for at, item in enumerate(value))
    if inner and kind is not tuple and isinstance(value, Mapping):
        return {key: _value(item, inner[1], (*steps, key), mistakes, folder) for key, item in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    if kind is File and isinstance(value, str):
        return File(os.path.abspath(os.path.join(folder, os.path.expanduser(value))) if value else value, value)
    if type(value) is not kind:
        mistakes.append((steps, f"must be {WORDS[kind]}"))
    return value
