"""What a reviewer and a channel read: whole texts."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterbot.core import limits
from counterbot.core.counters.attachment import parse_counters
from counterbot.core.decide import Observed, decide
from counterbot.core.model import BuildLink, Finding, Kind, Number, PatchSet, Report, State, Subject
from counterbot.core.rules import Rule, judge
from counterbot.core.text.figures import excess, largest_first, number
from counterbot.core.wording.comment import Links, comment
from counterbot.core.wording.irc import irc_line
from counterbot.files.rulebook import RuleBook

CONTRACT = Path(__file__).parents[1] / "samples/contract"
MARKER = "[counterbot:1a2b3c4d5e6f]"
URL = "https://review.example.org/c/openstack/nova/+/7"
LINKS = (BuildLink("tempest-full", "https://z/build/1", "1"), BuildLink("devstack-nv", "https://z/build/2", "2"))
REPORT = Report(PatchSet("review", "openstack/nova", "master", 7, 2, URL), "check", None, LINKS)
VIEW = Links()
FILE = Links(file="https://bugs.launchpad.net/nova/+filebug?field.title={title}&field.comment={text}")
SQL = Rule("sql", "SQL statements in a Tempest run", bug="2041234")
COUNTED = (Observed("tempest-full", "1", State.READ),)


def over(counter: str = "mysql.Queries", value: Number = 1_300_000, bound: Number = 1_250_000,
         job: str = "tempest-full", rule: str = "sql") -> Finding:
    return Finding(job, "1", rule, Subject(Kind.COUNTER, counter), value, bound)


def said(*over: Finding, observed: tuple[Observed, ...] = COUNTED, rules: tuple[Rule, ...] = (SQL,),
         links: Links = VIEW, report: Report = REPORT) -> str:
    return comment(report, over, observed, {rule.name: rule for rule in rules}, links, MARKER)


def lines(text: str) -> list[str]:
    """Those of the table, without its titles."""
    return text.split("\n\n")[1].split("\n")[1:]


# -- whole comments


def test_the_contracts_comment_to_the_letter():
    rules = RuleBook(CONTRACT / "queries").rules
    [rule] = [rule for rule in rules if rule.name == "sql-statements"]
    counters = parse_counters((CONTRACT / "counters.json").read_bytes())
    observed = (Observed("tempest-full", "1", State.READ, verdicts=judge(rule, counters)),
                Observed("devstack-nv", "2", State.NOTHING))
    decision = decide(REPORT, observed, {rule.name: rule}, {}, ())
    [effect] = decision.effects
    text = comment(REPORT, effect.findings, observed, {rule.name: rule}, VIEW, MARKER)
    assert f"{text}\n" == (CONTRACT / "comment.txt").read_text()


def test_several_rows_stand_by_excess_and_several_rules_explain_themselves():
    rules = (SQL, Rule("queues", "Notifications", bug="https://bugs.example.org/9"),
             Rule("memory", "Memory of services"))
    text = said(over(), over("queues.info_publish", 9410, 8500, rule="queues"),
                over("memory.n-api", 300, 10, rule="memory"), over("mysql.Com_select", 12, 10, job="devstack-nv"),
                rules=rules, observed=(*COUNTED, Observed("devstack-nv", "2", State.READ)))
    assert text == f"""\
Counters: 4 counters over their bound (not voting).

  job            counter                  this run      bound    over
  tempest-full   memory.n-api                  300         10     ×30
  devstack-nv    mysql.Com_select               12         10    +20%
  tempest-full   queues.info_publish         9,410      8,500    +11%
  tempest-full   mysql.Queries           1,300,000  1,250,000     +4%

memory.n-api: Memory of services
mysql.Com_select, mysql.Queries: SQL statements in a Tempest run, bug https://bugs.launchpad.net/bugs/2041234
queues.info_publish: Notifications, bug https://bugs.example.org/9
Noise? "recheck".
{MARKER}"""


def test_of_more_than_ten_rows_the_largest_are_shown():
    text = said(*(over(f"mysql.c{number:02}", 200 + number, 100) for number in range(17)))
    assert text == f"""\
Counters: 17 counters over their bound (not voting).

  job            counter        this run      bound    over
  tempest-full   mysql.c16           216        100   +116%
  tempest-full   mysql.c15           215        100   +115%
  tempest-full   mysql.c14           214        100   +114%
  tempest-full   mysql.c13           213        100   +113%
  tempest-full   mysql.c12           212        100   +112%
  tempest-full   mysql.c11           211        100   +111%
  tempest-full   mysql.c10           210        100   +110%
  tempest-full   mysql.c09           209        100   +109%
  tempest-full   mysql.c08           208        100   +108%
  tempest-full   mysql.c07           207        100   +107%
  … and 7 more

mysql.c16, mysql.c15, mysql.c14 and 7 more: SQL statements in a Tempest run, \
bug https://bugs.launchpad.net/bugs/2041234
Noise? "recheck".
{MARKER}"""


def test_what_could_not_be_read_is_told():
    spoilt = Observed("tempest-full", "1", State.READ, unjudged=("mysql.Com_select (NaN is not a finite number)",))
    assert said(over(), observed=(spoilt,)).split("\n")[-3:] == [
        "Not judged: tempest-full mysql.Com_select (NaN is not a finite number).", 'Noise? "recheck".', MARKER]
    many = Observed("j", "1", State.READ, unjudged=tuple(f"m.{number} (null)" for number in range(7)))
    assert ("Not judged: j m.0 (null); j m.1 (null); j m.2 (null); j m.3 (null); j m.4 (null) and 2 more.\n"
            in said(over(), observed=(many,)))


A, B, C, D, E, F = (f"job-{letter}" for letter in "abcdef")
COUNTED_A = Observed(A, "1", State.READ)


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({}, None),
        ({B: State.READ}, None),
        ({B: State.NOT_RUN}, None),
        ({B: State.NOTHING}, "Counters come from 1 of 2 builds; job-b had none."),
        ({B: State.NOTHING, C: State.NOT_RUN}, "Counters come from 1 of 2 builds; job-b had none."),
        ({B: State.UNREADABLE}, "Counters come from 1 of 2 builds; those of job-b could not be read."),
        ({B: State.MISSING}, "Counters come from 1 of 2 builds; the logs of job-b were not there in time."),
        ({B: State.NOTHING, C: State.NOTHING}, "Counters come from 1 of 3 builds; job-b and job-c had none."),
        ({B: State.NOTHING, C: State.NOTHING, D: State.NOTHING},
         "Counters come from 1 of 4 builds; job-b, job-c and job-d had none."),
        ({B: State.NOTHING, C: State.NOTHING, D: State.NOTHING, E: State.NOTHING, F: State.NOTHING},
         "Counters come from 1 of 6 builds; job-b, job-c, job-d and 2 more had none."),
        ({B: State.READ, C: State.MISSING, D: State.UNREADABLE, E: State.NOTHING},
         "Counters come from 2 of 5 builds; job-e had none; those of job-d could not be read; "
         "the logs of job-c were not there in time."),
    ],
)
def test_coverage(others, sentence):
    text = said(over(), observed=(COUNTED_A, *(Observed(job, job, state) for job, state in others.items())))
    assert [line for line in text.split("\n") if line.startswith("Counters come")] == [sentence] * bool(sentence)


# -- bugs


def explanation(text: str) -> str:
    return text.split("\n\n")[2].split("\n")[0]


def test_a_rule_with_a_bug_links_it():
    assert explanation(said(over(), links=Links("https://bugs.example.org/{bug}?x"))) == (
        "mysql.Queries: SQL statements in a Tempest run, bug https://bugs.example.org/2041234?x")


def test_a_rule_without_a_bug_and_without_a_tracker_says_its_title():
    assert explanation(said(over(), rules=(Rule("sql", "SQL & more"),))) == "mysql.Queries: SQL & more"


def test_a_rule_without_a_bug_offers_the_link_that_files_one():
    line = explanation(said(over(), over("mysql.b", 2, 1), rules=(Rule("sql", "SQL & more {text}"),), links=FILE))
    start, link = line.split(": ", 1)[1].rsplit(" ", 1)
    assert start == "SQL & more {text}; no bug yet, file one:"
    assert link.startswith("https://bugs.launchpad.net/nova/+filebug?field.title=SQL%20%26%20more%20%7Btext%7D%3A%20my")
    assert parse_qs(urlsplit(link).query) == {
        "field.title": ["SQL & more {text}: mysql.b over its bound"],
        "field.comment": ["tempest-full: mysql.b 2, bound 1 (+100%)\n"
                          "tempest-full: mysql.Queries 1,300,000, bound 1,250,000 (+4%)\n"
                          f"Seen on {URL}, patch set 2."]}


def test_a_link_too_long_leaves_figures_out_and_stays_whole():
    rows = [over("日本" * 40 + str(row), 2, 1, job="päckchen" * 20) for row in range(5)]
    line = explanation(said(*rows, rules=(Rule("sql", "SQL"),), links=FILE))
    link = line.rsplit(" ", 1)[1]
    [text] = parse_qs(urlsplit(link).query)["field.comment"]
    assert len(link) <= 1500
    assert "�" not in text
    assert text.endswith(f"(+100%)\nSeen on {URL}, patch set 2.")


# -- figures


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"), (7, "7"), (1_300_000, "1,300,000"), (-1234, "-1,234"), (10**15 - 1, "999,999,999,999,999"),
        (10**15, "1e+15"), (2**64, "1.845e+19"), (10**30, "1e+30"), (-(10**20), "-1e+20"),
        (1.0, "1"), (1234.5, "1,234.50"), (0.125, "0.125"), (1e-300, "1e-300"), (1.7e308, "1.7e+308"), (-0.0, "0"),
    ],
)
def test_numbers(value, written):
    assert number(value) == written


@pytest.mark.parametrize(
    ("value", "bound", "written"),
    [
        (1_300_000, 1_250_000, "+4%"), (114, 100, "+14%"), (200, 100, "+100%"), (999, 100, "+899%"),
        (1000, 100, "×10"), (1249, 100, "×12"), (10**9, 1, "×1,000,000,000"),
        (1004, 1000, "+0.4%"), (1009.4, 1000, "+0.9%"), (1010, 1000, "+1%"), (10_001, 10_000, "+<0.1%"),
        (5, 0, "+5"), (0.25, 0, "+0.25"), (3, -2, "+5"),
        (10**30, 1, "×1e+30"), (1.7e308, 5e-324, "+1.7e+308"), (1.7e308, 1e308, "+70%"), (2**64 + 5, 2**64, "+<0.1%"),
    ],
)
def test_excess(value, bound, written):
    assert excess(over(value=value, bound=bound)) == written


def test_a_value_just_over_its_bound_does_not_look_equal_to_it():
    row = over(value=1.501, bound=1.5)
    assert lines(said(row)) == ["  tempest-full   mysql.Queries         1.501      1.500   +0.1%"]
    assert " 1.501 over its bound 1.500 (+0.1%) " in irc_line(REPORT, [row])
    assert "1.501%2C%20bound%201.500%20" in said(row, rules=(Rule("sql", "SQL"),), links=FILE)


def test_names_of_any_width_keep_their_columns():
    rows = [over(job=job) for job in ("job-e\u0301", "job-日本語", "job-plain")]
    assert lines(said(*rows)) == [
        "  job-e\u0301        mysql.Queries     1,300,000  1,250,000     +4%",
        "  job-plain    mysql.Queries     1,300,000  1,250,000     +4%",
        "  job-日本語   mysql.Queries     1,300,000  1,250,000     +4%",
    ]


def test_the_largest_excess_comes_first_and_a_bound_of_zero_before_all():
    figures = {"a": (12, 10), "b": (3, 0), "c": (9, 0), "d": (10**30, 1), "e": (12, 10), "f": (5, 4)}
    rows = [over(name, value, bound) for name, (value, bound) in figures.items()]
    assert [row.subject.name for row in largest_first(rows)] == ["c", "b", "d", "f", "a", "e"]
    assert [row.subject.name for row in largest_first(reversed(rows))] == ["c", "b", "d", "f", "a", "e"]


def test_of_two_rules_on_one_counter_the_lower_bound_is_shown():
    rules = (SQL, Rule("strict", "Strict"))
    text = said(over(), over(bound=1_000_000, rule="strict"), rules=rules)
    assert lines(text) == ["  tempest-full   mysql.Queries     1,300,000  1,000,000    +30%"]
    assert explanation(text) == "mysql.Queries: Strict"


# -- the hostile


def test_a_hostile_name_is_inert_and_keeps_to_its_row():
    evil = "x\r\n\r\nAll is well \x1b[2J\x0304,01red\x03 \u202eevil\u2066\x00 @nova " + "y" * 10_000
    observed = (*COUNTED, Observed(evil, "2", State.NOTHING))
    text = said(over(evil, job=evil), rules=(Rule("sql", evil),), observed=observed)
    name = "x All is well ?2Jred evil ?nova " + "y" * 45 + "…"
    [row] = lines(text)
    assert row == f"  {name}   {name}     1,300,000  1,250,000     +4%"
    assert f"\nCounters come from 1 of 2 builds; {name} had none.\n" in text
    assert text.count("\n") == 8
    line = irc_line(REPORT, [over(evil, job=evil)])
    assert line == f"openstack/nova 7,2 (check): {name} {name} 1,300,000 over its bound 1,250,000 (+4%) {URL}"


@pytest.mark.parametrize("name", ["", "\x00", "\u202e", "\n"])
def test_a_name_of_nothing_is_a_question_mark(name):
    assert lines(said(over(name, job=name))) == ["  ?     ?           1,300,000  1,250,000     +4%"]


def test_a_comment_of_many_long_explanations_keeps_its_table_its_end_and_its_marker():
    rules = tuple(Rule(f"r{row}", "日本語" * 200) for row in range(10))
    rows = [over(f"g.{'n' * 180}{row}", 2 + row, 1, rule=f"r{row}", job="j" * 250) for row in range(10)]
    lost = tuple(Observed(f"{state.name * 20}{row}", "1", state, unjudged=("x" * 1000,) * 3)
                 for state in (State.NOTHING, State.UNREADABLE, State.MISSING) for row in range(9))
    text = said(*rows, rules=rules, links=FILE, observed=(*COUNTED, *lost))
    assert 14_000 < len(text.encode()) <= limits.COMMENT
    assert len(lines(text)) == 10
    assert text.split("\n")[-2:] == ['Noise? "recheck".', MARKER]
    assert "\nCounters come from 1 of 28 builds; " in text
    assert "\nNot judged: " in text
    assert 1 <= text.count("no bug yet, file one: https://") < 10


LONG, WIDE = "x" * 700, "日" * 300
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from([LONG, WIDE])
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
SUBJECTS = st.builds(Subject, st.just(Kind.COUNTER), ANYTHING)
FINDINGS = st.lists(st.builds(Finding, ANYTHING, ANYTHING, st.sampled_from(["a", "b"]), SUBJECTS, NUMBERS, NUMBERS),
                    min_size=1, max_size=14)
REPORTS = st.builds(lambda project, url, pipeline: Report(
    PatchSet("s", project, "b", 10**10, 10**10, url), pipeline, None, LINKS),
    ANYTHING, st.none() | ANYTHING | st.just(URL), st.none() | ANYTHING)


def is_inert(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text)


@settings(deadline=None)
@given(REPORTS, FINDINGS, ANYTHING, st.lists(st.builds(Observed, ANYTHING, ANYTHING, st.sampled_from(State), ANYTHING,
                                                      unjudged=st.lists(ANYTHING, max_size=3).map(tuple))))
def test_any_comment_is_bounded_inert_and_marked(report, rows, title, observed):
    rules = (Rule("a", title), Rule("b", title, bug="1"))
    text = said(*rows, report=report, rules=rules, observed=tuple(observed), links=FILE)
    assert len(text.encode()) <= limits.COMMENT
    assert text.startswith("Counters: ")
    assert text.endswith(f"\n{MARKER}")
    assert all(is_inert(line) for line in text.split("\n"))
    assert len(lines(text)) == min(len(largest_first(rows)), 10) + (len(largest_first(rows)) > 10)


# -- the channel's line


def test_the_line_for_a_channel():
    assert irc_line(REPORT, [over()]) == (
        f"openstack/nova 7,2 (check): tempest-full mysql.Queries 1,300,000 over its bound 1,250,000 (+4%) {URL}")


def test_of_several_findings_the_line_gives_the_largest():
    report = Report(PatchSet("s", "p", "b", 7, 2), None, None, LINKS)
    assert irc_line(report, [over(), over("queues.x", 9, 0), over(bound=1)]) == (
        "p 7,2: tempest-full queues.x 9 over its bound 0 (+9) and 1 more")


def test_names_give_way_to_figures_and_link():
    report = Report(PatchSet("s", "openstack/" + "p" * 90, "b", 7, 2, f"https://review.example.org/{'c' * 90}"),
                    "x" * 99, None, LINKS)
    line = irc_line(report, [over("mysql." + "n" * 90, job="tempest-" + "j" * 90)] * 2)
    assert line == (f"openstack/{'p' * 11}… 7,2 ({'x' * 21}…): tempest-{'j' * 13}… mysql.{'n' * 15}… "
                    f"1,300,000 over its bound 1,250,000 (+4%) https://review.example.org/{'c' * 90}")


@pytest.mark.parametrize("url", [None, "", "https://review/" + "x" * 200, "https://review/a b", "https://r/\r\nQUIT"])
def test_a_link_that_cannot_be_whole_is_left_out(url):
    report = Report(PatchSet("s", "p", "b", 7, 2, url), "gate", None, LINKS)
    assert irc_line(report, [over()]).endswith(" 1,250,000 (+4%)")


@settings(deadline=None)
@given(REPORTS, FINDINGS)
@example(Report(PatchSet("s", "日" * 99, "b", 10**10, 10**10, "https://r/" + "x" * 189), "日" * 99, None, LINKS),
         [over("日" * 99, 10**14, 10**14 - 1, job="日" * 99)])
def test_any_line_is_bounded_and_inert(report, rows):
    line = irc_line(report, rows)
    assert len(line.encode()) <= limits.IRC_LINE
    assert is_inert(line)
    assert report.patchset.url != URL or line.endswith(f" {URL}")
    assert " over its bound " in line
