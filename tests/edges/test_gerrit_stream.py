"""The event stream against a Gerrit on loopback: what arrives, what is lost and told, and how it comes back."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.clients.ssh import Server, SshError, connect
from counterbot.demo.sshd import make_key
from counterbot.sources.gerrit_stream import GerritStream, Lines, TooLong
from tests.clock import Clock, eventually
from tests.gerrit_server import Gerrit
from tests.loopback import Hanging

DROPPED = {"type": "dropped-output", "eventCreatedOn": 1}


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "bot"
    return path, make_key(path)


@pytest.fixture
def gerrit(key):
    with Gerrit({key[1]: "bot"}) as server:
        yield server


@pytest.fixture
def server(gerrit, key):
    return Server(gerrit.host, gerrit.port, "bot", str(key[0]), gerrit.host_key)


class Listener:
    """A stream in its thread, with what it took and how long it waited between its connections."""

    def __init__(self, connect_, put=None, **options) -> None:
        self.lines: list[bytes] = []
        self.waits: list[float] = []
        self.raised: BaseException | None = None
        self.stop = threading.Event()
        options.setdefault("wait", self.wait)
        self.stream = GerritStream(connect_, put or self.lines.append, **options)
        self.thread = threading.Thread(target=self.run)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.stop.wait(0.02)

    def run(self) -> None:
        try:
            self.stream.run(self.stop)
        except BaseException as error:
            self.raised = error

    @property
    def state(self):
        return self.stream.state


@contextmanager
def listening(connect_, put=None, **options):
    listener = Listener(connect_, put, **options)
    listener.thread.start()
    try:
        yield listener
    finally:
        listener.stop.set()
        listener.thread.join(10)
        assert not listener.thread.is_alive()


@pytest.fixture
def listener(gerrit, server):
    with listening(lambda: connect(server)) as listener:
        assert gerrit.wait_for_streams()
        assert eventually(lambda: listener.state.connected_since is not None)
        yield listener


class TestLines:
    def test_arrive_whole_and_in_order(self, gerrit, listener):
        events = [{"type": "comment-added", "n": number, "comment": "é\n" * 900} for number in range(2000)]
        for event in events:
            gerrit.emit(event)
        assert eventually(lambda: len(listener.lines) == 2000)
        assert [json.loads(line) for line in listener.lines] == events
        assert listener.state.lines == 2000

    def test_may_come_in_parts(self, gerrit, listener):
        for byte in '{"name": "é"}\n'.encode():
            gerrit.send(bytes([byte]))
        assert eventually(lambda: listener.lines == ['{"name": "é"}'.encode()])

    def test_need_be_no_utf8(self, gerrit, listener):
        gerrit.emit(b'{"name": "caf\xe9"}')
        gerrit.emit({"type": "next"})
        assert eventually(lambda: len(listener.lines) == 2)
        assert listener.lines[0] == b'{"name": "caf\xe9"}'

    def test_over_the_limit_are_ignored(self, gerrit, listener, caplog):
        gerrit.emit(b'{"x": "' + b"x" * 20_000_000 + b'"}')
        gerrit.emit({"type": "next"})
        assert eventually(lambda: listener.lines == [b'{"type":"next"}'])
        assert listener.state.oversize == 1
        assert "an event of 20000009 bytes was ignored" in caplog.text

    def test_go_on_while_stderr_is_flooded(self, gerrit, listener):
        gerrit.mutter(b"x" * 3_000_000)
        gerrit.emit({"type": "next"})
        assert eventually(lambda: listener.lines == [b'{"type":"next"}'])

    def test_include_our_own_comment(self, gerrit, server, listener):
        gerrit.add_change("p", 7)
        with connect(server) as connection:
            connection.run("gerrit review --json --project p 7,1", b'{"message": "hello\\n"}', seconds=30)
        assert eventually(lambda: listener.lines)
        [comment_added] = map(json.loads, listener.lines)
        assert (comment_added["type"], comment_added["comment"]) == ("comment-added", "Patch Set 1:\n\nhello")
        assert comment_added["author"]["username"] == "bot"


class TestGaps:
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_dropped_output_is_counted_told_and_handed_on(self, gerrit, server, caplog, mark):
        dropped = []
        with listening(lambda: connect(server), dropped=lambda: dropped.append("once")) as listener:
            assert gerrit.wait_for_streams()
            gerrit.emit(mark.encode() + json.dumps(DROPPED).encode())
            assert eventually(lambda: dropped == ["once"])
            assert listener.state.gaps == 1
            assert len(listener.lines) == 1
            assert "Gerrit dropped events" in caplog.text

    def test_to_quote_it_is_no_gap(self, gerrit, listener):
        gerrit.emit({"type": "comment-added", "comment": 'see "dropped-output"', "topic": "dropped-output"})
        gerrit.emit(b'["dropped-output"]')
        gerrit.emit(b'"dropped-output" {')
        assert eventually(lambda: listener.state.lines == 3)
        assert listener.state.gaps == 0


class TestReconnecting:
    def test_after_a_shutdown_of_the_server(self, gerrit, listener):
        assert listener.state.connected_since is not None
        gerrit.end_streams(status=0)
        assert eventually(lambda: listener.state.reconnects == 1)
        assert gerrit.wait_for_streams()
        gerrit.emit({"type": "next"})
        assert eventually(lambda: listener.lines == [b'{"type":"next"}'])

    def test_half_a_line_is_dropped(self, gerrit, listener, caplog):
        gerrit.emit({"type": "whole"})
        gerrit.cut_in_mid_line({"type": "comment-added", "comment": "x" * 100})
        assert eventually(lambda: listener.state.reconnects == 1)
        assert gerrit.wait_for_streams()
        gerrit.emit({"type": "next"})
        assert eventually(lambda: listener.lines == [b'{"type":"whole"}', b'{"type":"next"}'])
        assert "the stream ended within a line" in caplog.text

    def test_when_the_server_hangs(self, gerrit, server):
        options = {"probe_every": 0.2, "probe_deadline": 0.3}
        between = Hanging(gerrit.port)
        server = replace(server, port=between.port)
        with listening(lambda: connect(server, seconds=2), **options) as listener:
            assert eventually(lambda: listener.state.connected_since is not None)
            between.hang()
            assert eventually(lambda: listener.state.why is not None)
            assert "no sign of life from the server within 0.3 s" in listener.state.why
            assert listener.state.connected_since is None
            between.resume()
            assert eventually(lambda: listener.state.connected_since is not None)
        between.close()

    @pytest.fixture
    def connect_and_count(self, server):
        """Connects; its ``alive`` tells whether the connection was after each probe."""
        def connect_():
            connection = connect(server)
            probe = connection._probe
            connection._probe = lambda seconds: (probe(seconds), connect_.alive.append(connection.alive))
            return connection

        connect_.alive = []
        return connect_

    def test_not_when_it_is_only_quiet(self, connect_and_count):
        with listening(connect_and_count, probe_every=0.01, probe_deadline=30) as listener:
            assert eventually(lambda: len(connect_and_count.alive) >= 5)
            assert all(connect_and_count.alive)
            assert listener.state.connections == 1

    def test_is_asked_for_once_in_each_silence(self, gerrit, connect_and_count):
        clock, looks = Clock(), []

        def look():
            looks.append(clock.seconds)
            return clock()

        def poll_some_times():
            before = len(looks)
            assert eventually(lambda: len(looks) > before + 5)

        with listening(connect_and_count, monotonic=look, probe_every=0.01, probe_deadline=30):
            assert gerrit.wait_for_streams()
            for silence in (1, 2):
                poll_some_times()
                clock.seconds = silence
                assert eventually(lambda: len(connect_and_count.alive) == clock.seconds)
            poll_some_times()
            assert connect_and_count.alive == [True] * 2

    def test_waits_longer_each_time_until_a_line_arrives(self, gerrit, server):
        failures = iter([SshError("down")] * 3)

        def connect_later():
            for error in failures:
                raise error
            return connect(server)

        with listening(connect_later) as listener:
            assert gerrit.wait_for_streams()
            gerrit.emit({"type": "next"})
            assert eventually(lambda: listener.lines)
            gerrit.end_streams()
            assert eventually(lambda: listener.state.reconnects == 1)
        assert all(longest / 2 <= wait <= longest for wait, longest in zip(listener.waits, [1, 2, 4, 1], strict=True))

    def test_never_waits_more_than_seconds(self):
        def connect_never():
            raise SshError("down")

        with listening(connect_never) as listener:
            assert eventually(lambda: len(listener.waits) > 20)
        assert all(2.5 <= wait <= 5 for wait in listener.waits[3:])

    def test_at_once_when_gerrit_has_answered_somebody_else(self, gerrit, server):
        down = [SshError("down")]

        def connect_later():
            if down:
                raise down.pop()
            return connect(server)

        stream = GerritStream(connect_later, lambda _: None, soon=3600)
        stream._failures = 20
        stop = threading.Event()
        thread = threading.Thread(target=stream.run, args=(stop,))
        thread.start()
        assert eventually(lambda: stream.state.why)
        stream.wake()
        assert gerrit.wait_for_streams()
        stop.set()
        thread.join(30)

    def test_tells_of_each_connection_and_how_long_there_was_none(self, gerrit, server):
        clock, opened = Clock(), []
        with listening(lambda: connect(server), opened=opened.append, monotonic=clock) as listener:
            assert gerrit.wait_for_streams()
            assert eventually(lambda: opened == [None])
            gerrit.emit({"type": "next"})
            assert eventually(lambda: listener.lines)
            wait, listener.stream._wait = listener.stream._wait, lambda _: setattr(clock, "seconds", 61.0)
            gerrit.end_streams()
            assert eventually(lambda: len(opened) == 2)
            listener.stream._wait = wait
        assert opened == [None, 61.0]

    def test_a_changed_host_key_is_told_loudly_and_tried_seldom(self, server, tmp_path, caplog):
        wrong = Server(**{**server.__dict__, "host_key": make_key(tmp_path / "other")})
        with listening(lambda: connect(wrong)) as listener:
            assert eventually(lambda: listener.waits)
        assert listener.waits[0] >= 30
        record = caplog.records[0]
        assert (record.levelno, "changed: it offers" in record.getMessage()) == (logging.ERROR, True)

    def test_a_refused_command_gives_gerrits_words(self, server):
        with listening(lambda: connect(server), command="gerrit nosuch") as listener:
            assert eventually(lambda: listener.state.why is not None)
            why = "Gerrit ended the stream with status 1: fatal: gerrit: nosuch: not found"
            assert eventually(lambda: listener.state.why == why)
            assert listener.state.connections == 0

    def test_a_right_that_is_missing_is_named(self, gerrit, server):
        gerrit.may_stream = False
        with listening(lambda: connect(server)) as listener:
            assert eventually(lambda: listener.waits)
            assert "stream events not permitted (give the bot's account the global capability 'Stream Events'" \
                in listener.state.why
            assert listener.waits[0] == 60
            gerrit.may_stream = True
            assert gerrit.wait_for_streams()

    def test_an_answer_to_somebody_else_is_no_reason_to_try_what_is_refused(self, gerrit, server):
        gerrit.may_stream = False
        stop = threading.Event()
        stream = GerritStream(lambda: connect(server), lambda _: None)
        thread = threading.Thread(target=stream.run, args=(stop,))
        thread.start()
        assert eventually(lambda: stream.state.why)
        before = len(gerrit.commands)
        for _ in range(5):
            stream.wake()
            stop.wait(0.5)
        assert len(gerrit.commands) == before
        stop.set()
        thread.join(30)


class TestStopping:
    def test_does_not_wait_for_a_line(self, listener):
        listener.stop.set()
        listener.thread.join(30)
        assert not listener.thread.is_alive()

    def test_leaves_no_connection(self, gerrit, listener):
        listener.stop.set()
        assert eventually(lambda: gerrit.ssh.connections == 0)

    def test_a_full_disk_ends_it(self, gerrit, server):
        def put(line: bytes) -> None:
            raise OSError(28, "No space left on device")

        with listening(lambda: connect(server), put) as listener:
            assert gerrit.wait_for_streams()
            gerrit.emit({"type": "next"})
            listener.thread.join(5)
            assert str(listener.raised) == "[Errno 28] No space left on device"
            assert eventually(lambda: gerrit.ssh.connections == 0)


class TestCutting:
    @given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line)), st.data())
    def test_where_chunks_end_does_not_matter(self, lines, data):
        whole, cutter, seen = b"".join(line + b"\n" for line in lines), Lines(limit=8), []
        while whole:
            size = data.draw(st.integers(1, len(whole)))
            seen += cutter.feed(whole[:size])
            whole = whole[size:]
        assert seen == [line if len(line) <= 8 else TooLong(len(line)) for line in lines]
        assert cutter.pending == 0

    def test_takes_no_longer_than_the_line_is_long(self):
        cutter = Lines(limit=20_000_000)
        for _ in range(200_000):  # copied anew with each piece, that were two terabytes
            assert list(cutter.feed(b"x" * 100)) == []
        assert next(cutter.feed(b"\n")) == b"x" * 20_000_000

    def test_what_has_no_end_is_pending(self):
        cutter = Lines()
        assert list(cutter.feed(b"a\nbc")) == [b"a"]
        assert cutter.pending == 2
