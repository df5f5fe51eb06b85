"""The query that tells failed builds apart: on builds that are small enough to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterbot.core.lines import Reduction
from counterbot.fingerprints.query import parse, with_voting
from counterbot.fingerprints.scan import Scanner
from counterbot.fingerprints.templates.reduce import Reducer
from counterbot.fingerprints.unknown.corpus import Corpus
from counterbot.fingerprints.unknown.suggest import Evidence, Suggestion, suggested

CPU, CONSOLE = "controller/logs/screen-n-cpu.txt", "job-output.txt"
USUAL = ["Running periodic task sync", "Failed to delete port 7 of instance 6d1f3b7d", "Image cache is clean"]
Files = Mapping[str, Sequence[str]]


def cpu(*messages: str, level: str = "ERROR") -> Files:
    head = f"Nov 21 02:41:07.318442 np0043217786 nova-compute[98512]: {level} nova.compute.manager "
    return {CPU: [head + message for message in messages]}


def console(*messages: str) -> Files:
    return {CONSOLE: [f"2026-11-21 02:41:07.318442 | controller | {message}" for message in messages]}


def data(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def reduced(build: Files, failed: bool = True) -> Reduction:
    reducer = Reducer(failed)
    for path, lines in build.items():
        reducer.take(path, [data(lines)])
    return reducer.reduction()


def suggestion(failed: Sequence[Files], passing: Sequence[Files], other: Sequence[Files] = (),
               changes: Sequence[object] | None = None, names: Sequence[str] = ()) -> Suggestion:
    builds = [*map(reduced, failed), *(reduced(build, failed=False) for build in passing), *map(reduced, other)]
    corpus = Corpus({key: template for build in builds for key, template in build.templates.items()},
                    [build.lines for build in builds])
    first, second = len(failed), len(failed) + len(passing)
    return suggested(corpus, Evidence(range(first), range(first, second), range(second, len(builds)),
                                      list(range(first) if changes is None else changes), names))


def query_of(*arguments, **more) -> str:
    found = suggestion(*arguments, **more)
    assert found.rule is not None, found.why_not
    return found.rule.query


def found_in(query: str, build: Files) -> bool:
    scanner = Scanner({"rule": with_voting(parse(query))})
    return any(scanner.scan({"voting": (1,)}, path, [data(lines)]).hits for path, lines in build.items())


def three(*messages: str) -> list[Files]:
    """Three builds that say it, each with other numbers."""
    return [cpu(*USUAL, *(message.replace("N", str(number)) for message in messages)) for number in (1017, 2044, 3999)]


PASSING = [cpu(*USUAL)] * 5


def test_the_line_that_only_failed_builds_have() -> None:
    query = query_of(three("Volume N vanished while it was mapped"), PASSING)
    assert query == 'message:"vanished while it was mapped" AND tags:"screen-n-cpu.txt"'


def test_what_it_was_held_against_is_counted() -> None:
    failed = three("The bridge collapsed under load")
    rule = suggestion([*failed, cpu(*USUAL)], PASSING, [failed[0], cpu("Another fault")], [1, 2, 3, 3]).rule
    assert rule is not None
    assert (str(rule.group), str(rule.changes)) == ("3 of 4", "3 of 3")
    assert (str(rule.passing), str(rule.other)) == ("0 of 5", "1 of 2")


def test_a_consequence_that_other_failures_share_comes_behind_the_cause() -> None:
    failed = three("The bridge collapsed under load", "Guest never became reachable again")
    found = suggestion(failed, PASSING, [cpu("Guest never became reachable again")] * 3)
    assert [candidate.other.found for candidate in found.candidates] == [0, 3]


@pytest.mark.parametrize("first", ["Zone map was torn apart", "Array bounds were never set"])
def test_of_lines_said_while_the_failed_test_ran_the_first_is_the_cause(first: str) -> None:
    lines = ["Zone map was torn apart", "Array bounds were never set"]
    job = ["2026-11-21 02:00:00.101337 | controller | begins",
           "2026-11-21 02:41:09.101337 | controller | {1} tempest.a.B.test_c [5.0s] ... FAILED"]
    build = {CONSOLE: job, **cpu(*sorted(lines, key=lambda line: line != first))}
    assert suggestion([build] * 3, PASSING).candidates[0].clauses[0].said == (first,)


def test_a_line_is_one_candidate_whatever_of_it_is_asked_for() -> None:
    found = suggestion(three("The bridge collapsed under load N of its rusty cables", "Flow table N was lost"), PASSING)
    assert len(found.candidates) == 2


def test_what_more_other_failures_have_is_no_cause() -> None:
    failed = three("Guest never became reachable again")
    assert suggestion(failed, PASSING, failed).rule is not None
    assert suggestion(failed, PASSING, [*failed, failed[0]]).rule is None


def test_lines_that_go_on_differently_have_a_phrase_in_common() -> None:
    failed = [cpu(*USUAL, f"The bridge collapsed under {what}") for what in ("load", "wind", "ice")]
    rule = suggestion(failed, PASSING).rule
    assert rule is not None
    assert rule.query == 'message:"The bridge collapsed under" AND tags:"screen-n-cpu.txt"'
    assert str(rule.group) == "3 of 3"


def test_a_line_that_one_passing_build_of_a_hundred_has_may_be_the_cause() -> None:
    failed = three("The bridge collapsed under load")
    assert suggestion(failed, [*PASSING * 19, failed[0]]).rule is None  # 1 of 96
    assert suggestion(failed, [*PASSING * 20, failed[0]]).rule is not None  # 1 of 101


def test_stretches_of_which_none_suffices_are_asked_together() -> None:
    failed = three("Detach of volume N gave up behind lock N of host")
    passing = [cpu("Detach of volume 7 gave up after 12 tries"), cpu("Waiting 3 behind lock 4 of host")]
    query = query_of(failed, [*PASSING, *passing])
    assert not any(found_in(query, build) for build in passing)
    assert all(found_in(query, build) for build in failed)


def test_where_one_phrase_suffices_no_other_of_the_line_is_asked_for() -> None:
    failed = [cpu(*USUAL, f"src/lib/{name}.cc: the compiler crashed at once") for name in ("east", "west", "north")]
    assert query_of(failed, PASSING) == 'message:"the compiler crashed at once" AND tags:"screen-n-cpu.txt"'


def test_what_a_line_says_twice_is_asked_for_once() -> None:
    failed = three("Shard map N pool N pool N relocation due N")
    mapped = [f"Shard map 7 {where} relocation due 9" for where in ("of", "for", "near")]
    passing = [cpu("The pool 8 is small", *mapped)]
    query = query_of(failed, [*PASSING, *passing])
    assert query.count('"pool"') == 1
    assert not found_in(query, passing[0])


def test_three_single_words_of_a_line_are_no_query() -> None:
    failed = three("N mandate N package N module N")
    passing = [cpu(f"{word} 7") for word in ("mandate", "package", "module")]
    assert suggestion(failed, [*PASSING, *passing]).rule is None


def test_two_ways_to_fail_are_joined_by_or() -> None:
    failed = [*three("The bridge collapsed under load"), *three("Flow table was lost on restart")[:2]]
    query = query_of(failed, PASSING)
    assert query == ('(message:"The bridge collapsed under load" OR message:"Flow table was lost on restart") '
                     'AND tags:"screen-n-cpu.txt"')
    assert not with_voting(parse(query)).doubts
    files = [*three("The bridge collapsed under load"), *[console("Flow table was lost on restart")] * 2]
    assert query_of(files, PASSING) == (
        '((message:"The bridge collapsed under load" AND tags:"screen-n-cpu.txt") OR '
        '(message:"Flow table was lost on restart" AND tags:"job-output.txt"))')


def test_a_phrase_that_the_mask_hides_in_passing_builds_is_none() -> None:
    passing = [cpu(*USUAL, "Create group from source-6d1f3b7d-e2f5-4b9a-8c2f-9f3f7a6d5c21")] * 5
    failed = [cpu(*USUAL, f"Create group from source-{where}") for where in ("east", "west", "north")]
    found = suggestion(failed, passing)
    assert (found.rule, found.candidates) == (None, ())


@pytest.mark.parametrize(("builds", "changes"), [(2, 2), (4, 2), (3, 1)])
def test_too_few_builds_or_changes(builds: int, changes: int) -> None:
    failed = (three("The bridge collapsed under load") * 2)[:builds]
    found = suggestion(failed, PASSING, changes=[number % changes for number in range(builds)])
    assert found.rule is None
    assert found.why_not == ("a rule takes 3 builds of 3 changes, else it names what one change does; given: "
                             f"{builds} builds of {changes} change{'s' * (changes > 1)}")
    assert found.nearest is not None
    assert "The bridge collapsed" in found.nearest.query


def test_what_most_builds_of_one_change_say_is_that_change_alone() -> None:
    failed = [*[cpu(*USUAL, "My new option is not registered")] * 6, *[cpu(*USUAL)] * 3]
    assert suggestion(failed, PASSING, changes=[1, 1, 1, 1, 1, 1, 2, 3, 4]).rule is None


def test_without_a_passing_build_nothing_is_suggested() -> None:
    found = suggestion(three("The bridge collapsed under load"), [])
    assert found.rule is None
    assert found.why_not.startswith("no passing build is given")
    assert found.nearest is not None
    assert "The bridge collapsed" in found.nearest.query  # the loudest of its lines


def test_where_passing_builds_hold_all_what_came_nearest_is_shown() -> None:
    failed = three("The bridge collapsed under load")
    found = suggestion(failed, [*PASSING[:3], failed[0]])
    assert (found.rule, found.candidates) == (None, ())
    assert found.why_not.startswith("no line tells these builds apart")
    assert found.nearest is not None
    assert (str(found.nearest.group), str(found.nearest.passing)) == ("3 of 3", "1 of 4")


def test_builds_without_a_word_to_say() -> None:
    assert suggestion([{CPU: []}] * 3, [{CPU: []}]).nearest is None
    assert suggestion([cpu("6d1f3b7d 12 7")] * 3, PASSING).rule is None


@pytest.mark.parametrize(("message", "names", "never"), [
    ("Checkout of feature/warp gave no tree at all", ["feature", "warp"], r"feature|warp"),
    ("Class WarpDriverTestJSON leaves its ports behind", ["warpdrivertestjson"], r"WarpDriver"),
    ("tempest.api.test_warp.WarpTest.test_warp_speed gave up its lease early", [], r"test_warp"),
    ("nova/virt/warp_driver.py was not compiled for this interpreter", [], r"warp_driver"),
    ("mirror.gra1.ovh.opendev.org refused the connection twice over", [], r"opendev"),
    ("admin password=hunter2 was not accepted by that realm", [], r"hunter2"),
])
def test_what_no_phrase_holds(message: str, names: list[str], never: str) -> None:
    query = query_of(three(message), PASSING, names=names)
    assert not re.search(never, query)


def test_frames_of_a_traceback_and_info_are_no_cause() -> None:
    failed = [{CPU: [*cpu("Traceback (most recent call last):")[CPU], *cpu('  File "/opt/x.py", line 3, in warp')[CPU],
                     *cpu("Warp is engaged for good", level="INFO")[CPU]]}] * 3
    assert suggestion(failed, PASSING).rule is None


def test_quotes_backslashes_and_stars_are_asked_for_as_they_stand() -> None:
    failed = three(r'Pool "blue \north" is not "green" today', "Gave * up with *stars about")
    found = suggestion(failed, PASSING)
    queries = sorted(candidate.query for candidate in found.candidates)
    assert queries
    for query in queries:
        assert not with_voting(parse(query)).doubts
        assert all(found_in(query, build) for build in failed)
    assert r'Pool \"blue \\north\" is not' in found.candidates[0].query


def test_the_corpus_finds_a_phrase_in_one_file_and_not_across_what_varies() -> None:
    builds = [reduced({**cpu("a lock of 1234567 keys is held"), **console("a lock of keys")})]
    corpus = Corpus(builds[0].templates, [builds[0].lines])
    files = [template.file for template in corpus.templates]
    assert [files[at] for at in corpus.find(["a", "lock", "of"], "job-output.txt")] == ["job-output.txt"]
    assert len(corpus.find(["keys", "is", "held"], "screen-n-cpu.txt")) == 1
    assert len(corpus.find(["lock", "of", "keys"], "screen-n-cpu.txt")) == 0
    assert len(corpus.find(["no", "such"], "screen-n-cpu.txt")) == 0
    assert len(corpus.find(["a"], "no-such-file.txt")) == 0


WORD = st.sampled_from([
    "Failed", "to", "delete", "port", "volume", "None", "lost", "naïve", "再試行", "it's", "a.b", "_x", "10.0.0.7",
    "12", "6d1f3b7d-e2f5-4b9a-8c2f-9f3f7a6d5c21", "500", "http", "/tmp/a/b", "x-1234", "\\", '"', "*", "#", ":",
    "C:\\dir", '"quoted"', "a=b", "--", "%s", "password=x", "e\u0301"])
MESSAGE = st.lists(WORD, min_size=1, max_size=9).map(" ".join)
BUILD = st.lists(MESSAGE, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(MESSAGE, min_size=1, max_size=2), st.lists(BUILD, min_size=3, max_size=5),
       st.lists(BUILD, min_size=1, max_size=4), st.lists(BUILD, max_size=3))
def test_a_query_finds_what_it_was_counted_to_find(shared, failed, passing, other) -> None:
    builds = [[{**cpu(*said), **console(*said)} for said in some]
              for some in ([[*said, *shared] for said in failed], passing, other)]
    found = suggestion(*builds)
    for candidate in filter(None, (found.rule, *found.candidates)):
        asked = with_voting(parse(candidate.query))
        assert not asked.doubts
        counted = [sum(found_in(candidate.query, build) for build in some) for some in builds]
        assert counted[0] >= candidate.group.found
        assert counted[1] <= 0.01 * len(passing)
