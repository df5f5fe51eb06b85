"""Zuul's REST API: a build's or a buildset's row by the URL of its page, and the lists of both by a tenant's page.

``WEB_ROOT/t/TENANT/build/UUID`` is ``WEB_ROOT/api/tenant/TENANT/build/UUID``; a white-label root has
no tenant in either. Up to Zuul 9 project and branch stand in the row, later in its ``ref``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

from ..core import limits
from ..core.deadline import DeadlineExceeded
from ..core.model import Artifact, Build, BuildLink, PatchSet, Unreadable
from ..core.text.inert import inert
from ..core.text.urls import below
from .http import Forbidden, Http, Unavailable

_UNSOUND = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates, which no database stores as text."""

_PAGE = re.compile(r"(t/(?P<tenant>[^/?#]+)/)?(?P<kind>build|buildset)/(?P<uuid>[0-9a-f]{32})/?")
_TENANT = re.compile(r"(?:t/(?P<tenant>[^/?#]+)/?)?")
_TENANTS_OWN = re.compile(r"t/([^/?#]+)/")
_UUID = re.compile("[0-9a-f]{32}")
NAMES = frozenset({"job_name", "project", "branch", "pipeline", "result", "nodeset"})

PAGE = 50
"""Rows that are asked for at once, and at most as many uuids: a request line has room for some 200."""

NO_LIST = ("Zuul's API has no list of {kind} at {tenant}; 'zuul.tenants' in the configuration names it, and Zuul must"
           " be 4.12 or later")

TROUBLE = (Unavailable, DeadlineExceeded, Forbidden, Unreadable)
"""What asking may raise."""

Filter = str | int | Sequence[str]


@dataclass(frozen=True)
class BuildRow:
    """A row of the list of builds. ``id`` grows in the order in which builds begin."""

    id: int
    link: BuildLink
    build: Build


@dataclass(frozen=True)
class BuildsetRow:
    """A row of the list of buildsets. ``id`` grows in the order in which they begin; ``result`` is None while it runs.

    ``at`` is the latest time that it tells of itself, in epoch milliseconds of Zuul's clock; None where it tells none.
    """

    id: int
    uuid: str
    result: str | None
    at: int | None


@dataclass(frozen=True)
class Buildset:
    """What a buildset tested, and with which builds. The ``server`` of its patch sets is ""; those that are no Gerrit
    change, which a branch's are not, lead to the buildset's page. A build that was tried again is not among ``builds``.
    """

    page: str
    pipeline: str | None
    patchsets: tuple[PatchSet, ...]
    builds: tuple[BuildLink, ...]


T = TypeVar("T")


class Zuul:
    """The API behind web roots: a tenant may have one of its own."""

    def __init__(self, http: Http, *roots: str) -> None:
        self._http = http
        self._roots = sorted((root.rstrip("/") + "/" for root in roots), key=len, reverse=True)

    def build(self, link: BuildLink) -> Build | None:
        """A build's row; None where Zuul does not know it (yet).

        Raises as ``Http.fetch``, and Unreadable where the answer is not a build.
        """
        data = self._http.fetch(self._api(link, "build"), limits.API_ANSWER)
        if data is None:
            return None
        build = parse_build(data)
        if build.uuid != link.uuid:
            raise Unreadable(f"Zuul's API answered with another build, {build.uuid[:40]!r}")
        return replace(build, tenant=self.tenant_of(link.url))

    def greet(self) -> None:
        """Ask each root whether it is Zuul's. Raises as ``build`` does, and Unreadable where it is not."""
        for root in self._roots:
            data = self._http.fetch(f"{root}api/info", limits.API_ANSWER)
            if data is None:
                raise Unreadable(f"there is no Zuul: {root}api/info is not found")
            if not isinstance(_object(data).get("info"), dict):
                raise Unreadable(f"what answers at {root}api/info is no Zuul")

    def buildset(self, link: BuildLink) -> tuple[BuildLink, ...] | None:
        """The builds that have logs, are running or failed; None where Zuul does not know the buildset (yet).

        Raises as ``build`` does.
        """
        data = self._http.fetch(self._api(link, "buildset"), limits.API_ANSWER)
        root = link.url[: link.url.rindex("/buildset/")]
        return None if data is None else tuple(
            BuildLink(job, f"{root}/build/{uuid}", uuid) for job, uuid in parse_buildset(data))

    def tenant_of(self, url: str) -> str:
        """The name of the tenant whose page, or build's page, it is; a white-label root is called by its host."""
        root, rest = self._behind(url.rstrip("/") + "/")
        page = _TENANTS_OWN.match(rest or "")
        return (_sound(unquote(page[1])) if page else urlsplit(root).hostname or "")[:limits.NAME]

    def builds(self, tenant: str, idx_max: int | None = None, **filters: Filter) -> Iterator[list[BuildRow]]:
        """Pages of a tenant's builds, the newest first, from number ``idx_max`` on.

        ``tenant`` is the URL of its page, such as ``https://zuul.example.org/t/openstack``, or a white-label root.
        ``filters`` are the API's own: ``job_name``, ``project``, ``pipeline``, ``result``, ``complete``, ``idx_min``,
        ``limit``, ...; a list means any of it. Each page is asked for when it is taken; that raises as ``build`` does.
        """
        page, name = tenant.rstrip("/"), self.tenant_of(tenant)
        return self._pages(tenant, "builds", idx_max, filters, lambda row: _build_row(page, name, row))

    def buildsets(self, tenant: str, idx_max: int | None = None, **filters: Filter) -> Iterator[list[BuildsetRow]]:
        """Pages of a tenant's buildsets, as ``builds``."""
        return self._pages(tenant, "buildsets", idx_max, filters, _buildset_row)

    def whole(self, tenant: str, uuid: str) -> Buildset | None:
        """A buildset of a tenant; None where Zuul does not know it. Raises as ``build`` does."""
        data = self._http.fetch(f"{self._lists(tenant)}buildset/{uuid}", limits.API_ANSWER)
        return None if data is None else parse_whole(data, tenant.rstrip("/"), uuid)

    def _pages(self, tenant: str, kind: str, idx_max: int | None, filters: Mapping[str, Filter],
               parsed: Callable[[Mapping[str, Any]], T]) -> Iterator[list[T]]:
        """By number and not by ``skip``: rows are added meanwhile."""
        least = int(str(filters.get("idx_min", 1)))  # Zuul would take 0 for none
        while True:
            asked = {"limit": PAGE, **filters, **({} if idx_max is None else {"idx_max": idx_max})}
            data = self._http.fetch(f"{self._lists(tenant)}{kind}?{urlencode(asked, doseq=True)}", limits.API_ANSWER)
            if data is None:
                raise Unreadable(NO_LIST.format(kind=kind, tenant=tenant))
            rows = _rows(data)
            if not rows:
                return
            yield [parsed(row) for row in rows]
            idx_max = min(map(_id, rows)) - 1
            if idx_max < least:
                return

    def _lists(self, tenant: str) -> str:
        """Where the API has what a tenant's page shows."""
        root, rest = self._behind(tenant.rstrip("/") + "/")
        page = _TENANT.fullmatch(rest) if rest is not None else None
        if page is None:
            raise Forbidden(f"{inert(tenant, 200)} is no tenant's page under {' or '.join(self._roots)}")
        return f"{root}api/{_tenant(page['tenant'])}"

    def _api(self, link: BuildLink, kind: str) -> str:
        root, rest = self._behind(link.url)
        page = _PAGE.fullmatch(rest or "")
        if page is None or (page["kind"], page["uuid"]) != (kind, link.uuid):
            raise Forbidden(f"{inert(link.url, 200)} is no {kind} page under {' or '.join(self._roots)}")
        return f"{root}api/{_tenant(page['tenant'])}{kind}/{link.uuid}"

    def _behind(self, url: str) -> tuple[str, str | None]:
        """The root that a page is under, and what comes behind it."""
        behind = ((root, below(root, url)) for root in self._roots)
        return next((found for found in behind if found[1] is not None), ("", None))


def _tenant(name: str | None) -> str:
    return f"tenant/{quote(unquote(name), safe='')}/" if name else ""


def parse_build(data: bytes) -> Build:
    """A row of the build API. Raises Unreadable, naming the field that is not in Zuul's form."""
    return _build(_object(data))


def parse_whole(data: bytes, tenant: str, uuid: str) -> Buildset:
    """A row of the buildset API, of the tenant with that page. Raises Unreadable as parse_build."""
    row, page = _object(data), f"{tenant}/buildset/{uuid}"
    refs = row.get("refs", [row])  # up to Zuul 9 its own fields are the ref's
    if not isinstance(refs, list) or not all(isinstance(ref, dict) for ref in refs):
        raise Unreadable("the refs of the buildset in Zuul's API are no list of rows")
    links = (_link(tenant, build) for build in _builds_of(row) if build.get("final") is not False)
    return Buildset(page, _text(row, "pipeline"), tuple(_patchset(ref, page) for ref in refs),
                    tuple(dict.fromkeys(links)))


def _patchset(ref: Mapping[str, Any], page: str) -> PatchSet:
    name = _text(ref, "ref") or ""
    change, number = _change(ref)
    project, branch = _text(ref, "project") or "", _text(ref, "branch") or name.removeprefix("refs/tags/")
    if change is None or number is None:
        return PatchSet("", project, branch, None, None, page)
    return PatchSet("", project, branch, change, number, _text(ref, "ref_url"))


def _link(tenant: str, row: Mapping[str, Any]) -> BuildLink:
    uuid = _uuid(row)
    return BuildLink(_need(row, "job_name"), f"{tenant}/build/{uuid}", uuid)


def _build_row(page: str, tenant: str, row: Mapping[str, Any]) -> BuildRow:
    return BuildRow(_id(row), _link(page, row), replace(_build(row), tenant=tenant))


def _buildset_row(row: Mapping[str, Any]) -> BuildsetRow:
    times = [_milliseconds(_text(row, name))
             for name in ("event_timestamp", "first_build_start_time", "last_build_end_time")]
    return BuildsetRow(_id(row), _uuid(row), _text(row, "result"),
                       max((time for time in times if time is not None), default=None))


def _build(row: Mapping[str, Any]) -> Build:
    ref = row["ref"] if isinstance(row.get("ref"), dict) else row
    change, patchset = _change(ref)
    return Build(
        uuid=_need(row, "uuid"), job=_need(row, "job_name"), result=_text(row, "result"),
        voting=row.get("voting") is not False, project=_text(ref, "project") or "",
        branch=_text(ref, "branch") or "", pipeline=_text(row, "pipeline"), log_url=_text(row, "log_url"),
        artifacts=tuple(_artifacts(row.get("artifacts"))), ended=_milliseconds(_text(row, "end_time")),
        change=change, patchset=patchset, changes=_changes(row.get("buildset")), seconds=_seconds(row.get("duration")),
        nodeset=_text(row, "nodeset"))


def _seconds(duration: object) -> float | None:
    return float(duration) if isinstance(duration, int | float) and 0 <= duration < 1e9 else None


def parse_buildset(data: bytes) -> Iterator[tuple[str, str]]:
    """Job and uuid of each build that has logs, is still running, or failed without. Raises Unreadable as parse_build.
    """
    for row in _builds_of(_object(data)):
        retried, result = row.get("final") is False, _text(row, "result")
        if not retried and (_text(row, "log_url") or result not in ("SUCCESS", "SKIPPED")):
            yield _need(row, "job_name")[:limits.NAME], _uuid(row)


def _builds_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = row.get("builds", [])  # left out where there are none
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("the builds of the buildset in Zuul's API are no list of rows")
    return rows


def _uuid(row: Mapping[str, Any]) -> str:
    uuid = _need(row, "uuid")
    if not _UUID.fullmatch(uuid):
        raise Unreadable(f"a uuid in Zuul's API is {inert(uuid, 40)!r}")
    return uuid


def _id(row: Mapping[str, Any]) -> int:
    number = row.get("_id")
    if not isinstance(number, int):
        raise Unreadable("a row in a list of Zuul's API has no number '_id', which Zuul gives since 4.12")
    return number


def _rows(data: bytes) -> list[Mapping[str, Any]]:
    rows = _json(data)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("Zuul's API did not answer a list of rows")
    return rows


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable(f"Zuul's API did not answer JSON but {data[:40].decode('utf-8', 'replace')!r}") from None


def _object(data: bytes) -> Mapping[str, Any]:
    row = _json(data)
    if not isinstance(row, dict):
        raise Unreadable("Zuul's API did not answer an object")
    return row


def _changes(buildset: object) -> tuple[int, ...]:
    """The numbers of the buildset's changes; the ref of a branch has no number."""
    refs = buildset.get("refs") if isinstance(buildset, dict) else None
    numbers = [_change(ref)[0] for ref in refs if isinstance(ref, dict)] if isinstance(refs, list) else []
    return tuple(number for number in numbers if number is not None)


def _change(ref: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The change and the patch set. Only a Gerrit change has a ref below refs/changes/: a pull request's number must
    not be taken for one."""
    if not (_text(ref, "ref") or "").startswith("refs/changes/"):
        return None, None
    return _number(ref, "change"), _number(ref, "patchset")


def _number(ref: Mapping[str, Any], name: str) -> int | None:
    """It stands as text or as a number."""
    value = ref.get(name)
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() and len(str(value)) < 12 else None


def _need(row: Mapping[str, Any], name: str) -> str:
    value = _text(row, name)
    if value is None:
        raise Unreadable(f"the build row of Zuul's API has no {name}")
    return value


def _text(row: Mapping[str, Any], name: str) -> str | None:
    """None where it is null, missing or empty. Raises Unreadable where it is not text."""
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"{name} in the build row of Zuul's API is {type(value).__name__}, not text")
    if value and name in NAMES and len(value) > limits.NAME:
        raise Unreadable(f"{name} in the build row of Zuul's API has more than {limits.NAME} characters")
    return _sound(value) if value else None


def _sound(text: str) -> str:
    return _UNSOUND.sub("?", text)


def _artifacts(rows: object) -> Iterator[Artifact]:
    """The artifacts that have a name and a URL."""
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("url"), str):
            metadata = row.get("metadata")
            kind = metadata.get("type") if isinstance(metadata, dict) else None
            yield Artifact(_sound(row["name"]), _sound(row["url"]), _sound(kind) if isinstance(kind, str) else None)


def _milliseconds(text: str | None) -> int | None:
    """Since the epoch; Zuul's times are UTC, without a time zone."""
    try:
        time = datetime.fromisoformat((text or "")[:19])
    except ValueError:
        return None
    return int(time.replace(tzinfo=timezone.utc).timestamp()) * 1000
