"""From a build's logs on a log server to its counters, or to why there are none: what never looks like zero."""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from pathlib import Path

import pytest

from counterbot.builds.counters import CountersReader
from counterbot.clients.http import Http
from counterbot.clients.zuul import Zuul as Client
from counterbot.core import limits
from counterbot.core.model import BuildLink, Later, Reading, State
from tests import zuul_server as demo
from tests.clock import Clock
from tests.memory import peak_below
from tests.streams import counters as packed_counters
from tests.streams import packet

SAMPLES = Path(__file__).parent.parent / "samples"
HUNT = SAMPLES / "hunt/manifest-performance-gz.json"
UUID = "0123456789abcdef" * 2
STREAM = "testrepository.subunit"
PERFORMANCE = "controller/logs/performance.json"
LASTING = [400, 401, 403, 405, 451, 204, 302]
"""Statuses of a store that will not give one file, whether there is one or not; 302 leads nowhere here."""
MYSQL = {"mysql": {"Queries": 7}}
PERFORMED = {"services": [{"service": "devstack@n-api.service", "MemoryCurrent": 5}],
             "db": [{"db": "nova", "op": "SELECT", "count": 3}], "processes": [], "api": [], "report": {"version": 2}}
TEST = packet(test_id="a.test", status=2) + packet(b"log " * 100, name="stdout", test_id="a.test", eof=True) + \
    packet(test_id="a.test", status=3)


def document(groups) -> bytes:
    return json.dumps({"__meta__": {"unixtime": 1, "delta_seconds": 2.5}, **groups}).encode()


def stream(*groups) -> bytes:
    """A run of one test, and behind it the counters."""
    return TEST + b"".join(packed_counters(document(group), eof=True) for group in groups)


def performance(**changed) -> bytes:
    return json.dumps({**PERFORMED, **changed}).encode()


class Refusing(dict):
    """The answers of a store that refuses what it does not have, so that nobody learns what there is."""

    def __init__(self, answers, status: int) -> None:
        super().__init__(answers)
        self.status = status

    def get(self, path):
        return super().get(path) or demo.Answer(b"", self.status)


class Logs:
    """A log server with one build, and what reading it gives."""

    def __init__(self, server: demo.Zuul) -> None:
        self.server = server

    def has(self, files, **options) -> Logs:
        """The build left these files."""
        self.root = self.server.add_build(UUID, "tempest-full", files, **options)["log_url"]
        return self

    def answers(self, path: str, body: bytes = b"", status: int = 200, **options) -> Logs:
        self.server.answers[self.root.removeprefix(self.server.url) + path] = demo.Answer(body, status, **options)
        return self

    def read(self, prefix: str | None = None, awaits: bool = True, clock=time.monotonic, **options) -> Reading | Later:
        http = Http([f"{self.server.url}/api/", prefix or self.server.logs], seconds=30, monotonic=clock)
        build = Client(http, self.server.url).build(BuildLink("tempest-full", self.server.page(UUID), UUID))
        return CountersReader(http, **options).read(build, awaits=awaits)

    def asked(self, path: str) -> int:
        return self.server.requests.count(self.root.removeprefix(self.server.url) + path)


@pytest.fixture
def server():
    with demo.Zuul() as server:
        yield server


@pytest.fixture
def logs(server):
    return Logs(server)


def returned(server, path: str, name: str = "Counters") -> tuple:
    return ({"name": name, "url": f"{server.logs}{UUID[:3]}/{UUID}/{path}", "metadata": {"type": "counters"}},)


def late(reading: Reading | Later) -> str:
    assert isinstance(reading, Later), reading
    return reading.why


def unreadable(reading: Reading) -> str:
    assert (reading.state, reading.found) == (State.UNREADABLE, None)
    return reading.why


def counted(reading: Reading, **values) -> str:
    assert reading.state is State.READ, reading
    assert dict(reading.found.values) == {name.replace("__", "."): value for name, value in values.items()}
    return reading.why


class TestStreams:
    @pytest.mark.parametrize("manifest", [True, False])
    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize("name", [STREAM, STREAM + ".gz"])
    def test_are_found_and_unpacked(self, server, logs, name, packed, manifest):
        """Plain, packed by the store, packed by its name, or both, with a manifest or without."""
        server.packed = packed
        content = stream(MYSQL)
        reading = logs.has({name: gzip.compress(content) if name.endswith("gz") else content}, manifest=manifest).read()
        assert counted(reading, mysql__Queries=7) == ""
        assert reading.found.delta is True
        assert not reading.found.repeated

    @pytest.mark.parametrize("encoding", ["gzip", "identity", "gzip, gzip"])
    @pytest.mark.parametrize("packs", [0, 1, 2])
    def test_whatever_the_store_says_of_them(self, logs, packs, encoding):
        content = stream(MYSQL)
        for _ in range(packs):
            content = gzip.compress(content)
        logs.has({STREAM: b""}).answers(STREAM, content, headers={"Content-Encoding": encoding})
        counted(logs.read(), mysql__Queries=7)

    def test_stored_under_another_name_than_listed(self, logs):
        logs.has({STREAM: b""}).answers(STREAM, status=404).answers(STREAM + ".gz", gzip.compress(stream(MYSQL)))
        counted(logs.read(), mysql__Queries=7)

    def test_listed_under_another_name_than_stored(self, logs):
        logs.has({STREAM + ".gz": b""}).answers(STREAM + ".gz", status=404).answers(STREAM, stream(MYSQL))
        counted(logs.read(), mysql__Queries=7)

    def test_listed_plain_and_compressed_are_read_once(self, logs):
        content = stream(MYSQL)
        reading = logs.has({STREAM: content, STREAM + ".gz": gzip.compress(content)}).read()
        assert counted(reading, mysql__Queries=7) == ""
        assert logs.asked(STREAM + ".gz") == 0

    def test_that_are_not_there_yet(self, logs):
        logs.has({STREAM: stream(MYSQL)}).answers(STREAM, b"<html>404</html>", 404)
        assert late(logs.read()) == "testrepository.subunit is listed but not there yet"
        logs.answers(STREAM, stream(MYSQL))
        counted(logs.read(), mysql__Queries=7)

    @pytest.mark.parametrize("status", [404, 410])
    def test_that_never_come_cost_only_themselves(self, logs, status):
        logs.has({STREAM: stream(MYSQL), PERFORMANCE: performance()}).answers(STREAM, status=status)
        reading = logs.read(awaits=False)
        why = counted(reading, **{"memory.n-api": 5, "db.nova.SELECT": 3})
        assert why == "testrepository.subunit: it is listed but not there"
        assert set(reading.found.failures) == {STREAM}
        logs.answers(PERFORMANCE, status=status)
        why = "testrepository.subunit: it is listed but not there; performance.json: it is listed but not there"
        assert unreadable(logs.read(awaits=False)) == why

    @pytest.mark.parametrize("status", LASTING)
    def test_that_are_refused_cost_only_themselves(self, server, logs, status):
        logs.has({"a.subunit": b"", STREAM: stream(MYSQL)})
        del server.answers[f"/logs/{UUID[:3]}/{UUID}/a.subunit"]
        server.answers = Refusing(server.answers, status)
        assert late(logs.read()).startswith(f"{status} from ")
        reading = logs.read(awaits=False)
        why = counted(reading, mysql__Queries=7)
        assert why == f"a.subunit: it is listed but refused: {status} from {server.url.removeprefix('http://')}"

    def test_that_are_refused_under_one_name_are_read_under_the_other(self, server, logs):
        logs.has({STREAM + ".gz": gzip.compress(stream(MYSQL))}, manifest=False)
        server.answers = Refusing(server.answers, 403)
        counted(logs.read(), mysql__Queries=7)

    def test_that_redirect_without_end_cost_only_themselves(self, server, logs):
        logs.has({"a.subunit": b"", STREAM: stream(MYSQL)})
        logs.answers("a.subunit", status=302, headers={"Location": "a.subunit"})
        why = counted(logs.read(awaits=False), mysql__Queries=7)
        assert why == "a.subunit: it is listed but refused: more than 5 redirects"

    @pytest.mark.parametrize("status", [500, 503, 429])
    def test_that_a_store_fails_to_give_cost_only_themselves(self, server, logs, status):
        logs.has({"a.subunit": b"", STREAM: stream(MYSQL)})
        logs.answers("a.subunit", status=status, headers={"Retry-After": "7"})
        assert logs.read().otherwise is None
        reading = logs.read(awaits=False)
        why = f"{status} from {server.url.removeprefix('http://')}"
        assert (late(reading), reading.after) == (why, 7)
        assert counted(reading.otherwise, mysql__Queries=7) == f"a.subunit: {why}"

    def test_that_were_cut_short_for_good_cost_only_themselves(self, logs):
        cut = gzip.compress(stream({"queues": {"a": 1}}))[:-9]
        reading = logs.has({"a.subunit": b"", STREAM: stream(MYSQL)}).answers("a.subunit", cut).read()
        assert late(reading) == "truncated gzip data: the end is missing"
        assert counted(reading.otherwise, mysql__Queries=7) == "a.subunit: truncated gzip data: the end is missing"

    def test_that_a_busy_store_withholds_are_awaited_all_the_same(self, logs):
        logs.has({STREAM: stream(MYSQL)}).answers(STREAM, status=503)
        reading = logs.read(awaits=False)
        assert late(reading).startswith("503 from ")
        assert reading.otherwise is None

    def test_of_totals_and_differences_are_judged_and_kept_out_of_the_history(self, logs):
        totals = packed_counters(json.dumps({"queues": {"a": 1}}).encode(), eof=True)
        reading = logs.has({"a.subunit": stream(MYSQL), "b.subunit": TEST + totals}).read()
        assert counted(reading, mysql__Queries=7, queues__a=1) == \
            "totals in one file and differences in another: judged, but kept out of the history"
        assert reading.found.mixed

    def test_in_path_order_the_later_value_wins_and_is_told(self, logs):
        reading = logs.has({"z.subunit": stream({"mysql": {"Queries": 3}}),
                            "a/b.subunit": stream({"mysql": {"Queries": 1, "Com_select": 2}}), "a/b.txt": b"",
                            "m.subunit.gz": gzip.compress(stream({"mysql": {"Queries": 2}}, {"queues": {"a": 9}})),
                            }).read()
        counted(reading, mysql__Queries=3, mysql__Com_select=2, queues__a=9)
        assert reading.found.repeated == {"mysql.Queries"}

    def test_with_names_of_any_kind(self, logs):
        content = stream(MYSQL)
        logs.has({}, manifest=False).server.serve_log(logs.root + "a%20%23%3F%25%C3%A9/b.subunit", content)
        logs.answers("zuul-manifest.json", json.dumps({"tree": [
            {"name": "a #?%é", "children": [{"name": "b.subunit"}]}]}).encode())
        counted(logs.read(), mysql__Queries=7)

    def test_too_many_are_told(self, logs):
        names = [f"{n:03}.subunit" for n in range(limits.STREAMS + 2)]
        reading = logs.has({name: stream({"mysql": {name[:3]: 1}}) for name in names}).read()
        assert len(reading.found.values) == limits.STREAMS
        assert reading.why == "streams: 34, of which only 32 are read"

    def test_of_more_counters_together_than_one_may_have(self, logs):
        many = {name: stream({name: {str(n): n for n in range(15_000)}}) for name in "abc"}
        names = {f"{name}.subunit": content for name, content in many.items()}
        reading = logs.has({**names, "d.subunit": stream(MYSQL)}).read()
        told = "more than 20,000 counters"
        assert (reading.state, reading.why) == (State.READ, f"b.subunit: {told}; c.subunit: {told}")
        assert reading.found.values.keys() == {"mysql.Queries", *(f"a.{n}" for n in range(15_000))}

    def test_of_more_counters_with_those_of_performance_json(self, logs):
        services = [{"service": f"s{n}", "MemoryCurrent": 1} for n in range(15_000)]
        many = stream({"mysql": {str(n): n for n in range(15_000)}})
        reading = logs.has({STREAM: many, PERFORMANCE: performance(services=services)}).read()
        assert (reading.state, reading.why) == (State.READ, "performance.json: more than 20,000 counters")
        assert len(reading.found.values) == 15_000

    @pytest.mark.parametrize(("content", "each"), [(document(MYSQL), 600), (document(MYSQL) * 900, 1)])
    def test_of_more_documents_together_than_one_may_have(self, logs, content, each):
        attached = packed_counters(content, eof=True) * each
        reading = logs.has({"a.subunit": attached, "b.subunit": attached, "c.subunit": stream(MYSQL),
                            PERFORMANCE: performance()}).read()
        why = counted(reading, mysql__Queries=7, **{"memory.n-api": 5, "db.nova.SELECT": 3})
        assert why.startswith("b.subunit: more than 1,000 documents of counters in the build's files; mysql.Queries:")

    def test_of_tiny_documents_without_number(self, logs):
        content = packed_counters(b"{}", eof=True) * 40_000
        told = "testrepository.subunit: more than 1,000 documents of counters in the build's files"
        assert unreadable(logs.has({STREAM: content}).read()) == told

    def test_that_take_too_long_to_read_will_the_next_time_too(self, logs):
        lines = (b"a line\n" + packet(test_id="t", status=3)) * 60_000
        reading = logs.has({STREAM: lines}).read(seconds=0.2, clock=Clock(each=0.01))
        assert late(reading).endswith("not done in 0.2 s")
        assert reading.otherwise.state is State.UNREADABLE

    @pytest.mark.parametrize("content", [b"", TEST])
    def test_without_counters(self, logs, content):
        assert logs.has({STREAM: content}).read() == Reading(State.NOTHING)

    def test_whose_collectors_failed(self, logs):
        failed = {"__meta__": {"unixtime": 1, "failures": {"mysql": "access denied"}}}
        assert logs.has({STREAM: packed_counters(json.dumps(failed).encode())}).read() == \
            Reading(State.NOTHING, "mysql: access denied")

    @pytest.mark.parametrize(("content", "why"), [
        (b"<!DOCTYPE html><html>please log in</html>", "no subunit version 2 stream"),
        (b"test: a\nsuccess: a\n", "subunit-1to2 converts it"),
        (b"PK\x03\x04" * 100, "no subunit version 2 stream"),
        (packed_counters(b"not JSON"), "not JSON"),
        (packed_counters(b"[]"), "an array instead of an object of groups"),
        (packed_counters(b""), "it is empty"),
        (packed_counters(b'{"mysql": {"Queries": NaN}}'), "mysql.Queries: NaN is not a finite number"),
        (TEST + packed_counters(document(MYSQL))[:-20], "counters.json: damage at byte"),
        (TEST + packed_counters(document(MYSQL)).replace(b"Queries", b"Qveries"), "counters.json: damage at byte"),
    ])
    def test_that_cannot_be_read(self, logs, content, why):
        assert why in unreadable(logs.has({STREAM: content}).read())

    def test_with_damage_elsewhere(self, logs):
        damaged = TEST.replace(b"log log", b"log lag", 1)
        told = counted(logs.has({STREAM: TEST + damaged + stream(MYSQL)}).read(), mysql__Queries=7)
        assert re.fullmatch(rf"{STREAM}: damage at byte \d+: a packet's checksum does not match", told)
        reading = logs.has({STREAM: TEST + damaged + TEST}).read()
        assert (reading.state, reading.why) == (State.NOTHING, told)

    def test_one_that_cannot_be_read_costs_no_other(self, logs):
        reading = logs.has({"a.subunit": b"junk", "b.subunit": stream(MYSQL), "c.subunit": b"junk"}).read()
        why = counted(reading, mysql__Queries=7)
        assert [part.partition(": ")[0] for part in why.split("; ") if "subunit:" in part] == ["a.subunit", "c.subunit"]
        assert set(reading.found.failures) == {"a.subunit", "c.subunit"}

    @pytest.mark.parametrize("size", [2, 5, 60, -9, -1])
    def test_cut_in_mid_upload_are_read_again_later(self, logs, size):
        packed = gzip.compress(stream(MYSQL))
        logs.has({STREAM: b""}).answers(STREAM, packed[:size])
        assert late(logs.read()) == "truncated gzip data: the end is missing"

    def test_cut_on_the_way_are_read_again_later(self, logs):
        logs.has({STREAM: b""}).answers(STREAM, stream(MYSQL), cut=100)
        assert late(logs.read())

    def test_of_gzip_gone_wrong(self, logs):
        packed = bytearray(gzip.compress(stream(MYSQL)))
        packed[-5] ^= 1
        assert "corrupt gzip data" in unreadable(logs.has({STREAM: b""}).answers(STREAM, bytes(packed)).read())

    @pytest.mark.parametrize("packs", [1, 2])
    def test_that_explode(self, logs, packs):
        bomb = gzip.compress(bytes(256 << 20), 1)
        logs.has({STREAM: b""}).answers(STREAM, gzip.compress(bomb) if packs == 2 else bomb)
        with peak_below(32 << 20):
            assert "more than 134,217,728 bytes when decompressed" in unreadable(logs.read(unpacked=128 << 20))

    def test_too_large_packed(self, logs):
        content = gzip.compress(stream(MYSQL), 0)
        why = unreadable(logs.has({STREAM: b""}).answers(STREAM, content).read(packed=len(content) - 1))
        assert "bytes of gzip data" in why
        counted(logs.read(packed=len(content)), mysql__Queries=7)

    def test_of_300_megabytes_take_fixed_memory(self, logs):
        block = b"".join(packet(bytes(1 << 20), name="journal", test_id="t", eof=True) for _ in range(4))
        packer = zlib.compressobj(1, wbits=31)
        packed = b"".join(packer.compress(block) for _ in range(75)) + packer.compress(stream(MYSQL)) + packer.flush()
        logs.has({STREAM: b""}).answers(STREAM, packed)
        with peak_below(32 << 20):
            counted(logs.read(), mysql__Queries=7)

    def test_in_chunks_of_two_bytes_takes_no_more_memory_than_its_content(self, logs):
        content = document({"mysql": {"Queries": 7}}) + b" " * 100_000
        chunks = (packed_counters(content[at : at + 2]) for at in range(0, len(content), 2))
        logs.has({STREAM: gzip.compress(b"".join(chunks), 1)})
        with peak_below(2 << 20):  # an object for each chunk takes 2 MB more
            counted(logs.read(), mysql__Queries=7)


class TestReturned:
    def test_replaces_the_streams(self, server, logs):
        logs.has({STREAM: stream({"mysql": {"Queries": 1, "Com_select": 2}}), "c.json": document(MYSQL)},
                 artifacts=returned(server, "c.json"))
        counted(logs.read(), mysql__Queries=7)
        assert logs.asked(STREAM) == 0

    def test_several_in_order(self, server, logs):
        logs.has({"1.json": document(MYSQL), "2.json": document({"mysql": {"Queries": 8}, "queues": {"a": 1}})},
                 artifacts=returned(server, "1.json") + returned(server, "2.json"))
        counted(logs.read(), mysql__Queries=8, queues__a=1)

    def test_not_there_yet(self, server, logs):
        logs.has({STREAM: stream(MYSQL)}, artifacts=returned(server, "c.json?x"))
        assert late(logs.read()) == "c.json is not there yet"

    def test_that_never_comes_costs_only_itself(self, server, logs):
        logs.has({PERFORMANCE: performance()}, artifacts=returned(server, "c.json?x"))
        why = counted(logs.read(awaits=False), **{"memory.n-api": 5, "db.nova.SELECT": 3})
        assert why == "c.json: Zuul's API names it, but it is not there"

    @pytest.mark.parametrize(("named", "stored"), [
        ("counters.json.gz", "counters.json.gz"), ("a/counters.json", "a/counters.json.gz"),
        ("counters.json.gz?x=/a.gz", "counters.json?x=/a.gz"), ("counters.json?x=.gz", "counters.json.gz?x=.gz"),
    ])
    def test_compressed_or_not(self, server, logs, named, stored):
        logs.has({STREAM: stream({"queues": {"a": 1}})}, artifacts=returned(server, named))
        logs.answers(stored, gzip.compress(document(MYSQL)))
        counted(logs.read(), mysql__Queries=7)

    def test_unreadable_does_not_fall_back_on_the_streams(self, server, logs):
        logs.has({STREAM: stream(MYSQL), "c.json": b"<html>"}, artifacts=returned(server, "c.json"))
        assert unreadable(logs.read()).startswith("c.json: not JSON")

    def test_elsewhere_is_not_fetched(self, server, logs):
        artifact = {"name": "c", "url": "http://169.254.169.254/c.json", "metadata": {"type": "counters"}}
        logs.has({STREAM: stream(MYSQL)}, artifacts=(artifact,))
        assert "c.json: http://169.254.169.254/c.json is not under" in unreadable(logs.read())

    @pytest.mark.parametrize(("url", "why"), [
        ("http://[", "[: http://[ is not under"), ("//[bad]/x", "x: //[bad]/x is not under"),
        ("\ud800", "?: ? is not under"), ("?\0", "??: ?? is not under"), ("a\n\u202eb", "a b: a b is not under"),
        ("", ":  is not under"),
    ])
    def test_where_nothing_can_be(self, logs, url, why):
        artifact = {"name": "c", "url": url, "metadata": {"type": "counters"}}
        told = unreadable(logs.has({STREAM: stream(MYSQL)}, artifacts=(artifact,)).read())
        assert told.startswith(why)
        assert told.encode()

    def test_too_many_are_told(self, server, logs):
        files = {f"{n:03}.json": document({"mysql": {f"{n:03}": 1}}) for n in range(limits.STREAMS + 2)}
        artifacts = sum((returned(server, name) for name in files), ())
        reading = logs.has(files, artifacts=artifacts).read()
        assert len(reading.found.values) == limits.STREAMS
        assert reading.why == "artifacts: 34, of which only 32 are read"

    def test_too_large(self, server, logs):
        logs.has({"c.json": b" " * (limits.COUNTERS_FILE + 1)}, artifacts=returned(server, "c.json"))
        assert unreadable(logs.read()) == "c.json: more than 8,388,608 bytes when decompressed"


class TestManifest:
    def test_not_there_yet(self, logs):
        logs.has({STREAM: stream(MYSQL)}).answers("zuul-manifest.json", b"", 404)
        assert late(logs.read()) == "zuul-manifest.json is not there yet"

    @pytest.mark.parametrize(("body", "why"), [
        (b"<!DOCTYPE html>", "is not JSON"), (b"{}", "has no tree"), (b"[" * 100_000, "is not JSON"),
        (json.dumps({"tree": [{"name": f"{n}.subunit"} for n in range(100_000)]}).encode(), "more than 50,000 files"),
    ])
    def test_that_is_none_is_told_and_the_usual_places_are_tried(self, logs, body, why):
        logs.has({STREAM: stream(MYSQL)}).answers("zuul-manifest.json", body)
        reading = logs.read()
        assert why in counted(reading, mysql__Queries=7)
        assert why in reading.found.failures["zuul-manifest.json"]
        logs.answers(STREAM, b"", 404)
        assert why in unreadable(logs.read())

    def test_elsewhere_is_not_fetched_and_the_usual_places_are_tried(self, logs):
        artifact = {"name": "m", "url": "http://169.254.169.254/m.json", "metadata": {"type": "zuul_manifest"}}
        why = counted(logs.has({STREAM: stream(MYSQL)}, manifest=False, artifacts=(artifact,)).read(), mysql__Queries=7)
        assert why.startswith("zuul-manifest.json: http://169.254.169.254/m.json is not under")

    @pytest.mark.parametrize("named", ["zuul-manifest.json.gz", "zuul-manifest.json", None])
    def test_compressed(self, server, logs, named):
        (artifact,) = returned(server, named)
        artifact["metadata"] = {"type": "zuul_manifest"}
        logs.has({"a/b.subunit": stream(MYSQL)}, manifest=False, artifacts=(artifact,) if named else ())
        tree = server.tree({"a/b.subunit": b""})
        logs.answers("zuul-manifest.json.gz", gzip.compress(json.dumps({"tree": tree}).encode()))
        assert counted(logs.read(), mysql__Queries=7) == ""

    @pytest.mark.parametrize("status", LASTING)
    def test_that_is_refused_is_awaited_and_then_the_usual_places_are_tried(self, logs, status):
        logs.has({STREAM: stream(MYSQL), PERFORMANCE: performance()}).answers("zuul-manifest.json", status=status)
        logs.answers("zuul-manifest.json.gz", status=status)
        assert late(logs.read()).startswith(f"{status} from ")
        values = {"memory.n-api": 5, "db.nova.SELECT": 3, "mysql.Queries": 7}
        assert counted(logs.read(awaits=False), **values).startswith(
            f"zuul-manifest.json: it is refused: {status} from ")

    @pytest.mark.parametrize("status", LASTING)
    def test_that_nobody_announced_and_a_store_that_refuses_what_it_has_not(self, server, logs, status):
        logs.has({"logs/performance.json": performance()}, manifest=False)
        server.answers = Refusing(server.answers, status)
        assert counted(logs.read(), **{"memory.n-api": 5, "db.nova.SELECT": 3}) == ""

    @pytest.mark.parametrize("status", LASTING)
    def test_nor_anything_else_that_a_store_gives(self, server, logs, status):
        logs.has({}, manifest=False)
        server.answers = Refusing(server.answers, status)
        assert late(logs.read()) == "neither zuul-manifest.json nor job-output.txt is there yet"
        assert unreadable(logs.read(awaits=False)).startswith(f"zuul-manifest.json: it is refused: {status} from ")

    def test_leads_nowhere_else(self, server, logs):
        logs.has({})
        tree = [{"name": "..", "children": [{"name": "x.subunit"}]}, {"name": "../x.subunit"},
                {"name": "%2e%2e", "children": [{"name": "y.subunit"}]}, {"name": "a\r\nb.subunit"},
                {"name": "good.subunit"}]
        logs.answers("zuul-manifest.json", json.dumps({"tree": tree}).encode()).answers("good.subunit", stream(MYSQL))
        logs.answers("%252e%252e/y.subunit", stream({"queues": {"a": 1}}))
        counted(logs.read(), mysql__Queries=7, queues__a=1)
        assert [path for path in server.requests if ".." in path or "%2e%2e" in path] == []

    def test_without_files(self, logs):
        assert logs.has({}).read() == Reading(State.NOTHING)

    def test_of_a_real_zuul(self, logs):
        logs.has({STREAM: stream(MYSQL), PERFORMANCE: performance()}, manifest=False)
        logs.answers("zuul-manifest.json", (SAMPLES / "zuul-14.3/zuul-manifest.json").read_bytes())
        assert set(logs.read().found.values) == {"mysql.Queries", "memory.n-api", "db.nova.SELECT"}

    def test_without_any(self, logs):
        reading = logs.has({"job-output.txt": b"log"}, manifest=False).read()
        assert (type(reading), reading.otherwise.state) == (Later, State.NOTHING)  # nothing tells what is still to come
        assert logs.asked(STREAM + ".gz") == 1

    def test_nor_any_log_of_zuuls_own(self, logs):
        logs.has({"job-output.txt": b"log"}, manifest=False).answers("job-output.txt", status=404)
        assert late(logs.read()) == "neither zuul-manifest.json nor job-output.txt is there yet"


class TestPerformance:
    def test_adds_the_groups_that_are_missing(self, logs):
        own = {"mysql": {"Queries": 7}, "memory": {"mine": 1}}
        reading = logs.has({STREAM: stream(own), PERFORMANCE: performance()}).read()
        counted(reading, mysql__Queries=7, memory__mine=1, db__nova__SELECT=3)

    def test_as_a_real_manifest_lists_it_compressed(self, logs):
        logs.has({}, manifest=False).answers("zuul-manifest.json", HUNT.read_bytes())
        logs.answers(PERFORMANCE + ".gz", gzip.compress(performance()))
        assert counted(logs.read(), **{"memory.n-api": 5, "db.nova.SELECT": 3}) == ""
        assert logs.asked(PERFORMANCE) == 0

    @pytest.mark.parametrize("stored", ["", ".gz"])
    @pytest.mark.parametrize("folder", ["", "a/b/c/"])
    def test_in_any_folder(self, logs, folder, stored):
        body = performance()
        logs.has({f"{folder}performance.json{stored}": gzip.compress(body) if stored else body})
        counted(logs.read(), **{"memory.n-api": 5, "db.nova.SELECT": 3})

    def test_of_version_1_alone(self, logs):
        body = next((SAMPLES / "performance").glob("*v1*")).read_bytes()
        reading = logs.has({PERFORMANCE: body}).read()
        assert reading.state is State.READ
        assert reading.found.delta is None
        assert {"memory", "db", "process", "api"} == {name.partition(".")[0] for name in reading.found.values}

    def test_of_several_nodes_is_the_controllers(self, logs):
        other = performance(db=[{"db": "other", "op": "SELECT", "count": 9}])
        logs.has({"compute1/logs/performance.json": other, PERFORMANCE: performance(), "a/performance.json": other})
        assert set(logs.read().found.values) == {"memory.n-api", "db.nova.SELECT"}

    @pytest.mark.parametrize("path", [PERFORMANCE, "logs/performance.json"])
    def test_in_its_usual_places(self, logs, path):
        assert logs.has({path: performance()}, manifest=False).read().state is State.READ

    def test_nearest_to_the_root(self, logs):
        other = performance(db=[{"db": "other", "op": "SELECT", "count": 9}])
        reading = logs.has({"compute1/logs/performance.json": other, "logs/performance.json": performance()}).read()
        assert "db.nova.SELECT" in reading.found.values

    def test_does_not_hide_unreadable_counters(self, logs):
        reading = logs.has({STREAM: TEST + packed_counters(b"{"), PERFORMANCE: performance()}).read()
        assert set(reading.found.values) == {"memory.n-api", "db.nova.SELECT"}
        assert reading.why.startswith("testrepository.subunit: not JSON")
        assert set(reading.found.failures) == {STREAM}

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"services": 1}'])
    def test_that_is_none_costs_no_counters(self, logs, body):
        reading = logs.has({STREAM: stream(MYSQL), PERFORMANCE: body}).read()
        assert counted(reading, mysql__Queries=7).startswith("performance.json: ")
        assert unreadable(logs.has({PERFORMANCE: body}).read()).startswith("performance.json: ")

    def test_not_there_yet(self, logs):
        logs.has({STREAM: stream(MYSQL), PERFORMANCE: performance()}).answers(PERFORMANCE, status=404)
        assert late(logs.read()) == "controller/logs/performance.json is listed but not there yet"


class TestServers:
    @pytest.mark.parametrize("path", ["zuul-manifest.json", STREAM, PERFORMANCE])
    @pytest.mark.parametrize(("status", "after"), [(503, 30), (429, 30), (500, 30), (403, 30)])
    def test_that_are_busy(self, logs, path, status, after):
        logs.has({STREAM: stream(MYSQL), PERFORMANCE: performance()})
        reading = logs.answers(path, b"", status, headers={"Retry-After": str(after)}).read()
        assert late(reading).startswith(f"{status} from 127.0.0.1:")
        assert reading.after == after

    def test_that_are_not_allowed(self, logs):
        why = unreadable(logs.has({STREAM: stream(MYSQL)}).read(prefix="https://logs.example.org/"))
        assert why.endswith("is not under " + f"{logs.server.url}/api/ or https://logs.example.org/")

    def test_that_send_the_log_elsewhere(self, logs):
        logs.has({STREAM: b"", PERFORMANCE: performance()})
        logs.answers(STREAM, b"", 302, headers={"Location": "http://169.254.169.254/"})
        reading = logs.read()
        assert reading.state is State.READ
        assert "testrepository.subunit: http://169.254.169.254/ is not under" in reading.why

    def test_that_send_the_log_nowhere(self, logs):
        logs.has({STREAM: b"", PERFORMANCE: performance()})
        logs.answers(STREAM, b"", 302, headers={"Location": "http://[::1"})
        assert "testrepository.subunit: http://[::1 is not under" in logs.read().why

    def test_that_are_slow_may_be_quicker_another_time(self, logs):
        reading = logs.has({STREAM: b""}).answers(STREAM, stream(MYSQL), pause=0.05).read(seconds=0.5)
        assert late(reading).endswith("not done in 0.5 s")
        assert reading.otherwise is None

    def test_that_take_too_long_for_a_build(self, logs):
        assert late(logs.has({STREAM: stream(MYSQL)}).read(seconds=-1)) .endswith("not done in -1 s")

    def test_that_are_gone(self, logs):
        build = Client(Http([f"{logs.server.url}/api/"]), logs.server.url)
        logs.has({STREAM: stream(MYSQL)})
        row = build.build(BuildLink("j", logs.server.page(UUID), UUID))
        with demo.Zuul() as other:
            gone = other.logs
        moved = type(row)(**{**row.__dict__, "log_url": gone, "artifacts": ()})
        assert "refused" in late(CountersReader(Http([gone])).read(moved))

    def test_without_logs(self, logs):
        logs.server.add_build(UUID, "tempest-full")
        assert logs.read() == Reading(State.NOTHING)
