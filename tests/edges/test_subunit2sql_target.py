"""The plugin for subunit2sql, told of streams by python-subunit as subunit2sql has it told; statsd is a socket."""

import io
import json
import logging

import pytest
from oslo_config import cfg
from subunit import ByteStreamToStreamResult
from testtools import CopyStreamResult

from counterbot.reporters.subunit2sql_target import Target
from tests.statsd import Statsd
from tests.streams import SOME, chunks, counters, framed, packet

ONE = b'{"__meta__": {"delta_seconds": 2.5}, "mysql": {"Queries": 12, "Slow_queries": 0}}'
ONE_SENT = ["ci.mysql.Queries:12|c", "ci.mysql.Slow_queries:0|c", "ci.testrun:2500.000000|ms"]
TWO = b'{"queues": {"reply_publish": 7}}'
TWO_SENT = ["ci.queues.reply_publish:7|c"]
STRANGE = packet(b"x", name="stdout", mime="text/plain")


def damaged(data, at=-6):
    """A packet with one byte changed."""
    return data[:at] + bytes([data[at] ^ 1]) + (data[at + 1:] if at != -1 else b"")


@pytest.fixture
def statsd():
    with Statsd() as statsd:
        yield statsd


@pytest.fixture
def import_(statsd):
    """Streams, one after the other, as subunit2sql reads them; what statsd hears."""
    cfg.CONF.register_cli_opt(cfg.StrOpt("non_subunit_name"))
    assert Target.enabled()
    registered = list(cfg.CONF._groups["counters2statsd"]._opts.values())

    def run(*streams, options=("--counters2statsd-prefix", "ci")):
        command = ["--counters2statsd-host", statsd.host, "--counters2statsd-port", str(statsd.port), *options]
        cfg.CONF(command, project="subunit2sql", default_config_files=[], default_config_dirs=[])
        result = CopyStreamResult([Target()])
        for stream in streams:
            result.startTestRun()
            try:
                ByteStreamToStreamResult(io.BytesIO(stream), non_subunit_name=cfg.CONF.non_subunit_name).run(result)
            finally:
                result.stopTestRun()
        return statsd.lines()

    yield run
    cfg.CONF.reset()
    cfg.CONF.unregister_opts([each["opt"] for each in registered], group="counters2statsd")
    cfg.CONF.unregister_opt(cfg.StrOpt("non_subunit_name"))


def test_the_attachment_goes_to_statsd(import_, caplog):
    assert import_(SOME + counters(ONE)) == ONE_SENT
    assert caplog.messages == []


def test_a_stream_without_counters_sends_nothing(import_, caplog):
    assert import_(SOME, SOME + STRANGE, SOME + counters(ONE, test_id="a.test")) == []
    assert caplog.messages == []


# What os-performance-tools' plugin lost


def test_two_streams_on_one_command_line(import_):
    assert import_(counters(ONE), SOME, counters(TWO)) == ONE_SENT + TWO_SENT


@pytest.mark.parametrize("stream", [
    counters(ONE) + counters(TWO),
    counters(ONE, eof=True) + counters(TWO, eof=True),
    counters(ONE, route="0") + counters(TWO, route="1"),
    b"".join(chunks(ONE, 20)) + SOME + b"".join(chunks(TWO, 7)),
    b"".join(map(b"".join, zip(chunks(ONE, 30, route="0"), chunks(TWO, 12, route="1"), strict=True))),
])
def test_two_documents(import_, stream):
    assert sorted(import_(stream)) == sorted(ONE_SENT + TWO_SENT)


def test_of_a_name_that_comes_twice_the_later_value_is_sent(import_, caplog):
    assert import_(counters(ONE, eof=True) + counters(b'{"mysql": {"Queries": 3}}', eof=True))[0] == \
        "ci.mysql.Queries:3|c"
    assert caplog.messages == ["ci.mysql.Queries: duplicate; the last value is sent"]


def test_a_null_costs_no_other_value(import_, caplog):
    assert import_(counters(b'{"mysql": {"Queries": 12, "Uptime": null, "x": "y"}}')) == ["ci.mysql.Queries:12|c"]
    assert caplog.messages == ["not sent: mysql.Uptime: null instead of a number; mysql.x: text instead of a number"]


def test_text_between_packets(import_):
    assert import_(b"+ stestr last --subunit\n" + SOME + b"Killed\n" + counters(ONE) + b"bye\n") == ONE_SENT


def test_the_name_for_text_that_somebody_chose_stays(import_):
    assert import_(b"bye\n" + counters(ONE), options=("--non_subunit_name", "mine"))[0] == "mysql.Queries:12|c"
    assert cfg.CONF.non_subunit_name == "mine"


def test_empty_groups_are_told(import_, caplog):
    assert import_(counters(b'{"__meta__": {"delta_seconds": 1}, "mysql": {}, "queues": {}}')) == [
        "ci.testrun:1000.000000|ms"]
    assert caplog.messages == ["mysql, queues: empty, which is how the old collector writes what it could not read"]


def test_what_the_collector_could_not_read_is_told(import_, caplog):
    document = {"__meta__": {"failures": {"rabbitmq": "401 Unauthorized"}}, "mysql": {"Queries": 12}}
    assert import_(counters(json.dumps(document).encode())) == ["ci.mysql.Queries:12|c"]
    assert caplog.messages == ["not sent: rabbitmq: 401 Unauthorized"]


# Damage


@pytest.mark.parametrize("stream", [
    damaged(SOME[:200], 100) + SOME[200:] + counters(ONE),
    counters(ONE, eof=True) + damaged(packet(b"x" * 50, name="stdout", test_id="a.test")),
    counters(ONE, eof=True) + SOME[:-30],
], ids=["before", "behind", "cut short"])
def test_damage_elsewhere_costs_nothing_and_is_told(import_, caplog, stream):
    assert import_(stream) == ONE_SENT
    assert caplog.messages == ["packets of the stream are damaged; counters.json is whole"]


def test_an_attachment_that_is_cut_short_is_missed(import_, caplog):
    """Of a packet that ends too early python-subunit gives nothing on."""
    assert import_(SOME + counters(ONE)[:-10]) == []
    assert caplog.messages == ["packets of the stream are damaged; counters.json is not there"]


@pytest.mark.parametrize(("stream", "why"), [
    (damaged(counters(ONE)), "a packet that may be a part of it is damaged"),
    (counters(ONE, eof=True) + damaged(counters(TWO)), "a packet that may be a part of it is damaged"),
    (counters(ONE) + damaged(packet(b"x" * 50, name="stdout", test_id="a.test")),
     "a packet that may be a part of it is damaged"),
    (damaged(counters(ONE), 30) + counters(TWO, mime=None), "it may have begun in a damaged packet"),
    (counters(b" " * 3_000_000) * 3, "it has more than 8,388,608 bytes"),
    (counters(b"{"), "not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
    (counters(b""), "it is empty"),
    (counters(b"[1]"), "an array instead of an object of groups"),
], ids=["its packet", "a later packet", "a packet within", "its name", "too large", "no JSON", "empty",
        "no object"])
def test_what_damage_may_have_touched_is_not_sent_and_is_told(import_, caplog, stream, why):
    assert import_(SOME + stream) == []
    assert caplog.messages == [f"counters.json is not sent: {why}"]


def test_a_stream_that_cannot_be_read_further_sends_nothing(import_, statsd, caplog):
    short = framed(0x2940, b"")  # a test id and a file are announced, and none is there
    with pytest.raises(Exception, match="unpack"):
        import_(counters(ONE, eof=True) + short + counters(TWO))
    assert statsd.lines() == []
    [told] = caplog.messages
    assert told.startswith("counters.json is not sent: the stream was not read to its end (unpack")
    assert import_(counters(TWO)) == TWO_SENT


def test_damage_of_one_stream_costs_no_other(import_):
    assert import_(damaged(counters(ONE)), counters(TWO)) == TWO_SENT


@pytest.mark.parametrize("content", [b"{", ONE + b"{"])
def test_one_attachment_that_is_none_costs_no_other(import_, content):
    assert import_(counters(content, eof=True) + counters(TWO)) == TWO_SENT


# statsd, and what is to be sent to it


@pytest.mark.parametrize("host", ["statsd.invalid", "a..b"])
def test_a_statsd_without_an_address_costs_no_import(import_, statsd, caplog, host):
    assert import_(counters(ONE), options=("--counters2statsd-host", host)) == []
    assert caplog.messages[0].startswith(f"counters are not sent: {host}:{statsd.port}: ")


def test_it_can_be_turned_off(import_, caplog):
    assert import_(counters(ONE), options=("--counters2statsd-noenabled",)) == []
    assert import_(damaged(counters(ONE)), options=("--counters2statsd-noenabled",)) == []
    assert caplog.messages == []


def test_datagrams_are_small_and_nothing_is_lost(import_, statsd):
    values = {f"Com_{number}": number for number in range(2000)}
    cfg.CONF.set_override("prefix", "ci", group="counters2statsd")
    import_()
    result = Target()
    result.startTestRun()
    result.status(file_name="counters.json", file_bytes=memoryview(json.dumps({"mysql": values}).encode()))
    result.stopTestRun()
    datagrams = statsd.datagrams()
    assert max(map(len, datagrams)) <= 512
    assert b"\n".join(datagrams).decode().split("\n") == [f"ci.mysql.Com_{n}:{n}|c" for n in range(2000)]


def test_beside_the_old_plugin_only_one_sends(caplog):
    """Its options have the same names, so that configurations go on, and other words."""
    old = [cfg.StrOpt("host", help="Statsd host to connect to", default="localhost")]
    group = cfg.OptGroup(name="counters2statsd", title="Counters2Statsd")
    cfg.CONF.register_cli_opts(old, group=group)
    try:
        assert not Target.enabled()
    finally:
        cfg.CONF.unregister_opts(old, group=group)
    assert caplog.messages == ["counters are sent by another plugin; to use this one, uninstall os-performance-tools"]
    assert logging.getLogger("counterbot.subunit2sql").handlers == []
