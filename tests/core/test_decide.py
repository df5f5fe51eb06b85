"""What is said where, and why not. One table, a sentence above each case."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.decide import (
    Channel,
    Decision,
    Effect,
    Observed,
    Reason,
    State,
    decide,
    delivery_key,
    marker,
    patchset_key,
    report_key,
    wants,
)
from counterbot.core.model import BuildLink, Finding, PatchSet, Report
from counterbot.core.rules import Audience, Outcome, Rule, Verdict

LINKS = (BuildLink("a", "https://z/build/1", "1"), BuildLink("b", "https://z/build/2", "2"))
REPORT = Report(PatchSet("review", "openstack/nova", "master", 7, 2), "gate", "e" * 32, LINKS)
QA, NOVA, ALL = Channel("#qa", ("openstack/*",), ("gate", "periodic")), Channel("#nova", ("*/nova",)), Channel("#all")
ELSEWHERE = Channel("#swift", ("openstack/swift",))

RULES = {
    rule.name: rule
    for rule in (
        Rule("open", "tells reviewers and every channel"),
        Rule("silent", "tells nobody", report=Audience(gerrit=False, irc=())),
        Rule("irc", "tells channels alone", report=Audience(gerrit=False)),
        Rule("nova", "tells reviewers and one channel", report=Audience(irc=("#nova",))),
        Rule("gerrit", "tells reviewers alone", report=Audience(irc=())),
    )
}


def over(rule: str = "open", counter: str = "m.q", value: int = 6) -> Verdict:
    return Verdict(rule, counter, 5, Outcome.OVER, value)


def within(counter: str = "m.q") -> Verdict:
    return Verdict("open", counter, 5, Outcome.WITHIN, 4)


def no_data(counter: str = "m.q") -> Verdict:
    return Verdict("open", counter, 5, Outcome.NO_DATA, why="it did not come")


def build(*verdicts: Verdict, job: str = "a", unjudged: tuple[str, ...] = (), unmet: tuple[str, ...] = ()) -> Observed:
    return Observed(job, "1", State.COUNTED, "", verdicts, unjudged, unmet)


def lost(state: State, why: str = "", job: str = "b") -> Observed:
    return Observed(job, "2", state, why)


def told(decision: Decision) -> dict[str, list[tuple[str, str]]]:
    return {effect.destination: [(finding.job, finding.counter) for finding in effect.findings]
            for effect in decision.effects}


MQ, MR, BQ = ("a", "m.q"), ("a", "m.r"), ("b", "m.q")
SAID, SAID_BOTH = frozenset({MQ}), frozenset({MQ, MR})

CASES = [
    # Nothing is over: nothing is said.
    ([build(within())], {}, [ALL], Reason.WITHIN, {}),
    # What is missing beside it does not make it news.
    ([build(within(), no_data("m.r")), lost(State.NONE)], {}, [ALL], Reason.PARTLY, {}),
    # No build had counters.
    ([lost(State.NONE), lost(State.NOT_THERE)], {}, [ALL], Reason.NO_DATA, {}),
    # Counters came, but none that a rule bounds.
    ([build(no_data())], {}, [ALL], Reason.NO_DATA, {}),
    # No rule applied in the end, as the API's word on the pipeline wins.
    ([build()], {}, [ALL], Reason.NO_DATA, {}),
    # There are no builds.
    ([], {}, [ALL], Reason.NO_DATA, {}),
    # Over: the reviewer is told, and every channel that wants the change.
    ([build(over())], {}, [QA, NOVA, ALL, ELSEWHERE], Reason.OVER,
     {"gerrit": [MQ], "#qa": [MQ], "#nova": [MQ], "#all": [MQ]}),
    # Over without any channel.
    ([build(over())], {}, [], Reason.OVER, {"gerrit": [MQ]}),
    # One counter over is news whatever else is missing.
    ([build(over(), no_data("m.r")), lost(State.NOT_THERE)], {}, [], Reason.OVER, {"gerrit": [MQ]}),
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
]


@pytest.mark.parametrize(("observed", "said", "channels", "reason", "destinations"), CASES)
def test_decisions(observed, said, channels, reason, destinations):
    decision = decide(REPORT, observed, RULES, said, channels)
    assert (decision.reason, told(decision)) == (reason, destinations)


def test_every_reason_has_a_case():
    assert {case[3] for case in CASES} == set(Reason)


def test_what_is_over_is_kept_even_where_nobody_is_told():
    decision = decide(REPORT, [build(over("silent"))], RULES, {}, [])
    assert decision.findings == (Finding("a", "1", "silent", "m.q", 6, 5),)


@pytest.mark.parametrize(
    ("observed", "why"),
    [
        ([build(within())], "every counter is within its bound"),
        ([build(within()), lost(State.NONE)], "no counter that came is over its bound (b: no counters in its logs)"),
        ([lost(State.UNREADABLE, "not JSON"), lost(State.NOT_RUN, "SKIPPED", "c")],
         "no counters to judge (b: counters that cannot be read: not JSON; c: did not run: SKIPPED)"),
        ([build(over()), lost(State.NOT_THERE, "404")], "over its bound (b: logs not there in time: 404)"),
        ([build(over("silent")), lost(State.NONE)],
         "over its bound, but the rules tell nobody (b: no counters in its logs)"),
        ([build(within(), no_data("m.r"), unjudged=("m.r (NaN)",), unmet=("m.s (null)",))],
         "no counter that came is over its bound (a: not judged: m.r (NaN), m.s (null))"),
    ],
)
def test_the_reason_in_full_names_what_is_missing(observed, why):
    assert decide(REPORT, observed, RULES, {}, []).why == why


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


# -- keys


GERRIT, IRC = Effect("gerrit", "gerrit", ()), Effect("irc", "#qa", ())


def test_a_delivery_has_the_same_key_from_whichever_source():
    other = replace(REPORT, pipeline=None, builds=(*reversed(LINKS), LINKS[0]),
                    patchset=replace(REPORT.patchset, url="http://other", branch="", project="x"))
    for one, two in ((REPORT, other), (replace(REPORT, buildset=None), replace(other, buildset=None))):
        assert delivery_key(one, GERRIT) == delivery_key(two, GERRIT)


OTHERS = [
    replace(REPORT, buildset="f" * 32),
    replace(REPORT, buildset=None),
    replace(REPORT, buildset=None, builds=LINKS[:1]),  # another pipeline has other builds
    replace(REPORT, buildset=None, builds=(BuildLink("a", "http://logs/1", None),)),
    replace(REPORT, patchset=replace(REPORT.patchset, change=8)),
    replace(REPORT, patchset=replace(REPORT.patchset, number=3)),
    replace(REPORT, patchset=replace(REPORT.patchset, server="other")),
]


def test_different_reports_and_destinations_have_different_keys():
    effects = (GERRIT, IRC, replace(IRC, destination="#nova"))
    keys = {delivery_key(report, effect) for report in (REPORT, *OTHERS) for effect in effects}
    assert len(keys) == len({marker(key) for key in keys}) == 3 * (1 + len(OTHERS))


def test_keys_in_full():
    assert patchset_key(REPORT.patchset) == "review 7,2"
    assert report_key(REPORT) == f"review 7,2 {'e' * 32}"
    many = tuple(BuildLink("a", f"https://z/build/{uuid}", uuid) for uuid in "76543210")
    assert report_key(replace(REPORT, buildset=None, builds=many)) == (
        f"review 7,2 {hashlib.sha256(b'0,1,2,3,4,5,6,7').hexdigest()[:32]}")
    assert delivery_key(REPORT, IRC) == f"review 7,2 {'e' * 32} irc #qa"


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_a_marker_has_its_form_whatever_the_key(key):
    assert re.fullmatch(r"\[counterbot:[0-9a-f]{12}\]", marker(key))
    assert marker(key) == marker(key)
