"""Finds the root in an address that was copied from a browser. Looks nothing up.

Pages: Zuul's ``web/src/routes.jsx``, Gerrit's ``gr-router.ts``. Paths of logs: zuul-jobs' role
``set-zuul-log-path-fact``, and OpenDev's stores.
"""

from __future__ import annotations

import re

_PAGES = "builds|buildsets|status|jobs|projects|labels|nodes|autoholds|semaphores|components|config-errors|tenants|" \
         "openapi|providers|images|flavors|system-events|index\\.html"
_ONE = "build|buildset|job|project|stream|autohold|semaphore|provider|image|status/change|change"
_API = f"tenant|info|connections|build|buildset|job|project|key|badge|autohold|{_PAGES}"
_PAGE = re.compile(rf"/(t(/[^/]+(/.*)?)?|api(/({_API})(/.*)?)?|{_PAGES}|({_ONE})/.+)/?")
"""The end of a path that is certainly a page of Zuul's: a root may be in a folder of any name."""

_GERRIT_PAGE = re.compile(r"(?<=[^/])/(#|a(/|$)|(c|q|admin|dashboard|plugins|settings|Documentation)/).*")
_BUILD_PAGE = re.compile(r"/build/[0-9a-f]{32}(/|$)|/t/[^/]+/(builds?|buildsets?|status|jobs?|projects?)(/|$)")
_BUILD = re.compile(r"(?<!/v1)/(?P<uuid>[0-9a-f]{32})(/|$)"
                    r"|/(\d\d/)?\d+/\d+/[^/]+/[^/]+/(?P<short>[0-9a-f]{7})(/|$)")
"""A build's folder, by its uuid (behind ``/v1`` it is an account of Swift), or by change, patch set, pipeline, job and
the beginning of its uuid."""

_CHANGE = re.compile(r"/(\d\d)/\d*\1/\d+(/|$)")
"""A change's folder: the last two digits of its number, the number, the patch set."""


def zuul_root(url: str) -> str:
    """The root of Zuul's pages from the URL of any of them; the root itself stays as it is."""
    root = _path(url)
    start = root.find("/", root.find("://") + 3)
    while start >= 0:
        if _PAGE.fullmatch(root, start):
            return root[:start]
        start = root.find("/", start + 1)
    return root


def gerrit_root(url: str) -> str:
    """The root of Gerrit's pages from the URL of any of them, or of its REST API; the root itself stays as it is."""
    return _GERRIT_PAGE.sub("", url)


def is_zuul_page(url: str) -> bool:
    """Whether a URL is that of a page of Zuul's which links to logs, and not of the logs."""
    return bool(_BUILD_PAGE.search(_path(url)))


def logs_root(url: str) -> str:
    """What the logs of all builds begin with, from the URL of one build's; another URL stays as it is."""
    path = _path(url)
    build = _BUILD.search(path)
    if build is None:
        change = _CHANGE.search(path)
        return path[: change.start() + 1] if change else url
    uuid = build["uuid"] or build["short"]
    folders = path[: build.start()].split("/")
    shard = next((number for number, folder in enumerate(folders) if number > 2 and _is_shard(folder, uuid)),
                 len(folders))
    return "/".join(folders[:shard]) + "/"


def _is_shard(folder: str, uuid: str) -> bool:
    """Stores spread builds over folders, or containers, by the beginning of their uuids."""
    return folder == uuid[:2] or folder.endswith(uuid[:3])


def _path(url: str) -> str:
    return re.split("[?#]", url, maxsplit=1)[0]
