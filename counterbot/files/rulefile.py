"""Makes a core Rule of a rule file, or reports all of its mistakes. Judges no build.

A file holds bounds, a query of a known failure, or what is to be learned; or several of these. elastic-recheck's files,
whose name is the bug's number, are read as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from ..core import limits
from ..core.model import BuildFacts
from ..core.rules import Audience, Bound, Case, Fingerprint, Learning, LogCase, Rule, Where
from ..core.text.inert import inert
from .reader import Document, Mistake, Place, Steps, Value
from .rulekeys import BUG, OF_A_QUERY, CaseKeys, ExpectOfQuery, Given, RuleKeys, bug_of
from .validate import validate

if TYPE_CHECKING:
    from ..fingerprints.query import Query, Remark

LAUNCHPAD = re.compile(r"https?://(?:bugs\.)?launchpad\.net/(?:bugs|.*/\+bug)/0*([1-9][0-9]*)/?")
ELASTIC_RECHECK = {"suppress-graph", "suppress-notification", "allow-nonvoting", "test_ids", "resolved_at"}
"""Its keys, beside the query."""


@dataclass(frozen=True)
class RuleFile:
    """What a file gave: a rule, or None and mistakes.

    ``bug`` is its bug in one form, however it is written, even where the file has mistakes; ``bug_at`` is its place.
    ``bounds_at`` is the place of each bound. ``cases`` are in the file's order, and ``cases_at`` is the place of all,
    and then of each. ``query`` is what the rule's query asks, and ``doubts`` are what its writer may not have meant.
    ``as_it_came``: it has none but elastic-recheck's keys, so its writer has not heard of cases.
    """

    rule: Rule | None
    mistakes: tuple[Mistake, ...]
    bug: str | None
    bug_at: Place
    bounds_at: tuple[Place, ...] = ()
    cases: tuple[Case | LogCase, ...] = ()
    cases_at: tuple[Place, ...] = ()
    query: Query | None = None
    doubts: tuple[Mistake, ...] = ()
    as_it_came: bool = False


def parse_rule(document: Document, queries: bool = True) -> RuleFile:
    """The rule of a document, named as its file without the ending.

    ``queries``: whether its query is parsed, which takes more than the plain install.
    """
    content, mistakes = validate(document, RuleKeys)
    query, wrong, doubts = _parsed(document) if queries else (None, (), ())
    mistakes = tuple(sorted((*mistakes, *_as_a_whole(document), *wrong)))
    if content is None or mistakes:
        return RuleFile(None, mistakes, _one_form(document), document.at(("bug",)))
    cases = tuple(map(_case, content.cases))
    return RuleFile(_rule(PurePath(document.path).stem, content, cases), (), _one_form(document),
                    document.at(("bug",)), tuple(document.at(("bounds", counter)) for counter in content.bounds),
                    cases, (document.at(("cases",)), *(document.at(("cases", number)) for number in range(len(cases)))),
                    query, doubts, as_it_came=(document.value or {}).keys() <= {"query", *ELASTIC_RECHECK})


def _parsed(document: Document) -> tuple[Query | None, tuple[Mistake, ...], tuple[Mistake, ...]]:
    """What the query asks as the bot matches it, mistakes and doubts; nothing of what is no text."""
    def at_their_places(remarks: tuple[Remark, ...]) -> tuple[Mistake, ...]:
        return tuple(Mistake(document.inside(("query",), text, remark.at), inert(remark.what, limits.MISTAKE))
                     for remark in remarks)

    value = document.value or {}
    written = value.get("query")
    text = written.strip() if isinstance(written, str) else ""
    if not text:
        return None, (), ()
    from ..fingerprints.query import BadQuery, parse, with_voting  # which needs luqum

    try:
        query = parse(text)
        if value.get("allow-nonvoting") is not True:
            query = with_voting(query)
    except BadQuery as error:
        return None, at_their_places(error.mistakes), ()
    return query, (), at_their_places(query.doubts)


def _as_a_whole(document: Document) -> Iterator[Mistake]:
    """What is wrong with the file's name, and with its keys together."""
    if not PurePath(document.path).name.isprintable():
        yield Mistake(Place(document.path, 0, 0),
                      "the file's name has characters that cannot be printed; rename the file")
    if document.value is None:
        return
    kinds = document.value.keys() & {"bounds", "query"}
    if not kinds and "learn" not in document.value:
        yield Mistake(document.at(()), "a rule needs 'bounds', 'query' or 'learn'")
    if "query" not in kinds:
        for key in sorted(document.value.keys() & {*ELASTIC_RECHECK, "label"}):
            yield Mistake(document.at((key,)), f"{key!r} is for a rule with a 'query', and this one has none")
    cases = document.value.get("cases")
    for number, case in enumerate(cases if isinstance(cases, list) else ()):
        if isinstance(case, dict):
            yield from _of_one_kind(document, kinds, ("cases", number), case)


def _of_one_kind(document: Document, kinds: Set[str], steps: Steps, case: Mapping[str, Value]) -> Iterator[Mistake]:
    """What does not go together in a case, which tests the bounds or the query."""
    expected, given = case.get("expect"), case.get("given")
    of_query = isinstance(expected, str) and expected in OF_A_QUERY
    if not (of_query or expected == "within" or isinstance(expected, dict)):
        return
    kind, needed = ("query", ("file", "lines")) if of_query else ("bounds", ("counters",))
    if kinds and kind not in kinds:
        yield Mistake(document.at((*steps, "expect")), f"this tests {kind!r}, and the rule has none")
    if not isinstance(given, dict):
        return
    if not of_query:
        for key in sorted(given.keys() & {"file", "lines"}):
            yield Mistake(document.at((*steps, "given", key)), f"{key!r} needs 'expect: match' or 'expect: no match'")
    if given.keys() <= Given.model_fields.keys():  # else one may be misspelt, not missing
        for key in needed:
            if key not in given:
                yield Mistake(document.at((*steps, "given")), f"missing key {key!r}")


def _one_form(document: Document) -> str | None:
    """The bug that a file is about: a Launchpad bug's number, or a URL."""
    value = (document.value or {}).get("bug", PurePath(document.path).stem)
    try:
        bug = bug_of(value)
    except ValueError:
        return None
    launchpad = LAUNCHPAD.fullmatch(bug)
    return launchpad[1] if launchpad else bug.lstrip("0") or bug


def _rule(name: str, content: RuleKeys, cases: tuple[Case | LogCase, ...]) -> Rule:
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
        cases=tuple(case for case in cases if isinstance(case, Case)),
        fingerprint=_fingerprint(content, tuple(case for case in cases if isinstance(case, LogCase))),
        infra=content.label is not None,
        learn=tuple(Learning(counter, learn.false_warnings) for counter, learn in content.learn.items()),
    )


def _case(case: CaseKeys) -> Case | LogCase:
    given, expected = case.given, case.expect
    facts = BuildFacts(job=given.job, branch=given.branch, project=given.project, pipeline=given.pipeline,
                       voting=given.voting)
    if isinstance(expected, ExpectOfQuery):
        return LogCase(facts, given.file, given.lines, expected.match, given.counters)
    return Case(facts, given.counters, frozenset(expected.over))


def _fingerprint(content: RuleKeys, cases: tuple[LogCase, ...]) -> Fingerprint | None:
    if content.query is None:
        return None
    return Fingerprint(content.query, content.suppress_graph, content.suppress_notification, content.allow_nonvoting,
                       content.test_ids, content.resolved_at, cases)
