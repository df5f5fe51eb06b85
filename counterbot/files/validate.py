"""A pydantic model over a document: a value, or mistakes at the keys they are about. Reads no file.

pydantic's own sentences speak to programmers; here each becomes a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ..core import limits
from ..core.text.spelling import nearest, unknown
from .reader import Document, Mistake, Steps, hidden, named

Model = TypeVar("Model", bound=BaseModel)

SHOWN = 60
"""Characters of a wrong value that are repeated in the mistake about it."""

TYPES = {
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping of keys to values",
    "string_type": "text",
    "tuple_type": "a list",
}
LIMITS = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least one item",
    "value_error": "{error}",
}
"""Texts for pydantic's kinds of errors, over what it says of each."""


class Strict(BaseModel):
    """What every section of a file is: nothing is guessed, and an unknown key is a mistake."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


def validate(
    document: Document, model: type[Model], context: Mapping[str, object] | None = None
) -> tuple[Model | None, tuple[Mistake, ...]]:
    """The model's value (None with any mistake) and all mistakes of the document, in their order."""
    if document.value is None:
        return None, document.mistakes
    try:
        value = model.model_validate(document.value, context=dict(context or {}))
    except ValidationError as error:
        errors = [item for item in error.errors() if not _is_told(document, item)]
        strange = [item["loc"] for item in errors if item["type"] == "extra_forbidden"][:limits.NEAR_NAMES]
        meant = {(*steps[:-1], _nearest(model, steps)) for steps in strange}
        told = {_mistake(document, model, item, item["loc"] in strange) for item in errors
                if not (item["type"] == "missing" and item["loc"] in meant)}
        return None, tuple(sorted(told.union(document.mistakes)))
    return (None if document.mistakes else value), document.mistakes


def shown(value: object) -> str:
    """A wrong value in words, short and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"text {value!r}" if len(value) <= SHOWN else f"text {value[:SHOWN]!r}…"
    return {dict: "a mapping", list: "a list"}.get(type(value), str(value))


def _is_told(document: Document, error: Mapping[str, Any]) -> bool:
    """Whether another mistake says it: the reader refused the value, or all items of a list are wrong."""
    steps: Steps = error["loc"]
    refused = any(steps[: length + 1] in document.refused for length in range(len(steps)))
    return refused or (error["type"] == "too_short" and len(error["input"]) > 0)


def _mistake(document: Document, model: type[BaseModel], error: Mapping[str, Any], search: bool) -> Mistake:
    steps: Steps = error["loc"]
    if error["type"] == "missing":
        return Mistake(document.at(steps[:-1]), f"missing key {str(steps[-1])!r}")
    if error["type"] == "extra_forbidden":
        return Mistake(document.at(steps), unknown(named(document.private, str(steps[-1])), _keys(model, steps[:-1]), search))
    secret = hidden(document.private, steps) or (document.private is not None and error["type"] == "model_type")
    return Mistake(document.at(steps), f"{_subject(document, steps)} {_complaint(error, secret)}")


def _subject(document: Document, steps: Steps) -> str:
    while steps and steps not in document.places:
        steps = steps[:-1]
    if not steps:
        return "the file"
    if isinstance(steps[-1], int):
        return f"item {steps[-1] + 1} of {str(steps[-2])!r}"
    return repr(named(document.private, steps[-1]))


def _complaint(error: Mapping[str, Any], hidden: bool) -> str:
    kind = error["type"]
    if kind in TYPES and hidden and error["input"] is not None:
        return f"must be {TYPES[kind]}"
    if kind in TYPES:
        return f"must be {TYPES[kind]}, not {shown(error['input'])}"
    if kind in LIMITS:
        return LIMITS[kind].format_map(error["ctx"])
    return f"is wrong: {error['msg']}"


def _nearest(model: type[BaseModel], steps: Steps) -> str:
    """The key that an unknown one was meant for, perhaps; whoever corrects it does not miss that one."""
    return nearest(str(steps[-1]), _keys(model, steps[:-1])) or ""


def _keys(model: type[BaseModel], steps: Steps) -> list[str]:
    """The keys that a file may have at this place."""
    for step in steps:
        annotation = {_key(name, field): field.annotation for name, field in model.model_fields.items()}.get(str(step))
        model = next(_models(annotation), model)
    return [_key(name, field) for name, field in model.model_fields.items()]


def _key(name: str, field: Any) -> str:
    return field.alias or name


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as ``dict[str, Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
