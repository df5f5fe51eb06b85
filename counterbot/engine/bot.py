"""From a configuration to the parts of a bot, put together. The only place that sees them all."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from ..core.decide import Channel
from ..core.events import Recognition
from ..core.model import Delivery, Refused, Retry, Sent, Unreadable
from ..core.wording.comment import Links
from ..files.config import Config, load_config, read_secret

LEASE = 600_000
"""Longer than Gerrit may still finish a review that we gave up on, in milliseconds."""

STOPPING = 15.0
"""Seconds that all threads together have to end."""

Told = Callable[[Delivery, Sent | Retry | Refused], None]


def loaded(file: str) -> Config:
    """The configuration; ends the command with all its mistakes where it has any."""
    outcome = load_config(file)
    if isinstance(outcome, Config):
        return outcome
    for mistake in outcome:
        click.echo(str(mistake), err=True)
    raise SystemExit(1)


def recognition(config: Config) -> Recognition:
    return Recognition(frozenset(config.zuul.accounts), config.gerrit.host, config.gerrit.username, config.zuul.url)


def log_to_stderr(verbose: bool) -> None:
    """One line a thing. Libraries speak from warnings on."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("counterbot").setLevel(logging.DEBUG if verbose else logging.INFO)


class Bot:
    """The parts of one bot. ``dry``: a ledger of its own that goes with it, and nothing is sent.

    ``lease`` is milliseconds; ``at`` hears of the moments of a delivery, at which tests let the process die.
    """

    def __init__(self, config: Config, *, dry: bool = False, deadline: float | None = None, lease: int = LEASE,
                 told: Told = lambda *_: None, at: Callable[[str], None] = lambda _: None) -> None:
        from ..builds import Artifacts
        from ..clients.http import Http
        from ..clients.zuul import Zuul
        from ..files.rulebook import RuleBook
        from ..ledger import Ledger
        from .clock import steady
        from .service import Service
        from .stages import Settings, Stages

        self.config, self.dry, self._told, self._at = config, dry, told, at
        if not dry:
            _readable(config.gerrit.key_file)
        self.book = RuleBook(_folder(config.rules))
        _without_mistakes(self.book.mistakes)
        self.book.log = logging.getLogger("counterbot.rules")
        now = steady()
        self._folder = tempfile.TemporaryDirectory(prefix="counterbot-dry-") if dry else None
        url = f"sqlite:///{self._folder.name}/ledger.db" if self._folder else config.database
        self.ledger = Ledger(url, now, lease)
        try:
            self._http = http = Http([f"{config.zuul.url}/api/", *config.zuul.logs],
                                     private=config.zuul.private_addresses,
                                     ca_file=config.zuul.ca_file and str(config.zuul.ca_file))
        except Unreadable as error:
            raise click.ClickException(f"{error}; 'zuul.ca_file' in the configuration names it") from error
        settings = Settings(
            recognition(config), _channels(config), Links(config.bugs.view, config.bugs.file),
            int((deadline if deadline is not None else config.report.deadline) * 1000), config.report.settle * 1000)
        self.statsd = None if dry else _statsd(config)
        self.stages = Stages(self.ledger, Zuul(http, config.zuul.url), Artifacts(http), lambda: self.book.rules,
                             settings, now, self.statsd.take if self.statsd else lambda *_: None)
        self.service = Service(threading.Event())
        self.irc = None

    def greet(self) -> None:
        """Ends the command where Gerrit will not have us, or is not the one vouched for; a Gerrit that is away may
        come back."""
        from ..clients.ssh import SshError

        try:
            self._connect()().close()
        except SshError as error:
            if error.lasting:
                raise click.ClickException(error.why) from error

    def start(self) -> None:
        """Begin to work, and to deliver."""
        from .delivery import Comments, Lines

        lines = Lines(self.ledger, [channel.name for channel in _channels(self.config)], told=self._told)
        self.service.repeat("clerk", self.stages.note)
        readers = self.config.workers
        self.service.repeat("first-reader", self.stages.look_first, (readers + 1) // 2)
        self.service.repeat("reader", self.stages.look, max(1, readers // 2))
        if self.dry:
            logging.getLogger("counterbot.delivery").setLevel(logging.WARNING)  # it would say "sent"
            from ..reporters.nobody import Nobody

            comments = Comments(self.ledger, Nobody(), told=self._told)
            self.service.repeat("irc", lambda: _say_nothing(lines))
        else:
            comments = Comments(self.ledger, self._reporter(), told=self._told, at=self._at)
            self._start_irc(lines)
        self.service.repeat("comments", comments.step)
        if self.statsd:
            self.service.repeat("statsd", self.statsd.step)

    def take(self, line: bytes, source: str) -> bool:
        """An event goes into the inbox."""
        new = self.ledger.put(line, source)
        self.service.wake()
        return new

    def listen(self) -> object:
        """Begin to listen to Gerrit; the source is returned for its state."""
        from ..sources.gerrit_stream import GerritStream

        stream = GerritStream(self._connect(), lambda line: self.take(line, "gerrit stream-events"))
        self.service.run("stream", stream.run)
        return stream

    def close(self) -> list[str]:
        """Stop, wait, and let go; the names of threads that did not end."""
        self.service.stop.set()
        self._http.abort()
        late = self.service.join(STOPPING)
        if not late:
            self.ledger.close()
            while self.statsd and self.statsd.step():
                pass
        if self._folder:
            self._folder.cleanup()
        return late

    def _connect(self) -> Callable:
        from ..clients.ssh import Server, connect

        gerrit = self.config.gerrit
        server = Server(gerrit.host, gerrit.port, gerrit.username, str(gerrit.key_file), gerrit.host_key,
                        gerrit.known_hosts and str(gerrit.known_hosts))
        return lambda: connect(server)

    def _reporter(self) -> object:
        from ..clients.gerrit.over_ssh import OverSsh
        from ..reporters.gerrit import GerritReporter

        return GerritReporter(OverSsh(self._connect()), self.config.gerrit.username)

    def _start_irc(self, lines: object) -> None:
        irc = self.config.irc
        if irc is None:
            return
        from ..reporters.irc.reporter import Irc, Settings

        settings = Settings(
            irc.host, irc.port, irc.nick, tuple(irc.channels), tls=irc.tls,
            ca_file=irc.ca_file and str(irc.ca_file),
            password=_secret(irc.password_file) if irc.password_file else None,
            sasl=(irc.sasl.username, _secret(irc.sasl.password_file)) if irc.sasl else None)
        self.irc = Irc(settings, lines)
        self.service.run("irc", self.irc.run)


def _statsd(config: Config) -> object:
    if config.statsd is None:
        return None
    from ..reporters.statsd import Settings, Statsd

    return Statsd(Settings(config.statsd.host, config.statsd.port, config.statsd.prefix or ""))


def _channels(config: Config) -> tuple[Channel, ...]:
    return tuple(Channel(name, tuple(wants.projects or ()), tuple(wants.pipelines or ()))
                 for name, wants in (config.irc.channels.items() if config.irc else ()))


def _folder(rules: Path) -> Path:
    if not rules.is_dir():
        raise click.ClickException(f"{rules}: no such folder; 'rules' in the configuration names it")
    return rules


def _readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise click.ClickException(f"{path}: cannot be read; 'gerrit.key_file' in the configuration names it")


def _without_mistakes(mistakes: Iterable[object]) -> None:
    """At the start there is no last good version to go on with."""
    for mistake in mistakes:
        click.echo(str(mistake), err=True)
    if mistakes:
        raise SystemExit(1)


def _secret(path: Path) -> str:
    try:
        return read_secret(path)
    except Unreadable as error:
        raise click.ClickException(str(error)) from error


def _say_nothing(lines: object) -> bool:
    claim = lines.claim()
    if claim is not None:
        lines.settle(claim, Sent())
    return claim is not None
