"""Reads one line of a log: its level, its module, its message and its time; and tells which files hold such lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .. import fields as names
from ..records import COLOUR, Layout, layout_of

CONSOLES = re.compile(r"(?:job-output\.txt|console\.html)\Z")
"""What Zuul and Jenkins themselves wrote of a job, at its log root."""

_NODE = re.compile(r"[^/]+/(?=logs/)")
_LOG = re.compile(r"(?:[^/]+/)?logs/(?:.+/)?[^/]+(?:\.txt|\.log)\Z")
_NO_LOG = re.compile(
    r"dstat|peakmem|memory_tracker|\bconf(?:ig)?\b|[._-](?:conf|ini|cfg|yaml|yml|json|csv|rc|xml|sql)\b|localrc|freeze"
    r"|dpkg-l|rpm-qa|sudoers|inventory|subunit|testr_results|journal\.|/etc/|/apache_config/|coredump")
"""Copies of configuration, lists and measurements, which are named like logs."""


def is_console(path: str) -> bool:
    """Whether a file is the job's own output, which tells when each test ran."""
    return CONSOLES.match(path) is not None


def wanted(path: str) -> bool:
    """Whether a file, by its path under the log root without ``.gz``, is a log of lines."""
    return names.was_indexed(path) or (_LOG.match(path) is not None and _NO_LOG.search(path) is None)


def label(path: str) -> str:
    """A file's path without its node's folder, so that a service on two nodes is one file."""
    return _NODE.sub("", path, count=1)


LEVELS = rb"DEBUG|INFO|WARNING|ERROR|TRACE|AUDIT|CRITICAL"
_CLOCK = rb"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_JOURNAL = rb"[A-Z][a-z]{2} [ 0-9][0-9] %b(?:\.[0-9]+)? \S+ [^\s:\[]+(?:\[[0-9]+\])?: " % _CLOCK
_ISO = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]%b(?:[.,][0-9]+)?" % _CLOCK
_CONTEXT = rb"(?:\[-\] ?|\[(?:(?:None )?req-|None\b)[^\]]*\] ?)?(?:\[instance: [^\]]*\] ?)?"
"""Request, user and project, and the server that a line is about."""
_ZUUL = re.compile(rb"%b \| (?:[\w.-]+ \| ?)?" % _ISO)
_CONSOLE = re.compile(rb"%b \| " % _ISO)
_SYSLOG = re.compile(_JOURNAL)
_SERVICE = re.compile(rb"(?:%b|%b (?:[0-9]+ )?)(?P<level>%b) \[?\b(?P<module>\S+)\b\]? ?%b" % (
    _JOURNAL, _ISO, LEVELS, _CONTEXT))
_UNLEVELLED = re.compile(rb"%b|%b " % (_JOURNAL, _ISO))
_OF_OTHERS = re.compile(
    rb"(?:%b|%bZ? (?:- |[0-9]+ )?)\[?(?P<level>%b|WARN|FATAL|SEVERE)\b\]?:? +"  # Java's
    rb"|(?P<letter>[IWEF])[0-9]{4} %b(?:\.[0-9]+)? +[0-9]+ " % (_JOURNAL, _ISO, LEVELS, _CLOCK))  # Go's klog
_LEVELS = {
    b"WARN": b"WARNING", b"FATAL": b"CRITICAL", b"SEVERE": b"ERROR",
    b"I": b"INFO", b"W": b"WARNING", b"E": b"ERROR", b"F": b"CRITICAL",
    b"debug": b"INFO", b"info": b"INFO", b"notice": b"INFO", b"warning": b"WARNING", b"warn": b"WARNING",
    b"error": b"ERROR", b"crit": b"CRITICAL"}
"""Others' names for a level."""
_TIME = re.compile(rb"(?:[A-Z][a-z]{2} [ 0-9][0-9] |[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]|[IWEF][0-9]{4} )"
                   rb"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Said:
    """What a line says. ``level`` and ``module`` are "" where it has none."""

    level: str
    module: str
    message: str


def split(line: str, path: str = "") -> Said:
    """A line of a file, without its time, node, process and request; path "" is the console's, or any service's."""
    data = COLOUR.sub(b"", line.encode(errors="replace"))
    level, module, at = head(data, kind_of(path or (CONSOLE if _ZUUL.match(data) else SERVICE)))
    return Said(level.decode(), module.decode(errors="replace"), data[at:].decode(errors="replace"))


CONSOLE, SERVICE = "job-output.txt", "screen-.txt"
"""As lines of which file those are read whose path is not known."""


@dataclass(frozen=True)
class Kind:
    """How a file's lines look. ``quick`` finds the same head as ``layout`` in most of them, and in none where that is
    NEVER. ``levelled``: it tells of a level."""

    layout: Layout
    quick: re.Pattern[bytes]
    levelled: bool


@lru_cache(maxsize=1024)
def kind_of(path: str) -> Kind:
    """By a file's path. In a file that neither index held a service's lines are looked for."""
    file = names.of_file(path)
    layout = layout_of(path, file)
    if is_console(path):
        return Kind(layout, _ZUUL, False)
    for tag, quick in ((names.CONSOLE, _CONSOLE), (names.APACHE_COMBINED, NEVER), (names.APACHE_ERROR, NEVER),
                       (names.LIBVIRT, NEVER), (names.SYSLOG, _SYSLOG)):
        if tag in file[names.TAGS]:
            return Kind(layout, quick, False)
    return Kind(layout, _SERVICE, True)


NEVER = re.compile(rb"(?!)")


def head(line: bytes, kind: Kind) -> tuple[bytes, bytes, int]:
    """A line's level and module, and where its message begins, which is in that of the old index's record."""
    found = kind.quick.match(line)
    if found:
        return (found["level"], found["module"], found.end()) if kind.levelled else (b"", b"", found.end())
    if kind.levelled and kind.layout.head is None and (found := _OF_OTHERS.match(line)):
        return _level(found["level"] or found["letter"]), b"", found.end()
    start = _UNLEVELLED.match(line) if kind.levelled else None
    at = start.end() if start else 0
    match = None if kind.layout.rewrites else kind.layout.matched(line)
    if not match:
        return b"", b"", at
    known = match.groupdict()
    return _level(known.get("loglevel") or b""), known.get("module") or b"", max(at, match.start("message"))


def _level(said: bytes) -> bytes:
    return _LEVELS.get(said, said)


def moment(line: bytes) -> int | None:
    """A line's second of the day; None where it begins with no time."""
    found = _TIME.match(line)
    return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3]) if found else None
