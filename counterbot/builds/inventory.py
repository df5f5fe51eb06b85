"""What only a build's own inventory tells of it, under the names that queries ask for. Opens no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml

from ..core import limits
from ..core.model import Unreadable
from ..core.text.inert import inert

INVENTORY = "zuul-info/inventory.yaml"
"""Where the base jobs of zuul-jobs (role ``log-inventory``) put Zuul's debug inventory."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

FIELDS = {
    "build": "build_uuid", "job": "build_name", "pipeline": "build_queue", "branch": "build_branch",
    "change": "build_change", "patchset": "build_patchset", "ref": "build_ref", "newrev": "build_newrev",
    "voting": "voting", "tenant": "tenant", "buildset": "build_set", "change_url": "change_url",
    "project.name": "project", "executor.hostname": "build_master",
}
"""By what Zuul calls it, under ``zuul``, the field of the old index or of OpenDev's newer one."""
NODE = {"label": "build_node", "provider": "node_provider", "host_id": "hosts_id", "region": "hosts_region"}
"""Of the first host, under ``nodepool``."""
MASTER, EXECUTOR = "build_master", "zuul_executor"
"""Two names of one thing."""
NAMES = frozenset({*FIELDS.values(), *NODE.values(), EXECUTOR})


def facts_of(data: bytes) -> dict[str, str]:
    """Fields of a build, of its inventory.yaml. Raises Unreadable where that is no inventory of Zuul.

    Read as events, so that tags, aliases and depth make no more of it.
    """
    if len(data) > limits.INVENTORY:
        raise Unreadable(f"{len(data):,} bytes, more than the {limits.INVENTORY:,} that are read")
    found: dict[str, str] = {}
    try:
        for path, value in _scalars(yaml.parse(data, LOADER)):
            field = _field(path)
            if field and value not in ("", "null"):
                found.setdefault(field, inert(value, limits.NAME))
    except (yaml.YAMLError, UnicodeError) as error:
        raise Unreadable(f"no YAML: {inert(str(error), 200)}") from None
    if not found:
        raise Unreadable("no inventory of Zuul: it has no all.vars.zuul")
    if "voting" in found:
        found["voting"] = "1" if found["voting"] == "true" else "0"
    return found | ({EXECUTOR: found[MASTER]} if MASTER in found else {})


def _field(path: tuple[str, ...]) -> str | None:
    match path:
        case ("all", "vars", "zuul", *keys):
            return FIELDS.get(".".join(keys))
        case ("all", "hosts", _, "nodepool", key):
            return NODE.get(key)
    return None


def _scalars(events: Iterable[yaml.Event]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each value with the keys that lead to it; those in a list have an empty key."""
    path: list[str] = []
    maps: list[bool] = []
    key: str | None = None
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            maps.pop()
            path.pop()
            key = None
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        if maps and maps[-1] and key is None:
            key = event.value if isinstance(event, yaml.ScalarEvent) else ""
            if isinstance(event, yaml.CollectionStartEvent):
                raise Unreadable("no inventory of Zuul: a key that is no text")
            continue
        if isinstance(event, yaml.CollectionStartEvent):
            path.append(key or "")
            maps.append(isinstance(event, yaml.MappingStartEvent))
        elif isinstance(event, yaml.ScalarEvent):
            yield (*path[1:], key or ""), event.value
        key = None
