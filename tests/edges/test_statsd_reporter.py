"""The statsd reporter and its client against a UDP socket: what is sent, and that nothing waits for it."""

import logging
import socket

import pytest

from counterbot.clients import statsd as client
from counterbot.core.counters.metrics import Kind, Metric
from counterbot.core.model import Build, Counters
from counterbot.reporters.statsd import ADDRESS_LIFE, WAITING, Settings, Statsd, prefix
from tests.clock import Clock
from tests.statsd import Statsd as Socket

BUILD = Build("7" * 32, "tempest-full", "SUCCESS", True, "openstack/nova", "stable/2026.1", "gate", None)


@pytest.fixture
def listener():
    with Socket() as listener:
        yield listener


def reporter(listener, prefix="", host=None, **given):
    return Statsd(Settings(host or listener.host, listener.port, prefix), **given)


def sent(listener, counters, prefix=""):
    statsd = reporter(listener, prefix)
    statsd.take(BUILD, counters)
    assert statsd.step()
    assert not statsd.step()
    return listener.lines()


def test_the_same_names_as_from_subunit2sql(listener):
    counters = Counters({"mysql.Queries": 3522457, "memory_peak.n-api": 9, "queues.reply_publish": 107}, delta=True,
                        seconds=1312.4, prefix="grenade")
    assert sent(listener, counters, "ci") == [
        "ci.grenade.mysql.Queries:3522457|c", "ci.grenade.memory_peak.n-api:9|g",
        "ci.grenade.queues.reply_publish:107|c", "ci.grenade.testrun:1312400.000000|ms"]


def test_the_builds_own_words_in_the_prefix(listener):
    assert sent(listener, Counters({"g.n": 1}), "ci.{project}.{branch}.{pipeline}.{job}") == [
        "ci.openstack_nova.stable_2026_1.gate.tempest-full.g.n:1|c"]
    assert prefix("{pipeline}", Build("1", "j", None, True, "p", "b", None, None)) == "none"


def test_a_build_without_counters_sends_nothing(listener):
    assert sent(listener, Counters({}, {"g.n": "null"})) == []


def test_datagrams_are_small_and_nothing_is_lost(listener):
    values = {f"mysql.Com_{number}": number for number in range(3000)}
    statsd = reporter(listener)
    statsd.take(BUILD, Counters(values))
    statsd.step()
    datagrams = listener.datagrams()
    assert max(map(len, datagrams)) <= 512
    assert b"\n".join(datagrams).decode().split("\n") == [f"{name}:{value}|c" for name, value in values.items()]


@pytest.mark.parametrize(("metric", "line"), [
    (Metric("g.n", 1.5, Kind.COUNT), "g.n:1.5|c"),
    (Metric("g.n", 2**64, Kind.COUNT), "g.n:18446744073709551616|c"),
    (Metric("g.n", -3, Kind.COUNT), "g.n:-3|c"),
    (Metric("g.n", -3, Kind.GAUGE), "g.n:0|g\ng.n:-3|g"),  # a sign alone would be taken for a change
    (Metric("g.n", 1312.4, Kind.TIME), "g.n:1312.400000|ms"),
])
def test_values(listener, metric, line):
    speaks = client.connect(listener.host, listener.port)
    client.send(speaks, [metric])
    speaks.close()
    assert "\n".join(listener.lines()) == line


def test_ipv6_where_there_is_no_other_address():
    if not socket.has_ipv6:
        pytest.fail("the kernel has no IPv6")
    with Socket("::1") as listener:
        assert sent(listener, Counters({"g.n": 1})) == ["g.n:1|c"]


# Nothing waits for it


def test_nobody_listens(listener, caplog):
    caplog.set_level(logging.INFO)
    with Socket() as gone:
        statsd = reporter(gone)
    for _ in range(3):
        statsd.take(BUILD, Counters({"g.n": 1}))
        assert statsd.step()
    assert caplog.messages == []


@pytest.mark.parametrize("host", ["statsd.invalid", "a..b", "x" * 70])
def test_a_name_without_an_address_is_looked_up_again_a_minute_later(listener, caplog, host):
    clock, asked = Clock(), []

    def connect(host, port):
        asked.append(clock.seconds)
        return client.connect(host, port)

    statsd = reporter(listener, host=host, monotonic=clock, connect=connect)
    for clock.seconds in (0, 1, ADDRESS_LIFE - 1, ADDRESS_LIFE + 1):
        statsd.take(BUILD, Counters({"g.n": 1}))
        assert statsd.step()
    assert asked == [0, ADDRESS_LIFE + 1]
    assert [message.startswith(f"statsd at {host}:{listener.port}: ") for message in caplog.messages] == [True, True]


def test_an_address_is_kept_for_a_while_and_beyond_while_there_is_no_other(listener, caplog):
    clock, hosts = Clock(), [listener.host, "statsd.invalid", listener.host]
    statsd = reporter(listener, monotonic=clock, connect=lambda host, port: client.connect(hosts.pop(0), port))
    for clock.seconds, left in ((0, 2), (ADDRESS_LIFE - 1, 2), (ADDRESS_LIFE, 1), (2 * ADDRESS_LIFE, 0)):
        statsd.take(BUILD, Counters({"g.n": left}))
        assert statsd.step()
        assert listener.lines() == [f"g.n:{left}|c"]
        assert len(hosts) == left
    assert len(caplog.messages) == 1


def test_too_many_waiting_builds_are_dropped_and_told(listener, caplog):
    statsd = reporter(listener)
    for number in range(WAITING + 1):
        statsd.take(BUILD, Counters({"g.n": number}))
    assert caplog.messages == [f"{BUILD.uuid}: its counters are not sent, since 1000 builds wait"]


def test_a_fault_of_ours_ends_nothing(listener, caplog):
    statsd = reporter(listener, prefix="{nonsense}")
    statsd.take(BUILD, Counters({"g.n": 1}))
    assert statsd.step()
    assert caplog.messages == [f"{BUILD.uuid}: its counters are not sent"]


def test_two_counters_of_one_safe_name_are_told(listener, caplog):
    assert sent(listener, Counters({"g.a b": 1, "g.a_b": 2})) == ["g.a_b:2|c"]
    assert caplog.messages == [f"{BUILD.uuid}: several counters have the names g.a_b"]
