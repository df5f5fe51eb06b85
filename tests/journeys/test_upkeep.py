"""What a running bot does regularly, on a clock moved by hand."""

import json

from sqlalchemy import text

from counterbot.demo.story import HARD, Job
from counterbot.engine.upkeep import Upkeep
from counterbot.ledger.status import status

from .world import QUERIES

DAY = 86_400


def events(bot):
    return bot.ledger.store.read(lambda read: read.execute(text("select count(*) from inbox")).scalar())


def test_old_work_is_forgotten_at_the_start_and_then_each_hour(world):
    bot = world.bot(more="keep_days: 1\n").reported(world.change(7, Job("tempest-full", HARD))).works()
    upkeep = Upkeep(bot, monotonic=world.clock.monotonic)
    upkeep.step()
    assert events(bot) == 1
    world.clock.seconds += 3500
    bot.hears({"type": "ref-updated"}).works()
    world.clock.seconds += 2 * DAY - 3500
    upkeep.step()
    assert events(bot) == 0
    bot.hears({"type": "ref-updated", "n": 2}).works()
    bot.ledger.now = bot.ledger.store.now = lambda: world.clock.now() + 2 * DAY * 1000
    world.clock.seconds += 3599
    upkeep.step()
    assert events(bot) == 1
    world.clock.seconds += 1
    upkeep.step()
    assert events(bot) == 0


def test_rules_are_read_anew_and_a_sign_of_life_is_noted(world):
    bot = world.bot()
    upkeep = Upkeep(bot, monotonic=world.clock.monotonic)
    upkeep.step()
    world.rule("more", QUERIES)
    world.clock.seconds += 5
    upkeep.step()
    assert len(bot.book.rules) == 2
    found = status(bot.ledger.store)
    assert (found.pulse["state"], found.pulse_age) == ("running", 5000)
    assert (found.pulse["rules"], found.pulse["rules_from"]) == (1, str(bot.config.rules))
    world.clock.seconds += 5
    upkeep.step()
    found = status(bot.ledger.store)
    assert (found.pulse_age, found.pulse["rules"]) == (0, 2)


def test_who_asks_for_a_reload_while_the_rules_are_read_is_told_of_the_next_reading(world, caplog):
    caplog.set_level("INFO")
    bot = world.bot()
    upkeep = Upkeep(bot, monotonic=world.clock.monotonic)
    refresh = bot.book.refresh

    def changed_meanwhile():
        refresh()
        bot.book.refresh = refresh
        world.rule("more", QUERIES)
        upkeep.reload()

    bot.book.refresh = changed_meanwhile
    upkeep.step()
    assert "SIGHUP" not in caplog.text
    upkeep.step()
    assert f"SIGHUP: rules read anew from {bot.config.rules}: 2 in force" in caplog.text


def test_a_rule_that_tells_a_channel_which_is_not_configured_is_warned_of_once(world, caplog):
    def warnings():
        return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    world.rule("sql", QUERIES + 'report: {irc: ["#qa", "#other"]}\n')
    bot = world.bot()
    upkeep = Upkeep(bot, monotonic=world.clock.monotonic)
    bot.warn()
    upkeep.step()
    first = (f"{world.folder}/queries/sql.yaml: rule sql tells #other, and 'irc.channels' in the configuration names "
             "no such channel: name it there, or change 'report' in the rule")
    assert warnings() == [first]
    world.rule("more", QUERIES.replace("2041234", "7") + "report: {irc: [\"#third\"]}\n")
    upkeep.step()
    upkeep.step()
    assert warnings() == [first, first.replace("sql", "more").replace("#other", "#third")]


def test_the_end_is_noted(world):
    bot = world.bot()
    bot.service.stop.set()
    Upkeep(bot, monotonic=world.clock.monotonic).run(bot.service.stop)
    assert status(bot.ledger.store).pulse["state"] == "stopped"
    assert json.dumps(status(bot.ledger.store).pulse["stream"]) == '"not connected: not yet"'
