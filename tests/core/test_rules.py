"""Which rules apply, and what they say of counters. A case a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from counterbot.core.counters.attachment import parse_counters
from counterbot.core.model import BuildFacts, Counters, Finding, Kind, Number, Subject
from counterbot.core.rules import (
    Bound,
    Case,
    Fingerprint,
    Learning,
    Outcome,
    Rule,
    Where,
    applicable,
    false_warnings,
    findings,
    holds,
    judge,
    was_due,
)
from counterbot.files.rulebook import RuleBook

CONTRACT = Path(__file__).parents[1] / "samples/contract"
WITHIN, NO_DATA, OVER = Outcome.WITHIN, Outcome.NO_DATA, Outcome.OVER
NOWHERE = BuildFacts()
TEMPEST = BuildFacts("tempest-full-py3", "master", "openstack/nova", "gate", voting=True)


def rule(name: str = "rule", where: Where | None = None, **bounds: Number) -> Rule:
    named = tuple(Bound(counter, limit) for counter, limit in bounds.items())
    return Rule(name, name.title(), where=where or Where(), bounds=named)


def contract_rule(name: str = "sql-statements") -> Rule:
    book = RuleBook(CONTRACT / "queries")
    assert not book.mistakes
    return next(rule for rule in book.rules if rule.name == name)


# -- which rules apply


@pytest.mark.parametrize(
    ("where", "facts", "applies"),
    [
        # nothing asked
        (Where(), TEMPEST, True),
        (Where(), NOWHERE, True),
        # a shell pattern each, any of which may match
        (Where(job=("tempest-full*",)), TEMPEST, True),
        (Where(job=("tempest-full",)), TEMPEST, False),
        (Where(job=("devstack", "tempest-*")), TEMPEST, True),
        (Where(job=("Tempest-*",)), TEMPEST, False),
        (Where(job=("tempest-full-py[23]",)), TEMPEST, True),
        (Where(branch=("master",)), TEMPEST, True),
        (Where(branch=("stable/*",)), TEMPEST, False),
        (Where(project=("openstack/*",)), TEMPEST, True),
        (Where(project=("starlingx/*",)), TEMPEST, False),
        (Where(pipeline=("check", "gate")), TEMPEST, True),
        (Where(pipeline=("periodic*",)), TEMPEST, False),
        (Where(voting=True), TEMPEST, True),
        (Where(voting=False), TEMPEST, False),
        # all that is asked must fit
        (Where(job=("tempest-*",), branch=("stable/*",)), TEMPEST, False),
        (Where(("tempest-*",), ("master",), ("openstack/nova",), ("gate",), voting=True), TEMPEST, True),
        # what is not known is not asked
        (Where(("tempest-*",), ("master",), ("openstack/nova",), ("gate",), voting=True), NOWHERE, True),
        (Where(job=("devstack*",), voting=False), BuildFacts(job="devstack"), True),
    ],
)
def test_where(where, facts, applies):
    found = rule(where=where, a=1)
    assert applicable([found], facts) == (found,) * applies


def test_a_rule_without_bounds_never_applies():
    assert applicable([Rule("1", "a fingerprint", fingerprint=Fingerprint("message:x"))], TEMPEST) == ()


# -- what they say


def judges(bounds: dict[str, Number], counters: Counters | dict[str, Number], **expected: Outcome) -> None:
    """``expected`` is by name, with _ for what no Python name can hold."""
    found = judge(rule(**bounds), counters if isinstance(counters, Counters) else Counters(counters))
    assert {verdict.counter: verdict.outcome for verdict in found} == expected
    assert len(found) == len(expected)


def test_a_value_at_its_bound_is_within():
    judges({"m.q": 5}, {"m.q": 5}, **{"m.q": WITHIN})
    judges({"m.q": 5}, {"m.q": 5.000001}, **{"m.q": OVER})
    judges({"m.q": 0}, {"m.q": 0}, **{"m.q": WITHIN})
    judges({"m.q": 0}, {"m.q": 1}, **{"m.q": OVER})
    judges({"m.q": -5}, {"m.q": -4}, **{"m.q": OVER})
    judges({"m.q": 2**64}, {"m.q": 2**64 + 1}, **{"m.q": OVER})


def test_a_counter_that_did_not_come_is_no_data():
    judges({"m.q": 5}, {}, **{"m.q": NO_DATA})
    judges({"m.q": 5}, {"m.qq": 9}, **{"m.q": NO_DATA})
    judges({"m.q": 5, "m.r": 5}, {"m.q": 9}, **{"m.q": OVER, "m.r": NO_DATA})


def test_a_pattern_bounds_every_counter_it_meets():
    judges({"q.*_publish": 5}, {"q.a_publish": 4, "q.b_publish": 6, "q.c": 7},
           **{"q.a_publish": WITHIN, "q.b_publish": OVER})
    judges({"*": 5}, {"a.b": 1, "c.d": 9}, **{"a.b": WITHIN, "c.d": OVER})
    judges({"q.[ab]": 5}, {"q.a": 1, "q.c": 9}, **{"q.a": WITHIN})


def test_a_pattern_that_meets_nothing_is_told_by_its_own_name():
    judges({"q.*": 5}, {"m.a": 1}, **{"q.*": NO_DATA})


def test_the_whole_name_takes_precedence_over_patterns():
    judges({"q.*": 5, "q.a": 100}, {"q.a": 50, "q.b": 50}, **{"q.a": WITHIN, "q.b": OVER})
    judges({"q.a": 1, "q.*": 100}, {"q.a": 50}, **{"q.a": OVER})


def test_of_several_patterns_the_lowest_bound_counts():
    for bounds in ({"q.*": 5, "*.a": 100}, {"*.a": 100, "q.*": 5}):
        judges(bounds, {"q.a": 50}, **{"q.a": OVER})


def test_what_a_pattern_meets_without_a_usable_value_is_no_data():
    spoilt = Counters({"q.a": 1}, {"q.b": "NaN"}, resets=frozenset({"q.c"}), absent=frozenset({"q.d"}))
    judges({"q.*": 5}, spoilt, **{"q.a": WITHIN, "q.b": NO_DATA, "q.c": NO_DATA})


@pytest.mark.parametrize("name", ["m.ab", "m.a[b", "m.a*", "m.a?", "m.a[b]"])
def test_a_counters_own_name_is_no_pattern(name):
    spoilt = Counters({"m.q": 1}, {name: "NaN"})
    [verdict] = judge(rule(**{"m.a*": 5}), spoilt)
    assert (verdict.counter, verdict.outcome, verdict.is_pattern, was_due(verdict, spoilt)) == (
        name, NO_DATA, False, True)


def test_a_pattern_is_no_counters_own_name():
    counters = Counters({"m.a[b]": 7}, {"m.c[d]": "NaN"}, absent=frozenset({"m.e?"}))
    found = judge(rule(**{"m.*": 9, "m.a[b]": 1, "m.c[d]": 1, "m.e?": 1}), counters)
    assert [(told.counter, told.outcome, told.bound, told.is_pattern, told.why) for told in found] == [
        ("m.a[b]", WITHIN, 9, False, ""), ("m.c[d]", NO_DATA, 9, False, "NaN"),
        *((pattern, NO_DATA, 1, True, "missing from this build") for pattern in ("m.a[b]", "m.c[d]", "m.e?"))]
    assert [was_due(verdict, counters) for verdict in found] == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("counters", "why"),
    [
        (Counters({}, {"m.q": "NaN is not a finite number"}), "NaN is not a finite number"),
        (Counters({}, resets=frozenset({"m.q"})), "counter reset: its server restarted"),
        (Counters({}, absent=frozenset({"m.q"})), "the server does not have it"),
        (Counters({"m.r": 1}), "missing from this build"),
        (Counters({}, {"m.r": "NaN is not a finite number"}), "missing from this build"),
        (Counters({}, resets=frozenset({"m.r"})), "missing from this build"),
        (Counters({"m.r": 1}, failures={"m": "statements: refused", "rabbitmq": "401"}),
         "missing from this build; m: statements: refused"),
        (Counters({"mm.q": 1}), "no counter of group m in this build"),
        (Counters({}, failures={"mysql": "refused", "rabbitmq": "401"}),
         "no counter of group m in this build; mysql: refused; rabbitmq: 401"),
    ],
)
def test_no_data_says_why(counters, why):
    [verdict] = judge(rule(**{"m.q": 5}), counters)
    assert (verdict.outcome, verdict.value, verdict.why) == (NO_DATA, None, why)


@pytest.mark.parametrize(("pattern", "due", "why"), [
    ("my*.Slow_*", False, "missing from this build"),
    ("[lm]*.Slow_*", False, "missing from this build"),
    ("mysql.Slow_*", False, "missing from this build"),
    ("q*.Slow_*", True, "no counter of group q* in this build; rabbitmq: refused"),
    ("my.Slow_*", True, "no counter of group my in this build; rabbitmq: refused"),
])
def test_a_pattern_may_have_a_pattern_for_its_group(pattern, due, why):
    counters = Counters({"mysql.Queries": 1}, failures={"rabbitmq": "refused"})
    [verdict] = judge(rule(**{pattern: 3}), counters)
    assert (verdict.why, was_due(verdict, counters)) == (why, due)


def test_the_worst_of_several_outcomes_is_the_greatest():
    assert max(WITHIN, OVER, NO_DATA) is OVER
    assert max(WITHIN, NO_DATA) is NO_DATA


def test_findings_are_what_is_over():
    verdicts = judge(rule(**{"m.a": 5, "m.b": 5, "m.c": 5}), Counters({"m.a": 9, "m.b": 1}))
    assert findings("job", "uuid", verdicts) == (Finding("job", "uuid", "rule", Subject(Kind.COUNTER, "m.a"), 9, 5),)


# -- the contract's rule, and a rule's own cases


def test_the_contracts_rule_on_the_contracts_counters():
    found = judge(contract_rule(), parse_counters((CONTRACT / "counters.json").read_bytes()))
    assert [(verdict.counter, verdict.outcome, verdict.value, verdict.bound) for verdict in found] == [
        ("mysql.Queries", OVER, 1_300_000, 1_250_000), ("queues.*_publish", NO_DATA, None, 9_000)]
    assert found[1].why == "no counter of group queues in this build; rabbitmq: 401 Unauthorized from http://127.0.0.1:15672"


def test_the_contracts_cases_hold_though_they_give_no_queue():
    contracts = contract_rule()
    assert [dict(case.counters) for case in contracts.cases] == [
        {"mysql.Queries": 1_200_000}, {"mysql.Queries": 1_300_000}]
    assert [holds(contracts, case) for case in contracts.cases] == [None, None]


BOTH = rule(where=Where(job=("tempest-*",)), **{"m.a": 5, "q.*": 5})


@pytest.mark.parametrize(
    ("given", "counters", "over", "told"),
    [
        # as expected
        ("tempest-full", {"m.a": 6, "q.x": 6}, {"m.a", "q.x"}, None),
        ("tempest-full", {"m.a": 5, "q.x": 5}, set(), None),
        (None, {"m.a": 6}, {"m.a"}, None),
        # a counter that is not given is not over
        ("tempest-full", {}, set(), None),
        # otherwise
        ("devstack", {"m.a": 6}, {"m.a"}, "the rule does not apply: where.job 'tempest-*' does not fit 'devstack'"),
        ("tempest-full", {"m.a": 5}, {"m.a"}, "expected over: m.a"),
        ("tempest-full", {"m.a": 6}, set(), "over as well: m.a"),
        ("tempest-full", {"q.z": 6, "q.x": 6}, {"m.a", "b.c"}, "expected over: b.c, m.a; over as well: q.x, q.z"),
    ],
)
def test_a_rules_own_cases(given, counters, over, told):
    assert holds(BOTH, Case(BuildFacts(job=given), counters, frozenset(over))) == told


def test_a_bounds_maximum_may_be_a_fraction():
    assert judge(replace(BOTH, bounds=(Bound("m.a", 0.5),)), Counters({"m.a": 0.6}))[0].outcome is OVER


LEARNS = (
    Rule("off", "", where=Where(job=("grenade",)), learn=(Learning("memory.*", 0), Learning("memory.swift", 2))),
    Rule("sharp", "", learn=(Learning("mysql.*", 5), Learning("mysql.Com_*", 3))),
    Rule("old", "", where=Where(branch=("stable/*",)), learn=(Learning("*", 0),)),
)


@pytest.mark.parametrize(("job", "branch", "counter", "rate"), [
    ("grenade", "master", "memory.nova", 0),
    ("grenade", "master", "memory.swift", 2),  # the whole name before the pattern
    ("tempest", "master", "memory.nova", None),
    ("tempest", "master", "mysql.Queries", 5),
    ("tempest", "master", "mysql.Com_select", 3),  # of several patterns the fewest
    ("tempest", "stable/2026.1", "mysql.Queries", 0),  # of several rules the fewest
])
def test_how_sharp_a_learned_bound_is(job, branch, counter, rate):
    assert false_warnings(LEARNS, BuildFacts(job=job, branch=branch), counter) == rate
