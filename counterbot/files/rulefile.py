"""Makes a core Rule of a rule file, or reports all of its mistakes. Judges no build.

A file holds bounds, or a fingerprint in elastic-recheck's form, whose name is the bug's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, WithJsonSchema, field_validator
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from ..core import limits
from ..core.model import BuildFacts
from ..core.rules import Audience, Bound, Case, Fingerprint, Rule, Where
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
    web_address,
)
from .reader import Document, Mistake, Place
from .validate import Strict, shown, validate

LARGEST = 2**64
"""Servers count with 64 bits."""

BUG = re.compile(r"[0-9]{1,12}")
LAUNCHPAD = re.compile(r"https?://(?:bugs\.)?launchpad\.net/(?:bugs|.*/\+bug)/0*([1-9][0-9]*)/?")


@dataclass(frozen=True)
class RuleFile:
    """What a file gave: a rule, or None and mistakes.

    ``bug`` is its bug in one form, however it is written, even where the file has mistakes; ``bug_at`` is its place.
    ``bounds_at`` is the place of each bound, ``cases_at`` that of the cases, and then of each.
    """

    rule: Rule | None
    mistakes: tuple[Mistake, ...]
    bug: str | None
    bug_at: Place
    bounds_at: tuple[Place, ...]
    cases_at: tuple[Place, ...]


def _bug(value: object) -> str:
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
        return _Expect.model_construct(over=())
    if not isinstance(value, dict):
        raise ValueError(f"must be 'within' or {{over: [NAMES]}}, not {shown(value)}")
    return value


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
EXPECT = WithJsonSchema({"anyOf": [{"const": "within"}, {
    "type": "object", "properties": {"over": _list_of({"type": "string", "maxLength": limits.COUNTER_NAME})},
    "required": ["over"], "additionalProperties": False}]})
"""Schemas of what stands in the file, where validation turns that into something else."""


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


class _Given(_Section):
    """The build of a case. Conditions of 'where' on a key that is left out are not checked."""

    job: Name | None = None
    branch: Name | None = None
    project: Name | None = None
    pipeline: Name | None = None
    voting: bool | None = None
    counters: Annotated[dict[CounterName, Finite], Field(min_length=1)]


class _Expect(_Section):
    over: Annotated[tuple[CounterName, ...], Field(strict=False, min_length=1)]


class _Case(_Section):
    """A test of the rule."""

    given: _Given
    expect: Annotated[_Expect, BeforeValidator(_expect), EXPECT] = Field(
        description="'within', or exactly the counters that must be over their bounds.")


class _File(_Section):
    """A rule of counterbot: bounds for counters, or a known failure as elastic-recheck has it."""

    title: Text | None = Field(default=None, description="One line, shown in the comment.")
    why: Prose = Field(default="", description="Why the bound exists, for later readers.")
    owner: Text = Field(default="", description="Who maintains the rule.")
    bug: Annotated[str | None, BeforeValidator(_bug), WithJsonSchema({"type": ["integer", "string"]})] = Field(
        default=None, description="A Launchpad bug's number, or a URL.")
    where: _Where = Field(default=_Where(), description="Which builds the rule applies to.")
    bounds: dict[CounterPattern, _Bound] = Field(
        default={}, min_length=1, description="By counter (group.name) or shell pattern, what it may be at most.")
    report: _Report = Field(default=_Report(), description="Who is told.")
    cases: Annotated[tuple[_Case, ...], Field(strict=False)] = Field(
        default=(), description="The rule's tests: at least one within its bounds, and one over.")
    query: Annotated[Prose, StringConstraints(min_length=1)] | None = Field(
        default=None, description="elastic-recheck's query of a known failure.")
    suppress_graph: bool = Field(default=False, alias="suppress-graph")
    suppress_notification: bool = Field(default=False, alias="suppress-notification")
    allow_nonvoting: bool = Field(default=False, alias="allow-nonvoting")
    test_ids: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    resolved_at: Annotated[Text | None, WithJsonSchema({"type": ["string", "null"]})] = None


class _ForEditors(GenerateJsonSchema):
    """Without nulls, which no file may hold, and without defaults, which do not say what a missing key means."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  # pydantic's
        return False


def schema() -> dict[str, Any]:
    """The JSON Schema of a rule's file, for editors. It accepts every file that ``parse_rule`` does."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            **_File.model_json_schema(schema_generator=_ForEditors),
            "title": "Rule", "anyOf": [{"required": ["bounds"]}, {"required": ["query"]}]}


def parse_rule(document: Document) -> RuleFile:
    """The rule of a document, named as its file without the ending."""
    content, mistakes = validate(document, _File)
    mistakes = tuple(sorted((*mistakes, *_as_a_whole(document))))
    rule = None if content is None or mistakes else _rule(PurePath(document.path).stem, content)
    bounds = (("bounds", bound.counter) for bound in (rule.bounds if rule else ()))
    cases = (("cases",), *(("cases", number) for number in range(len(rule.cases) if rule else 0)))
    return RuleFile(rule, mistakes, _one_form(document), document.at(("bug",)),
                    tuple(map(document.at, bounds)), tuple(map(document.at, cases)))


def _as_a_whole(document: Document) -> Iterator[Mistake]:
    """What is wrong with the file's name, and with its keys together."""
    if not PurePath(document.path).name.isprintable():
        yield Mistake(Place(document.path, 0, 0),
                      "the file's name has characters that cannot be printed; rename the file")
    if document.value is not None and not document.value.keys() & {"bounds", "query"}:
        yield Mistake(document.at(()), "a rule needs 'bounds' or 'query'")


def _one_form(document: Document) -> str | None:
    """The bug that a file is about: a Launchpad bug's number, or a URL."""
    value = (document.value or {}).get("bug", PurePath(document.path).stem)
    try:
        bug = _bug(value)
    except ValueError:
        return None
    launchpad = LAUNCHPAD.fullmatch(bug)
    return launchpad[1] if launchpad else bug.lstrip("0") or bug


def _rule(name: str, content: _File) -> Rule:
    numbered = BUG.fullmatch(name) is not None
    return Rule(
        name=name,
        title=content.title or (f"bug {name}" if numbered else name),
        why=content.why,
        owner=content.owner,
        bug=content.bug or (name if numbered else None),
        where=Where(**dict(content.where)),
        bounds=tuple(Bound(counter, bound.max) for counter, bound in content.bounds.items()),
        report=Audience(**dict(content.report)),
        cases=tuple(_case(case.given, case.expect) for case in content.cases),
        fingerprint=_fingerprint(content),
    )


def _case(given: _Given, expect: _Expect) -> Case:
    facts = BuildFacts(job=given.job, branch=given.branch, project=given.project, pipeline=given.pipeline,
                       voting=given.voting)
    return Case(facts, given.counters, frozenset(expect.over))


def _fingerprint(content: _File) -> Fingerprint | None:
    if content.query is None:
        return None
    return Fingerprint(
        content.query, content.suppress_graph, content.suppress_notification, content.allow_nonvoting, content.test_ids
    )
