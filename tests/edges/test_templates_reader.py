"""From a build's logs on a log server, or in a folder, to the kinds of line in them, and to what was not read."""

from __future__ import annotations

import gzip

import pytest

from counterbot.builds.folder import Folder
from counterbot.builds.sweep import Caps
from counterbot.builds.templates import NOTHING, TemplatesReader, reduced
from counterbot.clients.http import Http
from counterbot.clients.zuul import Zuul as Client
from counterbot.core.lines import Reduction
from counterbot.core.model import Build, BuildLink, Later, Reading, State
from tests import zuul_server as demo
from tests.clock import Clock

UUID = "0123456789abcdef" * 2
OUTPUT, CPU, API = "job-output.txt", "controller/logs/screen-n-cpu.txt", "compute1/logs/screen-n-api.txt"
SERVER = "5f2b7a3e-0d4c-4c1d-9d0e-6a1b2c3d4e5f"
ZUUL, JOURNAL = "2026-11-21 {} | controller | ", "Nov 21 {}.123456 node nova-compute[411]: "
CONSOLE = "".join(f"{ZUUL.format(at)}{line}\n" for at, line in (
    ("02:00:00.1", "PRE-RUN START"),
    ("02:10:20.1", "{0} tempest.api.A.test_b [20.5s] ... FAILED"),
    ("02:10:20.2", "Captured traceback:"),
    ("02:10:20.3", f"    Details: server {SERVER} did not become ACTIVE"),
    ("02:40:00.1", "Ran: 1200 tests in 2400 sec."),
)).encode()
LOST = "Nobody answered for server {}"
COMPUTE = "".join(f"{JOURNAL.format(at)}{line}\n" for at, line in (
    ("02:05:00", "INFO nova.compute.manager [None req-1 a b] Took 3.21 seconds to spawn"),
    ("02:10:11", f"ERROR nova.compute.manager [None req-2 a b] {LOST.format(SERVER)}"),
    ("02:10:12", "DEBUG nova.compute.manager [None req-2 a b] Never kept"),
    ("02:30:00", "WARNING nova.compute.manager [None req-3 a b] Nothing to do"),
)).encode()
FILES = {OUTPUT: CONSOLE, CPU: COMPUTE, API: b"GET /v2.1/servers\n", "testrepository.subunit": b"x",
         "zuul-info/inventory.yaml": b"all: {}\n", "controller/logs/etc/nova.conf": b"[DEFAULT]\n"}


class Logs:
    """A log server with one build, and what reading its lines gives."""

    def __init__(self, server: demo.Zuul) -> None:
        self.server = server

    def has(self, files=FILES, result="FAILURE", **options) -> Logs:
        self.root = self.server.add_build(UUID, "tempest-full", files, result=result, **options)["log_url"]
        return self

    def answers(self, path: str, body: bytes = b"", status: int = 200, **options) -> Logs:
        self.server.answers[self.root.removeprefix(self.server.url) + path] = demo.Answer(body, status, **options)
        return self

    def build(self) -> Build:
        api = Client(Http([f"{self.server.url}/api/"]), self.server.url)
        return api.build(BuildLink("tempest-full", self.server.page(UUID), UUID))

    def read(self, http: Http | None = None, **caps) -> Reading | Later:
        build = self.build()
        self.server.requests.clear()
        return TemplatesReader(http or Http([self.server.logs]), caps=Caps(**caps)).read(build)

    def fetched(self) -> list[str]:
        return [path.removeprefix(self.root.removeprefix(self.server.url)) for path in self.server.requests]


@pytest.fixture
def logs():
    with demo.Zuul() as server:
        yield Logs(server)


def found(reading: Reading | Later) -> Reduction:
    assert getattr(reading, "state", None) is State.READ, reading
    return reading.reduction


def messages(reduction: Reduction) -> dict[str, list[str]]:
    """By file its lines, masked; sorted, since files are read side by side."""
    by_file: dict[str, list[str]] = {}
    for template in reduction.templates.values():
        by_file.setdefault(template.file, []).append(" ".join(word or "*" for word in template.words))
    return {file: sorted(lines) for file, lines in by_file.items()}


def key(reduction: Reduction, words: str) -> int:
    return next(key for key, template in reduction.templates.items()
                if words in " ".join(word or "*" for word in template.words))


def test_each_kind_of_line_without_debug_and_by_file_whatever_the_node(logs):
    shown = messages(found(logs.has().read()))
    assert shown["logs/screen-n-cpu.txt"] == [
        "nobody answered for server *", "nothing to do", "took * seconds to spawn"]
    assert "logs/screen-n-api.txt" in shown
    assert shown.keys() == {OUTPUT, "logs/screen-n-cpu.txt", "logs/screen-n-api.txt"}


def test_only_logs_are_fetched_each_once_and_the_console_first(logs):
    """What it tells of the failed test is needed for the others; by their names it would come last."""
    reading = logs.has().read()
    assert logs.fetched()[:2] == ["zuul-manifest.json", OUTPUT]
    assert sorted(logs.fetched()[2:]) == [API, CPU]
    lines = found(reading).lines
    lost, spawned = key(found(reading), "nobody answered"), key(found(reading), "to spawn")
    assert lost in lines.near & lines.linked
    assert spawned not in lines.near | lines.linked
    assert [(line.file, line.number) for line in lines.story] == [(CPU, 2)]


def test_of_a_passing_build_the_lines_alone(logs):
    lines = found(logs.has(result="SUCCESS").read()).lines
    assert (lines.near, lines.linked, lines.story, lines.share) == (frozenset(), frozenset(), (), None)
    assert len(lines.keys) == 9


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_shows_the_same(logs, tmp_path, packed):
    for name, content in FILES.items():
        path = tmp_path / (name + ".gz" * packed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if packed else content)
    assert reduced(Folder(tmp_path), failed=True) == found(logs.has().read())


@pytest.mark.parametrize(("answer", "why"), [
    ({"status": 503}, "503 from "),
    ({"status": 404}, "it is listed but not there"),
    ({"status": 403}, "it is listed but refused: 403 from "),
    ({"body": b"\0" * 100}, "a binary file"),
])
def test_a_file_that_cannot_be_read_is_told_and_costs_only_itself(logs, answer, why):
    reading = logs.has().answers(CPU, **answer).read()
    reduction = found(reading.otherwise if isinstance(reading, Later) else reading)
    assert list(reduction.lines.unread) == [CPU]
    assert reduction.lines.unread[CPU].startswith(why)
    assert messages(reduction).keys() == {OUTPUT, "logs/screen-n-api.txt"}


def test_lines_before_a_cut_count(logs):
    lines = COMPUTE + b"".join(b"Nov 21 02:50:00 node nova[1]: INFO nova [-] %d\n" % (n * 977) for n in range(50_000))
    reading = logs.has().answers(CPU, gzip.compress(lines)[:-5]).read()
    assert found(reading.otherwise).lines.unread == {CPU: "truncated gzip data: the end is missing"}
    assert "nobody answered for server *" in messages(found(reading.otherwise))["logs/screen-n-cpu.txt"]


def test_a_build_has_no_more_than_the_caps_allow(logs):
    files = {f"controller/logs/screen-n-{n}.txt": COMPUTE * 200 for n in range(20)}
    lines = found(logs.has({**files, OUTPUT: CONSOLE}).read(total=100_000)).lines
    assert set(lines.unread.values()) == {"more than 100,000 bytes in the build's files"}
    lines = found(logs.read(files=15)).lines
    assert lines.unread == {"files": "only the first 15 that matter are read"}
    assert len(logs.fetched()) == 1 + 15


def test_without_a_manifest_the_usual_files_are_looked_for(logs):
    reduction = found(logs.has(manifest=False).read())
    assert reduction.lines.unread == {"zuul-manifest.json": "there is none, so only the usual files were looked for"}
    assert messages(reduction).keys() == {OUTPUT, "logs/screen-n-cpu.txt"}


def test_logs_that_are_gone(logs):
    assert logs.has({}, manifest=False).read().absent


def test_where_no_file_has_lines(logs):
    assert logs.has({"docs/index.html": b"x"}).read() == Reading(State.NOTHING, NOTHING)


def test_when_time_runs_out_what_was_read_until_then_counts(logs):
    clock = Clock()

    class Slow(demo.Answer):
        def blocks(self):
            clock.seconds += 200
            yield self.body

    logs.has()
    logs.server.answers[logs.root.removeprefix(logs.server.url) + CPU] = Slow(COMPUTE)
    reading = logs.read(Http([logs.server.logs], monotonic=clock))
    assert isinstance(reading, Later)
    assert found(reading.otherwise).lines.unread[CPU].endswith("not done in 120 s")
    assert OUTPUT in messages(found(reading.otherwise))
