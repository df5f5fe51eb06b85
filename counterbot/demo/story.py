"""The events of ``counterbot demo``: four reports of Zuul, their builds, and the counters in their logs.

The comments are those of a Zuul 14.3 with OpenDev's messages. Starts no server.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from subunit.v2 import StreamResultToBytes

from .gerrit import Change as GerritChange
from .gerrit import Gerrit, comment_added
from .irc import IrcServer
from .zuul import Zuul

PROJECT = "openstack/nova"
CHANNEL = "#openstack-qa"


CONFIG = """\
gerrit:
  host: 127.0.0.1
  port: {gerrit.port}
  username: counterbot
  key_file: id_ed25519
  host_key: {gerrit.host_key}
zuul:
  accounts: [zuul]
  url: {zuul.url}
  logs: ["{zuul.logs}"]
rules: {rules}
database: sqlite:///counterbot.db
irc:
  host: 127.0.0.1
  port: {irc.port}
  tls: false
  nick: counterbot
  channels:
    "{channel}": {{projects: ["openstack/*"], pipelines: [check, gate]}}
report: {{deadline: {deadline}}}
"""


@dataclass(frozen=True)
class Job:
    """A build: its counters by group (None: the job collects none), and whether its logs are ever uploaded."""

    name: str
    counters: Mapping[str, Mapping[str, int]] | None = None
    logs: bool = True


@dataclass(frozen=True)
class Change:
    """A change that Zuul reports on."""

    number: int
    subject: str
    jobs: tuple[Job, ...] = ()


USUAL = {"mysql": {"Queries": 1_204_118, "Com_select": 583_207}, "queues": {"notifications_publish": 8_020}}
HARD = {"mysql": {"Queries": 1_300_000, "Com_select": 610_233}, "queues": {"notifications_publish": 9_410}}

CHANGES = (
    Change(1001, "Refresh the instance in every poll", (Job("openstack-tox-py311"), Job("tempest-full", HARD))),
    Change(1002, "Fix a typo", (Job("openstack-tox-py311"), Job("tempest-full", USUAL))),
    Change(1003, "Raise the API's minimum version", (Job("tempest-full", USUAL, logs=False),)),
    Change(1004, "Add a job", (Job("tempest-full-without-collector"),)),
)


def uuid(change: Change, job: Job) -> str:
    """A build's uuid, the same each time, so that comments are the same."""
    return f"{change.number:08x}{change.jobs.index(job):024x}"


def config(gerrit: Gerrit, zuul: Zuul, irc: IrcServer, *, rules: str = "queries/", deadline: int = 1200) -> str:
    """A configuration for these servers; the bot's key is ``id_ed25519`` beside it."""
    return CONFIG.format(gerrit=gerrit, zuul=zuul, irc=irc, channel=CHANNEL, rules=rules, deadline=deadline)


def prepare(gerrit: Gerrit, zuul: Zuul, changes: tuple[Change, ...] = CHANGES) -> None:
    """Make the changes known to Gerrit, and their builds to Zuul and its log server."""
    for change in changes:
        gerrit.add_change(PROJECT, change.number, subject=change.subject)
        for job in change.jobs:
            row = zuul.add_build(uuid(change, job), job.name, files(job), project=PROJECT, change=change.number)
            if not job.logs:
                zuul.forget(f"{row['log_url']}zuul-manifest.json")


def files(job: Job) -> dict[str, bytes]:
    """A job's logs."""
    return {"job-output.txt": b"2026-11-21 02:07:44.101 | PRE-RUN START\n",
            "testrepository.subunit": stream(job.counters)}


def stream(counters: Mapping[str, Mapping[str, int]] | None, tests: int = 12) -> bytes:
    """A subunit stream of some tests, and behind it the counters as a run-level attachment."""
    out = io.BytesIO()
    result = StreamResultToBytes(out)
    for number in range(tests):
        name = f"tempest.api.compute.servers.test_{number}"
        result.status(test_id=name, test_status="inprogress")
        result.status(test_id=name, file_name="stdout", file_bytes=b"x" * 100, mime_type="text/plain", eof=True)
        result.status(test_id=name, test_status="success")
    if counters is not None:
        document = {"__meta__": {"unixtime": 1795226871.5, "delta_seconds": 1312.4}, **counters}
        result.status(file_name="counters.json", file_bytes=json.dumps(document).encode(),
                      mime_type="application/json")
    return out.getvalue()


def event(change: Change, zuul: Zuul, pipeline: str = "check", patchset: int = 1) -> dict[str, Any]:
    """The comment-added event of Zuul's report on a change."""
    jobs = "\n".join(f"- {job.name} {zuul.page(uuid(change, job))} : SUCCESS in 1h 02m 03s" for job in change.jobs)
    intro = f"Build succeeded ({pipeline} pipeline).\n{zuul.url}/t/{zuul.tenant}/buildset/{buildset(change, patchset)}"
    text = f"Patch Set {patchset}: Verified+1\n\n{intro}\n\n{jobs}"
    return comment_added("zuul", GerritChange(PROJECT, change.number, change.subject), patchset, text, 1795226872)


def buildset(change: Change, patchset: int) -> str:
    return f"{change.number:016x}{patchset:016x}"
