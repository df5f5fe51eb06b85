"""What varies in a line is masked, and all else stays as the old index had it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.fingerprints.templates.mask import masked, runs
from counterbot.fingerprints.words import words

HEX = st.sampled_from("0123456789abcdef")
PLAIN = ("instance", "failed", "nova.compute", "don't", "état", "漢字", "x86_64", "md5", "ipv4", "v2.1", "cell0", "__")


def hexadecimal(length):
    return st.text(HEX, min_size=length, max_size=length)


VARYING = {
    "uuid": st.uuids().map(str), "request": st.uuids().map("req-{}".format),
    "plain uuid": st.uuids().map(lambda u: u.hex),
    "mac": st.lists(hexadecimal(2), min_size=6, max_size=6).map(":".join),
    "ipv6": st.lists(hexadecimal(4), min_size=8, max_size=8).map(":".join),
    "short ipv6": hexadecimal(4).map("fd00::{}".format),
    "ipv4": st.tuples(*[st.integers(0, 255)] * 4).map(lambda parts: ".".join(map(str, parts))),
    "number": st.integers(0, 10 ** 12).map(str), "float": st.floats(0, 1e6).map("{:.3f}".format),
    "pointer": st.integers(0, 2 ** 48).map(hex), "seconds": st.integers(0, 99).map("{}s".format),
    "device": hexadecimal(8).map("tap{}-0a".format),
    "name": st.integers(1000, 10 ** 10).map("tempest-ServersTest-server-{}".format),
    "temporary": st.text("abcXYZ_019", min_size=1, max_size=9).map("/tmp/{}/a".format),
    "token": st.text("abcXYZ019_-", min_size=20, max_size=90).map("gAAAA{}".format),
}
AROUND = ("{}", "[{}]", "'{}'", "({}),", "{}:", "id={}", "id: {}", "/v2/{}/x", "id:{}", "a.{}", "x_{}", "{}.png",
          "{};z")


@pytest.mark.parametrize(("message", "expected"), [
    ("Took 12.5 seconds to build instance 5", "took * seconds to build instance *"),
    ("HTTP 404, status: 200 len: 1893 time: 0.09", "http 404 status 200 len * time *"),
    ("[Errno 111] ECONNREFUSED", "errno 111 econnrefused"),
    ("returned non-zero exit status 1.", "returned non zero exit status 1"),
    ("exit code 143; took 143", "exit code 143 took *"),
    ("code: 4242", "code *"),
    ("md5 of ipv4 x86_64 v2 is e501 on vda1 in cell0", "md5 of ipv4 x86_64 v2 is e501 on * in cell0"),
    ("Server tempest-ServersTest-server-1234567 of tempest-Ports-12345-project", "server * of *"),
    ("port 4be0643f-1d98-573b-97cd-ca98a65347dd failed", "port * failed"),
    ("req-4be0643f-1d98-573b-97cd-ca98a65347dd", "*"),
    ("at fa:16:3e:aa:bb:cc, fe80::f816:3eff:fe12:1 and ::1", "at * and *"),
    ("commit deadbee1 0x7f00aa12", "commit *"),
    ("mkdir /tmp/tmpabc.d/x failed", "mkdir * failed"),
    ("tempest.api.compute.test_x.Y.test_list_v2", "tempest.api.compute.test_x.y.test_list_v2"),
    ("\x1b[31malpha\x1b[0m beta", "alpha beta"),
    ("", ""),
])
def test_a_message(message, expected):
    assert " ".join(word or "*" for word in masked(message)) == expected


@given(st.lists(st.one_of(st.text(max_size=30), st.sampled_from(PLAIN), *VARYING.values()), max_size=12),
       st.sampled_from(["", " ", ":", ".", "'", ",", "=", "-", "\t"]))
def test_what_is_not_masked_are_the_lines_words_side_by_side(parts, between):
    message = between.join(parts).replace("\x1b", "")
    found = iter(words(message.encode(errors="replace").decode()))
    for run in runs(masked(message)):
        assert any(word == run[0] for word in found)
        assert list(run[1:]) == [next(found) for _ in run[1:]]


@pytest.mark.parametrize("kind", VARYING)
@pytest.mark.parametrize("around", AROUND)
@given(st.data())
def test_lines_that_differ_in_what_varies_are_one(kind, around, data):
    one, other = (around.format(data.draw(VARYING[kind])) for _ in range(2))
    assert masked(f"Instance {one} failed 7") == masked(f"Instance {other} failed 86400")


def test_what_stands_apart_from_what_varies_stays():
    assert masked(f"port={UUID(int=1)} is 'down'") == ("port", None, "is", "down")
