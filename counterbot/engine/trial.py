"""Tries each file and server that a configuration names, with the bot's own clients. Posts nothing.

Each trial runs in a thread of its own: one that hangs is reported after ``SECONDS``, and delays no other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..clients import statsd
from ..clients.gerrit import Rejected, Unreachable
from ..clients.gerrit.over_ssh import OverSsh
from ..clients.http import Forbidden, Http, Unavailable
from ..clients.ssh import SshError
from ..clients.zuul import Zuul
from ..core.deadline import Deadline, DeadlineExceeded
from ..core.model import Unreadable
from ..core.text.figures import counted
from ..core.text.inert import inert
from ..files.config import Config, EventsLog, Irc
from ..files.rulebook import RuleBook
from ..ledger import LedgerError
from ..ledger.trial import tried as tried_database
from ..reporters.irc.trial import log_in
from ..sources.gerrit_stream import STREAM_EVENTS
from .parts import events_log, http, irc_settings, login, named_files, secret

SECONDS = 45.0
"""For all trials, which run at the same time; a login over SSH may take three times fifteen."""

REFUSAL = 2.0
"""Seconds within which Gerrit refuses an account that may not listen; others hear nothing until there is an event."""

LENGTH = 500
"""Characters of a reason that are shown."""


class Failed(Exception):
    """Why a trial failed."""


class NotTried(Exception):
    """Why there is nothing to try."""


EXPECTED = (Failed, SshError, Unreachable, Rejected, Unavailable, Forbidden, DeadlineExceeded, Unreadable, LedgerError,
            OSError)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended, in words. ``good`` is None where nothing could be tried."""

    key: str
    good: bool | None
    words: str


def outcomes(config: Config, seconds: float = SECONDS) -> Iterator[Outcome]:
    """How each trial of a configuration ended; all begin at the same time. ``seconds`` are for all together."""
    begun = [_Trial(key, body) for key, body in _trials(config)]
    ends = Deadline.after(seconds, time.monotonic)
    for trial in begun:
        yield trial.outcome(ends)


class _Trial:
    """A trial under way in a thread."""

    def __init__(self, key: str, body: Callable[[], str]) -> None:
        self._key, self._body = key, body
        self._outcome: Outcome | None = None
        self._thread = threading.Thread(target=self._run, name=f"trial of {key}", daemon=True)
        self._thread.start()

    def outcome(self, ends: Deadline) -> Outcome:
        self._thread.join(0 if ends.exceeded else ends.left())
        return self._outcome or Outcome(self._key, False, "it did not end in time")

    def _run(self) -> None:
        try:
            self._outcome = Outcome(self._key, True, self._body())
        except NotTried as error:
            self._outcome = Outcome(self._key, None, str(error))
        except Exception as error:  # other kinds are bugs of ours, which must not hide the other outcomes
            kind = "" if isinstance(error, EXPECTED) else f"{type(error).__name__}: "
            self._outcome = Outcome(self._key, False, inert(f"{kind}{error}", LENGTH))


def _trials(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    for file in named_files(config):
        yield file.key, partial(_file, file.path, file.trouble)
    yield "rules", partial(_rules, config.rules)
    yield "gerrit", partial(_gerrit, config)
    if config.gerrit.events_log:
        yield "gerrit.events_log", partial(_events_log, config.gerrit.username, config.gerrit.events_log)
    for root in config.zuul.url:
        yield "zuul.url", partial(_zuul, config, root)
    for page in config.zuul.tenant_pages:
        yield "zuul.tenants", partial(_tenant, config, page)
    for prefix in config.zuul.logs:
        yield "zuul.logs", partial(_logs, config, prefix)
    if config.irc:
        yield "irc", partial(_irc, config.irc)
    if config.statsd:
        yield "statsd", partial(_statsd, config.statsd.host, config.statsd.port)
    yield "database", partial(_database, config)


def _file(path: Path, trouble: str | None) -> str:
    if trouble:
        raise Failed(trouble)
    return str(path)


def _rules(folder: Path) -> str:
    if not folder.is_dir():
        raise Failed(f"{folder}: no such folder; 'rules' in the configuration names it")
    book = RuleBook(folder)
    if book.mistakes:
        raise Failed(f"{folder}: there are mistakes, the first: {book.mistakes[0]}; 'counterbot rules check' shows all")
    if not book.rules:
        raise Failed(f"{folder}: there is no rule in it; 'rules' in the configuration names it")
    return f"{folder}: {counted(len(book.rules), 'rule')}"


def _gerrit(config: Config) -> str:
    username = config.gerrit.username
    with login(config)() as connection:
        stream = connection.stream(STREAM_EVENTS)
        if stream.read(REFUSAL) == b"":
            said = " ".join(stream.err.decode("utf-8", "replace").split())
            raise Failed(f"{connection.name}: logged in as {username}, but it may not listen: {said or 'no reason'};"
                         " give the account the global capability Stream Events")
    gerrit = OverSsh(login(config), seconds=SECONDS)
    try:
        if not gerrit.updated(0, 0, 1).changes:
            raise Failed(f"{connection.name}: {username} sees no change; if there are any, give the account Read on"
                         " refs/* of the projects to watch")
    finally:
        gerrit.close()
    return f"{connection.name}: logged in as {username}, may listen and read"


def _events_log(username: str, settings: EventsLog) -> str:
    events_log(username, settings).greet()
    return f"{settings.url}: the events-log plugin answers"


def _zuul(config: Config, root: str) -> str:
    Zuul(_http(config), root).greet()
    return f"{root}: its API answers"


def _tenant(config: Config, page: str) -> str:
    rows = next(Zuul(_http(config), *config.zuul.url).buildsets(page, limit=1), [])
    return f"{page}: its list of buildsets answers{'' if rows else ', but is empty: is the name right?'}"


def _logs(config: Config, prefix: str) -> str:
    if "//*." in prefix:
        raise NotTried(f"{prefix}: not tried, since any name may stand for the *")
    status = _http(config).status(prefix)
    if status >= 500:
        raise Failed(f"{prefix}: the server answers {status}")
    return f"{prefix}: the server answers"


def _irc(irc: Irc) -> str:
    settings = irc_settings(irc)
    nick = log_in(settings)
    return f"{settings.place}: logged in as {nick}, and left"


def _statsd(host: str, port: int) -> str:
    try:
        statsd.connect(host, port)
    except OSError as error:
        raise Failed(f"{host}:{port}: the host's name cannot be looked up ({error.strerror or error})") from error
    return f"{host}:{port}: has an address; statsd never answers"


def _database(config: Config) -> str:
    name = config.database.removeprefix("sqlite:///")
    return f"{name}: {tried_database(config.database, secret(config.database_password_file))}"


def _http(config: Config) -> Http:
    return http(config).within(SECONDS)
