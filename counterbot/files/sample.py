"""Makes the commented sample of a configuration from the settings' definition. Reads and writes no file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

HEAD = """\
# The configuration of counterbot, with every key there is ("counterbot config sample" prints this).
# A key that is commented out shows its default, or an example where it has none.
# Paths are relative to this file's folder; ~ is the home folder.
"""
WIDTH = 100
SHOWN = "shown"
"""In the metadata of a key that the sample shows although it may be left out: a service should have it."""


def sample(model: type[BaseModel]) -> str:
    """A YAML text that the model accepts."""
    parts = ("\n".join(_lines(name, field, enclosed=False)) for name, field in model.model_fields.items())
    return HEAD + "".join(f"\n{part}\n" for part in parts)


def _lines(name: str, field: FieldInfo, enclosed: bool) -> Iterator[str]:
    """A key with its explanation. ``enclosed``: its section is already commented out as a whole."""
    yield from textwrap.wrap(field.description or "", WIDTH, initial_indent="# ", subsequent_indent="# ")
    section = _section(field)
    if section is None:
        has_value = not field.is_required() and field.default is not None
        off = not (field.is_required() or SHOWN in field.metadata or (enclosed and has_value))
        lines = _entry(name, field.default if has_value else (field.examples or [None])[0])
    else:
        off = not field.is_required()
        lines = [f"{name}:", *(f"  {line}" for line in _section_lines(section, enclosed or off))]
    yield from (f"# {line}" if off else line for line in lines)


def _section_lines(model: type[BaseModel], enclosed: bool) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from _lines(name, field, enclosed)


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a key that is a section of its own, explained key by key rather than by an example."""
    if field.examples:
        return None
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _entry(name: str, value: object) -> list[str]:
    flow = None if isinstance(value, list | dict) else False  # None: the innermost collections on one line
    return yaml.safe_dump({name: value}, default_flow_style=flow, sort_keys=False, width=200).splitlines()
