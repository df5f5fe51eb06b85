"""The files that a build left under its log root: their list, and the bytes of each. Reads only the manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote

from ..clients.http import Http, Refused, Unavailable
from ..core import limits
from ..core.model import Build, Unreadable
from ..core.text.inert import inert

MANIFEST = "zuul-manifest.json"
JOB_OUTPUT = "job-output.txt"
GZ = ".gz"
PATH = re.compile(r"([^?#]*)(.*)", re.DOTALL)

NAME = 100
"""Bytes of a file's name that are shown."""


class Absent(Unavailable):
    """Nothing of a build's logs is there: they are late, or were deleted."""


class Logs:
    """A build's files. ``paths`` are their plain names in order; ``listed``: by a manifest, else they are ``usual``.

    ``awaits``: a file that Zuul's API or the manifest names, but that is not there or refused, may still come.
    """

    def __init__(self, http: Http, build: Build, usual: Sequence[str], awaits: bool) -> None:
        self.paths: Sequence[str] = ()
        self.listed = True
        self._http = http
        self._build = build
        self._usual = usual
        self._awaits = awaits
        self._root = (build.log_url or "").rstrip("/")
        self._stored_as: dict[str, str] = {}

    def list_files(self) -> None:
        """Read the manifest; where there is none, the usual files are taken for the build's.

        Raises Unreadable or Forbidden where it cannot be read.
        """
        if not self._root:
            return
        url = next((artifact.url for artifact in self._build.artifacts if artifact.type == "zuul_manifest"), None)
        self.paths, self.listed = self._usual, False
        data = self._manifest(url)
        if data is not None:
            self._stored_as = {plain(path): path for path in reversed(manifest_paths(data))}  # plain before .gz
            self.paths, self.listed = sorted(self._stored_as), True

    @property
    def missed(self) -> Mapping[str, str]:
        """What the list may lack, and why."""
        return {} if self.listed else {MANIFEST: "there is none, so only the usual files were looked for"}

    @contextmanager
    def open(self, path: str, packed: int, unpacked: int) -> Iterator[Iterator[bytes] | None]:
        """A log file's blocks by its plain name, also where it is stored compressed; None where it need not be there.

        Raises Unreadable where it is listed but will not come.
        """
        name = self._stored_as.get(path, path)
        with self._stored(f"{self._root}/{quote(name)}", packed, unpacked) as (blocks, refusal):
            if blocks is None and self.listed and self._awaits:
                raise refusal or Unavailable(f"{name} is listed but not there yet")
            if blocks is None and self.listed:
                raise Unreadable(f"it is listed but refused: {refusal}" if refusal else "it is listed but not there")
            yield blocks

    def expect(self) -> None:
        """Raise Absent where there is not even the log that Zuul itself writes: the others may be late too."""
        with self.open(JOB_OUTPUT, limits.STREAM_PACKED, limits.STREAM_UNPACKED) as blocks:
            if blocks is None:
                raise Absent(f"neither {MANIFEST} nor {JOB_OUTPUT} is there yet")

    def returned(self, url: str, limit: int) -> bytes:
        """A small file that Zuul's API names. Raises Unreadable where it will not come."""
        data, refusal = self._fetched(url, limit)
        if data is not None:
            return data
        if self._awaits:
            raise refusal or Unavailable(f"{name_of(url)} is not there yet")
        raise Unreadable(f"it is refused: {refusal}" if refusal else "Zuul's API names it, but it is not there")

    def _manifest(self, url: str | None) -> bytes | None:
        """``url`` is where Zuul's API says that it is. While that is not there, all logs may be late."""
        data, refusal = self._fetched(url or f"{self._root}/{MANIFEST}", limits.MANIFEST_FILE)
        if data is None and refusal and not self._awaits:
            raise Unreadable(f"it is refused: {refusal}")
        if data is None and url:
            raise refusal or Absent(f"{name_of(url)} is not there yet")
        return data

    def _fetched(self, url: str, limit: int) -> tuple[bytes | None, Refused | None]:
        with self._stored(url, limit, limit) as (blocks, refusal):
            return (None if blocks is None else b"".join(blocks)), refusal

    @contextmanager
    def _stored(self, url: str, packed: int, unpacked: int) -> Iterator[tuple[Iterator[bytes] | None, Refused | None]]:
        """A file's blocks; else None, and how its store refused it.

        A store that may not list its files refuses one that is not there: S3 with 403, others with 401 or 400.
        """
        blocks, refusal = None, None
        with ExitStack() as stack:
            for each in (url, other_form(url)):
                try:
                    blocks = stack.enter_context(self._http.open(each, packed_limit=packed, unpacked_limit=unpacked))
                except Refused as error:
                    refusal = refusal or error
                if blocks is not None:
                    break
            yield blocks, refusal


def plain(path: str) -> str:
    """A file's name as its job wrote it: some sites compress logs before they upload them."""
    return path.removesuffix(GZ)


def other_form(url: str) -> str:
    """The URL of the same file compressed, or of the plain one where this is compressed."""
    path, rest = PATH.fullmatch(url).groups()  # type: ignore[union-attr]  # it matches any text
    return f"{plain(path) if path.endswith(GZ) else path + GZ}{rest}"


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
