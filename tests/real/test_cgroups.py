"""The systemd collector on this machine's own kernel: a process in a cgroup of the test's own, with known work.

Where the kernel runs cgroup v1, or has a controller off, that is what the collector must say.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterbot.collectors import Collected, Failed, systemd

WORK = """
import os, sys, time
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
kept = bytearray(64 << 20)
with open(sys.argv[2], "wb", buffering=0) as file:
    file.write(kept[: 8 << 20])
    os.fsync(file.fileno())
while time.process_time() < 0.5:
    pass
print("done", flush=True)
sys.stdin.read()
"""


def least(file: Path) -> dict[str, dict[str, int]]:
    """What that work costs. Some of the half second passed before it entered the cgroup; and only what lies
    on a device of its own is known to be written to one."""
    written = 8 << 20 if os.major(file.stat().st_dev) else 0
    return {"cpu": {"work_usec": 400_000}, "memory_peak": {"work": 64 << 20},
            "io": {"work_read_bytes": 0, "work_written_bytes": written}}


def mounted() -> Path | None:
    """Where cgroup v2 is mounted, if it is."""
    fields = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return next((Path(where) for _, where, kind, *_ in fields if kind == "cgroup2"), None)


@pytest.fixture
def slice_() -> Iterator[Path | None]:
    """A slice of the test's own at the top of the hierarchy, with each controller that there is; None where
    there is no hierarchy, or none that we may write to."""
    root = mounted()
    if root is None or not os.access(root / "cgroup.procs", os.W_OK):
        yield None
        return
    slice_ = root / f"counterbot-{os.getpid()}.slice"
    slice_.mkdir()
    try:
        for controller in (root / "cgroup.controllers").read_text().split():
            if controller in ("cpu", "io", "memory"):
                (root / "cgroup.subtree_control").write_text(f"+{controller}")
                (slice_ / "cgroup.subtree_control").write_text(f"+{controller}")
        yield slice_
    finally:
        for folder in (*slice_.glob("*.service"), slice_):
            folder.rmdir()


def collected(slice_: Path, *groups: str) -> Collected:
    given = systemd.Settings(("work",), groups, (slice_.name,), str(slice_.parent))
    return systemd.collect(given, 5, False)


def instance(slice_: Path, file: Path) -> str:
    """Do the work in a new unit; which instance the collector took it for, once it has seen what was done."""
    unit = slice_ / "work.service"
    unit.mkdir()
    command = [sys.executable, "-c", WORK, str(unit), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "done\n"
        controllers = (slice_ / "cgroup.subtree_control").read_text().split()
        for group, source in systemd.SOURCES.items():
            if group == "cpu" or source.controller in controllers:
                members = collected(slice_, group).groups[group]
                assert members.keys() == least(file)[group].keys()
                assert all(members[name] >= value for name, value in least(file)[group].items()), members
            else:
                with pytest.raises(Failed, match=f"^{group}: the kernel offers no {source.controller} controller"):
                    collected(slice_, group)
        found = collected(slice_, "cpu").instances["cpu.work_usec"]
        process.stdin.close()
    unit.rmdir()
    return found


def test_known_work_is_counted_and_a_unit_that_starts_anew_is_another(slice_, tmp_path):
    if slice_ is None:
        says_what_is_there()
        return
    first = instance(slice_, tmp_path / "file")
    assert instance(slice_, tmp_path / "file") != first
    with pytest.raises(Failed, match=r"^no running unit matches work in "):
        collected(slice_, "cpu")


def says_what_is_there():
    """The usual place is a hierarchy or is said to be none; whatever units run in it."""
    try:
        why = None if systemd.collect(systemd.Settings(), 5, False).groups else "empty"
    except Failed as error:
        why = str(error)
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        assert why is None or why.startswith("no running unit matches ")
    else:
        assert why.startswith("/sys/fs/cgroup is no cgroup v2 hierarchy: boot with ")


def test_the_usual_place():
    says_what_is_there()
