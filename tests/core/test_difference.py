"""What happened between two readings, in a table; and that a document holds a reading whole."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core.counters.attachment import parse_counters
from counterbot.core.counters.difference import Group, difference
from counterbot.core.counters.snapshot import Kind, Snapshot, mark, read, written
from counterbot.core.model import Unreadable

KNOWN = {
    "mysql": Group("mysql", Kind.COUNTER),
    "queues": Group("rabbitmq", Kind.FROM_ZERO),
    "exchanges": Group("rabbitmq", Kind.FROM_ZERO),
    "db": Group("performance", Kind.OF_THE_JOB),
    "memory": Group("performance", Kind.GAUGE),
}
BEFORE, AFTER = 1_795_000_000.5, 1_795_000_100.5


def reading(groups, at=AFTER, **other):
    return Snapshot(groups, at, host="node-1", collector="counterbot 1", **other)


def between(before, after, own=None, **other):
    first = before if isinstance(before, Snapshot) else reading(before, BEFORE)
    second = after if isinstance(after, Snapshot) else reading(after, **other)
    return difference(first, second, KNOWN, own)


def refused(before, after):
    with pytest.raises(Unreadable) as error:
        between(before, after)
    return str(error.value)


@pytest.mark.parametrize(("before", "after", "groups"), [
    ({"mysql": {"Queries": 10}}, {"mysql": {"Queries": 25}}, {"mysql": {"Queries": 15}}),
    ({"mysql": {"Queries": 10}}, {"mysql": {"Queries": 10}}, {"mysql": {"Queries": 0}}),
    ({"queues": {}}, {"queues": {"reply_publish": 7}}, {"queues": {"reply_publish": 7}}),
    ({"memory": {"n-api": 9}}, {"memory": {"n-api": 5}}, {"memory": {"n-api": 5}}),
    ({}, {"memory": {"n-api": 5}}, {"memory": {"n-api": 5}}),
    ({}, {"db": {"nova.SELECT": 5}}, {"db": {"nova.SELECT": 5}}),
    ({"db": {"nova.SELECT": 2}}, {"db": {"nova.SELECT": 5, "nova.INSERT": 1}},
     {"db": {"nova.SELECT": 3, "nova.INSERT": 1}}),
    ({"others": {"x": 1}}, {"others": {"x": 4}}, {"others": {"x": 3}}),
])
def test_what_is_subtracted_and_what_is_not(before, after, groups):
    result = between(before, after)
    assert (result.groups, result.failures, result.absent, result.resets) == (groups, {}, frozenset(), frozenset())
    assert result.delta_seconds == 100


def test_whole_numbers_stay_whole():
    value = between({"mysql": {"Queries": 2**63 + 1}}, {"mysql": {"Queries": 2**63 + 4}}).groups["mysql"]["Queries"]
    assert (value, type(value)) == (3, int)


def test_what_went_backwards_has_no_value():
    result = between({"mysql": {"Queries": 10, "Com_select": 1}}, {"mysql": {"Queries": 9, "Com_select": 2}})
    assert (result.groups, result.resets) == ({"mysql": {"Com_select": 1}}, {"mysql.Queries"})


def test_a_sum_whose_queues_are_all_gone_fell_too():
    result = between({"queues": {"reply_publish": 3}}, {"queues": {}})
    assert (result.groups, result.resets) == ({"queues": {}}, {"queues.reply_publish"})


@pytest.mark.parametrize(("first", "second", "reset"), [
    ({"mysql": 1000.0}, {"mysql": 1001.5}, False),
    ({"mysql": 1000.0}, {"mysql": 1003.0}, True),
    ({"mysql": "pid 7"}, {"mysql": "pid 7"}, False),
    ({"mysql": "pid 7"}, {"mysql": "pid 8"}, True),
    ({"mysql.Queries": "a"}, {"mysql.Queries": "b"}, True),
    ({"mysql": 1000.0}, {}, False),
    ({}, {"mysql": "pid 8"}, False),
])
def test_a_restarted_server_gives_no_values_even_where_it_counted_further(first, second, reset):
    result = between(reading({"mysql": {"Queries": 10}}, BEFORE, instances=first),
                     reading({"mysql": {"Queries": 99}}, instances=second))
    assert (result.groups, bool(result.resets)) == ({"mysql": {} if reset else {"Queries": 89}}, reset)


def test_a_restart_is_one_line_that_counts_what_is_lost():
    names = {f"Com_{number}": number for number in range(222)}
    result = between(
        reading({"mysql": names, "queues": {"a_publish": 1}, "exchanges": {"a_publish_in": 1}}, BEFORE,
                instances={"mysql": 1.0, "queues": "a", "exchanges": "a"}),
        reading({"mysql": names, "queues": {"a_publish": 2}, "exchanges": {"a_publish_in": 1}},
                instances={"mysql": 90.0, "queues": "b", "exchanges": "b"}, failures={"rabbitmq": "odd"}))
    assert result.failures == {"mysql": "mysql restarted: 222 counters have no value",
                               "rabbitmq": "odd; rabbitmq restarted: 2 counters have no value"}
    assert (len(result.resets), result.restarted) == (224, {"mysql", "queues", "exchanges"})


@pytest.mark.parametrize(("first", "second"), [
    ({}, {}), ({"mysql": 1.0}, {"mysql": 1.0}), ({"mysql.Queries": "a"}, {"mysql.Queries": "b"})])
def test_what_was_reset_without_a_restart_of_the_server_is_no_failure(first, second):
    """By FLUSH STATUS, say, or in one unit of systemd."""
    result = between(reading({"mysql": {"Queries": 10}}, BEFORE, instances=first),
                     reading({"mysql": {"Queries": 1}}, instances=second))
    assert (result.failures, result.resets, result.restarted) == ({}, {"mysql.Queries"}, frozenset())


def test_a_restarted_server_that_had_counted_nothing_loses_nothing():
    result = between(reading({"queues": {}}, BEFORE, instances={"queues": "a"}),
                     reading({"queues": {}}, instances={"queues": "b"}))
    assert result.failures == {}


def test_names_that_were_made_by_other_rules_cannot_be_compared():
    for rules in ({}, {"queues": "other"}):
        result = between(reading({"queues": {"conductor_publish": 5}}, BEFORE, made=rules),
                         reading({"queues": {"mine_publish": 50}}, made={"queues": "these"}))
        assert result.groups == {}
        assert result.failures == {"rabbitmq": (
            "no difference, since the reading before named the counters of queues by other rules; take both with the "
            "same version and the same settings")}


@pytest.mark.parametrize(("before", "after", "reset"), [
    ({"a": 21}, {"b": 30}, True),  # gone
    ({"a": 16, "b": 5}, {"a": 3, "b": 27}, True),  # made anew under its name
    ({"a": 16, "b": 5}, {"a": 16, "b": 14}, False),
    ({"b": 21}, {"a": 2, "b": 28}, False),
    ({}, {"a": 30}, False),
    ({"a": 21}, {}, True),
])
def test_a_sum_that_lost_of_a_part_has_no_value_though_it_rose(before, after, reset):
    result = between(
        reading({"queues": {"reply_publish": 21, "a_publish": 1}}, BEFORE,
                parts={"queues.reply_publish": before, "queues.a_publish": {"c": 1}}),
        reading({"queues": {"reply_publish": 30, "a_publish": 4}},
                parts={"queues.reply_publish": after, "queues.a_publish": {"c": 1, "d": 3}}))
    assert result.groups == {"queues": {"a_publish": 3} if reset else {"a_publish": 3, "reply_publish": 9}}
    assert result.resets == ({"queues.reply_publish"} if reset else frozenset())
    assert result.parts == {}


def test_a_counter_that_only_one_reading_has_is_absent():
    result = between({"mysql": {"Queries": 1}}, {"mysql": {"Queries": 2, "Com_select": 70_000}})
    assert (result.groups, result.absent) == ({"mysql": {"Queries": 1}}, {"mysql.Com_select"})


@pytest.mark.parametrize(("before", "why"), [
    (reading({}, BEFORE, failures={"rabbitmq": "401 Unauthorized"}), "401 Unauthorized"),
    (reading({}, BEFORE), "it has no group queues"),
    (replace(reading({"queues": {}}, BEFORE), collector=None), "its group queues is empty"),
])
def test_a_group_that_failed_before_has_no_values(before, why):
    result = between(before, {"queues": {"reply_publish": 7}})
    assert result.groups == {}
    assert result.failures == {"rabbitmq": f"no difference, since the reading before failed: {why}"}


def test_a_value_that_was_no_number_before_gives_no_difference():
    result = between(reading({"queues": {}}, BEFORE, unreadable=frozenset({"queues.reply_publish"})),
                     {"queues": {"reply_publish": 7}})
    assert (result.groups, result.absent) == ({"queues": {}}, {"queues.reply_publish"})


def test_what_was_absent_before_and_counts_from_zero_has_a_difference():
    result = between(reading({"queues": {}}, BEFORE, absent=frozenset({"queues.reply_publish"})),
                     {"queues": {"reply_publish": 7}})
    assert (result.groups, result.absent) == ({"queues": {"reply_publish": 7}}, frozenset())


def test_reasons_of_one_collector_stand_side_by_side():
    result = between({}, {"queues": {"a_publish": 1}}, failures={"rabbitmq": "exchanges: 503"})
    assert result.failures == {"rabbitmq": "exchanges: 503; no difference, since the reading before failed: it has no "
                                           "group queues"}


def test_a_group_that_failed_now_keeps_its_reason():
    result = between({"queues": {"reply_publish": 7}}, {}, failures={"rabbitmq": "503"})
    assert (result.groups, result.failures) == ({}, {"rabbitmq": "503"})


def test_what_a_reading_adds_itself_does_not_count():
    result = between({"mysql": {"Queries": 10, "Com_select": 5}}, {"mysql": {"Queries": 14, "Com_select": 6}},
                     own={"mysql.Queries": 4, "mysql.Com_select": 2})
    assert result.groups == {"mysql": {"Queries": 0, "Com_select": 0}}


@pytest.mark.parametrize(("before", "why"), [
    (reading({}, BEFORE, delta_seconds=3.0), "it is itself a difference: it was taken with --delta"),
    (replace(reading({}, BEFORE), host="node-2"), "it was read on another node, node-2; this one is node-1"),
    (reading({}, AFTER + 3600), "it was read 3,600.0 s in the future: the clock was set back"),
])
def test_what_cannot_be_compared_is_refused(before, why):
    assert refused(before, {}) == why


# -- the document


FULL = reading({"mysql": {"Queries": 5, "Ratio": 0.25}, "queues": {}, "a.b": {"c": 1}}, prefix="ci",
               delta_seconds=12.5, failures={"rabbitmq": "401"}, absent=frozenset({"mysql.X"}),
               resets=frozenset({"mysql.Y"}), instances={"mysql": 17.5, "queues": "rabbit@n 12"},
               made={"queues": "rules"}, parts={"queues.a_publish": {mark("a"): 7, mark("b"): 2**64}})


def test_a_document_holds_a_reading_whole():
    assert read(written(FULL)) == FULL


def test_it_is_what_the_bot_reads():
    counters = parse_counters(written(FULL))
    assert counters.values == {"mysql.Queries": 5, "mysql.Ratio": 0.25, "a.b.c": 1}
    assert (counters.failures, counters.absent, counters.resets) == ({"rabbitmq": "401"}, {"mysql.X"}, {"mysql.Y"})


def test_it_is_laid_out_as_the_old_tools_was():
    plain = Snapshot({"queues": {"b": 2, "a": 1}, "mysql": {}}, 7.5)
    assert written(plain).decode() == json.dumps(
        {"__meta__": {"unixtime": 7.5}, "mysql": {}, "queues": {"a": 1, "b": 2}}, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize(("data", "why"), [
    (b"", "it is empty"),
    (b" \n", "it is empty"),
    (b'{"__meta__": {"unixtime": 1}, "mysql": {"Que', "not JSON"),
    (b"[]", "it is no reading of counters: it has no __meta__"),
    (b'{"mysql": {"Queries": 1}}', "it is no reading of counters: it has no __meta__"),
    (b'{"__meta__": {}}', "its __meta__ has no unixtime, so nobody knows when it was read"),
    (b'{"__meta__": {"unixtime": true}}', "its __meta__ has no unixtime, so nobody knows when it was read"),
    (b'{"__meta__": {"unixtime": 1}} {"__meta__": {"unixtime": 2}}', "it holds several readings; one was expected"),
    *((f'{{"__meta__": {{"unixtime": 1, {meta}}}}}'.encode(), "its __meta__ is not as this version of counterbot writes"
       " it") for meta in ('"parts": 5', '"parts": {"a.b": 5}', '"parts": {"a.b": "2aa1ba58"}', '"instances": 5',
                          '"instances": {"a": [1]}', '"host": 5')),
])
def test_what_is_no_reading_is_refused(data, why):
    with pytest.raises(Unreadable, match=why):
        read(data)


def test_a_value_that_is_no_number_costs_no_other():
    found = read(json.dumps({"__meta__": {"unixtime": 1}, "mysql": {"a": None, "b": 2}}).encode())
    assert (found.groups, found.unreadable) == ({"mysql": {"b": 2}}, {"mysql.a"})


@given(st.dictionaries(st.text(max_size=8), st.dictionaries(st.text(max_size=8), st.integers(0, 2**64), max_size=4),
                       max_size=4))
def test_any_groups_round_trip_or_are_refused(groups):
    try:
        found = read(written(Snapshot(groups, 1.0)))
    except Unreadable:
        return
    assert all(found.groups[group].items() <= groups[group].items() for group in found.groups)
