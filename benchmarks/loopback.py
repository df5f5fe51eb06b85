"""The world around a measured bot: loopback Gerrit, Zuul with logs and IRC, changes to report on, the bot itself.

It must not measure or judge; it notes when each review was stored, and ends what it started.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from subunit.v2 import StreamResultToBytes

import counterbot
from counterbot.core.counters.attachment import parse_counters
from counterbot.core.rules import Outcome, judge
from counterbot.demo import story
from counterbot.demo.gerrit import Gerrit, Stored
from counterbot.demo.irc import IrcServer
from counterbot.demo.sshd import make_key
from counterbot.demo.zuul import Zuul
from counterbot.files.rulebook import RuleBook

PACKAGE = Path(counterbot.__file__).parent
NAMES = 600
"""Counters of a build: about as many as a full SHOW GLOBAL STATUS has."""

RULES = PACKAGE / "demo/data/queries"
FINDINGS = [verdict.counter for rule in RuleBook(RULES).rules
            for verdict in judge(rule, parse_counters(json.dumps(story.HARD).encode()))
            if verdict.outcome is Outcome.OVER]
"""What each review is to name."""

TESTS, LOG = 200, 4600
"""Tests of the large stream, and bytes of log of each: about 1 MB in all."""


class Messages(list[Stored]):
    """The messages of a change; ``at`` are the moments they were stored, on the monotonic clock."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []
        self.stored = threading.Event()

    def append(self, message: Stored) -> None:
        """Store a message."""
        self.at.append(time.monotonic())
        super().append(message)
        self.stored.set()


class World:
    """The servers, with their changes, in a folder that also holds the bot's configuration and database."""

    def __init__(self, folder: Path, gerrit: Gerrit, zuul: Zuul, irc: IrcServer, rules: Path) -> None:
        self.folder, self.gerrit, self.zuul = folder, gerrit, zuul
        self.messages: dict[int, Messages] = {}
        (folder / "config.yaml").write_text(story.config(gerrit, zuul, irc, rules=str(rules)))
        self._jobs = (story.Job("tempest-full", _counters()), story.Job("openstack-tox-py311"),
                      story.Job("openstack-tox-pep8"))
        self._files = {job.name: _files(job) for job in self._jobs}

    def add_changes(self, first: int, number: int, *, builds: bool = True) -> list[story.Change]:
        """Make changes known to Gerrit and, with ``builds``, three builds of each to Zuul."""
        changes = [story.Change(first + at, f"Change {at}", self._jobs) for at in range(number)]
        for change in changes:
            known = self.gerrit.add_change(story.PROJECT, change.number, subject=change.subject)
            known.messages = self.messages[change.number] = Messages()
            for job in change.jobs if builds else ():
                self.zuul.add_build(story.uuid(change, job), job.name, self._files[job.name],
                                    project=story.PROJECT, change=change.number)
        return changes

    def report(self, change: story.Change) -> None:
        """Zuul comments on a change."""
        self.gerrit.emit(story.event(change, self.zuul))

    def stored_at(self, change: story.Change, until: float) -> float:
        """When the first message of a change was stored. Raises TimeoutError where there is none by ``until``."""
        messages = self.messages[change.number]
        if not messages.stored.wait(max(0.0, until - time.monotonic())):
            raise TimeoutError(f"no review of change {change.number} in time")
        return messages.at[0]

    def check_reviews(self, changes: list[story.Change]) -> None:
        """Raise AssertionError where a change has not just one review, or that lacks a finding."""
        for change in changes:
            texts = [message.text for message in self.messages[change.number]]
            assert len(texts) == 1, f"change {change.number} has {len(texts)} reviews"
            for counter in FINDINGS:
                assert counter in texts[0], f"the review of change {change.number} lacks {counter}: {texts[0]}"


@contextmanager
def world(folder: Path, rules: Path = RULES) -> Iterator[World]:
    """The servers, up, and a bot's configuration with these rules."""
    key = make_key(folder / "id_ed25519")
    with Gerrit({key: "counterbot"}) as gerrit, Zuul() as zuul, IrcServer() as irc:
        yield World(folder, gerrit, zuul, irc, rules)


@contextmanager
def process(*command: str, folder: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A Python process beside us, with our counterbot; ended by SIGTERM, and killed where that does not help."""
    search = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    with log.open("w") as stderr, subprocess.Popen(
            [sys.executable, *command], cwd=folder, env={**os.environ, "PYTHONPATH": search}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()


def _counters() -> Mapping[str, Mapping[str, int]]:
    """The counters that break two bounds, and as many others as a real database server has."""
    others = {f"Status_variable_{number:03}": 1000 * number for number in range(NAMES)}
    return {**story.HARD, "mysql": {**others, **story.HARD["mysql"]}}


def _files(job: story.Job) -> dict[str, bytes]:
    return story.files(job) if job.counters is None else {
        **story.files(job), "testrepository.subunit": _stream(job.counters)}


def _stream(counters: Mapping[str, Mapping[str, int]]) -> bytes:
    """About 1 MB of tests with logs, which gzip packs about 7:1 as it does real ones, and behind it the counters."""
    out, chance = io.BytesIO(), random.Random(1)
    result = StreamResultToBytes(out)
    for number in range(TESTS):
        name = f"tempest.api.compute.servers.test_servers.ServersTest.test_{number}"
        result.status(test_id=name, test_status="inprogress")
        result.status(test_id=name, file_name="pythonlogging:''", file_bytes=_log(chance), mime_type="text/plain",
                      eof=True)
        result.status(test_id=name, test_status="success")
    document = {"__meta__": {"unixtime": 1795226871.5, "delta_seconds": 1312.4}, **counters}
    result.status(file_name="counters.json", file_bytes=json.dumps(document).encode(),
                  mime_type="application/json", eof=True)
    return out.getvalue()


def _log(chance: random.Random) -> bytes:
    text = ""
    while len(text) < LOG:
        text += (f"2026-11-21 02:07:44,{chance.randrange(1000):03} 91117 INFO [tempest.lib.common.rest_client] Request "
                 f"(ServersTest:test): 200 GET https://10.0.0.1/compute/v2.1/servers/{chance.getrandbits(64):x} "
                 f"0.{chance.randrange(1000):03}s\n")
    return text[:LOG].encode()
