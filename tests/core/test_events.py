"""What the bot makes of event lines: the forms that were seen, the damaged, and the hostile."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterbot.cli.explain import command
from counterbot.core import limits
from counterbot.core.events import Recognition, digest, follows, parse_line, recognise
from counterbot.core.model import OMITTED, BuildLink, Ignored, Merged, PatchSet, Report, Unreadable

SAMPLES = Path(__file__).parents[1] / "samples"
ZUUL = Recognition(frozenset({"zuul"}), server="review")
ROOT = "https://zuul.example.org/t/demo"
ONE, TWO, SET = "1" * 32, "2" * 32, "e" * 32
DOCS = "https://docs.opendev.org/opendev/infra-manual/latest/developers.html#automated-testing"


def page(uuid: str = ONE, root: str = ROOT) -> str:
    return f"{root}/build/{uuid}"


def event(comment: object, **changed: object) -> dict[str, object]:
    usual = {"type": "comment-added", "author": {"username": "zuul"}, "comment": comment,
             "change": {"project": "openstack/nova", "branch": "master", "number": 7, "url": "https://review/7"},
             "patchSet": {"number": 2}}
    return {**usual, **changed}


def report(comment: object, settings: Recognition = ZUUL, **changed: object) -> Report:
    """Through a line of bytes, as it comes."""
    found = recognise(parse_line(json.dumps(event(comment, **changed)).encode()), settings)
    assert isinstance(found, Report), found
    return found


def why(comment: object, settings: Recognition = ZUUL, **changed: object) -> str:
    found = recognise(parse_line(json.dumps(event(comment, **changed)).encode()), settings)
    assert isinstance(found, Ignored), found
    return found.why


def links(comment: str) -> list[tuple[str, str, str | None]]:
    return [(link.job, link.url, link.uuid) for link in report(comment).builds]


# -- the comment's job lines


@pytest.mark.parametrize(
    "line",
    [
        "- job URL : SUCCESS in 5m 32s",
        "- job URL : FAILURE in 1h 04m 35s (non-voting)",
        "- job URL : SKIPPED Skipped due to failed job tempest-full",
        "- job URL : NODE_FAILURE Node(set) request 300-12 failed in 0s",
        "- job URL : RETRY_LIMIT Host unreachable in 3m 02s",
        "- job URL : all is well : see https://elsewhere.example.org/build/x : in the end in 2s",
        "- job URL : ",
        "- job URL : SUCCESS in 5s\r",
        "- job URL... (truncated)",
        "- job URL : SUCC... (truncated)",
        "- job URL",
    ],
)
def test_job_and_page_are_taken_whatever_the_result(line):
    assert links(line.replace("URL", page())) == [("job", page(), ONE)]


@pytest.mark.parametrize(
    ("url", "uuid"),
    [
        (page(), ONE),
        (page() + "/", ONE),
        (page(root="http://127.0.0.1:9000/t/openstack"), ONE),
        (page(root="https://zuul.white-label.example.org"), ONE),  # no /t/<tenant>
        ("http://logs.openstack.org/44/60244/12/check/gate-keystone-pep8/5ef9f24", None),
        ("http://docs-draft.openstack.org/44/60244/12/check/docs/60c7b1b/doc/build/html/", None),
        (f"{ROOT}/build/{'1' * 31}", None),
        (f"{ROOT}/build/{'1' * 33}", None),
        (f"{ROOT}/build/{'G' * 32}", None),
    ],
)
def test_a_build_page_ends_with_the_uuid_and_other_urls_have_none(url, uuid):
    assert links(f"- job {url} : SUCCESS in 1s") == [("job", url, uuid)]


@pytest.mark.parametrize(
    "line",
    [
        "- job job : SUCCESS in 1s",  # no web root is configured
        f"job {page()} : SUCCESS",
        f"  - job {page()} : SUCCESS",  # quoted in a warning
        f"* job {page()} : SUCCESS",
        f"- {page()} : SUCCESS",
        "- job ftp://zuul.example.org/build/" + ONE + " : SUCCESS",
        "- https://review.example.org/c/7 (config error)",
        f"- job {ROOT}/build/1111... (truncated)",
        f"- job {ROOT}/build/{'1' * 33}... (truncated)",
        "- job https://logs.example.org/12/3... (truncated)",
        f"- {'j' * 256} {page()} : SUCCESS",
        f"- job https://zuul.example.org/{'x' * 2000}/build/{ONE} : SUCCESS",
        f"- see earlier {page()}, it passed",
        f"- see earlier {page()}\nDone.",
        f"- job build/{ONE} : see {page()} : SUCCESS",  # no web root is configured
        f"- job t/openstack/build/{ONE} : see {page()} : SUCCESS",
        f"Warning:\n  Same as\n- job {page()} : SUCCESS",
        f"Debug information:\n  Same as\n- job {page()} : SUCCESS",
    ],
)
def test_other_lines_are_no_builds(line):
    assert links(f"- good {page(TWO)} : SUCCESS in 1s\n{line}\n") == [("good", page(TWO), TWO)]


def test_a_job_name_may_hold_what_zuul_allows():
    for job in ("a", "tempest full : slow", "päckchen", "x" * 255, "-", "job (1)"):
        assert links(f"- {job} {page()} : SUCCESS in 1s") == [(job, page(), ONE)]


def test_the_same_line_twice_is_one_build():
    assert links(f"- a {page()} : FAILURE\n- b {page(TWO)} : FAILURE\n- a {page()} : FAILURE") == [
        ("a", page(), ONE), ("b", page(TWO), TWO)]


# -- whole comments


def test_a_failure_of_opendev_with_the_docs_url_before_the_buildset():
    found = report(
        "Patch Set 2: Verified-1\n\n(1 comment)\n\n"
        f"Build failed (check pipeline).  For information on how to proceed, see\n{DOCS}\n\n{ROOT}/buildset/{SET}\n\n"
        f"- tempest-full {page()} : FAILURE in 8s\n- devstack-nv {page(TWO)} : FAILURE in 8s (non-voting)\n"
        "Skipped 2 jobs\n\nWarning:\n  File x found in build home directory (gate pipeline)\n")
    assert found == Report(
        PatchSet("review", "openstack/nova", "master", 7, 2, "https://review/7"), "check", SET,
        (BuildLink("tempest-full", page(), ONE), BuildLink("devstack-nv", page(TWO), TWO)))


@pytest.mark.parametrize(
    ("introduction", "pipeline", "buildset"),
    [
        (f"Patch Set 2: Verified+1\n\nBuild succeeded (check pipeline).\n{ROOT}/buildset/{SET}", "check", SET),
        (f"Patch Set 2:\n\nBuild succeeded (gate pipeline).\n{ROOT}/buildset/{SET}", "gate", SET),
        (f"Patch Set 2: -Verified\n\nBuild succeeded.\n{ROOT}/buildset/{SET}", None, SET),
        (f"Build succeeded (ARM64 pipeline).\nhttps://white.example.org/buildset/{SET}", "ARM64", SET),
        ("Patch Set 2: Verified+1 Code-Review-1\n\n(12 comments)\n\nBuild succeeded (third-party-check pipeline).",
         "third-party-check", None),
        ("Build canceled (check pipeline).", "check", None),
        (f"Build failed.\n\n- see https://docs.example/a first\n- recheck (once)\n\n{ROOT}/buildset/{SET}", None, SET),
        (f"- Build failed (check pipeline).\n{ROOT}/buildset/{SET}", "check", SET),
        (f"Build failed.\n- Docs https://docs.example/a : how to go on (check pipeline)\n{ROOT}/buildset/{SET}",
         "check", SET),
        (f"Build failed, unlike {ROOT}/buildset/{'0' * 32} (check pipeline).\n{ROOT}/buildset/{SET}", "check", SET),
        ("This change is part of a dependency cycle that failed.\n\nMerge of the (two) (gate pipeline)", "gate", None),
        (f"Build failed (the check pipeline).\n{ROOT}/buildset/{SET}0", None, None),
        ("", None, None),
    ],
)
def test_pipeline_and_buildset_come_from_the_introduction(introduction, pipeline, buildset):
    comment = (f"{introduction}\n\n- job {page()} : SUCCESS in 1s\n\nRelated changes:\n  - https://review/8\n"
               f"see (other pipeline) {ROOT}/buildset/{'f' * 32}\n")
    for text in (comment, comment.replace("\n", "\r\n")):
        found = report(text)
        assert (found.pipeline, found.buildset) == (pipeline, buildset)
        assert found.builds == (BuildLink("job", page(), ONE),)


def test_a_report_cut_at_zuuls_limit_keeps_every_whole_build_page():
    jobs = "".join(f"- job-{number:03} {page(f'{number:032x}')} : SUCCESS in 5m 32s\n" for number in range(300))
    for end in range(16_000, 16_056):
        whole = [f"{number:032x}" for number in range(300) if f"/build/{number:032x}" in jobs[:end]]
        cut = f"Build succeeded (check pipeline).\n\n{jobs[:end]}... (truncated)"
        assert [link.uuid for link in report(cut).builds] == whole


SHORT = "Successful jobs omitted due to length restrictions\n"


@pytest.mark.parametrize("lines", ["", f"- job {page()} : FAILURE in 1s\n", "Skipped 5 jobs\n"])
@pytest.mark.parametrize("docs", ["", f"{DOCS}\n"])
def test_jobs_that_zuul_left_out_are_to_be_asked_for_by_the_buildset(lines, docs):
    found = report(f"Build failed (check pipeline).\n{docs}{ROOT}/buildset/{SET}\n\n{lines}{SHORT}\nfooter\n")
    assert (found.pipeline, found.buildset, len(found.builds)) == ("check", SET, "job" in lines and "http" in lines)
    assert found.omitted == BuildLink(OMITTED, f"{ROOT}/buildset/{SET}", SET)


@pytest.mark.parametrize("cut", [f"- job {page()} : SUCC", f"- job {page()}", "- jo", ""])
def test_a_cut_report_has_more_jobs_than_it_tells(cut):
    found = report(f"Build succeeded.\n{ROOT}/buildset/{SET}\n\n{cut}... (truncated)")
    assert found.omitted == BuildLink(OMITTED, f"{ROOT}/buildset/{SET}", SET)


def test_a_whole_report_has_all_its_jobs():
    assert report(f"Build succeeded.\n{ROOT}/buildset/{SET}\n\n- job {page()} : SUCCESS").omitted is None
    assert report(f"Build canceled.\n\n- job {page()} : SUCCESS\n{SHORT}").omitted is None  # that names no buildset


def test_the_buildset_of_another_zuul_is_not_asked():
    ours = Recognition(frozenset({"zuul"}), zuul_urls=("https://other.example.org",))
    comment = f"Build succeeded.\n{ROOT}/buildset/{SET}\n\n{SHORT}"
    assert why(comment, ours) == f"no build page under https://other.example.org: {ROOT}/buildset/{SET}"


MESSAGE = f"Build failed (check pipeline).\n\n- job {page()} : X"
LEVEL = {"patchSetComments": {"/PATCHSET_LEVEL": [{"message": MESSAGE}]}}


@pytest.mark.parametrize(
    "comment",
    [
        "Patch Set 2: Verified-1\n\n(1 comment)",  # the text stands in the patch-set-level comment alone
        f"Patch Set 2:\n\nBuild failed (check pipeline).\n\n- job {page()} : X",  # in both
        f"Patch Set 2:\r\n\r\nBuild failed (check pipeline).\r\n\r\n- job {page()} : X",
        None,
        "",
    ],
)
def test_a_patch_set_level_comment_is_read_with_the_comment(comment):
    found = report(comment, **LEVEL)
    assert (found.pipeline, found.builds) == ("check", (BuildLink("job", page(), ONE),))


# -- who, and on what


@pytest.mark.parametrize(
    ("comment", "changed", "told"),
    [
        # a human, a stranger, an account without a user name, none at all
        ("Patch Set 2:\n\nrecheck", {"author": {"username": "ann"}}, "author ann is no CI account"),
        (f"- job {page()} : SUCCESS", {"author": {"username": "mallory"}}, "author mallory is no CI account"),
        (f"- job {page()} : SUCCESS", {"author": {"name": "zuul"}}, "author unknown is no CI account"),
        (f"- job {page()} : SUCCESS", {"author": None}, "author unknown is no CI account"),
        (f"- job {page()} : SUCCESS", {"author": "zuul"}, "author unknown is no CI account"),
        (f"- job {page()} : SUCCESS", {"author": {"username": "a\nb\x1b[31m"}}, "author a b[31m is no CI account"),
        # Zuul without a build
        ("Patch Set 1: -Verified\n\nStarting gate jobs.", {}, "no build in the comment: Starting gate jobs."),
        ("Patch Set 1: Code-Review+2", {}, "no build in the comment: Patch Set 1: Code-Review+2"),
        ("Merge Failed.\n\nThis change", {}, "no build in the comment: Merge Failed."),
        (f"Build succeeded.\n\n- job build/{ONE} : SUCCESS in 5m", {},
         "the job lines have no URL: set the tenant's web-root, or root under [web] in zuul.conf"),
        ("Patch Set 1:\n\n" + "x" * 200, {}, f"no build in the comment: {'x' * 117}…"),
        ("", {}, "no build in the comment: (empty)"),
        (["- job"], {}, "no build in the comment: (empty)"),
        # what is missing
        (f"- job {page()} : S", {"change": {}}, "the event has no change number and no project"),
        (f"- job {page()} : S", {"patchSet": {"number": True}}, "the event has no patch set number"),
        (f"- job {page()} : S", {"patchSet": {"number": -1}}, "the event has no patch set number"),
        (f"- job {page()} : S", {"change": {"project": "p", "number": "7" * 12}}, "the event has no change number"),
        (f"- job {page()} : S", {"change": {"project": "p", "number": 10**5000 // 10**4000}},
         "the event has no change number"),
        # other events
        ("x", {"type": "dropped-output"}, "event type dropped-output"),
        ("x", {"type": "x" * 10_000}, f"event type {'x' * 117}…"),
    ],
)
def test_ignored_events_say_why(comment, changed, told):
    assert why(comment, **changed) == told


def test_the_bots_own_comment_is_ignored_even_where_it_is_a_ci_account():
    own = Recognition(frozenset({"zuul", "counterbot"}), own_account="counterbot")
    assert why(f"- job {page()} : S", own, author={"username": "counterbot"}) == "the bot's own comment"
    assert report(f"- job {page()} : S", own)


def test_several_ci_accounts():
    both = Recognition(frozenset({"zuul", "arm-ci"}))
    assert report(f"- job {page()} : S", both, author={"username": "arm-ci"})


def test_pages_under_any_of_the_configured_roots_count():
    """A tenant may have a root of its own, without its name in it."""
    roots = ("https://zuul.example.org", "https://ci.tenant.org/")
    settings = Recognition(frozenset({"zuul"}), zuul_urls=roots)
    for url in ("https://zuul.example.org/t/x", "https://ci.tenant.org"):
        assert report(f"- a {url}/build/{ONE} : S", settings).builds == (BuildLink("a", f"{url}/build/{ONE}", ONE),)
    assert why(f"- a https://other.org/build/{ONE} : S", settings) == (
        f"no build page under {' or '.join(roots)}: https://other.org/build/{ONE}")


@pytest.mark.parametrize(
    "root", ["https://ZUUL.example.org", "https://zuul.example.org:443/", "HTTPS://zuul.example.org"])
def test_a_root_may_be_written_otherwise_than_zuul_writes_it(root):
    page = BuildLink("a", f"https://zuul.example.org/t/x/build/{1:032x}", f"{1:032x}")
    assert follows(page, [root])
    assert not follows(page, [f"{root.rstrip('/')}/t/y"])


def test_only_pages_under_the_configured_root_count():
    settings = Recognition(frozenset({"zuul"}), zuul_urls=("https://zuul.example.org/",))
    assert len(report(f"- a {page()} : S\n- b https://evil.example.com/build/{TWO} : S", settings).builds) == 2
    for url in ("https://evil.example.com/t/x", "https://zuul.example.org.evil.com", "https://zuul.example.organic",
                "http://zuul.example.org"):
        assert why(f"- a {url}/build/{ONE} : S", settings) == (
            f"no build page under https://zuul.example.org/: {url}/build/{ONE}")
    assert not follows(BuildLink("a", "https://zuul.example.org/logs/1", None), ["https://zuul.example.org"])


@pytest.mark.parametrize(
    "changed",
    [
        {"change": {"project": "p", "number": "7"}, "patchSet": {"number": "2"}},  # Gerrit before 2.14
        {"change": {"number": 7}, "project": {"name": "p"}},  # sinks other than SSH
        {"change": {"number": 7}, "project": "p"},
    ],
)
def test_older_and_other_forms_of_numbers_and_projects(changed):
    assert report(f"- job {page()} : S", **changed).patchset == PatchSet("review", "p", "", 7, 2)


def test_half_a_surrogate_pair_and_nul_are_replaced():
    line = b'{"type":"comment-added","author":{"username":"zuul"},"comment":"- a\\u0000\\ud83d %s : S",' \
           b'"change":{"project":"p\\udc00","number":7},"patchSet":{"number":2}}' % page().encode()
    found = recognise(parse_line(line), ZUUL)
    assert isinstance(found, Report)
    assert (found.builds[0].job, found.patchset.project) == ("a��", "p�")


# -- recordings


def test_every_event_of_a_real_gerrit_with_a_real_zuul():
    three, six = ("openstack-tox-py311", "tempest-full", "devstack-nv"), (
        "tempest-full", "exp-timeout", "exp-long", "exp-post-failure", "exp-retry", "exp-skipped")
    reports = {
        5: (2, 1, "check", three), 10: (3, 1, "check", three), 16: (3, 1, "check", three),
        23: (3, 1, "experimental", ("tempest-full",)), 25: (4, 1, "check", three), 30: (3, 2, "check", three),
        34: (4, 1, "experimental", ("tempest-full",)), 38: (4, 1, "experimental", six), 43: (5, 1, "check", three),
        47: (5, 1, "experimental", six), 53: (4, 1, "gate", ("openstack-tox-py311",)),
        66: (4, 1, "gate", ("openstack-tox-py311",)), 78: (7, 1, "check", ("noop",)),
        87: (9, 1, "check", three), 92: (10, 1, "check", three), 97: (11, 1, "check", three),
        102: (12, 1, "check", three), 107: (13, 1, "check", three)}
    ignored = {51: "Starting gate jobs.", 58: "(1 comment)", 64: "Starting gate jobs.", 73: "Merge Failed."}
    lines = (SAMPLES / "zuul-14.3/stream-events-all.jsonl").read_bytes().splitlines()
    assert len(lines) == 107
    merged = []
    for number, line in enumerate(lines, 1):
        found = recognise(parse_line(line), ZUUL)
        if isinstance(found, Report):
            assert reports.pop(number) == (found.patchset.change, found.patchset.number, found.pipeline,
                                           tuple(link.job for link in found.builds))
            assert found.buildset
            assert all(link.uuid and link.url.endswith(link.uuid) for link in found.builds)
        elif isinstance(found, Merged):
            merged.append((found.patchset.change, found.patchset.number))
        elif number in ignored:
            assert found.why == f"no build in the comment: {ignored.pop(number)}"
        else:
            assert found.why.startswith("event type ") or found.why == "author admin is no CI account"
    assert not reports
    assert not ignored
    assert merged == [(4, 1)]


def test_captures_of_2014():
    events = json.loads((SAMPLES / "gerrit/comment-added-2014.json").read_text())
    jenkins = Recognition(frozenset({"jenkins"}))
    found = [recognise(event, jenkins) for event in events]
    assert [len(report.builds) for report in found] == [11, 12, 12, 21, 1, 11, 11, 11, 10, 7, 9]
    assert {(report.pipeline, report.buildset, link.uuid) for report in found for link in report.builds} == {
        (None, None, None)}
    assert found[0].patchset == PatchSet("", "openstack/keystone", "master", 60244, 12,
                                         "https://review.openstack.org/60244")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("change-deleted-2024-int-number", "event type change-deleted"),
        ("change-restored-2014-string-number", "event type change-restored"),
        ("vote-deleted", "event type vote-deleted"),
    ],
)
def test_other_captured_events(name, told):
    assert recognise(parse_line((SAMPLES / f"gerrit/{name}.json").read_bytes()), ZUUL) == Ignored(told)


def explained(*arguments: str, text: bytes | None = None) -> list[dict[str, object]]:
    result = CliRunner().invoke(command, arguments, input=text)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_explain_says_what_the_contract_says_to_the_letter():
    result = CliRunner().invoke(command, [str(SAMPLES / "contract/events.jsonl")])
    assert result.exit_code == 0
    assert result.stdout == (SAMPLES / "contract/explain.jsonl").read_text()


def test_explain_follows_the_configured_account_and_root():
    config, events = str(SAMPLES / "contract/config.yaml"), (SAMPLES / "contract/events.jsonl").read_bytes()
    with_url = "no build page under https://zuul.example.org"
    assert [str(line.get("ignored", "")).startswith(with_url) for line in explained("-c", config, text=events)] == [
        number == 3 for number in range(1, 10)]
    own = json.dumps(event("x", author={"username": "counterbot"})).encode()
    assert explained("-c", config, "-", text=own) == [{"line": 1, "ignored": "the bot's own comment"}]


def test_explain_of_lines_that_are_no_events():
    assert explained(text=b'[1]\n\xff\xfe\n{"type": 1}\n\n"x"\n{"type":"x"}\n') == [
        {"line": 1, "error": "a JSON array instead of an object"},
        {"line": 2, "error": "not JSON: Expecting value at column 1"},
        {"line": 3, "error": "it has no type"},
        {"line": 4, "error": "not JSON: Expecting value at column 1"},
        {"line": 5, "error": "a JSON string instead of an object"},
        {"line": 6, "ignored": "event type x"},
    ]


# -- what others may do to a line


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "not JSON: Expecting value at column 1"),
        (b'{"type": "comm', "not JSON: Unterminated string starting at at column 10"),
        (b"[" * 200_000, "not JSON that can be read: it is nested too deeply"),
        (b'{"type":' * 100_000, "not JSON that can be read: it is nested too deeply"),
        (b" " * (limits.EVENT_LINE + 1), "line of 1,048,577 bytes, more than the 1,048,576 that are read"),
        (b"NaN", "a JSON number instead of an object"),
        ((SAMPLES / "gerrit/hashtags-changed-NOT-STRICT-JSON.json").read_bytes(), None),
    ],
)
def test_lines_that_cannot_be_read_say_why(line, told):
    with pytest.raises(Unreadable) as error:
        parse_line(line)
    assert told is None or str(error.value) == told


def test_a_number_of_many_digits_costs_no_event():
    line = b'{"type":"comment-added","eventCreatedOn":%s,"x":[NaN,1e400]}' % (b"9" * 400_000)
    assert recognise(parse_line(line), ZUUL) == Ignored("author unknown is no CI account")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
                    max_leaves=12)
PIECES = st.sampled_from(["- ", " : ", "\n", "\r\n", page(), "https://", "(check pipeline)", f"/buildset/{SET}", "job",
                          "Patch Set 1:", " ", "\x00", "\ud800", "é", "... (truncated)"])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_give_anything_but_an_event_or_unreadable(line):
    with suppress(Unreadable):
        assert isinstance(recognise(parse_line(line), ZUUL), Ignored)
    assert len(digest(line)) == 64


@settings(deadline=None)
@example({"type": "comment-added", "author": {"username": "zuul"}, "change": {"number": 1, "project": "p"},
          "patchSet": {"number": 1}, "comment": f"https://z/buildset/{'0' * 32} ... (truncated)"})
@given(st.fixed_dictionaries({"type": st.just("comment-added")}, optional={
    "author": JSON | st.just({"username": "zuul"}), "comment": st.lists(PIECES, max_size=20).map("".join) | JSON,
    "change": JSON | st.just({"number": 1, "project": "p"}), "patchSet": JSON | st.just({"number": 1}),
    "project": JSON, "patchSetComments": JSON | st.fixed_dictionaries({"/PATCHSET_LEVEL": JSON})}))
def test_no_event_gives_anything_but_a_report_or_a_reason(event):
    found = recognise(parse_line(json.dumps(event).encode()), ZUUL)
    if isinstance(found, Report):
        assert found.links
        assert all(link.job.encode() and "\n" not in link.job for link in found.builds)
    else:
        assert 0 < len(found.why.encode()) < 200


@settings(deadline=None)
@given(JSON)
def test_the_digest_knows_an_event_in_any_spelling(value):
    event = {"type": "x", "value": value, "a": 1}
    line = json.dumps(event).encode()
    again = json.dumps(dict(reversed(event.items())), indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if "\\ud" not in line.decode():
        assert digest(line) == digest(again)
    assert digest(line) != digest(json.dumps({**event, "a": 2}).encode())


@pytest.mark.parametrize("changed", [
    {"eventCreatedOn": 5},
    {"author": {"username": "zuul", "name": "Zuul"}},
    {"change": {"project": {"name": "openstack/nova"}, "number": "7"}},
    {"patchSet": {"number": "2", "ref": "refs/changes/07/7/2"}},
    {"approvals": []},
    {"comment": f"Patch Set 2: Verified+1\n\nBuild succeeded.\n\n- job {page()} : SUCCESS in 5s\n"},
])
def test_a_report_is_the_same_event_however_much_is_told_of_it(changed):
    comment = f"Build succeeded.\n\n- job {page()} : SUCCESS in 5s"
    told = digest(json.dumps(event(comment)).encode())
    assert digest(json.dumps({**event(comment), **changed}).encode()) == told


@pytest.mark.parametrize("changed", [
    {"comment": f"- job {page(TWO)} : SUCCESS in 5s"},
    {"author": {"username": "somebody"}},
    {"change": {"project": "openstack/nova", "number": 8}},
    {"change": {"project": "openstack/cinder", "number": 7}},
    {"patchSet": {"number": 3}},
])
def test_another_report_is_another_event(changed):
    assert digest(json.dumps({**event(f"- job {page()} : SUCCESS in 5s"), **changed}).encode()) != digest(
        json.dumps(event(f"- job {page()} : SUCCESS in 5s")).encode())


@pytest.mark.parametrize("comment", ["recheck", f"recheck, see {page()}", "Starting check jobs."])
def test_what_is_said_twice_and_is_no_report_is_two_events(comment):
    first, second = (json.dumps(event(comment, eventCreatedOn=time)).encode() for time in (5, 6))
    assert digest(first) != digest(second)


def test_a_merge_is_the_same_event_however_much_is_told_of_it():
    merge = {"type": "change-merged", "change": {"project": "p", "number": 7}, "patchSet": {"number": 2}}
    told = digest(json.dumps(merge).encode())
    assert digest(json.dumps({**merge, "eventCreatedOn": 5, "newRev": "f00"}).encode()) == told
    assert digest(json.dumps({**merge, "patchSet": {"number": 3}}).encode()) != told


@pytest.mark.parametrize("marks", [1, 2])
def test_byte_order_marks_before_an_event_cost_nothing(marks):
    """Before the first one of a recording, and where recordings were joined."""
    line = json.dumps(event(f"- job {page()} : SUCCESS in 5s")).encode()
    marked = "\ufeff".encode() * marks + line + b"\r"
    assert recognise(parse_line(marked), ZUUL) == recognise(parse_line(line), ZUUL)
    assert digest(marked) == digest(line)


MEGABYTE = 1_000_000
HOSTILE = ["- a http://x", "http://", " http://x : ", "/build/", "https://x/buildset/", "/buildset/" + "e" * 31, "(",
           "(a pipeline", "- ", "\n- ", "\n- a http://x", "\n", " ", "\r", "Patch Set 1:", "x" * 32, "\u2028", "(a "]


@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_a_hostile_comment_of_a_megabyte_is_read_in_a_moment(unit):
    text = (unit * (MEGABYTE // len(unit)))
    began = time.process_time()
    for comment in (text, f"- a {text}", f"{text}\n- a {page()} : S", f"Patch Set 1:\n\n{text}- a http://"):
        recognise(event(comment), ZUUL)
    recognise(event("", patchSetComments={"/PATCHSET_LEVEL": [{"message": unit + "."}] * 50_000}), ZUUL)
    assert time.process_time() - began < 5  # seconds; a quadratic search takes minutes
