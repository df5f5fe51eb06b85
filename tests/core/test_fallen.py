"""Which fallen pass rates are told together, and the line that tells of them."""

from dataclasses import replace

import pytest

from counterbot.core import limits
from counterbot.core.fallen import DAY, HOUR, MANY, Drop, News, news, ripe
from counterbot.core.merged import Merge
from counterbot.core.wording.fallen import fallen_line

NOW = 1_800_000_000_000  # 15 Jan 2027, 8:00 UTC
DROP = Drop("openstack", "tempest-full", "master", "", NOW - 30 * HOUR, NOW - 25 * HOUR, NOW - 26 * HOUR,
            NOW - 3 * HOUR, 0.031, 9, 40, ("nova", "neutron"), ("gate",))
MERGED = [Merge("openstack/nova", 900_000 + number, NOW - 26 * HOUR) for number in range(5)]


def test_the_line_of_a_job():
    assert fallen_line(News((DROP,)), MERGED, NOW) == (
        "tempest-full master fails more often since 14 Jan 06:00: 9 of 40 builds (22%), usually 3.1%; merged:"
        " openstack/nova 900000, openstack/nova 900001, openstack/nova 900002 and 2 more between 14 Jan 02:00 and 14"
        " Jan 07:00; such a message is wrong about 2 times in 100 weeks of a job")


def test_names_are_inert_and_the_line_is_short_enough():
    evil = "\x02x@`y\n" + "é" * 300
    drops = [replace(DROP, job=evil, branch=evil, test=f"{number}{evil}") for number in range(9)]
    text = fallen_line(News(tuple(drops)), [replace(MERGED[0], project=evil)] * 9, NOW)
    assert len(text.encode()) <= limits.IRC_LINE
    assert not set("\x02\n@`") & set(text)
    assert text.endswith("weeks of a job")
    many = fallen_line(News(tuple(replace(drop, job=str(number) + evil) for number, drop in enumerate(drops))), [], NOW)
    assert len(many.encode()) <= limits.IRC_LINE
    assert many.endswith("mostly an outage of the site")


@pytest.mark.parametrize(("ago", "told"), [(HOUR, 0), (2 * HOUR, 1), (DAY + HOUR, 1), (DAY + 2 * HOUR, 0)])
def test_a_drop_is_told_after_two_hours_and_within_a_day(ago, told):
    assert len(ripe([replace(DROP, found=NOW - ago)], NOW)) == told


def test_what_comes_within_two_hours_waits_for_the_first():
    found = [replace(DROP, job=job, found=NOW - ago * HOUR) for job, ago in (("a", 3), ("b", 1), ("c", 0.5))]
    assert [[drop.job for drop in drops] for drops in ripe(found, NOW)] == [["a", "b"]]


def test_tests_are_told_within_their_job_or_not_at_all():
    tests = [replace(DROP, test=name) for name in ("t1", "t2")]
    assert news([*tests, DROP]) == [News((DROP,))]
    assert news(tests) == [News(tuple(tests))]
    assert news(tests, [DROP.of]) == []


@pytest.mark.parametrize(("jobs", "messages"), [(MANY - 1, MANY - 1), (MANY, 1)])
def test_five_jobs_at_once_are_one_message(jobs, messages):
    found = news([replace(DROP, job=str(number)) for number in range(jobs)])
    assert len(found) == messages
    assert found[0].many == (messages == 1)
