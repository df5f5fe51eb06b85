"""The login to an IRC account, line by line."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.reporters.irc.sasl import Sasl, SaslRefused


def answers(*lines: str, password: str = "s3cret") -> list[str]:
    """What is sent in answer to these lines of a server."""
    sasl = Sasl("bot", password)
    return [answer for line in lines for answer in sasl.heard(*parsed(line))]


def parsed(line: str) -> tuple[str, list[str]]:
    front, colon, last = line.partition(" :")
    command, *parameters = front.split()
    return command, [*parameters, *([last] if colon else [])]


@pytest.mark.parametrize(("lines", "sent"), [
    (["CAP * LS :sasl"], ["CAP REQ sasl"]),
    (["CAP * LS sasl"], ["CAP REQ sasl"]),
    (["CAP * LS :multi-prefix sasl "], ["CAP REQ sasl"]),
    (["CAP * LS :sasl=PLAIN,EXTERNAL"], ["CAP REQ sasl"]),
    (["CAP * LS :sasl=external,plain"], ["CAP REQ sasl"]),
    (["CAP * LS :sasl="], ["CAP REQ sasl"]),
    (["CAP * ls :SASL"], ["CAP REQ sasl"]),
    (["CAP bot LS :sasl"], ["CAP REQ sasl"]),
    (["CAP * LS * :multi-prefix"], []),
    (["CAP * LS * :multi-prefix", "CAP * LS * :sasl=PLAIN", "CAP * LS :server-time"], ["CAP REQ sasl"]),
    (["CAP * LS * :sasl", "CAP * LS :"], ["CAP REQ sasl"]),
    (["CAP * ACK :sasl"], ["AUTHENTICATE PLAIN"]),
    (["CAP * ACK sasl"], ["AUTHENTICATE PLAIN"]),
    (["CAP * ACK :sasl "], ["AUTHENTICATE PLAIN"]),
    (["CAP * ack :SASL"], ["AUTHENTICATE PLAIN"]),
    (["CAP * ACK :multi-prefix"], []),
    (["AUTHENTICATE +"], ["AUTHENTICATE AGJvdABzM2NyZXQ="]),
    (["AUTHENTICATE :+"], ["AUTHENTICATE AGJvdABzM2NyZXQ="]),
    (["900 bot bot!u@h bot :You are now logged in as bot"], []),
    (["903 bot :SASL authentication successful"], ["CAP END"]),
    (["907 bot :You have already authenticated using SASL"], ["CAP END"]),
    (["908 bot PLAIN,EXTERNAL :are available SASL mechanisms"], []),
    (["CAP * NEW :sasl", "NOTICE * :CAP * LS :sasl", "PING :x", "CAP", "CAP *", "AUTHENTICATE"], []),
])
def test_what_is_sent(lines, sent):
    assert answers(*lines) == sent


@pytest.mark.parametrize(("line", "why"), [
    ("CAP * LS :multi-prefix", "the server does not offer SASL, or not yet; leave irc.sasl out if it never does"),
    ("CAP * LS", "the server does not offer SASL, or not yet; leave irc.sasl out if it never does"),
    ("CAP * LS :sasl=EXTERNAL,SCRAM-SHA-256",
     "the server takes SASL by EXTERNAL,SCRAM-SHA-256, and the bot knows PLAIN alone"),
    ("CAP * NAK :sasl", "the server offers SASL, but does not grant it (CAP NAK)"),
    ("902 bot :You must use a nick assigned to you",
     "SASL login refused: You must use a nick assigned to you; check the account's name and password"),
    ("904 bot :SASL authentication failed",
     "SASL login refused: SASL authentication failed; check the account's name and password"),
    ("905 bot :SASL message too long",
     "SASL login refused: SASL message too long; check the account's name and password"),
    ("906 bot :SASL authentication aborted",
     "SASL login refused: SASL authentication aborted; check the account's name and password"),
    ("908 bot EXTERNAL :are available SASL mechanisms",
     "the server takes SASL by EXTERNAL, and the bot knows PLAIN alone"),
])
def test_why_there_is_no_login(line, why):
    with pytest.raises(SaslRefused) as caught:
        answers(line)
    assert str(caught.value) == why


@pytest.mark.parametrize(("length", "sizes"), [(292, [396]), (295, [400, 0]), (296, [400, 4]), (595, [400, 400, 0])])
def test_long_passwords_go_in_pieces(length, sizes):
    """A piece of exactly 400 bytes is not the last: an empty one, written +, follows."""
    sent = [line.removeprefix("AUTHENTICATE ") for line in answers("AUTHENTICATE +", password="x" * length)]
    assert [0 if piece == "+" else len(piece) for piece in sent] == sizes
    assert b64decode("".join(piece for piece in sent if piece != "+")) == b"\0bot\0" + b"x" * length


@given(st.sampled_from(["CAP", "AUTHENTICATE", "903", "908", "PING"]), st.lists(st.sampled_from(
    ["*", "LS", "ACK", "NAK", "sasl", "=", "", " ", "+", "sasl=PLAIN "]) | st.text(max_size=5), max_size=5))
def test_any_line_is_answered_or_refused(command, parameters):
    try:
        sent = Sasl("bot", "x").heard(command, parameters)
    except SaslRefused as refusal:
        sent = [str(refusal)]
    assert not any("\n" in line or "\r" in line for line in sent)
