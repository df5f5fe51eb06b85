"""A Gerrit event line -> Report or Ignored(why). Looks nothing up and follows no link.

Of Zuul's comment only job names and build URLs are taken, and the pipeline and buildset from its
introduction: result texts, durations and vote prefixes are the operator's to change. Formats:
Gerrit's ``cmd-stream-events`` manual; Zuul's ``reporter/__init__.py``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from . import limits
from .inert import inert
from .model import BuildLink, Ignored, PatchSet, Report, Unreadable


@dataclass(frozen=True)
class Recognition:
    """What tells a CI report from other comments.

    ``zuul_url`` is the web root under which build pages must stand (None: anywhere); ``own_account``
    is the bot's user name, whose comments never count.
    """

    accounts: frozenset[str]
    server: str = ""
    own_account: str | None = None
    zuul_url: str | None = None


_VOTES = re.compile(r"\APatch Set \d+:[^\n]*\n+")
_JOB = re.compile(r"- (?P<job>\S.*?) (?P<url>https?://\S+) : ")
_CUT_JOB = re.compile(r"- (?P<job>\S.*?) (?P<url>https?://\S+/build/[0-9a-f]{32})(?![0-9a-f])")
"""Zuul cuts a long report anywhere and puts ``... (truncated)`` there: a whole build page still counts."""

_BUILD = re.compile(r"/build/([0-9a-f]{32})/?\Z")
_BUILDSET = re.compile(r"/buildset/([0-9a-f]{32})(?![0-9a-f])")
"""Without the root before it: a search for that would be quadratic on a text of many ``http://``."""

_PIPELINE = re.compile(r"\(([^()\s]{1,100}) pipeline\)")
_HALF = re.compile("[\x00\ud800-\udfff]")
"""NUL and halves of surrogate pairs, which no database takes as text."""


def parse_line(line: bytes) -> dict[str, object]:
    """The event of one line of ``gerrit stream-events``. Raises Unreadable where it is none."""
    if len(line) > limits.EVENT_LINE:
        raise Unreadable(f"line of {len(line):,} bytes, more than the {limits.EVENT_LINE:,} that are read")
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    try:
        event = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # Of a line cut short, the last column there is.
        raise Unreadable(f"not JSON: {error.msg} at column {min(error.colno, max(1, len(text)))}") from None
    except RecursionError:
        raise Unreadable("not JSON that can be read: it is nested too deeply") from None
    if not isinstance(event, dict):
        raise Unreadable(f"no event: a JSON {_kind(event)} instead of an object")
    if not isinstance(event.get("type"), str):
        raise Unreadable("no event: it has no type")
    return event


def _number(digits: str) -> int | str:
    """Thousands of digits stay text: to turn them into a number is slow or refused, and none means anything here."""
    return int(digits) if len(digits) <= limits.DIGITS else digits


_DECODER = json.JSONDecoder(parse_int=_number)


def digest(line: bytes) -> str:
    """The same for the same event whoever delivers it: SHA-256 of its canonical JSON, else of its bytes."""
    try:
        canonical = json.dumps(parse_line(line), sort_keys=True, separators=(",", ":")).encode()
    except (Unreadable, RecursionError):
        canonical = line
    return hashlib.sha256(canonical).hexdigest()


def recognise(event: Mapping[str, object], settings: Recognition) -> Report | Ignored:
    """What an event asks of the bot."""
    kind = event.get("type")
    if kind != "comment-added":
        return Ignored(f"event type {_short(str(kind))}")
    author = _text(_mapping(event.get("author")).get("username"))
    if author is not None and author == settings.own_account:
        return Ignored("the bot's own comment")
    if author not in settings.accounts:
        return Ignored(f"author {_short(author or 'unknown')} is no CI account")
    text = _VOTES.sub("", _comment(event), count=1)
    builds = tuple(dict.fromkeys(_job_lines(text)))
    if not builds:
        return Ignored(f"no build in the comment: {_short(_first_line(text))}")
    patchset = _patchset(event, settings.server)
    if isinstance(patchset, Ignored):
        return patchset
    introduction = _introduction(text)
    return _within(Report(patchset, _pipeline(introduction), _buildset(introduction), builds), settings.zuul_url)


def _within(report: Report, zuul_url: str | None) -> Report | Ignored:
    if zuul_url is None or any(follows(link, zuul_url) for link in report.builds):
        return report
    return Ignored(f"no build page under {zuul_url}: {_short(report.builds[0].url)}")


def follows(link: BuildLink, zuul_url: str) -> bool:
    """Whether a job line leads to a build of the Zuul whose web root is given."""
    return link.uuid is not None and link.url.startswith(zuul_url.rstrip("/") + "/")


def _comment(event: Mapping[str, object]) -> str:
    """The comment's text; Gerrit 3.3 and later may carry it as a patch-set-level comment beside it, or in both."""
    level = _mapping(event.get("patchSetComments")).get("/PATCHSET_LEVEL")
    beside = [_mapping(comment).get("message") for comment in level] if isinstance(level, list) else []
    return "\n\n".join(_text(part) or "" for part in (event.get("comment"), *beside))


def _introduction(text: str) -> str:
    """What stands before the first job; in an operator's own words there may be other lines that begin with a dash."""
    return "\n".join(takewhile(lambda line: not _job(line), text.split("\n")))


def _job(line: str) -> re.Match[str] | None:
    return (_JOB.match(line) or _CUT_JOB.match(line)) if line.startswith("- ") else None


def _job_lines(text: str) -> Iterable[BuildLink]:
    for line in text.split("\n"):
        match = _job(line)
        if match and len(match["job"]) <= limits.JOB_NAME and len(match["url"]) <= limits.URL:
            page = _BUILD.search(match["url"])
            yield BuildLink(match["job"], match["url"], page and page[1])


def _pipeline(introduction: str) -> str | None:
    match = _PIPELINE.search(introduction)
    return match and match[1]


def _buildset(introduction: str) -> str | None:
    match = _BUILDSET.search(introduction)
    return match and match[1]


def _patchset(event: Mapping[str, object], server: str) -> PatchSet | Ignored:
    change = _mapping(event.get("change"))
    number = _whole(change.get("number"))
    revision = _whole(_mapping(event.get("patchSet")).get("number"))
    project = _project(change.get("project")) or _project(event.get("project"))
    if number is None or revision is None or project is None:
        missing = [name for name, value in (("change number", number), ("patch set number", revision),
                                            ("project", project)) if value is None]
        return Ignored(f"the event has no {' and no '.join(missing)}")
    branch = _text(change.get("branch")) or ""
    return PatchSet(server, project, branch, number, revision, _text(change.get("url")))


def _project(value: object) -> str | None:
    """A name, or ``{"name": …}`` as sinks other than SSH write it."""
    return _text(value) or _text(_mapping(value).get("name"))


def _whole(value: object) -> int | None:
    """A positive number; a string of digits in Gerrits before 2.14."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11 else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    harmless = value.isascii() and "\0" not in value  # nearly all are, and this tells it at once
    return value if harmless else _HALF.sub("\N{REPLACEMENT CHARACTER}", value)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "(empty)")


def _short(text: str) -> str:
    return inert(" ".join(text[:400].split()), 120)


def _kind(value: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
