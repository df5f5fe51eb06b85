"""The IRC reporter against a server that dies, hangs, kicks and lies: no line is lost, none does harm."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import ipaddress
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from counterbot.core.model import Refused, Retry, Sent
from counterbot.demo.irc import IrcServer, Line
from counterbot.reporters.irc.link import other_nick
from counterbot.reporters.irc.reporter import Irc, Pace, Settings, Timing, backoff
from tests.clock import Clock, eventually

CHANNEL = "#qa"
QUICK = Timing(
    connect=2, login=2, joins=0.3, rejoin=0.1, nick=0.1, silence=0.2, dead=0.2, answer=1, farewell=0.5,
    backoff=0.02, longest_backoff=0.1, poll=0.01, pump=0.01,
)  # fmt: skip


@dataclass(frozen=True)
class Owing:
    id: int
    destination: str
    text: str


class Outbox:
    """Owed lines in memory. A line is out only between claim and settle, and comes back when it is due."""

    def __init__(self, *texts: str, channel: str = CHANNEL) -> None:
        self.waiting = deque((0.0, Owing(n, channel, text)) for n, text in enumerate(texts))
        self.out: set[int] = set()
        self.sent: list[str] = []
        self.retried: list[str] = []
        self.refused: list[str] = []
        self.failures = 0

    def add(self, *texts: str, channel: str = CHANNEL) -> None:
        self.waiting.extend((0.0, Owing(100 + n, channel, text)) for n, text in enumerate(texts))

    def claim(self):
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database is away")
        for entry in tuple(self.waiting):
            if entry[0] <= time.monotonic():
                self.waiting.remove(entry)
                self.out.add(entry[1].id)
                return entry[1]
        return None

    def settle(self, claim, result):
        self.out.remove(claim.id)
        if isinstance(result, Sent):
            self.sent.append(claim.text)
        elif isinstance(result, Refused):
            self.refused.append(result.why)
        else:
            assert isinstance(result, Retry)
            self.retried.append(result.why)
            self.waiting.append((time.monotonic() + result.after, claim))

    @property
    def done(self) -> bool:
        return not self.waiting and not self.out


@contextlib.contextmanager
def running(server, outbox, timing=QUICK, **changes):
    settings = Settings(server.host, server.port, "counterbot", (CHANNEL,), tls=False, pace=0.001)
    reporter = Irc(replace(settings, **changes), outbox, timing=timing)
    stop = threading.Event()
    thread = threading.Thread(target=reporter.run, args=(stop,), name="irc-reporter")
    thread.start()
    try:
        yield reporter
        assert thread.is_alive(), "the reporter's thread died"
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


def numbered(count):
    return [f"line {n}" for n in range(count)]


@pytest.fixture
def server():
    with IrcServer() as house:
        yield house


def delivers(server, outbox=None, **changes):
    """Runs until all is delivered; returns what the channel saw."""
    outbox = outbox or Outbox("hello")
    with running(server, outbox, **changes):
        eventually(lambda: outbox.done)
    return server.said(CHANNEL)


# The plain way


def test_lines_arrive_in_order_and_are_acknowledged(server):
    outbox = Outbox(*numbered(10))
    assert delivers(server, outbox) == numbered(10)
    assert outbox.sent == numbered(10)
    assert server.lines[0] == Line(CHANNEL, "counterbot", "line 0")


def test_a_line_is_sent_when_the_server_answered_for_it_and_not_before(server):
    outbox = Outbox()
    with running(server, outbox, timing=replace(QUICK, silence=60)) as reporter:
        eventually(lambda: reporter.joined)
        server.hang()
        outbox.add("wait for it")
        eventually(lambda: outbox.out)
        time.sleep(0.1)
        assert outbox.sent == []
        server.resume()
        eventually(lambda: outbox.sent == ["wait for it"])


def test_no_more_lines_are_under_way_than_allowed(server):
    outbox = Outbox()
    with running(server, outbox, timing=replace(QUICK, silence=60), unacknowledged=3) as reporter:
        eventually(lambda: reporter.joined)
        server.hang()
        outbox.add(*numbered(10))
        eventually(lambda: len(outbox.out) == 3)
        time.sleep(0.1)
        assert len(outbox.out) == 3
        server.resume()
        eventually(lambda: outbox.done)


def test_it_leaves_politely_when_what_is_under_way_has_arrived(server):
    outbox = Outbox()
    with running(server, outbox, timing=replace(QUICK, silence=60, farewell=3)) as reporter:
        eventually(lambda: reporter.joined)
        assert (reporter.connected, reporter.joined, reporter.trouble) == (True, (CHANNEL,), None)
        server.hang()
        outbox.add("last words")
        eventually(lambda: outbox.out)
        threading.Timer(0.1, server.resume).start()
    assert outbox.sent == ["last words"]
    eventually(lambda: server.raw[-1].startswith(b"QUIT"))
    assert (reporter.connected, reporter.joined, reporter.trouble) == (False, (), "stopped")


def test_a_server_that_hangs_does_not_keep_it(server):
    outbox = Outbox()
    with running(server, outbox, timing=replace(QUICK, silence=60)) as reporter:
        eventually(lambda: reporter.joined)
        server.hang()
        outbox.add("for another day")
        eventually(lambda: outbox.out)
    assert outbox.retried == ["connection lost"]
    assert not outbox.out


def test_a_few_lines_at_once_then_one_a_while():
    clock = Clock()
    pace = Pace(2, monotonic=clock)

    def at_once():
        count = 0
        while pace.allows():
            pace.spend()
            count += 1
        return count

    assert at_once() == 4
    clock.seconds = 1.9
    assert at_once() == 0
    clock.seconds = 2
    assert at_once() == 1
    clock.seconds = 1000
    assert at_once() == 4


def test_lines_are_paced(server):
    outbox = Outbox(*numbered(8))
    start = time.monotonic()
    delivers(server, outbox, pace=0.1)
    assert time.monotonic() - start > 0.35


def test_pauses_double_up_to_a_minute_and_differ_by_chance():
    assert [backoff(Timing(), n, 1.0) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff(Timing(), 3, 0.0) == 4
    assert backoff(Timing(), 10_000, 1.0) == 60


# Servers that go away


def test_a_server_that_dies_in_the_middle_costs_no_line(server, caplog):
    server.drop_after = 7
    outbox = Outbox(*numbered(20))
    with running(server, outbox) as reporter:
        eventually(lambda: outbox.done)
    assert set(server.said(CHANNEL)) == set(numbered(20))
    assert sorted(outbox.sent) == sorted(numbered(20))
    assert "connection lost" in outbox.retried
    assert 1 <= reporter.maybe_twice <= 4
    assert f"they may come twice ({reporter.maybe_twice} so far)" in caplog.text


def test_a_server_that_is_away_for_a_while_is_found_again(server):
    outbox = Outbox(*numbered(20))
    with running(server, outbox) as reporter:
        eventually(lambda: len(server.said(CHANNEL)) >= 3)
        server.stop()
        eventually(lambda: not reporter.connected)
        time.sleep(0.1)
        assert reporter.trouble
        server.start()
        eventually(lambda: outbox.done)
    assert set(server.said(CHANNEL)) == set(numbered(20))


def test_a_server_that_hangs_is_noticed(server, caplog):
    outbox = Outbox()
    with running(server, outbox) as reporter:
        eventually(lambda: reporter.joined)
        server.hang()
        outbox.add(*numbered(6))
        eventually(lambda: "nothing heard for" in caplog.text)
        server.resume()
        eventually(lambda: outbox.done)
    assert set(server.said(CHANNEL)) == set(numbered(6))
    assert server.logins >= 2


def test_a_quiet_server_is_asked_and_kept(server):
    with running(server, Outbox(), timing=replace(QUICK, silence=0.1, dead=1)) as reporter:
        eventually(lambda: reporter.joined)
        time.sleep(2)
    assert b"PING alive" in server.raw
    assert server.logins == 1


def test_a_server_that_talks_but_does_not_listen_is_left(server, caplog):
    outbox = Outbox()
    with running(server, outbox, timing=replace(QUICK, silence=60, answer=0.2)) as reporter:
        eventually(lambda: reporter.joined)
        server.hang()
        outbox.add("hello?")
        eventually(lambda: "a line was not acknowledged within 0.2 s" in caplog.text)
        server.resume()
        eventually(lambda: outbox.sent == ["hello?"])


def test_a_server_that_never_lets_in_is_left(server, caplog):
    server.hang()
    with running(server, Outbox(), timing=replace(QUICK, login=0.1)):
        eventually(lambda: "not let in within 0.1 s" in caplog.text)


def test_a_port_where_nobody_listens_is_tried_again(server):
    server.stop()
    outbox = Outbox("hello")
    with running(server, outbox) as reporter:
        eventually(lambda: "refused" in (reporter.trouble or "").lower())
        server.start()
        eventually(lambda: outbox.sent == ["hello"])


def test_a_ledger_that_is_away_does_not_end_the_thread(server):
    outbox = Outbox("hello")
    outbox.failures = 3
    assert delivers(server, outbox) == ["hello"]
    assert server.logins == 1


def test_two_reporters_in_one_process_both_come_back():
    with IrcServer() as one, IrcServer() as two:
        first, second = Outbox(*numbered(8)), Outbox(*numbered(8))
        one.drop_after = two.drop_after = 4
        with running(one, first), running(two, second):
            eventually(lambda: first.done and second.done)
        assert set(one.said(CHANNEL)) == set(two.said(CHANNEL)) == set(numbered(8))
        assert one.logins == two.logins == 2


# Odd lines of servers, each of which ends the library's own loop


@pytest.mark.parametrize(
    "line",
    [
        b":x!y@z PRIVMSG #qa :caf\xe9",
        b"",
        b"   ",
        b"PING",
        b":x!y@z QUIT",
        b"NICK",
        b":x NICK",
        b"JOIN #elsewhere",
        b":x!y@z JOIN",
        b":x!y@z PART #elsewhere",
        b"KICK",
        b":x KICK #elsewhere nobody",
        b"MODE",
        b":irc.demo 353 counterbot",
        b":irc.demo 366 counterbot",
        b":irc.demo 404",
        b":irc.demo 404 counterbot",
        b"PONG",
        b"PRIVMSG",
        b":x!y@z PRIVMSG #qa",
        b"@ :",
        b"\xff\xfe\x00",
    ],
)
def test_an_odd_line_is_passed_over(server, line):
    outbox = Outbox()
    with running(server, outbox) as reporter:
        eventually(lambda: reporter.joined)
        server.send(line + b"\r\n:irc.demo NOTICE * :next")
        outbox.add("still here")
        eventually(lambda: outbox.sent == ["still here"])
    assert server.logins == 1


def test_a_line_without_end_is_not_kept(server, caplog):
    with running(server, Outbox()) as reporter:
        eventually(lambda: reporter.joined)
        server.clients[0].send(b"x" * 200_000)
        eventually(lambda: "a line without end" in caplog.text)
        eventually(lambda: reporter.joined)


# Channels


@pytest.mark.parametrize("numeric", ["403", "405", "471", "473", "474", "475", "477"])
def test_lines_wait_for_a_channel_that_refuses(server, numeric):
    server.refusals[CHANNEL] = numeric
    outbox = Outbox("patience")
    outbox.add("elsewhere", channel="#other")
    with running(server, outbox, channels=(CHANNEL, "#other")) as reporter:
        eventually(lambda: outbox.sent == ["elsewhere"])
        eventually(lambda: outbox.retried)
        assert outbox.retried[0] == f"#qa: {numeric} Cannot join channel"
        assert reporter.joined == ("#other",)
        assert reporter.trouble == f"#qa: {numeric} Cannot join channel"
        del server.refusals[CHANNEL]
        eventually(lambda: outbox.done)
    assert server.said(CHANNEL) == ["patience"]


def test_it_comes_back_after_a_kick(server):
    outbox = Outbox()
    with running(server, outbox, timing=replace(QUICK, rejoin=0.3)) as reporter:
        eventually(lambda: reporter.joined)
        server.kick(CHANNEL, "counterbot", "too loud")
        eventually(lambda: not reporter.joined)
        outbox.add("sorry")
        eventually(lambda: outbox.retried)
        assert outbox.retried[0] == "#qa: kicked: too loud"
        eventually(lambda: outbox.sent == ["sorry"])


def test_a_line_that_may_not_be_said_waits(server):
    server.silenced.add(CHANNEL)
    outbox = Outbox("hush")
    with running(server, outbox) as reporter:
        eventually(lambda: reporter.trouble == "#qa: 404 Cannot send to channel")
        eventually(lambda: len(outbox.retried) >= 2)
        assert outbox.retried[0] == "#qa: 404 Cannot send to channel"
        assert outbox.sent == []
        server.silenced.clear()
        eventually(lambda: outbox.sent == ["hush"])
    assert b"PART #qa" not in server.raw


def test_nothing_is_said_before_the_channel_let_us_in(server):
    delivers(server)
    commands = [line.split()[0] for line in server.raw]
    assert commands.index(b"JOIN") < commands.index(b"PRIVMSG")
    assert commands[commands.index(b"PRIVMSG") + 1] == b"PING"


def test_a_channel_that_is_not_ours_is_refused(server):
    outbox = Outbox("hello", channel="#a,#b\r\nQUIT")
    with running(server, outbox):
        eventually(lambda: outbox.done)
    assert outbox.refused == ["#a,#b QUIT is none of the configured channels"]


# Who we are


def test_a_taken_nick_is_replaced_and_later_recovered(server):
    server.taken.add("counterbot")
    outbox = Outbox("as another")
    with running(server, outbox):
        eventually(lambda: outbox.done)
        assert server.lines == [Line(CHANNEL, "counterbot_", "as another")]
        server.taken.clear()
        eventually(lambda: server.present(CHANNEL) == {"counterbot"})
        outbox.add("as myself")
        eventually(lambda: outbox.done)
    assert server.lines[-1] == Line(CHANNEL, "counterbot", "as myself")


def test_other_nicks_get_shorter():
    assert [other_nick("counterbot", n) for n in (1, 2, 3)] == ["counterbot_", "counterb_", "counter__"]


def test_the_right_account_is_let_in():
    with IrcServer(accounts={"bot": "s3cret"}) as server:
        assert delivers(server, sasl=("bot", "s3cret")) == ["hello"]


def test_with_a_wrong_password_nothing_is_said(caplog):
    caplog.set_level(logging.DEBUG)
    with IrcServer(accounts={"bot": "s3cret"}) as server:
        outbox = Outbox("not as a stranger")
        with running(server, outbox, sasl=("bot", "guess-7")):
            eventually(lambda: caplog.text.count("SASL login refused: SASL authentication failed; check") >= 2)
        assert server.logins == 0
        assert outbox.sent == []
    assert "guess-7" not in caplog.text
    assert base64.b64encode(b"\0bot\0guess-7").decode() not in caplog.text


@pytest.mark.parametrize(("knows_cap", "why"), [(True, "server does not support sasl"), (False, "without SASL")])
def test_a_server_without_sasl_is_left(server, caplog, knows_cap, why):
    server.knows_cap = knows_cap
    with running(server, Outbox("hello"), sasl=("bot", "x")) as reporter:
        eventually(lambda: why in (reporter.trouble or ""))
        eventually(lambda: caplog.text.count(why) >= 2)
    assert not any(line.startswith((b"JOIN", b"PRIVMSG")) for line in server.raw)


def test_the_servers_password(caplog):
    caplog.set_level(logging.DEBUG)
    with IrcServer(password="open sesame") as server:
        assert delivers(server, password="open sesame") == ["hello"]
        with running(server, Outbox("hello"), password="wrong-9"):
            eventually(lambda: "Password incorrect" in caplog.text)
    assert "sesame" not in caplog.text
    assert "wrong-9" not in caplog.text


def test_the_servers_password_and_an_account_together():
    with IrcServer(password="gate", accounts={"bot": "s3cret"}) as server:
        assert delivers(server, password="gate", sasl=("bot", "s3cret")) == ["hello"]


def test_settings_keep_their_secrets():
    settings = Settings("h", 1, "bot", ("#a",), password="p4ss", sasl=("bot", "s3cret"))
    assert "p4ss" not in repr(settings)
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ("qa",)}, "no IRC channel: 'qa'"),
        ({"channels": ("#a,#b",)}, "no IRC channel: '#a,#b'"),
        ({"channels": ("#a\r\n",)}, "no IRC channel"),
        ({"nick": "a b"}, "no IRC nick: 'a b'"),
        ({"unacknowledged": 0}, "unacknowledged 1 line or more"),
        ({"password": "a\nb"}, "line break"),
        ({"sasl": ("a", "b\r")}, "line break"),
    ],
)
def test_settings_that_no_server_understands_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(Settings("h", 1, "bot", ("#a",)), **changes)


# TLS


def certificate(folder, name):
    """A self-signed certificate for one name or address; the paths of chain and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.timezone.utc)
    alternative = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(chain), str(secret)


def test_a_trusted_certificate_is_accepted(tmp_path):
    pair = certificate(tmp_path, "localhost")
    with IrcServer(certificate=pair) as server:
        outbox = Outbox(*numbered(20))
        server.drop_after = 9
        assert set(delivers(server, outbox, host="localhost", tls=True, ca_file=pair[0])) == set(numbered(20))


def test_a_tls_record_without_data_is_no_end(tmp_path):
    """OpenSSL's session tickets come before the server says a word."""
    pair = certificate(tmp_path, "127.0.0.1")
    with IrcServer(certificate=pair) as server:
        server.hang()
        outbox = Outbox("hello")
        with running(server, outbox, tls=True, ca_file=pair[0]):
            eventually(lambda: server.clients)
            time.sleep(0.2)
            server.resume()
            eventually(lambda: outbox.done)
        assert server.logins == 1


@pytest.mark.parametrize(("name", "trusted"), [("irc.elsewhere.example", True), ("127.0.0.1", False)])
def test_a_wrong_certificate_is_refused(tmp_path, caplog, name, trusted):
    pair = certificate(tmp_path, name)
    with IrcServer(certificate=pair) as server:
        with running(server, Outbox("hello"), tls=True, ca_file=pair[0] if trusted else None, password="p4ss"):
            eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)
        assert server.raw == []


# Texts that mean harm


def test_a_carriage_return_starts_no_command(server):
    assert delivers(server, Outbox("x\rPRIVMSG #t :evil")) == ["x PRIVMSG #t :evil"]
    assert not any(line.startswith(b"PRIVMSG #t") for line in server.raw)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\0b", "ab"),
        (":starts with a colon", ":starts with a colon"),
        ("/quit", "/quit"),
        ("\x01VERSION\x01", "VERSION"),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_a_line_is_inert(server, text, seen):
    assert delivers(server, Outbox(text)) == [seen]


def test_a_long_line_stays_valid_utf8(server):
    (seen,) = delivers(server, Outbox("🦀" * 150))
    assert seen == "🦀" * 86 + "…"
    (raw,) = [line for line in server.raw if line.startswith(b"PRIVMSG")]
    assert raw.decode() == f"PRIVMSG {CHANNEL} :{seen}"
    assert len(raw) <= 400


def test_a_line_of_nothing_is_refused(server):
    outbox = Outbox("\x02\u200b")
    with running(server, outbox):
        eventually(lambda: outbox.done)
    assert outbox.refused == ["nothing to be seen in the line"]
