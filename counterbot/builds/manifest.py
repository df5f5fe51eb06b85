"""``zuul-manifest.json``, as zuul-jobs' ``generate_manifest.py`` writes it -> paths. Fetches nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..core import limits
from ..core.model import Unreadable


def paths(data: bytes) -> list[str]:
    """The files under the log root, sorted. Raises Unreadable where it is no manifest or without end."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable("zuul-manifest.json is not JSON") from None
    tree = document.get("tree") if isinstance(document, dict) else None
    if not isinstance(tree, list):
        raise Unreadable("zuul-manifest.json has no tree")
    return sorted(set(_files(tree)))


def _files(tree: list[object]) -> Iterator[str]:
    """A walk without recursion. Names that could leave the log root are passed over."""
    waiting: list[tuple[tuple[str, ...], list[object]]] = [((), tree)]
    seen = 0
    while waiting:
        folders, nodes = waiting.pop()
        seen += len(nodes)
        if seen > limits.MANIFEST_NODES:
            raise Unreadable(f"zuul-manifest.json names more than {limits.MANIFEST_NODES:,} files")
        for node in nodes:
            name = node.get("name") if isinstance(node, dict) else None
            if not isinstance(node, dict) or not isinstance(name, str) or not _is_plain(name):
                continue
            if sum(map(len, folders)) + len(folders) + len(name) > limits.MANIFEST_PATH:
                continue
            children = node.get("children")
            if not isinstance(children, list):
                yield "/".join((*folders, name))
            elif len(folders) < limits.MANIFEST_DEPTH:
                waiting.append(((*folders, name), children))


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\\" not in name and name.isprintable()
