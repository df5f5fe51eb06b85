"""The mysql collector against a loopback server that counts, and against some that misbehave."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time
from contextlib import closing
from hashlib import sha256

import pytest

from counterbot.collectors import Failed
from counterbot.collectors.mysql import GROUPS, Settings, access, collect
from counterbot.collectors.mysql.access import SOCKETS, find
from counterbot.collectors.mysql.schemas import CONSUMERS, DIGESTS, ROWS, SWITCHES
from counterbot.collectors.mysql.status import AGAIN, AGE, NAMES, STATEMENTS
from counterbot.collectors.settings import Wrong, build
from counterbot.core.counters.difference import Group, difference
from counterbot.core.counters.snapshot import Snapshot

from ..mysql_server import FAST, OK, SALT, WHOLE, MySQLServer, error, switch
from .test_http import certificate

PASSWORD = "opensesame"
SHOW = "SHOW GLOBAL STATUS"
STATUS = {
    **dict.fromkeys(NAMES, "7"), "Com_select": "11", "Com_show_status": "1", "Handler_read_key": "5",
    "Created_tmp_tables": "2", "Rows_sent": "3", "Select_scan": "4", "Sort_rows": "6", "Uptime": "60",
    "Threads_connected": "1", "Compression": "OFF", "Rpl_status": "", "Last_query_cost": "10.250000"}

ENVIRONMENT = {"MYSQL_HOST": "env", "MYSQL_TCP_PORT": "4", "MYSQL_UNIX_PORT": "/env.sock", "MYSQL_PWD": "env"}


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(access, "FILES", ("~/.my.cnf",))
    for name in [name for name in os.environ if name.startswith(("MYSQL_", "MARIADB_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def server():
    with closing(MySQLServer()) as server:
        server.answers[SHOW] = list(STATUS.items())
        server.answers[AGE] = [("Uptime", STATUS["Uptime"])]
        yield server


@pytest.fixture
def options(tmp_path):
    """Writes an option file, and gives its path."""
    def write(*lines):
        path = tmp_path / "options.cnf"
        path.write_text("\n".join(["[client]", *lines, ""]))
        return str(path)

    return write


@pytest.fixture
def settings(server, options):
    def make(**more):
        path = options(f"port={server.port}", f"user={server.user}", f"password='{PASSWORD}'", "host=127.0.0.1")
        return Settings(defaults_file=path, **more)

    return make


def failure(settings, seconds=5.0, again=False):
    """The line that a failed reading gives. There is no password in any."""
    with pytest.raises(Failed) as failed:
        collect(settings, seconds, again)
    line = str(failed.value)
    assert line.isprintable()
    assert PASSWORD not in line
    return line


def between(settings, what):
    """The difference of a reading before and one after, as ``collect --delta`` has it."""
    first = collect(settings, 9, False)
    what()
    last = collect(settings, 9, False)
    before, after = (Snapshot(each.groups, 1.0, collector="counterbot", instances=each.instances, made=each.made,
                              parts=each.parts, failures={"mysql": "; ".join(each.failures)} if each.failures else {})
                     for each in (first, last))
    return difference(before, after, {group: Group("mysql", kind) for group, kind in GROUPS.items()})


def slowly(seconds, answer):
    """The answer as of when the question came, so much later."""
    def later():
        rows = answer()
        time.sleep(seconds)
        return rows

    return later


def ageing(server):
    """It grows older, by whole seconds."""
    start = time.time() - 60.5
    server.answers[SHOW] = lambda: list((STATUS | {"Uptime": f"{time.time() - start:.0f}"}).items())
    server.answers[AGE] = lambda: [("Uptime", f"{time.time() - start:.0f}")]


class TestReads:
    def test_what_is_counted_alike_whenever_the_same_is_done(self, settings):
        read = collect(settings(), 5, False)
        others = {"Uptime", "Threads_connected", "Compression", "Rpl_status", "Last_query_cost"}
        assert read.groups == {"mysql": {name: int(text) for name, text in STATUS.items() if name not in others}}
        assert (read.failures, read.absent, read.own) == ((), frozenset(), {})

    def test_more_by_name_and_by_pattern_in_any_case(self, settings):
        read = collect(settings(more=("THREADS_*", "last_query_cost", "[u]ptime", "Nothing_*")), 5, False)
        found = read.groups["mysql"]
        assert (found["Threads_connected"], found["Last_query_cost"], found["Uptime"]) == (1, 10.25, 60)
        assert read.absent == frozenset()

    def test_what_was_named_and_is_not_there_is_absent(self, server, settings):
        server.answers[SHOW] = [pair for pair in STATUS.items() if pair[0] != "Innodb_rows_read"]
        read = collect(settings(more=("Foo", "Threads_connected")), 5, False)
        assert read.absent == {"mysql.Innodb_rows_read", "mysql.Foo"}
        assert "Innodb_rows_read" not in read.groups["mysql"]

    @pytest.mark.parametrize("text", ["ON", "", "x", "1e3", "1_000", "٣", "nan", "0x1f", " 1", "1.", None, "9" * 99])
    def test_a_value_that_is_no_number_costs_no_other(self, server, settings, text):
        server.answers[SHOW] = list((STATUS | {"Queries": text, "Com_odd": text}).items())
        read = collect(settings(), 5, False)
        assert read.absent == {"mysql.Queries"}
        assert "Com_odd" not in read.groups["mysql"]
        assert read.groups["mysql"]["Questions"] == 7

    def test_large_and_negative_numbers_stay_whole(self, server, settings):
        server.answers[SHOW] = list((STATUS | {"Queries": str(2**64 - 1), "Com_odd": "-3"}).items())
        found = collect(settings(), 5, False).groups["mysql"]
        assert (found["Queries"], found["Com_odd"]) == (2**64 - 1, -3)

    def test_the_servers_start(self, settings):
        before = time.time()
        started = collect(settings(), 5, False).instances["mysql"]
        assert before - 60 <= started <= time.time() - 60

    def test_a_server_that_does_not_tell_its_age(self, server, settings):
        server.answers[SHOW] = [pair for pair in STATUS.items() if pair[0] != "Uptime"]
        server.answers[AGE] = []
        assert collect(settings(), 5, False).instances == {}

    @pytest.mark.parametrize("statement", [SHOW, AGE])
    def test_one_slow_answer_is_no_restart(self, server, settings, statement):
        def slow():
            server.answers[statement] = slowly(2.5, server.answers[statement])

        ageing(server)
        found = between(settings(), slow)
        assert (found.groups["mysql"]["Queries"], found.resets, found.failures) == (0, frozenset(), {})

    def test_a_server_that_is_slow_to_tell_its_age(self, server, settings):
        ageing(server)
        for statement in (SHOW, AGE):
            server.answers[statement] = slowly(1.1, server.answers[statement])
        read = collect(settings(), 5, False)
        assert read.groups["mysql"]["Queries"] == 7
        line, = read.failures
        assert line.startswith(f"the server at 127.0.0.1:{server.port} took 1.")
        assert "so a restart cannot be told for certain" in line


class Counting:
    """Counts as MariaDB does: of a connection's quit only when that has come through."""

    def __init__(self, server, noise=(), missed=()):
        self.counted = {"Questions": 100, "Com_select": 50, "Bytes_received": 1000, "Connections": 10}
        self.noise, self.missed, self.reading = noise, missed, 0
        server.answers[SHOW] = self.show
        server.on_quit = self.quit

    def show(self):
        self.counted["Questions"] += STATEMENTS
        self.counted["Bytes_received"] += 95
        self.counted["Connections"] += 1
        lost = STATEMENTS if self.reading in self.missed else 0
        shown = self.counted | {"Questions": self.counted["Questions"] - lost}
        if self.reading in self.noise:
            self.counted["Com_select"] += 3
        self.reading += 1
        return [(name, str(value)) for name, value in shown.items()]

    def quit(self):
        time.sleep(0.02)  # a client that does not wait reads again before this is counted
        self.counted["Bytes_received"] += 5


class TestOwn:
    def test_is_what_one_reading_adds(self, server, settings):
        Counting(server)
        read = collect(settings(), 5, True)
        assert read.groups["mysql"] == {"Questions": 103, "Com_select": 50, "Bytes_received": 1095, "Connections": 11}
        assert read.own == {"mysql.Questions": 3, "mysql.Com_select": 0, "mysql.Bytes_received": 100,
                            "mysql.Connections": 1}

    def test_holds_nothing_of_what_others_do_meanwhile(self, server, settings):
        Counting(server, noise=(0, 1, 3))
        assert collect(settings(), 5, True).own["mysql.Com_select"] == 0

    def test_knows_a_reading_that_missed_a_connection(self, server, settings):
        Counting(server, missed=(2,))
        assert collect(settings(), 5, True).own["mysql.Questions"] == 3

    def test_needs_no_readings_where_none_came_before(self, server, settings):
        assert collect(settings(), 5, False).own == {}
        assert len(server.conversations) == 1

    @pytest.mark.parametrize("schemas", [False, True])
    def test_every_connection_says_the_same(self, server, settings, schemas):
        server.answers[SWITCHES] = [("userstat", "ON"), ("performance_schema", "ON")]
        server.answers[ROWS] = server.answers[DIGESTS] = server.answers[CONSUMERS] = []
        collect(settings(schemas=schemas), 5, True)
        assert server.conversations == [
            ["SET NAMES utf8mb4", *([SWITCHES, ROWS, CONSUMERS, DIGESTS] if schemas else []), AGE, SHOW]] * (1 + AGAIN)


class TestSchemas:
    BOTH = (("performance_schema", "ON"), ("userstat", "ON"))

    def test_rows_and_statements(self, server, settings):
        server.answers[SWITCHES] = self.BOTH
        server.answers[ROWS] = [("nova", "t", "100", "20"), ("neutron", "t", "7", "0"), ("nova", "u", "200", "0")]
        server.answers[DIGESTS] = [(None, "9", "9", "9", "0"), ("nova", "40", "500", "20", "0")]
        read = collect(settings(schemas=True), 5, True)
        assert read.groups["schemas"] == {
            "nova_rows_read": 300, "nova_rows_changed": 20, "neutron_rows_read": 7, "neutron_rows_changed": 0,
            "nova_statements": 40, "nova_rows_examined": 500, "nova_rows_affected": 20}
        assert read.own["schemas.nova_statements"] == 0
        assert read.instances["schemas"] == read.instances["mysql"]
        assert read.failures == ()

    @pytest.mark.parametrize(("on", "names"), [
        ([("userstat", "ON"), ("performance_schema", "OFF")], {"nova_rows_read", "nova_rows_changed"}),
        ([("performance_schema", "ON")], {"nova_statements", "nova_rows_examined", "nova_rows_affected"}),
    ])
    def test_one_of_them_is_enough(self, server, settings, on, names):
        server.answers[SWITCHES] = on
        server.answers[ROWS] = [("nova", "t", "300", "20")]
        server.answers[DIGESTS] = [("nova", "40", "500", "20", "0")]
        assert collect(settings(schemas=True), 5, False).groups["schemas"].keys() == names

    @pytest.mark.parametrize("on", [[], [("performance_schema", "OFF"), ("userstat", "OFF")]])
    def test_a_server_that_has_neither(self, server, settings, on):
        server.answers[SWITCHES] = on
        read = collect(settings(schemas=True), 5, True)
        assert read.groups.keys() == {"mysql"}
        assert read.failures == (
            f"schemas: the server at 127.0.0.1:{server.port} counts nothing by database; SET GLOBAL userstat=1 on it"
            " (MariaDB, Percona), or start it with performance_schema=ON",)

    @pytest.mark.parametrize(("statement", "answer", "what"), [
        (DIGESTS, error(1142, "SELECT command denied to user"), "GRANT SELECT ON performance_schema.* to this user"),
        (DIGESTS, [(None, "9", "9", "9", "1")], "raise its performance_schema_digests_size"),
        (ROWS, error(1109, "Unknown table 'TABLE_STATISTICS'"), "error 1109, Unknown table 'TABLE_STATISTICS'"),
        (CONSUMERS, error(1142, "SELECT command denied to user"), "GRANT SELECT ON performance_schema.* to this user"),
        (CONSUMERS, [("statements_digest",)],
         "does not count statements; on it, UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME ="
         " 'statements_digest', or set schemas: false"),
        (SWITCHES, error(1227, "Access denied; you need"), "the right to SHOW GLOBAL VARIABLES"),
    ])
    def test_what_cannot_be_read_does_not_cost_the_rest(self, server, settings, statement, answer, what):
        server.answers.update({SWITCHES: self.BOTH, ROWS: [], CONSUMERS: [], DIGESTS: [], statement: answer})
        read = collect(settings(schemas=True), 5, True)
        assert read.groups.keys() == {"mysql"}
        assert read.groups["mysql"]["Queries"] == 7
        line, = read.failures
        assert line.startswith("schemas: the server at ")
        assert what in line

    def test_a_switch_that_was_off_before_is_no_work(self, server, settings):
        def switched_on():
            server.answers[SWITCHES] = self.BOTH

        server.answers.update({SWITCHES: self.BOTH[:1], ROWS: [("nova", "t", "300", "9")], DIGESTS: []})
        found = between(settings(schemas=True), switched_on)
        assert found.groups.keys() == {"mysql"}
        assert "named the counters of schemas by other rules" in found.failures["mysql"]

    @pytest.mark.parametrize(("rows", "resets"), [
        ([("nova", "t", "900", "90"), ("nova", "u", "50", "0")], set()),
        ([("nova", "t", "900", "90")], {"schemas.nova_rows_read"}),  # u had changed nothing
        ([("nova", "t", "10", "90"), ("nova", "u", "900", "0")], {"schemas.nova_rows_read"}),  # they were flushed
        ([("nova", "u", "900", "90")], {"schemas.nova_rows_read", "schemas.nova_rows_changed"}),
        ([], {"schemas.nova_rows_read", "schemas.nova_rows_changed"}),
    ])
    def test_a_table_that_was_dropped_takes_its_rows_along(self, server, settings, rows, resets):
        def dropped():
            server.answers[ROWS] = rows

        server.answers.update({SWITCHES: self.BOTH[1:], ROWS: [("nova", "t", "300", "20"), ("nova", "u", "50", "0")]})
        assert between(settings(schemas=True), dropped).resets == resets

    def test_a_connection_lost_there_costs_all(self, server, settings):
        server.answers.update({SWITCHES: self.BOTH})
        server.trouble["query"] = b""
        assert "closed the connection" in failure(settings(schemas=True))


class TestFails:
    @pytest.mark.parametrize("stage", ["greeting", "login", "query", "result"])
    @pytest.mark.parametrize(("instead", "what"), [
        (None, "did not answer in time"),
        (b"", "closed the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak MySQL's protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3, "does not speak MySQL's protocol"),
    ])
    def test_at_every_stage(self, server, settings, stage, instead, what):
        server.trouble[stage] = instead
        line = failure(settings(), seconds=0.3 if instead is None else 5)
        assert line.startswith(f"the server at 127.0.0.1:{server.port} {what}")
        assert server.left.wait(5)  # and the connection is not left open

    @pytest.mark.parametrize("stage", ["greeting", "login", "query", "result"])
    @pytest.mark.parametrize("packet", [b"", b"\0", b"\xff", b"\xfe", b"\xfb/etc/passwd", b"\x0a5.5", b"\x01",
                                        b"\xfc\xff", b"\x0a" + b"\xff" * 90, b"\x0ax\0" + b"\1" * 60, bytes(200)])
    @pytest.mark.parametrize("number", [0, 2])
    def test_well_formed_packets_of_nonsense(self, server, settings, stage, packet, number):
        server.trouble[stage] = len(packet).to_bytes(3, "little") + bytes([number]) + packet
        assert failure(settings()).startswith(f"the server at 127.0.0.1:{server.port} ")

    def test_a_server_that_trickles(self, server, settings):
        def rows():
            while True:
                time.sleep(0.02)  # more often than any one read would wait for
                yield ("Com_x", "1")

        server.answers[SHOW] = rows
        assert "did not answer in time" in failure(settings(), seconds=0.3)
        assert server.left.wait(5)

    @pytest.mark.parametrize(("number", "text", "what"), [
        (1040, "Too many connections", "says: error 1040, Too many connections; see its log"),
        (4999, "Something\nnew\x1b[31m", "says: error 4999, Something new[31m; see its log"),
        (4999, f"what an odd password {PASSWORD} is", "says: error 4999; see its log"),
    ])
    @pytest.mark.parametrize("stage", ["greeting", "login"])
    def test_what_the_server_says(self, server, settings, stage, number, text, what):
        packet = error(number, text, state="" if stage == "greeting" else "#HY000")
        server.trouble[stage] = len(packet).to_bytes(3, "little") + bytes([0 if stage == "greeting" else 2]) + packet
        assert f"the server at 127.0.0.1:{server.port} {what}" in failure(settings())

    def test_it_may_want_tls(self, server, settings, tmp_path):
        hint = "; if it requires TLS, put ssl-ca=FILE, or ssl, there as well"
        server.password = "another"
        assert failure(settings()).endswith(hint)
        with closing(MySQLServer(tmp_path / "my.sock", password="another")) as local:
            line = failure(Settings(socket=f"{tmp_path}/my.sock", user=local.user))
            assert "refused user" in line
            assert "TLS" not in line
        packet = error(3159, "Connections using insecure transport are prohibited")
        server.trouble["login"] = len(packet).to_bytes(3, "little") + b"\2" + packet
        assert failure(settings()).endswith(" requires TLS; put ssl-ca=FILE, or ssl, under [client]")

    def test_a_wrong_password_tells_where_it_came_from(self, server, settings):
        server.password = "another"
        line = failure(settings())
        assert "refused user 'counters', with the password from " in line
        assert "options.cnf; put user and password under [client]" in line

    def test_no_password(self, server):
        line = failure(Settings(host="127.0.0.1", port=server.port, user="me"))
        assert "refused user 'me', without a password" in line

    def test_statements_that_are_refused(self, server, settings):
        server.answers[SHOW] = error(1142, "SHOW command denied")
        assert "says: error 1142, SHOW command denied; give this user the right to" in failure(settings())

    @pytest.mark.parametrize("answer", [[], [("Foo", "1")], [("a", "b", "c")], [("Com_select", None)],
                                        b"\0\0\0\2\0\0\0"])
    def test_a_server_that_tells_nothing(self, server, settings, answer):
        server.answers[SHOW] = answer
        assert "told none of the counters" in failure(settings())

    def test_in_a_later_reading(self, server, settings):
        rows = iter([list(STATUS.items()), error(1040, "Too many connections")])
        server.answers[SHOW] = lambda: next(rows)
        assert "Too many connections" in failure(settings(), again=True)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        assert failure(Settings(host="127.0.0.1", port=port)) == (
            f"the server at 127.0.0.1:{port} does not run, or listens elsewhere; start it, or set socket, or host and"
            " port")

    def test_no_socket(self, tmp_path):
        line = failure(Settings(socket=str(tmp_path / "no.sock")))
        assert line.startswith(f"the server at socket {tmp_path}/no.sock does not run, or listens elsewhere")

    def test_a_path_that_is_no_socket(self, options):
        assert "does not run" in failure(Settings(socket=options()))

    def test_a_socket_of_too_long_a_name(self, tmp_path):
        assert failure(Settings(socket=f"{tmp_path}/{'x' * 200}"))

    def test_a_host_that_nobody_knows(self):
        line = failure(Settings(host="db.invalid"))
        assert line.startswith("the server at db.invalid:3306 cannot be reached (")
        assert line.endswith("); correct socket, or host and port")

    @pytest.mark.parametrize("host", ["a b", "x" * 300, "é" * 80 + ".example", ".", "a..b"])
    def test_a_host_that_is_none(self, host):
        assert failure(Settings(host=host)).startswith(f"the server at {host[:40]}")

    def test_no_time(self, settings):
        assert "did not answer in time" in failure(settings(), seconds=0)

    def test_no_tls(self, server, options):
        path = options("host=127.0.0.1", f"port={server.port}", "ssl")
        assert "offers no TLS; switch it on there" in failure(Settings(defaults_file=path))

    def test_a_certificate_that_is_not_there(self, server, options):
        path = options("host=127.0.0.1", f"port={server.port}", "ssl-ca=/no/such.pem")
        assert failure(Settings(defaults_file=path)) == (
            "/no/such.pem: no such file; correct ssl-ca")
        path = options("host=127.0.0.1", f"port={server.port}", "ssl-cert=/no/cert.pem", "ssl-key=/no/key.pem")
        assert failure(Settings(defaults_file=path)) == (
            "/no/cert.pem or /no/key.pem: no such file; correct ssl-cert and ssl-key")
        path = options("host=127.0.0.1", f"port={server.port}", "ssl-cert=/no/cert.pem")
        assert failure(Settings(defaults_file=path)) == "/no/cert.pem: no such file; correct ssl-cert and ssl-key"

    def test_a_mode_of_tls_that_is_none(self, options):
        path = options("ssl-mode=VERIFY-CA")
        assert failure(Settings(defaults_file=path)) == (
            f"the ssl-mode in {path} must be one of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY")

    def test_files_that_are_not_there(self):
        assert failure(Settings(defaults_file="~/no.cnf")).startswith("defaults_file ~")
        assert "/no.cnf: no such file; correct it" in failure(Settings(defaults_file="~/no.cnf"))
        assert failure(Settings(password_file="/etc/no")).startswith("password_file /etc/no: no such file")
        assert "/: Is a directory" in failure(Settings(defaults_file="/"))

    @pytest.mark.parametrize("name", ["socket", "host", "password_file", "defaults_file"])
    @pytest.mark.parametrize("text", ["a\nb", "a\x1b[31m", "\udcff", "/" + "x" * 5000])
    def test_settings_that_are_odd(self, name, text):
        assert failure(Settings(**{name: text}), seconds=2)

    def test_a_defaults_file_that_everyone_may_write(self, tmp_path):
        path = tmp_path / "open.cnf"
        path.write_text(f"[client]\npassword={PASSWORD}\n")
        path.chmod(0o666)
        line = failure(Settings(defaults_file=str(path)))
        assert line == (
            f"defaults_file {path}: everyone may write to it; chmod o-w it; correct it, or leave it out")

    @pytest.mark.parametrize("port", ["x", PASSWORD, "65536", "-1", "3.5", "9" * 5000])
    def test_a_port_that_is_none(self, options, port):
        assert "must be a whole number up to 65535" in failure(Settings(defaults_file=options(f"port={port}")))


PRIVATE = "use its socket, or TLS with ssl-ca=FILE under [client]"
PROMPT = b"\4Password: "
"""Of PAM's dialog: a last question, whose answer is not to be shown."""


class TestLogin:
    """The password goes to nobody who may not know it."""

    @pytest.mark.parametrize(("plugin", "asked"), [
        ("mysql_clear_password", []), ("dialog", PROMPT), ("sha256_password", []), ("sha256_password", [WHOLE]),
        ("caching_sha2_password", [WHOLE]), ("caching_sha2_password", [b"\1\2"])])
    @pytest.mark.parametrize("line", ["plain", "unverified"])
    def test_on_an_open_line_no_server_gets_the_password(self, server, settings, options, tmp_path, plugin, asked,
                                                            line):
        given = settings()
        if line == "unverified":
            server.tls = serving(certificate("localhost", tmp_path))
            given = Settings(defaults_file=options(
                f"port={server.port}", "user=counters", f"password='{PASSWORD}'", "host=127.0.0.1", "ssl"))
        prompt = asked if isinstance(asked, bytes) else b"abcdefghijklmnopqrst\0"
        server.exchange = [switch(plugin, prompt), *(asked if isinstance(asked, list) else []), OK]
        line = failure(given)
        assert f"wants the password itself ({plugin}); {PRIVATE}" in line
        assert len(server.logins) == 1 + (plugin == "caching_sha2_password")  # and the answer to the first question
        assert PASSWORD.encode() not in b"".join(server.logins)

    @pytest.mark.parametrize("proposed", ["sha256_password", "caching_sha2_password", "mysql_clear_password", "x"])
    def test_the_users_own_login_counts_whatever_the_server_proposes(self, server, settings, options, tmp_path,
                                                                        proposed):
        server.proposes = proposed
        assert collect(settings(), 5, False).groups["mysql"]["Queries"] == 7
        server.tls = serving(certificate("localhost", tmp_path))
        given = Settings(defaults_file=options(
            f"port={server.port}", "user=counters", f"password='{PASSWORD}'", "host=127.0.0.1", "ssl"))
        assert collect(given, 5, False).groups["mysql"]["Queries"] == 7
        assert PASSWORD.encode() not in b"".join(server.logins)

    def test_a_scrambled_password_goes_anywhere(self, server, settings):
        server.exchange = [switch("caching_sha2_password"), FAST, OK]
        assert collect(settings(), 5, False).groups["mysql"]["Queries"] == 7
        once = sha256(PASSWORD.encode()).digest()
        mask = sha256(sha256(once).digest() + SALT).digest()
        assert server.logins[1] == bytes(a ^ b for a, b in zip(once, mask, strict=True))

    def test_a_user_of_caching_sha2_password_that_the_server_refuses(self, server, settings):
        server.exchange = [switch("caching_sha2_password"), error(1045, "Access denied", "#28000")]
        assert "refused user 'counters', with the password from " in failure(settings())

    def test_without_a_password_there_is_nothing_to_hide(self, server, options):
        server.exchange = [switch("caching_sha2_password"), OK]
        path = options(f"port={server.port}", "user=counters", "host=127.0.0.1")
        assert collect(Settings(defaults_file=path), 5, False).groups["mysql"]["Queries"] == 7
        assert server.logins[1] == b""

    @pytest.mark.parametrize(("plugin", "asked"), [
        ("mysql_clear_password", []), ("dialog", PROMPT), ("dialog", b""), ("sha256_password", []),
        ("caching_sha2_password", [WHOLE])])
    @pytest.mark.parametrize("line", ["socket", "verified"])
    def test_on_a_private_line_it_gets_the_password(self, options, tmp_path, plugin, asked, line):
        pem = certificate("localhost", tmp_path)
        with closing(MySQLServer(tmp_path / "my.sock" if line == "socket" else None)) as server:
            server.answers[SHOW] = list(STATUS.items())
            if line == "verified":
                server.tls = serving(pem)
            way = [f"socket={tmp_path}/my.sock"] if line == "socket" else [
                f"port={server.port}", "host=127.0.0.1", f"ssl-ca={pem}"]
            prompt = asked if isinstance(asked, bytes) else b"abcdefghijklmnopqrst\0"
            server.exchange = [switch(plugin, prompt), *(asked if isinstance(asked, list) else []), OK]
            path = options(*way, "user=counters", f"password='{PASSWORD}'")
            assert collect(Settings(defaults_file=path), 5, False).groups["mysql"]["Queries"] == 7
            assert server.logins[-1] == PASSWORD.encode() + b"\0"

    @pytest.mark.parametrize("plugin", ["auth_gssapi_client", "mysql_old_password", "parsec", "x"])
    @pytest.mark.parametrize("line", ["plain", "socket"])
    def test_a_login_that_is_not_supported(self, server, settings, options, tmp_path, plugin, line):
        given = settings()
        with closing(MySQLServer(tmp_path / "my.sock")) as local:
            if line == "socket":
                given = Settings(defaults_file=options(f"socket={tmp_path}/my.sock", f"password={PASSWORD}"))
            for each in (server, local):
                each.exchange = [switch(plugin), OK]
            assert (f"wants a login by {plugin}, which is not supported here; create a user with mysql_native_password,"
                    " or ed25519 (MariaDB), for the collector") in failure(given)
            assert len(server.logins + local.logins) == 1

    def test_by_ed25519_without_what_it_needs(self, server, settings, monkeypatch):
        monkeypatch.setattr("pymysql._auth._nacl_bindings", False)
        monkeypatch.setitem(sys.modules, "nacl", None)
        server.exchange = [switch("client_ed25519", b"x" * 32), OK]
        assert failure(settings()) == (
            f"the server at 127.0.0.1:{server.port} wants a login by client_ed25519; install the Python package PyNaCl,"
            " or create a user with mysql_native_password, or ed25519 (MariaDB), for the collector")

    @pytest.mark.parametrize(("exchange", "words"), [
        ([error(2061, "Authentication plugin reported error")], "2061 Authentication plugin reported error"),
        ([b"\1x", OK], "Received extra packet for auth method"),
    ])
    def test_what_only_the_library_knows_keeps_its_words(self, server, settings, exchange, words):
        server.exchange = exchange
        assert f"the server at 127.0.0.1:{server.port} cannot be read: " in failure(settings())
        assert words in failure(settings())


def serving(pem):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    return tls


class TestFinds:
    """The server and the user, where the client finds them."""

    def test_all_of_it_in_an_option_file(self, tmp_path, options):
        with closing(MySQLServer(tmp_path / "my.sock", user="cöunters", password=" 100%(x)s #\"ü")) as server:
            server.answers[SHOW] = list(STATUS.items())
            path = options("quick", "user=cöunters", 'password = " 100%(x)s #\\"ü"  # mine', "port=1",
                           f"socket={tmp_path}/my.sock")
            assert collect(Settings(defaults_file=path), 5, True).groups["mysql"]["Queries"] == 7

    def test_in_the_home_folder(self, server, tmp_path):
        (tmp_path / ".my.cnf").write_text(
            f"[client]\nhost=127.0.0.1\nport={server.port}\nuser=counters\npassword={PASSWORD}\n")
        assert collect(Settings(), 5, False).groups["mysql"]["Queries"] == 7

    def test_in_the_environment(self, server, options, monkeypatch):
        monkeypatch.setenv("MYSQL_HOST", "127.0.0.1")
        monkeypatch.setenv("MYSQL_TCP_PORT", str(server.port))
        monkeypatch.setenv("MYSQL_PWD", PASSWORD)
        path = options("user=counters")
        assert collect(Settings(defaults_file=path), 5, False).groups["mysql"]["Queries"] == 7
        assert find(Settings(defaults_file=path), {"MYSQL_PWD": "x"}).password_from == "MYSQL_PWD"

    @pytest.mark.parametrize("begin", ["", "\ufeff"])
    def test_in_a_password_file(self, server, tmp_path, begin):
        (tmp_path / "password").write_text(f"{begin}{PASSWORD}\n")
        settings = Settings(host="127.0.0.1", port=server.port, user="counters", password_file="~/password")
        assert collect(settings, 5, False).groups["mysql"]["Queries"] == 7

    @pytest.mark.parametrize(("lines", "given", "place"), [
        ([], {}, "env:4"),
        (["host=file"], {}, "file:4"),
        (["host=file", "port=5"], {}, "file:5"),
        (["host=file", "port=0"], {}, "file:3306"),
        (["host=file", "port=5", "socket=/file.sock"], {}, "file:5"),
        (["host=localhost"], {}, "socket /env.sock"),
        (["host=localhost", "port=5", "socket=/file.sock"], {}, "socket /file.sock"),
        (["host=localhost", "port=5", "protocol=TCP"], {}, "localhost:5"),
        (["host=file", "port=5"], {"host": "localhost"}, "socket /env.sock"),
        (["host=localhost", "port=5"], {"port": 6}, "localhost:6"),
        (["host=file", "socket=/file.sock"], {"socket": "/set.sock"}, "socket /set.sock"),
        (["host=file", "port=5"], {"host": "set", "port": 6}, "set:6"),
        (["host", "port", "socket="], {}, "env:4"),
    ])
    def test_which_server(self, options, lines, given, place):
        assert find(Settings(defaults_file=options(*lines), **given), ENVIRONMENT).place == place

    def test_which_server_where_nothing_is_said(self, options, tmp_path):
        access = find(Settings(defaults_file=options()), {})
        assert access.place in {f"socket {path}" for path in SOCKETS} | {"127.0.0.1:3306"}

    @pytest.mark.parametrize(("lines", "password", "source"), [
        ([], b"env", "MYSQL_PWD"),
        (["password"], b"env", "MYSQL_PWD"),
        (["password="], b"", None),
        (["password=file"], b"file", "{path}"),
    ])
    def test_which_password(self, options, lines, password, source):
        path = options(*lines)
        access = find(Settings(defaults_file=path), ENVIRONMENT)
        assert (access.password, access.password_from) == (password, source and source.format(path=path))

    def test_a_password_is_the_bytes_that_stand_there(self, tmp_path):
        path = tmp_path / "latin.cnf"
        path.write_bytes(b"[client]\npassword=p\xe4ss\n")
        assert find(Settings(defaults_file=str(path)), {}).password == b"p\xe4ss"

    @pytest.mark.parametrize(("lines", "verified"), [
        ([], None),
        (["ssl=0"], None),
        (["ssl=OFF"], None),
        (["ssl-mode=PREFERRED"], None),
        (["ssl-ca={pem}", "skip-ssl"], None),
        (["ssl_ca={pem}", "ssl-mode=disabled"], None),
        (["ssl"], (False, False)),
        (["loose-ssl_mode=required"], (False, False)),
        (["ssl-cert={pem}", "ssl-key={pem}"], (False, False)),
        (["ssl-ca={pem}"], (True, False)),
        (["ssl-mode=VERIFY_CA"], (True, True)),  # the system's authorities vouch for anybody
        (["ssl-ca={pem}", "ssl-mode=VERIFY_IDENTITY"], (True, True)),
        (["ssl-ca={pem}", "ssl-verify-server-cert"], (True, True)),
        (["ssl-ca={pem}", "disable-ssl-verify-server-cert"], (True, False)),
        (["skip-ssl", "enable-ssl"], (False, False)),
        (["ssl", "disable-ssl"], None),
    ])
    def test_tls_only_where_options_ask_for_it(self, options, tmp_path, lines, verified):
        """The certificate is verified, and the host's name."""
        pem = certificate("db", tmp_path)
        path = options(*(line.format(pem=pem) for line in lines))
        tls = find(Settings(host="db", defaults_file=path), {}).tls
        assert (tls and (tls.verify_mode == ssl.CERT_REQUIRED, tls.check_hostname)) == verified


class TestSettings:
    def test_from_a_file(self):
        given = {"port": 3307, "more": ["Innodb_*"], "schemas": True}
        assert build(Settings, given) == Settings(port=3307, more=("Innodb_*",), schemas=True)

    @pytest.mark.parametrize(("given", "what"), [
        ({"port": 0}, "port must be from 1 to 65535"),
        ({"port": 65536}, "port must be from 1 to 65535"),
        ({"socket": ""}, "socket is empty; give a value, or leave it out"),
        ({"socket": "/s", "host": "db"}, "socket stands for host and port; give one or the other"),
        ({"socket": "/s", "port": 3306}, "socket stands for host and port; give one or the other"),
        ({"password": PASSWORD}, "unknown key 'password'"),
    ])
    def test_mistakes(self, given, what):
        with pytest.raises(Wrong) as wrong:
            build(Settings, given)
        assert what in str(wrong.value)
        assert PASSWORD not in str(wrong.value)
