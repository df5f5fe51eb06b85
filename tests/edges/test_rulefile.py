"""files.rulefile: a rule's file becomes a rule, or all of its mistakes."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.core import limits
from counterbot.core.model import BuildFacts
from counterbot.core.rules import Audience, Bound, Case, Fingerprint, Learning, LogCase, Rule, Where
from counterbot.files.reader import load, read
from counterbot.files.rulefile import parse_rule

SAMPLES = Path(__file__).parents[1] / "samples"
CONTRACT = SAMPLES / "contract/queries"
REAL = json.loads((SAMPLES / "rule-files/elastic-recheck.json").read_text())


def rule(text: str, path: str = "queries/r.yaml") -> Rule:
    file = parse_rule(read(text.encode(), path))
    assert file.mistakes == ()
    return file.rule


def told(text: str) -> list[str]:
    file = parse_rule(read(text.encode(), "r.yaml"))
    assert file.rule is None
    return [str(mistake) for mistake in file.mistakes]


def test_the_contracts_rule() -> None:
    given = BuildFacts(job="tempest-full", branch="master")
    assert parse_rule(load(CONTRACT / "sql-statements.yaml")).rule == Rule(
        name="sql-statements",
        title="SQL statements in a Tempest run",
        why="Each is a round trip to the database; a rise doubled the gate's run time once.",
        owner="#openstack-qa",
        bug="2041234",
        where=Where(job=("tempest-full*",), branch=("master",)),
        bounds=(Bound("mysql.Queries", 1250000), Bound("queues.*_publish", 9000)),
        report=Audience(gerrit=True, irc=("#openstack-qa",)),
        cases=(
            Case(given, {"mysql.Queries": 1200000}, frozenset()),
            Case(given, {"mysql.Queries": 1300000}, frozenset({"mysql.Queries"})),
        ),
    )


def test_the_contracts_query_in_elastic_rechecks_form() -> None:
    query = 'message:"Failed to get console output" AND tags:"screen-n-cpu.txt"'
    assert parse_rule(load(CONTRACT / "1251920.yaml")).rule == Rule(
        name="1251920",
        title="bug 1251920",
        bug="1251920",
        fingerprint=Fingerprint(query, suppress_graph=True, allow_nonvoting=True),
    )


def test_the_contracts_query_with_its_cases() -> None:
    def case(file: str, program: str, module: str, match: bool) -> LogCase:
        return LogCase(BuildFacts(), f"controller/logs/{file}", (
            f"Nov 21 02:10:11.123456 node {program}[411]: ERROR {module} [None req-1] "
            "Timed out waiting for a reply to vif-plugged",), match)

    file = parse_rule(load(CONTRACT / "1254890.yaml"))
    match = case("screen-n-cpu.txt", "nova-compute", "nova.compute.manager", True)
    no_match = case("screen-n-api.txt", "nova-api", "nova.api", False)
    assert file.rule == Rule(
        name="1254890",
        title="A server does not become ACTIVE in time",
        why="The compute manager waits for an event that Neutron sent before it listened.",
        owner="#openstack-nova",
        bug="1254890",
        fingerprint=Fingerprint(
            'message:"Timed out waiting for a reply" AND message:"vif-plugged" AND tags:"screen-n-cpu.txt"',
            test_ids=("tempest.scenario.test_network_basic_ops.TestNetworkBasicOps.test_network_basic_ops",),
            cases=(match, no_match)),
    )
    assert file.cases == (match, no_match)
    assert [place.line for place in file.cases_at] == [10, 11, 16]


def test_every_key_of_elastic_recheck() -> None:
    got = rule(
        "query: 'message:\"x\"'\nsuppress-graph: True\nsuppress-notification: true\nallow-nonvoting: false\n"
        'test_ids:\n  - tempest.api.A.test_b\nresolved_at: "Mon Jan  6 13:20:28 PST 2014"\n',
        "queries/1260311.yaml",
    )
    assert (got.bug, got.title) == ("1260311", "bug 1260311")
    assert got.fingerprint == Fingerprint('message:"x"', True, True, False, ("tempest.api.A.test_b",),
                                          "Mon Jan  6 13:20:28 PST 2014")


@pytest.mark.parametrize("path", REAL)
def test_elastic_rechecks_own_files_are_rules_as_they_came(path: str) -> None:
    file = parse_rule(read(REAL[path].encode(), path))
    assert file.mistakes == ()
    assert (file.rule.bug, file.as_it_came) == (PurePath(path).stem, True)
    lines = REAL[path].split("\n")
    for doubt in file.doubts:  # each is in the query, which the keys after it end
        start = next(number for number, line in enumerate(lines) if line.startswith("query:"))
        key = next((number for number, line in enumerate(lines) if number > start and line[:1].isalpha()), len(lines))
        assert start < doubt.where.line <= key
        assert doubt.where.column <= len(lines[doubt.where.line - 1])


def test_a_rule_may_hold_a_query_and_bounds_and_cases_of_both() -> None:
    file = parse_rule(read(b"""\
query: message:"x y" AND mysql.Queries:>5
label: infra
bounds: {a.b: {max: 1}}
cases:
- {given: {counters: {a.b: 1}}, expect: within}
- {given: {job: j, file: job-output.txt, lines: [x y], counters: {mysql.Queries: 6}}, expect: match}
- {given: {counters: {a.b: 2}}, expect: {over: [a.b]}}
""", "r.yaml"))
    assert file.rule.infra
    of_query = LogCase(BuildFacts(job="j"), "job-output.txt", ("x y",), True, {"mysql.Queries": 6})
    assert file.rule.fingerprint.cases == (of_query,)
    assert file.cases == (file.rule.cases[0], of_query, file.rule.cases[1])
    assert [place.line for place in file.cases_at] == [4, 5, 6, 7]


def test_who_wrote_no_key_of_ours_need_not_know_of_cases() -> None:
    def as_it_came(text: str) -> bool:
        return parse_rule(read(text.encode(), "r.yaml")).as_it_came

    assert as_it_came("query: message:x\nsuppress-graph: true\ntest_ids: [a.b]\nresolved_at:\nallow-nonvoting: true\n")
    assert not as_it_came("query: message:x\ntitle: t\n")
    assert not as_it_came("bounds: {a.b: {max: 1}}\n")


def test_what_is_left_out() -> None:
    assert rule("bounds: {a.b: {max: 0}}") == Rule("r", "r", bounds=(Bound("a.b", 0),))


def test_lists_and_single_patterns() -> None:
    got = rule("where: {job: [a*, '[!x]b'], pipeline: gate, project: '[]]', voting: true}\nbounds: {a.b: {max: .5}}")
    assert got.where == Where(job=("a*", "[!x]b"), pipeline=("gate",), project=("[]]",), voting=True)


@pytest.mark.parametrize(
    ("written", "meant"), [("12", "12"), ("'12'", "12"), ("https://b.example/1?x=2", "https://b.example/1?x=2")]
)
def test_bugs(written: str, meant: str) -> None:
    assert rule(f"bug: {written}\nbounds: {{a.b: {{max: 1}}}}").bug == meant


def test_a_number_of_a_file_is_its_bug_but_a_key_says_more() -> None:
    assert rule("bounds: {a.b: {max: 1}}", "2041234.yaml").bug == "2041234"
    assert rule("bug: 5\nbounds: {a.b: {max: 1}}", "2041234.yaml").bug == "5"


def test_what_is_learned() -> None:
    learn = rule("where: {job: grenade}\nlearn: {'memory.*': false, mysql.Queries: {false_warnings: 5}}")
    assert (learn.bounds, learn.fingerprint) == ((), None)
    assert learn.learn == (Learning("memory.*", 0), Learning("mysql.Queries", 5))


@pytest.mark.parametrize(("learn", "mistake"), [
    ("{a.b: true}", "'a.b' must be false, or {false_warnings: NUMBER}: bounds are learned of all counters in any case"),
    ("{a.b: {false_warnings: 101}}", "'false_warnings' must be at most 100"),
    ("{a.b: {}}", "missing key 'false_warnings'"),
    ("{}", "'learn' must have at least one item"),
])
def test_mistakes_in_what_is_to_be_learned(learn: str, mistake: str) -> None:
    assert [line.split(": ", 1)[1] for line in told(f"learn: {learn}")] == [mistake]


def test_the_mistake_of_the_design() -> None:
    text = "title: t\nwhy: >\n  w\nowner: o\nbounds:\n  mysql.Queries:\n    maximum: 3\n"
    file = parse_rule(read(text.encode(), "queries/mysql.yaml"))
    assert [str(mistake) for mistake in file.mistakes] == [
        "queries/mysql.yaml:7:5: unknown key 'maximum'; did you mean 'max'?",
    ]


@pytest.mark.parametrize(
    ("bounds", "mistakes"),
    [
        ("{a.b: {max: true}}", ["'max' must be a finite number, not true"]),
        ("{a.b: {max: .nan}}", ["'max' must be a finite number, not nan"]),
        ("{a.b: {max: .inf}}", ["'max' must be a finite number, not inf"]),
        ("{a.b: {max: 1e999}}", ["'max' must be a finite number, not inf"]),
        ("{a.b: {max: abc}}", ["'max' must be a number in plain digits, such as 1250000 or 0.5, not text 'abc'"]),
        ("{a.b: {max: 1_000}}",
         ["'max' must be a number in plain digits, such as 1250000 or 0.5, not text '1_000'"]),
        ("{a.b: {max: '1'}}", ["'max' must be a number in plain digits, such as 1250000 or 0.5, not text '1'"]),
        ("{a.b: {max: 1:30}}", ["'max' must be a number in plain digits, such as 1250000 or 0.5, not text '1:30'"]),
        ("{a.b: {max: 0777}}", ["0777 is not a plain decimal number; write 777, or quote it if it is text"]),
        ("{a.b: {max: 010}}", ["010 is not a plain decimal number; write 10, or quote it if it is text"]),
        ("{a.b: {max: 0x10}}", ["0x10 is not a plain decimal number; write 16, or quote it if it is text"]),
        ("{a.b: {max: 0o10}}", ["0o10 is not a plain decimal number; write 8, or quote it if it is text"]),
        ("{a.b: {max: }}",
         ["'max' has no value: write one, in quotes if it begins with #, or leave the key out"]),
        ("{a.b: {max: [1]}}", ["'max' must be a number in plain digits, such as 1250000 or 0.5, not a list"]),
        ("{a.b: {max: -1}}", ["'max' must be at least 0"]),
        ("{a.b: {max: 1, max: 2}}", ["duplicate key 'max'; first at line 1, column 16"]),
    ],
)
def test_bounds_that_are_no_plain_number(bounds: str, mistakes: list[str]) -> None:
    got = [line.split(": ", 1)[1] for line in told(f"bounds: {bounds}")]
    assert got == mistakes


@pytest.mark.parametrize(
    ("written", "meant"), [("0", 0), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("1E+3", 1000.0), ("+7", 7)]
)
def test_bounds_that_are_plain_decimal_numbers(written: str, meant: float) -> None:
    assert rule(f"bounds: {{a.b: {{max: {written}}}}}").bounds == (Bound("a.b", meant),)


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("title: t", ["1:1: a rule needs 'bounds', 'query' or 'learn'"]),
        ("bounds: {}", ["1:1: 'bounds' must have at least one item"]),
        ("bounds:", ["1:1: 'bounds' has no value: write one, in quotes if it begins with #, or leave the key out"]),
        ("bounds: [a.b]", ["1:1: 'bounds' must be a mapping of keys to values, not a list"]),
        ("bounds: {Queries: {max: 1}}", ["1:10: 'Queries' must be a counter's name, which is group.name"]),
        ("bounds: {.b: {max: 1}}", ["1:10: '.b' must be a counter's name, which is group.name"]),
        ("bounds: {'a.[b': {max: 1}}", ["1:10: 'a.[b' must be a shell pattern: its '[' is never closed"]),
        ("bounds: {a.b: 5}", ["1:10: 'a.b' must be a mapping of keys to values, not 5"]),
        ("bounds: *x", ["1:1: '*' begins an alias in YAML; put the text in quotes, or write it out"]),
        ("query: 5", ["1:1: 'query' must be text, not 5; put it in quotes"]),
        ("query: ''", ["1:1: 'query' must not be empty"]),
        ("qurey: x", ["1:1: a rule needs 'bounds', 'query' or 'learn'",
                      "1:1: unknown key 'qurey'; did you mean 'query'?"]),
        ("query: x\nsuppress_graph: true", ["2:1: unknown key 'suppress_graph'; did you mean 'suppress-graph'?"]),
        ("query: x\nbug: true", ["2:1: 'bug' must be a Launchpad bug number or a URL, not true"]),
        ("query: x\nbug: LP5", ["2:1: 'bug' must be a Launchpad bug number or a URL, not text 'LP5'"]),
        ("query: x\ntitle: 404", ["2:1: 'title' must be text, not 404; put it in quotes"]),
        ('query: x\ntitle: "a\\nb"', ["2:1: 'title' must be on one line, without control characters"]),
        ("query: x\nwhere: {jobs: a}", ["2:9: unknown key 'jobs'; did you mean 'job'?"]),
        ("query: x\nwhere: {job: [], voting: 1}", ["2:9: 'job' must have at least one item",
                                                  "2:18: 'voting' must be true or false, not 1"]),
        ("query: x\nwhere: {job: 'a['}", ["2:9: 'job' must be a shell pattern: its '[' is never closed"]),
        ("query: x\nlabel: site", ["2:1: 'label' must be 'infra' or left out, not text 'site'"]),
        ("bounds: {a.b: {max: 1}}\nlabel: infra\ntest_ids: [a]",
         ["2:1: 'label' is for a rule with a 'query', and this one has none",
          "3:1: 'test_ids' is for a rule with a 'query', and this one has none"]),
        ("query: x\nreport: {irc: [qa]}", ["2:16: item 1 of 'irc' must be a channel's name, such as '#openstack-qa'"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, mistakes: list[str]) -> None:
    assert told(text) == [f"r.yaml:{mistake}" for mistake in mistakes]


@pytest.mark.parametrize("nothing", ["null", "#openstack-qa"])
@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("query: {}", "1:1: 'query'"),
        ("query: x\ntitle: {}", "2:1: 'title'"),
        ("query: x\nowner: {}", "2:1: 'owner'"),
        ("query: x\nbug: {}", "2:1: 'bug'"),
        ("query: x\nreport:\n  irc: {}", "3:3: 'irc'"),
        ("query: x\nwhere:\n  voting: {}", "3:3: 'voting'"),
        *((f"query: x\ncases:\n- expect: match\n  given:\n    file: f\n    lines: [x]\n    {key}: {{}}",
           f"7:5: '{key}'")
          for key in ("job", "branch", "project", "pipeline", "voting", "counters")),
    ],
)  # fmt: skip
def test_a_key_without_a_value(written: str, place: str, nothing: str) -> None:
    what = "has no value: write one, in quotes if it begins with #, or leave the key out"
    assert told(written.format(nothing) + "\n") == [f"r.yaml:{place} {what}"]


def test_what_elastic_recheck_may_leave_empty() -> None:
    assert rule("query: x\nresolved_at:\n").fingerprint == Fingerprint("x")


def long(size: int) -> str:
    return "*" + "a" * (size - 1)


def test_patterns_are_no_longer_than_names() -> None:
    bounds = "\nbounds: {a.b: {max: 1}}"
    at_most = "must have at most 255 characters"
    assert limits.PATTERN == 255
    assert rule(f"where: {{job: '{long(255)}'}}{bounds}").where.job == (long(255),)
    assert told(f"where: {{job: '{long(256)}'}}{bounds}") == [f"r.yaml:1:9: 'job' {at_most}"]
    assert told(f"where: {{job: [a, '{long(256)}']}}{bounds}") == [f"r.yaml:1:18: item 2 of 'job' {at_most}"]


@pytest.mark.parametrize("key", ["job", "branch", "project", "pipeline"])
def test_what_a_case_gives_is_no_longer_than_names(key: str) -> None:
    text = f"bounds: {{a.b: {{max: 1}}}}\ncases:\n- given: {{counters: {{a.b: 1}}, {key}: %s}}\n  expect: within\n"
    assert getattr(rule(text % ("a" * 255)).cases[0].given, key) == "a" * 255
    assert told(text % ("a" * 256)) == [f"r.yaml:3:31: '{key}' must have at most 255 characters"]


@pytest.mark.parametrize("character", ["\n", "\x1b", "\u2028", "\u202e", "\udcff"])
def test_a_files_name_can_be_printed(character: str) -> None:
    file = parse_rule(read(b"query: x\nwher: 1\n", f"queries/a{character}b.yaml"))
    assert file.rule is None
    assert [mistake.what for mistake in file.mistakes] == [
        "the file's name has characters that cannot be printed; rename the file",
        "unknown key 'wher'; did you mean 'where'?"]


def test_mistakes_in_cases() -> None:
    text = """\
bounds: {a.b: {max: 1}}
cases:
  - given: {counters: {a: 1, a.b: x}}
    expect: over
  - given: {job: a, counters: {}}
    expect: {over: []}
  - expect: {under: [a.b]}
  - given: {counters: {a.b: 1}}
    expect: {over: [b]}
"""
    assert told(text) == [
        "r.yaml:3:24: 'a' must be a counter's name, which is group.name",
        "r.yaml:3:30: 'a.b' must be a number in plain digits, such as 1250000 or 0.5, not text 'x'",
        "r.yaml:4:5: 'expect' must be 'within', {over: [NAMES]}, 'match' or 'no match', not text 'over'",
        "r.yaml:5:21: 'counters' must have at least one item",
        "r.yaml:6:14: 'over' must have at least one item",
        "r.yaml:7:5: missing key 'given'",
        "r.yaml:7:5: missing key 'over'",
        "r.yaml:7:14: unknown key 'under'; known: over",
        "r.yaml:9:21: item 1 of 'over' must be a counter's name, which is group.name",
    ]


def test_mistakes_in_cases_of_a_query() -> None:
    text = """\
query: message:x
cases:
  - given: {file: /var/log/x, lines: []}
    expect: match
  - given: {counters: {a.b: 1}}
    expect: no match
  - given: {file: f, lines: [5, "", ~]}
    expect: matches
  - given: {file: f, counters: {a.b: 1}}
    expect: within
  - given: {file: f, line: x}
    expect: match
"""
    assert told(text) == [
        "r.yaml:3:13: 'file' must be a path under the build's log root, such as controller/logs/screen-n-cpu.txt",
        "r.yaml:3:31: 'lines' must have at least one item",
        "r.yaml:5:5: missing key 'file'",
        "r.yaml:5:5: missing key 'lines'",
        "r.yaml:7:30: item 1 of 'lines' must be text, not 5; put it in quotes",
        "r.yaml:7:37: item 3 of 'lines' must be text, not nothing",
        "r.yaml:8:5: 'expect' must be 'within', {over: [NAMES]}, 'match' or 'no match', not text 'matches'",
        "r.yaml:9:13: 'file' needs 'expect: match' or 'expect: no match'",
        "r.yaml:10:5: this tests 'bounds', and the rule has none",
        "r.yaml:11:22: unknown key 'line'; did you mean 'lines'?",
    ]


def test_a_case_of_a_query_without_one() -> None:
    assert told("bounds: {a.b: {max: 1}}\ncases: [{given: {file: f, lines: [x]}, expect: match}]\n") == [
        "r.yaml:2:40: this tests 'query', and the rule has none"]


VALUES = st.sampled_from(
    ["1", "x", "[]", "{}", "[a.b, 1]", "{over: [a.b]}", "{max: 1}", "{a.b: {max: .inf}}", "~", "[{given: 1}]", "true",
     "[{given: {file: f}, expect: match}]", "a AND AND b"]
)
NAMES = st.sampled_from(
    ["title", "why", "bug", "where", "bounds", "report", "cases", "query", "test_ids", "label", "nonsense"])


@given(st.dictionaries(NAMES, VALUES, min_size=1))
def test_every_mistake_has_a_sentence(content: dict[str, str]) -> None:
    file = parse_rule(read("".join(f"{name}: {value}\n" for name, value in content.items()).encode(), "r.yaml"))
    assert (file.rule is None) == bool(file.mistakes)
    assert not [mistake for mistake in file.mistakes if "is wrong" in mistake.what]


def test_a_pattern_of_zuul_is_told_with_the_shell_pattern_at_its_place() -> None:
    text = (
        'title: t\nwhere: {job: [tempest-full, "a|b"], branch: "^(?!stable/).*$", project: "openstack/.*"}\n'
        'bounds: {mysql.Com_.*: {max: 5}, "mysql\\\\.Queries": {max: 5}}\n'
    )
    assert told(text) == [
        "r.yaml:2:29: item 2 of 'job' must be a single shell pattern; write a list: ['a', 'b']",
        "r.yaml:2:37: 'branch' must be a shell pattern, which cannot exclude names; list those that are meant, "
        "such as [master, 'feature/*']",
        "r.yaml:2:64: 'project' must be a shell pattern, not a regular expression; write 'openstack/*'",
        "r.yaml:3:10: 'mysql.Com_.*' must be a shell pattern, not a regular expression; write 'mysql.Com_*'",
        "r.yaml:3:34: 'mysql\\\\.Queries' must be a shell pattern, not a regular expression; write 'mysql.Queries'",
    ]


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("branch: 2024.1", "3: 'branch' must be text, not 2024.1; put it in quotes"),
        ("job: [1]", "9: item 1 of 'job' must be text, not 1; put it in quotes"),
        ("job: true", "3: 'job' must be text, not true; put it in quotes"),
        ("branch: {regex: ^master, negate: true}",
         "3: 'branch' must be a shell pattern or a list of them, as in [master, 'stable/*'], not a mapping"),
        ("branch: {master, main}",
         "3: 'branch' must be a shell pattern or a list of them, as in [master, 'stable/*'], not a mapping"),
        ("job: *-full", "3: '*' begins an alias in YAML; put the text in quotes, or write it out"),
        ("job: &a b", "3: '&' begins an anchor in YAML; put the text in quotes, or leave it out"),
        ("branch: !master", "3: '!' begins a tag in YAML; put the text in quotes, or leave it out"),
        *((f"job: {sign} x", f"8: not YAML: '{sign}' has a meaning of its own here; put the whole text in quotes")
          for sign in "*&%@`"),
        ("branch: [0-9]*", "16: not YAML: '*' has a meaning of its own here; put the whole text in quotes"),
        ("job: {a: !b}", "12: not YAML: '!' has a meaning of its own here; put the whole text in quotes"),
        ("job: &a-b", "3: '&' begins an anchor in YAML; put the text in quotes, or leave it out"),
        ("job: {a,b}-c", "13: not YAML: while parsing a block mapping, expected <block end>, but found '<scalar>'; "
                         "put the whole text in single quotes"),
        ("job: ? a", "8: not YAML: mapping keys are not allowed here; put the whole text in single quotes"),
        ("job: |a", "8: not YAML: '|' or '>' has a meaning of its own here; put the whole text in quotes"),
        ("job: a: b", "9: not YAML: mapping values are not allowed here; put the whole text in single quotes"),
        ('job: "\\d"', "10: not YAML: while scanning a double-quoted scalar, found unknown escape character 'd'; "
                       "in single quotes a backslash is no escape"),
    ],
)  # fmt: skip
def test_text_that_yaml_takes_for_something_else(written: str, mistake: str) -> None:
    assert told(f"where:\n  {written}\nquery: x\n") == [f"r.yaml:2:{mistake}"]
