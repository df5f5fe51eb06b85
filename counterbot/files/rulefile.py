"""Makes a core Rule of a rule file, or reports all of its mistakes. Judges no build.

A file holds bounds, or a fingerprint in elastic-recheck's form, whose name is the bug's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator

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
    """

    rule: Rule | None
    mistakes: tuple[Mistake, ...]
    bug: str | None
    bug_at: Place


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


class _Where(_Section):
    job: Annotated[Jobs, BeforeValidator(_one_or_more)] = ()
    branch: Annotated[Branches, BeforeValidator(_one_or_more)] = ()
    project: Annotated[Projects, BeforeValidator(_one_or_more)] = ()
    pipeline: Annotated[Pipelines, BeforeValidator(_one_or_more)] = ()
    voting: bool | None = None


class _Bound(_Section):
    max: Annotated[Finite, Field(ge=0, le=LARGEST)]


class _Report(_Section):
    gerrit: bool = True
    irc: Annotated[tuple[Channel, ...], Field(strict=False)] | None = None


class _Given(_Section):
    job: Name | None = None
    branch: Name | None = None
    project: Name | None = None
    pipeline: Name | None = None
    voting: bool | None = None
    counters: Annotated[dict[CounterName, Finite], Field(min_length=1)]


class _Expect(_Section):
    over: Annotated[tuple[CounterName, ...], Field(strict=False, min_length=1)]


class _Case(_Section):
    given: _Given
    expect: Annotated[_Expect, BeforeValidator(_expect)]


class _File(_Section):
    title: Text | None = None
    why: Prose = ""
    owner: Text = ""
    bug: Annotated[str, BeforeValidator(_bug)] | None = None
    where: _Where = _Where()
    bounds: dict[CounterPattern, _Bound] = Field(default={}, min_length=1)
    report: _Report = _Report()
    cases: Annotated[tuple[_Case, ...], Field(strict=False)] = ()
    query: Annotated[Prose, StringConstraints(min_length=1)] | None = None
    suppress_graph: bool = Field(default=False, alias="suppress-graph")
    suppress_notification: bool = Field(default=False, alias="suppress-notification")
    allow_nonvoting: bool = Field(default=False, alias="allow-nonvoting")
    test_ids: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    resolved_at: Text | None = None


def parse_rule(document: Document) -> RuleFile:
    """The rule of a document, named as its file without the ending."""
    content, mistakes = validate(document, _File)
    mistakes = tuple(sorted((*mistakes, *_as_a_whole(document))))
    rule = None if content is None or mistakes else _rule(PurePath(document.path).stem, content)
    return RuleFile(rule, mistakes, _one_form(document), document.at(("bug",)))


def _as_a_whole(document: Document) -> Iterator[Mistake]:
    """What is wrong with the file's name, and with its keys together."""
    if not PurePath(document.path).name.isprintable():
        yield Mistake(Place(document.path), "the file's name has characters that cannot be printed; rename the file")
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
