"""Rows <-> core's nouns. Opens no transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ..core.model import Artifact, Build, BuildLink, Counters, PatchSet, Reading, Report, State

Row = Mapping[str, Any]


def report_from(row: Row, links: Iterable[BuildLink]) -> Report:
    return Report(patchset_from(row), row["pipeline"], row["buildset"], tuple(links))


def patchset_from(row: Row) -> PatchSet:
    return PatchSet(row["server"], row["project"], row["branch"], row["change"], row["patchset"], row["url"])


def link_from(row: Row) -> BuildLink:
    return BuildLink(row["job"], row["url"], row["uuid"])


def report_row(report: Report, key: str) -> dict[str, Any]:
    patchset = report.patchset
    return {"key": key, "server": patchset.server, "project": patchset.project, "branch": patchset.branch,
            "change": patchset.change, "patchset": patchset.number, "url": patchset.url,
            "pipeline": report.pipeline, "buildset": report.buildset}


def build_text(build: Build) -> str:
    return json.dumps(asdict(build))


def build_from(text: str | None) -> Build | None:
    if text is None:
        return None
    fields = json.loads(text)
    artifacts = tuple(Artifact(**artifact) for artifact in fields["artifacts"])
    return Build(**{**fields, "artifacts": artifacts, "changes": tuple(fields.get("changes", ()))})


def reading_from(row: Row) -> Reading:
    return Reading(State[row["state"]], row["why"], counters_from(row["found"]) if row["found"] else None)


def found_text(reading: Reading) -> str | None:
    return counters_text(reading.found) if reading.found else None


def counters_text(counters: Counters) -> str:
    return json.dumps({name: sorted(value) if isinstance(value, frozenset) else value
                       for name, value in asdict(counters).items()})


def counters_from(text: str) -> Counters:
    counters = Counters(**json.loads(text))
    return replace(counters, absent=frozenset(counters.absent), resets=frozenset(counters.resets),
                   repeated=frozenset(counters.repeated))
