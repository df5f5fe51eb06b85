"""Zuul's REST API: one build's row, by the URL of its page. Decides nothing and keeps nothing.

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
from ..core.inert import inert
from ..core.model import Artifact, Build, BuildLink, Unreadable
from .http import Forbidden, Http

_UNSOUND = re.compile("[\x00\ud800-\udfff]")
"""NUL and halves of surrogate pairs, which no database takes as text."""

_PAGE = re.compile(r"(t/(?P<tenant>[^/?#]+)/)?build/(?P<uuid>[0-9a-f]{32})/?")


class Zuul:
    """The API behind one web root."""

    def __init__(self, http: Http, root: str) -> None:
        self._http = http
        self._root = root.rstrip("/") + "/"

    def build(self, link: BuildLink) -> Build | None:
        """A build's row; None where Zuul does not know it (yet).

        Raises http's Unavailable and Forbidden, and Unreadable where the answer is no build.
        """
        data = self._http.fetch(self._api(link), limits.API_ANSWER)
        if data is None:
            return None
        build = parse_build(data)
        if build.uuid != link.uuid:
            raise Unreadable(f"Zuul's API answered with another build, {build.uuid[:40]!r}")
        return build

    def _api(self, link: BuildLink) -> str:
        page = _PAGE.fullmatch(link.url.removeprefix(self._root))
        if not link.url.startswith(self._root) or page is None or page["uuid"] != link.uuid:
            raise Forbidden(f"{inert(link.url, 200)} is no build page under {self._root}")
        tenant = f"tenant/{quote(unquote(page['tenant']), safe='')}/" if page["tenant"] else ""
        return f"{self._root}api/{tenant}build/{link.uuid}"


def parse_build(data: bytes) -> Build:
    """A row of the build API. Raises Unreadable, saying which field is not as Zuul writes it."""
    try:
        row = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable(f"Zuul's API did not answer JSON but {data[:40].decode('utf-8', 'replace')!r}") from None
    if not isinstance(row, dict):
        raise Unreadable("Zuul's API did not answer an object")
    ref = row["ref"] if isinstance(row.get("ref"), dict) else row
    return Build(
        uuid=_need(row, "uuid"), job=_need(row, "job_name"), result=_text(row, "result"),
        voting=row.get("voting") is not False, project=_text(ref, "project") or "",
        branch=_text(ref, "branch") or "", pipeline=_text(row, "pipeline"), log_url=_text(row, "log_url"),
        artifacts=tuple(_artifacts(row.get("artifacts"))), ended=_milliseconds(_text(row, "end_time")))


def _need(row: Mapping[str, Any], name: str) -> str:
    value = _text(row, name)
    if value is None:
        raise Unreadable(f"the build row of Zuul's API has no {name}")
    return value


def _text(row: Mapping[str, Any], name: str) -> str | None:
    """None for null, nothing and an empty text."""
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"{name} in the build row of Zuul's API is {type(value).__name__}, not text")
    return _sound(value) if value else None


def _sound(text: str) -> str:
    return _UNSOUND.sub("?", text)


def _artifacts(rows: object) -> Iterator[Artifact]:
    """Those that have a name and a URL; what else stands there is of no use here."""
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("url"), str):
            metadata = row.get("metadata")
            kind = metadata.get("type") if isinstance(metadata, dict) else None
            yield Artifact(_sound(row["name"]), _sound(row["url"]), _sound(kind) if isinstance(kind, str) else None)


def _milliseconds(text: str | None) -> int | None:
    """Since the epoch, of a time that is UTC without saying so."""
    try:
        time = datetime.fromisoformat((text or "")[:19])
    except ValueError:
        return None
    return int(time.replace(tzinfo=timezone.utc).timestamp()) * 1000
