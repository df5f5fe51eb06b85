"""What the source makes of a Zuul in trouble, and of a stop; a whole bot on it is in tests/journeys."""

from __future__ import annotations

import json
import threading

import pytest

from counterbot.clients.http import Http
from counterbot.clients.zuul import BuildsetRow, Zuul
from counterbot.core.events import Recognition, parse_line, recognise
from counterbot.core.model import BuildLink, Ignored, PatchSet, Report
from counterbot.sources.zuul_builds import OPEN, Cursor, Seen, ZuulBuilds
from tests import zuul_server as demo

UUID, SET = "a" * 32, "5" * 32
LIST = "/api/tenant/openstack/buildsets?limit=50"


class Bench:
    """The source on a server, with a clock moved by hand and a ledger of two dictionaries."""

    def __init__(self, server, *tenants, days=7):
        self.server, self.lines, self.saved = server, [], {}
        self.now, self.stopped = 1000.0, threading.Event()
        self.http = Http([f"{server.url}/api/"], seconds=5)
        self.source = ZuulBuilds(Zuul(self.http, server.url), tenants or [f"{server.url}/t/openstack"], self.put,
                                 Cursor(self.saved.get, self.saved.__setitem__), every=60, days=days,
                                 monotonic=lambda: self.now, stopping=self.stopped.is_set)

    def put(self, line, source):
        new = line not in self.lines
        self.lines += [line] if new else []
        return new

    def polls(self, after=60.0):
        self.now += after
        while self.source.step():
            pass
        return self.source.tenants[0]

    def buildset(self, number, **options):
        """One that ended, of a build."""
        uuid = f"{number:032x}"
        self.server.add_buildset(uuid, [self.server.add_build(uuid, "job", change=number)],
                                 **{"result": "SUCCESS", **options})
        return uuid

    def changes(self):
        return [json.loads(line)["change"]["number"] for line in self.lines]


@pytest.fixture
def server():
    with demo.Zuul() as server:
        yield server


@pytest.fixture
def bench(server):
    bench = Bench(server)
    bench.polls()
    return bench


def test_a_buildset_becomes_a_line_that_is_recognised(server, bench):
    page = f"{server.url}/t/openstack"
    server.add_buildset(SET, [server.add_build(UUID, "tempest-full", change=7)], result="FAILURE", pipeline="gate")
    bench.polls()
    [line] = bench.lines
    settings = Recognition(frozenset({"zuul"}), "review", "counterbot", (server.url,))
    assert recognise(parse_line(line), settings) == Report(
        PatchSet("review", "openstack/nova", "master", 7, 1), "gate", SET,
        (BuildLink("tempest-full", f"{page}/build/{UUID}", UUID),))
    assert recognise(parse_line(line), Recognition(frozenset(), zuul_urls=("https://elsewhere",))) == Ignored(
        f"no build page under https://elsewhere: {page}/build/{UUID}")


@pytest.mark.parametrize(("changed", "why"), [
    ({"builds": []}, "no build in the buildset"), ({"builds": [7, {"job": "x"}]}, "no build in the buildset"),
    ({"change": {"number": "x"}}, "the event has no change number and no project"),
])
def test_a_line_that_is_none_of_ours(server, bench, changed, why):
    bench.buildset(7)
    bench.polls()
    event = {**json.loads(bench.lines[0]), **changed}
    assert recognise(event, Recognition(frozenset())) == Ignored(why)


def test_zuul_is_asked_once_in_the_time_that_is_configured(server, bench):
    server.requests.clear()
    bench.polls(59)
    assert server.requests == []
    bench.polls(1)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("answer", "why"), [
    (demo.Answer(b"", 503), "503 from 127.0.0.1:{port}"),
    (demo.Answer(b"<html>log in</html>"), "Zuul's API did not answer JSON but '<html>log in</html>'"),
    (demo.Answer(b"gone", 404), "Zuul's API has no list of buildsets at {url}/t/openstack; 'zuul.tenants' in the"
                                " configuration names it, and Zuul must be 4.12 or later"),
    (demo.Answer(b'[{"uuid": 7}]'), "a row in a list of Zuul's API has no number '_id', which Zuul gives since 4.12"),
    (demo.Answer(b"[" * 5_000_000), "more than 4,194,304 bytes"),
])
def test_a_zuul_in_trouble_is_told_and_asked_again(server, bench, caplog, answer, why):
    bench.buildset(7)
    server.answers[f"{LIST}&idx_min=1"] = answer
    tenant = bench.polls()
    asked = tenant.asked
    assert why.format(url=server.url, port=server.url.rpartition(":")[2]) in tenant.why
    bench.polls(2)
    assert len(caplog.records) == 1  # the same trouble is told once
    del server.answers[f"{LIST}&idx_min=1"]
    tenant = bench.polls(5)
    assert (bench.changes(), tenant.why, tenant.asked > asked) == ([7], None, True)


def test_zuul_is_left_alone_for_as_long_as_it_asks(server, bench):
    server.answers[f"{LIST}&idx_min=1"] = demo.Answer(b"", 429, {"Retry-After": "500"})
    bench.polls()
    server.requests.clear()
    bench.polls(499)
    assert server.requests == []
    bench.polls(1)
    assert len(server.requests) == 1


def test_one_tenants_trouble_is_not_anothers(server):
    bench = Bench(server, f"{server.url}/t/nowhere", f"{server.url}/t/openstack")
    bench.polls()
    bench.buildset(7)
    bench.polls()
    assert bench.changes() == [7]


@pytest.mark.parametrize(("answer", "changes"), [
    (demo.Answer(b"<html>", 500), [7, 8]), (demo.Answer(b'{"builds": 7}'), [8]), (demo.Answer(b"", 404), [8])])
def test_a_buildset_that_zuul_fails_on_costs_no_other(server, bench, answer, changes):
    broken = f"/api/tenant/openstack/buildset/{bench.buildset(7)}"
    bench.buildset(8)
    good, server.answers[broken] = server.answers[broken], answer
    bench.polls()
    assert bench.changes() == [8]
    server.answers[broken] = good
    bench.polls()
    assert sorted(bench.changes()) == changes


def test_a_zuul_that_goes_away_in_the_middle_is_asked_again_from_there(server, bench):
    one, two = bench.buildset(7), bench.buildset(8)
    path = f"/api/tenant/openstack/buildset/{two}"
    good, server.answers[path] = server.answers[path], demo.Answer(b"", 503)
    bench.polls()
    server.answers[path] = good
    server.requests.clear()
    bench.polls(2)
    assert bench.changes() == [7, 8]
    assert [each for each in server.requests if "/buildset/" in each] == [path]
    assert one not in "".join(server.requests)


def test_a_buildset_that_zuul_has_forgotten_is_not_asked_for_again(server, bench):
    uuid = bench.buildset(7, result=None)
    assert bench.polls().running == 1
    del server.rows["buildset"][uuid]
    assert bench.polls().running == 0


def test_what_runs_is_asked_for_in_one_question(server, bench):
    uuids = [bench.buildset(number, result=None) for number in range(100, 140)]
    bench.polls()
    server.requests.clear()
    for uuid in uuids[:2]:
        server.end_buildset(uuid, "FAILURE")
    bench.polls()
    assert bench.changes() == [100, 101]
    assert sum("uuid=" in path for path in server.requests) == 1


def test_no_more_than_the_newest_of_what_runs_is_remembered():
    seen = Seen(0)
    for number in range(OPEN + 5):
        seen = seen.including(BuildsetRow(number, str(number), None, None), running=True)
    assert (len(seen.running), seen.running[-1], seen.upto) == (OPEN, str(OPEN + 4), OPEN + 4)


def test_a_stop_ends_a_long_catch_up(server, bench):
    for number in (7, 8, 9):
        bench.buildset(number)
    put = bench.put

    def stops(line, source):
        bench.stopped.set()
        return put(line, source)

    bench.source._put = stops
    bench.polls()
    assert bench.changes() == [7]
    bench.stopped.clear()
    bench.source._put = put
    bench.polls()
    assert bench.changes() == [7, 8, 9]
