"""The last part of ``counterbot demo``: four changes whose job fails alike in the gate, by something that no rule
knows, and builds of that job that passed. Starts no server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from .gerrit import Gerrit
from .story import COMPUTE_LOG, PROJECT, Change, Job, uuid
from .zuul import Zuul

NOW = 1_795_226_872
"""Epoch seconds of the demo's present, at which its builds end: Nov 21 2026, 02:07:52 UTC."""

JOB = "nova-live-migration"
PASSED = 20
"""Builds of the job."""

API_LOG = "controller/logs/screen-n-api.txt"
TESTS = ("tempest.api.compute.volumes.test_attach_volume.AttachVolumeTestJSON.test_attach_detach_volume",
         "tempest.api.compute.admin.test_live_migration.LiveMigrationTest.test_volume_backed_live_migration",
         "tempest.scenario.test_volume_boot_pattern.TestVolumeBootPattern.test_volume_boot_pattern")
CHANGES = (
    Change(1006, "Log the server's flavor", (Job(JOB, failed=TESTS[0]),)),
    Change(1007, "Remove an old option", (Job(JOB, failed=TESTS[1]),)),
    Change(1008, "Count retries of the scheduler", (Job(JOB, failed=TESTS[2]),)),
    Change(1009, "Mention the limits in the guide", (Job(JOB, failed=TESTS[0]),)),
)

ROOT = "ERROR os_brick.initiator.linuxscsi [None req-{id}-77 demo demo] multipathd still holds device dm-{count}," \
       " flush of volume {id}-4c1e-4b0a-9d6f-0c5d8f1e2a3b gave up after {count} tries"
USUAL = ("INFO nova.compute.claims [None req-{id}-12 demo demo] Claim successful on node np00{count}17",
         "INFO nova.virt.libvirt.driver [-] Instance spawned successfully after {count} seconds",
         "WARNING nova.compute.resource_tracker [-] Instance {id}-5d2f-4e6b-8a9c-1b2c3d4e5f60 is not being managed",
         "INFO nova.compute.manager [None req-{id}-31 demo demo] Took {count}.41 seconds to build instance")
CASCADE = "ERROR oslo_messaging.rpc.server [None req-{id}-77 demo demo] Exception during message handling:" \
          " Volume {id}-4c1e-4b0a-9d6f-0c5d8f1e2a3b could not be detached"
API = "INFO nova.api.openstack.requestlog [None req-{id}-12 demo demo] 10.0.0.{count} \"GET /servers\" status: 200"


CONFIG = """\
unexplained: {days: 36500}  # the demo's builds all end on Nov 21 2026
"""


def prepare(gerrit: Gerrit, zuul: Zuul, now: float = NOW) -> None:
    """Make the changes known to Gerrit, and their builds, and those that passed, to Zuul. They ended before ``now``, in
    epoch seconds."""
    for at in range(PASSED):
        add_passed(zuul, at, now - 3600 * (at + 2))
    for at, change in enumerate(CHANGES):
        gerrit.add_change(PROJECT, change.number, subject=change.subject)
        add_failed(zuul, change, at, now - 600 * (len(CHANGES) - at))


def passed() -> list[str]:
    """The uuids of the builds that passed."""
    return [f"{0xABC:08x}{at:024x}" for at in range(PASSED)]


def add_passed(zuul: Zuul, at: int, ended: float, pipeline: str = "gate") -> dict[str, Any]:
    """A build of the job that passed."""
    return _add(zuul, passed()[at], logs(at), ended, pipeline, change=2000 + at)


def add_failed(zuul: Zuul, change: Change, at: int, ended: float, pipeline: str = "gate") -> dict[str, Any]:
    """A change's build of the job that failed."""
    [job] = change.jobs
    return _add(zuul, uuid(change, job), logs(100 + at, job.failed), ended, pipeline, change=change.number,
                result="FAILURE")


def _add(zuul: Zuul, build: str, files: Mapping[str, bytes], ended: float, pipeline: str, *, change: int,
         result: str = "SUCCESS") -> dict[str, Any]:
    row = zuul.add_build(build, JOB, files, result=result, project=PROJECT, change=change)
    end = datetime.fromtimestamp(ended, timezone.utc)
    row = {**row, "pipeline": pipeline, "duration": 4500.0, "end_time": f"{end:%Y-%m-%dT%H:%M:%S}",
           "start_time": f"{end - timedelta(seconds=4500):%Y-%m-%dT%H:%M:%S}"}
    zuul.serve_row(row)
    return row


def logs(at: int, failed: str = "") -> dict[str, bytes]:
    """What a build leaves: the job's console, and two services' logs. Ids and numbers are the build's own."""
    compute = [(second, USUAL[second % len(USUAL)]) for second in range(40)]
    if failed:
        compute += [(21, ROOT), *([(22, CASCADE)] if at % 2 else [])]
    return {"job-output.txt": _console(at, failed), COMPUTE_LOG: _service("nova-compute", at, sorted(compute)),
            API_LOG: _service("devstack@n-api.service", at, [(second, API) for second in range(40)])}


def _console(at: int, failed: str) -> bytes:
    """The tests, one each two seconds; the one that failed ran from second 15 to 30."""
    said = [(2 * number, f"{{{number % 4}}} tempest.api.compute.servers.test_{number}.ServersTest.test_it [1.5{at:05}s]"
                         " ... ok") for number in range(20)]
    if failed:
        volume = _values(at)["id"]
        said += [(30, line) for line in (
            f"{{1}} {failed} [15.2{at:05}s] ... FAILED", "", "Captured traceback:", "~~~~~~~~~~~~~~~~~~~",
            "    Traceback (most recent call last):", '      File "tempest/common/waiters.py", line 301, in wait',
            f"    tempest.lib.exceptions.TimeoutException: volume {volume}-4c1e-4b0a-9d6f-0c5d8f1e2a3b failed to reach"
            " available status", "")]
    said += [(40, f"Ran: {len(said)} tests in 40.0{at:05} sec.")]
    return "".join(f"2026-11-21 02:06:{second:02}.1{at:05} | controller | {line}\n"
                   for second, line in sorted(said, key=lambda each: each[0])).encode()


def _service(program: str, at: int, said: list[tuple[int, str]]) -> bytes:
    values = _values(at)
    return "".join(f"Nov 21 02:06:{second:02}.2{at:05} np00{values['count']}17 {program}[9{at:03}]: "
                   f"{line.format(**values)}\n" for second, line in said).encode()


def _values(at: int) -> dict[str, object]:
    """What differs from build to build."""
    return {"id": f"{0x3F2C71A0 + 7919 * at:08x}", "count": 3 + at % 7}
