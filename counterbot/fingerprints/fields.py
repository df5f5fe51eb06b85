"""What is known of a build and of a log file, under the names that queries ask for.

The names are those of the old index (elastic-recheck's) and of OpenDev's newer one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..core.model import Build, Counters
from .nodes import Fields, Value

TAGS, FILENAME, LOG_URL = "tags", "filename", "log_url"
CONSOLE, SCREEN, OSLO = "console", "screen", "oslofmt"
SYSLOG, LIBVIRT, APACHE_ERROR, APACHE_COMBINED = "syslog", "libvirt", "apacheerror", "apachecombined"

GZ = ".gz"
SHORT_UUID = 7

_CONSOLE, _SCREEN = (CONSOLE, "console.html"), (SCREEN, OSLO)
CLASSES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple((re.compile(name), tags) for name, tags in (
    (r"console\.html", (CONSOLE,)),
    (r"job-output\.txt", _CONSOLE),
    (r"grenade\.sh\.txt", _CONSOLE),
    (r"grenade\.sh_log\.txt", (*_CONSOLE, "grenade")),
    (r"devstacklog\.txt\.summary", (*_CONSOLE, "devstack_summary")),
    (r"devstacklog\.txt", (*_CONSOLE, "devstack")),
    (r"apache/keystone\.txt", _SCREEN),
    (r"apache/horizon_error\.txt", (APACHE_ERROR,)),
    (r"syslog\.txt", (SYSLOG,)),
    (r"libvirtd\.txt", (LIBVIRT,)),
    (r"tempest\.txt", _SCREEN),
    (r"tempest_log\.txt", (*_SCREEN, "tempest", "devstack")),
    (r"javelin\.txt", _SCREEN),
    (r"dsvm-(?:functional|fullstack)-index\.txt", (OSLO,)),
    (r"screen-s-(?:account|container|object)\.txt", (SCREEN, APACHE_COMBINED)),
    (r"postci\.txt", (CONSOLE, "postci")),
    (r"var/log/extra/logstash\.txt", (CONSOLE, "postci")),
    (r"var/log/extra/errors\.txt", (CONSOLE, "errors")),
    (r"devstack-gate-.*\.txt", _CONSOLE),
    (r"screen-(?!peakmem_tracker|dstat|karaf|kubelet|mistral-engine|monasca-persister|monasca-api|ovn-northd).*\.txt",
     _SCREEN),
))
"""The files of the old index, found anywhere in the path, the first that fits, with their tags beside the file's name:
project-config's ``submit-logstash-jobs``, and system-config's ``jenkins-log-client.yaml`` for ``console.html``. Names
with ``_log`` and ``.summary`` are today's, tagged as in OpenDev's ``download-list.yaml``."""

PROJECTS = {"c": "cinder", "g": "glance", "key": "keystone", "keystone": "keystone", "n": "nova",
            "placement": "placement", "q": "neutron"}
"""OpenDev's newer index tags DevStack's services with their project, by the name's first part after ``screen-``."""

FACTS = {"job": "build_name", "branch": "build_branch", "project": "project", "pipeline": "build_queue"}
"""By what BuildFacts has of a build, the field; without ``voting``, which is a number."""

DEVSTACK, MULTINODE = "devstack", "multinode"
KINDS = frozenset({DEVSTACK, MULTINODE, *PROJECTS.values(), *(tag for _, tags in CLASSES for tag in tags)})
"""All tags that are no file's name, of files."""

_COUNTER = re.compile(r"[A-Za-z_][\w-]*\..+", re.DOTALL)


def is_counter(field: str) -> bool:
    """Whether a field is a counter, ``group.name``."""
    return _COUNTER.fullmatch(field) is not None


def is_number(field: str) -> bool:
    """Whether a field's values are numbers."""
    return field == "voting" or is_counter(field)


def of_build(build: Build, facts: Mapping[str, str] = {}, counters: Counters | None = None) -> Fields:
    """The fields of all records of a build, and its counters by name; what is not known ("") is no field.

    ``facts`` win over the build's row: what only the build itself knows, such as ``node_provider``. ``log_url`` is the
    log root; a file's is made of it by the Scanner.
    """
    known: dict[str, Value | None] = {
        "build_uuid": build.uuid, "build_name": build.job, "project": build.project, "build_branch": build.branch,
        "build_queue": build.pipeline, "build_change": _text(build.change), "build_patchset": _text(build.patchset),
        "voting": int(build.voting), LOG_URL: build.log_url, "build_zuul_url": "N/A",
        "build_status": "SUCCESS" if build.result == "SUCCESS" else "FAILURE",
    }
    known |= facts
    known.setdefault("build_short_uuid", str(known["build_uuid"])[:SHORT_UUID])
    if str(known["voting"]).isdecimal():
        known["voting"] = int(str(known["voting"]))  # a number since Zuul v3
    return {**{field: (value,) for field, value in known.items() if value not in (None, "")},
            **{name: (value,) for name, value in (counters.values if counters else {}).items()}}


def of_file(path: str) -> Fields:
    """A log file's tags and its names, by its path under the log root without ``.gz``.

    The old index named a compressed file with its ``.gz``; whether one is, nobody knows here, so both names are given.
    """
    name = path.rpartition("/")[2]
    tags = _class(path)
    return {TAGS: tuple(dict.fromkeys((name, name + GZ, *tags, *(_devstack(path, name) if tags else ())))),
            FILENAME: (path, path + GZ)}


def was_indexed(path: str) -> bool:
    """Whether the old index, or OpenDev's newer one, held such files at all."""
    return bool(_class(path))


def _class(path: str) -> tuple[str, ...]:
    return next((tags for name, tags in CLASSES if name.search(path)), ())


def _devstack(path: str, name: str) -> tuple[str, ...]:
    """The tags that only OpenDev's newer index has."""
    if not path.startswith(("controller/logs/", "compute")) or not name.startswith(("screen-", "syslog.txt")):
        return ()
    project = PROJECTS.get(name.removeprefix("screen-").split("-")[0].removesuffix(".txt"))
    return (DEVSTACK, *([project] if project else []), *([MULTINODE] if path.startswith("compute") else []))


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
