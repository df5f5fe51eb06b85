"""Which process has claimed a row, and whether it still lives. Knows nothing of rows."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def kernel() -> str:
    """Where pids mean the same: the boot's id and the pid namespace, which a container has anew at each start."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}"


@cache
def mark() -> str:
    """This process: host, kernel, pid and the time when it was started, since pids come again."""
    return f"{socket.gethostname()[:100]} {kernel()} {os.getpid()} {_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether the process of a mark has ended; one of another host is not known.

    Two containers may have one host's name: what is taken from a live process by mistake is only done twice.
    """
    host, where, pid, started = owner.rsplit(" ", 3)
    return host == socket.gethostname()[:100] and (where != kernel() or _started(int(pid)) != started)


def _started(pid: int) -> str:
    """Clock ticks after the boot (proc(5), ``/proc/pid/stat``, field 22); ``""`` where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
