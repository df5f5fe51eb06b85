"""A job fails: what is said of it, when, and what is not."""

import json
from contextlib import suppress

from counterbot.demo.story import (
    COMPUTE_LOG,
    FAILED_BASIC_OPS,
    FAILED_CONSOLE,
    HARD,
    NO_CONSOLE,
    NO_REPLY,
    Job,
    buildset,
    stream,
    uuid,
)

from .world import UNWATCHED, Killed

NO_REPLY_RULE = """\
title: A server does not become ACTIVE in time
query: message:"Timed out waiting for a reply" AND message:"vif-plugged" AND tags:"screen-n-cpu.txt"
"""
NO_CONSOLE_RULE = """\
query: >
  message:"Failed to get console output" AND tags:"screen-n-cpu.txt"
"""
GRENADE = Job("grenade", failed=FAILED_BASIC_OPS, compute=(1_204, NO_REPLY))
TEMPEST = Job("tempest-full", HARD, failed=FAILED_CONSOLE, compute=(48, NO_CONSOLE))
TOX = Job("nova-tox-py312", failed="nova.tests.test_x")
KNOWN = "    grenade   https://bugs.launchpad.net/bugs/1254890                1"


def failing(world, *jobs, number=7):
    world.rule("1254890", NO_REPLY_RULE)
    return world.change(number, *jobs)


def first_lines(world, number=7):
    return [text.split("\n")[2] for text in world.comments(number)]


def test_a_known_failure_is_told_to_reviewer_and_channel(world):
    change = failing(world, GRENADE, Job("openstack-tox-py311"))
    bot = world.bot().reported(change).works()
    [comment] = world.comments(7)
    assert KNOWN in comment
    assert f"1254890: A server does not become ACTIVE in time; `{COMPUTE_LOG}`, line 1,204\n" in comment
    assert 'comment "recheck bug 1254890" to run the jobs again.' in comment
    [(channel, line)] = bot.irc_lines()
    assert (channel, "grenade failed by bug 1254890" in line) == ("#qa", True)


def test_failures_and_counters_are_one_comment(world):
    change = failing(world, GRENADE, TEMPEST)
    world.bot().reported(change).works()
    [comment] = world.comments(7)
    assert first_lines(world) == [
        "Failures: 1 of 2 failed builds is a known bug. Counters: 1 counter over its bound (not voting)."]
    assert KNOWN.split() == next(line.split() for line in comment.split("\n") if line.startswith("    grenade"))
    assert "mysql.Queries     1,300,000  1,250,000     +4%" in comment


def test_nothing_known_is_no_comment(world):
    change = failing(world, TOX)
    bot = world.bot().reported(change).works()
    assert (world.comments(7), bot.irc_lines()) == ([], [])
    assert bot.reasons() == ["failed builds of which nothing is known (nova-tox-py312: nothing known)"]


def test_a_late_log_is_waited_for(world):
    change = failing(world, GRENADE)
    appear = world.hide_logs(change)
    bot = world.bot().reported(change).works_until(40)
    assert world.comments(7) == []
    appear()
    bot.works_until(120)
    assert len(world.comments(7)) == 1


def test_the_report_is_decided_without_logs_that_never_come(world):
    change = failing(world, GRENADE, Job("nova-tox-py312", failed="x"))
    world.hide_logs(change, 1)
    world.bot(deadline=60).reported(change).works_until(70)
    [comment] = world.comments(7)
    row = next(line for line in comment.split("\n") if line.startswith("    nova-tox-py312"))
    assert "nothing known" not in row
    assert "logs" in row


def test_the_same_failure_is_said_once_on_a_patch_set(world):
    change = failing(world, GRENADE)
    bot = world.bot().reported(change).works()
    again = world.zuul.row(uuid(change, GRENADE)) | {"uuid": "f" * 32}
    world.zuul.serve_row(again)
    from counterbot.demo.story import event

    said = event(change, world.zuul)
    said["comment"] = said["comment"].replace(uuid(change, GRENADE), "f" * 32).replace(buildset(change, 1), "e" * 32)
    bot.hears(said).works()
    assert len(world.comments(7)) == 1
    assert bot.reasons()[1].startswith("the same was said before on this patch set")


def test_another_bug_on_the_patch_set_is_news(world):
    change = failing(world, GRENADE)
    bot = world.bot().reported(change).works()
    world.rule("1251920", NO_CONSOLE_RULE)
    bot.book.refresh()
    other = world.change(8, TEMPEST)
    from counterbot.demo.story import event

    said = event(other, world.zuul)
    said["change"]["number"] = 7
    row = world.zuul.row(uuid(other, TEMPEST))
    world.zuul.serve_row({**row, "ref": {**row["ref"], "change": 7}})
    bot.hears(said).works()
    assert len(world.comments(7)) == 2


def test_a_bot_killed_before_and_after_the_post_says_it_once(world):
    change = failing(world, GRENADE)
    for moment in ("claimed", "posted"):
        bot = world.bot()

        def die(now, moment=moment):
            if now == moment:
                raise Killed

        bot.at = die
        with suppress(Killed):
            bot.reported(change).works()
        world.clock.seconds += 1200
    world.bot().works()
    assert len(world.comments(7)) == 1


def test_a_build_that_does_not_vote_is_not_told_unless_its_rule_allows(world):
    change = failing(world, GRENADE)
    row = world.zuul.row(uuid(change, GRENADE))
    world.zuul.serve_row({**row, "voting": False})
    world.bot("one.db").reported(change).works()
    assert world.comments(7) == []
    world.rule("1254890", NO_REPLY_RULE + "allow-nonvoting: true\n")
    world.bot("two.db").reported(change).works()
    assert len(world.comments(7)) == 1


def test_a_rule_counts_only_where_one_of_its_tests_failed(world):
    world.rule("1254890", NO_REPLY_RULE + "test_ids: [tempest.scenario.other]\n")
    change = world.change(7, GRENADE)
    world.bot("one.db").reported(change).works()
    assert world.comments(7) == []
    world.rule("1254890", NO_REPLY_RULE + f"test_ids: ['{FAILED_BASIC_OPS.partition('[')[0]}']\n")
    world.bot("two.db").reported(change).works()
    assert len(world.comments(7)) == 1


def test_only_logs_that_a_query_could_match_are_fetched(world):
    change = failing(world, GRENADE)
    root = f"/logs/{uuid(change, GRENADE)[:3]}/{uuid(change, GRENADE)}/"
    world.zuul.serve_log(f"{world.zuul.url}{root}controller/logs/screen-q-svc.txt", b"x")
    world.bot().reported(change).works()
    fetched = {path.removeprefix(root) for path in world.zuul.requests if path.startswith(root)}
    assert COMPUTE_LOG in fetched
    assert "controller/logs/screen-q-svc.txt" not in fetched


def test_builds_that_passed_are_not_fetched_for_failures(world):
    change = failing(world, Job("openstack-tox-py311"))
    world.bot(more=UNWATCHED).reported(change).works()
    assert [path for path in world.zuul.requests if path.startswith("/logs/")] == []


def test_a_query_may_ask_for_a_counter(world):
    world.rule("1251920", NO_CONSOLE_RULE.replace("AND tags", "AND mysql.Queries:>1250000 AND tags"))
    usual = Job("tempest-full", {"mysql": {"Queries": 1_250_000}}, failed=FAILED_CONSOLE, compute=(48, NO_CONSOLE))
    world.bot().reported(world.change(7, TEMPEST)).reported(world.change(8, usual)).works()
    assert first_lines(world, 7)[0].startswith("Failures: the failed build is a known bug.")
    assert world.comments(8) == []


def test_what_looks_like_a_credential_is_neither_told_nor_kept(world, caplog):
    """In the line that a query finds, and in the task and the first error that are shown otherwise."""
    secret, base64 = "Zq9Secret", "QWxhZGRpbjpvcGVuIHNlc2FtZTEyMzQ1Njc4OTAr" * 256
    told = f"password={secret} {base64}"
    change = failing(world, GRENADE, TOX)
    task = {"task": {"name": f"Run with {told}"}, "hosts": {"controller": {"failed": True}}}
    playbook = {"phase": "run", "plays": [{"play": {"name": "all"}, "tasks": [task]}],
                "stats": {"controller": {"failures": 1}}}
    known, other = (world.zuul.row(uuid(change, job))["log_url"] for job in (GRENADE, TOX))
    world.zuul.serve_log(f"{known}{COMPUTE_LOG}", f"{NO_REPLY} {told}".encode())
    files = {"job-output.txt": f"2026-11-21 02:07:44.1 | node | ERROR: {told}".encode(),
             "job-output.json": json.dumps([playbook]).encode(),
             "testrepository.subunit": stream(None, failed="t.x")}
    world.zuul.serve_log(f"{other}zuul-manifest.json", json.dumps({"tree": world.zuul.tree(files)}).encode())
    for path, content in files.items():
        world.zuul.serve_log(other + path, content)
    with caplog.at_level("DEBUG"):
        bot = world.bot().reported(change).works()
    [comment] = world.comments(7)
    assert "1254890" in comment
    kept = b"".join(path.read_bytes() for path in world.folder.glob("ledger.db*"))
    assert b"password=***" in kept
    for text in (comment, str(bot.irc_lines()), caplog.text, kept.decode("utf-8", "replace")):
        assert secret not in text
        assert base64[100:140] not in text


def test_where_its_counters_cannot_be_read_not_all_was_looked_at(world):
    world.rule("1251920", NO_CONSOLE_RULE.replace("AND tags", "AND mysql.Queries:>1250000 AND tags"))
    change = world.change(7, TEMPEST, TOX)
    world.zuul.serve_log(f"{world.zuul.row(uuid(change, TEMPEST))['log_url']}testrepository.subunit", b"no stream")
    bot = world.bot().reported(change).works()
    assert "nothing known, not all logs read: counters: testrepository.subunit: no subunit" in bot.reasons()[0]
