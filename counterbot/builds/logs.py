"""The files that a build left under its log root: their list, and the bytes of each. Reads only the manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ..clients.http import Http, Unavailable
from ..core import limits
from ..core.model import Build, Unreadable
from ..core.text.inert import inert

MANIFEST = "zuul-manifest.json"
JOB_OUTPUT = "job-output.txt"

NAME = 100
"""Bytes of a file's name that are shown."""


class Logs:
    """A build's files. ``paths`` are in path order; ``listed``: by a manifest, else they are the ``usual`` ones.

    ``awaits``: a file that the manifest lists, but that is not there, may still come.
    """

    def __init__(self, http: Http, build: Build, usual: Sequence[str], awaits: bool) -> None:
        self.paths: Sequence[str] = ()
        self.listed = True
        self._http = http
        self._build = build
        self._usual = usual
        self._awaits = awaits
        self._root = (build.log_url or "").rstrip("/")

    def list_files(self) -> None:
        """Read the manifest. Raises Unreadable where it is none; the usual files are taken for the build's then."""
        if not self._root:
            return
        url = next((artifact.url for artifact in self._build.artifacts if artifact.type == "zuul_manifest"), None)
        self.paths, self.listed = self._usual, False
        data = self.needed(url, limits.MANIFEST_FILE) if url else \
            self._http.fetch(f"{self._root}/{MANIFEST}", limits.MANIFEST_FILE)
        if data is not None:
            self.paths, self.listed = manifest_paths(data), True

    @contextmanager
    def open(self, path: str, packed: int, unpacked: int) -> Iterator[Iterator[bytes] | None]:
        """A log file's blocks, under its name or with ``.gz`` behind it; None where it need not be there."""
        url = f"{self._root}/{quote(path)}"
        for name in (url,) if path.endswith(".gz") else (url, f"{url}.gz"):
            with self._http.open(name, packed_limit=packed, unpacked_limit=unpacked) as blocks:
                if blocks is not None:
                    yield blocks
                    return
        if self.listed and self._awaits:
            raise Unavailable(f"{path} is listed but not there yet")
        if self.listed:
            raise Unreadable("it is listed but not there")
        yield None

    def expect(self) -> None:
        """Raise Unavailable where there is not even the log that Zuul itself writes: the others may be late too."""
        with self.open(JOB_OUTPUT, limits.STREAM_PACKED, limits.STREAM_UNPACKED) as blocks:
            if blocks is None:
                raise Unavailable(f"neither {MANIFEST} nor {JOB_OUTPUT} is there yet")

    def needed(self, url: str, limit: int) -> bytes:
        """A small file that Zuul announced."""
        data = self._http.fetch(url, limit)
        if data is None:
            raise Unavailable(f"{name_of(url)} is not there yet")
        return data


def manifest_paths(data: bytes) -> list[str]:
    """The files under the log root, sorted, of a manifest as zuul-jobs' ``generate_manifest.py`` writes it.

    Names that could leave the log root are passed over. Raises Unreadable where it is no manifest or without end.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable(f"{MANIFEST} is not JSON") from None
    tree = document.get("tree") if isinstance(document, dict) else None
    if not isinstance(tree, list):
        raise Unreadable(f"{MANIFEST} has no tree")
    found, seen = set[str](), 0
    waiting: list[tuple[str, list[Any]]] = [("", tree)]
    while waiting:
        folder, nodes = waiting.pop()
        seen += len(nodes)
        if seen > limits.MANIFEST_NODES:
            raise Unreadable(f"{MANIFEST} names more than {limits.MANIFEST_NODES:,} files")
        for node in nodes:
            name: Any = node.get("name") if isinstance(node, dict) else None
            if not _is_plain(name) or len(folder) + len(name) > limits.MANIFEST_PATH:
                continue
            children = node.get("children")
            if not isinstance(children, list):
                found.add(folder + name)
            elif folder.count("/") < limits.MANIFEST_DEPTH:
                waiting.append((f"{folder}{name}/", children))
    return sorted(found)


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and not {"/", "\\"} & set(name) and name.isprintable()


def name_of(url: str) -> str:
    """A file's, for people; of what is no URL too."""
    return inert(re.split("[?#]", url, maxsplit=1)[0].rpartition("/")[2] or url, NAME)
