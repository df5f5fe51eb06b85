"""The IRC reporter against a server that dies, hangs, kicks and refuses: no line is lost, and none does harm."""

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
from counterbot.demo.irc import Line
from counterbot.reporters.irc.reporter import IN_FLIGHT, Irc, Pace, Settings, Timing
from tests.clock import Clock, eventually
from tests.irc_server import IrcServer

CHANNEL = "#qa"
QUICK = Timing(nick=0.05, farewell=60, retry=0.02, pace=0.001, poll=0.01, pump=0.01)
"""What must pass does so quickly; what must not happen on a slow machine has the time that real networks have."""

REJOIN = replace(QUICK, rejoin=0.05)


@dataclass(frozen=True)
class Pending:
    id: int
    destination: str
    text: str


class Outbox:
    """Lines in memory. A line is out only between claim and settle, and comes back when it is due."""

    def __init__(self, *texts: str, channel: str = CHANNEL) -> None:
        self.waiting = deque((0.0, Pending(n, channel, text)) for n, text in enumerate(texts))
        self.out: set[int] = set()
        self.most_out = 0
        self.sent: list[str] = []
        self.retried: list[str] = []
        self.refused: list[str] = []
        self.failures = 0

    def add(self, *texts: str, channel: str = CHANNEL) -> None:
        self.waiting.extend((0.0, Pending(100 + n, channel, text)) for n, text in enumerate(texts))

    def claim(self):
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database is away")
        for entry in tuple(self.waiting):
            if entry[0] <= time.monotonic():
                self.waiting.remove(entry)
                self.out.add(entry[1].id)
                self.most_out = max(self.most_out, len(self.out))
                return entry[1]
        return None

    def settle(self, line, result):
        self.out.remove(line.id)
        if isinstance(result, Sent):
            self.sent.append(line.text)
        elif isinstance(result, Refused):
            self.refused.append(result.why)
        else:
            assert isinstance(result, Retry)
            self.retried.append(result.why)
            self.waiting.append((time.monotonic() + result.after, line))

    @property
    def done(self) -> bool:
        return not self.waiting and not self.out


class Stop(threading.Event):
    """``noticed`` once somebody has asked in vain whether to go on."""

    noticed = False

    def is_set(self) -> bool:
        self.noticed = super().is_set()
        return self.noticed


@contextlib.contextmanager
def running(server, outbox, timing=QUICK, **changes):
    settings = replace(Settings(server.host, server.port, "counterbot", (CHANNEL,), tls=False), **changes)
    reporter = Irc(settings, outbox, timing=timing)
    reporter.stop = Stop()
    thread = threading.Thread(target=reporter.run, args=(reporter.stop,), name="irc-reporter")
    thread.start()
    try:
        yield reporter
        assert reporter.stop.is_set() or thread.is_alive(), "the reporter's thread died"
    finally:
        reporter.stop.set()
        server.resume()
        thread.join(30)
        assert not thread.is_alive()


@contextlib.contextmanager
def joined(server, outbox, timing=QUICK, **changes):
    with running(server, outbox, timing, **changes) as reporter:
        eventually(lambda: reporter.trouble is None)
        yield reporter


def numbered(count):
    return [f"line {n}" for n in range(count)]


@pytest.fixture
def server():
    with IrcServer() as server:
        yield server


def delivered(server, outbox=None, **changes):
    """What the channel saw when all was delivered."""
    outbox = outbox or Outbox("hello")
    with running(server, outbox, **changes):
        eventually(lambda: outbox.done)
    return server.said(CHANNEL)


# As planned


def test_lines_arrive_in_order_each_followed_by_a_ping(server):
    outbox = Outbox(*numbered(10))
    assert delivered(server, outbox) == numbered(10)
    assert outbox.sent == numbered(10)
    assert server.lines[0] == Line(CHANNEL, "counterbot", "line 0")
    commands = [line.split()[0] for line in server.raw if not line.startswith(b"PING alive")]
    first = commands.index(b"PRIVMSG")
    assert commands.index(b"JOIN") < first
    assert commands[first:first + 20] == [b"PRIVMSG", b"PING"] * 10


def test_the_stop_waits_for_acknowledgements(server):
    outbox = Outbox()
    with joined(server, outbox) as reporter:
        server.hang()
        outbox.add("last words")
        eventually(lambda: outbox.out)
        reporter.stop.set()
        eventually(lambda: reporter.stop.noticed)
        server.resume()
        eventually(lambda: reporter.trouble == "stopped")
    assert outbox.sent == ["last words"]
    eventually(lambda: server.raw[-1].startswith(b"QUIT"))


def test_the_stop_does_not_wait_for_a_server_that_hangs(server):
    outbox = Outbox()
    with joined(server, outbox, timing=replace(QUICK, farewell=0.05)) as reporter:
        server.hang()
        outbox.add("for another day")
        eventually(lambda: outbox.out)
        reporter.stop.set()
        eventually(lambda: reporter.trouble == "stopped")
    assert outbox.retried == ["connection lost"]


def test_a_few_lines_at_once_then_one_a_while():
    clock = Clock()
    pace = Pace(2, clock)

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
    start = time.monotonic()
    delivered(server, Outbox(*numbered(8)), timing=replace(QUICK, pace=0.05))
    assert time.monotonic() - start > 0.19


# Servers that go away


def test_a_server_that_dies_in_the_middle_costs_no_line(server, caplog):
    server.drop_after = 7
    outbox = Outbox(*numbered(20))
    with running(server, outbox) as reporter:
        eventually(lambda: outbox.done)
    assert set(server.said(CHANNEL)) == set(numbered(20))
    assert sorted(outbox.sent) == sorted(numbered(20))
    assert 1 <= reporter.maybe_repeated <= IN_FLIGHT
    assert f"not acknowledged; sent again, and may appear twice ({reporter.maybe_repeated} so far)" in caplog.text


def waits(caplog):
    """Seconds until the next try, as they were logged."""
    return [record.args[-1] for record in caplog.records if "connecting again" in record.msg]


def test_a_server_that_is_away_is_found_again(server, caplog):
    server.stop()
    outbox = Outbox(*numbered(200))
    with running(server, outbox):
        eventually(lambda: len(waits(caplog)) >= 3)
        assert "Connection refused; connecting again" in caplog.text
        server.start()
        eventually(lambda: outbox.sent)
        tries = len(waits(caplog))
        server.stop()
        eventually(lambda: len(waits(caplog)) > tries)
        server.start()
        eventually(lambda: outbox.done)
    assert set(server.said(CHANNEL)) == set(numbered(200))
    assert 0.04 <= waits(caplog)[2] <= 0.08
    assert waits(caplog)[tries] <= 0.02, "a delivered line ends the growth"


def test_lines_in_a_server_that_hangs_are_not_taken_for_sent(server, caplog):
    outbox = Outbox()
    with joined(server, outbox, timing=replace(QUICK, answer=0.3)):
        server.hang()
        outbox.add(*numbered(10))
        eventually(lambda: "no answer within 0.3 s" in caplog.text)
        assert (outbox.sent, outbox.most_out) == ([], IN_FLIGHT)
        server.resume()
        eventually(lambda: outbox.done)
    assert set(server.said(CHANNEL)) == set(numbered(10))
    assert IN_FLIGHT == 4


def test_an_idle_server_that_hangs_is_left(server, caplog):
    with joined(server, Outbox(), timing=replace(QUICK, ping=0.05, answer=0.1)) as reporter:
        server.hang()
        eventually(lambda: "no answer within 0.1 s" in caplog.text)
        server.resume()
        eventually(lambda: reporter.trouble is None)
    assert server.logins >= 2


def test_a_quiet_server_is_asked_and_kept(server):
    with joined(server, Outbox(), timing=replace(QUICK, ping=0.01)):
        eventually(lambda: server.raw.count(b"PING alive") >= 3)
    assert server.logins == 1


def test_a_server_that_does_not_complete_the_login_is_left(server, caplog):
    server.hang()
    with running(server, Outbox(), timing=replace(QUICK, login=0.05)):
        eventually(lambda: "not logged in within 0.05 s" in caplog.text)


def test_a_ledger_that_is_away_does_not_end_the_session(server):
    outbox = Outbox("hello")
    outbox.failures = 3
    assert delivered(server, outbox) == ["hello"]
    assert server.logins == 1


# Lines of servers; the library raises on most of them


ODD = [
    b":x!y@z PRIVMSG #qa :caf\xe9", b"", b"   ", b"PING", b":x!y@z QUIT", b":x!y@z QUIT :a.example b.example", b"NICK",
    b":x NICK", b"JOIN #elsewhere", b":x!y@z JOIN", b":x!y@z PART #elsewhere", b"KICK", b":x KICK #elsewhere nobody",
    b"MODE", b":irc.demo 353 counterbot", b":irc.demo 404", b":irc.demo 404 counterbot", b"PONG", b"PRIVMSG",
    b":x!y@z PRIVMSG #qa", b"@ :", b"\xff\xfe\x00", b":x!y@z JOIN #qa", b":x!y@z PART #qa",
    b":x!y@z KICK #qa nobody", b":irc.demo 5 counterbot", b":irc.demo 999 counterbot #qa :odd",
]


def test_odd_lines_are_ignored(server):
    outbox = Outbox()
    with joined(server, outbox):
        for number, line in enumerate(ODD):
            server.send(line)
            outbox.add(f"after {number}")
            eventually(lambda: outbox.done)
    assert server.said(CHANNEL) == [f"after {number}" for number in range(len(ODD))]
    assert server.logins == 1


def test_a_line_without_end_is_not_kept(server, caplog):
    with joined(server, Outbox()):
        server.send(b"x" * 200_000)
        eventually(lambda: "a line without end" in caplog.text)


# Channels


def test_log_lines_say_that_they_are_of_irc(server, caplog):
    caplog.set_level(logging.INFO, logger="counterbot")
    server.taken.add("counterbot")
    with joined(server, Outbox(), REJOIN) as reporter:
        server.send(b"PING")
        server.silenced.add(CHANNEL)
        reporter._outbox.add("hush")
        eventually(lambda: "#qa: 404 Cannot send to channel" in caplog.text)
        server.drop()
        eventually(lambda: "connecting again" in caplog.text)
    assert {message.split(":")[0] for message in caplog.messages} == {"IRC 127.0.0.1"}
    place = f"IRC 127.0.0.1:{server.port}"
    for message in (f"{place}: logged in as counterb_", f"{place}: joined #qa", f"{place}: #qa: 404 Cannot send to"):
        assert any(told.startswith(message) for told in caplog.messages)


@pytest.mark.parametrize("numeric", ["403", "474"])
def test_lines_wait_for_a_channel_that_refuses(server, numeric):
    server.refusals[CHANNEL] = numeric
    outbox = Outbox("patience")
    outbox.add("elsewhere", channel="#other")
    with running(server, outbox, REJOIN, channels=(CHANNEL, "#other")) as reporter:
        why = f"#qa: {numeric} Cannot join channel"
        eventually(lambda: outbox.sent == ["elsewhere"] and why in outbox.retried and reporter.trouble == why)
        del server.refusals[CHANNEL]
        eventually(lambda: outbox.done)
    assert server.said(CHANNEL) == ["patience"]


def test_a_channel_that_does_not_answer_keeps_no_other_waiting(server):
    server.refusals[CHANNEL] = "NOTICE"
    outbox = Outbox("patience")
    outbox.add("elsewhere", channel="#other")
    with running(server, outbox, REJOIN, channels=(CHANNEL, "#other")) as reporter:
        eventually(lambda: outbox.sent == ["elsewhere"])
        eventually(lambda: reporter.trouble == "#qa: no answer to JOIN")


@pytest.mark.parametrize(("command", "why"), [
    (":op!op@irc.demo KICK #qa counterbot :too loud", "#qa: kicked: too loud"),
    (":counterbot!c@irc.demo PART #qa", "#qa: removed from the channel"),
])
def test_it_comes_back_after_a_kick(server, caplog, command, why):
    outbox = Outbox()
    with joined(server, outbox, REJOIN):
        server.refusals[CHANNEL] = "474"
        server.remove(CHANNEL, "counterbot", command)
        outbox.add("sorry")
        eventually(lambda: outbox.retried)
        assert why in caplog.text
        server.refusals.clear()
        eventually(lambda: outbox.sent == ["sorry"])


def test_a_line_that_a_channel_rejects_waits(server):
    server.silenced.add(CHANNEL)
    outbox = Outbox("hush")
    with running(server, outbox, REJOIN) as reporter:
        eventually(lambda: reporter.trouble == "#qa: 404 Cannot send to channel")
        eventually(lambda: outbox.retried.count("#qa: 404 Cannot send to channel") >= 2)
        assert outbox.sent == []
        server.silenced.clear()
        eventually(lambda: outbox.sent == ["hush"])


def test_a_channel_that_is_not_configured_is_refused(server):
    outbox = Outbox("hello", channel="#a,#b\r\nQUIT")
    assert delivered(server, outbox) == []
    assert outbox.refused == ["#a,#b QUIT is not a configured channel"]


# The login


def test_a_taken_nick_is_replaced_and_later_recovered(server):
    server.taken |= {"counterbot", "counterb_"}
    outbox = Outbox("as another")
    with running(server, outbox):
        eventually(lambda: outbox.done)
        assert server.lines == [Line(CHANNEL, "counter__", "as another")]
        server.taken.clear()
        eventually(lambda: server.present(CHANNEL) == {"counterbot"})
        outbox.add("as myself")
        eventually(lambda: outbox.done)
    assert server.lines[-1] == Line(CHANNEL, "counterbot", "as myself")


@pytest.mark.parametrize(("refuses", "tells", "why", "nick"), [
    (True, True, "too long for this network", "counterbot-of-th"),
    (False, True, "too long for this network", "counterbot-of-th"),
    (False, False, "too long for this network", "counterbot-of-th"),
    (True, False, "refused (Nickname too long)", "counterbo"),
])
def test_a_nick_that_is_too_long_is_shortened(server, caplog, refuses, tells, why, nick):
    server.longest_nick, server.refuses_long, server.tells_longest = 16, refuses, tells
    wanted = "counterbot-of-the-qa-team"
    with running(server, Outbox(), nick=wanted):
        eventually(lambda: server.present(CHANNEL) == {nick})
        eventually(lambda: server.raw.count(b"PING alive") >= 1)
    assert caplog.text.count(
        f"IRC 127.0.0.1:{server.port}: the nick {wanted} is {why}; it is shortened to {nick}") == 1
    assert server.raw.count(f"NICK {wanted}".encode()) == 1


def test_a_server_that_refuses_every_nick_is_left(server, caplog):
    server.taken |= {"counterbot", *("counterbot"[:9 - n] + n * "_" for n in range(1, 9))}
    with running(server, Outbox()):
        eventually(lambda: "no nick accepted: Nickname is already in use" in caplog.text)


def test_the_servers_password_and_an_account_let_us_in(caplog):
    caplog.set_level(logging.DEBUG)
    with IrcServer(password="gate", accounts={"bot": "s3cret"}) as server:
        assert delivered(server, password="gate", sasl=("bot", "s3cret")) == ["hello"]
    assert "gate" not in caplog.text
    assert "s3cret" not in caplog.text
    assert base64.b64encode(b"\0bot\0s3cret").decode() not in caplog.text


@pytest.mark.parametrize(("secrets", "why"), [
    ({"password": "wrong-9", "sasl": ("bot", "s3cret")}, "Password incorrect"),
    ({"password": "gate", "sasl": ("bot", "guess-7")},
     "SASL login refused: SASL authentication failed; check the account's name and password"),
])
def test_with_a_wrong_password_nothing_is_said(caplog, secrets, why):
    caplog.set_level(logging.DEBUG)
    with IrcServer(password="gate", accounts={"bot": "s3cret"}) as server:
        with running(server, Outbox("not as a stranger"), **secrets):
            eventually(lambda: caplog.text.count(f": {why}; connecting again") >= 2)
        assert server.logins == 0
        assert not any(line.startswith((b"JOIN", b"PRIVMSG")) for line in server.raw)
    assert "wrong-9" not in caplog.text
    assert "guess-7" not in caplog.text


@pytest.mark.parametrize(("offers", "grants"), [
    ([":multi-prefix sasl "], ":sasl "),
    (["* :account-notify multi-prefix", "* :sasl=PLAIN,EXTERNAL", ":server-time"], "sasl"),
    ([":SASL=external,plain"], ":SASL"),
])
def test_servers_write_capabilities_in_many_ways(offers, grants):
    password = "s3cret" * 100
    with IrcServer(accounts={"bot": password}) as server:
        server.offers, server.grants = offers, grants
        assert delivered(server, sasl=("bot", password)) == ["hello"]


@pytest.mark.parametrize(("knows_cap", "why"), [(True, "the server does not offer SASL"), (False, "without SASL")])
def test_a_server_without_sasl_is_left(server, caplog, knows_cap, why):
    server.knows_cap = knows_cap
    with running(server, Outbox("hello"), sasl=("bot", "x")):
        eventually(lambda: caplog.text.count(why) >= 2)
    assert not any(line.startswith((b"JOIN", b"PRIVMSG")) for line in server.raw)


def test_settings_do_not_show_secrets():
    settings = Settings("h", 1, "bot", ("#a",), password="p4ss", sasl=("bot", "s3cret"))
    assert "p4ss" not in repr(settings)
    assert "s3cret" not in repr(settings)


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
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
    return str(chain), str(secret)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_trusted_certificate_is_accepted(tmp_path, host):
    """OpenSSL's session tickets, records without data, come before the server's first line and do not end anything."""
    pair = certificate(tmp_path, host)
    with IrcServer(certificate=pair) as server:
        lines = numbered(10)
        assert delivered(server, Outbox(*lines), host=host, tls=True, ca_file=pair[0]) == lines
        assert server.logins == 1


@pytest.mark.parametrize(("name", "trusted", "why"), [
    ("irc.elsewhere.example", True, "IP address mismatch, certificate is not valid for '127.0.0.1')"),
    ("127.0.0.1", False, "self-signed certificate); give its authority's as irc.ca_file"),
])
def test_a_wrong_certificate_is_refused(tmp_path, caplog, name, trusted, why):
    pair = certificate(tmp_path, name)
    with IrcServer(certificate=pair) as server:
        with running(server, Outbox("hello"), tls=True, ca_file=pair[0] if trusted else None, password="p4ss"):
            eventually(lambda: f"its certificate is not trusted ({why}; connecting again" in caplog.text)
        assert server.raw == []


def test_a_port_without_tls_is_told(server):
    with running(server, Outbox("hello"), tls=True) as reporter:
        eventually(lambda: str(reporter.trouble).startswith("it speaks no TLS, or none that we do ("))
        assert reporter.trouble.endswith("; correct irc.port, or set irc.tls to false")


def test_a_file_without_certificates_is_named(tmp_path, server):
    (tmp_path / "ca.pem").write_text("none\n")
    with running(server, Outbox("hello"), tls=True, ca_file=str(tmp_path / "ca.pem")) as reporter:
        eventually(lambda: reporter.trouble == f"{tmp_path}/ca.pem holds no certificate in PEM form")


# Hostile texts


@pytest.mark.parametrize(("text", "seen"), [
    ("x\rPRIVMSG #t :evil", "x PRIVMSG #t :evil"),
    ("a\0b", "ab"),
    (":starts with a colon", ":starts with a colon"),
    ("/quit", "/quit"),
    ("\x01VERSION\x01", "VERSION"),
    ("half \ud83d", "half \ufffd"),
    ("🦀" * 150, "🦀" * 86 + "…"),
])
def test_a_line_is_inert_and_short_enough(server, text, seen):
    assert delivered(server, Outbox(text)) == [seen]
    (raw,) = [line for line in server.raw if line.startswith(b"PRIVMSG")]
    assert raw.decode() == f"PRIVMSG {CHANNEL} :{seen}"
    assert len(raw) <= 400


def test_a_line_without_visible_text_is_refused(server):
    outbox = Outbox("\x02\u200b")
    assert delivered(server, outbox) == []
    assert outbox.refused == ["the line has no visible text"]
