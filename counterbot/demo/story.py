"""The events of ``counterbot demo``: five reports of Zuul, their builds, and what is in their logs.

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
    """A build: its counters by group (None: the job collects none), and whether its logs are ever uploaded.

    ``failed`` is the test that failed, and with it the build; ``compute`` is a line of nova-compute's log, and its
    number.
    """

    name: str
    counters: Mapping[str, Mapping[str, int]] | None = None
    logs: bool = True
    failed: str = ""
    compute: tuple[int, str] | None = None

    @property
    def result(self) -> str:
        return "FAILURE" if self.failed else "SUCCESS"


@dataclass(frozen=True)
class Change:
    """A change that Zuul reports on."""

    number: int
    subject: str
    jobs: tuple[Job, ...] = ()


USUAL = {"mysql": {"Queries": 1_204_118, "Com_select": 583_207}, "queues": {"notifications_publish": 8_020}}
HARD = {"mysql": {"Queries": 1_300_000, "Com_select": 610_233}, "queues": {"notifications_publish": 9_410}}

COMPUTE_LOG = "controller/logs/screen-n-cpu.txt"
JOURNAL = "Nov 21 02:10:11.123456 np0043217786 nova-compute[98512]: "
FINE = JOURNAL + "DEBUG oslo_concurrency.lockutils [None req-7d1c] Releasing lock {{(pid=98512) lock lockutils.py:312}}"
NO_REPLY = JOURNAL + "ERROR nova.compute.manager [None req-8b3c] Timed out waiting for a reply to vif-plugged"
NO_CONSOLE = JOURNAL + "ERROR oslo_messaging.rpc.server [None req-9e4f] Failed to get console output of a server"

FAILED_BASIC_OPS = ("tempest.scenario.test_network_basic_ops.TestNetworkBasicOps.test_network_basic_ops"
                    "[compute,id-f323b3ba-82f8-4db7-8ea6-6a895869ec49,network,smoke]")
FAILED_CONSOLE = "tempest.api.compute.servers.test_server_actions.ServerActionsTestJSON.test_get_console_output"
FAILED_UNIT = "nova.tests.unit.compute.test_manager.ManagerTest.test_live_migration"
TRACEBACK = b"""\
Traceback (most recent call last):
  File "unittest/case.py", line 703, in fail
    raise self.failureException(msg)
AssertionError: it took too long
"""

CHANGES = (
    Change(1001, "Refresh the instance in every poll", (Job("openstack-tox-py311"), Job("tempest-full", HARD))),
    Change(1002, "Fix a typo", (Job("openstack-tox-py311"), Job("tempest-full", USUAL))),
    Change(1003, "Raise the API's minimum version", (Job("tempest-full", USUAL, logs=False),)),
    Change(1004, "Add a job", (Job("tempest-full-without-collector"),)),
    Change(1005, "Move a server's volumes first", (
        Job("grenade", failed=FAILED_BASIC_OPS, compute=(1_204, NO_REPLY)),
        Job("tempest-full", USUAL, failed=FAILED_CONSOLE, compute=(48_211, NO_CONSOLE)),
        Job("nova-tox-py312", failed=FAILED_UNIT),
    )),
)

TOLD = (1001, 1005)
"""The changes that get a comment, and a line on IRC each."""


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
            row = zuul.add_build(uuid(change, job), job.name, files(job), result=job.result, project=PROJECT,
                                 change=change.number)
            if not job.logs:
                zuul.forget(f"{row['log_url']}zuul-manifest.json")


def files(job: Job) -> dict[str, bytes]:
    """A job's logs."""
    usual = {"job-output.txt": output(job.failed), "testrepository.subunit": stream(job.counters, failed=job.failed)}
    return usual | ({COMPUTE_LOG: compute_log(*job.compute)} if job.compute else {})


def compute_log(number: int, line: str) -> bytes:
    """nova-compute's log with this line, counted from 1, among others."""
    return "\n".join([FINE] * (number - 1) + [line] + [FINE] * 1000).encode()


def output(failed: str) -> bytes:
    """What Zuul's executor wrote, with the test that failed if one did."""
    said = [f"controller | {{0}} {failed} [196.118420s] ... FAILED"] if failed else []
    return "".join(f"2026-11-21 02:07:44.101337 | {line}\n" for line in ("PRE-RUN START", *said)).encode()


def stream(counters: Mapping[str, Mapping[str, int]] | None, tests: int = 12, failed: str = "") -> bytes:
    """A subunit stream of some tests, one that failed if its id is given, and behind them the counters as a run-level
    attachment."""
    out = io.BytesIO()
    result = StreamResultToBytes(out)
    for number in range(tests):
        name = f"tempest.api.compute.servers.test_{number}"
        result.status(test_id=name, test_status="inprogress")
        result.status(test_id=name, file_name="stdout", file_bytes=b"x" * 100, mime_type="text/plain", eof=True)
        result.status(test_id=name, test_status="success")
    if failed:
        result.status(test_id=failed, test_status="inprogress")
        result.status(test_id=failed, file_name="traceback", file_bytes=TRACEBACK, eof=True,
                      mime_type='text/x-traceback; charset="utf8"; language="python"')
        result.status(test_id=failed, test_status="fail")
    if counters is not None:
        document = {"__meta__": {"unixtime": 1795226871.5, "delta_seconds": 1312.4}, **counters}
        result.status(file_name="counters.json", file_bytes=json.dumps(document).encode(),
                      mime_type="application/json")
    return out.getvalue()


HELP = """For information on how to proceed, see
https://docs.opendev.org/opendev/infra-manual/latest/developers.html#automated-testing
"""


def event(change: Change, zuul: Zuul, pipeline: str = "check", patchset: int = 1) -> dict[str, Any]:
    """The comment-added event of Zuul's report on a change."""
    jobs = "\n".join(f"- {job.name} {zuul.page(uuid(change, job))} : {job.result} in 1h 02m 03s" for job in change.jobs)
    failed = any(job.failed for job in change.jobs)
    intro = f"Build failed ({pipeline} pipeline).  {HELP}" if failed else f"Build succeeded ({pipeline} pipeline)."
    page = f"{zuul.url}/t/{zuul.tenant}/buildset/{buildset(change, patchset)}"
    text = f"Patch Set {patchset}: Verified{'-' if failed else '+'}1\n\n{intro}\n{page}\n\n{jobs}"
    return comment_added("zuul", GerritChange(PROJECT, change.number, change.subject), patchset, text, 1795226872)


def buildset(change: Change, patchset: int) -> str:
    return f"{change.number:016x}{patchset:016x}"
