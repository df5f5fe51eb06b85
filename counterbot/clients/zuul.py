"""Zuul's REST API: one build's row, by the URL of its page. Decides nothing and keeps nothing.

``WEB_ROOT/t/TENANT/build/UUID`` is ``WEB_ROOT/api/tenant/TENANT/build/UUID``; a white-label root has
no tenant in either. Up to Zuul 9 project and branch stand in the row, later in its ``ref``.
"""

from __future__ import annotations

import json
import re
from calendar import timegm
from collections.abc import Mapping
from time import strptime
from typing import Any

from ..core import limits
from ..core.gunzip import unzipped
from ..core.model import Artifact, Build, BuildLink, Unreadable
from .http import Forbidden, Http

_TENANT = re.compile(r"(?:t/(?P<tenant>[^/]+)/)?build/[0-9a-f]{32}/?\Z")


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
        return None if data is None else parse_build(b"".join(
            unzipped([data], packed_limit=limits.API_ANSWER, unpacked_limit=limits.API_ANSWER)))

    def _api(self, link: BuildLink) -> str:
        page = _TENANT.fullmatch(link.url.removeprefix(self._root))
        if not link.url.startswith(self._root) or page is None or link.uuid is None:
            raise Forbidden(f"{link.url[:200]} is no build page under {self._root}")
        tenant = f"tenant/{page['tenant']}/" if page["tenant"] else ""
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
        uuid=_need(row, "uuid", str), job=_need(row, "job_name", str), result=_may(row, "result", str),
        voting=row.get("voting") is not False, project=_may(ref, "project", str) or "",
        branch=_may(ref, "branch", str) or "", pipeline=_may(row, "pipeline", str),
        log_url=_may(row, "log_url", str), artifacts=tuple(_artifacts(row.get("artifacts"))),
        ended=_time(_may(row, "end_time", str)))


def _need(row: Mapping[str, Any], name: str, kind: type) -> Any:
    value = _may(row, name, kind)
    if value is None:
        raise Unreadable(f"the build row of Zuul's API has no {name}")
    return value


def _may(row: Mapping[str, Any], name: str, kind: type) -> Any:
    value = row.get(name)
    if value is not None and not isinstance(value, kind):
        raise Unreadable(f"{name} in the build row of Zuul's API is {type(value).__name__}, not {kind.__name__}")
    return value


def _artifacts(rows: object) -> Any:
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("url"), str):
            metadata = row.get("metadata")
            kind = metadata.get("type") if isinstance(metadata, dict) else None
            yield Artifact(row["name"], row["url"], kind if isinstance(kind, str) else None)


def _time(text: str | None) -> int | None:
    """UTC without saying so, as Zuul writes it; epoch milliseconds."""
    try:
        return text and timegm(strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) * 1000
    except ValueError:
        return None
