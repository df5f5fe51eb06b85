"""Which lines a group shows that its builds share."""

from counterbot.core.lines import Template
from counterbot.fingerprints.unknown.groups import Unusual
from counterbot.fingerprints.unknown.sharing import MOST, shared

FILE = "logs/screen-n-cpu.txt"


def line(key, words, level="ERROR", **more):
    return Unusual(Template(key, FILE, level, tuple(word if word != "*" else None for word in words.split())), **more)


FULL, LOST = line(1, "the disk was full"), line(2, "the lease was lost again")


def told(*builds):
    return [(each.template.key, each.builds) for each in shared(builds)]


def test_what_most_builds_have_those_of_the_most_first():
    assert told([LOST, FULL], [LOST, FULL], [LOST]) == [(2, 3), (1, 2)]


def test_what_half_of_the_builds_have_is_not_shared():
    assert told([LOST], [LOST], [FULL], [FULL]) == []


def test_lines_that_are_worded_alike_are_one_line_of_a_group():
    apart = [[line(at, f"{name} volume was busy for ever")] for at, name in enumerate(("my", "his", "her"))]
    assert told(*apart) == [(0, 3)]


def test_lines_of_few_words_between_what_varies_are_shared_as_they_are():
    assert told([line(1, "port * down")], [line(1, "port * down")], [line(2, "port * gone")]) == [(1, 2)]


def test_of_lines_of_as_many_builds_the_one_near_the_failed_test_and_then_the_loudest_is_first():
    near, quiet = line(3, "no port was bound here", "WARNING", near=True), line(0, "a slow answer came", "WARNING")
    for builds in ([[quiet, FULL, near]], [[quiet, FULL, near]] * 2):
        assert [key for key, _ in told(*builds)] == [3, 1, 0]


def test_no_more_lines_than_a_page_has_room_for():
    assert len(told(*[[line(at, f"word{at} no other{at} has{at}") for at in range(2 * MOST)]] * 2)) == MOST
