"""``counterbot status``: whether a running or stopped bot is healthy, by its ledger alone."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ..core.text.figures import counted
from ..core.text.names import few
from .completion import files
from .tables import coloured

if TYPE_CHECKING:
    from ..ledger.status import Status

SILENT = 60_000
"""Milliseconds without a pulse after which a bot that was not stopped is considered dead."""

PENDING_TOO_LONG = 30 * 60_000

NOT_ASKED_TOO_LONG = 10 * 60_000


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", required=True, shell_complete=files,
              help="The bot's configuration.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of a table.")
def command(file: str, as_json: bool) -> None:
    """Print the last event, the backlog, pending deliveries and the quarantine; status 1 if unhealthy."""
    from ..ledger.status import status
    from ..ledger.store import Store
    from .starting import database, loaded, told

    config = loaded(file)
    with told():
        url, password = database(config)
        store = Store(url, password=password, migrate=False)
        found = status(store)
        store.close()
    troubles = list(unhealthy(found))
    if as_json:
        click.echo(json.dumps({"healthy": not troubles, "troubles": troubles, **asdict(found)}, indent=2))
    else:
        for name, value in _rows(found):
            click.echo(f"{name:<12} {value}")
        click.echo(f"{'health':<12} {coloured('; '.join(troubles), 'red') if troubles else coloured('good', 'green')}")
    raise SystemExit(1 if troubles else 0)


def unhealthy(found: Status) -> list[str]:
    """What a person should look at."""
    troubles = []
    pulse = found.pulse
    if pulse and (why := _why_dead(found)):
        troubles.append(why)
    elif pulse and pulse["state"] == "running":
        if pulse["stream"] != "connected" and not _does_without(pulse):
            troubles.append(f"the event stream is {pulse['stream']}")
        troubles += (f"{each['page']} cannot be asked for finished buildsets: {each['why']}"
                     for each in pulse.get("tenants", ()) if each["why"] and _is_long_ago(each["asked"]))
    if pulse and pulse["rule_mistakes"]:
        troubles.append(f"{counted(pulse['rule_mistakes'], 'mistake')} in the rules: see 'counterbot rules check'")
    if found.quarantined:
        troubles.append(f"{found.quarantined} quarantined after repeated failures, the first: {found.quarantined_why}")
    if (found.owed_age or 0) > PENDING_TOO_LONG:
        troubles.append(f"a delivery has been pending for {_age(found.owed_age)}: {found.owed_why or 'not tried yet'}")
    return troubles


def _does_without(pulse: Mapping[str, Any]) -> bool:
    """Whether the bot has no right to the stream, and Zuul tells it what has ended."""
    return "stream events not permitted" in pulse["stream"] and bool(pulse.get("tenants"))


def _is_long_ago(seconds: float | None) -> bool:
    return seconds is None or seconds * 1000 > NOT_ASKED_TOO_LONG


def _why_dead(found: Status) -> str:
    """Why the bot is taken for dead; nothing where it runs, was stopped, or never ran."""
    pulse = found.pulse
    if pulse is None or pulse["state"] != "running":
        return ""
    if pulse["host"] == socket.gethostname() and not os.path.exists(f"/proc/{pulse['pid']}"):
        return "the bot died: it was not stopped, and its process is gone"
    if (found.pulse_age or 0) > SILENT:
        return f"the bot died or hangs: it was not stopped, and gave no sign of life for {_age(found.pulse_age)}"
    return ""


def _rows(found: Status) -> list[tuple[str, str]]:
    pending = ", ".join(f"{count} {kind}" for kind, count in sorted(found.owed.items()))
    rows = [
        ("bot", _bot(found)),
        ("last event", "none yet" if found.last_event is None else f"{_age(found.last_event)} ago"),
        ("backlog", counted(found.backlog, "event or report", "events and reports") + _oldest(found.backlog_age)),
        ("pending", f"{pending}{_oldest(found.owed_age)}{': ' * bool(found.owed_why)}{found.owed_why}" if pending
         else "nothing"),
        ("refused", str(found.refused)),
        ("quarantine", f"{found.quarantined}{': ' * bool(found.quarantined_why)}{found.quarantined_why}"),
    ]
    pulse = found.pulse
    if pulse and pulse["state"] == "running" and not _why_dead(found):
        gap, caught_up = pulse.get("last_gap"), pulse.get("caught_up", 0)  # a bot before the upgrade told neither
        length = "" if gap is None else f"; the last lasted {_age(int(gap * 1000))}"
        rows[1:1] = [("stream", f"{pulse['stream']}; {counted(pulse['reconnects'], 'reconnect')}"),
                     ("gaps", f"{pulse['gaps']} since the start{length}"),
                     ("caught up", f"{counted(caught_up, 'event')} that the stream did not bring{_way(pulse)}" + (
                         f"; Gerrit cannot be asked: {pulse['catch_up_why']}" if pulse.get("catch_up_why") else "")),
                     *(("zuul", _tenant(each)) for each in pulse.get("tenants", ())),
                     *([("backfill", pulse["backfill"])] if pulse.get("backfill") else []),
                     ("irc", pulse["irc"])]
    if pulse and "rules" in pulse:
        common = pulse.get("too_common")  # a bot before the upgrade did not tell
        rows.append(("rules", f"{pulse['rules']} in force, from {pulse['rules_from']}" + (
            f"; too common, since builds that passed have the same: {few(common)}" if common else "")))
    return rows


def _tenant(asked: Mapping[str, Any]) -> str:
    """What a tenant's buildsets brought."""
    last = "not asked yet" if asked["asked"] is None else f"asked {_age(int(asked['asked'] * 1000))} ago"
    found = f"{counted(asked['found'], 'finished buildset')} since the start, {asked['running']} still running"
    return f"{asked['page']}: {last}; {found}" + (f"; it cannot be asked: {asked['why']}" if asked["why"] else "")


def _way(pulse: Mapping[str, Any]) -> str:
    """How Gerrit is asked; a bot before the upgrade did not tell."""
    why = pulse.get("events_log_why")
    return f", by {pulse['catch_up_way']}{f' (no events log: {why})' if why else ''}" if "catch_up_way" in pulse else ""


def _bot(found: Status) -> str:
    """What the bot does, and when it last said so."""
    if found.pulse is None:
        return "has not run on this database"
    where = f"pid {found.pulse['pid']} on {found.pulse['host']}"
    if found.pulse["state"] == "stopped":
        return f"stopped {_age(found.pulse_age)} ago, {where}"
    state = "not running" if _why_dead(found) else "running"
    return f"{state}, {where}; last sign of life {_age(found.pulse_age)} ago"


def _oldest(age: int | None) -> str:
    return "" if age is None else f", the oldest from {_age(age)} ago"


def _age(milliseconds: int | None) -> str:
    seconds = (milliseconds or 0) // 1000
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
