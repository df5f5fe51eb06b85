r"""Peak memory, CPU time and I/O of systemd's units, from the kernel's cgroup v2 files. Asks systemd nothing.

Needs
    cgroup v2, the default since Debian 11, Ubuntu 21.10 and RHEL 9; no root. Peak memory needs Linux 5.19 or later. I/O
    is counted only with ``DefaultIOAccounting=yes`` in ``/etc/systemd/system.conf`` and ``systemctl daemon-reexec``, or
    ``IOAccounting=yes`` in a unit; otherwise leave ``io`` out of ``groups``.

Settings
    ``units``
        Shell patterns of units, of which any must match. ``.service`` may be left out; units of another kind are named
        in full: ``machine-qemu*.scope``, ``system-devstack.slice``. Default: ``devstack@*``, ``mariadb``,
        ``rabbitmq-server`` and ``apache2``.
    ``groups``
        What to read. Default: ``memory_peak``, ``cpu`` and ``io``.
    ``slices``
        Where the units are, in and below; paths under ``root``. Default: ``system.slice``. A person's units are in
        ``user.slice/user-1000.slice/user@1000.service/app.slice``.
    ``root``
        Where cgroup v2 is mounted. Default: ``/sys/fs/cgroup``.

Stanza
    .. code-block:: yaml

        systemd:
          units: ["devstack@*", mariadb, "rabbitmq*", "system-devstack.slice"]
          groups: [memory_peak, cpu]

Output
    .. code-block:: json

        {
         "cpu": {"mariadb_usec": 81265304, "n-api_usec": 45110873},
         "io": {"mariadb_read_bytes": 1130496, "mariadb_written_bytes": 418840576},
         "memory_peak": {"mariadb": 372097024, "n-api": 261332992}
        }

    Units have their names, without ``devstack@`` and ``.service``, and with systemd's escapes (``\x2d``) as
    ``systemctl`` shows them. ``memory_peak`` is in bytes, the largest since the unit started, and never subtracted.
    ``cpu`` is in microseconds of all processors. ``io`` is the sum of what block devices read and wrote; where one is
    on top of another (LVM, RAID), bytes may count in both.

Failures
    No cgroup v2, no unit that matches, two units with the same name, a controller that is off, and an old kernel. A
    unit that is named without a pattern and does not run is ``absent``, and so is a counter that is off for one unit
    and not for others. A unit that ends while it is read counts as not running. A unit that was restarted between two
    readings has no difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..core.counters.snapshot import Instance
from ..core.model import Number
from ..core.text.refusal import refusal
from . import Collected, Failed, File, Kind

GROUPS = {"memory_peak": Kind.GAUGE, "cpu": Kind.FROM_ZERO, "io": Kind.FROM_ZERO}

KINDS = (".service", ".scope", ".slice", ".socket", ".mount", ".swap")
"""Of units that have a cgroup: systemd.resource-control(5)."""

CGROUPS = File("/sys/fs/cgroup")
Values = tuple[Number, ...]


@dataclass(frozen=True)
class Settings:
    """What stands under ``systemd`` in the settings."""

    units: tuple[str, ...] = ("devstack@*", "mariadb", "rabbitmq-server", "apache2")
    groups: tuple[str, ...] = tuple(GROUPS)
    slices: tuple[str, ...] = ("system.slice",)
    root: File = CGROUPS

    def __post_init__(self) -> None:
        if unknown := [group for group in self.groups if group not in GROUPS]:
            raise ValueError(f"groups: {unknown[0]!r} is none of {', '.join(GROUPS)}")
        for name in ("units", "groups", "slices"):
            if not getattr(self, name):
                raise ValueError(f"{name}: must not be empty")


@dataclass(frozen=True)
class Unit:
    """A running unit. ``cgroup`` is an inode's number, which the kernel gives anew when the unit starts anew."""

    name: str
    folder: Path
    cgroup: int


@dataclass(frozen=True)
class Source:
    """The file that a group comes from, the ends of its counters' names, and their values in the file's text."""

    file: str
    controller: str
    ends: tuple[str, ...]
    values: Callable[[str], Values]


def collect(settings: Settings, _seconds: float, _again: bool) -> Collected:
    """Read the units' files; the kernel answers at once. Raises Failed where there is nothing to read."""
    root = Path(settings.root)
    controllers = _controllers(root)
    units = _units(root, settings)
    running = {unit.name for unit in units}
    idle = [name for pattern in settings.units if (name := _single(pattern)) is not None and name not in running]
    parts, failures = [], []
    for group in settings.groups:
        try:
            parts.append(_group(group, units, idle, controllers))
        except Failed as error:
            failures.append(f"{group}: {error}")
    if not parts:
        raise Failed("; ".join(failures))
    return Collected(
        {group: members for part in parts for group, members in part.groups.items()}, tuple(failures),
        frozenset().union(*(part.absent for part in parts)),
        {name: cgroup for part in parts for name, cgroup in part.instances.items()},
        made={group: " ".join((*settings.units, "in", *settings.slices)) for part in parts for group in part.groups})


def _group(group: str, units: Sequence[Unit], idle: Sequence[str], controllers: frozenset[str]) -> Collected:
    """A group's counters of all units. Raises Failed where no unit has it, or a file cannot be read."""
    source = SOURCES[group]
    members: dict[str, Number] = {}
    instances: dict[str, Instance] = {}
    absent = [name + end for name in idle for end in source.ends]
    why = "every unit that matched ended while it was read"
    for unit in units:
        names = [unit.name + end for end in source.ends]
        values = _values(source, unit.folder)
        if values is not None and _inode(unit.folder) == unit.cgroup:
            members.update(zip(names, values, strict=True))
            instances.update(dict.fromkeys((f"{group}.{name}" for name in names), str(unit.cgroup)))
            continue
        absent += names
        if values is None and unit.folder.exists():
            why = _off(group, unit.folder, controllers)
    if not members:
        raise Failed(why)
    return Collected({group: members}, absent=frozenset(f"{group}.{name}" for name in absent), instances=instances)


# -- where the units are


def _controllers(root: Path) -> frozenset[str]:
    """What this hierarchy may count. Raises Failed where it is none."""
    try:
        return frozenset((root / "cgroup.controllers").read_text().split())
    except OSError:
        pass
    cpu_alone = f"; for CPU time alone, set root to {root}/unified and groups to [cpu]" \
        if (root / "unified/cgroup.controllers").exists() else ""
    raise Failed(f"{root} is no cgroup v2 hierarchy: boot with systemd.unified_cgroup_hierarchy=1, or leave "
                 f"systemd out of the collectors{cpu_alone}")


def _units(root: Path, settings: Settings) -> list[Unit]:
    """The units that match. Raises Failed where none does, and where two would have the same name."""
    patterns = [_in_full(pattern) for pattern in settings.units]
    found: dict[str, Unit] = {}
    for folder in dict.fromkeys(folder for slice_ in settings.slices for folder in _folders(root / slice_.strip("/"))):
        full = folder.name.removeprefix("_")  # systemd puts it before names that the kernel itself uses
        if not full.endswith(KINDS) or not any(fnmatchcase(full, pattern) for pattern in patterns):
            continue
        unit = Unit(_shown(full), folder, _inode(folder))
        other = found.setdefault(unit.name, unit)
        if other is not unit:
            raise Failed(f"{unit.name} would be {other.folder} and {folder}: let 'units' and 'slices' match one of"
                         " them")
    if not found:
        raise Failed(f"no running unit matches {', '.join(settings.units)} in {', '.join(settings.slices)} of {root}: "
                     "name others in 'units', or leave systemd out of the collectors")
    return list(found.values())


def _folders(slice_: Path) -> Iterator[Path]:
    """The cgroups of a slice and of the slices in it; not those inside a service."""
    try:
        with os.scandir(slice_) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return  # it is not there, or ended just now
    for name in names:
        yield slice_ / name
        if name.endswith(".slice"):
            yield from _folders(slice_ / name)


def _inode(folder: Path) -> int:
    """0 where it is not there any more."""
    try:
        return folder.stat().st_ino
    except OSError:
        return 0


def _in_full(pattern: str) -> str:
    return pattern if pattern.endswith(KINDS) else f"{pattern}.service"


def _shown(unit: str) -> str:
    return unit.removeprefix("devstack@").removesuffix(".service")


def _single(pattern: str) -> str | None:
    """The name of the one unit that is meant; None for a pattern of several."""
    return None if re.search(r"[*?\[]", pattern) else _shown(_in_full(pattern))


# -- what they hold


def _values(source: Source, folder: Path) -> Values | None:
    """None where the file is not there. Raises Failed where it cannot be read."""
    path = folder / source.file
    try:
        return source.values(path.read_text())
    except OSError as error:
        if folder.exists() and not isinstance(error, FileNotFoundError):
            raise Failed(f"{path}: {refusal(error)}") from None
        return None
    except (LookupError, ValueError):
        raise Failed(f"{path} is not what the kernel writes") from None


def _off(group: str, folder: Path, controllers: frozenset[str]) -> str:
    """Why a file is not there, and what to do."""
    controller, otherwise = SOURCES[group].controller, f"or leave {group} out of 'groups'"
    if group == "memory_peak" and (folder / "memory.current").exists():
        return f"this kernel is older than 5.19, which peak memory needs: take a newer one, {otherwise}"
    if controller not in controllers:
        return f"the kernel offers no {controller} controller in cgroup v2: boot with it, {otherwise}"
    word = {"memory": "Memory", "cpu": "CPU", "io": "IO"}[controller]
    return (f"the {controller} controller is not enabled for {folder.name}: set Default{word}Accounting=yes in "
            f"/etc/systemd/system.conf and run systemctl daemon-reexec, {otherwise}")


def _usage(text: str) -> Values:
    """``usage_usec 81265304``, a line among others."""
    return (int(dict(line.split() for line in text.splitlines())["usage_usec"]),)


def _moved(text: str) -> Values:
    """``8:0 rbytes=1130496 wbytes=4096 rios=…``, a line a device. Some kernels put two devices on one line."""
    read, written = (sum(map(int, re.findall(rf"\b{name}=([0-9]+)", text))) for name in ("rbytes", "wbytes"))
    return read, written


SOURCES = {
    "memory_peak": Source("memory.peak", "memory", ("",), lambda text: (int(text),)),
    "cpu": Source("cpu.stat", "cpu", ("_usec",), _usage),
    "io": Source("io.stat", "io", ("_read_bytes", "_written_bytes"), _moved),
}
