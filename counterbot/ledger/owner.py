"""Which process has claimed a row, and whether it still lives. Knows nothing of rows."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def host() -> str:
    """Where pids mean the same: the host's name, its pid namespace, and the kernel's boot id."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{socket.gethostname()[:100]} {os.readlink('/proc/self/ns/pid')} {boot}"


@cache
def mark() -> str:
    """This process: host, pid and the time when it was started, since pids come again."""
    return f"{host()} {os.getpid()} {_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether the process of a mark is known to have ended. One of another host is not known."""
    name, boot, pid, started = owner.rsplit(" ", 3)
    here, now = host().rsplit(" ", 1)
    return name == here and (boot != now or _started(int(pid)) != started)


def _started(pid: int) -> str:
    """Clock ticks after the boot (proc(5), ``/proc/pid/stat``, field 22); ``""`` where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
