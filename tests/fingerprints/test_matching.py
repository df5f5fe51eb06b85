"""A record is held against a query; known fields are folded away without changing the answer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.fingerprints.matching import folded, matches
from counterbot.fingerprints.nodes import MESSAGE, Clauses, Exact, Matches, Nothing, Occur, Present, Within, Words
from counterbot.fingerprints.query import parse

FIELDS, VALUES = ("tags", "project", "loglevel"), ("a", "b")
LEAVES = st.one_of(
    st.builds(Exact, st.sampled_from(FIELDS), st.sampled_from(VALUES)),
    st.builds(Present, st.sampled_from((*FIELDS, MESSAGE))),
    st.builds(Matches, st.sampled_from((*FIELDS, MESSAGE)), st.just("a.*")),
    st.builds(Within, st.sampled_from((*FIELDS, MESSAGE)), st.just("b"), st.none()),
    st.builds(Words, st.sampled_from([("a",), ("a", "b")])),
    st.just(Nothing()))
NODES = st.recursive(LEAVES, lambda nodes: st.builds(
    Clauses, st.lists(st.tuples(st.sampled_from(Occur), nodes), max_size=4).map(tuple)), max_leaves=8)
SOME = st.lists(st.sampled_from(VALUES), max_size=2).map(tuple)
RECORDS = st.dictionaries(st.sampled_from(FIELDS), SOME)


@given(NODES, RECORDS, st.lists(st.sampled_from(VALUES), max_size=3), st.sets(st.sampled_from((*FIELDS, MESSAGE))))
def test_what_is_left_has_the_same_answer(node, record, words, still_open):
    known = {field: values for field, values in record.items() if field not in still_open}
    seen = words if MESSAGE in still_open else []
    left = folded(node, known, still_open)
    answer = matches(node, record, lambda: seen)
    assert answer is (left if isinstance(left, bool) else matches(left, record, lambda: seen))


def test_folding_decides_what_can_be_decided():
    node = parse('message:"a b" AND tags:"console" AND (project:"x" OR project:"y") AND NOT loglevel:INFO').node
    build = {"project": ("y",)}
    assert folded(node, {**build, "tags": ("syslog",)}, {MESSAGE, "loglevel"}) is False
    assert folded(node, {**build, "tags": ("x", "console")}, {MESSAGE}) == Words(("a", "b"))
    assert folded(node, {**build, "tags": ("console",)}, {MESSAGE, "loglevel"}) == Clauses((
        (Occur.MUST, Words(("a", "b"))), (Occur.MUST_NOT, Exact("loglevel", "INFO"))))


def test_the_message_is_cut_into_words_only_where_it_matters():
    def never():
        raise AssertionError

    assert not matches(parse('tags:"x" AND message:"a"').node, {}, never)


@pytest.mark.parametrize(("text", "value", "expected"), [
    ("mysql.Queries:>1200000", 1200001, True),
    ("mysql.Queries:>1200000", 1200000, False),
    ("mysql.Queries:>=12e5", 1200000.0, True),
    ("mysql.Queries:[1 TO 2}", 2, False),
    ("mysql.Queries:5", 5.0, True),
    ("mysql.Queries:>1", "5", False),
    ("build_change:[100 TO 200]", 150, True),
])
def test_numbers(text, value, expected):
    node = parse(text).node
    assert matches(node, dict.fromkeys(("mysql.Queries", "build_change"), (value,)), list) is expected


def test_patterns_that_take_others_minutes():
    seven_stars = parse("message:" + "a*" * 7 + "b").node
    nested = parse("message:/(x+x+)+y/").node
    began = time.process_time()
    assert not matches(seven_stars, {}, lambda: ["a" * 255])
    assert not matches(nested, {}, lambda: ["x" * 255])
    assert time.process_time() - began < 20
