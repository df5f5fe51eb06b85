"""A rule's file -> core's Rule, or all of its mistakes. Judges no build.

A file holds bounds, or a fingerprint in elastic-recheck's form, whose name is the bug's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ..core import limits
from ..core.model import BuildFacts, Number
from ..core.rules import Audience, Bound, Case, Fingerprint, Rule, Where, holds, is_pattern
from .fields import CONTROL, Channel, CounterName, CounterPattern, Finite, Patterns, Prose, Text, web_address
from .reader import SURROGATE, Document, Mistake, Place, Steps
from .validate import Strict, shown, validate

LARGEST = 2**64
"""What servers count with has 64 bits."""

BREAKS = re.compile(f"{CONTROL.pattern}|[\u2028\u2029]")
BUG = re.compile(r"[0-9]{1,12}")
LAUNCHPAD = re.compile(r"https?://(?:bugs\.)?launchpad\.net/(?:bugs|.*/\+bug)/0*([1-9][0-9]*)/?")


@dataclass(frozen=True)
class RuleFile:
    """What a file gave: a rule, or None and mistakes. ``bug`` is its bug, in one form for all ways to write it,
    also where other things in the file are wrong; ``bug_at`` is where it stands.

    ``contradictions`` are cases that the rule does not hold; such a rule is in force all the same.
    """

    rule: Rule | None
    mistakes: tuple[Mistake, ...]
    bug: str | None
    bug_at: Place
    contradictions: tuple[Mistake, ...] = ()


def _bug(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and BUG.fullmatch(value):
        return value
    if isinstance(value, str) and "://" in value:
        return web_address(value)
    raise ValueError(f"must be a Launchpad bug number or a URL, not {shown(value)}")


def _max(value: Number) -> Number:
    if value < 0:
        raise ValueError(f"must not be negative: {value} is crossed by every counter")
    if value > LARGEST:
        raise ValueError(f"must be at most 2**64: {value:g} can never be crossed")
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _expect(value: object) -> object:
    if value == "within":
        return _Expect.model_construct(over=())
    if not isinstance(value, dict):
        raise ValueError(f"must be 'within' or {{over: [NAMES]}}, not {shown(value)}")
    return value


def _query(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _something(value: object) -> object:
    if value is None:
        raise ValueError("has nothing behind it: write a value, in quotes where it begins with #, or leave the key out")
    return value


def _fact(value: str) -> str:
    if len(value) > limits.NAME:
        raise ValueError(f"must have at most {limits.NAME} characters, as in Zuul")
    return value


Something = BeforeValidator(_something)
"""For keys that have no value where they are left out, but may not stand there with none."""

Fact = Annotated[Annotated[Text, AfterValidator(_fact)] | None, Something]
OneOrMore = Annotated[Patterns, BeforeValidator(_one_or_more)]


class _Where(Strict):
    job: OneOrMore = ()
    branch: OneOrMore = ()
    project: OneOrMore = ()
    pipeline: OneOrMore = ()
    voting: Annotated[bool | None, Something] = None


class _Bound(Strict):
    max: Annotated[Finite, AfterValidator(_max)]


class _Report(Strict):
    gerrit: bool = True
    irc: Annotated[Annotated[tuple[Channel, ...], Field(strict=False)] | None, Something] = None


class _Given(Strict):
    job: Fact = None
    branch: Fact = None
    project: Fact = None
    pipeline: Fact = None
    voting: Annotated[bool | None, Something] = None
    counters: Annotated[dict[CounterName, Finite], Field(min_length=1)]


class _Expect(Strict):
    over: Annotated[tuple[CounterName, ...], Field(strict=False, min_length=1)]


class _Case(Strict):
    given: _Given
    expect: Annotated[_Expect, BeforeValidator(_expect)]


class _File(Strict):
    title: Annotated[Text | None, Something] = None
    why: Prose = ""
    owner: Annotated[Text | None, Something] = None
    bug: Annotated[Annotated[str, BeforeValidator(_bug)] | None, Something] = None
    where: _Where = _Where()
    bounds: dict[CounterPattern, _Bound] = Field({}, min_length=1)
    report: _Report = _Report()
    cases: Annotated[tuple[_Case, ...], Field(strict=False)] = ()
    query: Annotated[Annotated[Prose, AfterValidator(_query)] | None, Something] = None
    suppress_graph: bool = Field(False, alias="suppress-graph")
    suppress_notification: bool = Field(False, alias="suppress-notification")
    allow_nonvoting: bool = Field(False, alias="allow-nonvoting")
    test_ids: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    resolved_at: Text | None = None


def parse_rule(document: Document) -> RuleFile:
    """The rule of a document, named as its file without the ending."""
    content, mistakes = validate(_of_few_patterns(document), _File)
    mistakes = tuple(sorted((*mistakes, *_as_a_whole(document))))
    rule = None if content is None or mistakes else _rule(PurePath(document.path).stem, content)
    if rule and (comparisons := _comparisons(rule)) > limits.RULE_COMPARISONS:
        what = f"its cases take {comparisons:,} comparisons, more than {limits.RULE_COMPARISONS:,}; split the file"
        rule, mistakes = None, (Mistake(document.at(("cases",)), what),)
    contradictions = tuple(_contradictions(document, rule) if rule else ())
    return RuleFile(rule, mistakes, _one_form(document), document.at(("bug",)), contradictions)


def _as_a_whole(document: Document) -> Iterator[Mistake]:
    """What is wrong with the file's name, and with its keys together."""
    name = PurePath(document.path).name
    if SURROGATE.search(name):
        yield Mistake(Place(document.path), "the file's name is not UTF-8; rename the file")
    if BREAKS.search(name):
        yield Mistake(Place(document.path), "the file's name has line breaks or control characters; rename the file")
    if document.value is not None and not document.value.keys() & {"bounds", "query"}:
        yield Mistake(document.at(()), "a rule needs 'bounds' or 'query'")


def _of_few_patterns(document: Document) -> Document:
    """The document, without its value where that has too many patterns: they are not even validated."""
    patterns = (steps for steps, written in _written(document) if is_pattern(written))
    for steps in islice(patterns, limits.PATTERNS, None):
        what = f"more than {limits.PATTERNS} shell patterns in the file; write fewer and wider ones, or split the file"
        mistakes = tuple(sorted((*document.mistakes, Mistake(document.at(steps), what))))
        return replace(document, value=None, mistakes=mistakes)
    return document


def _written(document: Document) -> Iterator[tuple[Steps, str]]:
    """Where patterns may stand, with their ways: in where, and as keys of bounds."""
    where, bounds = ((document.value or {}).get(key) for key in ("where", "bounds"))
    for key, value in (where if isinstance(where, dict) else {}).items():
        for number, text in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(text, str):
                yield ("where", key, number), text
    for counter in bounds if isinstance(bounds, dict) else ():
        yield ("bounds", counter), counter


def _one_form(document: Document) -> str | None:
    """The bug that a file is about: a Launchpad bug's number, or a URL."""
    value = (document.value or {}).get("bug", PurePath(document.path).stem)
    try:
        bug = _bug(value)
    except ValueError:
        return None
    launchpad = LAUNCHPAD.fullmatch(bug)
    return launchpad[1] if launchpad else bug.lstrip("0") or bug


def _comparisons(rule: Rule) -> int:
    """How much there is to do for a rule's cases: every pattern is held against every counter."""
    where = rule.where
    asked = sum(map(len, (where.job, where.branch, where.project, where.pipeline))) + len(rule.bounds)
    patterns = sum(bound.is_pattern for bound in rule.bounds)
    return sum(asked + patterns * len(case.counters) for case in rule.cases)


def _contradictions(document: Document, rule: Rule) -> Iterator[Mistake]:
    for number, case in enumerate(rule.cases):
        why = holds(rule, case)
        if why is not None:
            yield Mistake(document.at(("cases", number)), f"case {number + 1} contradicts the rule: {why}")


def _rule(name: str, content: _File) -> Rule:
    numbered = BUG.fullmatch(name) is not None
    return Rule(
        name=name,
        title=content.title or (f"bug {name}" if numbered else name),
        why=content.why,
        owner=content.owner or "",
        bug=content.bug or (name if numbered else None),
        where=Where(**dict(content.where)),
        bounds=tuple(Bound(counter, bound.max) for counter, bound in content.bounds.items()),
        report=Audience(**dict(content.report)),
        cases=tuple(_case(case) for case in content.cases),
        fingerprint=_fingerprint(content),
    )


def _case(case: _Case) -> Case:
    facts: Mapping[str, object] = {name: value for name, value in case.given if name != "counters"}
    return Case(BuildFacts(**facts), case.given.counters, frozenset(case.expect.over))


def _fingerprint(content: _File) -> Fingerprint | None:
    if content.query is None:
        return None
    return Fingerprint(
        content.query, content.suppress_graph, content.suppress_notification, content.allow_nonvoting, content.test_ids
    )
