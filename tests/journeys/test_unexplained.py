"""A failure that nobody knows, the whole way: told on the fourth change, grouped, explained by the suggested rule."""

import pytest

from counterbot.core.model import BuildLink, Reader
from counterbot.demo import story, unexplained
from counterbot.demo.story import Job
from counterbot.engine.suggesting import of_group, suggest

ALIKE = [story.Change(number, "A change", (Job(unexplained.JOB, failed=unexplained.TESTS[number % 3]),))
         for number in range(11, 17)]
OWN = story.Change(21, "A change with a fault", (Job(unexplained.JOB, failed="tempest.api.test_own.OwnTest.test_it"),))
OWN_CONSOLE = b"""\
2026-11-21 02:06:25.100101 | controller | {1} tempest.api.test_own.OwnTest.test_it [9.1s] ... FAILED
2026-11-21 02:06:25.100102 | controller | Captured traceback:
2026-11-21 02:06:25.100103 | controller |     AttributeError: flavour is no attribute of this class
"""
MISSPELT = (b"Nov 21 02:06:21.200101 np00317 nova-compute[9101]: ERROR nova.compute.manager [-] flavour is no attribute"
            b" of this class\n")


@pytest.fixture
def bot(world):
    """It knows what passing builds of the job say."""
    bot = world.bot()
    for at in range(unexplained.PASSED):
        row = unexplained.add_passed(world.zuul, at, ended(world))
        link = BuildLink(unexplained.JOB, world.zuul.page(row["uuid"]), row["uuid"])
        bot.ledger.builds.ask(link, bot.examiner._zuul.build(link), {Reader.TEMPLATES})
    return bot.works()


def ended(world):
    return world.clock.now() / 1000 - 3600


def fails(world, bot, change, files=None):
    """A change's job fails in the gate, and all that is due is done."""
    world.gerrit.add_change(story.PROJECT, change.number)
    row = unexplained.add_failed(world.zuul, change, change.number, ended(world))
    for path, content in (files or {}).items():
        world.zuul.serve_log(row["log_url"] + path, content)
    bot.reported(change, "gate").works()
    return world.comments(change.number)


def has_a_fault_of_its_own(world, bot):
    usual = unexplained.logs(0)
    return fails(world, bot, OWN, {"job-output.txt": usual["job-output.txt"] + OWN_CONSOLE,
                                   story.COMPUTE_LOG: usual[story.COMPUTE_LOG] + MISSPELT})


def suggested(bot, group):
    return suggest(of_group(bot.ledger, list(bot.book.queries), bot.config.unexplained.days, group.id))


def test_the_fourth_is_told_of_three_others_and_the_suggested_rule_explains_the_sixth(world, bot):
    assert [fails(world, bot, change) for change in ALIKE[:3]] == [[], [], []]
    [comment] = fails(world, bot, ALIKE[3])
    assert "    nova-live-migration   nothing known   3 other changes\n" in comment
    assert "`nova-live-migration`: `multipathd still holds device dm-" in comment
    assert "4 other changes" in fails(world, bot, ALIKE[4])[0]
    [group] = bot.grouper.group()
    assert (group.changes, len(group.runs)) == (5, 5)
    world.rule("multipath", suggested(bot, group).text)
    bot.book.refresh()
    assert bot.book.mistakes == ()
    [comment] = fails(world, bot, ALIKE[5])
    assert comment.split("\n")[2] == "Failures: the failed build is a known failure (not voting)."
    assert "    nova-live-migration   multipath" in comment


def test_a_changes_own_fault_is_nobody_elses(world, bot):
    for change in ALIKE[:3]:
        fails(world, bot, change)
    assert has_a_fault_of_its_own(world, bot) == []
    first, second = bot.grouper.group()
    assert (first.changes, [run.change for run in second.runs]) == (3, [OWN.number])


def test_a_group_keeps_its_number_while_it_grows_and_others_come(world, bot):
    for change in ALIKE[:3]:
        fails(world, bot, change)
    [before] = bot.grouper.group()
    has_a_fault_of_its_own(world, bot)
    fails(world, bot, ALIKE[3])
    after, _ = bot.grouper.group()
    assert (after.id, after.changes) == (before.id, 4)


def test_two_changes_are_too_few_for_a_rule(world, bot):
    for change in ALIKE[:2]:
        fails(world, bot, change)
    [group] = bot.grouper.group()
    found = suggested(bot, group)
    assert (found.text, found.suggestion.rule) == ("", None)
    assert found.suggestion.why_not
