"""A job fails by something that nobody knows: who else has it, and when a reviewer hears of that."""

import pytest

from counterbot.demo.story import NO_CONSOLE, PROJECT, Job, buildset, event, uuid

from .test_known_failures import NO_REPLY_RULE
from .test_unexplained_reading import TENANTS, Story

MIGRATION = "nova.tests.unit.compute.test_manager.ManagerTest.test_live_migration"
TOX = Job("nova-tox-py312", failed=MIGRATION)
ENDED = {"end_time": "2027-01-15T07:00:00"}
"""An hour before the world's clock begins."""


@pytest.fixture
def world(world):
    world.rule("1254890", NO_REPLY_RULE)
    return world


def fails(world, number, *jobs, pipeline="gate", **more):
    """A change of which jobs fail, by default one, in a pipeline."""
    change = world.change(number, *(jobs or [TOX]))
    for job in change.jobs:
        world.zuul.serve_row({**world.zuul.row(uuid(change, job)), **ENDED, "pipeline": pipeline, **more})
    return change


def test_the_fourth_change_that_fails_alike_is_told_that_three_others_do(world):
    bot = world.bot()
    for number in (11, 12, 13):
        bot.reported(fails(world, number), "gate").works()
        assert world.comments(number) == []
    change = fails(world, 7)
    world.gerrit.add_change(PROJECT, 7, files=("unittest/case.py",))
    bot.reported(change, "gate").works()
    [comment] = world.comments(7)
    assert comment.split("\n")[2:-1] == [
        "Failures: the failed build is not a known bug (not voting).", "",
        "    job              failed by       seen in 7 days",
        "    nova-tox-py312   nothing known   3 other changes", "",
        f"`nova-tox-py312`: `{MIGRATION}` failed first; first seen 15 Jan;"
        " it names `unittest/case.py`, which this change touches."]


def test_in_other_pipelines_it_is_no_comment(world):
    bot = world.bot()
    for number in (11, 12, 13, 7):
        bot.reported(fails(world, number, pipeline="check")).works()
    assert world.comments(7) == []
    assert bot.reasons()[-1] == "failed builds of which nothing is known (nova-tox-py312: nothing known)"


def test_a_change_that_breaks_a_job_itself_is_left_alone_until_the_same_patch_set_passes(world):
    bot = world.bot()
    for again in range(4):
        change = fails(world, 7, Job(TOX.name, failed=MIGRATION))
        row = {**world.zuul.row(uuid(change, change.jobs[0])), "uuid": f"{again:x}" * 32}
        world.zuul.serve_row(row)
        bot.hears(report_on(world, change, row["uuid"])).works()
    assert world.comments(7) == []
    passed = {**row, "uuid": "a" * 32, "result": "SUCCESS"}
    world.zuul.serve_row(passed)
    bot.hears(report_on(world, change, passed["uuid"])).works()
    row = {**row, "uuid": "b" * 32}
    world.zuul.serve_row(row)
    bot.hears(report_on(world, change, row["uuid"])).works()
    [comment] = world.comments(7)
    assert "`nova-tox-py312`: passed on this patch set in another run; " in comment


def report_on(world, change, build):
    """Zuul's report on another build of a change's first job."""
    said = event(change, world.zuul, "gate")
    said["comment"] = said["comment"].replace(uuid(change, change.jobs[0]), build).replace(
        buildset(change, 1), build[::-1].replace(build[0], "e", 1))
    return said


def test_without_a_gerrit_that_tells_files_the_comment_lacks_them_alone(world):
    bot = world.bot()
    for number in (11, 12, 13):
        bot.reported(fails(world, number), "gate").works()
    change = fails(world, 7)
    world.gerrit.add_change(PROJECT, 7, patchsets=2, files=("unittest/case.py",))  # a newer patch set was pushed
    bot.reported(change, "gate").works()
    [comment] = world.comments(7)
    assert f"`{MIGRATION}` failed first; first seen 15 Jan.\n" in comment


def test_a_line_that_passing_builds_do_not_have_is_told_where_other_changes_have_it_too(world):
    """Whichever test it makes fail first."""
    story = Story(world, of_zuul=TENANTS)
    fails(world, 10, Job("tempest-full", failed="tempest.test_0"))
    story.bot.reported(fails(world, 10, Job("tempest-full", failed="tempest.test_0")), "gate").works()
    for days in range(6):
        story.built(days)
    story.sampled()
    for number in (11, 12, 13, 7):
        job = Job("tempest-full", failed=f"tempest.test_{number}", compute=(12, NO_CONSOLE))
        story.bot.reported(fails(world, number, job), "gate").works()
    assert [len(world.comments(number)) for number in (10, 11, 12, 13, 7)] == [0, 0, 0, 0, 1]
    assert ("    tempest-full   nothing known   3 other changes\n\n"
            "`tempest-full`: `Failed to get console output of a server` in `controller/logs/screen-n-cpu.txt`; first"
            " seen 15 Jan; passed 6 of its last 10 gate builds.\n"
            ) in world.comments(7)[0]
