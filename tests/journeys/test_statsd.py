"""Each build's counters reach statsd once, whatever becomes of its report; and no report waits for statsd."""

import pytest

from counterbot.demo.story import HARD, USUAL, Job
from tests.statsd import Statsd as Socket

HARD_SENT = ["ci.mysql.Queries:1300000|c", "ci.mysql.Com_select:610233|c",
             "ci.queues.notifications_publish:9410|c", "ci.testrun:1312400.000000|ms"]


@pytest.fixture
def listener():
    with Socket() as listener:
        yield listener


@pytest.fixture
def statsd(listener):
    """The section of a configuration."""
    return f"statsd: {{host: {listener.host}, port: {listener.port}, prefix: ci}}\n"


def sent(bot, listener):
    while bot.statsd.step():
        pass
    return listener.lines()


def test_a_build_that_is_reported_twice_is_sent_once(world, statsd, listener):
    change = world.change(7, Job("tempest-full", HARD), Job("devstack-nv"))
    bot = world.bot(more=statsd).reported(change).works()
    assert sent(bot, listener) == HARD_SENT
    bot.reported(change).reported(change, patchset=2).works()
    assert len(bot.reasons()) == 2
    assert sent(bot, listener) == []


def test_within_its_bounds_it_is_sent_all_the_same(world, statsd, listener):
    bot = world.bot(more=statsd).reported(world.change(7, Job("tempest-full", USUAL))).works()
    assert len(sent(bot, listener)) == 4


def test_two_bots_on_one_ledger_send_it_once(world, statsd, listener):
    change = world.change(7, Job("tempest-full", HARD))
    first, second = (world.bot(more=statsd).reported(change, patchset=patchset).works() for patchset in (1, 2))
    assert sent(first, listener) == HARD_SENT
    assert sent(second, listener) == []


def test_logs_after_the_deadline_are_sent_when_they_are_there(world, statsd, listener):
    change = world.change(7, Job("tempest-full", HARD))
    appear = world.hide_logs(change)
    bot = world.bot(more=statsd, deadline=20).reported(change).works_until(30, every=5)
    assert len(bot.reasons()) == 1
    assert sent(bot, listener) == []
    appear()
    bot.works_until(200, every=5)
    assert sent(bot, listener) == HARD_SENT


def test_what_still_waits_when_the_bot_stops_is_sent(world, statsd, listener):
    bot = world.bot(more=statsd).reported(world.change(7, Job("tempest-full", HARD))).works()
    assert listener.lines() == []
    bot.close()
    assert listener.lines() == HARD_SENT


def test_a_statsd_without_an_address_costs_no_report(world, caplog):
    change = world.change(7, Job("tempest-full", HARD))
    bot = world.bot(more="statsd: {host: statsd.invalid}\n").reported(change).works()
    assert bot.statsd.step()
    assert len(world.comments(7)) == 1
    assert caplog.messages[0].startswith("statsd at statsd.invalid:8125: ")
