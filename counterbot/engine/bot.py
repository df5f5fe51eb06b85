"""Puts the parts of one bot together, from its configuration. The only place that knows them all."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..builds.counters import CountersReader
from ..builds.failure import FailureReader
from ..builds.templates import TemplatesReader
from ..clients.gerrit.over_ssh import OverSsh
from ..clients.ssh import SshError
from ..clients.zuul import Zuul
from ..core.model import BuildFacts, Channel, Delivery, Sent
from ..core.needs import Jobs, watches
from ..core.text.figures import counted
from ..core.wording.links import Links
from ..files.config import Config
from ..files.config import Statsd as StatsdConfig
from ..files.reader import Mistake
from ..files.rulebook import RuleBook
from ..ledger import Ledger
from ..ledger.status import PULSE
from ..ledger.store import trouble
from ..reporters.gerrit import GerritReporter
from ..reporters.irc.reporter import Irc
from ..reporters.nobody import Nobody
from ..reporters.statsd import Settings as StatsdSettings
from ..reporters.statsd import Statsd
from ..sources.gerrit_catchup import CatchUp, Cursor
from ..sources.gerrit_stream import GerritStream
from ..sources.zuul_builds import Cursor as ZuulCursor
from ..sources.zuul_builds import ZuulBuilds
from .analyse import Analyst
from .backfill import NewRules, Order, Walk, in_force, learned_since
from .baseline import Sampler, Wish
from .commands import Commands
from .decide import Audience, Decider
from .deliver import Comments, Lines, Result
from .digest import Weekly
from .examine import Examiner
from .grouping import Grouper
from .known import KnownFailures
from .lines import BuildLines
from .mine import History
from .moved import Moved
from .parts import events_log, http, irc_settings, login, named_files, secret
from .proving import NewlyLoaded
from .rates import Rates
from .recognise import Recogniser
from .service import Service
from .usual import Usual

LEASE = 600_000
"""Longer than Gerrit may still finish a review that we gave up on, in milliseconds."""

STOPPING = 15.0
"""Seconds that all threads together have to end."""

FILES = 15.0
"""Seconds that Gerrit has to tell a patch set's files: reports wait for it."""

CAUGHT_UP = "caught up"
"""The name in the ledger of the time up to which Gerrit's reports are in the inbox."""

NO_TENANT = "past builds are listed by tenant: name yours under 'zuul.tenants' in the configuration"

log = logging.getLogger("counterbot.bot")


class CannotStart(Exception):
    """What the configuration names cannot be used; ``mistakes`` are all reasons, those in the rules too."""

    def __init__(self, why: str = "", mistakes: Sequence[Mistake | str] = ()) -> None:
        super().__init__(why or "\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class Bot:
    """The parts of one bot. ``dry``: nothing is sent, and the ledger is a temporary one. ``listens``: it is going
    to ``listen``.

    ``deadline`` is seconds and replaces that of the configuration, ``lease`` is milliseconds. ``told`` is called with
    what became of each delivery. ``at`` hears of the moments of a delivery, at which tests let the process die; they
    move ``now`` (epoch milliseconds) and ``monotonic`` (seconds) by hand. Raises CannotStart and LedgerError.
    """

    def __init__(self, config: Config, *, dry: bool = False, listens: bool = True, deadline: float | None = None,
                 lease: int = LEASE, told: Callable[[Delivery, Result], None] = lambda *_: None,
                 at: Callable[[str], None] = lambda _: None,
                 now: Callable[[], int] | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.config, self.dry = config, dry
        self.book = _rules(config.rules, _troubles(config, dry, listens))
        self.service = Service(threading.Event())
        self._folder = tempfile.TemporaryDirectory(prefix="counterbot-dry-") if dry else None
        url = f"sqlite:///{self._folder.name}/ledger.db" if self._folder else config.database
        password = secret(config.database_password_file) if not dry else None
        self.ledger = Ledger(url, now, lease, self.service.stop.wait, password)
        self._http = http(config)
        self.statsd = _statsd(config.statsd) if config.statsd and not dry else None
        channels = _channels(config)
        self._channels = [channel.name for channel in channels]
        self._warned: frozenset[str] = frozenset()
        limit = int((deadline if deadline is not None else config.report.deadline) * 1000)
        self._jobs = Jobs(config.unexplained.jobs, config.learned.jobs)
        usual = Usual(self.ledger, config.learned)
        commands = Commands(self.ledger, self.book, usual, config.learned.accept)
        self.recogniser = Recogniser(self.ledger, self.book, config.recognition, commands, limit,
                                     config.report.settle * 1000, self._jobs)
        self._zuul = zuul = Zuul(self._http, *config.zuul.url)
        self._monotonic = monotonic
        counters = CountersReader(self._http)
        lines = BuildLines(self.ledger, TemplatesReader(self._http), config.unexplained.jobs,
                           config.unexplained.passing, monotonic)
        self.examiner = Examiner(self.ledger, zuul, self.book,
                                 counters, KnownFailures(self.book, FailureReader(self._http), counters), lines,
                                 self.statsd.take if self.statsd else lambda *_: None, self._jobs)
        audience = Audience(channels, Links(config.bugs.view, config.bugs.file, config.pages.url), config.known.days,
                            config.unexplained.comment_in)
        # Not over the connection of the deliveries, which must not wait for a report to be decided.
        self._files = OverSsh(login(config), seconds=FILES, answered=self._gerrit_answered)
        history = History(self.ledger, self._files if listens or not dry else None, config.unexplained.gate, monotonic)
        self.decider = Decider(self.ledger, self.book, audience, limit, history, usual)
        self._gerrit = OverSsh(login(config), answered=self._gerrit_answered)
        poster = Nobody() if dry else GerritReporter(self._gerrit, config.gerrit.username)
        self.comments = Comments(self.ledger, poster, monotonic=monotonic, at=at, told=told)
        self.lines = Lines(self.ledger, self._channels, told=told)
        self.weekly = Weekly(self.ledger, self.book, channels)
        self.newly_loaded = NewlyLoaded(self.ledger, self.book, monotonic)
        self.irc = Irc(irc_settings(config.irc), self.lines) if config.irc and not dry else None
        by_log = config.gerrit.events_log if listens else None
        self._events_log = events_log(config.gerrit.username, by_log) if by_log else None
        # Not over the connection of the deliveries: a long answer would keep them waiting.
        self.catch_up = CatchUp(OverSsh(login(config), answered=self._gerrit_answered),
                                self.take, _cursor(self.ledger), config.zuul.accounts,
                                days=config.gerrit.catch_up_days, log=self._events_log, monotonic=monotonic,
                                stopping=self.service.stop.is_set)
        self.zuul_builds = ZuulBuilds(zuul, config.zuul.tenant_pages, self.take, _zuul_cursor(self.ledger),
                                      every=config.zuul.poll_seconds, days=config.gerrit.catch_up_days,
                                      monotonic=monotonic, stopping=self.service.stop.is_set)
        self.new_rules = NewRules(self.ledger, zuul, config.zuul.tenant_pages, self.book, config.known.days,
                                  config.known.per_minute, monotonic, self._jobs)
        self.sampler = self.sampling(config.known.per_minute)
        self.analyst = Analyst(self.ledger, config.learned)
        self.grouper = Grouper(self.ledger, self.book, config.unexplained.days)
        self.rates = Rates(self.ledger, self.book, config.learned.baseline, channels)
        self.moved = Moved(self.ledger, channels)
        self.stream = GerritStream(login(config), lambda line: self.take(line, "gerrit stream-events"),
                                   opened=self._stream_opened,
                                   dropped=lambda: self.catch_up.gap("Gerrit dropped events"))

    def greet(self) -> None:
        """Log in once. Raises CannotStart where Gerrit rejects our login, or its host key is not the trusted one; a
        Gerrit that is away may come back."""
        try:
            login(self.config)().close()
        except SshError as error:
            if error.lasting:
                raise CannotStart(error.why) from error

    def start(self) -> None:
        """Begin to work, and to deliver."""
        self.warn()
        if len(pages := self.config.zuul.tenant_pages) == 1:
            self.ledger.adopt(self._zuul.tenant_of(pages[0]))
        count = self.ledger.take_up()
        if count:
            log.info("taken up: %s of processes that ended", counted(count, "claim"))
        repeat, readers = self.service.repeat, self.config.workers
        repeat("recogniser", self.recogniser.step, then=["fresh examiner", "decider", "comments"])
        repeat("fresh examiner", self.examiner.step_fresh, (readers + 1) // 2, then=["decider", "statsd"])
        repeat("examiner", self.examiner.step, max(1, readers // 2), then=["decider", "statsd", "backfill"])
        repeat("decider", self.decider.step, then=["comments", "irc"])
        if self.config.learned.jobs:
            repeat("analyst", self.analyst.step)
        repeat("comments", self.comments.step)
        if self.irc:
            self.service.run("irc", self.irc.run)
        elif self.dry:
            logging.getLogger("counterbot.delivery").setLevel(logging.WARNING)  # it would say "sent"
            repeat("irc", self._say_nothing)
        if self.statsd:
            repeat("statsd", self.statsd.step)

    def warn(self) -> None:
        """Log, once, which rules tell channels that are not configured."""
        warnings = self.book.unheard(self._channels)
        for warning in warnings:
            if warning not in self._warned:
                log.warning("%s", warning)
        self._warned = frozenset(warnings)

    def take(self, line: bytes, source: str) -> bool:
        """An event goes into the inbox."""
        new = self.ledger.inbox.put(line, source)
        self.service.wake("recogniser")
        return new

    def listen(self) -> None:
        """Begin to listen to Gerrit, and to ask it, and Zuul, for what the stream does not bring."""
        signs = filter(None, map(self.ledger.recall, (PULSE, CAUGHT_UP)))
        if last := max((at for _, at in signs), default=None):
            self.catch_up.gap("no bot ran", (self.ledger.now() - last) / 1000)
        self.service.run("stream", self.stream.run)
        self.service.repeat("catch-up", self.catch_up.step)
        if self.zuul_builds.tenants:
            self.service.repeat("zuul", self.zuul_builds.step)
            if not self.dry:
                self.service.repeat("backfill", self.new_rules.step, then=["examiner"])
        if self.config.unexplained.jobs and not self.dry:
            self.service.repeat("baseline", self.sampler.step, then=["examiner"])
            self.service.repeat("grouper", self.grouper.step)
        if not self.dry:
            self.service.repeat("rates", self.rates.step, then=["irc"])
            self.service.repeat("moved", self.moved.step, then=["irc"])
        self.service.repeat("prover", self.newly_loaded.step)

    def walk(self, order: Order, per_minute: float) -> Walk:
        """A walk through Zuul's past builds, of which at most so many are asked for in a minute.

        Raises CannotStart where the configuration names no tenant.
        """
        tenants = self.config.zuul.tenant_pages
        if not tenants:
            raise CannotStart(NO_TENANT)
        since = in_force(self.ledger, self.book.rules)
        return Walk(self.ledger, self._zuul, tenants, order, self.book.rules, since, per_minute, self._monotonic,
                    self._jobs, learned_since(self.ledger, self._jobs.learned))

    def sampling(self, per_minute: float, job: str | None = None) -> Sampler:
        """What chooses passing builds to compare failed ones with; of one ``job``, or of all that are watched."""
        watched = self.config.unexplained
        jobs = watched.jobs if job is None else (job,) if watches(watched.jobs, BuildFacts(job)) else ()
        return Sampler(self.ledger, self._zuul, self.config.zuul.tenant_pages,
                       Wish(jobs, watched.gate, watched.passing), per_minute, self._monotonic)

    def close(self) -> list[str]:
        """Stop, wait, and let go; the names of threads that did not end."""
        self.service.stop.set()
        self._http.abort()
        if self._events_log:
            self._events_log.abort()
        late = self.service.join(STOPPING)
        if not late:
            self._gerrit.close()
            self._files.close()
            self.ledger.close()
            while self.statsd and self.statsd.step():
                pass
        if self._folder and not late:
            self._folder.cleanup()
        return late

    def _gerrit_answered(self) -> None:
        self.stream.wake()

    def _stream_opened(self, silent: float | None) -> None:
        if silent is None:
            self.catch_up.ask()
        else:
            self.catch_up.gap("there was no event stream", silent)

    def _say_nothing(self) -> bool:
        line = self.lines.claim()
        if line is not None:
            self.lines.settle(line, Sent())
        return line is not None


def _troubles(config: Config, dry: bool, listens: bool) -> list[str]:
    """What is wrong with the files and the database that the configuration names: all of it, to be mended in one go."""
    files = named_files(config, gerrit=listens or not dry, sends=not dry)
    database = None if dry else trouble(config.database)
    return [*(file.trouble for file in files if file.trouble), *([database] if database else [])]


def _rules(folder: Path, troubles: Sequence[str]) -> RuleBook:
    """At the start there is no last good version to go on with: mistakes end it, as other troubles do."""
    if not folder.is_dir():
        raise CannotStart(mistakes=[*troubles, f"{folder}: no such folder; 'rules' in the configuration names it"])
    book = RuleBook(folder)
    if troubles or book.mistakes:
        raise CannotStart(mistakes=[*troubles, *book.mistakes])
    book.log = logging.getLogger("counterbot.rules")
    for doubt in book.doubts:
        book.log.warning("%s", doubt)
    return book


def _cursor(ledger: Ledger) -> Cursor:
    def load() -> tuple[int, int] | None:
        saved = ledger.recall(CAUGHT_UP)
        return saved and (int(saved[0]), (ledger.now() - saved[1]) // 1000)

    return Cursor(load, lambda since: ledger.remember(CAUGHT_UP, str(since)), lambda: ledger.now() // 1000)


def _zuul_cursor(ledger: Ledger) -> ZuulCursor:
    def name(page: str) -> str:
        return f"buildsets of {hashlib.sha256(page.encode()).hexdigest()}"  # the page may be longer than a name

    def load(page: str) -> str | None:
        saved = ledger.recall(name(page))
        return saved and saved[0]

    return ZuulCursor(load, lambda page, seen: ledger.remember(name(page), seen))


def _channels(config: Config) -> tuple[Channel, ...]:
    return tuple(Channel(name, tuple(wants.projects or ()), tuple(wants.pipelines or ()),
                         frozenset(wants.tell), tuple(wants.failures_in or ()))
                 for name, wants in (config.irc.channels.items() if config.irc else ()))


def _statsd(config: StatsdConfig) -> Statsd:
    return Statsd(StatsdSettings(config.host, config.port, config.prefix or ""))
