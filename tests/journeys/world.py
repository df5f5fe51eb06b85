"""A bot on loopback servers and a hand-moved clock: what happens when, and what must come of it."""

import json
import threading
from contextlib import ExitStack

from counterbot.core.model import Sent
from counterbot.demo import story
from counterbot.demo.sshd import make_key
from counterbot.engine import bot as engine
from counterbot.files.config import read_config
from tests.gerrit_server import Gerrit
from tests.zuul_server import Zuul

SECOND = 1000
CONFIG = """\
gerrit: {{host: {gerrit.host}, port: {gerrit.port}, username: counterbot, key_file: key,
         host_key: {gerrit.host_key}{more}}}
zuul: {{accounts: [zuul], url: {roots}, logs: ["{zuul.logs}"]{of_zuul}}}
rules: queries
database: "{database}"
report: {{deadline: {deadline}, settle: {settle}}}
irc: {{host: 127.0.0.1, nick: counterbot, channels: {channels}}}
"""
UNWATCHED = "unexplained: {jobs: []}\nlearned: {jobs: []}\n"
"""What is done for rules alone."""

BRANCH = {"change": None, "patchset": None, "ref": "refs/heads/master", "newrev": "a" * 40}
QUERIES = """\
title: SQL statements
bug: "2041234"
where: {job: "tempest-full*"}
bounds: {mysql.Queries: {max: 1250000}}
"""


class Killed(BaseException):
    """The process died here."""


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return 1_800_000_000_000 + int(self.seconds * SECOND)

    def monotonic(self):
        return 1000.0 + self.seconds


class World:
    """The servers, the clock, and any number of bots. A context manager."""

    def __init__(self, folder):
        self.folder, self.channels = folder, {"#qa": {}}
        self.clock = Clock()
        self._stack = ExitStack()
        self.key = make_key(folder / "key")
        (folder / "queries").mkdir()
        self.rule("sql", QUERIES)

    def __enter__(self):
        self.gerrit = self._stack.enter_context(Gerrit({self.key: "counterbot"}, lambda: self.clock.now() / SECOND))
        self.zuul = self._stack.enter_context(Zuul())
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def rule(self, name, text):
        (self.folder / "queries" / f"{name}.yaml").write_text(text)

    def bot(self, database="ledger.db", **settings):
        """A bot on a SQLite file of the world's folder, or on a URL."""
        bot = Bot(self, database, **settings)
        self._stack.callback(bot.close)
        return bot

    def change(self, number, *jobs):
        """A change that is known to Gerrit, with builds that Zuul and its log server know."""
        change = story.Change(number, "A change", jobs)
        story.prepare(self.gerrit, self.zuul, (change,))
        return change

    def reports(self, change, patchset=1):
        """Zuul reports on a change, and Gerrit keeps its message."""
        self.gerrit.say("zuul", change.number, story.event(change, self.zuul, patchset=patchset)["comment"], patchset)

    def begins(self, change, pipeline="check", patchset=1, result=None):
        """A buildset of a change begins, or ends with ``result``; a periodic one is of the change's branch."""
        rows = [self.zuul.row(story.uuid(change, job)) for job in change.jobs]
        if pipeline == "periodic":
            rows = [{**row, "ref": {**row["ref"], **BRANCH}} for row in rows]
        self.zuul.add_buildset(story.buildset(change, patchset), rows, pipeline=pipeline, result=result)

    def ends(self, change, patchset=1, result="SUCCESS"):
        self.zuul.end_buildset(story.buildset(change, patchset), result)

    def comments(self, number):
        return [message.text for message in self.gerrit.messages(number)]

    def as_if_by(self, username, number):
        """The last message on a change was somebody else's."""
        messages = self.gerrit._changes[number].messages
        messages[-1] = messages[-1]._replace(username=username)

    def hide_logs(self, change, job=0):
        """The manifest is not there yet; the returned function makes it appear."""
        row_uuid = story.uuid(change, change.jobs[job])
        url = f"{self.zuul.logs}{row_uuid[:3]}/{row_uuid}/zuul-manifest.json"
        answer = self.zuul.forget(url)
        return lambda: self.zuul.answers.update({url.removeprefix(self.zuul.url): answer})


class Bot(engine.Bot):
    """The real bot, its work done step by step in the caller's thread."""

    def __init__(self, world, database, deadline=1200, settle=0, more="", roots=(), gerrit="", of_zuul=""):
        self.world, self.at = world, lambda moment: None
        self.results = []
        database = database if "://" in database else f"sqlite:///{database}"
        text = CONFIG.format(gerrit=world.gerrit, zuul=world.zuul, database=database, deadline=deadline,
                             roots=json.dumps([world.zuul.url, *roots]), settle=settle, more=gerrit, of_zuul=of_zuul,
                             channels=json.dumps(world.channels)) + more
        super().__init__(read_config(text.encode(), str(world.folder / "config.yaml")),
                         told=lambda delivery, result: self.results.append(result),
                         at=lambda moment: self.at(moment), now=world.clock.now, monotonic=world.clock.monotonic)

    def hears(self, event):
        self.take(json.dumps(event).encode(), "journey")
        return self

    def reported(self, change, pipeline="check", patchset=1):
        return self.hears(story.event(change, self.world.zuul, pipeline, patchset))

    def catches_up(self):
        """Asks Gerrit for what it missed, and works on it."""
        self.catch_up.ask()
        self.catch_up.step()
        return self.works()

    def polls(self):
        """Asks Zuul for what it finished, and works on it."""
        for tenant in self.zuul_builds.tenants:
            tenant.due = self.world.clock.monotonic()
        while self.zuul_builds.step():
            pass
        return self.works()

    def works(self):
        """Everything that is due now."""
        while self.decider.step() or self.recogniser.step() or self.examiner.step() or self.comments.step():
            pass
        return self

    def works_until(self, seconds, every=1.0):
        """Everything that comes due until then."""
        self.works()
        while self.world.clock.seconds < seconds:
            self.world.clock.seconds = min(seconds, self.world.clock.seconds + every)
            self.works()
        return self

    def reasons(self):
        return [report.why for report in self.ledger.reports.decided()]

    def irc_lines(self):
        """The pending IRC lines, taken as sent."""
        said = []
        while (claim := self.lines.claim()) is not None:
            said.append((claim.destination, claim.text))
            self.lines.settle(claim, Sent())
        return said


def in_parallel(*bodies):
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
