"""Whose lines are read and when: of failures that nobody knows at once, of others later, of some passing builds to
compare with."""

from datetime import datetime, timezone

import pytest
from sqlalchemy import text

from counterbot.demo.story import FAILED_BASIC_OPS, NO_CONSOLE, NO_REPLY, Job, files, uuid
from counterbot.engine.backfill import DAY, Order
from tests.zuul_server import Answer

from .test_known_failures import NO_REPLY_RULE
from .world import SECOND

KNOWN = Job("grenade", failed=FAILED_BASIC_OPS, compute=(12, NO_REPLY))
UNKNOWN = Job("tempest-full", failed=FAILED_BASIC_OPS, compute=(12, NO_CONSOLE))
PASSES = Job("tempest-full", compute=(12, NO_REPLY))
TENANTS = ", tenants: [openstack]"


@pytest.fixture
def world(world):
    world.rule("1254890", NO_REPLY_RULE)
    return world


class Story:
    """What the bot's parts do, one at a time, and what the ledger has then."""

    def __init__(self, world, **settings):
        self.world, self.count = world, 0
        self.bot = world.bot(**settings)
        self.ledger = self.bot.ledger

    def reported(self, *jobs, number=7, **row):
        """Zuul reports on a change; the row of its first build is so."""
        change = self.world.change(number, *jobs)
        for job in jobs:
            self.ended(self.world.zuul.row(uuid(change, job)), **row)
        self.bot.reported(change)
        self.bot.recogniser.step()
        return change

    def ended(self, row, days=0.0, **changes):
        """A build ended so many days ago."""
        at = datetime.fromtimestamp(self.world.clock.now() / SECOND - days * 86_400, timezone.utc)
        self.world.zuul.serve_row({**row, "end_time": at.isoformat()[:19], **changes})

    def built(self, days, job=PASSES, pipeline="gate", **more):
        """A build of which no report tells."""
        self.count += 1
        row = self.world.zuul.add_build(f"{self.count:032x}", job.name, files(job), result=job.result)
        self.ended(row, days, pipeline=pipeline, **more)
        return row["uuid"]

    def decided(self):
        """Whether a report that is due was decided."""
        return self.bot.decider.step()

    def sampled(self, seconds=60, read=True):
        """A part of a running bot's life, in which passing builds are chosen and read."""
        for _ in range(seconds):
            self.bot.sampler.step()
            while read and self.bot.examiner.step():
                pass
            self.world.clock.seconds += 1
        return self

    def rows(self, query):
        return [tuple(row) for row in self.ledger.store.read(lambda read: read.execute(text(query)).all())]

    @property
    def reduced(self):
        """The builds whose lines are known."""
        return sorted(row[0] for row in self.rows("select uuid from runs join run_lines on run = runs.id"))

    def fetched(self, build, path="job-output.txt"):
        return self.world.zuul.requests.count(f"/logs/{build[:3]}/{build}/{path}")


def test_the_report_on_an_unknown_failure_waits_for_its_lines(world):
    story = Story(world)
    change = story.reported(UNKNOWN)
    assert story.bot.examiner.step()
    assert (story.decided(), story.reduced) == (False, [])
    assert story.bot.examiner.step()
    assert story.reduced == [uuid(change, UNKNOWN)]
    assert story.decided()


def test_the_report_on_a_known_failure_does_not_and_its_lines_are_read_later(world):
    story = Story(world)
    change = story.reported(KNOWN)
    assert story.bot.examiner.step()
    assert (story.decided(), story.reduced) == (True, [])
    assert story.bot.examiner.step_past()
    assert story.reduced == [uuid(change, KNOWN)]
    assert not story.bot.examiner.step()


def test_a_rule_that_tells_nobody_explains_a_failure_too(world):
    world.rule("1254890", NO_REPLY_RULE + "suppress-notification: true\n")
    story = Story(world)
    story.reported(KNOWN)
    story.bot.examiner.step()
    assert (story.decided(), story.reduced) == (True, [])


@pytest.mark.parametrize(("job", "row"), [
    (PASSES, {}),
    (UNKNOWN, {"voting": False}),
    (Job("nova-tox-py312", failed="t"), {}),
    (UNKNOWN, {"result": "NODE_FAILURE", "log_url": None}),
])
def test_other_builds_lines_are_not_read(world, job, row):
    story = Story(world, more="unexplained: {jobs: [tempest-*]}\n")
    story.reported(job, **row)
    story.bot.works()
    assert story.reduced == []
    assert story.rows("select count(*) from builds where state <> 'done'") == [(0,)]


def test_a_failure_without_logs_is_kept_too(world):
    story = Story(world)
    story.reported(UNKNOWN, result="NODE_FAILURE", log_url=None)
    story.bot.works()
    assert [run.result for run in story.ledger.failures.unexplained(7)] == ["NODE_FAILURE"]


def test_a_job_that_is_watched_needs_no_rule(world):
    for rule in (world.folder / "queries").iterdir():
        rule.unlink()
    story = Story(world)
    change = story.reported(Job("nova-tox-py312", failed="t.x"))
    story.bot.works()
    assert story.reduced == [uuid(change, change.jobs[0])]
    assert [test.name for run in story.ledger.failures.unexplained(7) for test in run.tests] == ["t.x"]


def test_a_log_server_that_goes_away_costs_the_lines_alone(world):
    """What is known of the failure without them is told, at the report's deadline."""
    story = Story(world, deadline=120)
    story.reported(UNKNOWN, KNOWN)
    while story.bot.examiner.step_fresh():
        pass
    for path in list(world.zuul.answers):
        if path.startswith("/logs/"):
            world.zuul.answers[path] = Answer(b"", 503)
    story.bot.works_until(100)
    assert world.comments(7) == []
    story.bot.works_until(130)
    [comment] = world.comments(7)
    assert "grenade        https://bugs.launchpad.net/bugs/1254890" in comment
    assert "tempest-full   nothing known" in comment


def test_lines_that_are_not_to_be_had_do_not_make_a_build_one_that_was_not_read(world):
    story = Story(world)
    story.reported(KNOWN)
    story.bot.examiner.step_fresh()
    for path in list(world.zuul.answers):
        if path.startswith("/logs/"):
            world.zuul.answers[path] = Answer(b"", 503)
    story.bot.works_until(1000, every=10)
    assert story.rows("select builds.state, readings.state from builds join readings on build = builds.id"
                      " where reader = 'templates'") == [("done", "MISSING")]


def test_a_new_rule_is_not_a_reason_to_read_lines_again(world):
    story = Story(world, of_zuul=TENANTS)
    build = story.built(1, UNKNOWN)
    walked(story)
    world.rule("new", 'query: message:"Failed to get console output" AND tags:"screen-n-cpu.txt"\n')
    before = story.fetched(build)
    story.bot.book.refresh()
    world.clock.seconds += 1
    walked(story, rule="new")
    assert story.rows("select rule from hits") == [("new",)]
    assert story.fetched(build) == before
    assert story.reduced == [build]


def test_past_failures_are_read_with_their_lines(world):
    story = Story(world, of_zuul=TENANTS)
    known, unknown, lost = story.built(1, KNOWN), story.built(2, UNKNOWN), story.built(3, UNKNOWN, log_url=None)
    story.built(1)
    walked(story)
    assert story.reduced == [known, unknown]
    assert {run.uuid for run in story.ledger.failures.unexplained(7, ["1254890"])} == {unknown, lost}


def test_of_recent_failures_that_the_history_has_only_the_lines_are_read(world):
    old, recent = Story(world, of_zuul=TENANTS, more="unexplained: {jobs: []}\n"), None
    long_ago, lately = old.built(20, UNKNOWN), old.built(2, UNKNOWN)
    walked(old)
    assert old.reduced == []
    world.zuul.requests.clear()
    recent = Story(world, of_zuul=TENANTS)
    walked(recent)
    assert recent.reduced == [lately]
    assert (recent.fetched(lately), recent.fetched(long_ago)) == (1, 0)
    assert recent.fetched(lately, "testrepository.subunit") == 0


def walked(story, days=30, rule=None):
    walk = story.bot.walk(Order(story.ledger.now() - days * DAY, rule=rule), 60)
    for _ in range(1000):
        walk.step()
        while story.bot.examiner.step_past():
            pass
        story.world.clock.seconds += 1
        if walk.done:
            return
    pytest.fail(f"the walk does not end: {walk.tally}")


def failing(world, **settings):
    """A story in which tempest-full just failed by something unknown."""
    story = Story(world, of_zuul=TENANTS, **settings)
    story.reported(UNKNOWN, days=0.1)
    story.bot.works()
    return story


def passing(story):
    """The passing builds whose lines are known."""
    return [row[0] for row in story.rows("select uuid from runs join run_lines on run = runs.id"
                                         " where not failed order by ended desc")]


def test_passing_gate_builds_of_a_job_that_failed_are_read_newest_first(world):
    story = failing(world, more="unexplained: {passing: 20}\n")
    builds = [story.built(days - 0.5) for days in range(20, 0, -1)][::-1]
    story.built(1, pipeline="check")
    story.built(1, Job("tempest-slow"))
    story.built(1, UNKNOWN)
    story.sampled()
    assert passing(story) == builds[:14]  # of the last fortnight
    more = [story.built(days / 100) for days in range(9, 0, -1)][::-1]
    story.sampled(3600)
    assert passing(story) == [*more[:6], *builds[:14]]
    assert {story.fetched(build) for build in (*more[6:], *builds[14:])} == {0}


def test_at_most_so_many_a_minute_and_one_at_a_time(world):
    story = failing(world, more="known: {per_minute: 6}\n")
    builds = [story.built(days) for days in range(8, 0, -1)][::-1]
    story.sampled(15)
    assert passing(story) == builds[:1]  # the first step asked for their list
    story.sampled(10)
    assert passing(story) == builds[:2]
    story.sampled(60, read=False)
    story.bot.works()
    assert passing(story) == builds[:3]


def test_no_job_waits_for_all_builds_of_another(world):
    story = Story(world, of_zuul=TENANTS)
    story.reported(UNKNOWN, Job("tempest-slow", failed="t.x"), days=0.1)
    story.bot.works()
    for days in range(13, 0, -1):
        for job in (PASSES, Job("tempest-slow")):
            story.built(days, job)
    story.sampled(23)
    jobs = [job for job, in story.rows("select job from run_lines where not failed")]
    assert {job: jobs.count(job) for job in jobs} == {"tempest-full": 10, "tempest-slow": 10}
    story.sampled()
    assert len(passing(story)) == 26


def test_what_could_not_be_read_is_not_asked_for_again_the_next_hour(world):
    story = failing(world)
    good, gone = story.built(2), story.built(1)
    for path in list(world.zuul.answers):
        if path.startswith(f"/logs/{gone[:3]}/{gone}/"):
            del world.zuul.answers[path]
    story.sampled(2 * 3600)
    assert passing(story) == [good]
    assert story.fetched(gone, "zuul-manifest.json") == 1
    assert story.fetched(good) == 1


def test_lines_of_another_mask_are_read_anew(world):
    story = failing(world)
    build = story.built(1)
    story.sampled()
    story.ledger.store.write(lambda change: change.execute(text("update run_lines set mask = 0")))
    story.sampled(3600)
    assert story.rows("select count(*) from run_lines where mask > 0 and not failed") == [(1,)]
    assert story.fetched(build) == 2


def test_zuuls_list_may_fail_for_a_while(world):
    story = failing(world)
    build = story.built(1)
    listed, world.zuul.listed = world.zuul.listed, lambda path: Answer(b"", 503) if "/builds?" in path else None
    story.sampled()
    world.zuul.listed = listed
    story.sampled(3600)
    assert passing(story) == [build]


def test_without_tenants_they_are_chosen_from_the_builds_of_reports(world):
    story = Story(world)
    story.reported(UNKNOWN, days=0.1)
    story.bot.works()
    inside = story.reported(PASSES, number=8, pipeline="gate")
    story.reported(PASSES, number=9, pipeline="check")
    story.bot.works()
    story.sampled()
    assert passing(story) == [uuid(inside, PASSES)]


def test_nothing_is_chosen_where_no_job_is_watched_or_none_failed(world):
    for story in (Story(world, of_zuul=TENANTS, database="a.db"),
                  failing(world, more="unexplained: {jobs: [grenade]}\n", database="b.db")):
        story.built(1)
        world.zuul.requests.clear()
        assert story.sampled().world.zuul.requests == []


def test_unusual_lines_are_those_that_passing_builds_lack(world):
    story = failing(world)
    for days in range(1, 6):
        story.built(days)
    story.sampled()
    change = story.reported(UNKNOWN, number=8)
    story.bot.works()
    told = [line.text.rpartition("] ")[2] for line in story.ledger.templates.telling(uuid(change, UNKNOWN))
            if line.file.endswith("logs/screen-n-cpu.txt")]
    assert told == ["Failed to get console output of a server"]


def test_with_few_passing_builds_no_line_is_called_unusual(world):
    story = failing(world)
    for days in range(1, 5):
        story.built(days)
    story.sampled()
    change = story.reported(UNKNOWN, number=8)
    story.bot.works()
    assert story.ledger.templates.telling(uuid(change, UNKNOWN)) == []
