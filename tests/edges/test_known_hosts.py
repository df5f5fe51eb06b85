"""What known_hosts says of a server, line by line; tests/real asks OpenSSH about the same cases."""

from __future__ import annotations

from base64 import b64decode, b64encode

import paramiko
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterbot.clients.known_hosts import REVOKED, about, public_key, read

OURS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcUg6ETYlqkejiNnSIiYscGh+1Vey8YMqjZBwILP3nK"
THEIRS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPCFDFKqjQERzpiw0dJUF01H4DnXM5gNw/RpRTc58RtP"
ECDSA = ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPSh"
         "OUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=")

CASES = {
    "its host and port": ("[{host}]:{port} {ours}", True),
    "nothing": ("", False),
    "another key": ("[{host}]:{port} {theirs}", False),
    "another port": ("[{host}]:1 {ours}", False),
    "another host": ("[elsewhere.example]:{port} {ours}", False),
    "a host without a port": ("{host} {ours}", True),
    "a host without a port, and another key for the port": ("{host} {ours}\n[{host}]:{port} {theirs}", False),
    "several hosts": ("elsewhere.example,[{host}]:{port},b.example {ours}", True),
    "several keys": ("[{host}]:{port} {theirs}\n[{host}]:{port} {ecdsa}\n[{host}]:{port} {ours}", True),
    "a comment, blanks and tabs": ("  [{host}]:{port}\t{ours}\tof the year 2024  ", True),
    "comments and empty lines": ("# ours\n\n   \n  # more\n[{host}]:{port} {ours}", True),
    "a line that is a comment": ("#[{host}]:{port} {ours}", False),
    "CRLF": ("# ours\r\n[{host}]:{port} {ours}\r\n", True),
    "a comment in Latin-1": ("# M\xfcnster\n[{host}]:{port} {ours} M\xfcnster\x85", True),
    "a star": ("[127.0.0.*]:{port} {ours}", True),
    "a star for everything": ("* {ours}", True),
    "a star for every port": ("[{host}]:* {ours}", True),
    "question marks": ("[127.?.?.1]:{port} {ours}", True),
    "a question mark is one character": ("[127.?.0.0.1]:{port} {ours}", False),
    "brackets are no set of characters": ("[127.0.0.1a]:{port} {ours}", False),
    "a negation": ("[127.*]:{port},![{host}]:{port} {ours}", False),
    "a negation at the front": ("![127.*]:{port},[127.*]:* {ours}", False),
    "a negation of the host": ("*,!{host} {ours}", True),
    "a negation of others and all else": ("*,![127.9.9.9]:{port} {ours}", True),
    "a negation of others": ("[127.*]:{port},![127.9.9.9]:{port} {ours}", True),
    "a negation alone": ("![elsewhere.example]:{port} {ours}", False),
    "a hashed name": ("{hashed} {ours}", True),
    "a hash of another name": ("{hashed_elsewhere} {ours}", False),
    "a damaged hash": ("|1|nonsense|nonsense {ours}\n[{host}]:{port} {ours}", True),
    "an authority": ("@cert-authority [{host}]:{port} {ours}", False),
    "an authority and the server's own key": ("@cert-authority * {theirs}\n[{host}]:{port} {ours}", True),
    "a revoked key": ("[{host}]:{port} {ours}\n@revoked [{host}]:{port} {ours}", False),
    "a revoked key, told first": ("@revoked * {ours}\n[{host}]:{port} {ours}", False),
    "another revoked key": ("@revoked * {theirs}\n[{host}]:{port} {ours}", True),
    "a key revoked elsewhere": ("@revoked elsewhere.example {ours}\n[{host}]:{port} {ours}", True),
    "an unknown marker": ("@trusted [{host}]:{port} {ours}", False),
    "two markers": ("@revoked @cert-authority * {ours}\n[{host}]:{port} {ours}", True),
    "an unknown marker, and a good line": ("@trusted * {theirs}\n[{host}]:{port} {ours}", True),
    "a damaged key before": ("[{host}]:{port} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n[{host}]:{port} {ours}", True),
    "a key that is no base64": ("[{host}]:{port} ssh-ed25519 %%%\n[{host}]:{port} {ours}", True),
    "a key of another type than it says": ("[{host}]:{port} ssh-rsa {ours_data}", False),
    "an unknown type": ("[{host}]:{port} ssh-dance AAAA\n[{host}]:{port} {ours}", True),
    "half a line": ("[{host}]:{port}\n[{host}]:{port} ssh-ed25519\n[{host}]:{port} {ours}", True),
    "a key of version 1": ("[{host}]:{port} 1024 35 1234567\n[{host}]:{port} {ours}", True),
}
"""A file, and whether a server with our key is trusted."""


def written(case: str, host: str = "127.0.0.1", port: int = 29418, ours: str = OURS) -> bytes:
    """The file of a case."""
    hashed = paramiko.HostKeys.hash_host
    return CASES[case][0].format(
        host=host, port=port, ours=ours, theirs=THEIRS, ecdsa=ECDSA, ours_data=ours.split()[1],
        hashed=hashed(f"[{host}]:{port}"), hashed_elsewhere=hashed(f"[elsewhere.example]:{port}"),
    ).encode("latin-1")


def trusted(data: bytes, host: str = "127.0.0.1", port: int = 29418) -> list[str]:
    lines = about(read(data), host, port)
    revoked = [line.key for line in lines if line.marker == REVOKED]
    return [f"{line.key.get_name()} {line.key.get_base64()}" for line in lines
            if line.key and not line.marker and line.key not in revoked]


@pytest.mark.parametrize("case", CASES)
def test_whether_a_key_is_trusted(case):
    assert (OURS in trusted(written(case))) == CASES[case][1]


def test_openssh_reads_what_is_good_in_a_file():
    lines = read(b"@cert-authority *.example.net " + OURS.encode() + b"\n# Gerrit of M\xfcnster\n"
                 b"[review.example.*]:29418 " + OURS.encode() + b"\n"
                 b"no-port.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n")
    assert [line.number for line in about(lines, "review.example.org", 29418)] == [3]
    assert [(line.number, line.why) for line in lines if line.why] == [(4, "its ssh-ed25519 key is damaged")]


def test_a_byte_order_mark_costs_no_line():
    assert trusted(b"\xef\xbb\xbf" + written("its host and port")) == [OURS]


def test_names_know_no_case():
    assert trusted(f"[Review.Example.org]:29418 {OURS}".encode(), "review.EXAMPLE.org") == [OURS]


@pytest.mark.parametrize(("name", "found"), [("review.example.org", True), ("[review.example.org]:22", False)])
def test_the_usual_port_is_not_written(name, found):
    assert bool(trusted(f"{name} {OURS}".encode(), "review.example.org", 22)) == found


def test_a_line_that_excludes_the_port_is_not_taken_for_the_host():
    assert not trusted(f"*,![127.0.0.1]:29418 {OURS}\n".encode())


def test_a_key_that_is_revoked_for_the_host_is_so_on_every_port():
    assert not trusted(f"[127.0.0.1]:29418 {OURS}\n@revoked 127.0.0.1 {OURS}\n".encode())


@pytest.mark.parametrize(("line", "why"), [
    ("a.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "its ssh-ed25519 key is damaged"),
    (f"a.example {OURS[:-1]}", "its ssh-ed25519 key is damaged"),
    ("a.example ssh-dss AAAAB3NzaC1kc3M=", "keys of type ssh-dss are not supported"),
    ("a.example ssh-ed25519", "it has no host, type of key and key"),
    (f"@trusted a.example {OURS}", "its marker is neither @cert-authority nor @revoked"),
])
def test_a_line_says_why_it_is_useless(line, why):
    bad, good = read(f"# first\n{line}\na.example {OURS}\n".encode())[-2:]
    assert (bad.number, bad.key, bad.why) == (2, None, why)
    assert (good.number, good.why) == (3, "")


KINDS = st.sampled_from(["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-dss"])
WHOLE = st.sampled_from([b64decode(key.split()[1]) for key in (OURS, THEIRS, ECDSA)])
SPOILT = st.builds(lambda key, at, odd: key[:at] + odd + key[at + 1:],
                   WHOLE, st.integers(0, 120), st.binary(max_size=3))
PIECES = st.sampled_from([
    b"@revoked", b"@cert-authority", b"@", b"*", b"!", b",", b"|1|", b"[127.0.0.1]:29418", b"?", b" ", b"\t", b"\r",
    b"\n", b"#", OURS.encode(), ECDSA.encode(), b"ssh-rsa", b"AAAA", b"\xe9", b"\0",
])


@given(st.lists(PIECES | st.binary(max_size=8), max_size=40).map(b"".join))
@example(b"|1|" + b"A" * 27 + b"=|\xe9 " + OURS.encode())
def test_any_file_is_read_and_spoils_no_good_line(data):
    lines = about(read(data + f"\n127.0.0.2 {OURS}\n".encode()), "127.0.0.2", 22)
    assert lines[-1].key is not None
    assert all((line.key is None) == bool(line.why) for line in lines)


@given(KINDS, st.binary(max_size=200) | SPOILT)
def test_a_key_is_whole_or_told(kind, data):
    try:
        key = public_key(kind, b64encode(data).decode())
    except ValueError:
        return
    assert key.asbytes() == data
