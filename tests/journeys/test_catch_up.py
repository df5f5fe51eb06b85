"""What Zuul said while the bot did not hear is asked for, told once, and never again."""

import pytest
from sqlalchemy import text

from counterbot.core.model import Sent
from counterbot.demo.gerrit import Fatal
from counterbot.demo.story import HARD, Job, event
from counterbot.sources.gerrit_catchup import EVERY, OVERLAP, PAGE, PATIENCE

from .world import Killed

DAY = 86_400


@pytest.fixture
def bot(world):
    """One that has run before."""
    world.gerrit.add_change("openstack/nova", 1)
    bot = world.bot().catches_up()
    world.clock.seconds += 60
    return bot


def changes(world, *numbers):
    return [world.change(number, Job("tempest-full", HARD)) for number in numbers]


def asked(world):
    return [command for command in world.gerrit.commands if "after:" in command]


def rows(bot, query):
    return bot.ledger.store.read(lambda read: read.execute(text(query)).all())


def test_reports_that_came_while_no_bot_ran(world, bot):
    missed = changes(world, 7, 8, 9)
    for change in missed:
        world.reports(change)
    second = world.bot().catches_up()
    assert [len(world.comments(change.number)) for change in missed] == [2, 2, 2]
    assert second.catch_up.state.caught_up == 3
    second.catches_up()
    bot.catches_up()
    for change in missed:
        bot.reported(change).works()  # the stream tells of it after all
    assert [len(world.comments(change.number)) for change in missed] == [2, 2, 2]
    assert second.catch_up.state.caught_up == 3
    assert [row.state for row in rows(bot, "select state from inbox")] == ["done"] * 3


def test_what_was_said_before_the_first_start_is_nobodys_news(world):
    [old, new] = changes(world, 7, 8)
    world.reports(old)
    bot = world.bot().catches_up()
    assert len(world.comments(7)) == 1
    world.clock.seconds += 1
    world.reports(new)
    world.gerrit.say("reviewer", 7, "Patch Set 1: Code-Review+2")
    bot.catches_up()
    assert world.comments(7)[1:] == ["Patch Set 1: Code-Review+2"]
    assert len(world.comments(8)) == 2


def test_a_gerrit_without_changes_at_the_first_start(world):
    bot = world.bot().catches_up()
    [change] = changes(world, 7)
    world.reports(change)
    bot.catches_up()
    assert len(world.comments(7)) == 2


def test_old_changes_that_gerrit_shows_later_are_nobodys_news(world):
    """The bot was started before its account was given the right to read."""
    found, world.gerrit._found = world.gerrit._found, lambda terms, start: ([], False)
    [old, new] = changes(world, 7, 8)
    world.reports(old)
    world.clock.seconds += 60
    bot = world.bot().catches_up()
    world.gerrit._found = found
    world.reports(new)
    bot.catches_up()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 2)


@pytest.mark.parametrize("first_start", [True, False])
def test_a_change_from_the_future_ends_nothing(world, first_start):
    """Gerrit's clock was wrong for a while."""
    if not first_start:
        world.gerrit.add_change("openstack/nova", 1)
        world.bot().catches_up()
    world.gerrit.add_change("openstack/nova", 2).updated = world.clock.now() // 1000 + 3650 * DAY
    bot = world.bot().catches_up()
    world.clock.seconds += 1000
    [change] = changes(world, 7)
    world.reports(change)
    bot.catches_up()
    assert len(world.comments(7)) == 2


def test_what_the_stream_brought_is_not_caught_up(world, bot):
    [change] = changes(world, 7)
    bot.hears({**event(change, world.zuul), "approvals": [{"type": "Verified", "value": "1"}]}).works()
    world.reports(change)
    bot.catches_up()
    assert bot.catch_up.state.caught_up == 0
    assert len(rows(bot, "select id from inbox")) == 1


def test_gerrit_is_asked_every_five_minutes(world, bot):
    [change] = changes(world, 7)
    world.reports(change)
    bot.catch_up.step()
    assert bot.catch_up.state.caught_up == 0
    world.clock.seconds += EVERY
    bot.catch_up.step()
    assert bot.catch_up.state.caught_up == 1


@pytest.mark.parametrize("ahead", [-3 * 3600, 3 * 3600])
def test_the_time_is_gerrits(world, ahead):
    """Its clock may be ahead of ours or behind."""
    world.gerrit._now = lambda: world.clock.now() / 1000 + ahead
    [old, new] = changes(world, 7, 8)
    world.reports(old)
    bot = world.bot().catches_up()
    world.clock.seconds += 1
    world.reports(new)
    bot.catches_up()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 2)


def test_a_message_that_gerrits_index_knows_late_is_found(world, bot):
    early, late = changes(world, 7, 8)
    world.clock.seconds += 1000
    world.reports(late)
    bot.catches_up()
    world.clock.seconds -= OVERLAP
    world.reports(early)
    world.clock.seconds += OVERLAP
    bot.catches_up()
    assert bot.catch_up.state.caught_up == 2
    assert 'after:"2027-01-15 08:12:40 +0000"' in asked(world)[-1]  # 1060 s less the overlap


def test_a_report_whose_change_was_updated_later_is_found(world, bot):
    [change] = changes(world, 7)
    world.reports(change)
    world.clock.seconds += 2 * DAY
    world.gerrit.say("reviewer", 7, "Patch Set 1: Code-Review+2")
    bot.catches_up()
    assert bot.catch_up.state.caught_up == 1


def test_other_messages_are_no_reports(world, bot):
    [change] = changes(world, 7)
    report = event(change, world.zuul)["comment"]
    world.gerrit.say("somebody", 7, report)
    world.gerrit.say("zuul", 7, "Patch Set 1:\n\nStarting check jobs.")
    world.gerrit.say("zuul", 7, report.partition("\n\n")[2])  # of which patch set, nobody can tell
    bot.catches_up()
    assert rows(bot, "select id from inbox") == []


def test_the_patch_set_is_that_of_the_message(world, bot):
    [change] = changes(world, 7)
    world.gerrit._changes[7].patchsets = 3
    world.reports(change, patchset=2)
    bot.catches_up()
    assert [stored.revision for stored in world.gerrit.messages(7)] == [2, 2]


@pytest.mark.parametrize("submitter", ["owner", ""])
def test_a_merge_is_caught_up_too(world, bot, submitter):
    """Not every account has a user name."""
    changes(world, 7)
    world.gerrit.merge(7)
    world.as_if_by(submitter, 7)
    bot.catches_up().catches_up()
    assert [(row.change, row.patchset) for row in rows(bot, "select change, patchset from merges")] == [(7, 1)]
    assert bot.catch_up.state.caught_up == 1


def test_many_are_asked_for_in_pages(world, bot):
    missed = changes(world, *range(100, 100 + 2 * PAGE + 5))
    for change in missed:
        world.clock.seconds += 1
        world.reports(change)
    before = len(asked(world))
    bot.catch_up.ask()
    bot.catch_up.step()
    assert bot.catch_up.state.caught_up == len(missed)
    starts = [command.split("--start ")[1].split()[0] for command in asked(world)[before:]]
    assert starts == ["0", "19", "38", "0"]  # and what was updated meanwhile


def test_what_is_updated_between_two_pages_is_not_missed(world, bot):
    missed = changes(world, *range(100, 100 + PAGE + 1))
    for change in missed:
        world.clock.seconds += 1
        world.reports(change)
    world.clock.seconds += 1000
    answer = world.gerrit._query

    def answers(session, what):
        answer(session, what)
        world.gerrit._query = answer
        world.gerrit.say("reviewer", 100, "Patch Set 1: Code-Review+2")  # from the second page to the first

    world.gerrit._query = answers
    bot.catch_up.ask()
    bot.catch_up.step()
    assert bot.catch_up.state.caught_up == len(missed)


def test_pages_of_a_gerrit_that_does_not_tell_whether_there_are_more(world, bot):
    missed = changes(world, *range(100, 100 + PAGE + 5))
    for change in missed:
        world.reports(change)
    answer = world.gerrit._query

    def answers(session, what):
        answer(Without(session, b', "moreChanges": true', b', "moreChanges": false'), what)

    world.gerrit._query = answers
    bot.catches_up()
    assert bot.catch_up.state.caught_up == len(missed)


class Without:
    """A session to which some words are not written."""

    def __init__(self, session, *words):
        self._session, self._words = session, words

    def write(self, data):
        for words in self._words:
            data = data.replace(words, b"")
        self._session.write(data)


def test_a_change_that_is_deleted_between_two_pages_hides_no_other(world, bot):
    missed = changes(world, *range(100, 100 + PAGE + 1))
    for change in missed:
        world.clock.seconds += 1
        world.reports(change)
    answer = world.gerrit._query

    def answers(session, what):
        answer(session, what)
        world.gerrit._changes.pop(110, None)  # of the first page

    world.gerrit._query = answers
    bot.catch_up.ask()
    bot.catch_up.step()
    assert bot.catch_up.state.caught_up == len(missed)


def looks_at_answers(world, look):
    """Show each list of changes to ``look``, which may make Gerrit fail, before they are answered."""
    found = world.gerrit._found

    def looked_at(terms, start):
        changes, more = found(terms, start)
        look(changes)
        return changes, more

    world.gerrit._found = looked_at


def test_a_page_that_is_too_much_for_one_answer_comes_in_parts(world, bot):
    missed = changes(world, *range(100, 100 + PAGE))
    for change in missed:
        world.reports(change)

    def too_long(changes):
        if len(changes) > 3:
            world.gerrit.ssh.drop()

    looks_at_answers(world, too_long)
    bot.catches_up()
    assert bot.catch_up.state.caught_up == len(missed)


def test_a_change_that_gerrit_fails_on_costs_no_other(world, bot, caplog):
    missed = changes(world, *range(100, 100 + PAGE + 5))
    for change in missed:
        world.reports(change)

    def broken(changes):
        if 110 in [change.number for change in changes]:
            raise Fatal("fatal: internal server error")

    looks_at_answers(world, broken)
    for _ in range(PATIENCE):  # it may pass
        bot.catches_up()
    assert bot.catch_up.state.why == "internal server error"
    bot.catches_up()
    assert bot.catch_up.state.caught_up == len(missed) - 1
    assert "is left out: internal server error" in caplog.text


def test_a_gerrit_that_fails_on_every_change_leaves_none_out(world, bot, caplog):
    [change] = changes(world, 7)
    world.reports(change)
    world.gerrit.may_query = False
    bot.catches_up()
    assert bot.catch_up.state.why == "query not permitted"
    world.gerrit.may_query = True
    bot.catches_up()
    assert bot.catch_up.state.caught_up == 1
    assert "left out" not in caplog.text


def test_an_empty_answer_does_not_mean_that_there_is_nothing(world, bot):
    [change] = changes(world, 7)
    world.reports(change)
    answer, world.gerrit._query = world.gerrit._query, lambda session, what: None
    bot.catches_up()
    assert bot.catch_up.state.why == "gerrit query answered nothing"
    world.gerrit._query = answer
    bot.catches_up()
    assert bot.catch_up.state.caught_up == 1


def test_a_bot_that_dies_while_it_catches_up_begins_anew(world, bot):
    for change in changes(world, 7, 8, 9):
        world.reports(change)
    put = bot.ledger.inbox.put

    def dies(line, source):
        put(line, source)
        raise Killed

    bot.ledger.inbox.put = dies
    with pytest.raises(Killed):
        bot.catches_up()
    world.bot().catches_up()
    assert [len(world.comments(number)) for number in (7, 8, 9)] == [2, 2, 2]


def test_gerrit_that_is_away_is_asked_again(world, bot, caplog):
    [change] = changes(world, 7)
    world.reports(change)
    query = world.gerrit._query
    world.gerrit._query = lambda session, what: world.gerrit.ssh.drop()
    bot.catches_up()
    assert "Gerrit cannot be asked for missing events" in caplog.text
    assert bot.catch_up.state.why
    world.gerrit._query = query
    bot.catch_up.step()
    assert bot.catch_up.state.caught_up == 0
    world.clock.seconds += 1
    bot.catch_up.step()
    assert (bot.catch_up.state.caught_up, bot.catch_up.state.why) == (1, None)


def test_a_delivery_or_an_answer_tells_the_stream_that_gerrit_is_back(world, bot):
    [change] = changes(world, 7)
    for work in (bot.reported(change).works, bot.catches_up):
        bot.stream._answers.clear()
        work()
        assert bot.stream._answers.is_set()


def test_a_stop_ends_a_long_catch_up(world, bot):
    [change] = changes(world, 7)
    world.reports(change)
    bot.service.stop.set()
    bot.catches_up()
    assert bot.catch_up.state.why == "told to stop"
    assert rows(bot, "select id from inbox") == []


def test_what_is_too_old_is_told(world, caplog):
    world.gerrit.add_change("openstack/nova", 1)
    world.bot().catches_up()
    [old, new] = changes(world, 7, 8)
    world.clock.seconds += 10
    world.reports(old)
    world.clock.seconds += 8 * DAY
    world.reports(new)
    bot = world.bot().catches_up()
    assert bot.catch_up.state.caught_up == 1
    assert "Gerrit was not asked for 8.0 days: what happened before 2027-01-16 08:00:11 UTC is not caught up " \
           "(gerrit.catch_up_days is 7)" in caplog.text


def test_a_gerrit_that_was_quiet_for_long_is_no_gap(world, bot, caplog):
    for _ in range(10):
        world.clock.seconds += DAY
        bot.catches_up()
    [change] = changes(world, 7)
    world.reports(change)
    bot.catches_up()
    assert bot.catch_up.state.caught_up == 1
    assert "not caught up" not in caplog.text


def test_a_gap_and_what_was_caught_up_are_told(world, bot, caplog):
    caplog.set_level("INFO")
    [change] = changes(world, 7)
    world.reports(change)
    bot.catch_up.gap("there was no event stream", 61.2)
    bot.catch_up.step()
    assert "events may be missing: there was no event stream for 61 s" in caplog.text
    assert "caught up with Gerrit since 2027-01-15 08:00:01 UTC: 1 missing events found" in caplog.text
    state = bot.catch_up.state
    assert (state.gaps, state.gap, state.caught_up) == (1, 61.2, 1)


def test_what_was_caught_up_is_delivered_like_anything_else(world, bot):
    [change] = changes(world, 7)
    world.reports(change)
    bot.catches_up()
    assert bot.results == [Sent()]
    [line] = rows(bot, "select source from inbox")
    assert line.source == "gerrit query"
    assert bot.reasons() == ["over its bound"]
