"""``counterbot explain``: what the bot makes of recorded events. Follows no link and posts nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from ..core import events
from ..core.commands import Asked, Command
from ..core.model import Ignored, Merged, Unreadable
from .completion import files


@click.command()
@click.argument("source", metavar="[EVENTS|-]", default="-", shell_complete=files)
@click.option("-c", "--config", "file", metavar="FILE", shell_complete=files,
              help="Take accounts and Zuul's root from FILE (default: account zuul, any URL).")
def command(source: str, file: str | None) -> None:
    """Print a JSON line for each line of EVENTS (default: standard input)."""
    from ..sources.recording import recorded

    settings = _settings(file)
    for number, line in enumerate(recorded(source), 1):
        click.echo(json.dumps({"line": number, **_explained(line, settings)}))


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
    if isinstance(found, Command):
        asked = found.asked
        return {"change": found.patchset.change, "patchset": found.patchset.number, "author": found.author,
                **({"command": asked.verb.word, "reason": asked.reason} if isinstance(asked, Asked) else
                   {"mistaken": asked.why})}
    return {"change": found.patchset.change, "patchset": found.patchset.number, "pipeline": found.pipeline,
            "builds": [{"job": link.job, "url": link.url, "uuid": link.uuid} for link in found.builds],
            **({"omitted": found.omitted.url} if found.omitted else {})}
