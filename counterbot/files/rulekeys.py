"""The keys of a rule's file, the type of each, and the JSON Schema of them all. Makes no rule."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from ..core import limits
from .fields import (
    Branches,
    Channel,
    CounterName,
    CounterPattern,
    Finite,
    Jobs,
    Name,
    Pipelines,
    Projects,
    Prose,
    Text,
    matching,
    web_address,
)
from .validate import Strict, shown

LARGEST = 2**64
"""Servers count with 64 bits."""

BUG = re.compile(r"[0-9]{1,12}")
FROM_ROOT = re.compile(r"(?!\.*/)[^\x00-\x1f\\]+(?<!/)")
OF_A_QUERY = {"match": True, "no match": False}
"""What a case of a query expects."""


def bug_of(value: object) -> str:
    """A bug's number or URL as text. Raises ValueError where it is neither."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and BUG.fullmatch(value):
        return value
    if isinstance(value, str) and "://" in value:
        return web_address(value)
    raise ValueError(f"must be a Launchpad bug number or a URL, not {shown(value)}")


def _one_or_more(value: object) -> object:
    if isinstance(value, dict):
        raise ValueError("must be a shell pattern or a list of them, as in [master, 'stable/*'], not a mapping")
    return value if value is None or isinstance(value, list) else [value]


def _expect(value: object) -> object:
    if value == "within":
        return Expect.model_construct(over=())
    if isinstance(value, str) and value in OF_A_QUERY:
        return ExpectOfQuery.model_construct(over=(), match=OF_A_QUERY[value])
    if not isinstance(value, dict):
        raise ValueError(f"must be 'within', {{over: [NAMES]}}, 'match' or 'no match', not {shown(value)}")
    return value


def _label(value: object) -> str:
    if value != "infra":
        raise ValueError(f"must be 'infra' or left out, not {shown(value)}")
    return "infra"


class _Section(Strict):
    @field_validator("*", mode="before")
    @classmethod
    def has_value(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.field_name != "resolved_at":  # which elastic-recheck leaves empty
            raise ValueError("has no value: write one, in quotes if it begins with #, or leave the key out")
        return value


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


PATTERN = {"type": "string", "maxLength": limits.PATTERN}
PATTERNS = WithJsonSchema({"anyOf": [PATTERN, _list_of(PATTERN)]})
MAX = WithJsonSchema({"type": "number", "minimum": 0, "maximum": LARGEST})
EXPECT = WithJsonSchema({"anyOf": [{"enum": ["within", *OF_A_QUERY]}, {
    "type": "object", "properties": {"over": _list_of({"type": "string", "maxLength": limits.COUNTER_NAME})},
    "required": ["over"], "additionalProperties": False}]})
"""Schemas of what stands in the file, where validation turns that into something else."""

FILE = matching(FROM_ROOT, "a path under the build's log root, such as controller/logs/screen-n-cpu.txt")


class _Where(_Section):
    """Which builds the rule applies to. Each key is a shell pattern, or a list of which one must fit; all keys must."""

    job: Annotated[Jobs, BeforeValidator(_one_or_more), PATTERNS] = Field(default=(), description="The job's name.")
    branch: Annotated[Branches, BeforeValidator(_one_or_more), PATTERNS] = Field(
        default=(), description="The change's branch.")
    project: Annotated[Projects, BeforeValidator(_one_or_more), PATTERNS] = Field(
        default=(), description="The change's project.")
    pipeline: Annotated[Pipelines, BeforeValidator(_one_or_more), PATTERNS] = Field(
        default=(), description="Zuul's pipeline.")
    voting: bool | None = Field(default=None, description="Only voting builds, or only others.")


class _Bound(_Section):
    """What a counter may be at most."""

    max: Annotated[Finite, Field(ge=0, le=LARGEST), MAX] = Field(description="A larger value is over its bound.")


class _Report(_Section):
    """Who is told."""

    gerrit: bool = Field(default=True, description="Whether a comment is posted.")
    irc: Annotated[tuple[Channel, ...], Field(strict=False)] | None = Field(
        default=None,
        description="These channels only; [] is none, and without this key every channel that wants the change.")


class Given(_Section):
    """The build of a case. Conditions of 'where' on a key that is left out are not checked."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["counters"]}, {"required": ["file", "lines"]}]})

    job: Name | None = None
    branch: Name | None = None
    project: Name | None = None
    pipeline: Name | None = None
    voting: bool | None = None
    counters: Annotated[dict[CounterName, Finite], Field(min_length=1)] = Field(
        default={}, description="Its counters, for bounds, or where the query asks for some.")
    file: Annotated[str, Field(max_length=limits.MANIFEST_PATH), FILE] = Field(
        default="", description="A log file's path under the build's log root, for a query.")
    lines: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        default=(), description="The log file's lines.")


class Expect(_Section):
    """Exactly these counters are over their bounds."""

    over: Annotated[tuple[CounterName, ...], Field(strict=False, min_length=1)]


class ExpectOfQuery(Expect):
    """Whether the query matches; not written as a mapping."""

    match: bool


class CaseKeys(_Section):
    """A test of the rule."""

    given: Given
    expect: Annotated[Expect, BeforeValidator(_expect), EXPECT] = Field(
        description="'within', or exactly the counters that must be over their bounds; of a query 'match' or"
                    " 'no match'.")


def _learning(value: object) -> object:
    """``false`` is short for no false warnings at all: nothing is learned."""
    if value is False:
        return {"false_warnings": 0}
    if value is True:
        raise ValueError("must be false, or {false_warnings: NUMBER}: bounds are learned of all counters in any case")
    return value


class _Learn(_Section):
    """How sharp the learned bound of a counter is."""

    false_warnings: Annotated[Finite, Field(ge=0, le=100)] = Field(
        description="False warnings in 1,000 runs of this counter, at most: the more, the sharper the bound.")


LEARN = WithJsonSchema({"anyOf": [{"const": False}, {
    "type": "object", "properties": {"false_warnings": {"type": "number", "minimum": 0, "maximum": 100}},
    "required": ["false_warnings"], "additionalProperties": False}]})


class RuleKeys(_Section):
    """A rule of counterbot: bounds for counters, or the query of a known failure as elastic-recheck has it."""

    title: Text | None = Field(default=None, description="One line, shown in the comment.")
    why: Prose = Field(default="", description="Why the rule exists, for later readers.")
    owner: Text = Field(default="", description="Who maintains the rule.")
    bug: Annotated[str | None, BeforeValidator(bug_of), WithJsonSchema({"type": ["integer", "string"]})] = Field(
        default=None, description="A Launchpad bug's number, or a URL.")
    where: _Where = Field(default=_Where(), description="Which builds the rule applies to.")
    bounds: dict[CounterPattern, _Bound] = Field(
        default={}, min_length=1, description="By counter (group.name) or shell pattern, what it may be at most.")
    learn: dict[CounterPattern, Annotated[_Learn, BeforeValidator(_learning), LEARN]] = Field(
        default={}, min_length=1,
        description="By counter or shell pattern: false where no bound is to be learned, or how sharp it is to be.")
    report: _Report = Field(default=_Report(), description="Who is told.")
    cases: Annotated[tuple[CaseKeys, ...], Field(strict=False)] = Field(
        default=(), description="The rule's tests: at least one within its bounds and one over; of a query one that"
                                " matches and one that does not.")
    query: Annotated[Prose, StringConstraints(min_length=1)] | None = Field(
        default=None, description="What the logs of a known failure show, in Lucene's syntax.")
    label: Annotated[str | None, BeforeValidator(_label), WithJsonSchema({"const": "infra"})] = Field(
        default=None, description="'infra': the failure is the site's, not the change's.")
    suppress_graph: bool = Field(
        default=False, alias="suppress-graph", description="elastic-recheck's: the pages leave it out.")
    suppress_notification: bool = Field(
        default=False, alias="suppress-notification", description="elastic-recheck's: nobody is told.")
    allow_nonvoting: bool = Field(
        default=False, alias="allow-nonvoting", description="elastic-recheck's: builds that do not vote count, too.")
    test_ids: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="elastic-recheck's: it counts only where one of these tests failed.")
    resolved_at: Annotated[Text | None, WithJsonSchema({"type": ["string", "null"]})] = Field(
        default=None, description="elastic-recheck's: when the bug was fixed; for readers.")


class _ForEditors(GenerateJsonSchema):
    """Without nulls, which no file may hold, and without defaults, which do not say what a missing key means."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  # pydantic's
        return False


def schema() -> dict[str, Any]:
    """The JSON Schema of a rule's file, for editors. It accepts every file that ``rulefile.parse_rule`` does."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            **RuleKeys.model_json_schema(schema_generator=_ForEditors),
            "title": "Rule", "anyOf": [{"required": [key]} for key in ("bounds", "query", "learn")]}
