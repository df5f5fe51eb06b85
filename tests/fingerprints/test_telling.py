"""Which lines of a failed build are told first, and why."""

from array import array

from counterbot.core.lines import Lines, Template
from counterbot.fingerprints.unknown.telling import MOST, Baseline, telling

COMPUTE = "logs/screen-n-cpu.txt"


def line(key, words="the disk was full", level="ERROR", file=COMPUTE, **more):
    return Template(key, file, level, tuple(words.split()), text="Nov 21 02:07:44 node nova[1]: x", **more)


def told(*lines, passing=(), known=(), near=(), linked=(), share=0.05, numbers=None):
    """Keys of the telling lines. ``passing`` are the keys of each passing build."""
    templates = {each.key: each for each in (*lines, *known)}
    kept = Lines(array("q", sorted(each.key for each in lines)), frozenset(near), frozenset(linked), share,
                 numbers if numbers is not None else {each.key: 100 * each.key for each in lines})
    return [each.key for each in telling(kept, templates, Baseline(passing, templates))]


def test_a_line_that_passing_builds_have_is_not_told():
    assert told(line(1), line(2, "no valid host was found"), passing=[[1]]) == [2]


def test_of_twenty_passing_builds_one_may_have_the_line_and_it_is_told_after_one_that_none_has():
    passing = [[1], *[[]] * 19]
    assert told(line(1), line(2, "no valid host was found"), passing=passing) == [2, 1]


def test_of_fewer_passing_builds_none_may_have_it():
    assert told(line(1), passing=[[1], *[[]] * 18]) == []


def test_without_a_passing_build_all_lines_are_told():
    assert told(line(1), line(2)) == [1, 2]


def test_what_frames_a_message_is_not_told():
    assert told(line(1, body=True)) == []


def test_a_known_line_that_was_reworded_is_not_told():
    known = line(9, "the volume on the backend was busy")
    assert told(line(1, "the volume on that backend was busy"), passing=[[9]], known=[known]) == []


def test_another_file_s_line_does_not_make_it_known():
    known = line(9, "the volume on the backend was busy", file="logs/screen-c-vol.txt")
    assert told(line(1, "the volume on that backend was busy"), passing=[[9]], known=[known]) == [1]


def test_what_was_said_while_a_failed_test_ran_is_told_before_what_was_not():
    assert told(line(1), line(2), near=[2]) == [2, 1]


def test_what_carries_the_test_s_id_is_told_before_what_does_not():
    assert told(line(1), line(2), near=[1, 2], linked=[2], numbers={1: 9000, 2: 1}) == [2, 1]


def test_of_two_lines_said_while_a_failed_test_ran_the_earlier_is_told_first():
    assert told(line(1), line(2), near=[1, 2], numbers={1: 900, 2: 100}) == [2, 1]


def test_an_error_is_told_before_a_warning_and_that_before_an_info():
    assert told(line(1, level="INFO"), line(2, level="WARNING"), line(3)) == [3, 2, 1]


def test_a_loud_word_stands_for_the_level_that_a_line_lacks():
    assert told(line(1, "the disk was quiet", level=""), line(2, "the disk was unreachable", level="")) == [2, 1]


def test_the_console_is_told_first_where_no_test_failed():
    assert told(line(1), line(2, "cannot fetch the package", "", "job-output.txt"), share=None) == [2, 1]


def test_a_message_and_its_exception_do_not_take_two_of_the_first_places():
    assert told(line(1), line(2), line(3), numbers={1: 240, 2: 245, 3: 9000}) == [1, 3, 2]


def test_a_build_full_of_unknown_lines_shows_no_more_than_the_most():
    assert len(told(*(line(key, f"disk {key}") for key in range(3 * MOST)))) == MOST
