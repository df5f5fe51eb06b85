"""Counters documents, good, odd and hostile, and how several become one."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core import limits
from counterbot.core.counters.attachment import parse_counters
from counterbot.core.counters.merging import complete, merge
from counterbot.core.counters.performance import looks_like_performance, parse_performance
from counterbot.core.model import Counters, Unreadable
from tests.memory import peak_below

SAMPLES = Path(__file__).parents[1] / "samples"


def read(document: object) -> Counters:
    return parse_counters((document if isinstance(document, str) else json.dumps(document)).encode())


def refused(data: bytes | str) -> str:
    with pytest.raises(Unreadable) as error:
        parse_counters(data.encode() if isinstance(data, str) else data)
    return str(error.value)


# -- good documents


def test_the_contracts_attachment_with_all_that_meta_can_hold():
    assert parse_counters((SAMPLES / "contract/counters.json").read_bytes()) == Counters(
        {"mysql.Queries": 1_300_000, "mysql.Com_select": 610_233, "mysql.Handler_write": 88_012,
         "memory.n-api": 187_342_848},
        failures={"rabbitmq": "401 Unauthorized from http://127.0.0.1:15672"},
        absent=frozenset({"mysql.Innodb_rows_read"}), resets=frozenset({"mysql.Uptime"}), delta=True)


@pytest.mark.parametrize(
    ("document", "values", "delta"),
    [
        # as os-collect-counters wrote it, with --delta and without
        ({"__meta__": {"unixtime": 1.5, "delta_seconds": 9, "prefix": "p"}, "mysql": {"Q": 1}}, {"mysql.Q": 1}, True),
        ({"__meta__": {"unixtime": 1.5, "prefix": ""}, "mysql": {"Q": 1}}, {"mysql.Q": 1}, False),
        ({"mysql": {"Q": 1}}, {"mysql.Q": 1}, False),
        # the first dot splits
        ({"queues": {"notifications.info_publish": 3}}, {"queues.notifications.info_publish": 3}, False),
        ({"a.b": {"c": 1}}, {"a.b.c": 1}, False),
        ({"g": {"naïve 日本": 1.25, "less": -3, "none": 0}}, {"g.naïve 日本": 1.25, "g.less": -3, "g.none": 0}, False),
        ("\ufeff{\"g\": {\"a\": 1e3}} \r\n", {"g.a": 1000.0}, False),
        ("{\"g\": {\"a\": 1}}\ufeff{\"g\": {\"b\": 2}}", {"g.a": 1, "g.b": 2}, False),
        # nothing counted is neither a difference nor a total
        ({}, {}, None),
        ({"__meta__": {"delta_seconds": 9}, "mysql": {}}, {}, None),
        ({"__meta__": {"delta_seconds": None}, "g": {"a": 1}}, {"g.a": 1}, False),
        ({"__meta__": {"delta_seconds": True}, "g": {"a": 1}}, {"g.a": 1}, False),
    ],
)
def test_good_documents(document, values, delta):
    found = read(document)
    assert (found.values, found.delta, found.unreadable, found.failures) == (values, delta, {}, {})


# -- a value that is none


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("NaN", "NaN is not a finite number"),
        ("Infinity", "Infinity is not a finite number"),
        ("-Infinity", "-Infinity is not a finite number"),
        ("1e400", "1e400 is not a finite number"),
        ("-1e400", "-1e400 is not a finite number"),
        ("9" * 400, "a number of 400 digits"),
        ("9" * 5000, "a number of 5,000 digits"),
        ("9" * 2_000_000, "a number of 2,000,000 digits"),
        ("true", "true or false instead of a number"),
        ("null", "null instead of a number"),
        ('"7"', "text instead of a number"),
        ("[7]", "an array instead of a number"),
        ('{"n": 7}', "an object instead of a number"),
        ('7, "bad": 8', "a duplicate name"),
    ],
)
def test_a_value_that_is_no_finite_number_costs_no_other(value, told):
    found = read(f'{{"mysql": {{"before": 1, "bad": {value}, "after": 2}}}}')
    assert found.values == {"mysql.before": 1, "mysql.after": 2}
    assert found.unreadable == {"mysql.bad": told}


def test_numbers_at_the_edge_stay():
    assert read({"g": {"a": 2**64, "b": 1.7976931348623157e308, "c": 5e-324}}).values == {
        "g.a": 2**64, "g.b": 1.7976931348623157e308, "g.c": 5e-324}
    assert read('{"g": {"a": %s}}' % ("9" * limits.DIGITS)).values == {"g.a": 10**limits.DIGITS - 1}
    assert read('{"g": {"a": 0.%s}}' % ("1" * 2_000_000)).values == {"g.a": 1 / 9}


@pytest.mark.parametrize(
    ("group", "name", "shown", "told"),
    [
        ("g", "", "g.", "a name with an empty part"),
        ("", "n", ".n", "a name with an empty part"),
        ("g", "a\r\nb", "g.a��b", "a name with characters that cannot be printed"),
        ("g", "\x0304red", "g.�04red", "a name with characters that cannot be printed"),
        ("g", "\u202eevil", "g.�evil", "a name with characters that cannot be printed"),
        ("g\ud800", "a", "g�.a", "a name with characters that cannot be printed"),
        ("g", "n" * 10_000, "g." + "n" * 38 + "…", "a name of 10,002 characters, more than 200"),
    ],
)
def test_a_name_that_cannot_be_shown_is_no_counter(group, name, shown, told):
    found = read({group: {name: 1}, "other": {"a": 2}})
    assert (found.values, found.unreadable) == ({"other.a": 2}, {shown: told})


def test_the_longest_name():
    assert read({"g": {"n" * 198: 1}}).values == {"g." + "n" * 198: 1}


# -- wrong shapes


@pytest.mark.parametrize(
    ("document", "failures"),
    [
        ('{"mysql": [1], "g": {"a": 1}}', {"mysql": "an array instead of a group of counters"}),
        ('{"mysql": 5, "g": {"a": 1}}', {"mysql": "a number instead of a group of counters"}),
        ('{"mysql": NaN, "g": {"a": 1}}', {"mysql": "NaN is not a finite number"}),
        ('{"my\\nsql": null, "g": {"a": 1}}', {"my�sql": "null instead of a group of counters"}),
        ('{"m": {"x": 1}, "m": {"y": 2}, "g": {"a": 1}}', {"m": "a duplicate name"}),
        ('{"__meta__": [], "g": {"a": 1}}', {"__meta__": "an array instead of an object"}),
        ('{"__meta__": {}, "__meta__": {}, "g": {"a": 1}}', {"__meta__": "a duplicate name"}),
        ('{"__meta__": {"failures": {"mysql": "a\\nb", "x": [[]]}, "absent": 5, "resets": {"a": 1}}, "g": {"a": 1}}',
         {"mysql": "a b", "x": "an array instead of a reason"}),
        ('{"__meta__": {"failures": {"mysql": "", "x": "\\n"}}, "g": {"a": 1}}',
         {"mysql": "no reason is given", "x": "no reason is given"}),
        ('{"__meta__": {"prefix": "%s"}, "g": {"a": 1}}' % ("x" * 201),
         {"__meta__": "a prefix of 201 characters, more than 200"}),
        ('{"__meta__": {"failures": {"mysql": "%s"}}, "g": {"a": 1}}' % ("x" * 10_000), {"mysql": "x" * 297 + "…"}),
        ('{"__meta__": {"failures": [1]}, "g": {"a": 1}}', {}),
    ],
)
def test_wrong_shapes_are_told_and_cost_only_themselves(document, failures):
    found = read(document)
    assert (found.values, found.failures) == ({"g.a": 1}, failures)


def test_names_of_meta_are_inert_and_a_value_outweighs_them():
    found = read({"__meta__": {"absent": ["g.a", "g.b\n", 5], "resets": ["g.a", "g.c"]}, "g": {"a": 1}})
    assert (found.absent, found.resets) == ({"g.b�"}, {"g.c"})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("[]", "an array instead of an object of groups"),
        ("7", "a number instead of an object of groups"),
        ("NaN", "a number instead of an object of groups"),
        ('{"g": {"a": 1}', "not JSON: Expecting ',' delimiter at line 1 column 15"),
        ('{"g": {"a": 1}}\n{"g": {"a"', "not JSON: Expecting ':' delimiter at line 2 column 11"),
        ('{"g": {"a": 1}}, {}', "not JSON: Expecting value at line 1 column 16"),
        ("[" * 200_000, "not JSON that can be read: it is nested too deeply"),
        ('{"a":' * 200_000, "not JSON that can be read: it is nested too deeply"),
        ('{"g": {' + ",".join(f'"n{n}": 1' for n in range(100_000)) + "}}", "more than 20,000 counters"),
        ('{"g": {' + ",".join(f'"n{n}": NaN' for n in range(100_000)) + "}}", "more than 20,000 counters"),
        ("{}" * 1_001, "more than 1,000 documents in one file"),
        ('{"g": {"a": [' + "{}," * 2_000_000 + "{}]}}", "more than 250,000 values in one file"),
        ('{"g": {' + ",".join(f'"{n}":1' for n in range(600_000)) + "}}", "more than 250,000 values in one file"),
        ('{"g": {"a": [' + "[]," * 2_000_000 + "[]]}}", "more than 250,000 values in one file"),
        ("".join(f'{{"g": {{"n{n}": 1, "m{n}": NaN}}}}' for n in range(990)) +
         '{"g": {' + ",".join(f'"o{n}": 1' for n in range(19_000)) + "}}", "more than 20,000 counters"),
        ("{" + ",".join(f'"n{n}": 1' for n in range(1_001)) + "}", "more than 1,000 failures"),
        ('{"__meta__": {"failures": {' + ",".join(f'"n{n}": 1' for n in range(1_001)) + "}}}",
         "more than 1,000 failures"),
        ('{"__meta__": {"absent": [' + ",".join(f'"g.{n}"' for n in range(20_001)) + "]}}",
         "more than 20,000 counters without a value"),
        (b" " * (8 << 20) + b"1", "8,388,609 bytes, more than the 8,388,608 that are read"),
        (b"\x89PNG\r\n", "not JSON: Expecting value at line 1 column 1"),
        (b'{"g": {"\xff\xfe": 1}', "not JSON: Expecting ',' delimiter at line 1 column 16"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data, told):
    assert refused(data) == told


def test_exactly_as_many_counters_as_are_read():
    full = {"g": {f"a.{number}": number for number in range(limits.COUNTERS)}}
    assert len(read(full).values) == limits.COUNTERS
    assert read({**full, "g.a": {"7": -7}}).values["g.a.7"] == -7


def test_of_many_documents_only_as_much_is_kept_as_of_one():
    document = '{"__meta__": {"failures": {"%s": "no"}}, "g": {%s}}'
    data = "".join(document % (n, ",".join(f'"{n}.{m}": 1' for m in range(5_000))) for n in range(45)).encode()
    with peak_below(32 << 20):
        assert refused(data) == "more than 20,000 counters"


@pytest.mark.parametrize("names", [("a\0", "a\N{REPLACEMENT CHARACTER}"), ("a\N{REPLACEMENT CHARACTER}", "a\0")])
def test_of_two_names_that_show_alike_neither_counts(names):
    found = parse_counters(json.dumps({"g": {**dict.fromkeys(names, 1), "b": 2}}).encode())
    assert found.values == {"g.b": 2}
    assert found.unreadable == {"g.a\N{REPLACEMENT CHARACTER}": "a name with characters that cannot be printed"}


# -- several documents


def test_documents_one_after_the_other_are_one_file_and_the_later_value_counts():
    found = read('{"g": {"a": 1, "b": 2}}\n{"g": {"b": 3, "c": 4}}{"h": {"a": 5}}')
    assert found == Counters({"g.a": 1, "g.b": 3, "g.c": 4, "h.a": 5}, repeated=frozenset({"g.b"}), delta=False)


def test_totals_beside_differences_in_one_file_are_mixed():
    found = read('{"__meta__": {"delta_seconds": 9}, "g": {"a": 1}}{"h": {"a": 5}}')
    assert found == Counters({"g.a": 1, "h.a": 5}, mixed=True)
    performance = Counters({"memory.n-api": 2})
    assert complete(found, performance) == Counters({"g.a": 1, "h.a": 5, "memory.n-api": 2}, mixed=True)


def test_one_name_in_two_spellings_keeps_the_later_value_and_is_told():
    found = read('{"a.b": {"c": 1}, "a": {"b.c": 2}}')
    assert (found.values, found.repeated) == ({"a.b.c": 2}, {"a.b.c"})


@pytest.mark.parametrize(
    ("parts", "merged"),
    [
        # nothing, and one document
        ([], Counters({})),
        ([Counters({"g.a": 1}, delta=True)], Counters({"g.a": 1}, delta=True)),
        # a later value replaces what could not be read, and what could not be read replaces a value
        ([Counters({}, {"g.a": "NaN"}), Counters({"g.a": 1})], Counters({"g.a": 1})),
        ([Counters({"g.a": 1}), Counters({}, {"g.a": "NaN"})], Counters({}, {"g.a": "NaN"})),
        # one node's value outweighs that another has none
        ([Counters({"g.a": 1}), Counters({}, absent=frozenset({"g.a", "g.b"}), resets=frozenset({"g.a"}))],
         Counters({"g.a": 1}, absent=frozenset({"g.b"}))),
        ([Counters({}, absent=frozenset({"g.a"})), Counters({"g.a": 1})], Counters({"g.a": 1})),
        # failures and repetitions of all
        ([Counters({}, failures={"a": "1", "b": "2"}, repeated=frozenset({"x"})), Counters({}, failures={"b": "3"})],
         Counters({}, failures={"a": "1", "b": "3"}, repeated=frozenset({"x"}))),
        # differences and totals together are neither; what says nothing changes nothing
        ([Counters({"g.a": 1}, delta=True), Counters({"g.b": 1}, delta=False)],
         Counters({"g.a": 1, "g.b": 1}, mixed=True)),
        ([Counters({"g.a": 1}, mixed=True), Counters({"g.a": 2}, delta=True)],
         Counters({"g.a": 2}, repeated=frozenset({"g.a"}), mixed=True)),
        ([Counters({"g.a": 1}, delta=True), Counters({"m.b": 1})], Counters({"g.a": 1, "m.b": 1}, delta=True)),
    ],
)
def test_merging(parts, merged):
    assert merge(parts) == merged


def test_a_collector_that_counted_nothing_on_one_node_spoils_no_difference():
    found = read('{"__meta__": {"delta_seconds": 9}, "g": {"a": 1}}{"__meta__": {"failures": {"g": "no"}}}')
    assert (found.delta, found.failures) == (True, {"g": "no"})


def test_performance_adds_the_groups_that_are_missing_and_no_more():
    attached = Counters({"memory.n-api": 1}, {"db.nova.SELECT": "NaN"}, {"mysql": "refused"}, delta=True)
    performance = Counters({"memory.n-cpu": 2, "db.nova.UPDATE": 3, "process.mysqld": 4}, {"api.x.GET": "null"},
                           {"processes": "text instead of a list"})
    assert complete(attached, performance) == Counters(
        {"memory.n-api": 1, "process.mysqld": 4}, {"db.nova.SELECT": "NaN", "api.x.GET": "null"},
        {"mysql": "refused", "processes": "text instead of a list"}, delta=True)


def test_many_documents_of_many_unreadable_counters_take_a_moment():
    document = json.dumps({"g": {f"n{number}": None for number in range(19_000)}})
    began = time.process_time()
    read(document + '{"g": {"a": 1}}' * 998)
    assert time.process_time() - began < 3


# -- DevStack's performance.json


def test_the_real_performance_json_of_version_1():
    data = (SAMPLES / "performance/performance-v1-2022-05-17.json").read_bytes()
    found, document = parse_performance(data), json.loads(data)
    assert looks_like_performance(data)
    assert (found.unreadable, found.failures, found.delta) == ({}, {}, None)
    groups = [name.partition(".")[0] for name in found.values]
    assert {group: groups.count(group) for group in groups} == {"memory": 23, "db": 13, "process": 4, "api": 17}
    assert found.values["memory.n-api"] == 261_332_992
    assert found.values["db.placement.SELECT"] == 4
    assert found.values["process.beam.smp"] == next(
        row["rss"] for row in document["processes"] if row["cmd"].endswith("/beam.smp"))
    assert sum(value for name, value in found.values.items() if name.startswith("api.")) == sum(
        value for row in document["api"] for key, value in row.items() if key.isupper())


VERSION_2 = {
    "services": [
        {"service": "devstack@n-api.service", "MemoryCurrent": 261_332_992},
        {"service": "devstack@n-cpu.service", "MemoryCurrent": 2**64 - 1},  # not accounted for
        {"service": "apache2.service", "MemoryCurrent": "[not set]"},  # does not run
        {"service": "devstack@etcd.service", "MemoryCurrent": None},
        {"service": "mysql.service", "MemoryCurrent": 500},
    ],
    "db": [{"db": "nova_cell1", "op": "SELECT", "count": 40}, {"db": "nova_cell1", "op": "UPDATE", "count": 2}],
    "processes": [
        {"cmd": "/usr/sbin/mysqld", "pid": 1, "args": "--x", "rss": 700},
        {"cmd": "/usr/local/bin/privsep-helper", "pid": 2, "args": "", "rss": 30},
        {"cmd": "/opt/stack/bin/privsep-helper", "pid": 3, "args": "", "rss": 40},
    ],
    "api": [
        {"service": "compute", "log": "nova-api-access.log", "largest": 12_345, "tempest-GET": 100,
         "openstacksdk-GET": 7, "keystoneauth1-POST": 5, "nova-api-DELETE": 1},
        {"service": "compute", "log": "access.log", "largest": 9, "tempest-GET": 3},
        {"service": "identity", "log": "keystone_access.log", "largest": 1, "tempest-GET": 1},
    ],
    "report": {"timestamp": "2026-11-21T01:02:03", "hostname": "node-0001", "version": 2},
}


def test_version_2_is_summed_over_agents_logs_and_processes():
    data = json.dumps(VERSION_2).encode()
    assert looks_like_performance(data)
    assert parse_performance(data) == Counters({
        "memory.n-api": 261_332_992, "memory.mysql": 500,
        "db.nova_cell1.SELECT": 40, "db.nova_cell1.UPDATE": 2,
        "process.mysqld": 700, "process.privsep-helper": 70,
        "api.compute.GET": 110, "api.compute.POST": 5, "api.compute.DELETE": 1, "api.identity.GET": 1})


def test_damage_in_performance_json_costs_only_itself():
    found = parse_performance(json.dumps({
        "services": "none", "db": [{"db": "nova", "op": "SELECT"}, {"op": "SELECT", "count": 1}, 5],
        "processes": [{"cmd": None, "rss": 1}, {"cmd": "/usr/bin/", "rss": 1}, {"cmd": "a", "rss": 1}],
        "api": [{"service": "x", "GET": 1}, {"service": "x", "GET": "many"}, {"service": "x", "GET": 2}],
    }).encode())
    assert found == Counters(
        {"process.a": 1},
        {"db.nova.SELECT": "null instead of a number", "process.": "a name with an empty part",
         "api.x.GET": "text instead of a number"},
        {"services": "text instead of a list", "db": "2 of 3 rows have no name",
         "processes": "1 of 3 rows have no name"})


def test_a_sum_too_large_for_a_number_is_unreadable():
    rows = ",".join(['{"cmd": "a", "rss": 1.7e308}'] * 2)
    found = parse_performance(b'{"services": [], "processes": [%s]}' % rows.encode())
    assert (found.values, found.unreadable) == ({}, {"process.a": "its sum is not a finite number"})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not a performance.json: one JSON object was expected"),
        (b"[]", "not a performance.json: one JSON object was expected"),
        (b'{"services": []}{"services": []}', "not a performance.json: one JSON object was expected"),
        (b'{"mysql": {"Queries": 1}}', "not a performance.json: it holds none of services, db, processes, api"),
        (b'{"services": 1}', "not a performance.json: it holds none of services, db, processes, api"),
        (b"[" * 200_000, "not JSON that can be read: it is nested too deeply"),
    ],
)
def test_what_is_no_performance_json_is_refused(data, told):
    with pytest.raises(Unreadable) as error:
        parse_performance(data)
    assert str(error.value) == told


@pytest.mark.parametrize(
    "data", [b"", b'"services"', b'["services"]', b'{"services": {"a": 1}}', b'{"services": [', b'{"mysql": {}}'])
def test_what_does_not_look_like_performance_json(data):
    assert not looks_like_performance(data)


# -- whatever others write


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(max_size=9) | st.sampled_from(
            ["__meta__", "failures", "absent", "services", "db", "op", "count", "api", "rss", "cmd"]),
        inner, max_size=4), max_leaves=15)


def sound(found: Counters) -> None:
    assert all(math.isfinite(value) and not isinstance(value, bool) for value in found.values.values())
    assert all(name.isprintable() and "." in name and len(name) <= 200 for name in found.values)
    shown = [*found.unreadable, *found.failures, *found.absent, *found.resets]
    assert all(text.isprintable() and len(text) <= 200 for text in shown)
    assert json.loads(json.dumps([dict(found.values), dict(found.unreadable), dict(found.failures)]))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()), max_size=3).map(b"".join))
def test_no_bytes_give_anything_but_sound_counters_or_unreadable(data):
    for parse in (parse_counters, parse_performance):
        with suppress(Unreadable):
            sound(parse(data))
    assert looks_like_performance(data) in (True, False)


NAMES = st.sampled_from([f"{group}.{name}" for group in ("g", "h") for name in "abc"])
PARTS = st.builds(lambda values, bad, gone, delta: Counters(
    values, {name: "no" for name in bad if name not in values}, absent=frozenset(gone) - values.keys(), delta=delta),
    st.dictionaries(NAMES, st.integers(0, 9)), st.sets(NAMES), st.sets(NAMES), st.none() | st.booleans())


@settings(deadline=None)
@given(st.lists(PARTS, max_size=4), st.lists(PARTS, max_size=4))
def test_merging_in_steps_is_merging_at_once(first, second):
    in_steps, at_once = merge([merge(first), merge(second)]), merge([*first, *second])
    assert all(getattr(in_steps, name) == getattr(at_once, name) for name in ("values", "unreadable", "delta", "mixed"))


@settings(deadline=None)
@given(st.lists(PARTS, max_size=4), PARTS)
def test_no_counter_is_both_a_value_and_none(parts, performance):
    for found in (merge(parts), complete(merge(parts), performance)):
        assert not found.values.keys() & (found.unreadable.keys() | found.absent | found.resets)
