"""Validates a document against a pydantic model: a value, or mistakes at the keys they are about. Reads no file.

pydantic's own sentences are for programmers; here each becomes a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from ..core.text.spelling import nearest, unknown
from .reader import Document, Mistake, Steps, hidden, named

Model = TypeVar("Model", bound=BaseModel)

SHOWN = 60
"""Characters of a wrong value that its mistake repeats."""

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
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "too_short": "must have at least one item",
    "value_error": "{error}",
}
"""By pydantic's kind of error: the type that was expected, or the sentence."""


class Strict(BaseModel):
    """A section of a file: types are not converted, and unknown keys are mistakes."""

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
        errors = [item for item in error.errors() if not _is_reported(document, item)]
        meant = {(*steps[:-1], nearest(str(steps[-1]), _keys(model, steps[:-1])))
                 for steps in (item["loc"] for item in errors if item["type"] == "extra_forbidden")}
        mistakes = {_mistake(document, model, item) for item in errors
                    if not (item["type"] == "missing" and item["loc"] in meant)}  # misspelt, not missing
        return None, tuple(sorted(mistakes.union(document.mistakes)))
    return (None if document.mistakes else value), document.mistakes


def shown(value: object) -> str:
    """A wrong value in words, short and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"text {value!r}" if len(value) <= SHOWN else f"text {value[:SHOWN]!r}…"
    return str(value)


def _is_reported(document: Document, error: Mapping[str, Any]) -> bool:
    """Whether another mistake says it: the reader refused the value, or all items of a list are wrong."""
    steps: Steps = error["loc"]
    refused = any(steps[: length + 1] in document.refused for length in range(len(steps)))
    return refused or (error["type"] == "too_short" and len(error["input"]) > 0)


def _mistake(document: Document, model: type[BaseModel], error: Mapping[str, Any]) -> Mistake:
    steps: Steps = error["loc"]
    if error["type"] == "missing":
        return Mistake(document.at(steps[:-1]), f"missing key {str(steps[-1])!r}")
    if error["type"] == "extra_forbidden":
        what = unknown(named(document.private, str(steps[-1])), _keys(model, steps[:-1]))
    else:
        secret = hidden(document.private, steps) or (document.private is not None and error["type"] == "model_type")
        what = f"{_subject(document, steps)} {_complaint(error, secret)}"
    return Mistake(document.at(steps), what)


def _subject(document: Document, steps: Steps) -> str:
    while steps not in document.places:
        steps = steps[:-1]
    if not steps:
        return "the file"
    last = steps[-1]
    return f"item {last + 1} of {str(steps[-2])!r}" if isinstance(last, int) else repr(named(document.private, last))


def _complaint(error: Mapping[str, Any], secret: bool) -> str:
    kind, value = error["type"], error["input"]
    if kind in TYPES:
        quotes = "; put it in quotes" if kind == "string_type" and isinstance(value, int | float) else ""
        return f"must be {TYPES[kind]}" + ("" if secret and value is not None else f", not {shown(value)}") + quotes
    if kind in LIMITS:
        return LIMITS[kind].format_map(error["ctx"])
    return f"is wrong: {error['msg']}"


def _keys(model: type[BaseModel], steps: Steps) -> list[str]:
    """The keys that a file may have at this place."""
    for step in steps:
        field = {_key(*each): each[1] for each in model.model_fields.items()}.get(str(step))
        model = next(_models(field and field.annotation), model)
    return [_key(*each) for each in model.model_fields.items()]


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as ``dict[str, Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
