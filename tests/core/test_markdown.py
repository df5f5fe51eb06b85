"""The comment on Gerrit's page: a table that keeps its columns, and nothing of others that becomes markup or a link."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.decide import Observed
from counterbot.core.model import (
    BuildLink,
    FailedTest,
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
)
from counterbot.core.rules import Outcome, Rule, Verdict
from counterbot.core.text.columns import width
from counterbot.core.text.figures import largest_first
from counterbot.core.text.inert import inert
from counterbot.core.text.markdown import code, link, prose, verbatim
from counterbot.core.wording.answers import help_text
from counterbot.core.wording.comment import comment
from counterbot.core.wording.links import Links
from tests import gerrit_page

LINKS = Links("https://bugs.example.org/{bug}", "https://bugs.example.org/new?t={title}&c={text}")
REPORT = Report(PatchSet("s", "p", "master", 7, 2, "https://review.example.org/7"), "check", None,
                (BuildLink("a", "https://z/build/1", "1"),))


@pytest.mark.parametrize(
    ("written", "stands"),
    [
        ("SQL statements in a Tempest run, (per test): fewer!", "SQL statements in a Tempest run, (per test): fewer!"),
        ("Reads of nova.conf, and (n-api.log).", "Reads of `nova.conf`, and `(n-api.log)`."),
        ("Python 3.12 and e.g. 1,234", "Python `3.12` and `e.g`. 1,234"),
        ("*all* of __init__ or a_b", "`*all*` of `__init__` or `a_b`"),
        ("see [bug](http://e.org) or http://localhost/", "see `[bug](http://e.org)` or `http://localhost/`"),
        ("# one > two", "`#` one `>` two"),
        ("1. first", "`1.` first"),
        ("2) second", "`2)` second"),
        ("- less", "`-` less"),
        ("+ more", "`+` more"),
        ("=== ---", "`===` ---"),
        ("a-b + c = d - 1. e", "a-b + c = d - 1. e"),
        ("<b>R&D</b> &amp; AT&T", "`<b>R&D</b>` `&amp`; AT&T"),
        ("~~gone~~ ~10", "`~~gone~~` ~10"),
        ("`nova-api` and ``` fences", "nova-api and  fences"),
        ("C:\\x\\", "`C:\\x\\`"),
        ("ask @nova or qa@example.org.", "ask (at)nova or `qa(at)example.org`."),
        ("nova.-x and 1.--", "`nova.-x` and `1.--`"),
        ("line\n\n    one", "line     one"),
        ("", ""),
    ],
)
def test_a_sentence(written, stands):
    assert prose(written, 400) == stands


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://bugs.launchpad.net/nova/+bug/2041234", "https://bugs.launchpad.net/nova/+bug/2041234"),
        ("https://bugzilla.example.org/show_bug.cgi?id=1&x=2#c3", "https://bugzilla.example.org/show_bug.cgi?id=1&x=2#c3"),
        ("https://e.org/_a_*b*", "https://e.org/%5Fa%5F%2Ab%2A"),
        ("https://e.org/[x](y)<z>`", "https://e.org/%5Bx%5D%28y%29%3Cz%3E%60"),
        ("https://e.org/a.", "https://e.org/a%2E"),
        ("https://e.org/?q=", "https://e.org/?q%3D"),
        ("https://e.org/&lt;", "https://e.org/&lt%3B"),
        ("https://e.org/é", "https://e.org/%C3%A9"),
        ("https://e.org/%2F", "https://e.org/%2F"),
        ("https://e.org/" + "x" * 186, "https://e.org/" + "x" * 186),
        ("https://e.org/" + "x" * 187, None),
        ("", None),
    ],
)
def test_a_url(url, shown):
    assert link(url) == shown


PIECES = st.sampled_from([
    "*", "**", "_", "`", "```", "[", "]", "](http://evil.org)", "<b>", "<http://evil.org>", "&lt;", "&", "#", "# ",
    "> ", "1. ", "2) ", "- ", "+ ", "=", "---", "\\", "~~", "!", "|", "\n", "\n\n", "    ", " ", "  ", "\t", ".", "a.b",
    "evil.org/x", "www.evil.org", "x@evil.org", "http://evil.org/", "ftp://evil.org", "(", ")", '"', "'", ":", "日本",
    "word", "[x]: http://e.org"])
HOSTILE = st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join)
BUGS = st.none() | st.just("2041234") | HOSTILE.map(lambda text: f"https://bugs.example.org/{''.join(text.split())}")


@given(HOSTILE)
def test_a_sentence_is_read_as_it_was_written(text):
    shown = prose(text, 400)
    for message in (shown, f"before {shown} behind"):
        assert gerrit_page.kinds(message) <= {"inline", "text", "code_inline"}
        assert gerrit_page.links(message) == []
    assert gerrit_page.plain(shown).split() == inert(text.replace("`", ""), 400).replace("@", "(at)").split()


@settings(deadline=None)
@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=12), HOSTILE, BUGS, HOSTILE, st.booleans(),
       st.booleans())
def test_nothing_of_others_becomes_markup_or_a_link(names, title, bug, reason, came, files):
    rules = {name: Rule(name, title, bug=bug if name == "a" else None) for name in "ab"}
    over = [Finding(job, "1", "ab"[number % 2], Subject(Kind.COUNTER, counter), 1_300_000, 1_250_000 + number)
            for number, (job, counter) in enumerate(names)]
    verdicts = tuple(Verdict("a", counter, 5, Outcome.NO_DATA, why=reason, came=came) for _, counter in names)
    judged = (Verdict("a", "m.q", 5, Outcome.OVER, 6),)
    observed = [Observed(names[0][0], "1", State.READ, "", judged, verdicts, reason),
                *(Observed(job, "2", state) for (job, _), state in zip(names, State, strict=False))]
    links = LINKS if files else Links(LINKS.view)
    text = comment(REPORT, over, observed, rules, links, "[counterbot:1a2b3c4d5e6f]")
    rows = len(largest_first(over))
    for message in (text, gerrit_page.escaped(text)):
        assert gerrit_page.kinds(message) <= {"inline", "text", "code_inline", "code_block"}
        verdict, table, rest = gerrit_page.blocks(message)
        assert (verdict.type, table.type, rest.type) == ("inline", "code_block", "inline")
        lines = table.content.rstrip("\n").split("\n")
        assert len(lines) == 1 + min(rows, 10) + (rows > 10)
    assert len({width(line) for line in gerrit_page.blocks(text)[1].content.split("\n")[:1 + min(rows, 10)]}) == 1
    mine = {link(bug if bug and "://" in bug else f"https://bugs.example.org/{bug}")} if bug else set()
    for url, other in gerrit_page.links(text):
        assert other == ""
        assert url in mine or url.startswith("https://bugs.example.org/new?t=")
        assert len(url) <= 200


FAILURES = st.builds(Failure, tests=st.lists(st.builds(FailedTest, HOSTILE), max_size=1).map(tuple), phase=HOSTILE,
                     task=HOSTILE, host=HOSTILE, error=HOSTILE, unread=st.dictionaries(HOSTILE, HOSTILE, max_size=2))


@settings(deadline=None)
@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, FAILURES, st.sampled_from(State)), min_size=1, max_size=5),
       HOSTILE, BUGS, st.booleans())
def test_nothing_of_a_failure_becomes_markup_or_a_link(builds, title, bug, infra):
    rules = {name: Rule(name, title, bug=bug if name == "a" else None, infra=infra) for name in "ab"}
    observed = [Observed(job, str(number), None, result=result or "FAILURE",
                         failure=Reading(state, why, failure if state is State.READ else None))
                for number, (job, result, why, failure, state) in enumerate(builds)]
    found = [KnownFailure(job, str(number), rule, (Hit(rule, why, 7, ""),))
             for number, (job, _, why, *_) in enumerate(builds[:2]) for rule in "ab"]
    text = comment(REPORT, found, observed, rules, LINKS, "[counterbot:1a2b3c4d5e6f]")
    for message in (text, gerrit_page.escaped(text)):
        assert gerrit_page.kinds(message) <= {"inline", "text", "code_inline", "code_block"}
        verdict, table, rest = gerrit_page.blocks(message)
        assert (verdict.type, table.type, rest.type) == ("inline", "code_block", "inline")
    bugs = {link(bug if "://" in bug else f"https://bugs.example.org/{bug}")} if bug else set()
    for url, other in gerrit_page.links(text):
        assert other == ""
        assert url in bugs or url.startswith("https://bugs.example.org/new?t=")


@given(HOSTILE)
def test_a_log_line_is_one_piece_of_code_and_keeps_its_signs(line):
    shown = verbatim(line, 400)
    assert gerrit_page.kinds(f"see {shown}: it") == {"inline", "text", "code_inline"}
    assert gerrit_page.links(shown) == []
    assert shown.strip("`").split() == (inert(line.replace("`", "").replace("@", "(at)"), 400) or "?").split()


@given(HOSTILE)
def test_a_name_is_one_piece_of_code(name):
    assert gerrit_page.kinds(f"see {code(name)}: it") == {"inline", "text", "code_inline"}
    assert gerrit_page.links(code(name)) == []


def test_the_help_is_read_whole_on_the_page():
    text = help_text()
    assert max(map(width, text.split("\n"))) <= 104  # what is wider is cut off in a column of 760 pixels
    assert "counters: accept &lt;reason&gt;   what" in gerrit_page.page(text)


def test_what_looks_like_markup_is_read_on_the_page():
    assert gerrit_page.page('Comment "counters: accept <reason>".') == (
        "<p>Comment &quot;counters: accept &lt;reason&gt;&quot;.</p>")
