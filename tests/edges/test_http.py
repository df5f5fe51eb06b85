"""Fetching from servers on loopback that behave, and from some that do not."""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from counterbot.clients import http as client
from counterbot.clients.http import IDLE_SECONDS, Forbidden, Http, Unavailable, Unfinished, is_public
from counterbot.core.deadline import DeadlineExceeded
from counterbot.core.model import Unreadable
from tests.clock import Clock, eventually
from tests.loopback import certificate, served
from tests.memory import peak_below

LIMIT = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"


def sized(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + end


class Server:
    """Answers a request by its path: bytes to send, or a function of the connection, after which it is closed."""

    def __init__(self, tls=None) -> None:
        self.answers, self.asked, self.connections, self.ended = {}, [], 0, threading.Semaphore(0)
        self.names: list[str | None] = []
        self._tls = tls
        if tls:
            tls.sni_callback = lambda sock, name, context: self.names.append(name)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        served(self._socket, self._serve)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _serve(self, sock) -> None:
        self.connections += 1
        try:
            with self._tls.wrap_socket(sock, server_side=True) if self._tls else sock as sock:
                while (request := self._request(sock)) and self._answer(sock, request):
                    pass
        except OSError:
            pass
        finally:
            self.ended.release()

    def _request(self, sock) -> str:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            block = sock.recv(65536)
            if not block:
                return ""
            data += block
        return data.decode("latin-1")

    def _answer(self, sock, request: str) -> bool:
        self.asked.append(request)
        answer = self.answers.get(request.split()[1], sized(b"no", status=b"404 Not Found"))
        if callable(answer):
            answer(sock)
            return False
        sock.sendall(answer)
        return True


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def http(server):
    return Http([f"{server.url}/logs/"], seconds=30)


def closing(data: bytes):
    """Sends these bytes and closes the connection."""
    return lambda sock: sock.sendall(data)


def endless(head: bytes, sent: list):
    """Sends 64 MB, and notes how much of it was taken."""
    def answer(sock):
        sock.sendall(head)
        for _ in range(1000):
            sock.sendall(b"x" * 65536)
            sent.append(65536)
    return answer


def trickle(head: bytes, each: bytes):
    """Sends bytes for longer than any machine takes to notice a deadline."""
    def answer(sock):
        sock.sendall(head)
        for _ in range(600):
            time.sleep(0.1)
            sock.sendall(each)
    return answer


def silent(head: bytes):
    """Sends these bytes and waits."""
    def answer(sock):
        sock.sendall(head)
        sock.recv(1)
    return answer


@contextmanager
def soon():
    """Long before a server that trickles is done, and before one that is silent is given up for that."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < IDLE_SECONDS / 2


def refusal(http: Http, url: str) -> Unavailable:
    with pytest.raises(Unavailable) as raised:
        http.fetch(url, LIMIT)
    return raised.value


def outcome(http: Http, url: str) -> str:
    """What came, or why nothing did."""
    try:
        return str(http.fetch(url, LIMIT))
    except (Unavailable, DeadlineExceeded) as error:
        return str(error)


class TestPrefixes:
    HTTP = Http(["https://logs.example.org/ci/", "https://store.example:8443", "http://[2001:db8::1]/ab",
                 "https://*.any.example/"])

    @pytest.mark.parametrize("url", [
        "https://logs.example.org/ci/a", "HTTPS://LOGS.Example.ORG:443/ci/a?b=/../c", "https://logs.example.org/ci/",
        "https://logs.example.org/ci/a..b/...", "https://store.example:8443/",
        "https://logs.example.org/ci/a%20b%23", "https://logs.example.org/ci//x", "http://[2001:DB8::1]:80/ab/x",
        "https://9d90-bfbf.any.example/a",
    ])
    def test_under_them(self, url):
        assert self.HTTP.allows(url)

    @pytest.mark.parametrize("url", [
        "", "/ci/a", "//logs.example.org/ci/a", "http://logs.example.org/ci/a", "ftp://logs.example.org/ci/a",
        "https://logs.example.org/ci", "https://logs.example.org/cix/a", "https://logs.example.org/CI/a",
        "https://logs.example.org:8443/ci/a", "https://store.example/", "https://store.example:84430/",
        "https://logs.example.org.evil/ci/a", "https://logs.example.org./ci/a", "https://store.example:8443@evil/",
        "https://logs.example.org@evil/ci/a", "https://me@logs.example.org/ci/a", "https://:@logs.example.org/ci/a",
        "https://evil\\@logs.example.org/ci/a", "https://logs.example.org\\@evil/ci/a",
        "https://logs.example.org/ci/../x", "https://logs.example.org/ci/..", "https://logs.example.org/ci/./x",
        "https://logs.example.org/ci/%2e%2e/x", "https://logs.example.org/ci/.%2E/x",
        "https://logs.example.org/ci/..%2fx", "https://logs.example.org/ci/..%5cx", "https://logs.example.org/ci/..\\x",
        "https://logs.example.org/ci/..#/x", "https://logs.example.org/ci/../../ci/x",
        "https://logs.example.org/ci/a\\\\b", "https://logs.example.org/ci/..?x", " https://logs.example.org/ci/a",
        "https://logs.example.org/ci/a\n", "https://logs.example.org/ci/a b", "https://logs.example.org/ci/\x00",
        "https://logs.example.org/ci/\xe9", "https://logs.exa\tmple.org/ci/a",
        "https://logs\u3002example\u3002org/ci/a", "https://logs.example.org/ci/a#b",
        "https://a.b.any.example/a", "https://any.example/a", "https://.any.example/a", "https://evil/x.any.example/",
        "https://a.any.example.evil/", "https://a.any.example@evil/",
    ])
    def test_not_under_them(self, url):
        assert not self.HTTP.allows(url)
        with pytest.raises(Forbidden, match=r"is not under https://logs\.example\.org/ci/ or "):
            self.HTTP.fetch(url, LIMIT)

    @pytest.mark.parametrize("prefix", ["", "logs.example", "https://", "https://me@logs.example/", "file:///etc/",
                                        "https://logs.example/?a", "https://logs.example/../", "https://lógs.example/",
                                        "https://a.*.example/"])
    def test_that_are_none(self, prefix):
        with pytest.raises(ValueError, match="is no plain URL"):
            Http([prefix])

    @given(st.text(alphabet="/.%2eE5cC\\@:#?a \n", max_size=12))
    def test_hold_whatever_urllib3_makes_of_the_url(self, tail):
        url = f"https://logs.example.org/ci/{tail}"
        if self.HTTP.allows(url):
            assert parse_url(url).url.startswith("https://logs.example.org/ci/")


class TestRedirects:
    @pytest.mark.parametrize("location", [b"/logs/b", b"b", b"HTTP://127.0.0.1:%d/logs/b"])
    def test_within_the_prefixes_are_followed(self, server, http, location):
        location = location % server.port if b"%d" in location else location
        server.answers |= {"/logs/a": sized(b"moved", b"Location: " + location, status=b"302 Found"),
                           "/logs/b": sized(b"here")}
        assert http.fetch(f"{server.url}/logs/a", LIMIT) == b"here"
        assert server.connections == 1

    @pytest.mark.parametrize("location", [
        "/private", "../private", "/logs/%2e%2e/private", "http://localhost:{port}/logs/a",
        "//127.0.0.1:{port}@evil/logs/a", "file:///etc/passwd", "http://127.0.0.1:1/", "/logs/\\..\\..\\private",
        "caf\xe9", "http://[::1", "//[bad]/"])
    def test_out_of_them_are_not(self, server, http, location):
        header = b"Location: " + location.format(port=server.port).encode("latin-1")
        server.answers["/logs/a"] = sized(b"", header, status=b"301 Moved")
        with pytest.raises(Forbidden, match="is not under"):
            http.fetch(f"{server.url}/logs/a", LIMIT)
        assert len(server.asked) == 1

    def test_end(self, server, http):
        server.answers["/logs/a"] = sized(b"", b"Location: /logs/a", status=b"307 Again")
        assert str(refusal(http, f"{server.url}/logs/a")) == "more than 5 redirects"
        assert server.connections == 1

    @pytest.mark.parametrize("status", [b"302 Found", b"404 Not Found", b"503 Busy"])
    def test_and_refusals_are_not_read_without_end(self, server, http, status):
        sent = []
        server.answers |= {"/logs/a": endless(b"HTTP/1.1 " + status + b"\r\nLocation: /logs/b\r\n\r\n", sent),
                           "/logs/b": sized(b"here")}
        with suppress(Unavailable):
            http.fetch(f"{server.url}/logs/a", LIMIT)
        assert server.ended.acquire(timeout=30)
        assert len(sent) < 1000

    def test_without_a_place_to_go(self, server, http):
        server.answers["/logs/a"] = sized(b"", status=b"302 Found")
        assert str(refusal(http, f"{server.url}/logs/a")) == f"302 from 127.0.0.1:{server.port}"


def test_requests_tell_who_asks_and_nothing_secret(server, http, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login bot password secret\ndefault login bot password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers["/logs/a"] = sized(b"yes", b"Set-Cookie: follow=me; Path=/")
    for _ in range(2):
        assert http.fetch(f"{server.url}/logs/a", LIMIT) == b"yes"
    for request in map(str.lower, server.asked):
        assert "user-agent: counterbot/" in request
        assert "accept-encoding: gzip\r\n" in request
        assert not {"authorization", "cookie", "proxy"} & {line.partition(":")[0] for line in request.split("\r\n")}


class TestStatuses:
    @pytest.mark.parametrize("status", [b"404 Not Found", b"410 Gone"])
    def test_that_say_no(self, server, http, status):
        server.answers["/logs/a"] = sized(b"<html>no</html>", status=status)
        assert http.fetch(f"{server.url}/logs/a", LIMIT) is None

    @pytest.mark.parametrize("status", ["204 No Content", "206 Partial", "304 Not Modified", "401 No", "403 No",
                                        "418 Tea", "500 Oh", "502 Bad Gateway"])
    def test_that_say_perhaps_later(self, server, http, status):
        server.answers["/logs/a"] = sized(b"", status=status.encode())
        error = refusal(http, f"{server.url}/logs/a")
        assert str(error) == f"{status[:3]} from 127.0.0.1:{server.port}"
        assert error.after is None

    @pytest.mark.parametrize(("value", "after"), [
        ("0", 0), ("120", 120), ("120 \t", 120), ("9" * 400, 86400), ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", 86400), ("soon", None), ("-3", None), ("\xb2", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None), ("", None),
    ])
    def test_that_say_when(self, server, http, value, after):
        for status in (b"429 Slow", b"503 Busy"):
            server.answers["/logs/a"] = sized(b"", b"Retry-After: " + value.encode("latin-1"), status=status)
            assert refusal(http, f"{server.url}/logs/a").after == after

    def test_that_give_a_date(self, server, http):
        date = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=1000)
        header = b"Retry-After: " + format_datetime(date, usegmt=True).encode()
        server.answers["/logs/a"] = sized(b"", header, status=b"503 Busy")
        assert 900 < refusal(http, f"{server.url}/logs/a").after <= 1000


def deflated(data: bytes, form: int, level: int = 6) -> bytes:
    """``form`` is zlib's ``wbits``: 15 with its wrapper, -15 without."""
    packer = zlib.compressobj(level, wbits=form)
    return packer.compress(data) + packer.flush()


class TestBodies:
    CONTENT = b"0123456789" * 5000

    @pytest.mark.parametrize("header", [b"Content-Encoding: gzip", b"Content-Encoding: identity", b"X: y",
                                        b"Content-Encoding: gzip, gzip", b"Content-Encoding: aws-chunked",
                                        b"Content-Encoding: X-GZIP,Identity", b"Content-Encoding: utf-8"])
    def test_come_unpacked_whatever_the_header_says(self, server, http, header):
        body = self.CONTENT
        for _ in range(3):
            server.answers["/logs/a"] = sized(body, header)
            assert http.fetch(f"{server.url}/logs/a", LIMIT) == self.CONTENT
            body = gzip.compress(body)

    @pytest.mark.parametrize("form", [15, -15], ids=["zlib", "raw"])
    @pytest.mark.parametrize(("header", "before", "after"), [
        (b"deflate", 0, 0), (b"DEFLATE", 0, 0), (b" Deflate , identity", 0, 0), (b"gzip, deflate", 1, 0),
        (b"deflate, gzip", 0, 1), (b"gzip\r\nContent-Encoding: deflate", 1, 0), (b"deflate", 2, 0),
    ])
    @pytest.mark.parametrize("content", [CONTENT, b"{}", b"", bytes(70_000)])
    def test_come_deflated(self, server, http, form, header, before, after, content):
        body = content
        for _ in range(before):
            body = gzip.compress(body)
        body = deflated(body, form)
        for _ in range(after):
            body = gzip.compress(body)
        server.answers["/logs/a"] = sized(body, b"Content-Encoding: " + header)
        assert http.fetch(f"{server.url}/logs/a", LIMIT) == content

    @pytest.mark.parametrize("level", range(10))
    @pytest.mark.parametrize("form", [9, 10, 12, 15, -9, -12, -15])
    def test_come_deflated_at_any_level_and_window(self, server, http, form, level):
        server.answers["/logs/a"] = sized(deflated(self.CONTENT, form, level), b"Content-Encoding: deflate")
        assert http.fetch(f"{server.url}/logs/a", LIMIT) == self.CONTENT

    @pytest.mark.parametrize("form", [15, -15], ids=["zlib", "raw"])
    @pytest.mark.parametrize(("change", "error", "why"), [
        (lambda body: body[:-9], Unfinished, "truncated deflate data"),
        (lambda body: body[:1], Unfinished, "truncated deflate data"),
        (lambda body: body[:5] + b"\xff" * 20, Unreadable, "corrupt deflate data"),
        (lambda body: body + b"more", Unreadable, "other data stands behind the deflate data"),
    ])
    def test_that_are_deflated_and_wrong(self, server, http, form, change, error, why):
        body = deflated(self.CONTENT, form)
        server.answers["/logs/a"] = sized(change(body), b"Content-Encoding: deflate")
        with pytest.raises(error, match=why):
            http.fetch(f"{server.url}/logs/a", LIMIT)

    @pytest.mark.parametrize("header", [b"deflate", b"deflate, gzip, deflate"])
    def test_that_are_deflated_explode(self, server, http, header):
        body = bytes(200 << 20)
        for coding in header.split(b", "):
            body = gzip.compress(body, 1) if coding == b"gzip" else zlib.compress(body, 1)
        server.answers["/logs/a"] = sized(body, b"Content-Encoding: " + header)
        with peak_below(16 << 20), pytest.raises(Unreadable, match="more than 1,048,576 bytes"):
            http.fetch(f"{server.url}/logs/a", LIMIT)

    @pytest.mark.parametrize(("header", "named"), [
        (b"br", "br"), (b"ZSTD", "zstd"), (b"gzip, br", "br"), (b"identity,zstd", "zstd"), (b"compress", "compress")])
    def test_in_a_coding_that_was_not_asked_for(self, server, http, header, named):
        server.answers["/logs/a"] = sized(b"\x1b\x03\x00", b"Content-Encoding: " + header)
        with pytest.raises(Unreadable, match=f"^it was sent in Content-Encoding {named}, which was not asked for$"):
            http.fetch(f"{server.url}/logs/a", LIMIT)

    def test_in_codings_without_end(self, server, http):
        server.answers["/logs/a"] = sized(b"x", b"Content-Encoding: " + b"deflate," * 1000)
        with pytest.raises(Unreadable, match="1000 content codings"):
            http.fetch(f"{server.url}/logs/a", LIMIT)

    def test_may_be_empty(self, server, http):
        for body in (sized(b""), sized(b"", b"Content-Encoding: deflate"), chunked()):
            server.answers["/logs/a"] = body
            assert http.fetch(f"{server.url}/logs/a", LIMIT) == b""

    @pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT, mtime=0)], ids=["plain", "gzip"])
    def test_over_the_limit(self, server, http, content):
        server.answers["/logs/a"] = sized(content)
        with pytest.raises(Unreadable, match="more than 49,999 bytes"):
            http.fetch(f"{server.url}/logs/a", 49_999)
        assert http.fetch(f"{server.url}/logs/a", 50_000) == self.CONTENT

    def test_over_the_limit_are_not_read_to_their_end(self, server, http):
        sent = []
        server.answers["/logs/a"] = endless(OK + b"\r\n", sent)
        with pytest.raises(Unreadable, match="more than 1,048,576 bytes"):
            http.fetch(f"{server.url}/logs/a", LIMIT)
        assert server.ended.acquire(timeout=30)
        assert len(sent) < 1000

    def test_in_chunks(self, server, http):
        server.answers["/logs/a"] = chunked(b"one ", b"two", end=b"0\r\nTrailer: x\r\n\r\n")
        for _ in range(2):
            assert http.fetch(f"{server.url}/logs/a", LIMIT) == b"one two"
        assert server.connections == 1

    def test_that_end_with_the_connection(self, server, http):
        server.answers["/logs/a"] = closing(b"HTTP/1.0 200 OK\r\n\r\nall")
        assert http.fetch(f"{server.url}/logs/a", LIMIT) == b"all"

    @pytest.mark.parametrize("whole", [chunked(b"one ", b"two")[:-4], sized(b"one two"),
                                       sized(gzip.compress(b"one two"))], ids=["chunked", "sized", "gzip"])
    def test_cut_anywhere(self, server, http, whole):
        """In the headers, too, all of which may be there but the one that announces the body."""
        for size in range(len(whole)):
            server.answers["/logs/a"] = closing(whole[:size])
            assert str(refusal(http, f"{server.url}/logs/a")), whole[:size]

    @pytest.mark.parametrize("packs", [1, 2])
    def test_of_gzip_cut_short_may_be_whole_later(self, server, http, packs):
        body = gzip.compress(self.CONTENT)[:-3]
        server.answers["/logs/a"] = sized(gzip.compress(body) if packs == 2 else body)
        assert "truncated gzip data" in str(refusal(http, f"{server.url}/logs/a"))

    def test_of_gzip_gone_wrong_may_not(self, server, http):
        body = bytearray(gzip.compress(self.CONTENT))
        body[-6] ^= 1
        server.answers["/logs/a"] = sized(bytes(body))
        with pytest.raises(Unreadable, match="corrupt gzip data"):
            http.fetch(f"{server.url}/logs/a", LIMIT)

    def test_reset(self, server, http):
        came = threading.Event()

        def reset(sock):
            sock.sendall(OK + b"Content-Length: 100\r\n\r\nhalf")
            assert came.wait(30)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        server.answers["/logs/a"] = reset
        with http.open(f"{server.url}/logs/a", packed_limit=LIMIT, unpacked_limit=LIMIT) as blocks:
            came.set()
            with pytest.raises(Unavailable, match="reset"):
                list(blocks)

    @pytest.mark.parametrize(("nonsense", "reason"), [
        (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH"),
        (b"\x00" * 100, "BadStatusLine"),
        (b"HTTP/1.1 xyz\r\n\r\n", r"invalid literal for int() with base 10: 'xyz\r\n'"),
        (OK + b"x" * 100_000, "got more than 65536 bytes when reading header line"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", r"invalid literal for int() with base 16: b'zz\r\n'"),
        (OK + b"Content-Length: 5, 6\r\n\r\nabcde", "Content-Length contained multiple unmatching values (5, 6)"),
    ])
    def test_that_are_no_http(self, server, http, nonsense, reason):
        server.answers["/logs/a"] = closing(nonsense)
        assert str(refusal(http, f"{server.url}/logs/a")) == f"127.0.0.1:{server.port}: {reason}"

    @pytest.mark.parametrize("headers", [b"Content-Length: 5, 5", b"Content-Length: 5\r\nContent-Length: 5",
                                         b"Content-Length: many\r\nTransfer-Encoding: chunked"])
    def test_whose_length_is_told_twice(self, server, http, headers):
        body = b"5\r\nabcde\r\n0\r\n\r\n" if b"chunked" in headers else b"abcde"
        server.answers["/logs/a"] = closing(OK + headers + b"\r\n\r\n" + body)
        assert http.fetch(f"{server.url}/logs/a", LIMIT) == b"abcde"


class TestDeadline:
    def test_holds(self, server):
        """Whatever a server trickles, and wherever it falls silent. All at once, since each takes its whole time."""
        late = [
            trickle(b"", b"H"), trickle(OK, b"x"), trickle(OK, b"X: y\r\n"), trickle(OK + b"\r\n", b"x"),
            trickle(OK + b"Content-Length: 500\r\n\r\n", b"x"),
            trickle(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            trickle(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
            trickle(b"HTTP/1.1 302 No\r\nLocation: /b\r\nContent-Length: 500\r\n\r\n", b"x"),
            silent(b""), silent(OK), silent(OK + b"Content-Length: 5\r\n\r\n"),
            silent(OK + b"Content-Length: 5\r\n\r\nabc"),
        ]
        gone = trickle(b"HTTP/1.1 404 No\r\nContent-Length: 500\r\n\r\n", b"x")
        server.answers |= {f"/{n}": answer for n, answer in enumerate([*late, gone])}
        http = Http([server.url], seconds=0.7)
        with soon(), ThreadPoolExecutor(len(server.answers)) as pool:
            told = list(pool.map(lambda path: outcome(http, server.url + path), list(server.answers)))
        assert told == [f"127.0.0.1:{server.port}: not done in 0.7 s"] * len(late) + ["None"]
        for _ in told:
            assert server.ended.acquire(timeout=30)

    def test_holds_over_redirects(self, server):
        def slow(sock):
            time.sleep(0.3)
            sock.sendall(sized(b"", b"Location: /a", b"Connection: close", status=b"302 Found"))

        server.answers["/a"] = slow
        with soon():
            assert "not done in 0.7 s" in outcome(Http([server.url], seconds=0.7), f"{server.url}/a")

    def test_holds_where_nobody_accepts(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            with soon(), socket.create_connection(listener.getsockname()):
                assert "not done" in outcome(Http([url], seconds=0.7), url)

    def test_holds_where_tls_is_not_answered(self, server):
        url = server.url.replace("http:", "https:")
        with soon():
            assert "not done" in outcome(Http([url], seconds=0.7), f"{url}/")

    def test_holds_for_several_files_together(self, server):
        server.answers["/a"] = sized(b"yes")
        clock = Clock()
        http = Http([server.url], seconds=30, monotonic=clock).within(40)
        for clock.seconds in (0, 39):
            assert http.fetch(f"{server.url}/a", LIMIT) == b"yes"
        clock.seconds = 40
        with pytest.raises(DeadlineExceeded, match="not done in 30 s"):
            http.fetch(f"{server.url}/a", LIMIT)
        assert http.passed == 40

    @pytest.mark.parametrize("ended_by", ["its deadline", "the bot"])
    def test_holds_while_what_came_is_unpacked(self, server, ended_by):
        server.answers["/a"] = sized(gzip.compress(bytes(8 << 20)))
        clock = Clock()
        http = Http([server.url], seconds=30, monotonic=clock)
        with http.open(f"{server.url}/a", packed_limit=LIMIT, unpacked_limit=9 << 20) as blocks:
            next(blocks)
            if ended_by == "the bot":
                http.abort()
                with pytest.raises(Unavailable, match="the bot stops"):
                    next(blocks)
            else:
                clock.seconds = 30
                with pytest.raises(DeadlineExceeded, match=r"127\.0\.0\.1:\d+: not done in 30 s"):
                    next(blocks)

    def test_is_not_used_up_by_a_server_that_is_silent(self, server, monkeypatch):
        monkeypatch.setattr(client, "IDLE_SECONDS", 0.2)
        server.answers |= {"/a": silent(b""), "/b": silent(OK + b"Content-Length: 5\r\n\r\nabc")}
        http = Http([server.url])
        with soon():
            for path in ("/a", "/b"):
                assert "timed out" in str(refusal(http, server.url + path))

    def test_is_not_in_the_way_of_a_kept_connection(self, server):
        server.answers["/a"] = sized(b"yes")
        clock = Clock()
        http = Http([server.url], seconds=30, monotonic=clock)
        for _ in range(4):
            assert http.fetch(f"{server.url}/a", LIMIT) == b"yes"
            clock.seconds += 12
        assert server.connections == 1


class TestConnections:
    def test_are_kept(self, server, http):
        server.answers["/logs/a"] = sized(b"yes")
        server.answers["/logs/busy"] = sized(b"busy", status=b"503 Busy")
        for _ in range(3):
            assert http.fetch(f"{server.url}/logs/a", LIMIT) == b"yes"
            assert http.fetch(f"{server.url}/logs/none", LIMIT) is None
            refusal(http, f"{server.url}/logs/busy")
        assert server.connections == 1

    def test_that_the_server_closed_are_made_anew(self, server, http):
        server.answers["/logs/a"] = closing(sized(b"yes"))
        for _ in range(3):
            assert http.fetch(f"{server.url}/logs/a", LIMIT) == b"yes"
            assert server.ended.acquire(timeout=30)
        assert server.connections == 3

    def test_end_where_a_body_is_not_read(self, server, http):
        server.answers["/logs/a"] = sized(b"x" * 10_000_000)
        with http.open(f"{server.url}/logs/a", packed_limit=LIMIT, unpacked_limit=LIMIT) as blocks:
            assert next(blocks)
        assert server.ended.acquire(timeout=30)
        with pytest.raises(ZeroDivisionError), \
                http.open(f"{server.url}/logs/a", packed_limit=LIMIT, unpacked_limit=LIMIT):
            1 / 0  # noqa: B018
        assert server.ended.acquire(timeout=30)

    def test_serve_several_threads(self, server, http):
        bodies = {f"/logs/{n}": bytes([n]) * 200_000 for n in range(16)}
        server.answers |= {path: sized(gzip.compress(body) if body[0] % 2 else body) for path, body in bodies.items()}
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda path: http.fetch(server.url + path, LIMIT), [*bodies] * 10))
        assert got == [*bodies.values()] * 10
        assert server.connections <= 8

    def test_refused(self, server):
        server.close()
        error = refusal(Http([server.url]), f"{server.url}/a")
        assert str(error).startswith(f"127.0.0.1:{server.port}: ")
        assert "refused" in str(error)


def resolver(*addresses: str):
    """Answers every name with these addresses; its calls are counted."""
    def resolve(host, port, type=0):  # noqa: A002
        resolve.asked.append(host)
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, type, 6, "", (address, port))
                for address in addresses]
    resolve.asked = []
    return resolve


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """The path of a certificate for logs.example with its key."""
    return str(certificate("logs.example", tmp_path_factory.mktemp("tls")))


@pytest.fixture
def tls_server(pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = Server(context)
    yield server
    server.close()


class TestAddresses:
    @pytest.mark.parametrize("address", [
        "127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "::1", "fe80::1", "fd00::1", "::", "fec0::1", "ff0e::1", "4000::1", "::ffff:127.0.0.1",
        "64:ff9b::169.254.169.254", "64:ff9b:1::10.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "::127.0.0.1",
        "2001::1"])
    def test_of_a_name_must_be_public(self, address):
        assert not is_public(address)
        with pytest.raises(Forbidden, match=f"logs.example is at {address}, which is no public address; "
                                            "zuul.private_addresses admits it$"):
            Http(["http://logs.example/"], resolve=resolver(address)).fetch("http://logs.example/a", LIMIT)

    @pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::8.8.8.8"])
    def test_that_are(self, address):
        assert is_public(address)

    @given(st.ip_addresses(v=4))
    def test_that_are_translated_are_judged_as_ipv4(self, address):
        translated = ipaddress.IPv6Address(b"\0\x64\xff\x9b" + b"\0" * 8 + address.packed)
        assert is_public(str(address)) == is_public(str(translated))

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_that_the_operator_wrote_may_be_anywhere(self, server, host):
        server.answers["/a"] = sized(b"yes")
        url = f"http://{host}:{server.port}"
        assert Http([url]).fetch(f"{url}/a", LIMIT) == b"yes"

    def test_may_be_ipv6(self):
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            served(listener, lambda sock: sock.recv(65536) and sock.sendall(sized(b"yes")))
            url = f"http://[::1]:{listener.getsockname()[1]}"
            assert Http([url]).fetch(f"{url}/a", LIMIT) == b"yes"
            listener.shutdown(socket.SHUT_RDWR)

    def test_of_an_intranet_where_the_operator_said_so(self, server):
        """The name is looked up once, and the address that was checked is tried after one that does not answer."""
        server.answers["/a"] = sized(b"yes")
        url, resolve = f"http://logs.example:{server.port}", resolver("127.0.0.9", "127.0.0.1")
        assert Http([url], private=True, resolve=resolve).fetch(f"{url}/a", LIMIT) == b"yes"
        assert f"\r\nHost: logs.example:{server.port}\r\n" in server.asked[0]
        assert resolve.asked == ["logs.example"]

    def test_there_may_be_none(self):
        def fails(*arguments, **options):
            raise socket.gaierror(-2, "Name or service not known")

        url = "http://logs.example/"
        assert "Name or service not known" in str(refusal(Http([url], resolve=fails), url))
        assert "has no address" in str(refusal(Http([url], resolve=resolver()), url))
        url = f"http://{'a' * 64}.example/"
        assert "label" in str(refusal(Http([url]), url))

    def test_leave_the_name_to_tls(self, tls_server, pem):
        tls_server.answers |= {"/a": sized(b"yes"), "/slow": trickle(OK + b"\r\n", b"x")}
        url, wrong = (f"https://{host}:{tls_server.port}" for host in ("logs.example", "other.example"))
        options = {"private": True, "resolve": resolver("127.0.0.1")}
        http = Http([url, wrong], ca_file=pem, **options)
        assert [http.fetch(f"{url}/a", LIMIT) for _ in range(2)] == [b"yes"] * 2
        assert tls_server.names == ["logs.example"]
        assert str(refusal(http, f"{wrong}/a")).endswith(
            ": its certificate is not trusted (Hostname mismatch, certificate is not valid for 'other.example')")
        assert str(refusal(Http([url], **options), f"{url}/a")).endswith(
            ": its certificate is not trusted (self-signed certificate); give its authority's as zuul.ca_file")
        assert str(refusal(Http([url], ca_key="other.ca_file", **options), f"{url}/a")).endswith(" as other.ca_file")
        with soon():
            assert "not done" in outcome(Http([url], ca_file=pem, seconds=0.7, **options), f"{url}/slow")

    def test_that_speak_no_tls(self):
        with socket.create_server(("127.0.0.1", 0)) as plain:
            served(plain, lambda sock: sock.recv(100) and sock.sendall(b"HTTP/1.0 400 Bad\r\n\r\n"))
            url = f"https://127.0.0.1:{plain.getsockname()[1]}/"
            assert str(refusal(Http([url]), url)).endswith(": it speaks no TLS; should its URL begin with http://?")
            plain.shutdown(socket.SHUT_RDWR)

    def test_a_ca_file_that_holds_no_certificate(self, tmp_path):
        (tmp_path / "ca.pem").write_text("nonsense")
        with pytest.raises(Unreadable, match="holds no certificate in PEM form"):
            Http(["https://logs.example"], ca_file=str(tmp_path / "ca.pem"))


class TestBreakingOff:
    """Ends at once what else ends with the file's time alone, and is then told so."""

    STOPS = "broken off, since the bot stops"

    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch):
        monkeypatch.setattr(client, "CONNECT_SECONDS", 40)
        monkeypatch.setattr(client, "IDLE_SECONDS", 40)

    def broken_off(self, http, url, is_under_way) -> str:
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(outcome, http, url)
            try:
                eventually(is_under_way)
            finally:
                http.abort()
            with soon():
                return told.result()

    def test_while_a_name_is_looked_up(self, server):
        found = resolver("127.0.0.1")

        def resolve(*arguments, **options):
            if not found.asked:
                http.abort()
            return found(*arguments, **options)

        url = f"http://logs.example:{server.port}"
        http = Http([url], private=True, resolve=resolve)
        for _ in range(2):
            assert outcome(http, f"{url}/a") == self.STOPS
        assert server.connections == 0

    def test_while_nobody_accepts(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            port = listener.getsockname()[1]
            syn_sent = f" 0100007F:{port:04X} 02 "
            with socket.create_connection(("127.0.0.1", port)):
                url = f"http://127.0.0.1:{port}/"
                assert self.broken_off(Http([url]), url,
                                       lambda: syn_sent in Path("/proc/net/tcp").read_text()) == self.STOPS

    def test_while_tls_shakes_hands(self):
        said_hello = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def hear(sock):
                while sock.recv(65536):
                    said_hello.set()

            served(listener, hear)
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            assert self.broken_off(Http([url]), url, said_hello.is_set) == self.STOPS
            listener.shutdown(socket.SHUT_RDWR)

    @pytest.mark.parametrize("head", [b"", OK, OK + b"\r\nhalf", OK + b"Content-Length: 5\r\n\r\nhalf"])
    @pytest.mark.parametrize("kind", ["server", "tls_server"])
    def test_while_bytes_are_awaited(self, request, pem, kind, head):
        """On a connection that was kept, too."""
        sent = threading.Event()

        def answer(sock):
            sock.sendall(head)
            sent.set()
            sock.recv(1)

        server = request.getfixturevalue(kind)
        server.answers |= {"/a": answer, "/before": sized(b"yes")}
        url = f"{server.url.partition(':')[0]}://logs.example:{server.port}"
        http = Http([url], private=True, ca_file=pem, resolve=resolver("127.0.0.1"))
        assert http.fetch(f"{url}/before", LIMIT) == b"yes"
        assert self.broken_off(http, f"{url}/a", sent.is_set) == self.STOPS
        assert server.connections == 1
