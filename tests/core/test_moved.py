"""Which moves of counters are told, and which together; the likeliest of merged changes; the line."""

from dataclasses import replace

import pytest

from counterbot.core import limits
from counterbot.core.fallen import DAY, HOUR
from counterbot.core.learned import SeriesKey
from counterbot.core.merged import Merge, likeliest
from counterbot.core.moved import Accepted, Move, news
from counterbot.core.wording.moved import moved_line

NOW = 1_800_000_000_000  # 15 Jan 2027, 8:00 UTC
KEY = SeriesKey("openstack", "tempest-full", "master", "mysql.Queries", True)
MOVE = Move(KEY, NOW - 30 * HOUR, NOW - 29 * HOUR, NOW - 3 * HOUR, 1_000_000, 1_142_000, 1e-9, 7)
MERGED = [Merge("openstack/nova", 900_000 + number, NOW - number * HOUR) for number in range(5)]


def of(counter, now=1_100_000, later=0, **changes):
    """The move of another counter, so many hours later."""
    return replace(MOVE, key=replace(KEY, counter=counter, job=changes.pop("job", KEY.job)), now=now,
                   after=MOVE.after + later * HOUR, started=MOVE.started + later * HOUR, **changes)


def counters(messages):
    return [[move.key.counter for move in moves] for moves in messages]


def test_the_counters_of_a_job_that_moved_at_one_place_are_told_together_the_largest_first():
    untold = [of("a"), MOVE, of("b", 800_000), of("zero", 7, before=0), of("near", later=1), of("far", later=3),
              of("other", job="nova-next")]
    assert counters(news(untold, [], NOW)) == [["other"], ["zero", "b", "mysql.Queries", "a", "near"], ["far"]]


def test_where_a_move_was_told_nothing_is_told_again():
    assert news([of("later", later=1)], [MOVE], NOW) == []
    assert counters(news([of("later", later=2)], [MOVE], NOW)) == [["later"]]


def test_what_is_no_news_is_told_beside_news_only():
    assert news([of("old", news=False)], [], NOW) == []
    assert counters(news([of("old", news=False), MOVE], [], NOW)) == [["mysql.Queries", "old"]]


def test_what_was_accepted_is_not_told():
    accepted = Accepted("dana", "nova", 1, "meant")
    assert news([replace(MOVE, accepted=accepted)], [], NOW) == []
    assert counters(news([replace(MOVE, accepted=accepted), of("a")], [], NOW)) == [["a"]]


@pytest.mark.parametrize(("ago", "told"), [(HOUR, 0), (2 * HOUR, 1), (DAY + HOUR, 1), (DAY + 2 * HOUR, 0)])
def test_a_move_is_told_after_two_hours_and_within_a_day(ago, told):
    assert len(news([replace(MOVE, found=NOW - ago)], [], NOW)) == told


def test_the_change_that_was_tested_first_is_the_likeliest_and_then_those_of_the_most_tested_project():
    merged = [Merge("glance", 1, 9), Merge("nova", 2, 5), Merge("nova", 3, 7), Merge("x", 4, 8), Merge("x", 5, 1)]
    assert [merge.change for merge in likeliest(merged, ["nova", "glance"], [("x", 5)])] == [5, 3, 2, 1, 4]


def test_the_line():
    assert moved_line([MOVE, of("b", 912_345.5), of("c", 0), of("d"), of("e")], MERGED, NOW) == (
        "tempest-full master moved: mysql.Queries from 1,000,000 to 1,142,000 (+14.2%), b from 1,000,000 to 912,345"
        " (-8.8%), c from 1,000,000 to 0 (-100.0%) and 2 more; merged: openstack/nova 900000, openstack/nova 900001,"
        " openstack/nova 900002 and 2 more between 14 Jan 02:00 and 14 Jan 03:00")


def test_a_counter_that_rises_from_zero_or_manyfold():
    assert "a from 0 to 7; no change" in moved_line([of("a", 7, before=0)], [], NOW)
    assert "a from 1,000,000 to 25,000,000 (×25); no change" in moved_line([of("a", 25_000_000)], [], NOW)
    assert "a from -0.5 to 1e+300; no change" in moved_line([of("a", 1e300, before=-0.5)], [], NOW)


def test_names_are_inert_and_the_line_is_short_enough():
    evil = "\x02x@`y\n" + "é" * 300
    text = moved_line([of(evil, job=evil)] * 9, [replace(MERGED[0], project=evil)] * 9, NOW)
    assert len(text.encode()) <= limits.IRC_LINE
    assert not set("\x02\n@`") & set(text)
    assert text.endswith("and 14 Jan 03:00")
