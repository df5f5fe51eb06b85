"""From a failed build's logs on a log server to what they show, and to what of them was not read."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import pytest

from counterbot.builds.failure import FailureReader
from counterbot.builds.sweep import Caps
from counterbot.clients.http import Http
from counterbot.clients.zuul import Zuul as Client
from counterbot.core.model import Build, BuildLink, FailedTest, Failure, Hit, Later, Reading, State
from counterbot.fingerprints.query import parse
from counterbot.fingerprints.scan import Scanner
from tests import zuul_server as demo
from tests.clock import Clock
from tests.memory import peak_below
from tests.streams import V1, changed, packet

UUID = "0123456789abcdef" * 2
STREAM, OUTPUT, JSON = "testrepository.subunit", "job-output.txt", "job-output.json"
CPU, API = "controller/logs/screen-n-cpu.txt", "controller/logs/screen-n-api.txt"
RULES = {
    "1254890": 'message:"Timed out waiting for a reply" AND tags:"screen-n-cpu.txt"',
    "1251920": 'message:"Failed to fetch" AND tags:"console"',
    "1300000": 'message:"never seen" AND tags:"screen-n-api.txt"',
}
LINE = "Nov 21 02:10:11.123456 node nova-compute[411]: ERROR nova.compute [None req-1] Timed out waiting for a reply"
TRACE = b"Traceback (most recent call last):\n  File \"x.py\"\nAssertionError: never ACTIVE"
TEST = "tempest.api.A.test_b"
TESTS = packet(test_id="t.ok", status=3) + packet(TRACE, name="traceback", test_id=TEST, eof=True) + \
    packet(test_id=TEST, status=6)
PLAYBOOKS = [{"phase": "run", "plays": [{"play": {"name": "all"}, "tasks": [
    {"task": {"name": "Run tempest"}, "hosts": {"controller": {"failed": True}}}]}],
    "stats": {"controller": {"failures": 1, "unreachable": 0}}}]
CONSOLE = b"2026-11-21 02:07:44.237771 | controller | E: Failed to fetch http://x\n"
FILES = {STREAM: TESTS, JSON: json.dumps(PLAYBOOKS).encode(), OUTPUT: CONSOLE, CPU: f"a\n{LINE}\n{LINE}\n".encode(),
         API: b"fine\n", "controller/logs/other.txt": b"never seen\n", "zuul-info/inventory.yaml": b"all: {}\n"}
HITS = (Hit("1251920", OUTPUT, 1, CONSOLE.decode().strip()), Hit("1254890", CPU, 2, LINE, 2))
SHOWN = Failure(HITS, (FailedTest(TEST, ("Traceback (most recent call last):", 'File "x.py"',
                                         "AssertionError: never ACTIVE")),), 1,
                "run", "Run tempest", "controller", "E: Failed to fetch http://x")


class Logs:
    """A log server with one failed build, and what reading it gives."""

    def __init__(self, server: demo.Zuul) -> None:
        self.server = server

    def has(self, files, **options) -> Logs:
        """The build left these files."""
        self.root = self.server.add_build(UUID, "tempest-full", files, result="FAILURE", **options)["log_url"]
        return self

    def answers(self, path: str, body: bytes = b"", status: int = 200, **options) -> Logs:
        self.server.answers[self.root.removeprefix(self.server.url) + path] = demo.Answer(body, status, **options)
        return self

    def build(self) -> Build:
        api = Client(Http([f"{self.server.url}/api/"]), self.server.url)
        return api.build(BuildLink("tempest-full", self.server.page(UUID), UUID))

    def read(self, rules=RULES, test_ids=None, seconds=None, clock=time.monotonic, **options) -> Reading | Later:
        http = Http([self.server.logs], monotonic=clock)
        scanner = Scanner({name: parse(query) for name, query in rules.items()})
        caps = Caps(**{name: options.pop(name) for name in list(options) if hasattr(Caps, name)})
        build = self.build()
        self.server.requests.clear()
        return FailureReader(http, caps=caps).read(build, scanner, test_ids or {}, seconds, **options)

    def asked(self, path: str) -> int:
        return self.server.requests.count(self.root.removeprefix(self.server.url) + path)


@pytest.fixture
def logs():
    with demo.Zuul() as server:
        yield Logs(server)


def shown(reading: Reading | Later) -> Failure:
    assert getattr(reading, "state", None) is State.READ, reading
    return reading.failure


def late(reading: Reading | Later) -> str:
    assert isinstance(reading, Later), reading
    return reading.why


def unread(reading: Reading | Later) -> dict[str, str]:
    return dict(shown(reading).unread)


class TestWhatIsShown:
    @pytest.mark.parametrize("packed", [True, False])
    def test_all_at_once(self, logs, packed):
        logs.server.packed = packed
        reading = logs.has(FILES).read()
        assert shown(reading) == SHOWN
        assert reading.why == ""

    def test_only_files_that_matter_are_fetched_each_once(self, logs):
        logs.has(FILES).read()
        assert {path: logs.asked(path) for path in FILES} == {
            STREAM: 1, JSON: 1, OUTPUT: 1, CPU: 1, API: 1,
            "controller/logs/other.txt": 0, "zuul-info/inventory.yaml": 0}

    def test_what_no_known_failure_could_be_in_is_not_fetched(self, logs):
        reading = logs.has(FILES).read({"1": 'message:"x" AND tags:"screen-n-cpu.txt" AND build_name:"other"'})
        assert shown(reading).hits == ()
        assert logs.asked(CPU) == 0
        assert shown(reading).error == SHOWN.error

    def test_files_that_are_stored_compressed(self, logs):
        packed = {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}
        assert shown(logs.has(packed).read()) == SHOWN

    @pytest.mark.parametrize(("test", "counts"), [(TEST, True), ("t.ok", False), ("tempest.api.A", False)])
    def test_a_rule_with_tests_counts_only_where_one_of_them_failed(self, logs, test, counts):
        reading = logs.has(FILES).read(test_ids={"1254890": ["t.other", test]})
        assert [hit.rule for hit in shown(reading).hits] == ["1251920", *["1254890"] * counts]

    def test_tests_of_several_streams(self, logs):
        many = [b"".join(packet(test_id=f"{stream}.{n}", status=6) for n in range(500)) for stream in "ab"]
        reading = logs.has({"a.subunit": many[0], "b.subunit": many[1], "c/d.subunit": many[0]}).read()
        assert [test.name for test in shown(reading).tests] == [f"a.{n}" for n in range(10)]
        assert shown(reading).failed_tests == 1000

    def test_where_ansible_ran_out_of_time_that_is_the_error(self, logs):
        ended = [{"phase": "run", "stats": {}, "plays": [{"play": {"name": "This playbook timed out."}, "tasks": []}]}]
        reading = logs.has({JSON: json.dumps(ended).encode()}).read()
        assert (shown(reading).phase, shown(reading).error) == ("run", "This playbook timed out.")

    def test_facts_of_the_node_are_fetched_where_a_query_asks_for_them(self, logs):
        inventory = b"all: {hosts: {controller: {nodepool: {provider: ovh-bhs1, label: noble}}}}"
        rules = {"1": RULES["1254890"] + ' AND node_provider:"ovh-bhs1"',
                 "2": RULES["1254890"] + ' AND build_node:"jammy"'}
        reading = logs.has({**FILES, "zuul-info/inventory.yaml": inventory}).read(rules)
        assert [hit.rule for hit in shown(reading).hits] == ["1"]

    def test_without_any_rule(self, logs):
        assert shown(logs.has(FILES).read({})).tests == SHOWN.tests
        assert logs.asked(CPU) == 0


class TestWhatIsNotRead:
    @pytest.mark.parametrize(("path", "body", "why"), [
        (CPU, b"\0" * 100, "a binary file"),
        (STREAM, V1, "a subunit version 1 stream; subunit-1to2 converts it"),
        (JSON, b"<html>", "no list of playbooks, as Zuul writes it"),
        (CPU, gzip.compress(bytes(range(256)) * 9)[:-6] + b"123456", "corrupt gzip data"),
    ])
    def test_is_told_by_file_and_costs_only_itself(self, logs, path, body, why):
        reading = logs.has(FILES).answers(path, body).read()
        assert list(unread(reading)) == [path]
        assert unread(reading)[path].startswith(why)
        assert reading.why.startswith(f"{path}: {why}")
        assert (shown(reading).hits, shown(reading).tests) != ((), ())

    def test_a_listed_file_that_never_comes(self, logs):
        logs.has(FILES).answers(CPU, status=404)
        assert late(logs.read()) == f"{CPU} is listed but not there yet"
        assert unread(logs.read(awaits=False)) == {CPU: "it is listed but not there"}

    def test_a_file_that_is_refused(self, logs):
        logs.has(FILES).answers(CPU, status=403)
        assert late(logs.read()).startswith("403 from ")
        assert unread(logs.read(awaits=False))[CPU].startswith("it is listed but refused: 403 from ")

    def test_a_file_that_a_store_fails_to_give(self, logs):
        reading = logs.has(FILES).answers(CPU, status=503, headers={"Retry-After": "7"}).read(awaits=False)
        assert (late(reading), reading.after) == (unread(reading.otherwise)[CPU], 7)
        assert shown(reading.otherwise).tests == SHOWN.tests

    @pytest.mark.parametrize("cut", [-5, 60_000])
    def test_hits_before_a_cut_count(self, logs, cut):
        """A file that grows while it is read, or whose upload was broken off."""
        lines = (f"{LINE}\n" * 2000).encode() + b"".join(b"%d\n" % (n * 977) for n in range(50_000))
        reading = logs.has(FILES).answers(CPU, gzip.compress(lines)[:cut]).read()
        assert late(reading) == "truncated gzip data: the end is missing"
        hit = next(hit for hit in shown(reading.otherwise).hits if hit.file == CPU)
        assert (hit.line, hit.hits) == (1, 2000)
        assert unread(reading.otherwise) == {CPU: "truncated gzip data: the end is missing"}

    def test_damage_in_a_stream(self, logs):
        reading = logs.has({**FILES, STREAM: TESTS + changed(TESTS, 40)}).read()
        assert shown(reading).failed_tests == 1
        assert unread(reading)[STREAM].startswith("damage at byte ")

    def test_a_file_that_explodes(self, logs):
        bomb = zlib.compressobj(1, wbits=31)
        line = b"Nov 21 02:10:11.1 node nova-compute[411]: INFO nova.compute [-] fine\n"
        packed = b"".join(bomb.compress(line * 10_000) for _ in range(80)) + bomb.flush()
        logs.has(FILES).answers(CPU, packed)
        with peak_below(16 << 20):
            reading = logs.read(unpacked=50_000_000)
        assert unread(reading) == {CPU: "more than 50,000,000 bytes when decompressed"}

    def test_more_than_a_build_may_have(self, logs):
        rules = {"1": 'message:"deadbeef" AND tags:"screen"'}
        files = {f"controller/logs/screen-n-{n}.txt": f"{LINE}\n".encode() * 12_000 for n in range(20)}
        reading = logs.has({**files, STREAM: TESTS}).read(rules, total=5_000_000)
        assert shown(reading).tests == SHOWN.tests
        assert len(unread(reading)) >= 17
        assert set(unread(reading).values()) == {"more than 5,000,000 bytes in the build's files"}

    def test_more_files_than_are_read(self, logs):
        rules = {"1": 'message:"deadbeef" AND tags:"screen"'}
        files = {f"controller/logs/screen-n-{n}.txt": b"" for n in range(30)}
        reading = logs.has({**files, STREAM: TESTS}).read(rules, files=20)
        assert unread(reading) == {"files": "only the first 20 that matter are read"}
        assert shown(reading).tests == SHOWN.tests
        assert len(logs.server.requests) < 25

    def test_lines_of_50_mb_take_no_memory(self, logs):
        packer = zlib.compressobj(1, wbits=31)
        packed = b"".join(packer.compress(b"x" * 1_000_000) for _ in range(50)) + packer.flush()
        logs.has(FILES).answers(CPU, packed).answers(OUTPUT, packed)
        with peak_below(24 << 20):
            reading = logs.read()
        assert shown(reading).tests == SHOWN.tests

    def test_nothing_at_all(self, logs):
        logs.has({STREAM: b"", CPU: b""}).answers(STREAM, status=404).answers(CPU, status=404)
        reading = logs.read(awaits=False)
        assert (reading.state, reading.found) == (State.UNREADABLE, None)
        assert reading.why == f"{CPU}: it is listed but not there; {STREAM}: it is listed but not there"

    def test_where_no_file_matters(self, logs):
        assert logs.has({"docs/index.html": b"x"}).read() == \
            Reading(State.NOTHING, "it left no log in which a failure could be recognised")


class TestManifest:
    def test_without_one_the_usual_files_are_looked_for(self, logs):
        reading = logs.has(FILES, manifest=False).read()
        assert shown(reading).hits == SHOWN.hits
        assert unread(reading) == {"zuul-manifest.json": "there is none, so only the usual files were looked for"}
        assert logs.asked("controller/logs/screen-q-svc.txt") == 0

    def test_nor_any_log_of_zuuls_own(self, logs):
        assert late(logs.has({}, manifest=False).read()) == "neither zuul-manifest.json nor job-output.txt is there yet"

    def test_that_is_not_there_yet(self, logs):
        assert late(logs.has(FILES).answers("zuul-manifest.json", status=404).read()) == \
            "zuul-manifest.json is not there yet"


class TestTime:
    def test_a_slow_store_gets_more_of_it_the_next_time(self, logs):
        logs.has(FILES).answers(CPU, (LINE + "\n").encode() * 100, pause=0.05)
        reading = logs.read(seconds=0.5)
        assert late(reading).endswith("not done in 0.5 s")
        assert reading.otherwise is None

    def test_and_in_the_end_what_was_read_counts(self, logs):
        reading = logs.has({**FILES, API: b"line\n" * 1_000_000}).read(clock=Clock(each=2))
        assert late(reading).endswith("not done in 120 s")
        assert reading.otherwise.why.endswith("not done in 120 s")

    def test_where_not_even_the_manifest_comes_in_it(self, logs):
        reading = logs.has(FILES).read(clock=Clock(each=100))
        assert late(reading).endswith("not done in 120 s")
        assert reading.otherwise.state is State.UNREADABLE
        assert logs.read(seconds=5, clock=Clock(each=100)).otherwise is None

    def test_a_bot_that_stops_takes_nothing_for_the_end(self, logs):
        """Else what it read of old logs until then would be all that is ever known of them."""
        build = logs.has(FILES).build()
        http = Http([logs.server.logs])

        class Stopping(demo.Answer):
            def blocks(self):
                yield self.body[:10]
                http.abort()
                yield self.body[10:]

        logs.server.answers[logs.root.removeprefix(logs.server.url) + CPU] = Stopping(FILES[CPU])
        reading = FailureReader(http).read(build, Scanner({"1": parse(RULES["1254890"])}), {}, awaits=False)
        assert (late(reading), reading.otherwise) == ("broken off, since the bot stops", None)

    def test_of_a_store_that_is_gone(self, logs):
        build = logs.has(FILES).build()
        with demo.Zuul() as other:
            gone = other.logs
        moved = type(build)(**{**build.__dict__, "log_url": gone, "artifacts": ()})
        assert "refused" in late(FailureReader(Http([gone])).read(moved, Scanner({}), {}))
