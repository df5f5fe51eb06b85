"""Zuul's REST API: one build's row, or a buildset's builds, by the URL of its page.

``WEB_ROOT/t/TENANT/build/UUID`` is ``WEB_ROOT/api/tenant/TENANT/build/UUID``; a white-label root has
no tenant in either. Up to Zuul 9 project and branch stand in the row, later in its ``ref``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, unquote

from ..core import limits
from ..core.model import Artifact, Build, BuildLink, Unreadable
from ..core.text.inert import inert
from ..core.text.urls import below
from .http import Forbidden, Http

_UNSOUND = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates, which no database stores as text."""

_PAGE = re.compile(r"(t/(?P<tenant>[^/?#]+)/)?(?P<kind>build|buildset)/(?P<uuid>[0-9a-f]{32})/?")
_UUID = re.compile("[0-9a-f]{32}")
NAMES = frozenset({"job_name", "project", "branch", "pipeline", "result"})


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
        return build

    def greet(self) -> None:
        """Ask each root whether it is Zuul's. Raises as ``build`` does, and Unreadable where it is not."""
        for root in self._roots:
            data = self._http.fetch(f"{root}api/info", limits.API_ANSWER)
            if data is None:
                raise Unreadable(f"there is no Zuul: {root}api/info is not found")
            if not isinstance(_object(data).get("info"), dict):
                raise Unreadable(f"what answers at {root}api/info is no Zuul")

    def buildset(self, link: BuildLink) -> tuple[BuildLink, ...] | None:
        """The builds that have logs or are still running; None where Zuul does not know the buildset (yet).

        Raises as ``build`` does.
        """
        data = self._http.fetch(self._api(link, "buildset"), limits.API_ANSWER)
        root = link.url[: link.url.rindex("/buildset/")]
        return None if data is None else tuple(
            BuildLink(job, f"{root}/build/{uuid}", uuid) for job, uuid in parse_buildset(data))

    def _api(self, link: BuildLink, kind: str) -> str:
        behind = ((root, below(root, link.url)) for root in self._roots)
        root, rest = next((found for found in behind if found[1] is not None), ("", None))
        page = _PAGE.fullmatch(rest or "")
        if page is None or (page["kind"], page["uuid"]) != (kind, link.uuid):
            raise Forbidden(f"{inert(link.url, 200)} is no {kind} page under {' or '.join(self._roots)}")
        tenant = f"tenant/{quote(unquote(page['tenant']), safe='')}/" if page["tenant"] else ""
        return f"{root}api/{tenant}{kind}/{link.uuid}"


def parse_build(data: bytes) -> Build:
    """A row of the build API. Raises Unreadable, naming the field that is not in Zuul's form."""
    row = _object(data)
    ref = row["ref"] if isinstance(row.get("ref"), dict) else row
    return Build(
        uuid=_need(row, "uuid"), job=_need(row, "job_name"), result=_text(row, "result"),
        voting=row.get("voting") is not False, project=_text(ref, "project") or "",
        branch=_text(ref, "branch") or "", pipeline=_text(row, "pipeline"), log_url=_text(row, "log_url"),
        artifacts=tuple(_artifacts(row.get("artifacts"))), ended=_milliseconds(_text(row, "end_time")),
        change=_number(ref, "change"), patchset=_number(ref, "patchset"), changes=_changes(row.get("buildset")))


def parse_buildset(data: bytes) -> Iterator[tuple[str, str]]:
    """Job and uuid of each build that has logs or is still running. Raises Unreadable as parse_build."""
    rows = _object(data).get("builds", [])  # left out where there are none
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("the builds of the buildset in Zuul's API are no list of rows")
    for row in rows:
        retried, ended = row.get("final") is False, _text(row, "result") is not None
        if not retried and (_text(row, "log_url") or not ended):
            uuid = _need(row, "uuid")
            if not _UUID.fullmatch(uuid):
                raise Unreadable(f"a uuid in the buildset of Zuul's API is {inert(uuid, 40)!r}")
            yield _need(row, "job_name")[:limits.NAME], uuid


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        row = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable(f"Zuul's API did not answer JSON but {data[:40].decode('utf-8', 'replace')!r}") from None
    if not isinstance(row, dict):
        raise Unreadable("Zuul's API did not answer an object")
    return row


def _changes(buildset: object) -> tuple[int, ...]:
    """The numbers of the buildset's changes; the ref of a branch has no number."""
    refs = buildset.get("refs") if isinstance(buildset, dict) else None
    numbers = [_number(ref, "change") for ref in refs if isinstance(ref, dict)] if isinstance(refs, list) else []
    return tuple(number for number in numbers if number is not None)


def _number(ref: Mapping[str, Any], name: str) -> int | None:
    """A change or patch set, which stands as text or as a number; a branch's build has none."""
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
