"""The targets: each takes any bytes, and raises only where the code under test broke a promise.

Imports no fuzzer: the same targets run in the ordinary tests on seeds and on what was found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from counterbot.builds.logs import manifest_paths as paths
from counterbot.core import limits
from counterbot.core.counters.attachment import parse_counters
from counterbot.core.counters.merging import complete, merge
from counterbot.core.counters.performance import looks_like_performance, parse_performance
from counterbot.core.decide import Before, Observed, decide
from counterbot.core.events import Recognition, digest, parse_line, recognise
from counterbot.core.lines import Reduction
from counterbot.core.model import (
    BuildLink,
    Counters,
    Finding,
    Ignored,
    Kind,
    PatchSet,
    Report,
    State,
    Subject,
    Unreadable,
)
from counterbot.core.rules import Bound, Outcome, Rule, holds, judge, was_due
from counterbot.core.text.inert import inert
from counterbot.core.wording.comment import comment
from counterbot.core.wording.irc import irc_line
from counterbot.core.wording.links import Links
from counterbot.files.config import Config, read_config
from counterbot.files.reader import Mistake, read
from counterbot.files.rulefile import parse_rule
from counterbot.fingerprints.records import COLOUR, ENDS
from counterbot.fingerprints.templates.mask import runs
from counterbot.fingerprints.templates.reduce import LINE, WORDS, Reducer
from counterbot.fingerprints.words import words

from .claims import assert_counters, assert_storable, assert_told, in_time, outcome
from .damage import damage, gunzip, one_byte, subunit

Target = Callable[[bytes], None]

SETTINGS = (Recognition(frozenset({"zuul"}), "review", "counterbot"),
            Recognition(frozenset({"zuul", "jenkins"}), zuul_urls=("https://zuul.opendev.org/t/openstack",)))
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
PATH = 4096
"""Characters of a path: no system that Zuul runs on has longer ones."""

RULE = Rule("any", "Any counter", bounds=(Bound("*", 0), Bound("mysql.Queries", 12)))
FILE = Links(file="https://bugs.example.org/new?title={title}&text={text}")
MARKER = "[counterbot:1a2b3c4d5e6f]"
PATCHSET = PatchSet("review", "openstack/nova", "master", 7, 2, "https://review.example.org/c/openstack/nova/+/7")
REPORT = Report(PATCHSET, "check", None, (BuildLink("tempest", "https://z/build/1", "1"),))


def events(data: bytes) -> None:
    """A line of the event stream: a report, why it is none, or Unreadable."""
    with in_time(len(data)):
        event = outcome(lambda: parse_line(data))
        assert len(digest(data)) == 64
        results = [] if isinstance(event, Unreadable) else [recognise(event, settings) for settings in SETTINGS]
    for result in results:
        if isinstance(result, Ignored):
            assert_told(result.why)
        elif isinstance(result, Report):
            _assert_report(result)


def _assert_report(report: Report) -> None:
    patchset = report.patchset
    assert patchset.change > 0
    assert patchset.number > 0
    assert report.builds
    assert len(set(report.builds)) == len(report.builds)
    assert_storable((patchset.project, patchset.branch, patchset.url, report.pipeline, report.buildset))
    for link in report.builds:
        assert_storable((link.job, link.url))
        assert 0 < len(link.job) <= limits.NAME
        assert len(link.url) <= limits.URL
        assert link.uuid is None or re.fullmatch("[0-9a-f]{32}", link.uuid)
    first = report.builds[0].job
    _assert_worded(report, (Finding(first, "1", RULE.name, Subject(Kind.COUNTER, "mysql.Queries"), 13, 12),), ())


def counters(data: bytes) -> None:
    """A counters attachment, and what is said of it."""
    with in_time(len(data)):
        assert looks_like_performance(data) in (True, False)
        found = outcome(lambda: parse_counters(data))
    if not isinstance(found, Unreadable):
        assert_counters(found)
        assert merge([found]) == found
        assert complete(found, Counters({})) == found
        _judged(found)


def performance(data: bytes) -> None:
    """DevStack's performance.json, and what is said of it."""
    with in_time(len(data)):
        found = outcome(lambda: parse_performance(data))
    if not isinstance(found, Unreadable):
        assert_counters(found)
        _judged(found)


def _judged(found: Counters) -> None:
    verdicts = judge(RULE, found)
    for verdict in verdicts:
        assert (verdict.value is None) == (verdict.outcome is Outcome.NO_DATA)
    unjudged = tuple(verdict for verdict in verdicts if was_due(verdict, found))
    observed = (Observed("tempest", "1", State.READ, verdicts=verdicts, unjudged=unjudged),
                Observed("devstack", "2", State.NOTHING))
    decision = decide(REPORT, observed, {RULE.name: RULE}, Before(), ())
    if decision.findings:
        _assert_worded(REPORT, decision.findings, observed)


def _assert_worded(report: Report, over: Iterable[Finding], observed: tuple[Observed, ...]) -> None:
    """Comment and channel's line keep their limits, their ends and their lines, whatever the names."""
    over = tuple(over)
    with in_time(100 * len(over)):
        text = comment(report, over, observed, {RULE.name: RULE}, FILE, MARKER)
        line = irc_line(report, over)
    assert len(text.encode()) <= limits.COMMENT
    assert text.endswith("\n" + MARKER)
    assert all(inert(part, 1 << 20) == part.strip() for part in text.split("\n"))
    assert len(line.encode()) <= limits.IRC_LINE
    assert inert(line, limits.IRC_LINE) == line


def manifest(data: bytes) -> None:
    """A manifest's paths lie under the log root."""
    with in_time(len(data)):
        found = outcome(lambda: paths(data))
    for path in [] if isinstance(found, Unreadable) else found:
        assert len(path) <= PATH, f"a path of {len(path):,} characters"
        assert path.isprintable()
        assert "\\" not in path
        assert not {"", ".", ".."} & set(path.split("/"))


def rules(data: bytes) -> None:
    """A rule's file: a rule that can be asked, or mistakes that can be found."""
    with in_time(len(data)):
        document = read(data, "rule.yaml")
        found = parse_rule(document)
    assert (found.rule is None) == bool(found.mistakes)
    _assert_located((*found.mistakes, *found.doubts), data)
    if found.rule is not None:
        with in_time(len(data)):
            told = [holds(found.rule, case) for case in found.rule.cases]
        assert all(told is None or told for told in told)


LOGS = ("job-output.txt", "controller/logs/screen-n-cpu.txt", "controller/logs/screen-etcd.txt",
        "controller/logs/syslog.txt", "controller/logs/screen-s-object.txt", "controller/logs/mysql/error_log.txt")


def templates(data: bytes) -> None:
    """A log, after a byte for its name and one for its blocks: what is not masked stands so in one of its lines."""
    path, size, log = LOGS[sum(data[:1]) % len(LOGS)], sum(data[1:2]) + 1, data[2:]
    with in_time(len(data)):
        found = _reduced(path, [log])
    assert_storable(each.text for each in found.templates.values())
    assert_storable([*found.lines.sources, *(line.text for line in found.lines.story)])
    assert list(found.lines.keys) == sorted(found.templates)
    plain = ENDS.sub(b"\n", COLOUR.sub(b"", log)).decode(errors="replace")
    said = [f" {' '.join(words(line))} " for line in plain.split("\n")] if len(log) < LINE else []
    for each in found.templates.values() if said else ():
        assert len(each.words) <= WORDS
        for run in runs(each.words):
            assert any(f" {' '.join(run)} " in line for line in said), f"{run} stands in no line"
    if said:
        cut = (log[at:at + size] for at in range(0, len(log), size))
        assert _reduced(path, cut) == found, "it matters how a log is cut into blocks"


def _reduced(path: str, blocks: Iterable[bytes]) -> Reduction:
    reducer = Reducer(failed=True)
    reducer.take(path, blocks)
    return reducer.reduction()


def config(data: bytes) -> None:
    """The configuration: values, or mistakes that can be found."""
    with in_time(len(data)):
        found = read_config(data, "config.yaml")
    if not isinstance(found, Config):
        assert found
        _assert_located(found, data)


def _assert_located(mistakes: Iterable[Mistake], data: bytes) -> None:
    """Each on a line and column that the file has, or just behind its last."""
    lines = LINE_END.split(data.decode(errors="replace"))
    for mistake in mistakes:
        assert_told(mistake.what, limit=len(data) * 8 + 1000)
        place = mistake.where
        assert 1 <= place.line <= len(lines), str(mistake)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1, str(mistake)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (events, subunit, damage, one_byte, gunzip, counters, performance, manifest, rules, config, templates)
}
RUNS_A_MINUTE = {
    "events": 250_000,
    "subunit": 15_000,
    "damage": 5_000,
    "one_byte": 20_000,
    "gunzip": 18_000,
    "counters": 200_000,
    "performance": 170_000,
    "manifest": 2_000_000,
    "rules": 40_000,
    "config": 36_000,
    "templates": 12_000,
}
"""About what one processor does."""
