"""No comment is lost and none doubled, whatever dies, pauses or answers late."""

from itertools import pairwise

import pytest

from counterbot.core.model import Refused, Sent
from counterbot.demo.story import HARD, Job, event
from counterbot.engine.deliver import CLAIMED, NOTED, POSTED, READ_BACK
from counterbot.ledger.status import status

from .world import Killed, in_parallel

LEASE = 600


def dies(bot, moment):
    """The bot's process ends at this moment of its next delivery."""
    def at(now):
        if now == moment:
            raise Killed

    bot.at = at
    with pytest.raises(Killed):
        bot.works()


@pytest.fixture
def change(world):
    return world.change(7, Job("tempest-full", HARD))


@pytest.mark.parametrize("moment", [CLAIMED, READ_BACK, POSTED, NOTED])
def test_a_bot_that_dies_at_any_moment_of_a_delivery(world, change, moment):
    dies(world.bot().reported(change), moment)
    second = world.bot()
    second.works()
    assert len(world.comments(7)) == (moment in (POSTED, NOTED))
    world.clock.seconds += LEASE
    second.works()
    assert len(world.comments(7)) == 1
    assert second.ledger.outbox.claim("gerrit") is None


@pytest.mark.parametrize("stage", ["recognised", "observed", "decided"])
def test_a_bot_that_dies_while_it_works_on_a_report(world, change, stage):
    bot = world.bot().reported(change)
    ledger, recognise, examine = bot.ledger, bot.recogniser.step, bot.examiner.step
    claims = {"recognised": [ledger.inbox.claim], "observed": [recognise, ledger.builds.claim],
              "decided": [recognise, examine, ledger.reports.claim]}[stage]
    for claim in claims:
        assert claim()
    world.clock.seconds += LEASE + 1
    world.bot().works()
    assert len(world.comments(7)) == 1


def test_the_same_event_from_two_sources_in_two_bots(world, change):
    first, second = world.bot(), world.bot()
    in_parallel(first.reported(change).works, second.reported(change).works)
    world.clock.seconds += LEASE
    first.works()
    assert len(world.comments(7)) == 1


def test_a_bot_whose_ledger_was_lost_finds_its_comment(world, change):
    world.bot("one.db").reported(change).works()
    second = world.bot("two.db").reported(change).works()
    assert len(world.comments(7)) == 1
    assert second.results == [Sent(already=True)]


def test_a_stranger_with_the_marker_in_a_comment_silences_nobody(world, change):
    world.bot("one.db").reported(change).works()
    world.as_if_by("stranger", 7)
    world.bot("two.db").reported(change).works()
    assert len(world.comments(7)) == 2


def test_an_answer_that_is_lost_after_gerrit_stored_the_comment(world, change):
    world.gerrit.lose_answers()
    bot = world.bot().reported(change).works()
    assert len(world.comments(7)) == 1
    world.clock.seconds += LEASE
    bot.works()
    assert len(world.comments(7)) == 1
    assert bot.results[-1] == Sent(already=True)


def test_a_bot_that_sleeps_beyond_its_lease_does_not_post(world, change):
    other = world.bot()
    sleeper = world.bot().reported(change)

    def at(moment):
        if moment == READ_BACK:
            world.clock.seconds += LEASE + 1
            other.works()

    sleeper.at = at
    sleeper.works()
    assert len(world.comments(7)) == 1
    assert other.results == [Sent()]


def test_gerrit_being_busy_delays_the_comment_and_loses_nothing(world, change):
    world.gerrit.refuse("fatal: internal server error while reviewing 7,1", times=3)
    bot = world.bot().reported(change).works()
    assert world.comments(7) == []
    bot.works_until(1000, every=10)
    assert len(world.comments(7)) == 1


def test_each_wait_is_longer_than_the_one_before(world, change):
    world.gerrit.refuse("fatal: internal server error", times=5)
    bot, tried = world.bot().reported(change), []
    bot.at = lambda moment: tried.append(world.clock.seconds) if moment == CLAIMED else None
    bot.works_until(2000, every=1)
    waits = [after - before for before, after in pairwise(tried)]
    assert len(waits) == 5
    assert all(after > before for before, after in zip(waits, waits[2:], strict=False))  # neighbours may be alike
    assert 22 <= waits[0] <= 46
    assert waits[-1] >= 240
    assert len(world.comments(7)) == 1


def test_gerrit_being_away_delays_the_comment_and_loses_nothing(world, change):
    world.gerrit.ssh.close()
    bot = world.bot().reported(change).works_until(100, every=30)
    assert status(bot.ledger.store).owed["gerrit"] == 1
    assert type(bot.results[-1]).__name__ == "Retry"


def test_a_refusal_is_final_and_told(world, change):
    world.gerrit.refuse("fatal: change is not visible: not permitted", times=1)
    bot = world.bot().reported(change).works_until(3000, every=100)
    assert world.comments(7) == []
    assert len(bot.results) == 1
    assert isinstance(bot.results[0], Refused)
    assert "not permitted" in bot.results[0].why


def test_what_was_refused_was_not_said(world, change):
    world.gerrit.refuse("fatal: not permitted")
    bot = world.bot().reported(change).works()
    assert world.comments(7) == []
    again = event(change, world.zuul)
    bot.hears({**again, "comment": again["comment"].replace("/buildset/0", "/buildset/f")}).works()
    assert len(world.comments(7)) == 1


def test_a_refusal_in_unknown_words_is_final_after_a_few_tries(world, change):
    world.gerrit.refuse("fatal: not on a Sunday", times=100)
    bot = world.bot().reported(change).works_until(20_000, every=100)
    assert world.comments(7) == []
    assert len(bot.results) == 6
    assert bot.results[-1] == Refused("not on a Sunday (said 6 times)")


def test_the_same_report_twice_in_one_bot(world, change):
    bot = world.bot().reported(change).works()
    again = {**event(change, world.zuul), "eventCreatedOn": 1}
    bot.hears(again).works()
    assert len(world.comments(7)) == 1
