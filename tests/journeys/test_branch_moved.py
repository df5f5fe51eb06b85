"""What is usual of a counter moves with merged code: each channel that wants it is told once, on a hand-moved clock."""

import pytest

from counterbot.ledger.schema import merges

from .test_learned_bounds import HOUR, History
from .world import SECOND, in_parallel


@pytest.fixture
def history(world):
    world.channels = {"#qa": {}, "#over": {"tell": ["over"]}, "#other": {"projects": ["x/*"]}}
    return History(world).merged(30, jobs=["tempest-full"]).learns()


def lines(history, bot=None):
    """What is new on IRC, when two hours have passed."""
    bot = bot or history.bot
    bot.moved.step()
    history.world.clock.seconds += 3 * HOUR
    bot.moved.step()
    return [(channel, text) for channel, text in bot.irc_lines() if " moved: " in text]


def merge(history, change, hours, project="openstack/nova", branch="master"):
    """A change is merged in so many hours."""
    at = history.world.clock.now() + int(hours * HOUR * SECOND)
    history.bot.ledger.store.write(lambda under_way: under_way.insert(merges, [
        {"project": project, "change": change, "patchset": 1, "at": at, "branch": branch}]))


def test_many_counters_that_move_at_one_place_are_told_once_with_the_likeliest_change_first(history):
    merge(history, 900001, 0.1)
    merge(history, 900002, 0.2)
    merge(history, 900003, 0.3, "openstack/glance")
    merge(history, 900004, 0.3, branch="stable/1")
    merge(history, 900005, -4)
    merge(history, 10_031, 1.2)  # the first run after tested it
    history.merged(8, jobs=["tempest-full"], queries=1_320_000, selects=600_000).learns()
    [(channel, text)] = lines(history)
    assert channel == "#qa"
    assert text == (
        "tempest-full master moved: mysql.Queries from 1,199,896 to 1,319,811 (+10.0%) and mysql.Com_select from"
        " 580,374 to 598,787 (+3.2%); merged: openstack/nova 10031, openstack/nova 900002 and openstack/nova"
        " 900001 between 16 Jan 14:00 and 16 Jan 17:00")
    history.merged(3, 1_320_000, jobs=["tempest-full"]).learns()
    assert lines(history) == lines(history, history.world.bot(**history.settings)) == []


def test_two_bots_on_one_database_tell_once(history):
    history.merged(8, 1_320_000, jobs=["tempest-full"]).learns()
    history.world.clock.seconds += 3 * HOUR
    in_parallel(*(history.world.bot(**history.settings).moved.step for _ in range(3)))
    assert len(history.bot.irc_lines()) == 1


def test_what_moved_before_the_first_look_is_no_news(world):
    history = History(world)
    history.merged(30, jobs=["tempest-full"]).merged(8, 1_320_000, jobs=["tempest-full"]).learns()
    assert lines(history) == []
    [move] = history.bot.ledger.moves.of(job="tempest-full", counter="mysql.Queries")
    assert (move.news, round(move.change, 2)) == (False, 0.10)


def test_a_single_run_far_out_moves_nothing(history):
    history.merged(1, 1_900_000, jobs=["tempest-full"]).merged(6, jobs=["tempest-full"]).learns()
    assert lines(history) == []
    assert history.bot.ledger.moves.of() == []


def test_an_accepted_step_is_kept_with_who_accepted_it_and_not_told(history):
    history.merged(1)
    history.report(71, (1.1, 1.1)).report(71, (1.1, 1.1), patchset=2).says(71, "counters: accept a query per tenant")
    history.bot.hears({"type": "change-merged", "eventCreatedOn": history.world.clock.now() // SECOND,
                       "change": {"project": "openstack/nova", "branch": "master", "number": 71},
                       "patchSet": {"number": 2}}).works()
    history.merged(8, 1_320_000, jobs=["tempest-full"]).learns()
    assert lines(history) == []
    [move] = history.bot.ledger.moves.of(job="tempest-full", counter="mysql.Queries")
    assert (move.accepted.author, move.accepted.change, move.accepted.reason) == ("dana", 71, "a query per tenant")
