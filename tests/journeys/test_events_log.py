"""What the bot did not hear is taken from Gerrit's events log; whatever that does, nothing is lost."""

import logging

import pytest
from sqlalchemy import text

from counterbot.demo.story import HARD, Job
from counterbot.sources.gerrit_catchup import EVERY, LOG, QUERY
from tests.events_log_server import EventsLogServer

NUMBERS = 7, 8, 9


@pytest.fixture
def log(world):
    """The plugin of a Gerrit with a bot that has run before."""
    (world.folder / "password").write_text("s3cret\n")
    with EventsLogServer(now=lambda: world.clock.now() / 1000) as log:
        log.records(world.gerrit)
        world.gerrit.add_change("openstack/nova", 1)
        world.gerrit.say("owner", 1, "Patch Set 1: Code-Review+1")
        bot(world, log).catches_up()
        world.clock.seconds += 60
        yield log


def bot(world, log, zone="UTC"):
    """As configured with the log."""
    return world.bot(gerrit=f", events_log: {{url: '{log.url}', password_file: password, time_zone: {zone}}}")


def missed(world, *numbers):
    """Zuul's reports on changes while no bot runs."""
    for number in numbers or NUMBERS:
        world.reports(world.change(number, Job("tempest-full", HARD)))


def comments(world, *numbers):
    return [len(world.comments(number)) - 1 for number in numbers or NUMBERS]


def sources(bot):
    read = text("select distinct source from inbox order by source")
    return [row.source for row in bot.ledger.store.read(lambda store: store.execute(read).all())]


def test_three_reports_that_came_while_no_bot_ran(world, log, caplog):
    caplog.set_level("INFO")
    missed(world)
    second = bot(world, log).catches_up()
    assert comments(world) == [1, 1, 1]
    assert sources(second) == [LOG]
    assert (second.catch_up.state.way, second.catch_up.state.log_why) == (LOG, None)
    assert "missing events found, by events-log plugin" in caplog.text
    second.catches_up()
    bot(world, log).catches_up()
    assert comments(world) == [1, 1, 1]
    assert second.catch_up.state.caught_up == 3


def test_what_the_stream_brought_is_not_missing(world, log):
    running = bot(world, log)
    emit = world.gerrit.emit
    world.gerrit.emit = lambda event: running.hears(event) and emit(event)
    missed(world)
    world.gerrit.say("reviewer", 7, "Patch Set 1: Code-Review+2")
    world.gerrit.merge(7)
    running.catches_up()
    assert comments(world, 8, 9) == [1, 1]
    assert running.catch_up.state.caught_up == 0


def test_what_happens_later_is_found_in_the_log_too(world, log):
    running = bot(world, log).catches_up()
    for number in NUMBERS:
        world.clock.seconds += 3600
        missed(world, number)
        running.catches_up()
    assert comments(world) == [1, 1, 1]
    assert sources(running) == [LOG]


@pytest.mark.parametrize(("answer", "why"), [
    ((404, b"Not Found"), "Gerrit has no events-log plugin there"),
    ((401, b""), "Gerrit does not take the HTTP password; it may have expired"),
    ((403, b""), "the bot's account may not ask the events-log plugin"),
    ((503, b""), "503 from"),
    ((200, b""), "the log is empty"),
    ((200, b'{"type": "comment-added", "eventCre\n'), "events-log did not answer with events: not JSON"),
    ((200, b'{"type": "ref-updated", "eventCreatedOn": 1800000100}\n'), "the log begins at 2027-01-15 08:01:40 UTC"),
])
def test_a_log_that_cannot_be_used(world, log, caplog, answer, why):
    log.answer = answer
    missed(world)
    second = bot(world, log).catches_up().catches_up()
    assert comments(world) == [1, 1, 1]
    assert second.catch_up.state.way == QUERY
    assert why in second.catch_up.state.log_why
    [told] = [record for record in caplog.records if "events log" in record.message]
    assert told.levelno == logging.WARNING
    assert told.message.startswith("the events log is not used, Gerrit is queried instead: ")
    assert "s3cret" not in caplog.text


def test_a_log_that_is_away(world, log):
    gone = EventsLogServer()
    gone._server.server_close()
    missed(world)
    assert "refused" in bot(world, gone).catches_up().catch_up.state.log_why
    assert comments(world) == [1, 1, 1]


def test_a_log_that_is_back(world, log, caplog):
    caplog.set_level("INFO")
    running = bot(world, log)
    log.answer = 503, b""
    running.catches_up()
    log.answer = None
    missed(world)
    running.catches_up()
    assert "the events log is used again" in caplog.text
    assert sources(running) == [LOG]


def test_a_wrong_time_zone(world, log):
    log.set_zone("America/New_York")
    missed(world)
    running = bot(world, log).catches_up()
    assert comments(world) == [1, 1, 1]
    assert "time_zone" in running.catch_up.state.log_why
    world.clock.seconds += EVERY
    missed(world, 10)
    assert bot(world, log, "America/New_York").catches_up().catch_up.state.way == LOG
    assert comments(world, 10) == [1]


def test_a_log_that_ends_too_early(world, log):
    """Its answers may hold other projects' events alone, which it does not show."""
    missed(world)
    log.limit, log.hidden = 2, lambda event: event["change"]["number"] in (8, 9)
    second = bot(world, log).catches_up()
    assert comments(world) == [1, 1, 1]
    assert sources(second) == [LOG, QUERY]


def test_a_log_that_fails_in_the_middle(world, log):
    world.clock.seconds += 60
    missed(world, 7)
    world.clock.seconds += 60
    missed(world, 8, 9)
    log.limit, answered = 2, log.answered

    def fails(path, authorization):
        log.answer = (503, b"") if log.queries else None
        return answered(path, authorization)

    log.queries.clear()
    log.answered = fails
    second = bot(world, log).catches_up()
    assert comments(world) == [1, 1, 1]
    assert sources(second) == [LOG, QUERY]
    assert second.catch_up.state.log_why
