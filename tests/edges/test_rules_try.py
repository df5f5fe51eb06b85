"""``counterbot rules try``: where known failures match in a build's logs, and why they do not."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from counterbot.cli.rules import command
from tests import zuul_server as demo
from tests.streams import packet
from tests.terminal import on_a_terminal

CONTRACT = Path(__file__).parents[1] / "samples/contract"
CPU, CONSOLE, STREAM = "controller/logs/screen-n-cpu.txt", "job-output.txt", "testrepository.subunit"
INVENTORY = "zuul-info/inventory.yaml"
UUID = "0123456789abcdef" * 2
WAITED = ("Nov 21 02:10:11.123456 node nova-compute[411]: ERROR nova.compute.manager [None req-1] "
          "Timed out waiting for a reply to vif-plugged")
FINE = "Nov 21 02:10:10.123456 node nova-compute[411]: INFO nova.compute.manager [None req-1] fine"
FETCH = "2026-11-21 02:07:44.237771 | controller | E: Failed to fetch http://x"
TEST = "tempest.scenario.test_network_basic_ops.TestNetworkBasicOps.test_network_basic_ops"
ID = "id-0123abcd-0123-4567-89ab-0123456789ab"


def failed(test: str) -> bytes:
    return packet(test_id=test, status=6)


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


class Tree:
    """A folder of rules, and one of logs."""

    def __init__(self, path: Path) -> None:
        self.rules, self.logs = path / "rules", path / "logs"
        self.rules.mkdir()
        self.logs.mkdir()

    def rule(self, name: str, text: str) -> None:
        (self.rules / f"{name}.yaml").write_text(text)

    def log(self, path: str, content: bytes) -> Path:
        file = self.logs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def tried(self, *arguments: str | Path, rules: Path | None = None, logs: str | None = None) -> Result:
        logs = str(self.logs) if logs is None else logs
        return CliRunner().invoke(command, ["try", str(rules or self.rules), logs, *map(str, arguments)])


@pytest.fixture
def tree(tmp_path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def server():
    with demo.Zuul() as zuul:
        yield zuul


def test_the_contract_to_the_letter(tree) -> None:
    tree.log(CPU, lines(*([FINE] * 48210), WAITED, FINE, WAITED))
    tree.log("controller/logs/screen-n-api.txt", lines(WAITED))
    tree.log(STREAM, failed(TEST))
    result = tree.tried("--json", rules=CONTRACT / "queries/1254890.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (CONTRACT / "hits.jsonl").read_text()


def test_a_table_by_rule_file_and_line(tree) -> None:
    tree.rule("12", "query: message:\"waiting for a reply\"\n")
    tree.rule("b", "title: b\nquery: message:\"failed to fetch\"\n")
    tree.log(CPU, lines(FINE, WAITED, WAITED))
    tree.log("compute1/logs/screen-n-cpu.txt", lines(WAITED))
    tree.log(CONSOLE, lines(FETCH))
    result = tree.tried()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "RULE  BUG  FILE                              LINE  HITS  TEXT\n"
        f"12    12   compute1/logs/screen-n-cpu.txt       1     1  {WAITED}\n"
        f"12    12   controller/logs/screen-n-cpu.txt     2     2  {WAITED}\n"
        f"b          job-output.txt                       1     1  {FETCH}\n")
    assert json.loads(tree.tried("--json").stdout.splitlines()[2])["bug"] is None


def test_the_table_fits_a_terminal(tree) -> None:
    tree.rule("12", "query: message:\"waiting for a reply\"\n")
    tree.log(CPU, lines(WAITED))
    shown = on_a_terminal("rules", "try", tree.rules, tree.logs, width=80).splitlines()
    assert max(map(len, shown)) <= 80
    assert "Timed out" in " ".join(" ".join(shown).split())


def test_logs_that_were_stored_compressed(tree) -> None:
    tree.rule("12", "query: message:\"waiting for a reply\"\n")
    tree.log(f"{CPU}.gz", gzip.compress(lines(WAITED)))
    assert json.loads(tree.tried("--json").stdout)["file"] == CPU


@pytest.mark.parametrize("asked", [f'filename:"{CPU}.gz"', 'tags:"screen-n-cpu.txt.gz"', f'filename:"{CPU}"'])
def test_a_query_may_name_a_compressed_log_as_the_old_index_did(tree, asked: str) -> None:
    tree.rule("12", query(f" AND {asked}"))
    tree.log(f"{CPU}.gz", gzip.compress(lines(WAITED)))
    assert tree.tried().exit_code == 0


def test_a_query_may_name_a_compressed_log_that_the_old_index_never_held(tree) -> None:
    tree.rule("12", query(' AND tags:"agent.log.gz"'))
    tree.log("controller/logs/agent.log.gz", gzip.compress(lines(WAITED)))
    assert tree.tried().exit_code == 0


@pytest.mark.parametrize(
    ("asked", "seen"),
    [(TEST, f"{TEST}[compute,{ID}]"), (TEST, f"{TEST}[compute,gate]"), (f"{TEST}[{ID}]", TEST)])
def test_a_failed_test_is_asked_without_what_stands_in_brackets_as_in_subunit2sql(tree, asked: str, seen: str) -> None:
    tree.rule("12", query("", f"test_ids: ['{asked}']"))
    tree.log(CPU, lines(WAITED))
    tree.log(STREAM, failed(seen))
    assert tree.tried().exit_code == 0


def query(asked: str, *more: str) -> str:
    return "\n".join([f"query: message:\"waiting for a reply\"{asked}", *more, ""])


def inventory(**facts: object) -> bytes:
    return json.dumps({"all": {"vars": {"zuul": facts}}}).encode()


@pytest.mark.parametrize(
    ("rule", "files", "why"),
    [
        (query(' AND message:never AND tags:"screen-n-cpu.txt"'), {}, f"nothing matches in {CPU}"),
        (query(' AND tags:"screen-n-api.txt"'), {}, "the logs have no file that the query asks for: screen-n-api.txt"),
        (query(' AND build_name:"grenade"'), {INVENTORY: inventory(job="tempest-full")},
         "the query does not fit this build: build_name is tempest-full"),
        (query(' AND node_provider:"rax"'), {},
         "the query does not fit this build: node_provider is not known, and --fact node_provider=… tells it"),
        (query(" AND voting:0", "allow-nonvoting: true"), {}, "the query does not fit this build: voting is 1"),
        (query(""), {INVENTORY: inventory(job="x", voting=False)}, "the query does not fit this build: voting is 0"),
        (query("", "where: {job: grenade*, branch: master}"), {INVENTORY: inventory(job="x", branch="master")},
         "where.job 'grenade*' does not fit 'x'"),
        (query("", f"test_ids: [{TEST}]"), {STREAM: failed("other")},
         "the query matches, but none of its test_ids failed in this build"),
        (query(" AND message:never", f"test_ids: [{TEST}]"), {STREAM: failed(TEST)}, f"nothing matches in {CPU}"),
    ],
)
def test_why_a_rule_does_not_match_is_told(tree, rule: str, files: Mapping[str, bytes], why: str) -> None:
    tree.rule("12", rule)
    for path, content in {CPU: lines(WAITED), **files}.items():
        tree.log(path, content)
    result = tree.tried()
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"12: {why}\n")


def test_rules_with_the_same_reason_share_a_line(tree) -> None:
    for number in range(1, 8):
        tree.rule(f"{number}", query(' AND tags:"screen-n-api.txt"'))
    tree.log(CPU, lines(WAITED))
    assert tree.tried().stderr == (
        "1, 2, 3, 4, 5 and 2 more: the logs have no file that the query asks for: screen-n-api.txt\n")


def test_facts_of_the_build_come_from_its_inventory_and_from_the_caller_who_wins(tree) -> None:
    tree.rule("12", query(' AND build_name:"tempest-full" AND build_branch:master AND build_status:FAILURE'))
    tree.log(CPU, lines(WAITED))
    assert tree.tried().exit_code == 1
    assert tree.tried("--fact", "build_name=tempest-full", "--fact", "build_branch=master").exit_code == 0
    tree.log(INVENTORY, inventory(job="tempest-full", branch="master"))
    assert tree.tried().exit_code == 0
    assert tree.tried("--fact", "build_branch=stable").exit_code == 1


def test_a_rule_may_allow_builds_that_do_not_vote(tree) -> None:
    tree.rule("12", query("", "allow-nonvoting: true"))
    tree.log(CPU, lines(WAITED))
    assert tree.tried("--fact", "voting=0").exit_code == 0


def test_a_counter_is_a_fact_too(tree) -> None:
    tree.rule("12", query(" AND mysql.Queries:>1200000"))
    tree.log(CPU, lines(WAITED))
    assert [tree.tried("--fact", f"mysql.Queries={value}").exit_code for value in ("1300000", "5")] == [0, 1]


@pytest.mark.parametrize(
    ("fact", "wrong"),
    [
        ("build_nmae=x", "unknown key 'build_nmae'; did you mean 'build_name'?"),
        ("tags=x", "unknown key 'tags'; known: project, voting,"),
        ("build_name", "'build_name' is not KEY=VALUE, such as build_name=tempest-full"),
        ("mysql.Queries=many", "'mysql.Queries=many': mysql.Queries must be a number"),
        ("voting=true", "'voting=true': voting must be a number, 1 or 0"),
    ],
)
def test_a_fact_that_no_build_has_is_a_usage_error(tree, fact: str, wrong: str) -> None:
    result = tree.tried("--fact", fact)
    assert result.exit_code == 2
    assert f"Invalid value for '--fact': {wrong}" in result.stderr


def test_failed_tests_are_not_asked_where_the_folder_has_no_stream(tree) -> None:
    tree.rule("12", query("", f"test_ids: [{TEST}]"))
    tree.log(CPU, lines(WAITED))
    result = tree.tried("--json")
    assert (result.exit_code, json.loads(result.stdout)["rule"]) == (0, "12")
    assert result.stderr == "12: its test_ids were not asked: there is no subunit stream\n"


def test_a_file_that_mattered_and_could_not_be_read(tree) -> None:
    tree.rule("12", query(' AND tags:"screen-n-cpu.txt"'))
    tree.log(f"{CPU}.gz", gzip.compress(lines(WAITED))[:-20])
    tree.log("compute1/logs/screen-n-cpu.txt", lines(WAITED))
    tree.log("compute2/logs/screen-n-cpu.txt", b"\0" * 100)
    tree.log("controller/logs/screen-n-api.txt.gz", b"no gzip at all")
    tree.log("job-output.json", b"{")
    result = tree.tried("--json")
    assert (result.exit_code, json.loads(result.stdout)["file"]) == (3, "compute1/logs/screen-n-cpu.txt")
    told = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in told] == [
        ["not read", "compute2/logs/screen-n-cpu.txt"], ["not read", CPU]]
    assert told[0].endswith(": a binary file")


def test_a_stream_that_cannot_be_read_matters_only_to_rules_that_ask_for_tests(tree) -> None:
    tree.log(CPU, lines(WAITED))
    tree.log(STREAM, b"test: a\nfailure: a\n")
    tree.rule("12", query(""))
    assert (tree.tried().exit_code, tree.tried().stderr) == (0, "")
    tree.rule("12", query("", f"test_ids: [{TEST}]"))
    result = tree.tried()
    assert result.exit_code == 3
    assert f"not read: {STREAM}: " in result.stderr


def test_an_inventory_that_cannot_be_read_matters_only_to_queries_that_ask_for_the_build(tree) -> None:
    tree.log(CPU, lines(WAITED))
    tree.log(INVENTORY, b"{")
    tree.rule("12", query(""))
    assert (tree.tried().exit_code, tree.tried().stderr) == (0, "")
    tree.rule("12", query(" AND build_name:x"))
    result = tree.tried()
    assert result.exit_code == 3
    assert f"not read: {INVENTORY}: " in result.stderr
    assert tree.tried("--fact", "build_name=x").exit_code == 0


def test_a_query_with_words_that_are_everywhere_is_told_and_no_error(tree) -> None:
    tree.rule("12", query(' AND message:"Timed out"', f"test_ids: [{TEST}]"))
    tree.log(CPU, lines(*[WAITED] * 10_001))
    tree.log(STREAM, failed(TEST))
    result = tree.tried()
    assert (result.exit_code, result.stderr.count("too common")) == (0, 1)


def test_a_line_that_was_matched_by_its_beginning_only_is_told_and_no_error(tree) -> None:
    tree.rule("12", query(""))
    tree.log(CPU, lines(WAITED, "x" * 200_000))
    result = tree.tried()
    assert result.exit_code == 0
    assert result.stderr.startswith(f"{CPU}: lines longer than ")


def test_mistakes_in_rules_are_told_and_the_good_ones_tried(tree) -> None:
    tree.rule("12", query(""))
    tree.rule("13", "query: message:x AND AND message:y\n")
    tree.log(CPU, lines(WAITED))
    result = tree.tried("--json")
    assert (result.exit_code, json.loads(result.stdout)["rule"]) == (1, "12")
    assert result.stderr.startswith(f"{tree.rules}/13.yaml:1:22: AND AND")
    tree.rule("12", "bounds: {a.b: {max: 1}}\n")
    assert tree.tried().stderr.count("\n") == 1
    (tree.rules / "13.yaml").unlink()
    result = tree.tried()
    assert (result.exit_code, result.stderr) == (1, f"{tree.rules}: no rule with a query\n")


@pytest.mark.parametrize(("logs", "shown"), [("none", "none"), ("", "'' (an empty name)")])
def test_no_such_folder(tree, logs: str, shown: str) -> None:
    tree.rule("12", query(""))
    result = tree.tried(logs=logs)
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", f"Error: {shown}: no such folder\n")


def test_a_single_log_is_no_folder(tree) -> None:
    tree.rule("12", query(""))
    log = tree.log("n.txt", lines(WAITED))
    assert tree.tried(logs=str(log)).stderr == (
        f"Error: {log}: a file; give the folder that is the build's log root, or a part of it\n")


def test_a_builds_page(tree, server) -> None:
    tree.rule("12", query(' AND build_name:"tempest-full" AND build_queue:check AND build_uuid:*'))
    tree.rule("13", query(' AND project:"openstack/nova"', "where: {job: grenade}"))
    server.add_build(UUID, "tempest-full", {CPU: lines(FINE, WAITED)}, result="FAILURE")
    result = tree.tried("--json", logs=server.page(UUID))
    assert json.loads(result.stdout) == {"rule": "12", "bug": "12", "file": CPU, "line": 2, "text": WAITED, "hits": 1}
    assert (result.exit_code, result.stderr) == (0, "13: where.job 'grenade' does not fit 'tempest-full'\n")


def test_a_builds_page_whose_stream_lacks_the_test_or_is_missing(tree, server) -> None:
    tree.rule("12", query("", f"test_ids: [{TEST}]"))
    server.add_build(UUID, "tempest-full", {CPU: lines(WAITED)}, result="FAILURE")
    result = tree.tried(logs=server.page(UUID))
    assert (result.exit_code, result.stderr) == (
        1, "12: the query matches, but none of its test_ids failed in this build\n")


def test_counters_of_a_builds_page(tree, server) -> None:
    tree.rule("12", query(" AND mysql.Queries:>5"))
    counters = packet(b'{"mysql": {"Queries": 6}}', name="counters.json", mime="application/json")
    server.add_build(UUID, "tempest-full", {CPU: lines(WAITED), STREAM: counters}, result="FAILURE")
    assert tree.tried(logs=server.page(UUID)).exit_code == 0


def test_a_log_of_a_builds_page_that_is_listed_and_not_there(tree, server) -> None:
    tree.rule("12", query(""))
    row = server.add_build(UUID, "tempest-full", {CPU: lines(WAITED), CONSOLE: b""}, result="FAILURE")
    server.forget(row["log_url"] + CPU)
    result = tree.tried(logs=server.page(UUID))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        3, f"not read: {CPU}: it is listed but not there")


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (None, "Zuul does not know this build"),
        ({"result": None}, "this build of tempest-full has no logs; it is still running"),
        ({"result": "NODE_FAILURE"}, "this build of tempest-full has no logs; its result is NODE_FAILURE"),
    ],
)
def test_a_page_whose_build_has_no_logs(tree, server, build, why) -> None:
    tree.rule("12", query(""))
    if build:
        server.add_build(UUID, "tempest-full", **build)
    page = server.page(UUID)
    result = tree.tried(logs=page)
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", f"Error: {page}: {why}\n")


def test_a_url_that_is_no_page_of_a_build(tree, server) -> None:
    tree.rule("12", query(""))
    result = tree.tried(logs=f"{server.logs}abc/")
    assert result.exit_code == 3
    assert result.stderr == (f"Error: {server.logs}abc/: this is no build page, as in "
                             "https://zuul.example.org/t/TENANT/build/UUID\n")


def test_nothing_raw_reaches_the_terminal(tree) -> None:
    tree.rule("12", query(""))
    tree.log(CPU, lines(f"\x1b[31m{WAITED}\x1b]0;x\x07 \u202e", WAITED))
    result = tree.tried()
    assert result.exit_code == 0
    assert all(line.isprintable() for line in (result.stdout + result.stderr).splitlines())


def test_a_terminal_shows_which_file_is_being_read(tree, server) -> None:
    shown = threading.Event()

    class Held(demo.Answer):
        """Its end comes when the terminal has shown its name."""

        def blocks(self):
            yield self.body[:1]
            shown.wait(60)
            yield self.body[1:]

    tree.rule("12", query(""))
    row = server.add_build(UUID, "tempest-full", {CPU: lines(WAITED)}, result="FAILURE")
    server.answers[f"{row['log_url']}{CPU}".removeprefix(server.url)] = Held(lines(WAITED))
    screen = on_a_terminal("rules", "try", tree.rules, server.page(UUID),
                           seen=lambda text: shown.set() if f"reading {CPU}".encode() in text else None)
    assert shown.is_set()
    assert "waiting for" in screen
