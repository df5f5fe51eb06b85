"""core.metrics: what statsd is sent."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.counters.attachment import parse_counters, parse_each
from counterbot.core.counters.metrics import Kind, Metric, metrics, segment
from counterbot.core.model import Counters

SAFE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def sent(*parts, prefix=""):
    found, repeated = metrics(parts, prefix)
    return [f"{metric.name}:{metric.value}|{metric.kind.value}" for metric in found], set(repeated)


def test_the_old_plugins_names():
    counters = parse_counters(b'{"__meta__": {"delta_seconds": 10.5, "prefix": "all-tests"}, "mysql": {"Queries": 50}}')
    assert sent(counters, prefix="ci")[0] == ["ci.all-tests.mysql.Queries:50|c", "ci.all-tests.testrun:10500.0|ms"]
    assert sent(counters)[0][0] == "all-tests.mysql.Queries:50|c"


@pytest.mark.parametrize(("document", "lines"), [
    ('{"mysql": {"Queries": 3522457}}', ["ci.mysql.Queries:3522457|c"]),
    ('{"__meta__": {"prefix": "", "delta_seconds": 0}}', ["ci.testrun:0|ms"]),
    ('{"__meta__": {"prefix": 5, "delta_seconds": "9"}, "g": {"a": 1}}', ["ci.g.a:1|c"]),
    ('{"__meta__": {"delta_seconds": true}, "g": {"a": 1.5}}', ["ci.g.a:1.5|c"]),
    ('{"memory_peak": {"n-api": 7}, "memory": {"n": 1}, "process": {"p": -2}, "cpu": {"n_usec": 3}}',
     ["ci.memory_peak.n-api:7|g", "ci.memory.n:1|g", "ci.process.p:-2|g", "ci.cpu.n_usec:3|c"]),
    ('{"g": {"a": null, "b": 2, "c": {}}, "h": {}}', ["ci.g.b:2|c"]),
])
def test_values_and_kinds(document, lines):
    assert sent(parse_counters(document.encode()), prefix="ci")[0] == lines


@pytest.mark.parametrize(("prefix", "own", "name", "safe"), [
    ("", None, "mysql.Queries", "mysql.Queries"),
    ("ci.", "", "mysql.Queries", "ci.mysql.Queries"),
    (".", "..", "mysql.Queries", "mysql.Queries"),
    ("ci", "a:1|c\nb", "g.n", "ci.a_1_c_b.g.n"),
    ("ci", None, "queues.a b@c#d/é_publish", "ci.queues.a_b_c_d___publish"),
    ("ci", None, r"io.a\x2db_read_bytes", "ci.io.a_x2db_read_bytes"),
    ("ci", None, "queues.notifications.info_publish", "ci.queues.notifications.info_publish"),
    ("ci", None, "queues..x.", "ci.queues._.x._"),
    ("c..i", None, "g.n", "c._.i.g.n"),
])
def test_names_are_made_safe(prefix, own, name, safe):
    assert sent(Counters({name: 1}, prefix=own), prefix=prefix)[0] == [f"{safe}:1|c"]


def test_of_a_name_that_comes_twice_the_later_value_is_sent_and_it_is_told():
    first, second = parse_each(b'{"g": {"a": 1, "b": 2}}{"g": {"a": 3}}')
    assert sent(first, second) == (["g.a:3|c", "g.b:2|c"], {"g.a"})
    assert sent(Counters({"g.a b": 1, "g.a_b": 2})) == (["g.a_b:2|c"], {"g.a_b"})


def test_documents_of_two_prefixes_do_not_meet():
    parts = parse_each(b'{"__meta__": {"prefix": "one"}, "g": {"a": 1}}{"__meta__": {"prefix": "two"}, "g": {"a": 2}}')
    assert sent(*parts) == (["one.g.a:1|c", "two.g.a:2|c"], set())


def test_merged_documents_keep_the_later_prefix_and_time():
    found = parse_counters(b'{"__meta__": {"prefix": "one", "delta_seconds": 1}, "g": {"a": 1}}'
                           b'{"__meta__": {"delta_seconds": 2}, "g": {"b": 1}}')
    assert (found.prefix, found.seconds) == ("one", 2)


def test_a_segment_is_one():
    assert [segment(text) for text in ("tempest-full", "openstack/nova", "stable/2024.1", "")] == [
        "tempest-full", "openstack_nova", "stable_2024_1", "_"]


@given(st.text(), st.none() | st.text(), st.dictionaries(st.text(), st.integers()))
def test_every_name_is_safe(prefix, own, values):
    found, _ = metrics([Counters(values, seconds=1, prefix=own)], prefix)
    assert all(SAFE.fullmatch(metric.name) for metric in found)
    assert len({metric.name for metric in found}) == len(found)
    assert any(metric == Metric(metric.name, 1000, Kind.TIME) for metric in found) or values
