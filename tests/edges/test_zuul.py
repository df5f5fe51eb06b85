"""Build rows of Zuul's API, as recorded and as they should not be."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.clients.http import Forbidden, Http, Unavailable
from counterbot.clients.zuul import Zuul, parse_build, parse_buildset, parse_whole
from counterbot.core.model import OMITTED, Artifact, Build, BuildLink, PatchSet, Unreadable
from tests import zuul_server as demo

SAMPLES = Path(__file__).parent.parent / "samples"
UUID = "e7399332667b42ffabfe9ae67a7f2389"
LOGS = f"http://127.0.0.1:9080/zuul_opendev_logs_e73/openstack/{UUID}/"
ROW = json.loads((SAMPLES / "zuul-14.3/api-build.json").read_text())


def parsed(**changed) -> Build:
    return parse_build(json.dumps({**ROW, **changed}).encode())


CHANGE = {"ref": "refs/changes/07/7/2", "change": 7, "patchset": "2"}


class TestRows:
    def test_of_zuul_14(self):
        assert parse_build((SAMPLES / "zuul-14.3/api-build.json").read_bytes()) == Build(
            UUID, "tempest-full", "FAILURE", True, "openstack/nova", "master", "check", LOGS,
            (Artifact("Zuul Manifest", LOGS + "zuul-manifest.json", "zuul_manifest"),), 1795226872000, 13, 1, (13,),
            8.0)

    def test_of_opendev_in_2026(self):
        build = parse_build((SAMPLES / "zuul/build-nested-ref-2026.json").read_bytes())
        assert (build.project, build.branch, build.pipeline) == ("openstack/ironic", "master", "gate")
        assert [artifact.type for artifact in build.artifacts] == [None, "zuul_manifest", "unit_test_report"]

    def test_of_2021_with_everything_at_the_top(self):
        rows = json.loads((SAMPLES / "zuul/builds-list-flat-2021.json").read_text())
        builds = [parse_build(json.dumps(row).encode()) for row in rows]
        assert [(build.project, build.branch, build.result) for build in builds] == [
            ("openstack/tempest", "master", "SUCCESS"), ("openstack/tripleo-ansible", "master", "FAILURE"),
            ("openstack/nova", "stable/victoria", "ABORTED"), ("openstack/nova", "stable/victoria", "NODE_FAILURE")]
        assert builds[2].log_url is None

    def test_of_builds_that_run(self):
        rows = json.loads((SAMPLES / "zuul-14.3/api-builds-while-running.json").read_text())
        first, second, done = (parse_build(json.dumps(row).encode()) for row in rows)
        assert (first.result, first.log_url, first.ended, first.voting) == (None, None, None, True)
        assert (second.result, second.voting, done.result) == (None, False, "SUCCESS")

    @pytest.mark.parametrize(("changed", "why"), [
        ({"uuid": None}, "the build row of Zuul's API has no uuid"),
        ({"job_name": ""}, "the build row of Zuul's API has no job_name"),
        ({"job_name": 7}, "job_name in the build row of Zuul's API is int, not text"),
        ({"result": ["SUCCESS"]}, "result in the build row of Zuul's API is list, not text"),
        ({"log_url": {}}, "log_url in the build row of Zuul's API is dict, not text"),
        ({"ref": {"project": 1}}, "project in the build row of Zuul's API is int, not text"),
    ])
    def test_of_wrong_shape(self, changed, why):
        with pytest.raises(Unreadable) as raised:
            parsed(**changed)
        assert str(raised.value) == why

    @pytest.mark.parametrize("data", [b"", b"null", b"[]", b'"text"', b"7", b"\xff\xfe", b"[" * 200_000,
        b'{"uuid": ' + b"9" * 5000,
                                      b"<!DOCTYPE html>\n<html>"])
    def test_that_are_none(self, data):
        with pytest.raises(Unreadable, match="Zuul's API did not answer "):
            parse_build(data)

    @pytest.mark.parametrize(("buildset", "changes"), [
        ({"refs": [{**CHANGE, "change": 13}, {**CHANGE, "change": "7"}, {**CHANGE, "change": None}, {}, None]},
         (13, 7)),
        ({"refs": [{**CHANGE, "ref": "refs/pull/7/head"}, {"change": 7}]}, ()),
        ({"refs": []}, ()), ({"refs": {}}, ()), ({"refs": [{**CHANGE, "change": "x"}]}, ()),
        ({}, ()), (None, ()), ("x", ()),
    ])
    def test_name_the_changes_of_their_buildset(self, buildset, changes):
        assert parsed(buildset=buildset).changes == changes

    @pytest.mark.parametrize(("changed", "name", "value"), [
        ({"result": ""}, "result", None), ({"log_url": ""}, "log_url", None), ({"end_time": ""}, "ended", None),
        ({"end_time": "yesterday"}, "ended", None), ({"end_time": "2026-11-21T02:07:52.123456"}, "ended",
        1795226872000),
        ({"artifacts": None}, "artifacts", ()), ({"artifacts": [None, {}, {"name": "a"}, {"name": "a", "url": 1}]},
        "artifacts", ()),
        ({"artifacts": [{"name": "a", "url": "b", "metadata": "counters"}]}, "artifacts", (Artifact("a", "b", None),)),
        ({"artifacts": [{"name": "a", "url": "b", "metadata": {"type": 1}}]}, "artifacts", (Artifact("a", "b", None),)),
        ({"voting": None}, "voting", True), ({"voting": False}, "voting", False), ({"ref": None}, "project", ""),
        ({"job_name": "half \ud800"}, "job", "half ?"), ({"job_name": "nul \0"}, "job", "nul ?"),
        ({"artifacts": [{"name": "\ud800", "url": "\0\udfff", "metadata": {"type": "\ud800"}}]}, "artifacts",
         (Artifact("?", "??", "?"),)),
    ])
    def test_that_are_odd(self, changed, name, value):
        assert getattr(parsed(**changed), name) == value

    TEXT = st.text() | st.text("\ud800\udfffa")
    ARTIFACTS = st.lists(st.fixed_dictionaries({"name": TEXT, "url": TEXT, "metadata": st.builds(dict, type=TEXT)}))
    VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.lists(TEXT) | st.just({}) | ARTIFACTS

    @given(st.dictionaries(st.sampled_from([*ROW, "project", "branch"]), VALUES))
    def test_of_any_shape_are_read_or_unreadable(self, changed):
        try:
            build = parsed(**changed)
        except Unreadable:
            return
        assert build.uuid.encode()
        assert build.job.encode()
        assert all((artifact.name + artifact.url + (artifact.type or "")).encode() for artifact in build.artifacts)


@pytest.fixture
def server():
    with demo.Zuul() as server:
        yield server


def client(server, root="") -> Zuul:
    return Zuul(Http([f"{server.url}{root}/api/"], seconds=5), server.url + root)


def link(url: str, uuid: str | None = UUID) -> BuildLink:
    return BuildLink("tempest-full", url, uuid)


class TestAnswers:
    @pytest.mark.parametrize("flat", [False, True])
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_come_by_the_page(self, server, flat, slash):
        server.flat = flat
        server.add_build(UUID, "tempest-full", {"a": b"b"})
        build = client(server, "").build(link(server.page(UUID) + slash))
        assert (build.uuid, build.project, build.log_url) == (UUID, "openstack/nova", f"{server.logs}e73/{UUID}/")
        assert server.requests == [f"/api/tenant/openstack/build/{UUID}"]

    @pytest.mark.parametrize(("page", "asked"), [
        (f"/build/{UUID}", f"/api/build/{UUID}"),
        (f"/zuul/t/rdoproject.org/build/{UUID}", f"/zuul/api/tenant/rdoproject.org/build/{UUID}"),
        (f"/ci/zuul/build/{UUID}", f"/ci/zuul/api/build/{UUID}"),
        (f"/t/my%20tenant/build/{UUID}", f"/api/tenant/my%20tenant/build/{UUID}"),
        (f"/t/a%2Fb%3F%23/build/{UUID}", f"/api/tenant/a%2Fb%3F%23/build/{UUID}"),
        (f"/t/caf\xe9/build/{UUID}", f"/api/tenant/caf%C3%A9/build/{UUID}"),
        (f"/t/~a:b@c/build/{UUID}", f"/api/tenant/~a%3Ab%40c/build/{UUID}"),
    ])
    def test_are_asked_for_where_the_root_is(self, server, page, asked):
        root = page[: page.index("/t/") if "/t/" in page else page.index("/build/")]
        server.answers[asked] = demo.Answer(json.dumps(ROW).encode())
        assert client(server, root).build(link(server.url + page)).uuid == UUID
        assert server.requests == [asked]

    @pytest.mark.parametrize("page", [
        "/t/openstack/buildset/" + UUID, f"/t/a/b/build/{UUID}", f"/t/../build/{UUID}", f"/t/%2e%2e/build/{UUID}",
        f"/t/..%2f../build/{UUID}", f"/t/a?b/build/{UUID}", f"/t/openstack/build/{UUID}?x", f"/t//build/{UUID}",
            "/t/openstack/build/x",
        "/t/openstack/build/" + "0" * 32, f"/elsewhere/build/{UUID}", f"/t/openstack/build/{UUID}\n",
    ])
    def test_are_not_asked_for_elsewhere(self, server, page):
        with pytest.raises(Forbidden):
            client(server).build(link(server.url + page))
        with pytest.raises(Forbidden, match="is no build page under"):
            client(server, "/zuul").build(link(server.url + page))
        assert server.requests == []

    def test_are_asked_for_under_the_root_of_their_page(self, server):
        """Roots may lie within each other; the longest is that of the page."""
        roots = [server.url, f"{server.url}/tenant/", f"{server.url}/ten"]
        zuul = Zuul(Http([f"{root.rstrip('/')}/api/" for root in roots], seconds=5), *roots)
        pages = {f"{server.url}/t/openstack/build/{UUID}": f"/api/tenant/openstack/build/{UUID}",
                 f"{server.url}/tenant/build/{UUID}": f"/tenant/api/build/{UUID}",
                 f"{server.url}/ten/build/{UUID}": f"/ten/api/build/{UUID}"}
        for page, asked in pages.items():
            server.answers[asked] = demo.Answer(json.dumps(ROW).encode())
            assert zuul.build(link(page)).uuid == UUID
        assert server.requests == list(pages.values())
        with pytest.raises(Forbidden, match=f"is no build page under {roots[1]} or {roots[2]}/ or {roots[0]}/"):
            zuul.build(link(f"https://elsewhere.example.org/build/{UUID}"))

    def test_that_the_build_is_unknown(self, server):
        body = (SAMPLES / "zuul-14.3/api-build-unknown.txt").read_text().partition("\n\n")[2].encode()
        server.answers[f"/api/tenant/openstack/build/{UUID}"] = demo.Answer(body, 404, {"Content-Type": "text/html"})
        assert client(server).build(link(server.page(UUID))) is None

    def test_that_are_html(self, server):
        server.answers[f"/api/tenant/openstack/build/{UUID}"] = demo.Answer(b"<html>log in</html>")
        with pytest.raises(Unreadable, match="did not answer JSON but '<html>log in</html>'"):
            client(server).build(link(server.page(UUID)))

    def test_of_another_build(self, server):
        server.answers[f"/api/tenant/openstack/build/{UUID}"] = demo.Answer(json.dumps({**ROW,
            "uuid": "f" * 32}).encode())
        with pytest.raises(Unreadable, match="answered with another build, 'ffff"):
            client(server).build(link(server.page(UUID)))

    def test_that_are_packed(self, server):
        row = server.add_build(UUID, "tempest-full")
        server.serve_log(f"{server.url}/api/tenant/openstack/build/{UUID}", json.dumps(row).encode())
        assert client(server).build(link(server.page(UUID))).job == "tempest-full"

    @pytest.mark.parametrize("form", [15, -15])
    def test_that_are_deflated(self, server, form):
        row = server.add_build(UUID, "tempest-full")
        packer = zlib.compressobj(wbits=form)
        body = packer.compress(json.dumps(row).encode()) + packer.flush()
        server.answers[f"/api/tenant/openstack/build/{UUID}"] = demo.Answer(body, headers={
            "Content-Encoding": "Deflate"})
        assert client(server).build(link(server.page(UUID))).job == "tempest-full"

    def test_without_end(self, server):
        server.answers[f"/api/tenant/openstack/build/{UUID}"] = demo.Answer(b"[" * 5_000_000)
        with pytest.raises(Unreadable, match="more than 4,194,304 bytes"):
            client(server).build(link(server.page(UUID)))

    def test_that_zuul_is_busy(self, server):
        server.answers[f"/api/tenant/openstack/build/{UUID}"] = demo.Answer(b"", 503, {"Retry-After": "7"})
        with pytest.raises(Unavailable) as raised:
            client(server).build(link(server.page(UUID)))
        assert raised.value.after == 7


class TestBuildsets:
    SET, NONE, UNDER_WAY = "5" * 32, "1" * 32, "2" * 32

    def link(self, url: str) -> BuildLink:
        return BuildLink(OMITTED, url, self.SET)

    @pytest.mark.parametrize("flat", [False, True])
    def test_give_the_builds_that_left_logs_or_still_may_or_failed(self, server, flat):
        server.flat = flat
        rows = [server.add_build(UUID, "tempest-full", {"a": b"b"}), server.add_build(self.NONE, "noop"),
                server.add_build(self.UNDER_WAY, "slow", result=None),
                server.add_build("4" * 32, "no-node", result="NODE_FAILURE"),
                {**server.add_build("3" * 32, "retried", {"a": b"b"}), "final": False}]
        server.add_buildset(self.SET, rows)
        assert client(server).buildset(self.link(f"{server.url}/t/openstack/buildset/{self.SET}")) == (
            BuildLink("tempest-full", server.page(UUID), UUID),
            BuildLink("slow", server.page(self.UNDER_WAY), self.UNDER_WAY),
            BuildLink("no-node", server.page("4" * 32), "4" * 32))

    def test_are_asked_for_where_a_white_label_root_is(self, server):
        server.answers[f"/api/buildset/{self.SET}"] = demo.Answer(json.dumps({"builds": [ROW]}).encode())
        assert client(server).buildset(self.link(f"{server.url}/buildset/{self.SET}/")) == (
            BuildLink("tempest-full", f"{server.url}/build/{UUID}", UUID),)

    def test_without_builds(self):
        assert list(parse_buildset(b"{}")) == []

    def test_that_are_unknown(self, server):
        assert client(server).buildset(self.link(f"{server.url}/t/openstack/buildset/{self.SET}")) is None

    @pytest.mark.parametrize("page", [f"/t/openstack/build/{SET}", f"/t/a/b/buildset/{SET}", f"/buildset/{UUID}"])
    def test_are_not_asked_for_elsewhere(self, server, page):
        with pytest.raises(Forbidden, match="is no buildset page under"):
            client(server).buildset(self.link(server.url + page))
        assert server.requests == []

    @pytest.mark.parametrize(("answer", "why"), [
        (b"[]", "did not answer an object"), (b"<html>", "did not answer JSON"),
        (b'{"builds": {}}', "no list of rows"), (b'{"builds": [7]}', "no list of rows"),
        (b'{"builds": [{"job_name": "a"}]}', "has no uuid"),
        (b'{"builds": [{"uuid": "../x", "job_name": "a"}]}', "a uuid in Zuul's API is '../x'"),
        (json.dumps({"builds": [{"uuid": UUID}]}).encode(), "has no job_name"),
    ])
    def test_of_wrong_shape(self, answer, why):
        with pytest.raises(Unreadable, match=why):
            list(parse_buildset(answer))


class TestLists:
    def recorded(self, server, name: str, kind: str) -> Zuul:
        for row in json.loads((SAMPLES / f"zuul-14.3/{name}").read_text()):
            server.serve_row(row, kind)
        return client(server)

    def tenant(self, server) -> str:
        return f"{server.url}/t/openstack"

    @pytest.mark.parametrize("name", ["api-builds.json", "api-builds-while-running.json"])
    def test_are_answered_by_the_demo_as_recorded(self, server, name):
        rows = json.loads((SAMPLES / f"zuul-14.3/{name}").read_text())
        self.recorded(server, name, "build")
        assert json.loads(server.listed("/api/tenant/openstack/builds").body) == rows[:50]
        buildsets = json.loads((SAMPLES / "zuul-14.3/api-buildsets.json").read_text())
        self.recorded(server, "api-buildsets.json", "buildset")
        assert json.loads(server.listed("/api/tenant/openstack/buildsets?limit=99").body) == buildsets

    def test_give_builds_newest_first_page_by_page(self, server):
        zuul = self.recorded(server, "api-builds.json", "build")
        rows = sorted(server.rows["build"].values(), key=lambda row: -row["_id"])
        pages = zuul.builds(self.tenant(server), limit=3, complete="true")
        first = next(pages)
        assert len(server.requests) == 1
        server.serve_row({**server.add_build("f" * 32, "new"), "_id": 999})  # meanwhile
        found = [*first, *(row for page in pages for row in page)]
        assert [(row.id, row.build.uuid) for row in found] == [
            (row["_id"], row["uuid"]) for row in rows if row["result"] is not None]
        assert found[0].build == replace(parse_build(json.dumps(rows[0]).encode()), tenant="openstack")
        assert found[0].link == BuildLink(rows[0]["job_name"], server.page(rows[0]["uuid"]), rows[0]["uuid"])

    def test_are_filtered_by_zuul(self, server):
        zuul = self.recorded(server, "api-builds.json", "build")
        found = [row.build for page in zuul.builds(self.tenant(server), job_name="tempest-full", voting="true",
                                                   result=["FAILURE", "TIMED_OUT"]) for row in page]
        assert found
        assert {(build.job, build.result) for build in found} == {("tempest-full", "FAILURE")}
        [[row]] = zuul.builds(self.tenant(server), idx_min=55, idx_max=55)
        assert row.id == 55

    def test_give_buildsets(self, server):
        zuul = self.recorded(server, "api-buildsets.json", "buildset")
        rows = [row for page in zuul.buildsets(self.tenant(server) + "/", idx_min=12) for row in page]
        assert [row.id for row in rows] == list(range(20, 11, -1))
        assert (rows[0].uuid, rows[0].result, rows[0].at) == (
            "42c65503cfb8426288afb66df55f8705", "FAILURE", 1795226872000)
        assert rows[-1].at == 1795226379000  # a configuration error has no builds

    def test_of_rows_as_up_to_zuul_9(self, server):
        server.flat = True
        server.add_build(UUID, "tempest-full", change=1)
        [[row]] = client(server).builds(self.tenant(server))
        assert (row.build.project, row.build.change, row.build.patchset) == ("openstack/nova", 1, 1)

    @pytest.mark.parametrize(("root", "page", "asked"), [
        ("", "/t/my%20tenant", "/api/tenant/my%20tenant/builds?limit=50"),
        ("", "", "/api/builds?limit=50"), ("/zuul", "/zuul", "/zuul/api/builds?limit=50"),
        ("/zuul", "/zuul/t/a/", "/zuul/api/tenant/a/builds?limit=50"),
    ])
    def test_are_asked_for_by_the_tenants_page(self, server, root, page, asked):
        server.answers[asked] = demo.Answer(b"[]")
        assert list(client(server, root).builds(server.url + page)) == []
        assert server.requests == [asked]

    @pytest.mark.parametrize("page", ["/t/a/builds", "/t/../x", "/t/a?b", "/elsewhere", "/zuul2/t/a"])
    def test_are_not_asked_for_elsewhere(self, server, page):
        with pytest.raises(Forbidden, match="is no tenant's page under"):
            list(client(server, "/zuul").builds(server.url + page))
        assert server.requests == []

    def test_of_a_tenant_that_is_unknown(self, server):
        with pytest.raises(Unreadable, match=r"no list of builds at http://.*/t/nowhere; 'zuul\.tenants'"):
            list(client(server).builds(f"{server.url}/t/nowhere"))

    @pytest.mark.parametrize(("answer", "why"), [
        (b"{}", "did not answer a list"), (b"<html>log in</html>", "did not answer JSON"), (b"[7]", "a list of rows"),
        (json.dumps([{**ROW, "_id": None}]).encode(), "no number '_id', which Zuul gives since 4.12"),
        (json.dumps([{**ROW, "uuid": "x"}]).encode(), "a uuid in Zuul's API is 'x'"),
    ])
    def test_of_wrong_shape(self, server, answer, why):
        server.answers["/api/tenant/openstack/builds?limit=50"] = demo.Answer(answer)
        with pytest.raises(Unreadable, match=why):
            list(client(server).builds(self.tenant(server)))


class TestWholeBuildsets:
    SET = "42c65503cfb8426288afb66df55f8705"
    TENANT = "https://zuul.example.org/t/openstack"

    def test_of_zuul_14(self):
        found = parse_whole((SAMPLES / "zuul-14.3/api-buildset.json").read_bytes(), self.TENANT, self.SET)
        assert (found.page, found.pipeline) == (f"{self.TENANT}/buildset/{self.SET}", "check")
        assert found.patchsets == (
            PatchSet("", "openstack/nova", "master", 13, 1, "http://127.0.0.1:8089/c/openstack/nova/+/13"),)
        assert BuildLink("tempest-full", f"{self.TENANT}/build/{UUID}", UUID) in found.builds

    def test_leave_out_what_was_tried_again_and_have_what_was_skipped(self):
        data = (SAMPLES / "zuul-14.3/api-buildset-experimental-all-results.json").read_bytes()
        found = parse_whole(data, self.TENANT, self.SET)
        assert [link.job for link in found.builds] == [
            "tempest-full", "exp-timeout", "exp-long", "exp-post-failure", "exp-retry", "exp-skipped"]

    @pytest.mark.parametrize(("ref", "branch"), [
        ({"branch": "master", "change": None, "patchset": None, "ref": "refs/heads/master", "newrev": "a" * 40},
         "master"),
        ({"branch": None, "change": None, "patchset": None, "ref": "refs/tags/v1"}, "v1"),
        ({"branch": "main", "change": 7, "patchset": "a" * 40, "ref": "refs/pull/7/head"}, "main"),
        ({"branch": "main", "change": 7, "patchset": "2", "ref": "refs/pull/7/head"}, "main"),
    ])
    def test_that_tested_no_gerrit_change_lead_to_their_page(self, ref, branch):
        data = json.dumps({"pipeline": "periodic", "refs": [{"project": "openstack/nova", **ref}]}).encode()
        [patchset] = parse_whole(data, self.TENANT, self.SET).patchsets
        assert patchset == PatchSet("", "openstack/nova", branch, None, None, f"{self.TENANT}/buildset/{self.SET}")

    def test_of_zuul_9_and_of_a_cycle_of_changes(self, server):
        server.flat = True
        server.add_buildset(self.SET, [server.add_build(UUID, "tempest-full")], result="SUCCESS")
        [patchset] = client(server).whole(f"{server.url}/t/openstack", self.SET).patchsets
        assert (patchset.project, patchset.change, patchset.number) == ("openstack/nova", 1, 1)
        refs = [{"change": number, "patchset": "1", "ref": f"refs/changes/{number}"} for number in (1, 2)]
        found = parse_whole(json.dumps({"refs": refs}).encode(), self.TENANT, self.SET)
        assert [patchset.change for patchset in found.patchsets] == [1, 2]
        assert client(server).whole(f"{server.url}/t/openstack", "0" * 32) is None
