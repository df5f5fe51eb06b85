"""Rows <-> core's nouns. Opens no transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ..core.model import Artifact, Build, Counters, Delivery, PatchSet, Report
from ..core.model import BuildLink as Link

Row = Mapping[str, Any]


def report_from(row: Row, builds: list[Row]) -> Report:
    patchset = PatchSet(row["server"], row["project"], row["branch"], row["change"], row["patchset"], row["url"])
    return Report(patchset, row["pipeline"], row["buildset"], tuple(link_from(build) for build in builds))


def link_from(row: Row) -> Link:
    return Link(row["job"], row["url"], row["uuid"])


def report_row(report: Report, key: str) -> dict[str, Any]:
    patchset = report.patchset
    return {"key": key, "server": patchset.server, "project": patchset.project, "branch": patchset.branch,
            "change": patchset.change, "patchset": patchset.number, "url": patchset.url,
            "pipeline": report.pipeline, "buildset": report.buildset}


def build_text(build: Build) -> str:
    return json.dumps(asdict(build))


def build_from(text: str) -> Build:
    fields = json.loads(text)
    artifacts = tuple(Artifact(**artifact) for artifact in fields["artifacts"])
    return Build(**{**fields, "artifacts": artifacts, "changes": tuple(fields.get("changes", ()))})


def counters_text(counters: Counters) -> str:
    return json.dumps({name: sorted(value) if isinstance(value, frozenset) else value
                       for name, value in asdict(counters).items()})


def counters_from(text: str) -> Counters:
    counters = Counters(**json.loads(text))
    return replace(counters, absent=frozenset(counters.absent), resets=frozenset(counters.resets),
                   repeated=frozenset(counters.repeated))


def delivery_from(row: Row) -> Delivery:
    return Delivery(row["key"], row["kind"], row["destination"], json.loads(row["payload"]))
