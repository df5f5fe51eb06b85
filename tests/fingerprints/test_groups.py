"""Which failed builds are one group, and which id a group keeps."""

import pytest

from counterbot.core.lines import Lines, Template
from counterbot.fingerprints.unknown.groups import Face, Failed, Unusual, grouped, kept_ids, unusual
from counterbot.fingerprints.unknown.telling import Baseline

TIMED_OUT, LOST, TESTS = Face("TIMED_OUT", "run"), Face("RETRY_LIMIT", "pre"), Face("FAILURE", "run", "Run Tempest")
TEXTS = {"root": "no valid host was found for the server", "other": "the volume stayed in its error state",
         "stray": "lost the heartbeat of a neighbour"}


def template(key, words, level="ERROR", **more):
    return Template(key, "logs/screen-n-cpu.txt", level, tuple(words.split()),
                    text=f"Nov 21 02:07:44 node nova[1]: ERROR nova {words}", **more)


LINES = {name: template(key, words) for key, (name, words) in enumerate(TEXTS.items())}


def failed(*names, near=True, face=TESTS):
    return Failed(face, [Unusual(LINES[name], near) for name in names])


def alone(number):
    """A fault of a change's own."""
    return Failed(TESTS, [Unusual(template(1000 + number, " ".join(f"own{number}x{at}" for at in "abcde")), near=True)])


def parts(builds):
    """The groups, as sets of places."""
    found = grouped(builds)
    return sorted(sorted(at for at, group in enumerate(found) if group == each) for each in set(found))


OTHERS = [alone(number) for number in range(6)]
SINGLE = [[at] for at in range(6)]


def test_nothing_is_no_group():
    assert grouped([]) == []


def test_one_build_is_one_group():
    assert grouped([failed("root")]) == [0]


def test_builds_that_share_an_unusual_line_are_one_group_and_others_are_alone():
    assert parts([*OTHERS, failed("root"), failed("root")]) == [*SINGLE, [6, 7]]


def test_two_causes_with_many_consequences_that_others_have_too_are_two_groups():
    after = [Unusual(template(70 + at, f"gave up on {each * 3} after all attempts"), near=True)
             for at, each in enumerate("abcdefg")]
    own = [Failed(TESTS, [*alone(number).lines, after[number % 7]]) for number in range(28)]
    one, two = (Failed(TESTS, [Unusual(LINES[name], near=True), *after]) for name in ("root", "other"))
    assert [each for each in parts([*own, *[one] * 3, *[two] * 3]) if len(each) > 1] == [[28, 29, 30], [31, 32, 33]]


def test_what_was_said_while_no_failed_test_ran_does_not_part_builds_that_share_their_cause():
    strays = [Unusual(template(2000 + at, " ".join(f"stray{at}x{each}" for each in "abcde"))) for at in range(18)]
    root = Unusual(LINES["root"], near=True)
    builds = [Failed(TESTS, [root, *strays[:9]]), Failed(TESTS, [root, *strays[9:]])]
    assert parts([*OTHERS, *builds]) == [*SINGLE, [6, 7]]


def test_lines_that_differ_in_a_word_share_the_rest():
    one, two = (Failed(TESTS, [Unusual(template(key, f"{name} no valid host was found for the server today"), True)])
                for key, name in ((50, "alpha"), (51, "bravo")))
    assert parts([*OTHERS, one, two]) == [*SINGLE, [6, 7]]


def test_builds_without_a_line_are_grouped_by_result_phase_and_task():
    assert parts([Failed(TIMED_OUT), Failed(LOST), Failed(TIMED_OUT), Failed(LOST)]) == [[0, 2], [1, 3]]


def test_builds_without_a_line_are_one_group_where_all_failed_so():
    assert parts([Failed(TIMED_OUT)] * 3) == [[0, 1, 2]]


def test_a_stray_line_does_not_take_a_build_out_of_the_time_outs():
    builds = [*OTHERS, Failed(TIMED_OUT), Failed(TIMED_OUT), failed("stray", near=False, face=TIMED_OUT)]
    assert parts(builds) == [*SINGLE, [6, 7, 8]]


def test_a_line_of_what_varies_alone_groups_nothing():
    bare = [Failed(TESTS, [Unusual(Template(60 + at, "logs/x.txt", "ERROR", (None,)), near=True)]) for at in range(2)]
    assert parts([*OTHERS, *bare]) == [*SINGLE, [6], [7]]


@pytest.mark.parametrize(("changed", "level", "body", "in_passing", "kept"), [
    ("an error", "ERROR", False, 0, True),
    ("an information", "INFO", False, 0, False),
    ("a traceback's frame", "ERROR", True, 0, False),
    ("a usual line", "ERROR", False, 2, False),
    ("one passing build of many has it", "ERROR", False, 1, True),
])
def test_what_is_compared(changed, level, body, in_passing, kept):
    one = template(1, "the disk was full", level, body=body)
    baseline = Baseline([*[[1]] * in_passing, *[[]] * (40 - in_passing)], {})
    found = unusual(Lines([1], near=frozenset({1})), {1: one}, baseline)
    assert found == ([Unusual(one, near=True, known=in_passing > 0)] if kept else [])


@pytest.mark.parametrize(("text", "kept"), [
    ("a replica of volume blue moved to shelf seven", []),
    ("a replica of volume blue caught fire", [7]),
])
def test_a_usual_line_with_another_name_in_it_is_not_compared(text, kept):
    baseline = Baseline([[1]] * 5, {1: template(1, "a replica of volume green moved to shelf seven")})
    found = unusual(Lines([7]), {7: template(7, text)}, baseline)
    assert [line.template.key for line in found] == kept


@pytest.mark.parametrize(("change", "old", "groups", "ids"), [
    ("the first groups", {}, {1: 0, 2: 0, 3: 1}, {}),
    ("a group grows", {1: 7, 2: 7}, {1: 0, 2: 0, 3: 0}, {0: 7}),
    ("two merge: the id of the larger one stays", {1: 7, 2: 8, 3: 8}, {1: 0, 2: 0, 3: 0}, {0: 8}),
    ("two merge alike: the older id stays", {1: 8, 2: 7}, {1: 0, 2: 0}, {0: 7}),
    ("one splits: the larger part keeps it", {1: 7, 2: 7, 3: 7}, {1: 0, 2: 1, 3: 1}, {1: 7}),
    ("one splits, and a part joins another", {1: 7, 2: 7, 3: 7, 4: 8, 5: 8}, {1: 0, 2: 0, 3: 1, 4: 1, 5: 1},
     {0: 7, 1: 8}),
    ("its builds grew old", {1: 7}, {2: 0}, {}),
])
def test_ids_stay(change, old, groups, ids):
    assert kept_ids(groups, old) == ids
