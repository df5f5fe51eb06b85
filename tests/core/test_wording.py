"""What a reviewer and a channel read: whole texts."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterbot.core import limits
from counterbot.core.counters.attachment import parse_counters
from counterbot.core.decide import Before, Observed, Seen, decide
from counterbot.core.learned import Learned
from counterbot.core.mine import Facts, Sight
from counterbot.core.model import (
    LEARNED,
    Back,
    BuildLink,
    Counters,
    FailedTest,
    Failure,
    Finding,
    Hit,
    Kind,
    KnownFailure,
    Number,
    PatchSet,
    Reading,
    Report,
    State,
    Subject,
    Unexplained,
)
from counterbot.core.rules import (
    LEARNED_RULE,
    Fingerprint,
    Outcome,
    Rule,
    Verdict,
    Where,
    judge,
    judge_learned,
)
from counterbot.core.text.figures import excess, largest_first, number
from counterbot.core.wording.comment import comment
from counterbot.core.wording.irc import irc_line
from counterbot.core.wording.links import Links
from counterbot.files.rulebook import RuleBook

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "tests/samples/contract"
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
    observed = (Observed("tempest-full", "1", State.READ, verdicts=judge(rule, counters)),)
    decision = decide(REPORT, observed, {rule.name: rule}, Before(), ())
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
Counters: 4 counters over their bound in 2 jobs (not voting).

    job            counter                  this run      bound    over
    tempest-full   memory.n-api                  300         10     ×30
    devstack-nv    mysql.Com_select               12         10    +20%
    tempest-full   queues.info_publish         9,410      8,500    +11%
    tempest-full   mysql.Queries           1,300,000  1,250,000     +4%

`memory.n-api`: Memory of services
`mysql.Com_select`, `mysql.Queries`: SQL statements in a Tempest run, bug https://bugs.launchpad.net/bugs/2041234
`queues.info_publish`: Notifications, bug https://bugs.example.org/9
Noise? Comment "recheck".
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

`mysql.c16`, `mysql.c15`, `mysql.c14` and 7 more: SQL statements in a Tempest run, \
bug https://bugs.launchpad.net/bugs/2041234
Noise? Comment "recheck".
{MARKER}"""


def no_data(counter: str, why: str = "missing from this build", came: bool = False, rule: str = "sql") -> Verdict:
    return Verdict(rule, counter, 5, Outcome.NO_DATA, why=why, came=came)


def not_judged(*unjudged: Verdict, job: str = "tempest-full") -> Observed:
    return Observed(job, "1", State.READ, unjudged=unjudged)


MEMORY = tuple(no_data(f"memory.unit-{number}") for number in range(54))
RESET = tuple(no_data(f"mysql.Com_{number}", "counter reset: its server restarted", came=True) for number in range(222))
NAN = no_data("mysql.Com_select", "NaN is not a finite number", came=True)


@pytest.mark.parametrize(
    ("observed", "sentence"),
    [
        ([not_judged()], None),
        ([not_judged(NAN)], "`mysql.Com_select` (NaN is not a finite number) in `tempest-full`"),
        ([not_judged(MEMORY[0])], "`memory.unit-0` (missing from this build) in `tempest-full`"),
        # folded by group
        ([not_judged(*MEMORY)], "memory: 54 counters did not come in `tempest-full`"),
        ([not_judged(*MEMORY, *MEMORY)], "memory: 54 counters did not come in `tempest-full`"),
        ([not_judged(*RESET)], "mysql: 222 counters (counter reset: its server restarted) in `tempest-full`"),
        ([not_judged(*MEMORY, NAN, *RESET)],
         "memory: 54 counters did not come in `tempest-full`; "
         "`mysql.Com_select` (NaN is not a finite number) in `tempest-full`; "
         "mysql: 222 counters (counter reset: its server restarted) in `tempest-full`"),
        # why they did not come may differ
        ([not_judged(no_data("memory.a"), no_data("memory.b", "no counter of group memory in this build; x: 401"))],
         "memory: 2 counters did not come in `tempest-full`"),
        # the same in several jobs
        ([not_judged(*MEMORY), not_judged(*MEMORY, job="devstack")],
         "memory: 54 counters did not come in `tempest-full` and `devstack`"),
        ([not_judged(*MEMORY, job=f"j{number}") for number in range(6)],
         "memory: 54 counters did not come in `j0`, `j1`, `j2` and 3 more"),
        # at most five
        ([not_judged(*(no_data(f"g{number}.c", "x") for number in range(7)))],
         f"{'; '.join(f'`g{number}.c` (x) in `tempest-full`' for number in range(5))} and 2 more"),
        # a pattern asks for what there is
        ([not_judged(Verdict("sql", "m.*", 5, Outcome.NO_DATA, why="x", is_pattern=True))], None),
    ],
)
def test_what_could_not_be_judged_is_one_line(observed, sentence):
    told = [line for line in said(over(), observed=tuple(observed)).split("\n") if line.startswith("Not judged")]
    assert told == [f"Not judged: {sentence}."] * bool(sentence)


@pytest.mark.parametrize(
    ("jobs", "counters", "verdict"),
    [
        (1, 1, "1 counter over its bound"),
        (1, 6, "6 counters over their bound"),
        (6, 1, "1 counter over its bound in 6 jobs"),
        (3, 2, "2 counters over their bound in 3 jobs"),
    ],
)
def test_counters_are_counted_and_not_rows(jobs, counters, verdict):
    rows = [over(f"mysql.c{counter}", job=f"job-{job}") for job in range(jobs) for counter in range(counters)]
    assert said(*rows).startswith(f"Counters: {verdict} (not voting).\n")


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (["SUCCESS"], None),
        ([None], None),
        (["FAILURE"], "`job-0` failed: its counters may be those of a part of the tests."),
        (["TIMED_OUT"], "`job-0` (`TIMED_OUT`) failed: its counters may be those of a part of the tests."),
        (["FAILURE", "SUCCESS", "NODE_FAILURE"],
         "`job-0` and `job-2` (`NODE_FAILURE`) failed: their counters may be those of a part of the tests."),
    ],
)
def test_a_judged_job_that_failed_is_said_to_have_failed(results, sentence):
    judged = (Verdict("sql", "m.q", 5, Outcome.OVER, 6),)
    observed = [Observed(f"job-{number}", str(number), State.READ, verdicts=judged, result=result)
                for number, result in enumerate(results)]
    unjudged = Observed("job-9", "9", State.READ, verdicts=(no_data("m.q"),), result="FAILURE")
    text = said(over(), observed=(*observed, unjudged))
    assert [line for line in text.split("\n") if " failed" in line] == [sentence] * bool(sentence)


A, B, C, D, E, F = (f"job-{letter}" for letter in "abcdef")
COUNTED_A = Observed(A, "1", State.READ)


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({}, None),
        ({B: State.READ}, None),
        ({B: State.NOT_RUN}, None),
        ({B: State.NOTHING}, "Counters come from 1 of 2 builds; `job-b` had none."),
        ({B: State.NOTHING, C: State.NOT_RUN}, "Counters come from 1 of 2 builds; `job-b` had none."),
        ({B: State.UNREADABLE}, "Counters come from 1 of 2 builds; those of `job-b` could not be read."),
        ({B: State.MISSING}, "Counters come from 1 of 2 builds; the logs of `job-b` were not there in time."),
        ({B: State.NOTHING, C: State.NOTHING}, "Counters come from 1 of 3 builds; `job-b` and `job-c` had none."),
        ({B: State.NOTHING, C: State.NOTHING, D: State.NOTHING},
         "Counters come from 1 of 4 builds; `job-b`, `job-c` and `job-d` had none."),
        ({B: State.NOTHING, C: State.NOTHING, D: State.NOTHING, E: State.NOTHING, F: State.NOTHING},
         "Counters come from 1 of 6 builds; `job-b`, `job-c`, `job-d` and 2 more had none."),
        ({B: State.READ, C: State.MISSING, D: State.UNREADABLE, E: State.NOTHING},
         "Counters come from 2 of 5 builds; `job-e` had none; those of `job-d` could not be read; "
         "the logs of `job-c` were not there in time."),
    ],
)
def test_coverage(others, sentence):
    text = said(over(), observed=(COUNTED_A, *(Observed(job, job, state) for job, state in others.items())))
    assert [line for line in text.split("\n") if line.startswith("Counters come")] == [sentence] * bool(sentence)


def test_the_comment_in_the_documentation():
    """With all that a comment can say."""
    rules = (SQL, Rule("memory", "Memory of Nova's services (the bound is a starting point)"))
    over_by = (Verdict("sql", "mysql.Queries", 1_250_000, Outcome.OVER, 1_300_000),)
    observed = (
        Observed("tempest-full", "1", State.READ, verdicts=over_by, result="SUCCESS",
                 unjudged=tuple(no_data(f"queues.{number}_publish") for number in range(6))),
        Observed("tempest-full-py3", "2", State.READ, verdicts=over_by, result="TIMED_OUT",
                 unjudged=(no_data("mysql.Com_select", "counter reset: its server restarted", came=True),)),
        Observed("tempest-full-multinode", "3", State.MISSING))
    links = Links(file="https://bugs.example.org/new?title={title}&text={text}")
    text = said(over(), over(value=1_412_530, job="tempest-full-py3"), over("memory.n-api", 548_118_528, 520_000_000,
                rule="memory"), rules=rules, observed=observed, links=links)
    assert f"{text}\n" == (ROOT / "docs/examples/comment.txt").read_text()


# -- known failures

N_CPU = "controller/logs/screen-n-cpu.txt"
QUERY = Fingerprint("x")
ACTIVE = Rule("1254890", "A server does not become ACTIVE in time", bug="1254890", fingerprint=QUERY)
CONSOLE = Rule("1251920", "Console output is lost", bug="1251920", fingerprint=QUERY)
LIVE_MIGRATION = "nova.tests.unit.compute.test_manager.ManagerTest.test_live_migration"
SEEN = Seen({"1254890": 3, "1251920": 14})


def known(job: str, rule: str = "1254890", line: int = 1204, file: str = N_CPU) -> Observed:
    """A failed build, recognised by a rule."""
    hits = (Hit(rule, file, line, "ERROR"), Hit(rule, "job-output.txt", 9, "ERROR"))
    return Observed(job, job, None, result="FAILURE", failure=Reading(State.READ, "", Failure(hits)),
                    known=(KnownFailure(job, job, rule, hits),))


NOTHING_SHOWN = Failure()


def unknown(job: str, failure: Failure = NOTHING_SHOWN, result: str | None = "FAILURE", state: State = State.READ,
            why: str = "") -> Observed:
    """A failed build of which nothing is known."""
    return Observed(job, job, None, result=result,
                    failure=Reading(state, why, failure if state is State.READ else None))


def told(*observed: Observed, over: tuple[Finding, ...] = (), rules: tuple[Rule, ...] = (ACTIVE, CONSOLE, SQL),
         seen: Seen = SEEN, links: Links = VIEW) -> str:
    """The comment on these builds, each rule told."""
    findings = (*over, *(finding for build in observed for finding in build.known),
                *(Unexplained(build.job, build.uuid) for build in observed if build.failed and not build.known))
    return comment(REPORT, findings, observed, {rule.name: rule for rule in rules}, links, MARKER, seen)


def end(text: str) -> str:
    """The sentence before the marker."""
    return text.split("\n")[-2]


def test_the_contracts_comment_on_known_failures_to_the_letter():
    observed = (known("grenade"), known("tempest-full", "1251920", 48211),
                unknown("nova-tox-py312", Failure(tests=(FailedTest(LIVE_MIGRATION, ("AssertionError",)),))))
    rules = {rule.name: rule for rule in (ACTIVE, CONSOLE)}
    [effect] = decide(REPORT, observed, rules, Before(), ()).effects
    text = comment(REPORT, effect.findings, observed, rules, VIEW, MARKER, SEEN)
    assert f"{text}\n" == (CONTRACT / "comment-failures.txt").read_text()


# -- what is learned

SINCE = 1_794_441_600_000  # 12 Nov 2026
ROWS_READ, NOTIFICATIONS = "mysql.Innodb_rows_read", "queues.notifications_publish"
GRAPHS = Links(graphs="https://ci.example.org/counterbot/")
RULES = {LEARNED: LEARNED_RULE, "rows": Rule("rows", "Rows read in a Tempest run", bug="2041234")}


def usual(counter: str, median: float, bound: float) -> Learned:
    return Learned(counter, median, bound, 60, SINCE, "master")


USUAL = {**{f"mysql.c{number}": usual(f"mysql.c{number}", 10, 20) for number in range(39)},
         ROWS_READ: usual(ROWS_READ, 1_180_000, 1_239_000), NOTIFICATIONS: usual(NOTIFICATIONS, 8_020, 8_500)}


def counting(job: str, values: dict[str, Number], *verdicts: Verdict) -> Observed:
    """A build with these counters beside some that are within their learned bounds."""
    counters = Counters({**dict.fromkeys(USUAL, 10), **values})
    return Observed(job, job, State.READ, verdicts=(*verdicts, *judge_learned(USUAL, counters)), usual=USUAL)


def test_what_is_back_within_its_bound_is_one_line():
    back = [Back("tempest-full", "1", "mysql.Queries", 1_203_411, 1_239_000.7),
            Back("nova-next", "2", "mysql.Queries", 9, 10), Back("nova-next", "2", "mysql.Com_`select", 4.25, 5)]
    assert comment(REPORT, back[:1], (), RULES, GRAPHS, MARKER) == (
        "Counters: `mysql.Queries` in `tempest-full` is back within its bound: 1,203,411 of at most 1,239,000"
        f" (not voting).\n{MARKER}")
    assert comment(REPORT, back, (), RULES, GRAPHS, MARKER).startswith(
        "Counters: `mysql.Queries` in `tempest-full` and `nova-next` and `mysql.Com_?select` in `nova-next` are back"
        " within their bounds (not voting).")


def test_what_is_back_stands_below_what_is_over():
    observed = counting("tempest-full", {NOTIFICATIONS: 9_410})
    found = [*observed.over, Back("tempest-full", "1", ROWS_READ, 1_203_411, 1_239_000)]
    lines = comment(REPORT, found, [observed], RULES, GRAPHS, MARKER).split("\n")
    assert ("`mysql.Innodb_rows_read` in `tempest-full` is back within its bound: 1,203,411 of at most 1,239,000."
            in lines)


def learned_comment(*observed: Observed, links: Links = GRAPHS, crossed: frozenset[tuple[str, str]] = frozenset(),
                    seen: Seen = Seen()) -> str:  # noqa: B008 - frozen
    rules = {**RULES, ACTIVE.name: ACTIVE}
    [effect] = decide(REPORT, observed, rules, Before({}, crossed), ()).effects
    return comment(REPORT, effect.findings, observed, rules, links, MARKER, seen)


def test_the_contracts_comment_on_learned_bounds_to_the_letter():
    over_rule = Verdict("rows", ROWS_READ, 1_239_000, Outcome.OVER, 1_412_530)
    text = learned_comment(counting("tempest-full", {ROWS_READ: 1_412_530, NOTIFICATIONS: 9_410}, over_rule),
                           counting("nova-next", {NOTIFICATIONS: 8_700}))
    assert f"{text}\n" == (CONTRACT / "comment-learned.txt").read_text()


def test_the_contracts_comment_on_failures_and_counters_to_the_letter():
    text = learned_comment(known("grenade"), counting("tempest-full", {ROWS_READ: 1_412_530}),
                           counting("nova-next", {ROWS_READ: 1_300_000}), seen=SEEN)
    assert f"{text}\n" == (CONTRACT / "comment-both.txt").read_text()


@pytest.mark.parametrize(("jobs", "crossed", "where"), [
    ({"a": 2000, "b": 2000, "c": 2000}, (), "all 3 jobs that count it"),
    ({"a": 2000, "b": 2000, "c": 10}, (), "2 of 3 jobs that count it"),
    ({"a": 2000, "b": 10}, [("a", "mysql.c1")], "a second run"),
])
def test_where_a_counter_was_seen(jobs, crossed, where):
    builds = [counting(job, {"mysql.c1": value}) for job, value in jobs.items()]
    text = learned_comment(*builds, crossed=frozenset(crossed), links=VIEW)
    assert f"`mysql.c1`: learned from 60 runs on master since 12 Nov; seen in {where}." in text
    assert text.split("\n")[-2] == 'More work expected? Comment "counters: accept <reason>". Noise? "recheck".'


def test_a_failed_build_shows_nothing_of_it():
    failed = replace(counting("b", {"mysql.c1": 2000}), result="FAILURE")
    text = learned_comment(counting("a", {"mysql.c1": 2000}), failed, crossed=frozenset([("a", "mysql.c1")]))
    assert "seen in a second run." in text


def test_a_line_on_irc_says_that_a_bound_is_learned():
    bound = replace(usual("mysql.c1", 1_800, 2_000.75), counter="mysql.c1")
    finding = Finding("a", "1", LEARNED, Subject(Kind.COUNTER, "mysql.c1"), 2_500, 2_000.75, bound)
    assert " a mysql.c1 2,500 over its learned bound 2,000 (+25%) " in irc_line(REPORT, [finding], (), RULES)


def test_beside_a_counter_of_which_nothing_is_known_none_are_called_stable():
    sql = Verdict("rows", "mysql.Queries", 5, Outcome.OVER, 6)
    text = learned_comment(counting("a", {"mysql.c1": 2000}, sql), counting("b", {"mysql.c1": 2000}))
    assert text.startswith("Counters: 2 counters over their bound (not voting).")


# -- what the history tells of failures that no rule explains

DAY = 86_400_000
NOW = 1_796_083_200_000  # 1 Dec 2026
ACTIVE_LINE = Sight("Timed out waiting for server to become ACTIVE", N_CPU, 3, NOW - 13 * DAY)
MIGRATION = Sight(LIVE_MIGRATION)
MANAGER = "nova/compute/manager.py"


def unexplained(*observed: Observed, seen: Seen = Seen(at=NOW)) -> str:  # noqa: B008 - frozen
    """The comment in the gate on these builds, of which nothing is known."""
    rules = {ACTIVE.name: ACTIVE}
    [effect] = decide(replace(REPORT, pipeline="gate"), observed, rules, Before(), ()).effects
    return comment(REPORT, effect.findings, observed, rules, VIEW, MARKER, seen)


def with_facts(job: str = "grenade", *sights: Sight, failure: Failure = NOTHING_SHOWN, **facts: object) -> Observed:
    return replace(unknown(job, failure), facts=Facts(sights=sights, **facts))


def test_the_contracts_comment_on_failures_that_nobody_knows_to_the_letter():
    text = unexplained(with_facts("grenade", ACTIVE_LINE, gate=(38, 40), patchsets=(3,)),
                       with_facts("nova-tox-py312", MIGRATION, touched=(MANAGER,), patchsets=(1, 2, 3)))
    assert f"{text}\n" == (CONTRACT / "comment-unexplained.txt").read_text()


@pytest.mark.parametrize(
    ("facts", "where", "line"),
    [
        # nothing was compared: what the failure itself shows
        (Facts(passed=True), "", "passed on this patch set in another run; `t.first` failed first"),
        (Facts(passed=True, gate=(5, 5), patchsets=(1, 2)), "",
         "passed on this patch set in another run; `t.first` failed first; passed 5 of its last 5 gate builds"),
        # a few gate builds tell nothing
        (Facts(passed=True, gate=(4, 4)), "", "passed on this patch set in another run; `t.first` failed first"),
        # a flake: that it failed on other patch sets as well tells nothing
        (Facts(True, (MIGRATION,), (40, 40), (), (1, 2)), "this change only",
         f"passed on this patch set in another run; `{LIVE_MIGRATION}` failed first; passed 40 of its last 40 gate"
         " builds"),
        # to a bot that knows of no other change's failure, all is seen on one change only
        (Facts(True, (MIGRATION,), compared=False), "",
         f"passed on this patch set in another run; `{LIVE_MIGRATION}` failed first"),
        # the test fails elsewhere, but perhaps not by this
        (Facts(True, (replace(MIGRATION, changes=4, since=NOW - 335 * DAY), Sight("No @tap", "logs/q-agt.txt"))),
         "4 other changes",
         f"passed on this patch set in another run; `{LIVE_MIGRATION}` failed first; first seen 31 Dec 2025;"
         " on this change only: `No (at)tap` in `logs/q-agt.txt`"),
        # one cause makes several tests fail
        (Facts(True, (ACTIVE_LINE, MIGRATION)), "3 other changes",
         f"passed on this patch set in another run; `{ACTIVE_LINE.text}` in `{N_CPU}`; first seen 18 Nov"),
        # both are seen elsewhere: the one that more show
        (Facts(True, (ACTIVE_LINE, replace(MIGRATION, changes=1, since=NOW))), "3 other changes",
         f"passed on this patch set in another run; `{ACTIVE_LINE.text}` in `{N_CPU}`; first seen 18 Nov"),
        # patch sets, and what it names
        (Facts(True, (replace(MIGRATION, changes=1),), (3, 1203), (MANAGER, "nova/a.py"), (1, 2)), "1 other change",
         f"passed on this patch set in another run; `{LIVE_MIGRATION}` failed first; passed 3 of its last 1,203 gate"
         f" builds; it names `{MANAGER}` and `nova/a.py`, which this change touches"),
    ],
)
def test_what_is_said_of_a_failure_that_nobody_knows(facts, where, line):
    text = unexplained(replace(unknown("grenade", Failure(tests=(FailedTest("t.first"),))), facts=facts))
    assert text == f"""\
Failures: the failed build is not a known bug (not voting).

    job       failed by       seen in 7 days
{f"    grenade   nothing known   {where}".rstrip()}

`grenade`: {line}.
{MARKER}"""


def test_without_a_time_of_counting_a_date_has_no_year():
    assert "; first seen 18 Nov.\n" in unexplained(with_facts("a", ACTIVE_LINE), seen=Seen())


def test_at_most_five_jobs_are_explained_those_first_that_others_share():
    shared = [with_facts(f"job-{changes}", replace(ACTIVE_LINE, changes=changes)) for changes in range(1, 8)]
    text = unexplained(*shared, with_facts("silent"), with_facts("flake", passed=True))
    assert text.startswith("Failures: none of 9 failed builds is a known bug (not voting).\n")
    assert [line.split()[0] for line in lines(text)] == [
        "flake", *(f"job-{changes}" for changes in range(7, 0, -1)), "silent"]
    told = text.split("\n\n")[2].split("\n")
    assert [line.split("`")[1] for line in told[:5]] == ["flake", "job-7", "job-6", "job-5", "job-4"]
    assert told[5:] == ["… and 3 more", MARKER]


def test_beside_known_failures_the_line_counts_the_other_changes():
    text = told(known("grenade"), with_facts("tempest-full", ACTIVE_LINE, gate=(38, 40)))
    assert lines(text)[1] == "    tempest-full   nothing known"
    assert f"""
`tempest-full`: `{ACTIVE_LINE.text}` in `{N_CPU}`; seen on 3 other changes in 7 days; first seen 18 Nov; \
passed 38 of its last 40 gate builds.
Not every failure is known: look at tempest-full before you recheck.
""" in text


def test_beside_counters_failures_that_nobody_knows_have_a_table():
    observed = (with_facts("grenade", MIGRATION, patchsets=(1,)),
                Observed("tempest-full", "1", State.READ, verdicts=(Verdict("sql", "m", 5, Outcome.OVER, 6),)))
    text = told(*observed, over=(over(),))
    assert text == f"""\
Failures: the failed build is not a known bug. Counters: 1 counter over its bound (not voting).

    job            failed by       seen in 7 days
    grenade        nothing known   this change only

`grenade`: `{LIVE_MIGRATION}` failed first.

    job            counter            this run      bound    over
    tempest-full   mysql.Queries     1,300,000  1,250,000     +4%

`mysql.Queries`: SQL statements in a Tempest run, bug https://bugs.launchpad.net/bugs/2041234
Noise? Comment "recheck".
{MARKER}"""


def test_a_job_that_does_not_vote_is_not_counted_among_failures_that_nobody_knows():
    text = unexplained(with_facts("a", ACTIVE_LINE), replace(unknown("b"), voting=False))
    assert text.startswith("Failures: 1 failed build is not a known bug (not voting).\n")


def test_beside_counters_failures_of_which_nothing_is_known_at_all_are_no_table():
    assert told(unknown("a"), over=(over(),)).startswith("Counters: 1 counter over its bound (not voting).\n")
    shown = unknown("a", Failure(error="E: no space"))
    assert told(shown, over=(over(),)).startswith("Failures: the failed build is not a known bug. Counters: ")


SITE = Rule("mirror", "The mirror does not answer", infra=True)
FILED = Rule("vif", "Ports are not plugged", bug="https://bugs.example.org/9")
PLAIN = Rule("oom", "The kernel's memory ran out")
ALL = (ACTIVE, CONSOLE, SITE, FILED, PLAIN, SQL)


@pytest.mark.parametrize(
    ("rules", "unknown_jobs", "verdict"),
    [
        (["1254890"], 0, "the failed build is a known bug"),
        (["1254890", "1251920"], 0, "both failed builds are known bugs"),
        (["1254890", "1251920", "1254890"], 0, "all 3 failed builds are known bugs"),
        (["1254890"], 2, "1 of 3 failed builds is a known bug"),
        (["1254890", "1254890"], 3, "2 of 5 failed builds are known bugs"),
        (["1254890", "oom"], 1, "2 of 3 failed builds are known failures"),
        (["oom"], 0, "the failed build is a known failure"),
        (["mirror"], 0, "the failed build is a failure of the site, not of this change"),
        (["mirror", "mirror"], 0, "both failed builds are failures of the site, not of this change"),
        (["mirror", "1254890"], 0, "both failed builds are known failures"),
    ],
)
def test_failed_builds_are_counted(rules, unknown_jobs, verdict):
    observed = [*(known(f"job-{number}", rule) for number, rule in enumerate(rules)),
                *(unknown(f"other-{number}") for number in range(unknown_jobs))]
    assert told(*observed, rules=ALL).startswith(f"Failures: {verdict} (not voting).\n\n")


def test_what_is_known_stands_before_what_is_not():
    text = told(unknown("a-lint"), known("grenade", "mirror"), unknown("b-docs", result="TIMED_OUT"),
                known("tempest", "vif"), known("tempest-multinode", "mirror"), known("oom-job", "oom"), rules=ALL)
    assert text == f"""\
Failures: 4 of 6 failed builds are known failures (not voting).

    job                 failed by                   seen in 10 days
    grenade             mirror                                    2
    tempest             https://bugs.example.org/9                1
    tempest-multinode   mirror                                    2
    oom-job             oom                                       1
    a-lint              nothing known
    b-docs              nothing known (TIMED_OUT)

`mirror`: The mirror does not answer; a failure of the site, not of this change; `{N_CPU}`, line 1,204 of `grenade`
`vif`: Ports are not plugged; `{N_CPU}`, line 1,204; bug https://bugs.example.org/9
`oom`: The kernel's memory ran out; `{N_CPU}`, line 1,204
Not every failure is known: look at a-lint and b-docs before you recheck.
{MARKER}"""


def test_a_build_with_several_known_failures_has_a_row_for_each():
    both = known("grenade")
    text = told(replace(both, known=(*both.known, *known("grenade", "1251920").known)))
    assert text.startswith("Failures: the failed build is a known bug (not voting).\n")
    assert lines(text) == [
        "    grenade   https://bugs.launchpad.net/bugs/1254890                3",
        "    grenade   https://bugs.launchpad.net/bugs/1251920               14"]
    assert end(text) == 'Every failure is known: comment "recheck bug 1254890, bug 1251920" to run the jobs again.'


def test_of_more_than_ten_failed_builds_the_first_are_shown():
    text = told(*(known(f"job-{number:02}") for number in range(9)),
                *(unknown(f"other-{number}") for number in range(8)))
    assert lines(text)[8:] == [
        "    job-08    https://bugs.launchpad.net/bugs/1254890                9", "    other-0   nothing known",
        "    … and 7 more"]
    assert end(text) == ("Not every failure is known: look at other-0, other-1, other-2 and 5 more before you recheck.")


def test_seen_counts_the_days_configured():
    text = told(known("grenade"), seen=Seen({"1254890": 1203}, 1))
    assert text.split("\n")[2:4] == ["    job       failed by                                seen in 1 day",
                                     "    grenade   https://bugs.launchpad.net/bugs/1254890          1,203"]


def test_a_file_by_elastic_recheck_has_no_title_of_its_own():
    rule = Rule("1254890", "bug 1254890", bug="1254890")
    assert explanation(told(known("grenade"), rules=(rule,))) == f"1254890: `{N_CPU}`, line 1,204"


@pytest.mark.parametrize(
    ("build", "cell", "line"),
    [
        (unknown("j", Failure(tests=(FailedTest("a.b[id-1]"), FailedTest("a.c")), failed_tests=500)), "nothing known",
         "`j`: `a.b[id-1]` failed first."),
        (unknown("j", Failure(phase="pre", task="Run <devstack>", host="controller", error="x")), "nothing known",
         "`j`: task `Run <devstack>` failed in phase `pre` on `controller`."),
        (unknown("j", Failure(task="Run devstack")), "nothing known", "`j`: task `Run devstack` failed."),
        (unknown("j", Failure(error="ERROR [None req-1] http://x/")), "nothing known",
         "`j`: first error: `ERROR [None req-1] http://x/`."),
        (unknown("j"), "nothing known", None),
        (unknown("j", result="RETRY_LIMIT"), "nothing known (RETRY_LIMIT)", None),
        (unknown("j", Failure(error="E", unread={"n-cpu.txt": "404", "b": "too large"})),
         "nothing known, not all logs read", "`j`: first error: `E`; not read: `n-cpu.txt` (404), `b` (too large)."),
        (unknown("j", state=State.UNREADABLE, why="its manifest is no JSON"), "logs could not be read",
         "`j`: its manifest is no JSON."),
        (unknown("j", state=State.MISSING, why="404"), "logs not there in time", "`j`: 404."),
        (unknown("j", state=State.MISSING), "logs not there in time", None),
        (unknown("j", state=State.NOTHING), "no logs", None),
        (unknown("j", result="NODE_FAILURE", state=State.NOT_RUN), "no logs (NODE_FAILURE)", None),
        (Observed("j", "j", State.READ, result="FAILURE"), "no rule looks for its failure", None),
        (unknown("j", result="POST_FAILURE", state=State.MISSING), "logs not there in time (POST_FAILURE)", None),
    ],
)
def test_a_build_of_which_nothing_is_known_is_said_to_be_what_it_is(build, cell, line):
    text = told(known("grenade"), build)
    assert lines(text)[1] == f"    j         {cell}"
    assert [each for each in text.split("\n") if each.startswith("`j`")] == [line] * bool(line)


UNREAD, NONE = unknown("unread", state=State.MISSING), unknown("none", result="NODE_FAILURE", state=State.NOT_RUN)


@pytest.mark.parametrize(
    ("observed", "sentence"),
    [
        ([known("a")], 'Every failure is known: comment "recheck bug 1254890" to run the jobs again.'),
        ([known("a"), known("b", "1251920"), known("c")],
         'Every failure is known: comment "recheck bug 1254890, bug 1251920" to run the jobs again.'),
        ([known("a", "mirror"), known("b", "vif")], 'Every failure is known: comment "recheck" to run the jobs again.'),
        ([known("a", "mirror"), known("b")],
         'Every failure is known: comment "recheck bug 1254890" to run the jobs again.'),
        ([known("a"), unknown("tox-py3.12")], "Not every failure is known: look at `tox-py3.12` before you recheck."),
        ([known("a"), UNREAD], "Not every failure is known: the logs of unread could not be read."),
        ([known("a"), NONE], "Not every failure is known: none left no logs."),
        ([known("a"), UNREAD, NONE, unknown("b")],
         "Not every failure is known: look at b before you recheck; none left no logs; the logs of unread could not be"
         " read."),
        # Zuul's API did not answer before the deadline
        ([known("a"), Observed("b", "b", None, failure=Reading(State.MISSING))],
         "Not every failure is known: Zuul's API did not tell in time how b ended."),
        # not voting: it keeps nothing from being merged
        ([known("a"), replace(unknown("b"), voting=False)],
         'Every failure of a voting job is known: comment "recheck bug 1254890" to run the jobs again.'),
        # no query applies to it
        ([known("a"), Observed("b", "b", State.READ, result="FAILURE")],
         "Not every failure is known: look at b before you recheck."),
        ([known("a"), Observed("b", "b", State.READ, result="SUCCESS")],
         'Every failure is known: comment "recheck bug 1254890" to run the jobs again.'),
        ([known("a"), replace(known("b", "1251920"), voting=False)],
         'Every failure is known: comment "recheck bug 1254890" to run the jobs again.'),
        # a build that passed
        ([known("a"), Observed("b", "b", None, result="SUCCESS")],
         'Every failure is known: comment "recheck bug 1254890" to run the jobs again.'),
    ],
)
def test_whether_to_recheck(observed, sentence):
    assert end(told(*observed, rules=ALL)) == sentence


def test_where_no_build_failed_that_votes_there_is_nothing_to_recheck():
    alone = replace(known("a"), voting=False)
    assert "recheck" not in told(alone, replace(unknown("b"), voting=False))
    assert end(told(alone, over=(over(),))) == 'Noise? Comment "recheck".'


def test_builds_that_are_not_looked_at_may_have_failed_too():
    """No rule applies to them: their results are not asked for."""
    some, others = replace(ACTIVE, where=Where(job=("grenade*",))), replace(CONSOLE, where=Where(branch=("stable/*",)))
    text = told(known("grenade"), rules=(some, others, SQL))
    assert text.startswith("Failures: 1 failed build is a known bug (not voting).\n")
    assert end(text) == ('Every failure is known; jobs without a rule were not looked at: if they passed, comment'
                         ' "recheck bug 1254890" to run the jobs again.')
    every = replace(CONSOLE, where=Where(branch=("master",), voting=True))
    assert end(told(known("grenade"), rules=(some, every))).startswith("Every failure is known: comment ")


def test_builds_that_do_not_vote_and_of_which_nothing_is_known_are_not_taken_for_known():
    text = told(known("a"), known("b"), replace(unknown("c"), voting=False))
    assert text.startswith("Failures: 2 failed builds are known bugs (not voting).\n")


def test_a_failed_build_whose_counters_are_over_is_said_to_have_failed_once():
    judged = (Verdict("sql", "m.q", 5, Outcome.OVER, 6),)
    failed = replace(known("tempest-full"), uuid="1", state=State.READ, verdicts=judged)
    failed = replace(failed, known=(replace(failed.known[0], build="1"),))
    sentence = "`tempest-full` failed: its counters may be those of a part of the tests."
    assert sentence in told(failed, over=(over(),)).split("\n")
    other = replace(known("grenade"), state=State.READ, verdicts=(Verdict("sql", "m.q", 5, Outcome.WITHIN, 4),))
    assert " failed: " not in told(other, *COUNTED, over=(over(),))


def test_a_known_failure_without_a_bug_offers_the_link_that_files_one():
    text = told(known("a", "oom"), known("b"), rules=ALL, links=FILE)
    assert end(text).startswith("No bug yet for `oom`? File one: https://bugs.launchpad.net/nova/+filebug?field.title="
                                "The%20kernel%27s%20memory%20ran%20out&field.comment=Seen%20on%20https://review")


# -- bugs


def explanation(text: str) -> str:
    return text.split("\n\n")[2].split("\n")[0]


def test_a_rule_with_a_bug_links_it():
    assert explanation(said(over(), links=Links("https://bugs.example.org/{bug}?x"))) == (
        "`mysql.Queries`: SQL statements in a Tempest run, bug https://bugs.example.org/2041234?x")


def test_a_bug_whose_link_is_long_is_not_linked():
    rule = Rule("sql", "SQL", bug=f"https://bugs.example.org/{'9' * 200}")
    assert explanation(said(over(), rules=(rule,))) == "`mysql.Queries`: SQL"


def test_a_rule_without_a_bug_and_without_a_tracker_says_its_title():
    assert explanation(said(over(), rules=(Rule("sql", "SQL & more"),))) == "`mysql.Queries`: SQL & more"


def filing(text: str) -> list[tuple[str, dict[str, list[str]]]]:
    """What each line that offers to file a bug says, and what its link fills in; they stand before the marker."""
    end = text.split('Noise? Comment "recheck".\n')[1].split("\n")[:-1]
    assert all(len(line.rsplit(" ", 1)[1]) <= 200 for line in end)
    return [(line.rsplit(" ", 1)[0], parse_qs(urlsplit(line.rsplit(" ", 1)[1]).query)) for line in end]


def test_a_rule_without_a_bug_offers_the_link_that_files_one():
    links = Links(file="https://bugs.example.org/new?t={title}&c={text}")
    rules = (Rule("sql", "SQL & {text}"), Rule("bug", "Known", bug="1"))
    text = said(over(), over("mysql.b", 2, 1), over("mysql.c", 3, 1, rule="bug"), rules=rules, links=links)
    assert filing(text) == [("No bug yet for `mysql.b`? File one:", {
        "t": ["SQL & {text}: mysql.b over its bound"], "c": [f"Seen on {URL}, patch set 2"]})]


def test_a_link_that_files_a_bug_leads_back_to_the_change():
    """The names are as long as OpenStack's."""
    url = "https://review.opendev.org/c/openstack/nova/+/987654"
    report = Report(PatchSet("review", "openstack/nova", "master", 987654, 12, url), "check", None, LINKS)
    rows = over("mysql.Innodb_rows_read")
    assert filing(said(rows, rules=(Rule("sql", "SQL"),), links=FILE, report=report)) == [
        ("No bug yet for `mysql.Innodb_rows_read`? File one:", {
            "field.title": ["mysql.Innodb_rows_read over its bound"],
            "field.comment": [f"Seen on {url}, patch set 12"]})]


def test_a_link_that_files_a_bug_gives_up_words_rather_than_become_long():
    def filed(title: str, counter: str = "mysql.b") -> list[dict[str, list[str]]]:
        return [fields for _, fields in filing(said(over(counter), rules=(Rule("sql", title),), links=FILE))]

    seen = f"Seen on {URL}, patch set 2"
    assert filed("SQL statements in a Tempest run") == [
        {"field.title": ["mysql.b over its bound"], "field.comment": [seen]}]
    assert filed("SQL statements in a Tempest run", "mysql.Innodb_buffer_pool_read_requests") == [
        {"field.title": ["SQL statements in a Tempest run: mysql.Innodb_buffer_pool_read_requests over its bound"]}]
    assert filed("日本" * 40) == [{"field.title": ["mysql.b over its bound"], "field.comment": [seen]}]
    assert filed("日本" * 40, "日本" * 40) == []


def test_three_rules_without_a_bug_offer_a_link():
    rows = [over(f"mysql.c{number}", 9 - number, 1, rule=f"r{number}") for number in range(5)]
    text = said(*rows, rules=tuple(Rule(f"r{number}", "SQL") for number in range(5)), links=FILE)
    assert [words for words, _ in filing(text)] == [
        f"No bug yet for `mysql.c{number}`? File one:" for number in range(3)]


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
    assert lines(said(row)) == ["    tempest-full   mysql.Queries         1.501      1.500   +0.1%"]
    assert " 1.501 over its bound 1.500 (+0.1%) " in irc_line(REPORT, [row])


def test_names_of_any_width_keep_their_columns():
    rows = [over(job=job) for job in ("job-e\u0301", "job-日本語", "job-plain")]
    assert lines(said(*rows)) == [
        "    job-e\u0301        mysql.Queries     1,300,000  1,250,000     +4%",
        "    job-plain    mysql.Queries     1,300,000  1,250,000     +4%",
        "    job-日本語   mysql.Queries     1,300,000  1,250,000     +4%",
    ]


def test_the_largest_excess_comes_first_and_a_bound_of_zero_before_all():
    figures = {"a": (12, 10), "b": (3, 0), "c": (9, 0), "d": (10**30, 1), "e": (12, 10), "f": (5, 4)}
    rows = [over(name, value, bound) for name, (value, bound) in figures.items()]
    assert [row.subject.name for row in largest_first(rows)] == ["c", "b", "d", "f", "a", "e"]
    assert [row.subject.name for row in largest_first(reversed(rows))] == ["c", "b", "d", "f", "a", "e"]


def test_of_two_rules_on_one_counter_the_lower_bound_is_shown():
    rules = (SQL, Rule("strict", "Strict"))
    text = said(over(), over(bound=1_000_000, rule="strict"), rules=rules)
    assert lines(text) == ["    tempest-full   mysql.Queries     1,300,000  1,000,000    +30%"]
    assert explanation(text) == "`mysql.Queries`: Strict"


# -- the hostile


def test_a_hostile_name_is_inert_and_keeps_to_its_row():
    evil = "x\r\n\r\nAll is well \x1b[2J\x0304,01red\x03 \u202eevil\u2066\x00 @nova " + "y" * 10_000
    observed = (*COUNTED, Observed(evil, "2", State.NOTHING))
    text = said(over(evil, job=evil), rules=(Rule("sql", evil),), observed=observed)
    name = "x All is well ?2Jred evil ?nova " + "y" * 45 + "…"
    [row] = lines(text)
    assert row == f"    {name}   {name}     1,300,000  1,250,000     +4%"
    assert f"\nCounters come from 1 of 2 builds; `{name}` had none.\n" in text
    assert text.count("\n") == 8
    line = irc_line(REPORT, [over(evil, job=evil)])
    assert line == f"openstack/nova 7,2 (check): {name} {name} 1,300,000 over its bound 1,250,000 (+4%) {URL}"


@pytest.mark.parametrize("name", ["", "\x00", "\u202e", "\n"])
def test_a_name_of_nothing_is_a_question_mark(name):
    assert lines(said(over(name, job=name))) == ["    ?     ?           1,300,000  1,250,000     +4%"]


def test_a_comment_of_many_long_explanations_keeps_its_table_its_end_and_its_marker():
    rules = tuple(Rule(f"r{row}", "* " * 200) for row in range(10))
    rows = [over(f"g.{'n' * 180}{row}", 2 + row, 1, rule=f"r{row}", job="j" * 250) for row in range(10)]
    lost = tuple(Observed(f"{state.name * 20}{row}", "1", state,
                          unjudged=tuple(no_data(f"g{number}.{row}", "_ " * 300, came=True) for number in range(3)))
                 for state in (State.NOTHING, State.UNREADABLE, State.MISSING) for row in range(9))
    text = said(*rows, rules=rules, links=FILE, observed=(*COUNTED, *lost))
    assert 15_000 < len(text.encode()) <= limits.COMMENT
    assert len(lines(text)) == 10
    assert text.split("\n")[-1] == MARKER
    assert "\nCounters come from 1 of 28 builds; " in text
    assert "\nNot judged: " in text
    assert 1 <= text.count("…`: ") < 10


LONG, WIDE = "x" * 700, "日" * 300
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from([LONG, WIDE])
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
SUBJECTS = st.builds(Subject, st.just(Kind.COUNTER), ANYTHING)
FINDINGS = st.lists(st.builds(Finding, ANYTHING, ANYTHING, st.sampled_from(["a", "b"]), SUBJECTS, NUMBERS, NUMBERS),
                    min_size=1, max_size=14)
UNJUDGED = st.builds(no_data, ANYTHING, ANYTHING, st.booleans())
REPORTS = st.builds(lambda project, url, pipeline: Report(
    PatchSet("s", project, "b", 10**10, 10**10, url), pipeline, None, LINKS),
    ANYTHING, st.none() | ANYTHING | st.just(URL), st.none() | ANYTHING)


def is_inert(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text)


@settings(deadline=None)
@given(REPORTS, FINDINGS, ANYTHING, st.lists(st.builds(Observed, ANYTHING, ANYTHING, st.sampled_from(State), ANYTHING,
                                                      unjudged=st.lists(UNJUDGED, max_size=3).map(tuple))))
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
    assert irc_line(report, [over(job=f"j{number}") for number in range(6)]).endswith("(+4%) and in 5 other jobs")
    assert irc_line(report, [over(job=f"j{number}") for number in range(2)]).endswith("(+4%) and in 1 other job")


def test_the_line_says_that_the_job_failed():
    judged = (Verdict("sql", "m.q", 5, Outcome.OVER, 6),)
    failed = Observed("tempest-full", "1", State.READ, verdicts=judged, result="FAILURE")
    assert irc_line(REPORT, [over()], [failed]).endswith(f" over its bound 1,250,000 (+4%); the job failed {URL}")


def channel_line(*observed: Observed, over: tuple[Finding, ...] = (), report: Report = REPORT,
                 rules: tuple[Rule, ...] = (ACTIVE, CONSOLE, SITE, FILED, PLAIN, SQL)) -> str:
    """The line of a channel that is told of everything."""
    failures = [Unexplained(build.job, build.uuid) for build in observed if build.failure and not build.known]
    findings = (*over, *(finding for build in observed for finding in build.known), *failures)
    return irc_line(report, findings, observed, {rule.name: rule for rule in rules})


@pytest.mark.parametrize(
    ("observed", "over", "words"),
    [
        ([known("grenade")], [], "grenade failed by bug 1254890 (A server does not become ACTIVE in time)"),
        ([known("grenade"), unknown("tempest-full")], [],
         "grenade failed by bug 1254890 (A server does not become ACTIVE in time);"
         " tempest-full failed, nothing known"),
        ([known("a"), known("b", "1251920"), known("c")], [],
         "a and c failed by bug 1254890 (A server does not become ACTIVE in time);"
         " b failed by bug 1251920 (Console output is lost)"),
        ([known("a", "mirror")], [],
         "a failed by mirror (The mirror does not answer, a failure of the site)"),
        ([known("a", "vif")], [], "a failed by vif (Ports are not plugged)"),
        ([unknown("a", result="TIMED_OUT")], [], "a failed, nothing known (TIMED_OUT)"),
        ([with_facts("a", ACTIVE_LINE), with_facts("b", MIGRATION), with_facts("c", replace(MIGRATION, changes=1))], [],
         "a failed, nothing known, seen on 3 other changes; b failed, nothing known;"
         " c failed, nothing known, seen on 1 other change"),
        ([UNREAD, NONE], [], "unread failed, logs not there in time; none failed, no logs (NODE_FAILURE)"),
        ([known("grenade", "oom")], [over(), over("mysql.c", 3, 2)],
         "grenade failed by oom (The kernel's memory ran out);"
         " tempest-full mysql.c 3 over its bound 2 (+50%) and 1 more"),
        ([unknown(f"job-{number}") for number in range(9)], [],
         "job-0, job-1, job-2 and 6 more failed, nothing known"),
    ],
)
def test_the_line_on_failures(observed, over, words):
    assert channel_line(*observed, over=tuple(over)) == f"openstack/nova 7,2 (check): {words} {URL}"


def test_the_line_says_once_that_a_job_failed():
    failed = known("tempest-full")
    failed = replace(failed, uuid="1", state=State.READ, known=(replace(failed.known[0], build="1"),))
    assert "the job failed" not in channel_line(failed, over=(over(),))
    assert "; the job failed " in irc_line(REPORT, [over()], [failed])


def test_the_line_names_each_bug_of_a_build():
    both = known("grenade")
    line = channel_line(replace(both, known=(*both.known, *known("grenade", "1251920").known)),
                        rules=(ACTIVE, Rule("1251920", "bug 1251920", bug="1251920")))
    assert line.endswith(
        ": grenade failed by bug 1254890 (A server does not become ACTIVE in time) and bug 1251920 " + URL)


@pytest.mark.parametrize(
    ("url", "link"),
    [("https://z/buildset/3", "https://z/buildset/3"), (None, "https://z/build/2")],
)
def test_the_line_on_a_branch_leads_to_its_buildset_or_else_to_the_build(url, link):
    report = Report(PatchSet("s", "openstack/nova", "stable/2026.1", None, None, url), "periodic", None, LINKS)
    failed = known("devstack-nv", "oom")
    failed = replace(failed, uuid="2", known=(replace(failed.known[0], build="2"),))
    assert channel_line(failed, report=report) == (
        f"openstack/nova stable/2026.1 (periodic): devstack-nv failed by oom (The kernel's memory ran out) {link}")


def test_a_line_on_many_failures_keeps_its_link():
    rules = tuple(Rule(f"rule-{number}", "t" * 90) for number in range(9))
    line = channel_line(*(known("j" * 90 + str(number), f"rule-{number}") for number in range(9)), rules=rules)
    assert len(line.encode()) <= limits.IRC_LINE
    assert line.endswith(f"… {URL}")


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


FAILURES = st.builds(
    Failure, tests=st.lists(st.builds(FailedTest, ANYTHING), max_size=1).map(tuple), phase=ANYTHING, task=ANYTHING,
    host=ANYTHING, error=ANYTHING, unread=st.dictionaries(ANYTHING, ANYTHING, max_size=4))
SIGHTS = st.builds(Sight, ANYTHING, ANYTHING, st.integers(0, 10**6), st.none() | st.integers(0, 10**13))
FACTS = st.builds(
    Facts, st.booleans(), st.lists(SIGHTS, max_size=2).map(tuple),
    st.none() | st.tuples(st.integers(0, 99), st.integers(0, 99)),
    st.lists(ANYTHING, max_size=4).map(tuple), st.lists(st.integers(1), max_size=5).map(tuple))
OBSERVED = st.builds(Observed, ANYTHING, st.uuids().map(str), st.none(), result=st.just("FAILURE") | ANYTHING,
                     facts=FACTS, failure=st.builds(Reading, st.just(State.READ), st.just(""), FAILURES)
                     | st.builds(Reading, st.sampled_from(State), ANYTHING))
HITS = st.tuples(st.builds(Hit, st.sampled_from("ab"), ANYTHING, st.integers(1, 10**9), ANYTHING))


@settings(deadline=None)
@given(REPORTS, st.lists(st.tuples(OBSERVED, st.none() | HITS), min_size=1, max_size=14), ANYTHING,
       st.none() | ANYTHING.map(lambda text: f"https://b/{text}"), st.booleans())
def test_anything_said_of_failures_is_bounded_inert_and_marked(report, builds, title, bug, infra):
    rules = (Rule("a", title, bug=bug), Rule("b", title, bug="1", infra=infra))
    observed = [replace(build, known=(KnownFailure(build.job, build.uuid, hits[0].rule, hits),) if hits else ())
                for build, hits in builds]
    line = channel_line(*observed, report=report, rules=rules)
    assert len(line.encode()) <= limits.IRC_LINE
    assert is_inert(line)
    if any(build.known or build.failed for build in observed):
        text = told(*observed, rules=rules, links=FILE)
        assert len(text.encode()) <= limits.COMMENT
        assert text.startswith("Failures: ")
        assert text.endswith(f"\n{MARKER}")
        assert all(is_inert(each) for each in text.split("\n"))


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
