"""Build rows of Zuul's API, as recorded and as they should not be."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.clients.http import Forbidden, Http, Unavailable
from counterbot.clients.zuul import Zuul, parse_build, parse_buildset
from counterbot.core.model import OMITTED, Artifact, Build, BuildLink, Unreadable
from tests import zuul_server as demo

SAMPLES = Path(__file__).parent.parent / "samples"
UUID = "e7399332667b42ffabfe9ae67a7f2389"
LOGS = f"http://127.0.0.1:9080/zuul_opendev_logs_e73/openstack/{UUID}/"
ROW = json.loads((SAMPLES / "zuul-14.3/api-build.json").read_text())


def parsed(**changed) -> Build:
    return parse_build(json.dumps({**ROW, **changed}).encode())


class TestRows:
    def test_of_zuul_14(self):
        assert parse_build((SAMPLES / "zuul-14.3/api-build.json").read_bytes()) == Build(
            UUID, "tempest-full", "FAILURE", True, "openstack/nova", "master", "check", LOGS,
            (Artifact("Zuul Manifest", LOGS + "zuul-manifest.json", "zuul_manifest"),), 1795226872000, 13, 1, (13,))

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
        ({"refs": [{"change": 13}, {"change": "7", "patchset": "2"}, {"change": None}, {}, None]}, (13, 7)),
        ({"refs": []}, ()), ({"refs": {}}, ()), ({"refs": [{"change": "x"}]}, ()), ({}, ()), (None, ()), ("x", ()),
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
    def test_give_the_builds_that_left_logs_or_still_may(self, server, flat):
        server.flat = flat
        rows = [server.add_build(UUID, "tempest-full", {"a": b"b"}), server.add_build(self.NONE, "skipped"),
                server.add_build(self.UNDER_WAY, "slow", result=None),
                {**server.add_build("3" * 32, "retried", {"a": b"b"}), "final": False}]
        server.add_buildset(self.SET, rows)
        assert client(server).buildset(self.link(f"{server.url}/t/openstack/buildset/{self.SET}")) == (
            BuildLink("tempest-full", server.page(UUID), UUID),
            BuildLink("slow", server.page(self.UNDER_WAY), self.UNDER_WAY))

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
        (b'{"builds": [{"uuid": "../x", "job_name": "a"}]}', "a uuid in the buildset of Zuul's API is '../x'"),
        (json.dumps({"builds": [{"uuid": UUID}]}).encode(), "has no job_name"),
    ])
    def test_of_wrong_shape(self, answer, why):
        with pytest.raises(Unreadable, match=why):
            list(parse_buildset(answer))
