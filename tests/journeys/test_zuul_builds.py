"""What Zuul finished is seen by its API, whether it reports to Gerrit or not."""

import json
from itertools import count

import pytest
from sqlalchemy import text

from counterbot.demo.story import FAILED_BASIC_OPS, HARD, NO_REPLY, Job, buildset, event, uuid
from counterbot.engine.upkeep import Upkeep
from counterbot.ledger.status import status
from counterbot.sources.zuul_builds import OVERLAP, PAGE

from .world import Killed

POLLS = ", tenants: [openstack]"
OVER = "over its bound"
DAY = 86_400


@pytest.fixture
def bot(world):
    """One that has run before."""
    return world.bot(of_zuul=POLLS).polls()


def hard(world, number):
    return world.change(number, Job("tempest-full", HARD))


def rows(bot, query):
    return [tuple(row) for row in bot.ledger.store.read(lambda read: read.execute(text(query)).all())]


def asked(world, what):
    return [path for path in world.zuul.requests if path.startswith(f"/api/tenant/openstack/{what}")]


def test_a_periodic_buildset_is_seen_and_told_on_irc_alone(world, bot):
    change = hard(world, 7)
    world.begins(change, "periodic", result="SUCCESS")
    bot.polls()
    assert bot.reasons() == [OVER]
    assert world.comments(7) == []
    [(channel, line)] = bot.irc_lines()
    assert channel == "#qa"
    assert "openstack/nova" in line
    assert "periodic" in line
    assert "None" not in line
    assert rows(bot, "select job, pipeline, change from runs") == [("tempest-full", "periodic", None)]


def test_a_periodic_build_that_failed_by_a_known_bug(world, bot):
    world.rule("1254890", 'query: message:"Timed out waiting for a reply" AND tags:"screen-n-cpu.txt"\n')
    bot.book.refresh()
    for night in (1, 2):
        change = world.change(night, Job("grenade", failed=FAILED_BASIC_OPS, compute=(7, NO_REPLY)))
        world.begins(change, "periodic", result="FAILURE")
        bot.polls()
        [(_, line)] = bot.irc_lines()
        page = f"{world.zuul.url}/t/openstack/buildset/{buildset(change, 1)}"
        assert line.startswith("openstack/nova master (periodic): grenade failed by bug 1254890")
        assert line.endswith(page)
    assert rows(bot, "select h.rule, h.line, r.pipeline from hits h join runs r on r.id = h.run") == [
        ("1254890", 7, "periodic")] * 2
    assert (world.comments(1), world.comments(2)) == ([], [])


def test_each_nights_buildset_is_told(world, bot):
    for night in (1, 2):
        world.begins(hard(world, night), "periodic", result="SUCCESS")
        bot.polls()
        assert len(bot.irc_lines()) == 1


@pytest.mark.parametrize("first", ["stream", "zuul"])
def test_both_sources_give_one_report_and_one_comment(world, bot, first):
    change = hard(world, 7)
    world.begins(change, result="SUCCESS")
    for source in ("stream", "zuul") if first == "stream" else ("zuul", "stream"):
        if source == "zuul":
            bot.polls()
        else:
            bot.reported(change).works()
        assert len(world.comments(7)) == 1
    assert bot.reasons() == [OVER]
    assert len(rows(bot, "select id from inbox")) == 2


@pytest.mark.parametrize("first", ["stream", "zuul"])
def test_a_zuul_whose_comment_names_no_buildset(world, bot, first):
    change = hard(world, 7)
    world.begins(change, result="SUCCESS")
    said = event(change, world.zuul)
    said["comment"] = said["comment"].replace(f"{world.zuul.url}/t/openstack/buildset/{buildset(change, 1)}", "")
    steps = [lambda: bot.hears(said).works(), bot.polls]
    for step in steps if first == "stream" else reversed(steps):
        step()
    assert bot.reasons() == [OVER]
    assert len(world.comments(7)) == 1


def test_a_buildset_that_runs_is_asked_for_until_it_has_ended(world, bot):
    slow, quick = hard(world, 7), hard(world, 8)
    world.begins(slow)
    world.begins(quick, result="SUCCESS")
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (0, 1)
    for number in range(100, 100 + OVERLAP + 5):
        world.begins(world.change(number), result="SUCCESS")
    bot.polls().polls()
    assert len(world.comments(7)) == 0
    world.ends(slow)
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 1)
    assert bot.zuul_builds.tenants[0].running == 0


def test_what_ended_before_the_first_start_is_nobodys_news_and_what_runs_then_is(world):
    old, runs = hard(world, 7), hard(world, 8)
    world.begins(old, result="SUCCESS")
    world.begins(runs)
    bot = world.bot(of_zuul=POLLS).polls()
    world.ends(runs)
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (0, 1)


def test_what_runs_for_long_at_the_first_start_is_reported(world):
    runs = hard(world, 7)
    world.begins(runs)
    for number in range(PAGE + 1):
        world.begins(world.change(100 + number), result="SUCCESS")
    bot = world.bot(of_zuul=POLLS).polls()
    world.ends(runs)
    bot.polls()
    assert len(world.comments(7)) == 1


def test_a_zuul_that_begins_to_number_anew(world, bot, caplog):
    for number in range(100, 100 + OVERLAP + 5):
        world.begins(world.change(number), result="SUCCESS")
    bot.polls()
    world.zuul.rows["buildset"].clear()
    world.zuul._numbers["buildset"] = count(1)
    world.begins(hard(world, 7))
    bot.polls()
    assert caplog.messages == [
        f"{world.zuul.url}/t/openstack numbers its buildsets anew, from a new database it seems"]
    world.ends(hard(world, 7))
    world.begins(hard(world, 8), result="SUCCESS")
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 1)


def test_a_bot_that_is_started_again_goes_on_where_it_was(world, bot):
    runs, missed = hard(world, 7), hard(world, 8)
    world.begins(runs)
    bot.polls()
    world.ends(runs)
    world.begins(missed, result="SUCCESS")
    world.clock.seconds += DAY
    second = world.bot(of_zuul=POLLS).polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 1)
    second.polls()
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 1)


def test_a_bot_that_is_killed_while_it_catches_up_goes_on(world, bot):
    missed = [hard(world, number) for number in (7, 8, 9)]
    for change in missed:
        world.begins(change, result="SUCCESS")
    put = bot.zuul_builds._put

    def dies(line, source):
        if buildset(missed[1], 1).encode() in line:
            raise Killed
        return put(line, source)

    bot.zuul_builds._put = dies
    with pytest.raises(Killed):
        bot.polls()
    world.zuul.requests.clear()
    world.bot(of_zuul=POLLS).polls()
    assert [len(world.comments(change.number)) for change in missed] == [1, 1, 1]
    assert len(asked(world, "buildset/")) == 2


def test_a_long_list_is_read_page_by_page(world, bot):
    for number in range(2 * PAGE + 1):
        world.begins(world.change(100 + number), result="SUCCESS")
    last = hard(world, 7)
    world.begins(last, result="SUCCESS")
    world.zuul.requests.clear()
    bot.polls()
    assert len(world.comments(7)) == 1
    assert len(asked(world, "buildsets?")) == 3


def aged(world, change, days):
    """It began and ended so many days before the others."""
    row = world.zuul.rows["buildset"][buildset(change, 1)]
    day = f"2026-11-{21 - days:02}T02:07:44"
    times = dict.fromkeys(("event_timestamp", "first_build_start_time", "last_build_end_time"), day)
    world.zuul.serve_row({**row, **times}, "buildset")


def test_after_a_long_gap_the_last_days_are_reported(world, bot, caplog):
    stuck, old, new = hard(world, 6), hard(world, 7), hard(world, 8)
    world.begins(stuck)
    bot.polls()
    for change, result in ((old, "SUCCESS"), (new, "SUCCESS")):
        world.begins(change, result=result)
    aged(world, stuck, 8)
    aged(world, old, 8)
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (0, 1)
    bot.polls()
    assert [record.message for record in caplog.records] == [
        f"{world.zuul.url}/t/openstack was not asked for long: 2 old buildsets left out (gerrit.catch_up_days is 7)"]
    assert bot.zuul_builds.tenants[0].running == 0


@pytest.mark.parametrize("ahead", [-400, 400])
def test_the_time_is_zuuls(world, ahead):
    world.clock.seconds += ahead * DAY
    bot = world.bot(of_zuul=POLLS).polls()
    world.begins(hard(world, 7), result="SUCCESS")
    bot.polls()
    assert len(world.comments(7)) == 1


def test_every_change_of_a_cycle_is_reported_on(world, bot):
    one, two = hard(world, 7), hard(world, 8)
    builds = [world.zuul.row(uuid(change, change.jobs[0])) for change in (one, two)]
    world.zuul.add_buildset("c" * 32, builds, result="SUCCESS")
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 1)


def test_a_pull_requests_number_is_no_change_of_gerrit(world, bot):
    change = hard(world, 7)
    row = world.zuul.row(uuid(change, change.jobs[0]))
    pull = {**row["ref"], "ref": "refs/pull/7/head", "patchset": "a" * 40}
    world.zuul.add_buildset("d" * 32, [{**row, "ref": pull}], result="SUCCESS")
    bot.polls()
    assert bot.reasons() == [OVER]
    assert world.comments(7) == []
    [(_, line)] = bot.irc_lines()
    assert line.startswith("openstack/nova master (check): tempest-full")
    assert rows(bot, "select change, patchset from runs") == [(None, None)]


def test_what_no_build_of_ended_is_not_asked_for(world, bot):
    for number, result in enumerate(("DEQUEUED", "MERGE_CONFLICT", "CONFIG_ERROR", "NO_JOBS")):
        world.begins(hard(world, 7 + number), result=result)
    bot.polls()
    assert asked(world, "buildset/") == []
    assert rows(bot, "select id from inbox") == []


def test_a_row_that_was_committed_late_is_found(world, bot):
    early, late = hard(world, 7), hard(world, 8)
    world.begins(early, result="SUCCESS")
    hidden = world.zuul.rows["buildset"].pop(buildset(early, 1))
    world.begins(late, result="SUCCESS")
    bot.polls()
    world.zuul.rows["buildset"][buildset(early, 1)] = hidden
    bot.polls()
    assert (len(world.comments(7)), len(world.comments(8))) == (1, 1)


def test_how_zuul_is_asked_stands_in_the_status(world, bot):
    upkeep = Upkeep(bot, monotonic=world.clock.monotonic)
    world.begins(hard(world, 7))
    world.begins(hard(world, 8), result="SUCCESS")
    bot.polls()
    world.clock.seconds += 7
    upkeep.step()
    page = f"{world.zuul.url}/t/openstack"
    assert status(bot.ledger.store).pulse["tenants"] == [
        {"page": page, "running": 1, "found": 1, "why": None, "asked": 7}]
    assert json.dumps(status(bot.ledger.store).pulse["tenants"])
