"""``counterbot explain``: what the bot makes of recorded events. Follows no link and posts nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from ..core import events
from ..core.model import Ignored, Merged, Unreadable


@click.command()
@click.argument("source", metavar="[EVENTS|-]", default="-")
@click.option("-c", "--config", "file", metavar="FILE", help="Take accounts and Zuul's root from FILE"
              " (default: account zuul, any URL).")
def command(source: str, file: str | None) -> None:
    """Print a JSON line for each line of EVENTS (default: standard input)."""
    settings = _settings(file)
    for number, line in enumerate(_lines(source), 1):
        click.echo(json.dumps({"line": number, **_explained(line, settings)}))


def _lines(source: str) -> Iterator[bytes]:
    from ..sources.recording import recorded

    try:
        yield from recorded(source)
    except OSError as error:
        raise click.FileError(source, error.strerror) from error


def _settings(file: str | None) -> events.Recognition:
    if file is None:
        return events.Recognition(frozenset({"zuul"}))
    from .starting import loaded

    return loaded(file).recognition


def _explained(line: bytes, settings: events.Recognition) -> dict[str, Any]:
    try:
        found = events.recognise(events.parse_line(line), settings)
    except Unreadable as error:
        return {"error": str(error)}
    if isinstance(found, Ignored):
        return {"ignored": found.why}
    if isinstance(found, Merged):
        return {"ignored": "event type change-merged"}
    report = found
    return {"change": report.patchset.change, "patchset": report.patchset.number, "pipeline": report.pipeline,
            "builds": [{"job": link.job, "url": link.url, "uuid": link.uuid} for link in report.builds],
            **({"omitted": report.omitted.url} if report.omitted else {})}
