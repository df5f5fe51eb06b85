"""Turns the configuration of elastic-recheck's bot into ours: its YAML file of channels and messages, and its INI file.

What has no counterpart becomes a comment. The values of keys that hold secrets are never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import Error as IniError
from configparser import MissingSectionHeaderError, ParsingError, RawConfigParser
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BeforeValidator, Field

from ..core.text.inert import inert
from ..core.text.refusal import refusal
from .fields import Channel, Text
from .reader import Document, Mistake, Place, read
from .validate import Strict, shown, validate

TELL = {"positive": "known", "negative": "unexplained"}
"""What a channel is told, by elastic-recheck's events."""

ALL = "all"
"""Instead of projects: a channel is told of bugs of every project."""

PROJECTS = (
    "# 'projects' are those of the change; elastic-recheck's were those of the bug in Launchpad. To tell a channel of",
    "# a bug in whatever project it is met, leave out 'projects' there, and name the channel in the bug's rule:",
    "# 'report: {irc: [\"#CHANNEL\"]}'. A rule without it tells every channel.",
)

MESSAGES = {
    "found_bug": "the table of the comment",
    "recheck_instructions": "'Every failure is known: comment \"recheck bug N\" …'",
    "unrecognized": "'Not every failure is known: look at JOB …'",
    "no_bugs_found": "nothing: where nothing is known, no comment is posted",
    "footer": "nothing",
}
"""What stands in their place."""

UNUSED = {
    ("ircbot", "pass"): "NickServ's password: write it to a file, and name that in 'irc.sasl'",
    ("ircbot", "server_password"): "write it to a file, and name that in 'irc.password_file'",
    ("ircbot", "pidfile"): "not needed: see the systemd unit in the operator's manual",
    ("ircbot", "log_config"): "not needed: the log is written to standard error",
    ("recheckwatch", "jobs_re"): "the jobs that are read are those of the rules: 'where: {job: […]}' in a rule",
    ("data_source", "es_url"): "not needed: the logs themselves are read",
    ("data_source", "ls_url"): "not needed",
    ("data_source", "db_uri"): "not needed: failed tests are read from the build's subunit stream",
    ("data_source", "index_format"): "not needed",
}
"""Keys of the INI file without a counterpart, and what to do instead."""

Settings = Mapping[tuple[str, str], str]
"""Values of the INI file by section and key."""


def _with_sign(name: object) -> object:
    return f"#{name}" if isinstance(name, str) and not name.startswith("#") else name


def _event(value: object) -> str:
    if value not in TELL:
        raise ValueError(f"must be positive or negative, not {shown(value)}")
    return TELL[str(value)]


class _Channel(Strict):
    projects: Annotated[tuple[Text, ...], Field(strict=False)] = (ALL,)
    events: Annotated[tuple[Annotated[Literal["known", "unexplained"], BeforeValidator(_event)], ...],
                      Field(strict=False, min_length=1)]


class _Channels(Strict):
    channels: Annotated[dict[Annotated[Channel, BeforeValidator(_with_sign)], _Channel], Field(min_length=1)]
    messages: dict[str, str] = Field({})


@dataclass(frozen=True)
class _Found:
    """What the files say."""

    channels: _Channels | None = None
    settings: Settings = field(default_factory=dict)
    trouble: str = ""


def imported(path: Path | str) -> str | tuple[Mistake, ...]:
    """Our configuration, as YAML with comments, or all mistakes in the file. Of an INI file the channels' file is read
    as well, where it is there."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        return (Mistake(Place(str(path), 0, 0), refusal(error)),)
    found = _of_ini(data, Path(path)) if _is_ini(data) else _of_yaml(data, str(path))
    return "\n".join(_lines(str(path), found)) + "\n" if isinstance(found, _Found) else found


def _is_ini(data: bytes) -> bool:
    """Whether the first line that says something is a section's."""
    return re.match(rb"(\s*([#;].*)?\n)*\s*\[", data) is not None


def _of_yaml(data: bytes, path: str) -> _Found | tuple[Mistake, ...]:
    channels, mistakes = validate(_nested(read(data, path)), _Channels)
    return _Found(channels) if channels else mistakes


def _nested(document: Document) -> Document:
    """At first the channels stood at the root of the file."""
    if document.value is None or "channels" in document.value:
        return document
    places = {(): document.places[()], **{("channels", *steps): place for steps, place in document.places.items()}}
    refused = frozenset(("channels", *steps) for steps in document.refused)
    return replace(document, value={"channels": document.value}, places=places, refused=refused)


def _of_ini(data: bytes, path: Path) -> _Found | tuple[Mistake, ...]:
    parser = RawConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(data.decode())
    except UnicodeDecodeError:
        return (Mistake(Place(str(path)), "is not UTF-8"),)
    except IniError as error:
        return tuple(Mistake(Place(str(path), line), what) for line, what in _wrong_lines(error))
    settings = {(section, key): value for section in parser.sections() for key, value in parser.items(section)}
    name = settings.get(("ircbot", "channel_config"))
    if name is None:
        return _Found(settings=settings, trouble="'channel_config' is missing in [ircbot]: it names their file")
    file = path.parent / Path(name).expanduser()
    if not file.is_file():
        return _Found(settings=settings, trouble=f"their file {name} is not here: run this command on it")
    channels = _of_yaml(file.read_bytes(), str(file))
    return replace(channels, settings=settings) if isinstance(channels, _Found) else channels


def _wrong_lines(error: IniError) -> Iterator[tuple[int, str]]:
    if isinstance(error, MissingSectionHeaderError):
        yield error.lineno, "must stand in a section, such as [ircbot]"
    elif isinstance(error, ParsingError):
        yield from ((line, "must be KEY=VALUE") for line, _ in error.errors)


def _lines(path: str, found: _Found) -> Iterator[str]:
    yield f"# From {inert(path, 200)}, by \"counterbot config import-elastic-recheck\"."
    yield '# "counterbot config sample" explains every key, and has those that elastic-recheck did not have.'
    settings = found.settings
    yield from _section("gerrit", settings, {"host": ("gerrit", "host"), "username": ("gerrit", "user"),
                                             "key_file": ("gerrit", "key")})
    if account := settings.get(("recheckwatch", "ci_username")):
        yield from ("", "zuul:", f"  accounts: {_yaml(list(dict.fromkeys([account, 'zuul'])))}")
    if folder := settings.get(("gerrit", "query_file")):
        yield from ("", "# elastic-recheck's folder can be used as it is.", f"rules: {_yaml(folder)}")
    yield from ("", "irc:", *_irc(settings))
    if found.channels is None:
        yield f"  # channels: {inert(found.trouble, 400)}"
    else:
        yield from (f"  {line}" for line in _channels(found.channels.channels))
    yield from ("", "known:", "  # As elastic-recheck's pages.", "  days: 10")
    yield from _left_out(found)


def _section(name: str, settings: Settings, keys: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    lines = [f"  {ours}: {_yaml(settings[theirs])}" for ours, theirs in keys.items() if settings.get(theirs)]
    if lines:
        yield from ("", f"{name}:", *lines)


def _irc(settings: Settings) -> Iterator[str]:
    host, nick = settings.get(("ircbot", "server")), settings.get(("ircbot", "nick"))
    elsewhere = "elastic-recheck has it in its INI file, as 'server' in [ircbot]"
    yield f"  host: {_yaml(host)}" if host else f"  # host: {elsewhere}"
    if port := settings.get(("ircbot", "port")):
        yield f"  port: {port}"
        yield f"  tls: {'true' if port == '6697' else 'false'}"
    yield f"  nick: {_yaml(nick)}" if nick else "  # nick: likewise"


def _channels(channels: Mapping[str, _Channel]) -> Iterator[str]:
    """elastic-recheck told channels of the gate's failures alone."""
    if any(ALL not in channel.projects for channel in channels.values()):
        yield from PROJECTS
    yield "channels:"
    for name, channel in channels.items():
        yield f"  {_yaml(name)}:"
        if ALL not in channel.projects:
            yield f"    projects: {_yaml([each if '/' in each else f'*/{each}' for each in channel.projects])}"
        yield f"    tell: {_yaml(list(dict.fromkeys(channel.events)))}"
        yield "    failures_in: [gate]"


def _left_out(found: _Found) -> Iterator[str]:
    messages = found.channels.messages if found.channels else {}
    if messages:
        yield from ("", "# The comment's words are fixed. In place of elastic-recheck's messages it has:")
        yield from (f"#   {inert(name, 80)}: {MESSAGES.get(name, 'nothing')}" for name in messages)
    unused = [(theirs, UNUSED.get(theirs, "no key of elastic-recheck's bot")) for theirs in found.settings
              if theirs not in USED]
    if unused:
        yield from ("", "# Keys of the INI file that are left out:")
        yield from (f"#   [{inert(section, 80)}] {inert(key, 80)}: {why}" for (section, key), why in unused)


USED = {("gerrit", "host"), ("gerrit", "user"), ("gerrit", "key"), ("gerrit", "query_file"), ("ircbot", "server"),
        ("ircbot", "port"), ("ircbot", "nick"), ("ircbot", "channel_config"), ("recheckwatch", "ci_username")}


def _yaml(value: object) -> str:
    """On one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").rstrip("\n")
