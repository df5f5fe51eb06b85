"""DevStack's ``performance.json``, versions 1 and 2, as counters. Runs nothing itself.

Needs
    The file, which DevStack's ``tools/get-stats.py`` writes. In DevStack's Zuul jobs the role
    ``capture-performance-data`` runs that script in ``post-run``, and a parent job's ``post-run`` comes after its
    child's: a job that collects in its own ``post-run`` must run the role or the script before. The bot reads the file
    from a job's logs anyway; this collector puts its counters into the attachment, e.g. for a check inside the job.

Settings
    ``files``
        Where the file may be; the first that exists is read. ``~`` is the home folder. Default:
        ``~/performance.json`` and ``/home/zuul/performance.json``, where the role puts it, and
        ``/opt/stack/logs/performance.json``.
    ``groups``
        What to take from it. Default: ``memory``, ``process``, ``db`` and ``api``.

Stanza
    It runs only where it is named. Use it only for the reading after the tests: before them there is no file, which is
    a failure.

    .. code-block:: yaml

        performance:
          files: ["~/performance.json"]
          groups: [memory, db, api]

Output
    .. code-block:: json

        {
         "api": {"compute.GET": 5201, "compute.POST": 987},
         "db": {"nova_cell1.SELECT": 83210, "nova_cell1.UPDATE": 9120},
         "memory": {"n-api": 261332992, "q-svc": 422805504},
         "process": {"mysqld": 618954752}
        }

    ``memory`` (of a DevStack unit) and ``process`` (resident, summed over processes of a name) are in bytes, as they
    were when the file was written, and never subtracted. ``db`` counts statements and ``api`` requests, summed over
    logs and agents; both count from the job's start, so without an earlier file they stay as they are.

Failures
    No file, a file that is not DevStack's, and a group with nothing in it, with its usual cause. A value that is no
    number, or a row without a name, is a failure too; the others are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core import limits
from ..core.counters.performance import parse_performance
from ..core.model import Counters, Number, Unreadable
from ..core.text.refusal import refusal
from . import Collected, Failed, File, Kind

GROUPS = {"memory": Kind.GAUGE, "process": Kind.GAUGE, "db": Kind.OF_THE_JOB, "api": Kind.OF_THE_JOB}

EMPTY = {
    "memory": "no unit devstack@*.service ran, or systemd does not account for their memory",
    "process": "Python's psutil was missing, or none of the processes ran",
    "db": "Python's pymysql was missing, or DevStack ran without MYSQL_GATHER_PERFORMANCE",
    "api": "no access log of Apache was given, or its format is not 'combined'",
}
"""Why a group of the file is empty, where it is."""

SECTIONS = {"memory": "services", "process": "processes", "db": "db", "api": "api"}


FILES = tuple(map(File, (
    "~/performance.json", "/home/zuul/performance.json", "/opt/stack/logs/performance.json")))


@dataclass(frozen=True)
class Settings:
    """What stands under ``performance`` in the settings."""

    files: tuple[File, ...] = FILES
    groups: tuple[str, ...] = tuple(GROUPS)

    def __post_init__(self) -> None:
        if unknown := [group for group in self.groups if group not in GROUPS]:
            raise ValueError(f"groups: {unknown[0]!r} is none of {', '.join(GROUPS)}")
        for name in ("files", "groups"):
            if not getattr(self, name):
                raise ValueError(f"{name}: must not be empty")


def collect(settings: Settings, _seconds: float, _again: bool) -> Collected:
    """Read the file. Raises Failed where there is none, or none that can be read."""
    path = next((path for each in settings.files if (path := Path(each).expanduser()).is_file()), None)
    if path is None:
        raise Failed(f"none of {', '.join(settings.files)} is a file: run DevStack's tools/get-stats.py before, or name"
                     " the place of what it wrote in 'files'")
    try:
        with path.open("rb") as stream:
            counters = parse_performance(stream.read(limits.COUNTERS_FILE + 1))
    except OSError as error:
        raise Failed(f"{path}: {refusal(error)}") from None
    except Unreadable as error:
        raise Failed(f"{path}: {error}; write it anew with DevStack's tools/get-stats.py") from None
    groups = {group: members for group in settings.groups if (members := _members(group, counters.values))}
    failures = tuple(f"{path}: {why}" for group in settings.groups for why in _failures(group, counters))
    if not groups:
        raise Failed("; ".join(failures))
    return Collected(groups, failures)


def _members(group: str, named: Mapping[str, Number]) -> dict[str, Number]:
    return {name.partition(".")[2]: value for name, value in named.items() if name.startswith(f"{group}.")}


def _failures(group: str, counters: Counters) -> list[str]:
    """What could not be read of a group, or why there is nothing of it."""
    section = SECTIONS[group]
    told = [f"{section}: {counters.failures[section]}"] if section in counters.failures else []
    spoilt = [f"{name}: {why}" for name, why in counters.unreadable.items() if name.startswith(f"{group}.")]
    return [*told, *spoilt] or ([] if _members(group, counters.values) else [f"{section} is empty: {EMPTY[group]}"])
