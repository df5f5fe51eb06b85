"""``counterbot collect``: the counters of this node, read now. Posts nothing, and judges nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..core import limits
from ..core.counters.snapshot import Snapshot
from ..core.model import ATTACHMENT, JSON, Unreadable
from .streams import beside, give, warn

if TYPE_CHECKING:
    from ..collectors.joined import Reading
    from ..collectors.node import Chosen
    from ..collectors.settings import Steps

SOME_FAILED = 3
SECONDS = 15.0
AGAIN = "take the reading on this node, before the tests, with: counterbot collect --output FILE"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Wrong(click.ClickException):
    """Options, settings or an earlier reading that cannot be used: one line, or a line a mistake."""

    exit_code = 2


@click.command("collect")
@click.option("--output", metavar="FILE", callback=beside, help="Write the JSON here too.")
@click.option("--subunit", "attachment", metavar="[NAME]", is_flag=False, flag_value=ATTACHMENT,
              help=f"Print a subunit packet instead of JSON, with a file of this name (default: {ATTACHMENT}).")
@click.option("--delta", "before", metavar="FILE", help="Give what was counted since this reading.")
@click.option("--meta-prefix", "prefix", metavar="PREFIX", help="What statsd puts before the counters' names.")
@click.option("--settings", metavar="FILE", envvar="COUNTERBOT_SETTINGS", help="How to reach the servers, in YAML.")
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

    The exit status is 3 where a server could not be read: standard error and __meta__.failures say which
    and why, and the other counters are there. It is 2, and nothing is printed, where the options, the
    settings or the reading before are wrong.
    """
    from ..collectors import node

    for option, value in (("--meta-prefix", prefix), ("--subunit", attachment)):
        if value and not value.isprintable():  # bytes that are no UTF-8 can stand in no document
            raise Wrong(f"{option} must be printable text")
    first = None if before is None else _before(before)
    chosen = _chosen(settings, names, single)
    reading = node.read(chosen, deadline, again=before is not None, prefix=prefix)
    snapshot = reading.snapshot if first is None else _difference(before, first, reading)
    _tell(snapshot, reading.took, LEVELS.index(loglevel.upper()))
    _write(snapshot, None if attachment is None else attachment or ATTACHMENT, output)
    raise SystemExit(SOME_FAILED if snapshot.failures else 0)


def _before(path: str) -> Snapshot:
    from ..core.counters.snapshot import read

    try:
        with open(path, "rb") as stream:
            return read(stream.read(limits.COUNTERS_FILE + 1))
    except OSError as error:
        raise Wrong(f"--delta {path}: {error.strerror}; collect once before the tests, with --output FILE") from None
    except Unreadable as error:
        raise Wrong(f"--delta {path}: {error}; {AGAIN}") from None


def _difference(path: str | None, first: Snapshot, reading: Reading) -> Snapshot:
    from ..core.counters.difference import difference

    try:
        return difference(first, reading.snapshot, reading.known, reading.own)
    except Unreadable as error:
        raise Wrong(f"--delta {path}: {error}; {AGAIN}") from None


def _chosen(path: str | None, names: Sequence[str], single: Sequence[str]) -> list[Chosen]:
    """The collectors to run, each with its settings; all mistakes in them are told at once."""
    from ..collectors.node import by_default

    given, place = _file(path) if path is not None else ({}, _option)
    given = given or ({} if names else by_default())
    wanted = dict.fromkeys(names or given)
    mistakes = [f"--set{why}" for setting in single if (why := _set(setting, given, wanted))]
    chosen = []
    for name in wanted:
        found = _one(name, given.get(name), place)
        if isinstance(found, list):
            mistakes += found
        else:
            chosen.append(found)
    if mistakes:
        raise Wrong("\n".join(mistakes))
    return chosen


def _one(name: str, given: object, place: Callable[[Steps], str]) -> Chosen | list[str]:
    """A collector with its settings, or what is wrong with them."""
    from ..collectors import Failed, settings
    from ..collectors.available import bug, collector
    from ..collectors.node import Chosen

    try:
        found = collector(name)
        return Chosen(name, found, settings.build(found.Settings, given))
    except Failed as error:
        return [f"{name}: {error}"]
    except settings.Wrong as error:
        return [f"{place((name, *steps))}: {what}" for steps, what in error.mistakes]
    except (Exception, SystemExit) as error:  # of a collector's module or Settings
        return [f"{name}: {bug(error)}"]


def _option(steps: Steps) -> str:
    """What names a key's place where there is no settings file."""
    return f"--set {_dotted(steps)}"


def _dotted(steps: Steps) -> str:
    return ".".join(map(str, steps))


def _file(path: str) -> tuple[dict[str, Any], Callable[[Steps], str]]:
    """The settings file's values, and what names a key's place in it."""
    from ..files.reader import load

    document = load(path)
    if document.mistakes:
        raise Wrong("\n".join(map(str, document.mistakes)))

    return dict(document.value or {}), lambda steps: f"{document.at(steps)}: {_dotted(steps)}"


def _set(setting: str, given: dict[str, Any], wanted: Mapping[str, None]) -> str | None:
    """Put one setting in with the others. None, or what is wrong with it; its value may be a password."""
    name, found, text = setting.partition("=")
    name, _, key = name.partition(".")
    if not found or not key:
        return ": write it as NAME.KEY=VALUE"
    if name not in wanted:
        return f" {name}.{key}: collector {name} is not to run; choose it with --collector {name}"
    settings = given.get(name) or {}
    if not isinstance(settings, dict):
        return None  # told as a mistake of the file
    given[name] = settings | {key: _value(text)}
    return None


def _value(text: str) -> object:
    """A number, true, false or a list as JSON has them; else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # thousands of brackets are no value of any setting
        return text


def _tell(snapshot: Snapshot, took: Mapping[str, float], level: int) -> None:
    if level <= LEVELS.index("DEBUG"):
        for name, seconds in took.items():
            warn(f"{name}: took {seconds:.3f} s")
    if level > LEVELS.index("WARNING"):
        return
    for name, why in snapshot.failures.items():
        warn(f"{name}: {why}")
    if snapshot.resets:
        warn(f"no value, counter reset: {', '.join(sorted(snapshot.resets))}")


def _write(snapshot: Snapshot, attachment: str | None, output: str | None) -> None:
    from ..core.counters.snapshot import written

    document = written(snapshot)
    if attachment is None:
        return give(document, output, document)
    from ..core.subunit.writer import attachment as packets

    return give(packets(attachment, document, JSON), output, document)
