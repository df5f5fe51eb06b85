"""The clients of one bot as its configuration describes them, and the files that it names. Connects to nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..clients import tls
from ..clients.gerrit.events_log import PATH, EventsLog
from ..clients.host_keys import trusted
from ..clients.http import Http
from ..clients.ssh import Connection, Server, SshError, connect, load_key
from ..core.model import Unreadable
from ..core.text.refusal import refusal
from ..files.config import Config, read_secret, time_zone
from ..files.config import EventsLog as EventsLogConfig
from ..files.config import Gerrit as GerritConfig
from ..files.config import Irc as IrcConfig
from ..reporters.irc.reporter import Settings as IrcSettings


@dataclass(frozen=True)
class NamedFile:
    """A file that a key of the configuration names. ``trouble`` says why it cannot be used."""

    key: str
    path: Path
    trouble: str | None = None


def named_files(config: Config, *, gerrit: bool = True, sends: bool = True) -> Iterator[NamedFile]:
    """Each file, opened and checked. ``gerrit``: with those for Gerrit; ``sends``: with those for a bot that posts."""
    irc = config.irc
    found: list[tuple[str, Path | None, Callable[[str], object]]] = []
    if gerrit:
        found += [("gerrit.key_file", config.gerrit.key_file, load_key),
                  ("gerrit.known_hosts", config.gerrit.known_hosts, lambda _: trusted(server(config.gerrit)))]
    if gerrit and (by_log := config.gerrit.events_log):
        found += [("gerrit.events_log.password_file", by_log.password_file, read_secret),
                  ("gerrit.events_log.ca_file", by_log.ca_file, tls.context)]
    found += [("zuul.ca_file", config.zuul.ca_file, tls.context)]
    if sends:
        found += [("database_password_file", config.database_password_file, read_secret)]
    if sends and irc:
        found += [("irc.ca_file", irc.ca_file, tls.context), ("irc.password_file", irc.password_file, read_secret),
                  ("irc.sasl.password_file", irc.sasl.password_file if irc.sasl else None, read_secret)]
    return (NamedFile(key, path, None if (why := _trouble(path, look)) is None else f"{why}; {_origin(config, key)}")
            for key, path, look in found if path is not None)


def _origin(config: Config, key: str) -> str:
    """Why the file is read; only known_hosts has a default."""
    if key == "gerrit.known_hosts" and "known_hosts" not in config.gerrit.model_fields_set:
        return "it is read because the configuration gives neither 'gerrit.host_key' nor 'gerrit.known_hosts': give one"
    return f"{key!r} in the configuration names it"


def _trouble(path: Path, look: Callable[[str], object]) -> str | None:
    try:
        with path.open("rb"):
            pass
        look(str(path))
    except OSError as error:
        return f"{path}: {refusal(error)}"
    except (SshError, Unreadable) as error:
        return str(error)
    return None


def http(config: Config) -> Http:
    """Fetches from Zuul's API and from the logs. Raises Unreadable where the certificates cannot be used."""
    zuul = config.zuul
    return Http([*(f"{root}/api/" for root in zuul.url), *zuul.logs], private=zuul.private_addresses,
                ca_file=text(zuul.ca_file))


def events_log(username: str, settings: EventsLogConfig) -> EventsLog:
    """Raises Unreadable where the password or the certificates cannot be used."""
    login = f"{username}:{read_secret(settings.password_file)}".encode()
    asking = Http([settings.url + PATH], private=True, ca_file=text(settings.ca_file),
                  ca_key="gerrit.events_log.ca_file", authorization=f"Basic {b64encode(login).decode()}")
    return EventsLog(asking, settings.url, time_zone(settings.time_zone))


def server(gerrit: GerritConfig) -> Server:
    return Server(gerrit.host, gerrit.port, gerrit.username, str(gerrit.key_file), gerrit.host_key,
                  text(gerrit.known_hosts))


def login(config: Config) -> Callable[[], Connection]:
    """What connects to Gerrit."""
    gerrit = server(config.gerrit)
    return lambda: connect(gerrit)


def irc_settings(irc: IrcConfig) -> IrcSettings:
    """Raises Unreadable where a password cannot be read."""
    return IrcSettings(
        irc.host, cast(int, irc.port), irc.nick, tuple(irc.channels), tls=irc.tls, ca_file=text(irc.ca_file),
        password=secret(irc.password_file),
        sasl=(irc.sasl.username, read_secret(irc.sasl.password_file)) if irc.sasl else None)


def secret(path: Path | None) -> str | None:
    """Raises Unreadable."""
    return None if path is None else read_secret(path)


def text(path: Path | None) -> str | None:
    return None if path is None else str(path)
