"""What stands in the settings file -> a collector's own Settings, or mistakes. Reads no file.

Settings are frozen dataclasses, and not pydantic's models as in the rest of the project: importing
pydantic takes longer than reading a server's counters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ..core.text.spelling import unknown

Settings = TypeVar("Settings")
Steps = tuple[str | int, ...]

WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "nothing"}


class Wrong(ValueError):
    """Settings that cannot be used; ``mistakes`` gives the way to each, and what to change."""

    def __init__(self, mistakes: list[tuple[Steps, str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, steps))}: {what}" for steps, what in mistakes))
        self.mistakes = mistakes


def build(kind: type[Settings], given: object) -> Settings:
    """Settings of this kind from a mapping of its fields; what is not given keeps its default.

    Fields are text, numbers, true or false, ``tuple[…, ...]`` (a list in the file), ``Mapping[str, …]``,
    or one of these or None. A ``__post_init__`` may raise ValueError. Raises Wrong.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise Wrong([((), "must be a mapping of keys to values")])
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass, by contract
    mistakes: list[tuple[Steps, str]] = [((key,), unknown(key, known)) for key in given if key not in known]
    values = {}
    for name in known:
        if name in given:
            values[name] = _value(given[name], hints[name], (name,), mistakes)
    if mistakes:
        raise Wrong(mistakes)
    try:
        return kind(**values)
    except ValueError as error:
        raise Wrong([((), str(error))]) from None


def _value(value: object, hint: Any, steps: Steps, mistakes: list[tuple[Steps, str]]) -> object:
    """The value as its field wants it; where it cannot be, a mistake is added."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(item, inner[0], (*steps, at), mistakes) for at, item in enumerate(value))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {key: _value(item, inner[1], (*steps, key), mistakes) for key, item in value.items()}
    if origin is UnionType:
        for option in inner:
            found: list[tuple[Steps, str]] = []
            taken = _value(value, option, steps, found)
            if not found:
                return taken
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    mistakes.append((steps, f"must be {_word(hint)}"))
    return None


def _word(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is UnionType:
        return " or ".join(_word(option) for option in get_args(hint) if option is not NoneType)
    if origin is tuple:
        return "a list"
    return "a mapping of keys to values" if origin is not None else WORDS[hint]
