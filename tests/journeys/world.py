"""A bot on loopback servers and a hand-moved clock: what happens when, and what must come of it."""

import json
import threading
from contextlib import ExitStack

from counterbot.builds import Artifacts
from counterbot.clients.gerrit.over_ssh import OverSsh
from counterbot.clients.http import Http
from counterbot.clients.ssh import Server, connect
from counterbot.clients.zuul import Zuul as ZuulClient
from counterbot.core.decide import Channel
from counterbot.core.events import Recognition
from counterbot.core.model import Sent
from counterbot.core.rules import Bound, Rule, Where
from counterbot.core.wording.comment import Links
from counterbot.demo import story
from counterbot.demo.gerrit import Gerrit
from counterbot.demo.sshd import make_key
from counterbot.demo.zuul import Zuul
from counterbot.engine.delivery import Comments, Lines
from counterbot.engine.stages import Settings, Stages
from counterbot.ledger import Ledger
from counterbot.reporters.gerrit import GerritReporter

SECOND = 1000
QUERIES = Rule("sql", "SQL statements", bug="2041234", where=Where(job=("tempest-full*",)),
               bounds=(Bound("mysql.Queries", 1_250_000),))


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
        self.folder, self.rules, self.channels = folder, [QUERIES], (Channel("#qa"),)
        self.clock = Clock()
        self._stack = ExitStack()
        self.key = make_key(folder / "key")

    def __enter__(self):
        self.gerrit = self._stack.enter_context(Gerrit({self.key: "counterbot"}))
        self.zuul = self._stack.enter_context(Zuul())
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def bot(self, database="ledger.db", **settings):
        bot = Bot(self, database, **settings)
        self._stack.callback(bot.ledger.close)
        return bot

    def change(self, number, *jobs):
        """A change that is known to Gerrit, with builds that Zuul and its log server know."""
        change = story.Change(number, "A change", jobs)
        story.prepare(self.gerrit, self.zuul, (change,))
        return change

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


class Bot:
    """One bot, stepped by hand."""

    def __init__(self, world, database, at=lambda moment: None, deadline=1200, settle=0,
                 counted=lambda build, counters: None):
        self.world, self.at = world, at
        self.results = []
        server = Server(world.gerrit.host, world.gerrit.port, "counterbot", str(world.folder / "key"),
                        world.gerrit.host_key)
        self.ledger = Ledger(f"sqlite:///{world.folder}/{database}", world.clock.now)
        http = Http([f"{world.zuul.url}/api/", world.zuul.logs])
        recognition = Recognition(frozenset({"zuul"}), "review.example.org", "counterbot", world.zuul.url)
        settings = Settings(recognition, world.channels, Links(), deadline * SECOND, settle * SECOND)
        self.stages = Stages(self.ledger, ZuulClient(http, world.zuul.url), Artifacts(http),
                             lambda: tuple(world.rules), settings, world.clock.now, counted)
        reporter = GerritReporter(OverSsh(lambda: connect(server), seconds=5), "counterbot")
        told = lambda delivery, result: self.results.append(result)
        self.comments = Comments(self.ledger, reporter, monotonic=world.clock.monotonic,
                                 at=lambda moment: self.at(moment), told=told)
        self.lines = Lines(self.ledger, [channel.name for channel in world.channels])

    def hears(self, event):
        self.ledger.put(json.dumps(event).encode(), "journey")
        return self

    def reported(self, change, pipeline="check", patchset=1):
        return self.hears(story.event(change, self.world.zuul, pipeline, patchset))

    def works(self):
        """Everything that is due now."""
        while self.stages.step() or self.comments.step():
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
        return [report.why for report in self.ledger.reports()]

    def irc(self):
        """The lines that are owed to channels, taken as sent."""
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
