"""An event's line, Gerrit's or our own -> Report, Merged or Ignored(why). Looks nothing up and follows no link.

Of Zuul's comment only job names and build URLs are taken, and the pipeline and buildset from its
introduction: result texts, durations and vote prefixes are the operator's to change. Where Zuul left
jobs out for want of room, the buildset's page is taken too. Formats: Gerrit's ``cmd-stream-events``
manual; Zuul's ``reporter/__init__.py`` and ``driver/gerrit/gerritreporter.py``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import commands, gerrit_json, limits
from .commands import Command
from .model import OMITTED, BuildLink, Ignored, Merged, PatchSet, Report, Unreadable
from .text.inert import inert
from .text.urls import below


@dataclass(frozen=True)
class Recognition:
    """What tells a CI report from other comments.

    A build page must be under one of the web roots ``zuul_urls`` (None: anywhere). ``own_account`` is the bot's user
    name, whose comments never count.
    """

    accounts: frozenset[str]
    server: str = ""
    own_account: str | None = None
    zuul_urls: tuple[str, ...] | None = None


_VOTES = re.compile(r"\APatch Set \d+:[^\n]*\n+")
_JOB = re.compile(r"- (\S.*?) (https?://(?:\S*/build/([0-9a-f]{32})/?|\S+)) : ")
_CUT = "... (truncated)"
_CUT_JOB = re.compile(r"- (\S.*?) (https?://\S+/build/([0-9a-f]{32})) ?:?(?:\.\.\. \(truncated\))?\s*\Z")
"""Zuul cuts a long report anywhere: in its last line a whole build page still counts."""

_ROOTLESS = re.compile(r" (t/[^/\s]+/)?build/[0-9a-f]{32} :")
"""A page as Zuul gives it that does not know its own root; it is no part of a job's name."""

_SHORT = "Successful jobs omitted due to length restrictions"
"""Zuul 13 tries that before it cuts."""

_BEHIND_JOBS = ("Warning:", "Debug information:")
"""What follows may be in anybody's words, and look like a job's line."""

_BUILDSET = re.compile(r"/buildset/([0-9a-f]{32})(?![0-9a-f])")
"""Without the root before it: a search for that would be quadratic on a text of many ``http://``."""
_BUILDSET_PAGE = re.compile(r"https?://\S+/buildset/([0-9a-f]{32})(?![0-9a-f])")

_PIPELINE = re.compile(r"\(([^()\s]{1,100}) pipeline\)")

_BUILDS = re.compile(r"^(?:- .*|https?://\S*)/build(?:set)?/[0-9a-f]{32}", re.MULTILINE)
"""A line that names a job's build, or the buildset."""


BUILDSET = "zuul-buildset"
"""The type of our own event: Zuul's API told that a buildset has ended. It has no time, so that it is the same each
time."""


def buildset_line(uuid: str, page: str, pipeline: str | None, patchset: PatchSet, builds: Iterable[BuildLink]) -> bytes:
    """The event that a buildset has ended, of one of its patch sets."""
    change = {"project": patchset.project, "branch": patchset.branch, "number": patchset.change, "url": patchset.url}
    return json.dumps({
        "type": BUILDSET, "buildset": uuid, "page": page, "pipeline": pipeline, "change": change,
        "patchSet": {"number": patchset.number},
        "builds": [{"job": link.job, "url": link.url, "uuid": link.uuid} for link in builds]}).encode()


def parse_line(line: bytes) -> dict[str, object]:
    """The event of one line of ``gerrit stream-events``. Raises Unreadable where it is none."""
    if len(line) > limits.EVENT_LINE:
        raise Unreadable(f"line of {len(line):,} bytes, more than the {limits.EVENT_LINE:,} that are read")
    event = gerrit_json.parse(line)
    if not isinstance(event.get("type"), str):
        raise Unreadable("it has no type")
    return event


def digest(line: bytes) -> str:
    """The same for the same event whoever delivers it: SHA-256 of what makes it this event, else of its bytes."""
    try:
        event = parse_line(line)
        canonical = json.dumps(_essence(event) or event, sort_keys=True, separators=(",", ":")).encode()
    except (Unreadable, RecursionError):
        canonical = line
    return hashlib.sha256(canonical).hexdigest()


def is_told_everywhere(line: bytes) -> bool:
    """Whether a line is a CI report, a command or a merge: its digest is the same from wherever it comes."""
    try:
        return _essence(parse_line(line)) is not None
    except Unreadable:
        return False


def _essence(event: Mapping[str, object]) -> list[object] | None:
    """What identifies a CI report, a command and a merge, as both the stream and a query tell it; None for others.

    Not every Gerrit's stream tells the line with the votes. A build is reported on once, and a patch set is merged
    once, so times are left out; a person may say the same again.
    """
    kind, where = event.get("type"), _patchset(event, "")
    if isinstance(where, PatchSet) and kind == "change-merged":
        return [kind, where.project, where.change, where.number]
    said = _VOTES.sub("", _comment(event).strip(), count=1)
    if not isinstance(where, PatchSet) or kind != "comment-added":
        return None
    author = gerrit_json.username(event.get("author"))
    comment: list[object] = [kind, where.project, where.change, where.number, author, said]
    if names_builds(said):
        return comment
    return [*comment, gerrit_json.whole(event.get("eventCreatedOn"))] if commands.asked(said) else None


def names_builds(comment: str) -> bool:
    """Whether a comment names builds or a buildset of a Zuul, as its reports do."""
    return _BUILDS.search(comment) is not None


def recognise(event: Mapping[str, object], settings: Recognition) -> Report | Merged | Command | Ignored:
    """What an event asks of the bot."""
    kind = event.get("type")
    if kind == BUILDSET:
        return _of_buildset(event, settings)
    if kind == "change-merged":
        merged = _patchset(event, settings.server)
        at = gerrit_json.whole(event.get("eventCreatedOn"))
        return merged if isinstance(merged, Ignored) else Merged(merged, at and at * 1000)
    if kind != "comment-added":
        return Ignored(f"event type {_short(str(kind))}")
    author = gerrit_json.username(event.get("author"))
    if author is not None and author == settings.own_account:
        return Ignored("the bot's own comment")
    if author not in settings.accounts:
        return _command(event, author, settings) or Ignored(f"author {_short(author or 'unknown')} is no CI account")
    text = _VOTES.sub("", _comment(event), count=1)
    introduction, links = _parted(text)
    builds, omitted = tuple(dict.fromkeys(links)), _omitted(text, introduction)
    if not builds and omitted is None:
        return Ignored(_why_none(text))
    patchset = _patchset(event, settings.server)
    if isinstance(patchset, Ignored):
        return patchset
    return _within(Report(patchset, _pipeline(introduction), _buildset(introduction), builds, omitted),
                   settings.zuul_urls)


def _command(event: Mapping[str, object], author: str | None, settings: Recognition) -> Command | None:
    """What a person asks; a program that reports builds asks nothing."""
    said = _VOTES.sub("", _comment(event), count=1)
    asked = None if author is None or names_builds(said) else commands.asked(said)
    patchset = _patchset(event, settings.server)
    if author is None or asked is None or isinstance(patchset, Ignored):
        return None
    return Command(patchset, author, asked, gerrit_json.whole(event.get("eventCreatedOn")))


def is_command(comment: str) -> bool:
    """Whether a person's comment, as Gerrit keeps it, holds a command."""
    said = _VOTES.sub("", comment, count=1)
    return not names_builds(said) and commands.asked(said) is not None


def _of_buildset(event: Mapping[str, object], settings: Recognition) -> Report | Ignored:
    """A branch's has no change."""
    change = gerrit_json.mapping(event.get("change"))
    patchset = _patchset(event, settings.server)
    if change.get("number") is None:
        project, branch, url = (gerrit_json.text(change.get(name)) for name in ("project", "branch", "url"))
        patchset = PatchSet(settings.server, project or "", branch or "", None, None, url)
    builds = tuple(filter(None, map(_listed, gerrit_json.items(event.get("builds")))))
    if isinstance(patchset, Ignored) or not builds:
        return patchset if isinstance(patchset, Ignored) else Ignored("no build in the buildset")
    report = Report(patchset, gerrit_json.text(event.get("pipeline")), gerrit_json.text(event.get("buildset")), builds)
    return _within(report, settings.zuul_urls)


def _listed(value: object) -> BuildLink | None:
    row = gerrit_json.mapping(value)
    job, url, uuid = (gerrit_json.text(row.get(name)) for name in ("job", "url", "uuid"))
    return BuildLink(job, url, uuid) if job and url and uuid else None


def _within(report: Report, zuul_urls: tuple[str, ...] | None) -> Report | Ignored:
    if zuul_urls is None or any(follows(link, zuul_urls) for link in report.links):
        return report
    return Ignored(f"no build page under {' or '.join(zuul_urls)}: {_short(report.links[0].url)}")


def follows(link: BuildLink, zuul_urls: Iterable[str]) -> bool:
    """Whether a link leads to a build, or a buildset, of a Zuul whose web roots are given."""
    return link.uuid is not None and any(below(root, link.url) is not None for root in zuul_urls)


def _why_none(text: str) -> str:
    if _ROOTLESS.search(text):
        return "the job lines have no URL: set the tenant's web-root, or root under [web] in zuul.conf"
    return f"no build in the comment: {_short(_first_line(text))}"


def _comment(event: Mapping[str, object]) -> str:
    """The comment's text; Gerrit 3.3 and later may carry it as a patch-set-level comment beside it, or in both."""
    level = gerrit_json.items(gerrit_json.mapping(event.get("patchSetComments")).get("/PATCHSET_LEVEL"))
    beside = [gerrit_json.mapping(comment).get("message") for comment in level]
    return "\n\n".join(gerrit_json.text(part) or "" for part in (event.get("comment"), *beside))


def _parted(text: str) -> tuple[str, list[BuildLink]]:
    """The introduction, and the jobs.

    The introduction ends with the last buildset before the first build page; without one, before the first job. In an
    operator's own words there may be lines that look like a job's.
    """
    lines = text.rstrip().replace("\r\n", "\n").split("\n")
    links = [_link(line, _JOB) if line.startswith("- ") else None for line in lines]
    if links[-1] is None:
        links[-1] = _link(lines[-1], _CUT_JOB)
    page = next((n for n, link in enumerate(links) if (link and link.uuid) or lines[n] == _SHORT), len(lines))
    buildset = next((n for n in reversed(range(page)) if _BUILDSET.search(lines[n])), None)
    start = next((n for n, link in enumerate(links) if link), page) if buildset is None else buildset + 1
    end = next((n for n in range(start, len(lines)) if lines[n] in _BEHIND_JOBS), len(lines))
    return "\n".join(lines[:start]), list(filter(None, links[start:end]))


def _link(line: str, pattern: re.Pattern[str]) -> BuildLink | None:
    match = pattern.match(line)
    if match is None:
        return None
    job, url, uuid = match.groups()
    if len(job) > limits.NAME or len(url) > limits.URL or ("build/" in job and _ROOTLESS.search(job)):
        return None
    return BuildLink(job, url, uuid)


def _omitted(text: str, introduction: str) -> BuildLink | None:
    """The buildset, where not all of its jobs are in the comment."""
    if not text.rstrip().endswith(_CUT) and _SHORT not in text:
        return None
    pages = filter(None, map(_BUILDSET_PAGE.match, introduction.split()))
    return next((BuildLink(OMITTED, page[0], page[1]) for page in pages if len(page[0]) <= limits.URL), None)


def _pipeline(introduction: str) -> str | None:
    match = _PIPELINE.search(introduction)
    return match and match[1]


def _buildset(introduction: str) -> str | None:
    found = _BUILDSET.findall(introduction)
    return found[-1] if found else None


def _patchset(event: Mapping[str, object], server: str) -> PatchSet | Ignored:
    change = gerrit_json.mapping(event.get("change"))
    number = gerrit_json.whole(change.get("number"))
    revision = gerrit_json.whole(gerrit_json.mapping(event.get("patchSet")).get("number"))
    project = gerrit_json.project(change.get("project")) or gerrit_json.project(event.get("project"))
    if number is None or revision is None or project is None:
        missing = [name for name, value in (("change number", number), ("patch set number", revision),
                                            ("project", project)) if value is None]
        return Ignored(f"the event has no {' and no '.join(missing)}")
    branch = gerrit_json.text(change.get("branch")) or ""
    if max(len(project), len(branch)) > limits.NAME:
        return Ignored(f"a project's or branch's name has more than {limits.NAME} characters")
    return PatchSet(server, project, branch, number, revision, gerrit_json.text(change.get("url")))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "(empty)")


def _short(text: str) -> str:
    return inert(" ".join(text[:400].split()), 120)
