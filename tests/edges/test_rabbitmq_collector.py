"""The RabbitMQ collector against a management API on loopback that behaves, and against some that do not."""

import base64
import json
import os
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from counterbot.collectors import Failed, rabbitmq, settings
from counterbot.collectors.rabbitmq.management_api import LONGEST, Api, place
from counterbot.core.counters.snapshot import Snapshot, read, written
from counterbot.core.deadline import Deadline

from .test_http import OK, Server, certificate, chunked, silent, sized, trickle

OVERVIEW = "/api/overview?columns=message_stats.publish,disable_stats,rates_mode"
NODES = "/api/nodes?columns=name,running,os_pid"
EXCHANGES = "/api/exchanges?columns=name,vhost,message_stats.publish_in"
VHOSTS = "/api/vhosts?columns=name,message_stats.publish"
QUEUES = "/api/queues?columns=name,vhost,message_stats.publish"
HEX = "c3b6a1047d024c4d82ed736cca37ab10"
SECRET = "opensesame"


def answer(document):
    return sized(json.dumps(document).encode())


def refusal(status, reason):
    """As RabbitMQ words it."""
    return sized(json.dumps({"error": "not_authorised", "reason": reason}).encode(), status=status)


def rows(member, counts):
    return answer([{"name": name, "vhost": "/", "message_stats": {member: count}} for name, count in counts])


def overview(**more):
    return answer({"rates_mode": "basic", "disable_stats": False, "message_stats": {}} | more)


@pytest.fixture
def broker():
    """One where nothing was published yet."""
    server = Server()
    server.answers |= {OVERVIEW: overview(), VHOSTS: answer([{"name": "/"}]),
                       EXCHANGES: answer([{"name": "", "vhost": "/"}, {"name": "amq.topic", "vhost": "/"}]),
                       QUEUES: answer([]), NODES: answer([{"name": "rabbit@a", "running": True, "os_pid": "7"}])}
    yield server
    server.close()


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("API", "USER", "PASS"):
        monkeypatch.delenv(f"OS_QA_RABBITMQ_{name}", raising=False)
    monkeypatch.setenv("OS_QA_RABBITMQ_PASS", SECRET)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")


def collect(server, seconds=5, **given):
    return rabbitmq.collect(rabbitmq.Settings(**{"url": server.url, "settle": 0.0} | given), seconds, False)


def failure(server, seconds=5, **given):
    """The one line, without secrets, with its server's address left out."""
    with pytest.raises(Failed) as failed:
        collect(server, seconds, **given)
    return told(failed.value, server)


def told(error, server):
    line = str(error)
    assert line.isprintable()
    assert SECRET not in line
    assert base64.b64encode(f"guest:{SECRET}".encode()).decode() not in line
    assert error.__cause__ is None
    return line.replace(server.url, "URL")


class TestCounts:
    def test_are_added_up_by_scope(self, broker):
        broker.answers[QUEUES] = rows("publish", [
            (f"scheduler_fanout_{HEX}", 30), (f"scheduler_fanout_{HEX[::-1]}", 12), (f"reply_{HEX}", 100),
            (f"reply_{HEX[::-1]}", 7), ("conductor", 3), ("conductor.host1", 4), ("conductor", 5)])
        broker.answers[EXCHANGES] = rows("publish_in", [("", 107), ("nova", 12), ("scheduler_fanout", 30), ("", 1)])
        broker.answers[OVERVIEW] = overview(message_stats={"publish": 149})
        found = collect(broker)
        assert found.groups == {
            "queues": {"scheduler_fanout_publish": 42, "reply_publish": 107, "conductor_publish": 12},
            "exchanges": {"default_publish_in": 108, "nova_publish_in": 12, "scheduler_fanout_publish_in": 30,
                          "total_publish": 149},
        }
        assert (found.failures, found.absent, found.own) == ((), frozenset(), {})

    def test_only_what_is_needed_is_asked_for(self, broker):
        collect(broker)
        assert sorted(request.split()[:2] for request in broker.asked) == sorted(
            ["GET", path] for path in (OVERVIEW, NODES, VHOSTS, EXCHANGES, QUEUES))
        assert all("\r\nConnection: close\r\n" in request for request in broker.asked)

    def test_nothing_published_yet_is_no_failure(self, broker):
        found = collect(broker)
        assert (found.groups, found.failures) == ({"queues": {}, "exchanges": {}}, ())

    def test_a_queue_nobody_published_to_is_not_told(self, broker):
        broker.answers[QUEUES] = answer([{"name": "a", "vhost": "/", "message_stats": {}}, {"name": "b", "vhost": "/"},
                                         {"name": "c", "vhost": "/", "message_stats": {"publish": 0}}])
        assert collect(broker).groups["queues"] == {"c_publish": 0}

    @pytest.mark.parametrize("nothing", [[], None, {}, {"publish": None, "publish_in": None}])
    def test_statistics_that_hold_nothing_cost_nothing_but_themselves(self, broker, nothing):
        """An empty list is how Erlang has nothing of a mapping."""
        quiet = {"vhost": "/", "message_stats": nothing}
        broker.answers[QUEUES] = answer([{"name": "a"} | quiet, {"name": "b", "vhost": "/",
                                                                 "message_stats": {"publish": 3}}])
        broker.answers[EXCHANGES] = answer([{"name": "a"} | quiet, {"name": "b", "vhost": "/",
                                                                    "message_stats": {"publish_in": 4}}])
        broker.answers[VHOSTS] = answer([{"name": "/", "message_stats": nothing}])
        broker.answers[OVERVIEW] = overview(message_stats=nothing)
        found = collect(broker)
        assert (found.groups, found.failures) == ({"queues": {"b_publish": 3}, "exchanges": {"b_publish_in": 4}}, ())
        broker.answers[OVERVIEW] = overview(message_stats={"publish": 7})
        assert collect(broker).groups["exchanges"] == {"b_publish_in": 4, "total_publish": 7}

    def test_of_10_000_queues(self, broker):
        broker.answers[QUEUES] = rows("publish", [(f"reply_{at:032x}", at) for at in range(10_000)])
        assert collect(broker).groups["queues"] == {"reply_publish": 49_995_000}

    def test_scopes_of_the_settings_come_first(self, broker):
        broker.answers[QUEUES] = rows("publish", [("billing-eu-17", 2), ("billing-eu-18", 3), ("conductor.a", 1)])
        given = settings.build(rabbitmq.Settings, {
            "url": broker.url, "settle": 0, "scopes": {"billing-([a-z]+)-[0-9]+": r"billing_\1"}})
        assert rabbitmq.collect(given, 5, False).groups["queues"] == {"billing_eu_publish": 5, "conductor_publish": 1}

    @pytest.mark.parametrize("body", [chunked(b'[{"name":"a","vhost":"/","mess', b'age_stats":{"publish":1}}]'),
                                      OK + b'\r\n[{"name":"a","vhost":"/","message_stats":{"publish":1}}]'])
    def test_come_in_any_framing(self, broker, body):
        broker.answers[QUEUES] = lambda sock: sock.sendall(body)
        assert collect(broker).groups["queues"] == {"a_publish": 1}

    def test_the_settling_is_waited_out_before_they_are_read(self, broker):
        def asked_once(sock):
            broker.answers[OVERVIEW] = overview(message_stats={"publish": 2})
            sock.sendall(overview(message_stats={"publish": 1}))

        broker.answers[OVERVIEW] = asked_once
        assert collect(broker, settle=0.2).groups["exchanges"] == {"total_publish": 2}

    def test_a_settling_longer_than_there_is_time(self, broker):
        assert failure(broker, 5, settle=5.0) == (
            "settle means a wait of 5.5 s, and there are 5 s in all; change one of them")
        assert broker.asked == []

    def test_a_wrong_password_is_told_before_the_settling(self, broker):
        broker.answers[OVERVIEW] = refusal(b"401 Unauthorized", "Login failed")
        assert "password is wrong" in failure(broker, 3600, settle=3000.0)


class TestInstance:
    @pytest.mark.parametrize(("nodes", "start"), [
        ([{"name": "rabbit@b", "running": True, "os_pid": "9"}, {"name": "rabbit@a", "running": True, "os_pid": "7"},
          {"name": "rabbit@c", "running": False}], "rabbit@a:7 rabbit@b:9"),
        ([{"name": "rabbit@a", "running": True, "os_pid": "7"}, {"name": "rabbit@b", "running": True}], None),
        ([], None),
    ])
    def test_is_the_processes_of_all_running_nodes(self, broker, nodes, start):
        broker.answers[NODES] = answer(nodes)
        assert collect(broker).instances == ({"queues": start, "exchanges": start} if start else {})


class TestVirtualHosts:
    HIDDEN = "the user does not see every virtual host; rabbitmqctl set_permissions -p VHOST USER '' '' '' for "

    @pytest.mark.parametrize("status", [b"401 Unauthorized", b"403 Forbidden"])
    def test_of_which_a_user_may_not_know(self, broker, status):
        broker.answers[NODES] = refusal(status, "Not monitor user")
        assert failure(broker) == (f"URL answered {status[:3].decode()}: the user cannot see every virtual host; "
                                   "rabbitmqctl set_user_tags USER monitoring")

    @pytest.mark.parametrize(("names", "told"), [
        (["/", "v2"], "'v2'"), (["b\u001b[0m", "/", "a"], r"'a', 'b\x1b[0m'"),
        ([*"fedcba/"], "'a', 'b', 'c', 'd', 'e' and 1 more"),
    ])
    def test_that_are_hidden_are_no_quiet_ones(self, broker, names, told):
        broker.answers[VHOSTS] = answer([{"name": name} for name in names])
        broker.answers[OVERVIEW] = overview(message_stats={"publish": 447})
        assert failure(broker).startswith(self.HIDDEN + told)

    def test_all_of_which_are_hidden(self, broker):
        broker.answers[EXCHANGES] = answer([])
        assert failure(broker) == self.HIDDEN + "'/'"

    def test_made_after_they_were_listed_are_not_hidden(self, broker):
        broker.answers[EXCHANGES] = answer([{"name": "", "vhost": vhost} for vhost in ("/", "new")])
        assert collect(broker).failures == ()


class TestParts:
    def parts(self, broker):
        return {name: sorted(parts.values()) for name, parts in collect(broker).parts.items()}

    def test_are_what_a_sum_adds_up(self, broker):
        broker.answers[QUEUES] = answer([
            {"name": name, "vhost": vhost, "message_stats": {"publish": count}} for name, vhost, count in (
                ("sched.a", "/", 100), ("sched.b", "/", 5), ("sched.a", "v2", 7), ("sched.c", "/", 0))])
        broker.answers[EXCHANGES] = rows("publish_in", [("nova", 4), ("quiet", 0)])
        assert self.parts(broker) == {"queues.sched_publish": [5, 7, 100], "exchanges.nova_publish_in": [4]}

    def test_of_the_total_are_virtual_hosts(self, broker):
        broker.answers[VHOSTS] = answer([
            {"name": "/", "message_stats": {"publish": 9}}, {"name": "v2", "message_stats": {"publish": 3}},
            {"name": "v3", "message_stats": {}}, {"name": "v4"}])
        broker.answers[EXCHANGES] = answer([{"name": "", "vhost": vhost} for vhost in ("/", "v2", "v3", "v4")])
        broker.answers[OVERVIEW] = overview(message_stats={"publish": 12})
        assert self.parts(broker) == {"exchanges.total_publish": [3, 9]}

    def test_with_names_of_one_mark_are_counted_together(self, broker):
        broker.answers[QUEUES] = rows("publish", [("reply_plumless", 1), ("reply_buckeroo", 2), ("reply_x", 4)])
        assert self.parts(broker) == {"queues.reply_publish": [3, 4]}

    def test_of_10_000_queues_are_a_small_document(self, broker):
        broker.answers[QUEUES] = rows("publish", [(f"reply_{at:032x}", 10**9) for at in range(10_000)])
        found = collect(broker)
        snapshot = Snapshot(found.groups, 1.0, collector="counterbot 1", parts=found.parts)
        assert len(written(snapshot)) < 250_000
        assert read(written(snapshot)) == snapshot


class TestAccess:
    def authorized(self, broker):
        tokens = {request.split("Authorization: Basic ")[1].split("\r\n")[0] for request in broker.asked}
        assert len(tokens) == 1
        return base64.b64decode(tokens.pop()).decode()

    @pytest.mark.parametrize("form", ["127.0.0.1:{port}", "http://127.0.0.1:{port}", "http://127.0.0.1:{port}/",
                                      "localhost:{port}", "HTTP://localhost:{port}/"])
    def test_by_the_variables_of_os_collect_counters(self, broker, monkeypatch, form):
        monkeypatch.setenv("OS_QA_RABBITMQ_API", form.format(port=broker.port))
        monkeypatch.setenv("OS_QA_RABBITMQ_USER", "stackrabbit")
        assert collect(broker, url=None).groups == {"queues": {}, "exchanges": {}}
        assert self.authorized(broker) == f"stackrabbit:{SECRET}"

    def test_by_the_settings_before_them(self, broker, monkeypatch, tmp_path):
        monkeypatch.setenv("OS_QA_RABBITMQ_API", "127.0.0.1:9")
        monkeypatch.setenv("OS_QA_RABBITMQ_USER", "stackrabbit")
        (tmp_path / "password").write_text("pässword: x\n\n")
        collect(broker, user="counters", password_file=str(tmp_path / "password"))
        assert self.authorized(broker) == "counters:pässword: x"

    def test_by_default_as_guest(self, broker, monkeypatch):
        monkeypatch.delenv("OS_QA_RABBITMQ_PASS")
        monkeypatch.setenv("OS_QA_RABBITMQ_USER", "")
        collect(broker)
        assert self.authorized(broker) == "guest:guest"
        assert rabbitmq.LOCAL == "http://127.0.0.1:15672"

    def test_below_a_prefix(self, broker):
        broker.answers = {f"/rabbit{path}": what for path, what in broker.answers.items()}
        assert collect(broker, url=f"{broker.url}/rabbit/").failures == ()

    @pytest.mark.parametrize(("text", "why"), [
        (b"", " must hold one line, the password"), (b"\nx", " must hold one line, the password"),
        (b"opensesame\nx", " must hold one line, the password"),
        (None, ": no such file; give the path of a file that holds the password, or leave it out"),
    ])
    def test_with_a_password_file_that_is_none(self, broker, tmp_path, text, why):
        path = tmp_path / "password"
        if text is not None:
            path.write_bytes(text)
        assert failure(broker, password_file=str(path)) == f"password_file {path}{why}"

    @pytest.mark.parametrize("password", ["opensesame", "open/sesame", "/opensesame", "/open/sesame", "~open/sesame"])
    def test_with_a_password_where_its_files_path_should_be(self, broker, password):
        assert failure(broker, password_file=password) == (
            "password_file: no such file; give the path of a file that holds the password, or leave it out")

    @pytest.mark.parametrize("url", [
        "http://guest:opensesame@127.0.0.1:1", "opensesame@127.0.0.1", "127.0.0.1:x", "http://", "127.0.0.1:0",
        "127.0.0.1:99999", "ftp://127.0.0.1", "http://127.0.0.1/?x=opensesame", "http://a\r\nX: y",
        "//127.0.0.1", "[::1", "http://127.0.0.1#x", "http://127.0.0.1:15672/api/", "http://127.0.0.1/rabbit/api",
    ])
    def test_to_a_url_that_is_none(self, broker, monkeypatch, url):
        with pytest.raises(settings.Wrong) as wrong:
            settings.build(rabbitmq.Settings, {"url": url})
        assert str(wrong.value).startswith("url: must ")
        assert SECRET not in str(wrong.value)
        monkeypatch.setenv("OS_QA_RABBITMQ_API", url)
        assert failure(broker, url=None).startswith("OS_QA_RABBITMQ_API must ")

    @pytest.mark.parametrize("url", ["http://guest:opensesame@127.0.0.1:1", "opensesame@127.0.0.1"])
    def test_to_a_url_that_holds_a_password(self, url):
        with pytest.raises(ValueError, match="must hold no user and no password; they have settings of their own"):
            place(url)

    def test_is_not_shown(self, broker):
        assert SECRET not in repr(Api(place(broker.url), "guest", SECRET.encode(), Deadline.after(1, time.monotonic)))

    def test_of_a_user_with_a_colon(self, broker, monkeypatch):
        monkeypatch.setenv("OS_QA_RABBITMQ_USER", "a:opensesame")
        assert failure(broker) == "OS_QA_RABBITMQ_USER must hold no colon, which HTTP takes for its end"

    def test_with_bytes_that_are_no_text(self, broker, monkeypatch):
        monkeypatch.setitem(os.environb, b"OS_QA_RABBITMQ_PASS", b"open\xffsesame")
        assert collect(broker).failures == ()
        token = base64.b64encode(b"guest:open\xffsesame").decode()
        assert all(f"Authorization: Basic {token}\r\n" in request for request in broker.asked)

    @pytest.mark.parametrize(("url", "host", "port"), [
        ("https://rabbit.example.org/", "rabbit.example.org", None), ("[::1]:15672", "::1", 15672),
        ("rabbit", "rabbit", None), ("https://rabbit:15671/x", "rabbit", 15671),
    ])
    def test_to_urls_of_many_forms(self, url, host, port):
        assert (place(url).hostname, place(url).port) == (host, port)

    @pytest.mark.parametrize(("given", "why"), [
        ({"settle": -1}, "settle: must be 0 or more seconds"), ({"settle": float("nan")}, "settle: must be 0 or more"),
        ({"user": "a:b"}, "user: must hold no colon"), ({"scopes": {"(": "x"}}, "scopes: '(': 'x' is no pattern"),
        ({"scopes": ["x"]}, "scopes: must be a mapping"), ({"password": "x"}, "password: unknown key"),
    ])
    def test_settings_that_cannot_be_used(self, given, why):
        with pytest.raises(settings.Wrong) as wrong:
            settings.build(rabbitmq.Settings, given)
        assert why in str(wrong.value)


class TestTls:
    @pytest.fixture
    def secured(self, tmp_path):
        pem = certificate("localhost", tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server = Server(context)
        server.url, server.pem = f"https://localhost:{server.port}", str(pem)
        server.answers |= {OVERVIEW: overview(), EXCHANGES: answer([]), QUEUES: answer([]), NODES: answer([]),
                           VHOSTS: answer([])}
        yield server
        server.close()

    def test_with_the_authority_given(self, secured):
        assert collect(secured, ca_file=secured.pem).groups == {"queues": {}, "exchanges": {}}

    def test_with_none(self, secured):
        assert failure(secured).startswith("URL shows a certificate that is not trusted (self")
        assert secured.asked == []

    def test_of_another_name(self, secured):
        secured.url = f"https://127.0.0.1:{secured.port}"
        assert failure(secured, ca_file=secured.pem).startswith("URL shows a certificate that is not trusted (IP")

    def test_with_an_authority_that_is_none(self, secured, tmp_path):
        (tmp_path / "empty").write_text("")
        assert failure(secured, ca_file=str(tmp_path / "empty")) == (
            f"ca_file {tmp_path / 'empty'} holds no certificate in PEM form")
        assert failure(secured, ca_file=str(tmp_path / "no")) == (
            f"ca_file {tmp_path / 'no'}: no such file")

    def test_with_the_authority_in_the_home_folder(self, secured, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "broker.pem").write_bytes(Path(secured.pem).read_bytes())
        assert collect(secured, ca_file="~/broker.pem").failures == ()

    def test_spoken_to_a_server_that_does_not(self, broker):
        broker.url = broker.url.replace("http:", "https:")
        broker.answers = {}
        assert failure(broker, 0.7).startswith("URL was not done in time")  # it waits for the end of a request

    def test_answered_by_something_else(self, broker):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            broker.url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            def speak():
                sock, _ = listener.accept()
                sock.recv(9)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.close()

            threading.Thread(target=speak, daemon=True).start()
            assert failure(broker) == "URL speaks no TLS, or none that we do; should url begin with http://?"

    def test_not_spoken_to_a_server_that_does(self, secured):
        secured.url = f"http://127.0.0.1:{secured.port}"
        assert "is url the management API's?" in failure(secured)


class TestRefusals:
    OTHER = ("URL answered {}: is url the management API's? Does the broker run there, with its management plugin "
             "(rabbitmq-plugins enable rabbitmq_management)?")
    DOWN = "URL answered 503: the broker is starting, or in trouble; try later, or look into its log"

    @pytest.mark.parametrize(("status", "reason", "why"), [
        (b"401 Unauthorized", "Login failed", "URL answered 401: the user or the password is wrong"),
        (b"403 Forbidden", SECRET, "URL answered 403: the user or the password is wrong"),
        (b"401 Unauthorized", "Not management user", "URL answered 401: the user may not use the management API; "
         "rabbitmqctl set_user_tags USER monitoring"),
        (b"401 Unauthorized", "User can only log in via localhost",
         "URL answered 401: this user is let in from the broker's own machine only; give another user"),
        (b"404 " + SECRET.encode(), "", OTHER.format(404)),
        (b"503 Service Unavailable", SECRET, DOWN),
        (b"500 Internal Server Error", "", DOWN.replace("503", "500")),
        (b"301 Moved", SECRET, OTHER.format(301)),
        (b"204 No Content", "", OTHER.format(204)),
    ])
    def test_say_what_to_do(self, broker, status, reason, why):
        broker.answers[OVERVIEW] = refusal(status, reason)
        assert failure(broker) == why

    def test_of_one_group_cost_the_other_nothing(self, broker):
        broker.answers[QUEUES] = refusal(b"503 Service Unavailable", "")
        broker.answers[OVERVIEW] = overview(message_stats={"publish": 3})
        found = collect(broker)
        assert found.groups == {"exchanges": {"total_publish": 3}}
        assert [line.replace(broker.url, "URL") for line in found.failures] == [f"queues: {self.DOWN}"]
        assert found.instances == {"exchanges": "rabbit@a:7"}

    @pytest.mark.parametrize("path", [NODES, VHOSTS, EXCHANGES])
    def test_of_what_tells_how_to_read_the_rest_fail(self, broker, path):
        broker.answers[path] = refusal(b"503 Service Unavailable", "")
        assert failure(broker) == self.DOWN

    def test_a_redirect_is_not_followed(self, broker):
        broker.answers[OVERVIEW] = sized(b"", b"Location: /elsewhere", status=b"302 Found")
        failure(broker)
        assert not [request for request in broker.asked if "/elsewhere" in request]


class TestNoStatistics:
    @pytest.mark.parametrize("said", [
        {"rates_mode": "basic", "disable_stats": True},
        {"rates_mode": "basic", "disable_stats": True, "message_stats": {}},
        {"rates_mode": "basic"},  # before 3.8
    ])
    def test_collected(self, broker, said):
        broker.answers[OVERVIEW] = answer(said)
        assert failure(broker) == (
            "the broker collects no statistics; take management_agent.disable_metrics_collector and "
            "management.disable_stats out of rabbitmq.conf and restart it")

    def test_of_messages(self, broker):
        broker.answers[OVERVIEW] = overview(rates_mode="none", message_stats={"disk_reads": 0})
        assert failure(broker) == (
            "the broker counts no messages; set management.rates_mode = basic in rabbitmq.conf and restart it")


class TestStrangeAnswers:
    NO_JSON = "URL did not answer with JSON; is url the management API's?"

    @pytest.mark.parametrize("body", [
        b"", b"<!DOCTYPE html><html>opensesame</html>", b"[", b"\xff\xfe", b'{"a": ', b"nope", b"[" * 100_000,
        b"9" * 5000, b'{"rates_mode": "basic"} {}',
    ])
    def test_that_are_no_json(self, broker, body):
        broker.answers[OVERVIEW] = sized(body)
        assert failure(broker) == self.NO_JSON
        broker.answers |= {OVERVIEW: overview(), QUEUES: sized(body)}
        assert [told(line, broker) for line in map(Failed, collect(broker).failures)] == [f"queues: {self.NO_JSON}"]

    @pytest.mark.parametrize("path", [OVERVIEW, NODES, VHOSTS, EXCHANGES, QUEUES])
    @pytest.mark.parametrize("document", [None, "x", 7, [7], {"a": 1}, [[]]])
    @pytest.mark.parametrize("settle", [0.0, 0.01])
    def test_of_another_shape(self, broker, path, document, settle):
        broker.answers[path] = answer(document)
        assert failure(broker, settle=settle) == (
            "URL answered something else than RabbitMQ; is url the management API's?")

    def test_that_never_end_are_cut_at_a_size(self, broker):
        def flood(sock):
            sock.sendall(OK + b"\r\n[")
            while True:
                sock.sendall(b" " * 65536)

        broker.answers[OVERVIEW] = flood
        assert failure(broker) == "URL sends more than 16 MiB; is url the management API's?"
        document = overview().split(b"\r\n\r\n")[1]
        broker.answers[OVERVIEW] = sized(document.ljust(LONGEST + 1))
        assert failure(broker) == "URL sends more than 16 MiB; is url the management API's?"
        broker.answers[OVERVIEW] = sized(document.ljust(LONGEST))
        assert collect(broker, 30).failures == ()

    @given(document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["name", "vhost", "message_stats", "publish", "publish_in", "rates_mode", "running",
                             "os_pid"]),
            inner, max_size=4), max_leaves=12), path=st.sampled_from([OVERVIEW, NODES, VHOSTS, EXCHANGES, QUEUES]))
    @hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_of_any_shape_are_counts_or_a_failure(self, broker, document, path):
        good = dict(broker.answers)
        broker.answers[path] = answer(document)
        try:
            found = collect(broker)
            assert found.groups.keys() <= {"queues", "exchanges"}
        except Failed as error:
            told(error, broker)
        finally:
            broker.answers = good


class TestBrokenLines:
    BROKEN = "URL broke the connection off; is url the management API's?"
    EARLY = "URL ended its answer too early, or speaks no HTTP; is url the management API's?"

    def test_nobody_listens(self, broker):
        broker.close()
        assert failure(broker) == (
            "URL refuses the connection; does the broker run there, with its management plugin "
            "(rabbitmq-plugins enable rabbitmq_management)?")

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "a..b"])
    def test_there_is_no_such_host(self, broker, host):
        broker.url = f"http://{host}:1"
        assert failure(broker).startswith("URL cannot be reached: ")

    @pytest.mark.parametrize(("sent", "why"), [
        (b"", BROKEN), (b"HTTP/1.1 200", TestStrangeAnswers.NO_JSON), (b"SSH-2.0-OpenSSH\r\n", EARLY),
        (b"AMQP\0\0\x09\1", EARLY), (OK, TestStrangeAnswers.NO_JSON), (b"HTTP/1.1 abc\r\n\r\n", EARLY),
        (OK + b"Content-Length: 40\r\n\r\n", EARLY), (OK + b'Content-Length: 40\r\n\r\n{"rates_mode"', EARLY),
        (chunked(b'{"rates_mode"', end=b""), EARLY), (chunked(b"{", end=b"5\r\nab"), EARLY),
        (chunked(b"{", end=b"x\r\n"), EARLY), (OK + b"X: y\r\n" * 200 + b"\r\n", EARLY), (b"H" * 70_000, EARLY),
    ])
    def test_an_answer_that_is_cut_or_none(self, broker, sent, why):
        broker.answers[OVERVIEW] = lambda sock: sock.sendall(sent)
        assert failure(broker) == why

    @pytest.mark.parametrize("path", [OVERVIEW, NODES, VHOSTS, EXCHANGES, QUEUES])
    @pytest.mark.parametrize("answer", [
        silent(b""), silent(OK), silent(OK + b"Content-Length: 5\r\n\r\nabc"), trickle(OK + b"\r\n", b"x"),
        trickle(OK + b"Content-Length: 500\r\n\r\n", b"x"),
        trickle(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ])
    def test_one_that_does_not_come(self, broker, path, answer):
        broker.answers[path] = answer
        late = "URL was not done in time; is the broker overloaded, or does it hang?"
        if path != QUEUES:
            assert failure(broker, 0.4) == late
            return
        broker.answers[OVERVIEW] = overview(message_stats={"publish": 3})
        found = collect(broker, 1.5)  # what is asked before is to have come
        assert found.groups == {"exchanges": {"total_publish": 3}}
        assert [line.replace(broker.url, "URL") for line in found.failures] == [f"queues: {late}"]

    def test_one_that_nobody_takes(self, broker):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            broker.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with socket.create_connection(listener.getsockname()):
                assert "was not done in time" in failure(broker, 0.4)
