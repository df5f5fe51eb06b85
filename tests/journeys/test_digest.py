"""Once a week each channel is told which known failures come and go, on a clock moved by hand."""

import pytest

from counterbot.core.model import Build, BuildLink, Failure, Hit, Reader, Reading, State
from counterbot.engine.upkeep import Upkeep

DAY = 86_400
MONDAY = 3 * DAY - 8 * 3600  # the world begins on Friday, 15 January 2027, at 8:00 UTC
MORNING = 8 * 3600
RULE = 'title: {0} fails\nquery: message:"{0} failed"\n{1}'


@pytest.fixture
def world(world):
    world.rule("vif", RULE.format("vif", "bug: 1254890\n"))
    world.rule("apt", RULE.format("apt", "report: {irc: ['#infra']}\n"))
    world.rule("muted", RULE.format("muted", "suppress-notification: true\n"))
    world.channels = {"#qa": {}, "#infra": {}, "#over": {"tell": ["over"]}}
    return world


class Weeks:
    """A bot whose upkeep is done each hour."""

    def __init__(self, world):
        self.world, self.builds = world, 0
        self.start()

    def start(self):
        self.bot = self.world.bot()
        self.upkeep = Upkeep(self.bot, monotonic=self.world.clock.monotonic)

    def hit(self, rule, day, change):
        """A build of a change failed by a rule at noon of a day, counted from the world's Monday."""
        self.builds += 1
        uuid = f"{self.builds:032x}"
        ended = self.world.clock.now() - int(self.world.clock.seconds * 1000) + (MONDAY + day * DAY + DAY // 2) * 1000
        build = Build(uuid, "tempest", "FAILURE", True, "nova", "master", "check", "https://logs/", ended=ended,
                      change=change, patchset=1)
        builds = self.bot.ledger.builds
        builds.ask(BuildLink("tempest", "https://zuul/", uuid), build, [Reader.FAILURE])
        found = Reading(State.READ, "", Failure((Hit(rule, "job-output.txt", 1, "failed"),)))
        builds.note(builds.claim(past=True), build, {Reader.FAILURE: found})

    def until(self, day, hour=9):
        """Each hour until then; what was said, by channel and text."""
        said = []
        while self.world.clock.seconds < MONDAY + day * DAY + hour * 3600:
            self.world.clock.seconds += 3600
            self.upkeep.step()
            said += self.bot.irc_lines()
        return said


@pytest.fixture
def weeks(world):
    return Weeks(world)


def test_a_digest_a_week_for_each_channel_of_the_rules_that_tell_it(weeks):
    weeks.upkeep.step()
    for day in (0, 1, 1, 2):
        weeks.hit("vif", day, weeks.builds)
        weeks.hit("muted", day, weeks.builds)
    weeks.hit("apt", 6, 7)
    assert weeks.until(7, hour=7) == []
    assert weeks.until(7, hour=8) == [
        ("#qa", "Known failures in the week to 24 Jan: most seen: bug 1254890 (vif fails) on 4 changes"),
        ("#infra", "Known failures in the week to 24 Jan: most seen: bug 1254890 (vif fails) on 4 changes and apt (apt"
                   " fails) on 1 change")]
    assert weeks.until(14) == []


def test_what_is_quiet_and_what_is_back(weeks):
    weeks.upkeep.step()
    for number in range(5):
        weeks.hit("vif", 4 * number - 20, number)
    assert len(weeks.until(0)) == 2
    assert weeks.until(7) == []
    assert weeks.until(14)[0] == (
        "#qa", "Known failures in the week to 31 Jan: not seen any more: bug 1254890 (vif fails) since 14 Jan, usually"
               " every 4 days")
    weeks.hit("vif", 15, 99)
    assert weeks.until(21)[0] == (
        "#qa", "Known failures in the week to 7 Feb: back again: bug 1254890 (vif fails) after 19 days; most seen: bug"
               " 1254890 (vif fails) on 1 change")
    assert weeks.until(28)[0][1].endswith(
        "not seen any more: bug 1254890 (vif fails) since 2 Feb, usually every 4 days")
    assert weeks.until(42) == []


def test_the_first_bot_is_silent_on_what_was_before_it(weeks):
    for number in range(5):
        weeks.hit("vif", number - 12, number)
        weeks.hit("apt", number - 60, number)
    weeks.world.clock.seconds = MONDAY + MORNING
    assert weeks.until(6) == []


def test_a_week_is_told_once_though_bots_start_and_the_clock_is_set_back(weeks):
    weeks.upkeep.step()
    weeks.hit("vif", 1, 1)
    assert len(weeks.until(8)) == 2
    weeks.start()
    weeks.world.clock.seconds -= 2 * DAY
    assert weeks.until(8) == []
    other = Weeks(weeks.world)
    other.bot.ledger.remember("weekly digest", "2027-W01")
    assert other.until(9) == []


def test_weeks_in_which_no_bot_ran_are_passed_over(weeks):
    weeks.upkeep.step()
    for day in (1, 8, 15):
        weeks.hit("vif", day, day)
    weeks.world.clock.seconds = MONDAY + 22 * DAY
    weeks.start()
    assert [text for channel, text in weeks.until(28) if channel == "#qa"] == [
        "Known failures in the week to 7 Feb: most seen: bug 1254890 (vif fails) on 1 change"]
