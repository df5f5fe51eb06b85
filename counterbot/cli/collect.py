"""``counterbot collect``: the counters of this node, read now. Posts nothing, and judges nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from ..collectors import Failed, node
from ..collectors.available import collector
from ..collectors.settings import Steps, Wrong, build
from ..core import limits
from ..core.counters.difference import difference
from ..core.counters.snapshot import Snapshot, read, written
from ..core.model import ATTACHMENT, JSON, Unreadable, group_of
from ..core.text.names import few
from ..core.text.refusal import refusal
from ..core.text.spelling import nearest
from .completion import files
from .progress import progress
from .streams import Failure, beside, give, warn

WRONG, SOME_FAILED = 2, 3
SECONDS = 15.0
AGAIN = "take the reading on this node, before the tests, with: counterbot collect --output FILE"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@click.command("collect")
@click.option("--output", metavar="FILE", callback=beside, shell_complete=files, help="Write the JSON here too.")
@click.option("--subunit", "attachment", metavar="[NAME]", is_flag=False, flag_value=ATTACHMENT,
              help=f"Print a subunit packet instead of JSON, with a file of this name (default: {ATTACHMENT}).")
@click.option("--delta", "before", metavar="FILE", shell_complete=files,
              help="Give what was counted since this reading.")
@click.option("--meta-prefix", "prefix", metavar="PREFIX", help="What statsd puts before the counters' names.")
@click.option("--settings", metavar="FILE", envvar="COUNTERBOT_SETTINGS", shell_complete=files,
              help="How to reach the servers, in YAML.")
@click.option("--collector", "names", metavar="NAME", multiple=True,
              help="Run this collector; may come again. Default: those in the settings, else mysql and rabbitmq, "
                   "and systemd where it runs.")
@click.option("--set", "single", metavar="NAME.KEY=VALUE", multiple=True, help="One setting, as in the settings file.")
@click.option("--deadline", type=click.FloatRange(min=0, max=86400, min_open=True), default=SECONDS,
              show_default=True, help="Seconds that the collectors have in all.")
@click.option("--loglevel", type=click.Choice(LEVELS, case_sensitive=False), default="INFO", show_default=True,
              help="What standard error is told: with DEBUG how long each collector took, from ERROR on no failure.")
def command(output: str | None, attachment: str | None, before: str | None, prefix: str | None, settings: str | None,
            names: tuple[str, ...], single: tuple[str, ...], deadline: float, loglevel: str) -> None:
    """Print the counters of this node's servers, as JSON or as a subunit packet.

    Run it before the tests and keep what it prints; run it after them with --delta.

    The exit status is 3 where a server could not be read, or was restarted since the reading before:
    standard error and __meta__.failures say which and why, and the other counters are there. It is 2, and
    nothing is printed, where the options, the settings or the reading before are wrong.
    """
    try:
        first = None if before is None else _before(before)
        chosen = _chosen(settings, names, single)
        with progress(lambda: f"reading {', '.join(each.name for each in chosen)}, for {deadline:g} s at most"):
            reading = node.read(chosen, deadline, again=before is not None, prefix=prefix)
        snapshot = reading.snapshot
        if first is not None:
            snapshot = difference(first, snapshot, reading.known, reading.own)
    except Unreadable as error:
        raise Failure(f"--delta {before}: {error}; {AGAIN}", WRONG) from None
    _tell(snapshot, reading.took, LEVELS.index(loglevel.upper()))
    _write(snapshot, attachment, output)
    raise SystemExit(SOME_FAILED if snapshot.failures else 0)


def _before(path: str) -> Snapshot:
    try:
        with open(path, "rb") as stream:
            return read(stream.read(limits.COUNTERS_FILE + 1))
    except OSError as error:
        raise Unreadable(refusal(error)) from None


def _chosen(path: str | None, names: Sequence[str], single: Sequence[str]) -> list[node.Chosen]:
    """The collectors to run, each with its settings; all mistakes in them are told at once."""
    given, place = _file(path) if path is not None else ({}, _option)
    given = given or ({} if names else node.by_default())
    options: dict[str, dict[str, object]] = {name: {} for name in names or given}
    mistakes = [f"--set{why}" for setting in single if (why := _set(setting, options))]
    folder = os.path.dirname(path or "")
    chosen = []
    for name in options:
        try:
            found = collector(name)
            chosen.append(node.Chosen(name, found, build(found.Settings, given.get(name), options[name], folder)))
        except Failed as error:
            mistakes.append(f"{name}: {error}")
        except Wrong as error:
            for steps, what in error.mistakes:
                source = _option if steps and steps[0] in options[name] else place
                mistakes.append(f"{source((name, *steps))}: {what}")
    if mistakes:
        raise Failure("\n".join(mistakes), WRONG)
    return chosen


def _option(steps: Steps) -> str:
    return f"--set {_dotted(steps)}"


def _dotted(steps: Steps) -> str:
    return ".".join(map(str, steps))


def _file(path: str) -> tuple[dict[str, Any], Callable[[Steps], str]]:
    """The settings file's values, and what names a key's place in it."""
    from ..files.reader import load

    document = load(path)
    if document.mistakes:
        raise Failure("\n".join(map(str, document.mistakes)), WRONG)
    return dict(document.value or {}), lambda steps: f"{document.at(steps)}: {_dotted(steps)}"


def _set(setting: str, options: Mapping[str, dict[str, object]]) -> str | None:
    """Add one setting to those of its collector. None, or what is wrong with it; its value may be a password."""
    name, found, text = setting.partition("=")
    name, _, key = name.partition(".")
    if not found or not key:
        return ": write it as NAME.KEY=VALUE"
    if name not in options:
        near = nearest(name, list(options))
        return f" {name}.{key}: collector {name} is not to run; " + (
            f"did you mean {near}.{key}?" if near else f"choose it with --collector {name}")
    options[name][key] = _value(text)
    return None


def _value(text: str) -> object:
    """A number, true, false or a list as JSON has them; else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _tell(snapshot: Snapshot, took: Mapping[str, float], level: int) -> None:
    if level <= LEVELS.index("DEBUG"):
        for name, seconds in took.items():
            warn(f"{name}: took {seconds:.3f} s")
    if level > LEVELS.index("WARNING"):
        return
    for name, why in snapshot.failures.items():
        warn(why if why.startswith(f"{name} ") else f"{name}: {why}")
    if resets := sorted(name for name in snapshot.resets if group_of(name) not in snapshot.restarted):
        warn(f"no value, counter reset: {few(resets)}")


def _write(snapshot: Snapshot, attachment: str | None, output: str | None) -> None:
    document = written(snapshot)
    printed = document
    if attachment is not None:
        from ..core.subunit import writer

        printed = writer.attachment(attachment, document, JSON)
    give(printed, output, document)
