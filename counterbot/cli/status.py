"""``counterbot status``: whether a running or stopped bot is healthy, by its ledger alone."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..core.text.figures import counted

if TYPE_CHECKING:
    from ..ledger.status import Status

SILENT = 60_000
"""Milliseconds without a pulse after which a bot that was not stopped is considered dead."""

PENDING_TOO_LONG = 30 * 60_000


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", required=True, help="The bot's configuration.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of a table.")
def command(file: str, as_json: bool) -> None:
    """Print the last event, the backlog, pending deliveries and the quarantine; status 1 if unhealthy."""
    from ..files.config import read_secret
    from ..ledger.status import status
    from ..ledger.store import Store, exists
    from .starting import loaded, told

    config = loaded(file)
    url, secret = config.database, config.database_password_file
    with told():
        if not exists(url):
            raise click.ClickException(f"no ledger at {url.removeprefix('sqlite:///')}: the bot has not run yet")
        store = Store(url, password=None if secret is None else read_secret(secret), migrate=False)
        found = status(store)
        store.close()
    troubles = list(unhealthy(found))
    if as_json:
        click.echo(json.dumps({"healthy": not troubles, "troubles": troubles, **asdict(found)}, indent=2))
    else:
        for name, value in _rows(found):
            click.echo(f"{name:<12} {value}")
        click.echo(f"{'health':<12} {'; '.join(troubles) or 'good'}")
    raise SystemExit(1 if troubles else 0)


def unhealthy(found: Status) -> list[str]:
    """What a person should look at."""
    troubles = []
    if _is_dead(found):
        troubles.append("the bot died or hangs: it has no pulse and was not stopped")
    elif found.pulse and found.pulse["state"] == "running" and found.pulse["stream"] != "connected":
        troubles.append(f"the event stream is {found.pulse['stream']}")
    if found.pulse and found.pulse["rule_mistakes"]:
        mistakes = counted(found.pulse["rule_mistakes"], "mistake")
        troubles.append(f"{mistakes} in the rules: see 'counterbot rules check'")
    if found.quarantined:
        troubles.append(f"{found.quarantined} quarantined after repeated failures, the first: {found.quarantined_why}")
    if (found.owed_age or 0) > PENDING_TOO_LONG:
        troubles.append(f"a delivery has been pending for {_age(found.owed_age)}: {found.owed_why or 'not tried yet'}")
    return troubles


def _is_dead(found: Status) -> bool:
    pulse = found.pulse
    if pulse is None or pulse["state"] != "running":
        return False
    if pulse["host"] == socket.gethostname() and not os.path.exists(f"/proc/{pulse['pid']}"):
        return True
    return (found.pulse_age or 0) > SILENT


def _rows(found: Status) -> list[tuple[str, str]]:
    pulse = found.pulse
    pending = ", ".join(f"{count} {kind}" for kind, count in sorted(found.owed.items()))
    rows = [
        ("bot", f"{pulse['state']}, pid {pulse['pid']} on {pulse['host']}, {_age(found.pulse_age)} ago" if pulse
         else "has not run on this database"),
        ("last event", "none yet" if found.last_event is None else f"{_age(found.last_event)} ago"),
        ("backlog", counted(found.backlog, "event or report", "events and reports")
         + (f", oldest {_age(found.backlog_age)}" if found.backlog_age is not None else "")),
        ("pending", f"{pending}, oldest {_age(found.owed_age)}{': ' * bool(found.owed_why)}{found.owed_why}" if pending
         else "nothing"),
        ("refused", str(found.refused)),
        ("quarantine", f"{found.quarantined}{': ' * bool(found.quarantined_why)}{found.quarantined_why}"),
    ]
    if pulse and pulse["state"] == "running":
        lost = f"{counted(pulse['reconnects'], 'reconnect')}, {counted(pulse['gaps'], 'gap')}"
        rows[1:1] = [("stream", f"{pulse['stream']}; {lost}"), ("irc", pulse["irc"])]
    return rows


def _age(milliseconds: int | None) -> str:
    seconds = (milliseconds or 0) // 1000
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
