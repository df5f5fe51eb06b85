"""``counterbot rules`` and the rules that come with the project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from counterbot.cli.rules import command
from counterbot.core.counters.performance import parse_performance
from counterbot.core.model import BuildFacts
from counterbot.core.rules import Outcome, applicable, judge
from counterbot.files.rulebook import RuleBook
from tests.terminal import on_a_terminal

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "tests/samples/contract/queries"
GOOD = """\
bounds: {a.b: {max: 1}}
cases:
- {given: {counters: {a.b: 1}}, expect: within}
- {given: {counters: {a.b: 2}}, expect: {over: [a.b]}}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path


def test_check_of_good_rules() -> None:
    result = run("check", CONTRACT)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "3 rules, no mistakes\n", "")


def test_check_tells_the_mistakes_of_all_files(folder) -> None:
    (folder / "a.yaml").write_text("bounds: {a.b: {maximum: 1}}\n")
    (folder / "b.yaml").write_text("bounds: {a.b: {max: 1}}\nwher: {}\n")
    (folder / "c.yaml").write_text("query: message:x\n")
    (folder / "d.yaml").write_text("title: x\nquery: >\n  message:a AND\n  AND message:b\n")
    result = run("check", folder)
    assert (result.exit_code, result.stdout) == (1, "1 rule, 3 mistakes\n")
    assert result.stderr.replace(f"{folder}/", "") == (
        "a.yaml:1:16: unknown key 'maximum'; did you mean 'max'?\n"
        "b.yaml:2:1: unknown key 'wher'; did you mean 'where'?\n"
        "d.yaml:4:3: AND AND: nothing stands between them; remove one\n"
    )


def test_a_missing_folder_ends_with_1(folder) -> None:
    for name in ("list", "check", "test"):
        result = run(name, folder / "none")
        assert result.exit_code == 1
        assert result.stderr == f"{folder}/none: no such folder\n"


def test_test_of_good_rules() -> None:
    result = run("test", CONTRACT)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "2 rules, 4 cases, no failures; 1 query without cases\n"


def test_test_tells_what_fails(folder) -> None:
    (folder / "a.yaml").write_text("bounds: {a.b: {max: 1}}\n")
    (folder / "b.yaml").write_text(
        "where: {job: x}\nbounds: {a.b: {max: 1}, a.c: {max: 1}}\ncases:\n"
        "  - {given: {counters: {a.b: 1}}, expect: within}\n"
        "  - {given: {counters: {a.b: 1, a.c: 2}}, expect: {over: [a.b]}}\n"
        "  - {given: {job: y, counters: {a.b: 1}}, expect: within}\n"
    )
    result = run("test", folder)
    assert result.exit_code == 1
    assert result.stdout.replace(f"{folder}/", "") == (
        "FAIL a.yaml:1:1: no case expects a counter over its bound\n"
        "FAIL a.yaml:1:1: no case expects all counters within their bounds\n"
        "FAIL b.yaml:5:5: case 2: expected over: a.b; over as well: a.c\n"
        "FAIL b.yaml:6:5: case 3: the rule does not apply: where.job 'x' does not fit 'y'\n"
        "2 rules, 3 cases, 4 failures\n"
    )


def test_test_tells_which_cases_of_a_query_fail(folder) -> None:
    (folder / "a.yaml").write_text("""\
title: It hangs
where: {branch: master}
query: message:"timed out" AND tags:"screen-n-cpu.txt" AND build_name:"tempest-full" AND NOT message:reply
cases:
- {given: {job: tempest-full, file: controller/logs/screen-n-cpu.txt, lines: [x, "Timed out, again"]}, expect: match}
- {given: {job: tempest-full, file: controller/logs/screen-n-cpu.txt, lines: [Timed-Out]}, expect: no match}
- {given: {job: tempest-full, file: controller/logs/screen-n-cpu.txt, lines: [timed out reply]}, expect: match}
- {given: {file: controller/logs/screen-n-cpu.txt, lines: [timed out]}, expect: match}
- {given: {job: tempest-full, file: controller/logs/screen-n-api.txt, lines: [timed out]}, expect: match}
- {given: {job: tempest-full, voting: false, file: screen-n-cpu.txt, lines: [timed out]}, expect: no match}
- {given: {job: tempest-full, branch: stable, file: screen-n-cpu.txt, lines: [x]}, expect: no match}
""")
    result = run("test", folder)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.replace(f"{folder}/", "").splitlines() == [
        "FAIL a.yaml:6:3: case 2: expected no match, but line 1 matches: Timed-Out",
        "FAIL a.yaml:7:3: case 3: expected a match, but no line matches",
        "FAIL a.yaml:8:3: case 4: expected a match, but the query asks for other files or builds than "
        "'controller/logs/screen-n-cpu.txt' here; it asks build_name, and the case gives no 'job'",
        "FAIL a.yaml:9:3: case 5: expected a match, but the query asks for other files or builds than "
        "'controller/logs/screen-n-api.txt' here",
        "FAIL a.yaml:11:3: case 7: the rule does not apply: where.branch 'master' does not fit 'stable'",
        "1 rule, 7 cases, 5 failures",
    ]


def test_a_query_may_ask_for_counters_which_its_cases_give(folder) -> None:
    (folder / "a.yaml").write_text("""\
title: Too many statements
query: message:slow AND mysql.Queries:>1200000
cases:
- {given: {file: job-output.txt, lines: [slow], counters: {mysql.Queries: 1300000}}, expect: match}
- {given: {file: job-output.txt, lines: [slow], counters: {mysql.Queries: 1100000}}, expect: no match}
- {given: {file: job-output.txt, lines: [slow]}, expect: no match}
""")
    assert run("test", folder).stdout == "1 rule, 3 cases, no failures\n"


def test_a_rule_of_ones_own_needs_cases_and_elastic_rechecks_files_are_counted(folder) -> None:
    (folder / "1.yaml").write_text("query: message:x\nsuppress-graph: true\nresolved_at: yesterday\n")
    (folder / "2.yaml").write_text("query: message:x\n")
    assert run("test", folder).stdout == "no failures; 2 queries without cases\n"
    (folder / "2.yaml").write_text("query: message:x\nowner: me\nbounds: {a.b: {max: 1}}\n")
    result = run("test", folder)
    assert (result.exit_code, result.stdout.replace(f"{folder}/", "").splitlines()) == (1, [
        "FAIL 2.yaml:1:1: no case expects a counter over its bound",
        "FAIL 2.yaml:1:1: no case expects all counters within their bounds",
        "FAIL 2.yaml:1:1: no case expects a match",
        "FAIL 2.yaml:1:1: no case expects no match",
        "1 rule, no cases, 4 failures; 1 query without cases"])


def test_no_rule_at_all_is_a_mistake_that_says_what_is_there(folder) -> None:
    (folder / "passwd").write_text("x")
    told = f"{folder}: no rule in this folder, but passwd; a rule is named NAME.yaml or NAME.yml\n"
    for name, summary, none in (("list", "", ""), ("check", "no rules, 1 mistake\n", "no rules, no mistakes\n"),
                                ("test", "no rules, no cases, no failures, 1 mistake\n",
                                 "no rules, no cases, no failures\n")):
        result = run(name, folder)
        assert (result.exit_code, result.stdout, result.stderr) == (1, summary, told)
        result = run(name, folder, "--allow-none")
        assert (result.exit_code, result.stdout, result.stderr) == (0, none, "")


def test_an_empty_folder_beside_good_rules_is_a_mistake_too(folder) -> None:
    told = f"{folder}: no rule in this folder: it is empty\n"
    result = run("check", CONTRACT, folder)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "3 rules, 1 mistake\n", told)
    assert run("check", CONTRACT, CONTRACT / "1251920.yaml").exit_code == 0
    assert run("check", CONTRACT, folder, "--allow-none").exit_code == 0


def test_a_misspelt_counter_is_told_where_counters_of_a_build_are_given(folder) -> None:
    rule, counters = folder / "a.yaml", folder / "counters.json"
    rule.write_text("bounds:\n  mysql.Querys: {max: 1}\n  mysql.Com_*: {max: 1}\n  queues.x: {max: 1}\n")
    counters.write_text(json.dumps({"__meta__": {"unixtime": 1}, "mysql": {"Queries": 5, "Com_select": 2}}))
    result = run("check", "--counters", counters, rule)
    assert (result.exit_code, result.stdout) == (0, "1 rule, no mistakes, 1 warning\n")
    assert result.stderr == f"warning: {rule}:2:3: 'mysql.Querys' is not in {counters}; did you mean 'mysql.Queries'?\n"
    result = run("check", "--counters", folder / "none.json", rule)
    assert (result.exit_code, result.stderr) == (1, f"Error: {folder}/none.json: no such file\n")


def test_files_and_folders_any_number(folder) -> None:
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text("query: 5\n")
    for name, summary in (("check", "4 rules, no mistakes"),
                          ("test", "3 rules, 6 cases, no failures; 1 query without cases")):
        result = run(name, folder / "good.yaml", CONTRACT)
        assert (result.exit_code, result.stdout) == (0, f"{summary}\n")
        result = run(name, folder, CONTRACT)
        assert result.exit_code == 1
        assert result.output.endswith(f"{summary.replace('no mistakes', '1 mistake').replace(';', ', 1 mistake;')}\n")
    assert run("list", folder / "good.yaml").stdout.splitlines()[1].startswith("good ")


def test_the_default_is_the_folder_queries(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    assert run("check").stderr == "queries: no such folder\n"
    (folder / "queries").mkdir()
    (folder / "queries/good.yaml").write_text(GOOD)
    assert run("check").stdout == "1 rule, no mistakes\n"


BROKEN = """\
where: {job: x}
bounds: {'a.b,%': {max: 1}}
cases:
- {given: {job: y, counters: {a.b: 1}}, expect: within}
"""


def test_what_is_wrong_as_json(folder) -> None:
    (folder / "bad.yaml").write_text("query: 5\n")
    (folder / "fails.yaml").write_text(BROKEN)
    mistakes = [{"file": f"{folder}/bad.yaml", "line": 1, "column": 1,
                 "what": "'query' must be text, not 5; put it in quotes"}]
    result = run("check", folder, "--format", "json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout) == {"rules": 1, "mistakes": mistakes, "warnings": []}
    result = run("test", folder, "--format", "json")
    assert (result.exit_code, result.stderr) == (1, "")
    found = json.loads(result.stdout)
    assert (found["rules"], found["cases"], found["fingerprints"], found["mistakes"]) == (1, 1, 0, mistakes)
    assert found["failures"][1] == {"file": f"{folder}/fails.yaml", "line": 4, "column": 3,
                                    "what": "case 1: the rule does not apply: where.job 'x' does not fit 'y'"}
    assert json.loads(run("check", CONTRACT, "--format", "json").stdout) == {
        "rules": 3, "mistakes": [], "warnings": []}


def test_what_is_wrong_as_annotations_of_github(folder) -> None:
    (folder / "a,b.yaml").write_text("query: '100%'\nbug: '5%0A'\n")
    (folder / "fails.yaml").write_text(BROKEN)
    result = run("check", folder, "--format", "github")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.replace(f"{folder}/", "") == (
        "::error file=a%2Cb.yaml,line=2,col=1::'bug' must be a Launchpad bug number or a URL, not text '5%250A'\n"
        "1 rule, 1 mistake\n")
    assert run("test", folder, "--format", "github").stdout.replace(f"{folder}/", "").splitlines()[1:] == [
        "::error file=fails.yaml,line=3,col=1::no case expects a counter over its bound",
        "::error file=fails.yaml,line=4,col=3::case 1: the rule does not apply: where.job 'x' does not fit 'y'",
        "1 rule, 1 case, 2 failures, 1 mistake"]


DOUBTFUL = 'query: >\n  message:x AND\n  filename:"console.html"\n'
DOUBT = 'logs of today have no console.html, and this never matches; write tags:"console"'


def test_what_a_querys_writer_may_not_have_meant_is_a_warning_and_no_mistake(folder) -> None:
    (folder / "12.yaml").write_text(DOUBTFUL)
    result = run("check", folder)
    assert (result.exit_code, result.stdout) == (0, "1 rule, no mistakes, 1 warning\n")
    assert result.stderr == f"warning: {folder}/12.yaml:3:12: {DOUBT}\n"
    assert json.loads(run("check", folder, "--format", "json").stdout)["warnings"] == [
        {"file": f"{folder}/12.yaml", "line": 3, "column": 12, "what": DOUBT}]
    result = run("check", folder, "--format", "github")
    assert (result.exit_code, result.stderr, result.stdout) == (
        0, "", f"::warning file={folder}/12.yaml,line=3,col=12::{DOUBT}\n1 rule, no mistakes, 1 warning\n")


PLAIN = ("import sys; sys.modules.update(dict.fromkeys(['luqum', 're2', 'hyperscan']))\n"  # None: as if not installed
         "from counterbot.cli import main; main(sys.argv[1:])")


def on_a_plain_install(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-c", PLAIN, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout, done.stderr


def test_the_plain_install_compares_counters_whatever_queries_are_beside_the_bounds() -> None:
    status, out, err = on_a_plain_install("check", "tests/samples/contract/counters.json", "--rules", CONTRACT,
                                          "--job", "tempest-full", "--warn-only")
    assert (status, err, out.splitlines()[-1]) == (0, "", "1 over its bound, 1 without data, 0 within; a warning only")


def test_the_plain_install_tests_bounds_and_tells_what_queries_need(folder) -> None:
    (folder / "good.yaml").write_text(GOOD)
    assert on_a_plain_install("rules", "test", folder) == (0, "1 rule, 2 cases, no failures\n", "")
    (folder / "12.yaml").write_text(DOUBTFUL)
    assert on_a_plain_install("rules", "test", folder) == (
        1, "", "Error: this command needs luqum, which the plain install leaves out: pip install 'counterbot[bot]'\n")


def test_list(folder) -> None:
    (folder / "12.yaml").write_text("title: It hangs\nwhere: {branch: master}\nquery: >\n  message:x\n  AND tags:y\n")
    (folder / "sql.yaml").write_text(
        "title: SQL statements\nwhere: {job: [a*, b], voting: true}\n"
        "bounds: {mysql.Queries: {max: 1250000}, a.b: {max: .5}}\n"
    )
    assert run("list", folder).stdout == (
        "NAME  TITLE           WHERE                 BOUNDS OR QUERY             BUG\n"
        "12    It hangs        branch=master         message:x AND tags:y        12\n"
        "sql   SQL statements  job=a*,b voting=true  mysql.Queries <= 1,250,000\n"
        "                                            a.b <= 0.5\n"
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_the_terminal_and_is_whole_elsewhere(width) -> None:
    piped = run("list", ROOT / "queries").stdout
    assert max(map(len, piped.splitlines())) > 120
    shown = on_a_terminal("rules", "list", ROOT / "queries", width=width).splitlines()
    assert 70 < max(map(len, shown)) <= width
    assert shown[0].split() == piped.split("\n")[0].split() == [
        "NAME", "TITLE", "WHERE", "BOUNDS", "OR", "QUERY", "BUG"]
    assert sorted("".join("".join(shown).split())) == sorted("".join(piped.split()))  # nothing is cut


def test_what_stands_in_a_rule_reaches_no_terminal_raw(folder) -> None:
    (folder / "ab.yaml").write_text(
        'title: "Rows\\u202ex"\nbounds: {"m.\\u202ec": {max: 1}}\nwhere: {job: "j\\u202e*"}\n'
        'cases: [{given: {counters: {"m.\\u202ec": 2}}, expect: within}]\n')
    assert run("list", folder).stdout.splitlines()[1] == "ab    Rowsx  job=j*  m.c <= 1"
    assert run("test", folder).stdout.replace(f"{folder}/", "").splitlines() == [
        "FAIL ab.yaml:4:1: no case expects a counter over its bound",
        "FAIL ab.yaml:4:9: case 1: over as well: m.c",
        "1 rule, 1 case, 2 failures"]


def test_a_name_with_controls_reaches_no_terminal(folder) -> None:
    (folder / "a\x1b]0;x\x07\nb.yaml").write_text("bounds: {a.b: {max: 1}}\n")
    for name in ("list", "check", "test"):
        result = run(name, folder)
        assert result.stderr.replace(f"{folder}/", "") == (
            "a]0;x b.yaml: the file's name has characters that cannot be printed; rename the file\n")
        assert all(line.isprintable() for line in result.stdout.splitlines())


def test_list_as_json() -> None:
    _, fingerprint, rule = json.loads(run("list", CONTRACT, "--json").stdout)
    assert fingerprint["fingerprint"] == {
        "query": 'message:"Timed out waiting for a reply" AND message:"vif-plugged" AND tags:"screen-n-cpu.txt"',
        "matched": True,
        "label": None,
        "suppress-graph": False,
        "suppress-notification": False,
        "allow-nonvoting": False,
        "test_ids": ["tempest.scenario.test_network_basic_ops.TestNetworkBasicOps.test_network_basic_ops"],
        "resolved_at": None,
        "cases": 2,
    }
    assert rule == {
        "name": "sql-statements",
        "title": "SQL statements in a Tempest run",
        "why": "Each is a round trip to the database; a rise doubled the gate's run time once.",
        "owner": "#openstack-qa",
        "bug": "2041234",
        "where": {"job": ["tempest-full*"], "branch": ["master"], "project": [], "pipeline": [], "voting": None},
        "bounds": [{"counter": "mysql.Queries", "max": 1250000}, {"counter": "queues.*_publish", "max": 9000}],
        "learn": [],
        "report": {"gerrit": True, "irc": ["#openstack-qa"]},
        "cases": 2,
        "fingerprint": None,
    }


def test_list_shows_the_good_and_tells_the_rest(folder) -> None:
    (folder / "a.yaml").write_text("query: message:x\n")
    (folder / "b.yaml").write_text("")
    result = run("list", folder, "--json")
    assert (result.exit_code, [rule["name"] for rule in json.loads(result.stdout)]) == (1, ["a"])
    assert result.stderr == f"{folder}/b.yaml:1:1: the file is empty\n"


def test_the_projects_own_rules_hold() -> None:
    result = run("test", ROOT / "queries")
    assert (result.exit_code, result.stderr) == (0, ""), result.stdout
    rules = RuleBook(ROOT / "queries").rules
    assert sum(len(rule.bounds) for rule in rules) >= 10
    assert all(rule.why and rule.owner for rule in rules)


def test_the_projects_rules_tell_reviewers_on_every_site_that_their_bounds_are_starting_points() -> None:
    book = RuleBook(ROOT / "queries")
    assert book.unheard(()) == []
    assert all(rule.report.gerrit for rule in book.rules)
    assert [rule.name for rule in book.rules if rule.bounds and "starting point" not in rule.title] == []


def test_the_projects_bounds_hold_on_a_real_devstack_job() -> None:
    """The capture that the bounds' figures are from is within all of them, and is what they were doubled from."""
    counters = parse_performance((ROOT / "tests/samples/performance/performance-v1-2022-05-17.json").read_bytes())
    rules = RuleBook(ROOT / "queries").rules
    fitting = applicable(rules, BuildFacts(job="devstack", branch="master"))
    verdicts = [verdict for rule in fitting for verdict in judge(rule, counters)]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.WITHIN}
    assert all(1.9 < verdict.bound / verdict.value < 2.2 for verdict in verdicts)


def test_check_tells_a_bound_that_no_counter_exceeds(folder) -> None:
    (folder / "a.yaml").write_text("bounds: {a.b: {max: 1.0e+300}}\n")
    result = run("check", folder)
    assert result.stderr == f"{folder}/a.yaml:1:16: 'max' must be at most 18446744073709551616\n"
