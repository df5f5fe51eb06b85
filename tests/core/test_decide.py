"""What is said where, and why not. One table, a sentence above each case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterbot.core.decide import Before, Decision, Observed, Reason, decide, listeners, unheard, wants
from counterbot.core.learned import Learned
from counterbot.core.mine import Facts, Sight
from counterbot.core.model import (
    GERRIT,
    LEARNED,
    Back,
    BuildLink,
    Channel,
    Counters,
    Failure,
    Finding,
    Hit,
    Kind,
    KnownFailure,
    PatchSet,
    Reading,
    Report,
    State,
    Subject,
    Tell,
)
from counterbot.core.rules import LEARNED_RULE, Audience, Fingerprint, Outcome, Rule, Verdict, judge_learned

LINKS = (BuildLink("a", "https://z/build/1", "1"), BuildLink("b", "https://z/build/2", "2"))
REPORT = Report(PatchSet("review", "openstack/nova", "master", 7, 2), "gate", "e" * 32, LINKS)
QA, NOVA, ALL = Channel("#qa", ("openstack/*",), ("gate", "periodic")), Channel("#nova", ("*/nova",)), Channel("#all")
ELSEWHERE = Channel("#swift", ("openstack/swift",))
COUNTERS = Channel("#counters", tell=frozenset({Tell.OVER}))
BUGS = Channel("#bugs", tell=frozenset({Tell.KNOWN}))
EVERYTHING = Channel("#everything", tell=frozenset(Tell))
NIGHTLY = Channel("#nightly", tell=frozenset(Tell), failures_in=("periodic*",))

RULES = {
    rule.name: rule
    for rule in (
        Rule("open", "tells reviewers and every channel"),
        Rule("silent", "tells nobody", report=Audience(gerrit=False, irc=())),
        Rule("irc", "tells channels alone", report=Audience(gerrit=False)),
        Rule("nova", "tells reviewers and one channel", report=Audience(irc=("#nova",))),
        Rule("gerrit", "tells reviewers alone", report=Audience(irc=())),
        Rule("bug", "a known failure", fingerprint=Fingerprint("x")),
        Rule("bug2", "another one", fingerprint=Fingerprint("x")),
        Rule("bug-irc", "a known failure, for channels alone", report=Audience(False), fingerprint=Fingerprint("x")),
        Rule("muted", "a known failure", fingerprint=Fingerprint("x", suppress_notification=True)),
    )
}


def over(rule: str = "open", counter: str = "m.q", value: int = 6) -> Verdict:
    return Verdict(rule, counter, 5, Outcome.OVER, value)


def within(counter: str = "m.q", rule: str = "open", bound: int = 5) -> Verdict:
    return Verdict(rule, counter, bound, Outcome.WITHIN, 4)


def no_data(counter: str = "m.q", why: str = "missing from this build", is_pattern: bool = False) -> Verdict:
    return Verdict("open", counter, 5, Outcome.NO_DATA, why=why, is_pattern=is_pattern, came=False)


def build(*verdicts: Verdict, job: str = "a", unjudged: tuple[Verdict, ...] = ()) -> Observed:
    return Observed(job, "1", State.READ, "", verdicts, unjudged)


def lost(state: State, why: str = "", job: str = "b") -> Observed:
    return Observed(job, "2", state, why)


def failed(*rules: str, job: str = "a", state: State = State.READ, why: str = "", voting: bool = True,
           facts: Facts = Facts()) -> Observed:  # noqa: B008 - frozen
    """A failed build, and the rules that recognise it."""
    known = tuple(KnownFailure(job, job, rule, (Hit(rule, "n-cpu.txt", 9, "ERROR"),)) for rule in rules)
    hits = tuple(hit for each in known for hit in each.hits)
    reading = Reading(state, why, Failure(hits) if state is State.READ else None)
    return Observed(job, job, None, result="FAILURE", voting=voting, failure=reading, known=known, facts=facts)


def shared(changes: int, job: str = "a") -> Observed:
    """A failed build of which nothing is known, and so many other changes that show the same."""
    return failed(job=job, facts=Facts(sights=(Sight("tests.a"), Sight("ERROR", "n-cpu.txt", changes))))


PASSED = failed(facts=Facts(passed=True))


def told(decision: Decision) -> dict[str, list[tuple[str, str]]]:
    return {effect.destination: [(finding.job, finding.subject.name) for finding in effect.findings]
            for effect in decision.effects}


MQ, MR, BQ = ("a", "m.q"), ("a", "m.r"), ("b", "m.q")
KNOWN, KNOWN_B, UNKNOWN, UNKNOWN_B = ("a", "bug"), ("b", "bug"), ("a", ""), ("b", "")
UNSHARED = "failed builds of which nothing is known, and too few other changes show the same"
SAID_KNOWN, SAID_UNKNOWN = (frozenset({(job, Subject(Kind.FAILURE, name))}) for job, name in (KNOWN, UNKNOWN))
SAID, SAID_BOTH = (frozenset((job, Subject(Kind.COUNTER, name)) for job, name in pairs) for pairs in ([MQ], [MQ, MR]))

CASES = [
    # Nothing is over: nothing is said.
    ([build(within())], {}, [ALL], Reason.WITHIN, {}),
    # What is missing beside it does not make it news.
    ([build(within(), no_data("m.r")), lost(State.NOTHING)], {}, [ALL], Reason.PARTLY, {}),
    # No build had counters.
    ([lost(State.NOTHING), lost(State.MISSING)], {}, [ALL], Reason.NO_DATA, {}),
    # Counters came, but none that a rule bounds.
    ([build(no_data())], {}, [ALL], Reason.NO_DATA, {}),
    # No rule applied to any build in the end, as the API's word wins.
    ([], {}, [ALL], Reason.NO_RULE, {}),
    # Over: the reviewer is told, and every channel that wants the change.
    ([build(over())], {}, [QA, NOVA, ALL, ELSEWHERE], Reason.OVER,
     {"gerrit": [MQ], "#qa": [MQ], "#nova": [MQ], "#all": [MQ]}),
    # Over without any channel.
    ([build(over())], {}, [], Reason.OVER, {"gerrit": [MQ]}),
    # One counter over is news whatever else is missing.
    ([build(over(), no_data("m.r")), lost(State.MISSING)], {}, [], Reason.OVER, {"gerrit": [MQ]}),
    # Findings of all builds are one message.
    ([build(over()), build(over(), job="b")], {}, [ALL], Reason.OVER, {"gerrit": [MQ, BQ], "#all": [MQ, BQ]}),
    # The rule tells nobody.
    ([build(over("silent"))], {}, [QA, ALL], Reason.NOBODY, {}),
    # The rule tells channels alone, and no channel wants this change.
    ([build(over("irc"))], {}, [ELSEWHERE], Reason.NOBODY, {}),
    # report.gerrit is false.
    ([build(over("irc"))], {}, [ALL], Reason.OVER, {"#all": [MQ]}),
    # report.irc names a channel: others are not told.
    ([build(over("nova"))], {}, [QA, NOVA, ALL], Reason.OVER, {"gerrit": [MQ], "#nova": [MQ]}),
    # report.irc names a channel that does not want the change.
    ([build(over("nova"))], {}, [Channel("#nova", pipelines=("periodic",))], Reason.OVER, {"gerrit": [MQ]}),
    # report.irc is empty.
    ([build(over("gerrit"))], {}, [ALL], Reason.OVER, {"gerrit": [MQ]}),
    # Each destination hears what is for it.
    ([build(over("irc"), over("gerrit", "m.r"))], {}, [ALL], Reason.OVER, {"gerrit": [MR], "#all": [MQ]}),
    # The same was said everywhere: a recheck says nothing new.
    ([build(over())], {"gerrit": SAID, "#all": SAID}, [ALL], Reason.SAID_BEFORE, {}),
    # The same counter with another figure is no news.
    ([build(over(value=60))], {"gerrit": SAID}, [], Reason.SAID_BEFORE, {}),
    # It was said to reviewers only (the channel was configured since): the channel hears it.
    ([build(over())], {"gerrit": SAID}, [ALL], Reason.OVER, {"#all": [MQ]}),
    # A new counter beside a known one: the whole table again.
    ([build(over(), over(counter="m.r"))], {"gerrit": SAID}, [], Reason.OVER, {"gerrit": [MQ, MR]}),
    # A known counter of another job is news.
    ([build(over(), job="b")], {"gerrit": SAID}, [], Reason.OVER, {"gerrit": [BQ]}),
    # Less than was said before is no news.
    ([build(over())], {"gerrit": SAID_BOTH}, [], Reason.SAID_BEFORE, {}),
    # What was said elsewhere does not count.
    ([build(over())], {"#other": SAID}, [], Reason.OVER, {"gerrit": [MQ]}),
    # A known failure: reviewers are told, and the channels that are told of known failures.
    ([failed("bug")], {}, [ALL, BUGS, EVERYTHING, COUNTERS, NOVA, ELSEWHERE], Reason.KNOWN,
     {"gerrit": [KNOWN], "#all": [KNOWN], "#bugs": [KNOWN], "#everything": [KNOWN], "#nova": [KNOWN]}),
    # Nothing is known of it: silence, but in channels that want to hear of that.
    ([failed()], {}, [ALL, BUGS, COUNTERS], Reason.UNSHARED, {}),
    ([failed()], {}, [ALL, EVERYTHING], Reason.UNEXPLAINED, {"#everything": [UNKNOWN]}),
    # Three other changes show the same, or the same patch set passed: a reviewer should know.
    ([shared(2)], {}, [], Reason.UNSHARED, {}),
    ([shared(3)], {}, [ALL], Reason.UNEXPLAINED, {"gerrit": [UNKNOWN]}),
    ([PASSED], {}, [ALL, EVERYTHING], Reason.UNEXPLAINED, {"gerrit": [UNKNOWN], "#everything": [UNKNOWN]}),
    # Then all are told.
    ([shared(3), failed(job="b")], {}, [], Reason.UNEXPLAINED, {"gerrit": [UNKNOWN, UNKNOWN_B]}),
    # It was said; and another job that nobody shares is no news.
    ([shared(9)], {"gerrit": SAID_UNKNOWN}, [], Reason.SAID_BEFORE, {}),
    ([shared(9), failed(job="b")], {"gerrit": SAID_UNKNOWN}, [], Reason.SAID_BEFORE, {}),
    ([failed("bug"), failed(job="b")], {"gerrit": SAID_KNOWN}, [], Reason.SAID_BEFORE, {}),
    ([failed("bug"), shared(3, "b")], {"gerrit": SAID_KNOWN}, [], Reason.KNOWN, {"gerrit": [KNOWN, UNKNOWN_B]}),
    # Known to a rule that tells nobody, and shared.
    ([replace(failed("muted"), facts=PASSED.facts)], {}, [], Reason.UNEXPLAINED, {"gerrit": [UNKNOWN]}),
    # No build failed, and no rule asks for counters.
    ([Observed("a", "1", None, result="SUCCESS")], {}, [EVERYTHING], Reason.NO_FAILURE, {}),
    # Its logs could not be read: not known either.
    ([failed(state=State.MISSING)], {}, [EVERYTHING], Reason.UNEXPLAINED, {"#everything": [UNKNOWN]}),
    # A build that does not vote keeps nothing from being merged: only what is known of it is told.
    ([failed(voting=False)], {}, [EVERYTHING], Reason.NO_FAILURE, {}),
    ([failed("bug", voting=False)], {}, [], Reason.KNOWN, {"gerrit": [KNOWN]}),
    # One build is known and the other is not.
    ([failed("bug", job="b"), failed()], {}, [ALL, EVERYTHING], Reason.KNOWN,
     {"gerrit": [KNOWN_B, UNKNOWN], "#all": [KNOWN_B], "#everything": [KNOWN_B, UNKNOWN]}),
    # A failure and a counter of one report are one message, and each channel is told what it wants.
    ([failed("bug"), build(over())], {}, [ALL, BUGS, COUNTERS], Reason.BOTH,
     {"gerrit": [MQ, KNOWN], "#all": [MQ, KNOWN], "#bugs": [KNOWN], "#counters": [MQ]}),
    # A channel that is told of failures in other pipelines is told of counters in this one.
    ([failed("bug"), failed(job="b"), build(over())], {}, [NIGHTLY], Reason.BOTH,
     {"gerrit": [MQ, KNOWN, UNKNOWN_B], "#nightly": [MQ]}),
    # A counter is over beside a failure of which nothing is known.
    ([failed(), build(over())], {}, [], Reason.OVER, {"gerrit": [MQ, UNKNOWN]}),
    # The same failure was said, and is found again after a recheck.
    ([failed("bug")], {"gerrit": SAID_KNOWN}, [], Reason.SAID_BEFORE, {}),
    ([failed()], {"#everything": SAID_UNKNOWN}, [EVERYTHING], Reason.SAID_BEFORE, {}),
    # A new one beside it: both again.
    ([failed("bug"), failed("bug", job="b")], {"gerrit": SAID_KNOWN}, [], Reason.KNOWN, {"gerrit": [KNOWN, KNOWN_B]}),
    ([failed("bug", "bug2")], {"gerrit": SAID_KNOWN}, [], Reason.KNOWN, {"gerrit": [KNOWN, ("a", "bug2")]}),
    # A rule that suppresses notifications tells nobody, and as with elastic-recheck the build counts as not known.
    ([failed("muted")], {}, [ALL], Reason.KNOWN_TO_NOBODY, {}),
    ([failed("muted")], {}, [EVERYTHING], Reason.UNEXPLAINED, {"#everything": [UNKNOWN]}),
    ([failed("muted", "bug")], {}, [EVERYTHING], Reason.KNOWN, {"gerrit": [KNOWN], "#everything": [KNOWN]}),
    # A rule for channels alone.
    ([failed("bug-irc")], {}, [ALL, EVERYTHING], Reason.KNOWN, {"#all": [("a", "bug-irc")],
                                                               "#everything": [("a", "bug-irc")]}),
    ([failed("bug-irc")], {}, [], Reason.KNOWN_TO_NOBODY, {}),
]


@pytest.mark.parametrize(("observed", "said", "channels", "reason", "destinations"), CASES)
def test_decisions(observed, said, channels, reason, destinations):
    decision = decide(REPORT, observed, RULES, Before(said), channels)
    assert (decision.reason, told(decision)) == (reason, destinations)


def crossing(job="a", result="SUCCESS", value=6):
    """A build of a job of whose counter m.u more than 5 is not usual."""
    usual = {"m.u": Learned("m.u", 3, 5, 60, 0, "master")}
    return Observed(job, "1" if job == "a" else "2", State.READ, result=result, usual=usual,
                    verdicts=judge_learned(usual, Counters({"m.u": value})))


def ruled(job):
    """A build of a job that is over the bound of a rule which tells nobody, and not over what is usual."""
    usual = crossing(job, value=5)
    return replace(usual, verdicts=(*usual.verdicts, Verdict("silent", "m.u", 1, Outcome.OVER, 5)))


A, B = ("a", "m.u"), ("b", "m.u")
LEARNED_CASES = [
    # In one run alone it is noted, and nobody is told.
    ([crossing()], (), (), Reason.UNCONFIRMED, [], [False]),
    ([crossing(), crossing("b", value=5)], (), (), Reason.UNCONFIRMED, [], [False]),
    # Another job of the report shows it, or an earlier run.
    ([crossing(), crossing("b")], (), (), Reason.OVER, [A, B], [True, True]),
    ([crossing()], [A], (), Reason.OVER, [A], [True]),
    ([crossing()], [B], (), Reason.UNCONFIRMED, [], [False]),
    # A failed build shows nothing by itself, and confirms nothing.
    ([crossing(result="FAILURE")], [A], (), Reason.UNCONFIRMED, [], [False]),
    ([crossing(result="FAILURE"), crossing("b")], (), (), Reason.UNCONFIRMED, [], [False, False]),
    # A person said that it is to be so.
    ([crossing(), crossing("b")], (), ["m.u"], Reason.ACKNOWLEDGED, [], [True, True]),
    ([crossing(), crossing("b")], (), ["m.q"], Reason.OVER, [A, B], [True, True]),
    ([crossing()], (), ["m.u"], Reason.ACKNOWLEDGED, [], [False]),
    ([build(over())], (), ["m.q"], Reason.ACKNOWLEDGED, [], [True]),
    # Another job is over the bound of a rule alone: what is usual of it is usual.
    ([crossing(), ruled("b")], (), (), Reason.NOBODY, [], [False, True]),
    # What is usual is usual.
    ([crossing(value=5)], (), (), Reason.WITHIN, [], []),
]


@pytest.mark.parametrize(("observed", "crossed", "silenced", "reason", "told", "confirmed"), LEARNED_CASES)
def test_learned_bounds(observed, crossed, silenced, reason, told, confirmed):
    rules = {**RULES, LEARNED: LEARNED_RULE}
    decision = decide(REPORT, observed, rules, Before({}, crossed, silenced), [])
    assert decision.reason is reason
    assert [(each.job, each.subject.name) for effect in decision.effects for each in effect.findings] == told
    assert [each.confirmed for each in decision.findings] == confirmed


def test_over_a_rules_bound_and_a_learned_one_it_is_the_rules():
    usual = {"m.q": Learned("m.q", 3, 5, 60, 0, "master")}
    observed = Observed("a", "1", State.READ, usual=usual, verdicts=(
        over(), *judge_learned(usual, Counters({"m.q": 6}))))
    [finding] = observed.over
    assert (finding.rule, finding.learned) == ("open", usual["m.q"])


BACK_CASES = [
    # Reviewers were told that it is over its bound, on an earlier patch set.
    ([build(within())], [], [("a", "m.q")], Reason.BACK, ["m.q"]),
    ([crossing(value=5)], [], [A], Reason.BACK, ["m.u"]),
    # They were not, or it was another job's.
    ([build(within())], [], [], Reason.WITHIN, []),
    ([build(within())], [], [("b", "m.q")], Reason.WITHIN, []),
    # It did not come, it is over another bound, or the build did not do all its work.
    ([build(no_data())], [], [("a", "m.q")], Reason.NO_DATA, []),
    ([build(within(), over("silent"))], [], [("a", "m.q")], Reason.NOBODY, []),
    ([crossing(value=5, result="FAILURE")], [], [A], Reason.WITHIN, []),
    # A person said that it is to be so.
    ([build(within())], ["m.q"], [("a", "m.q")], Reason.WITHIN, []),
    # Its rule does not tell reviewers any more.
    ([build(within(rule="irc"))], [], [("a", "m.q")], Reason.WITHIN, []),
    # A failure of which nothing is known makes no table of the one line; one that is shared is told with it.
    ([build(within()), failed(job="b")], [], [("a", "m.q")], Reason.BACK, ["m.q"]),
    ([build(within()), shared(3, "b")], [], [("a", "m.q")], Reason.UNEXPLAINED, ["", "m.q"]),
    # Something else is over its bound: one comment tells both.
    ([build(within(), over(counter="m.r"))], [], [("a", "m.q")], Reason.OVER, ["m.r", "m.q"]),
]


@pytest.mark.parametrize(("observed", "silenced", "before", "reason", "told"), BACK_CASES)
def test_what_is_back_within_its_bound(observed, silenced, before, reason, told):
    decision = decide(REPORT, observed, {**RULES, LEARNED: LEARNED_RULE}, Before({}, (), silenced, before), [ALL])
    assert decision.reason is reason
    assert [each.subject.name for effect in decision.effects if effect.kind == GERRIT
            for each in effect.findings] == told
    assert not any(isinstance(each, Back) for effect in decision.effects if effect.kind != GERRIT
                   for each in effect.findings)


def test_what_is_back_beside_what_was_said_before_is_told_alone():
    observed = [build(within(), over(counter="m.r"))]
    before = Before({GERRIT: frozenset({("a", Subject(Kind.COUNTER, "m.r"))})}, over=[MQ])
    assert told(decide(REPORT, observed, RULES, before, [])) == {GERRIT: [MQ]}


def test_of_the_bounds_that_reviewers_are_told_of_it_is_back_within_the_lowest():
    verdicts = [within(bound=7), within(), within(rule="irc", bound=4)]
    [effect] = decide(REPORT, [build(*verdicts)], RULES, Before(over=[MQ]), []).effects
    assert effect.findings == (Back("a", "1", "m.q", 4, 5),)


def test_every_reason_has_a_case():
    assert {case[3] for case in (*CASES, *LEARNED_CASES, *BACK_CASES)} == set(Reason)


@pytest.mark.parametrize(
    ("comment_in", "pipeline", "comments"),
    [
        (["gate"], "gate", True), (["gate"], "check", False), (["check", "gate"], "check", True), (["*"], None, True),
        (["gate"], None, False), ([], "gate", False), ([], None, False),
    ],
)
def test_in_which_pipelines_a_failure_of_which_nothing_is_known_is_commented_on(comment_in, pipeline, comments):
    decision = decide(replace(REPORT, pipeline=pipeline), [shared(3)], RULES, Before(), [], comment_in)
    assert (decision.reason, told(decision)) == (Reason.UNEXPLAINED, {"gerrit": [UNKNOWN]} if comments else {})


def test_what_is_over_is_kept_even_where_nobody_is_told():
    decision = decide(REPORT, [build(over("silent"))], RULES, Before(), [])
    assert decision.findings == (Finding("a", "1", "silent", Subject(Kind.COUNTER, "m.q"), 6, 5),)


def test_what_nobody_is_told_of():
    found = [build(over("silent"), over("irc", "m.r"), over("gerrit", "m.s"))]
    assert [finding.subject.name for finding in decide(REPORT, found, RULES, Before(), []).untold] == ["m.q", "m.r"]
    assert [finding.subject.name for finding in decide(REPORT, found, RULES, Before(), [ALL]).untold] == ["m.q"]
    assert decide(REPORT, found[:0], RULES, Before(), [ALL]).untold == ()


def test_a_failure_that_is_kept_to_oneself_is_found_all_the_same():
    found = failed("muted")
    decision = decide(REPORT, [found], RULES, Before(), [ALL])
    assert decision.findings == decision.untold == found.known


def test_a_report_on_a_branch_is_told_in_channels_alone():
    report = replace(REPORT, patchset=replace(REPORT.patchset, change=None, number=None), pipeline="periodic")
    decision = decide(report, [failed("bug"), build(over())], RULES, Before(), [QA, NIGHTLY])
    assert told(decision) == {"#qa": [MQ, KNOWN], "#nightly": [MQ, KNOWN]}


@pytest.mark.parametrize(
    ("rule", "words"),
    [("open", "reviewers, every channel"), ("silent", "nobody"), ("irc", "every channel"), ("nova", "reviewers, #nova"),
     ("gerrit", "reviewers")],
)
def test_whom_a_rule_tells(rule, words):
    assert listeners(RULES[rule]) == words


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        ([], [("irc", "every channel"), ("nova", "#nova"), ("bug-irc", "every channel")]),
        (["#all"], [("nova", "#nova")]),
        (["#all", "#nova"], []),
    ],
)
def test_which_channels_a_rule_tells_that_are_not_configured(channels, told):
    assert [(rule.name, what) for rule, what in unheard(RULES.values(), channels)] == told


@pytest.mark.parametrize(
    ("observed", "why"),
    [
        ([build(within())], "every counter is within its bound"),
        ([build(within()), lost(State.NOTHING)], "no counter that came is over its bound (b: no counters in its logs)"),
        ([lost(State.UNREADABLE, "not JSON"), lost(State.NOT_RUN, "SKIPPED", "c")],
         "no counters to judge (b: counters that cannot be read: not JSON; c: did not run: SKIPPED)"),
        ([build(over()), lost(State.MISSING, "404")], "over its bound (b: logs not there in time: 404)"),
        ([build(over("silent")), lost(State.NOTHING)],
         "over its bound, but the rules tell nobody (b: no counters in its logs)"),
        ([build(within(), unjudged=(no_data("m.r"), no_data("m.*", "x: 401", is_pattern=True)))],
         "no counter that came is over its bound (a: not judged: m.r (missing from this build), m.* (x: 401))"),
        ([build(within(), unjudged=tuple(no_data(f"m.{number}") for number in range(54)))],
         "no counter that came is over its bound (a: not judged: m: 54 counters did not come)"),
        ([failed("bug"), failed(job="b")], "known failures (b: nothing known)"),
        ([failed(state=State.MISSING, why="404")], f"{UNSHARED} (a: logs not there in time: 404)"),
        ([replace(failed(state=State.NOT_RUN, why="without logs"), result="NODE_FAILURE")],
         f"{UNSHARED} (a: no logs (NODE_FAILURE): without logs)"),
        ([replace(failed(), failure=Reading(State.READ, "", Failure(unread={"n-cpu.txt": "too large"})))],
         f"{UNSHARED} (a: nothing known, not all logs read: n-cpu.txt: too large)"),
    ],
)
def test_the_reason_in_full_names_what_is_missing(observed, why):
    assert decide(REPORT, observed, RULES, Before(), []).why == why


@pytest.mark.parametrize(
    ("channel", "project", "pipeline", "wanted"),
    [
        (ALL, "any/thing", None, True),
        (QA, "openstack/nova", "gate", True),
        (QA, "openstack/nova", "check", False),
        (QA, "starlingx/nova", "gate", False),
        # a channel for the gate alone is spared what may be a check: failures of changes under work are noise
        (QA, "openstack/nova", None, False),
        (Channel("#x", pipelines=("*",)), "openstack/nova", None, True),
    ],
)
def test_a_channels_filters(channel, project, pipeline, wanted):
    report = replace(REPORT, pipeline=pipeline, patchset=replace(REPORT.patchset, project=project))
    assert wants(channel, report) is wanted
