"""Past builds into the history: walks Zuul's lists, newest first, and asks for what the history lacks of each build.

Builds are examined as others are, one at a time, by whoever works on the ledger; nobody is told of what is found.
"""

from __future__ import annotations

import enum
import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ..clients.http import Forbidden
from ..clients.zuul import TROUBLE, BuildRow, Zuul
from ..core.backoff import pause
from ..core.model import Build, Reader, Unreadable, is_failure
from ..core.needs import NO_JOBS, Jobs, facts, learns, readers, watches
from ..core.rules import Fingerprint, Rule, known_failures
from ..core.text.figures import counted, number
from ..core.text.inert import inert
from ..files.rulebook import RuleBook
from ..ledger import Ledger, PastBuild
from ..ledger.work import MISSING

IN_FORCE, WALKED, LEARNED = "rules in force", "backfilled", "jobs learned"
"""The names in the ledger of the time from which each rule is in force, of the last walk for new rules, and of the time
since which past builds of the learned jobs are asked for their counters."""

DAY = 86_400_000
LOGS_KEPT = 14 * DAY
"""Milliseconds after its end for which a build's logs are likely to be there."""

WITH_LOGS = ("FAILURE", "TIMED_OUT", "POST_FAILURE", "RETRY_LIMIT", "DISK_FULL", "ERROR")
"""Results of failed builds that may have left logs; Zuul's API leaves the others out."""

WAITING = 50
"""Builds whose server does not answer, and that are to be tried again, before the walk waits for them."""

REASONS = 3
"""That are kept, of builds that could not be read."""

log = logging.getLogger("counterbot.backfill")


@dataclass(frozen=True)
class Order:
    """Which builds are wanted: that ended at ``since`` (epoch milliseconds) or later, of the job, and failed.

    ``rule``: only those of which the rule of this name asks something that is not in the history.
    """

    since: int
    job: str | None = None
    rule: str | None = None
    failed: bool = False


@dataclass(frozen=True)
class Want:
    """What is to be read of a build; ``rules`` alone are to be looked for, or all (None)."""

    readers: frozenset[Reader]
    rules: tuple[str, ...] | None = None


@dataclass
class Tally:
    """How a walk goes: builds that were ``passed`` over, and how the others ended; why the first were ``unread``."""

    passed: int = 0
    read: int = 0
    gone: int = 0
    unread: int = 0
    reasons: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (f"{counted(self.read, 'build')} read, {number(self.gone)} without logs, {number(self.unread)} not"
                f" readable, {number(self.passed)} passed over")


class End(enum.Enum):
    """How the look at a past build ended."""

    READ = "read"
    GONE = "gone"
    UNREAD = "unread"


def lacking(build: Build, looked: int | None, rules: Sequence[Rule], since: Mapping[str, int],
            only: str | None = None, jobs: Jobs = NO_JOBS, lines: bool = True, counters: bool = True) -> Want | None:
    """What the history lacks of a build. None: nothing, or nothing that ``only`` this rule asks for.

    ``looked`` is when the build was last asked for, None where it never was: then all is read that rules ask for,
    and of ``jobs`` what is asked for without any, also failures that left no logs. Otherwise those rules are looked for
    that are in force ``since`` later, the lines of a watched failure are read where the history has no ``lines``, and
    what is learned where it has no ``counters``. Epoch milliseconds.
    """
    about, jobs = facts(None, build), jobs if only is None else NO_JOBS
    failed = is_failure(build.result)
    if build.result is None or not (build.log_url or (failed and watches(jobs.watched, about))):
        return None
    if looked is None:
        chosen = [rule for rule in rules if only in (None, rule.name)]
        return Want(readers(rules, about, build, jobs)) if readers(chosen, about, build, jobs) else None
    new = tuple(rule.name for rule in known_failures(rules, about) if failed and since.get(rule.name, 0) > looked)
    if only not in (None, *new):
        return None
    logs = bool(build.log_url)
    wanted = {Reader.FAILURE: bool(new),
              Reader.TEMPLATES: logs and not lines and failed and watches(jobs.watched, about),
              Reader.COUNTERS: logs and not counters and learns(jobs.learned, about)}
    asked = frozenset(reader for reader, wants in wanted.items() if wants)
    return Want(asked, new) if asked else None


def end_of(past: PastBuild) -> End | None:
    """How the look at a build ended; None where it has not."""
    if past.state == "due":
        return None
    if past.state == "done" and (not past.why or past.why.startswith(MISSING)):
        return End.GONE if past.why else End.READ
    return End.UNREAD


def identity(rule: Rule, known: Fingerprint) -> str:
    """Of what a rule finds: another query or ``where`` makes it a new one."""
    which = [rule.name, asdict(rule.where), known.query, known.allow_nonvoting, known.test_ids]
    return hashlib.sha256(json.dumps(which).encode()).hexdigest()[:12]


def in_force(ledger: Ledger, rules: Iterable[Rule], forget: bool = False) -> dict[str, int]:
    """Since when, in epoch milliseconds, each rule with a query is in force as it is, by name; a new one since now.

    ``forget``: the others are not in force any more.
    """
    names = {identity(rule, known): rule.name for rule in rules
             if (known := rule.fingerprint) and not known.resolved_at}
    saved = ledger.recall(IN_FORCE)
    before = {each: int(at) for at, ids in (json.loads(saved[0]) if saved else {}).items() for each in ids}
    since = {**before, **{each: ledger.now() for each in names if each not in before}}
    if forget:
        since = {each: at for each, at in since.items() if each in names}
    if since != before:
        grouped: dict[int, list[str]] = {}  # thousands of rules must fit into MariaDB's 64 KB of text
        for each, at in since.items():
            grouped.setdefault(at, []).append(each)
        ledger.remember(IN_FORCE, json.dumps(grouped))
    return {names[each]: since[each] for each in names}


def learned_since(ledger: Ledger, jobs: Sequence[str]) -> int:
    """Since when, in epoch milliseconds, past builds of these learned jobs (patterns) are asked for their counters; of
    others than the last time since now."""
    saved, patterns = ledger.recall(LEARNED), json.dumps(sorted(jobs))
    if saved and saved[0] == patterns:
        return saved[1]
    ledger.remember(LEARNED, patterns)
    return ledger.now()


def _page(zuul: Zuul, tenant: str, newest: int | None, order: Order) -> list[BuildRow]:
    """The next finished builds of a tenant, newest first, from number ``newest`` on."""
    filters: dict[str, str | Sequence[str]] = {"complete": "true"}
    if order.job:
        filters["job_name"] = order.job
    if order.failed:
        filters["result"] = WITH_LOGS
    return next(zuul.builds(tenant, newest, **filters), [])


class Walk:
    """One walk through the tenants' builds. ``since`` is that of ``in_force``, ``jobs`` those of ``lacking``, and
    ``learned`` that of ``learned_since``: builds that were looked at before are asked for their counters.

    At most so many builds or pages a minute are asked for, and a build only when the one before it is read.
    ``trouble`` is why Zuul's API could not be asked the last time, ``failures`` how often in a row that was so;
    ``lasting``: asking again will hardly help.
    """

    def __init__(self, ledger: Ledger, zuul: Zuul, tenants: Sequence[str], order: Order, rules: Sequence[Rule],
                 since: Mapping[str, int], per_minute: float,
                 monotonic: Callable[[], float] = time.monotonic, jobs: Jobs = NO_JOBS, learned: int = 0) -> None:
        self.tally = Tally()
        self.trouble, self.failures, self.lasting = "", 0, False
        self._builds = ledger.builds
        self._zuul, self._order, self._rules, self._since = zuul, order, rules, since
        self._tenants, self._began, self._count = deque(tenants), ledger.now(), len(tenants)
        self._jobs, self._learned = jobs, learned
        self._newest: int | None = None
        self._at: int | None = None
        """When the build had ended that was walked to."""

        self._over = False
        self._queue: deque[BuildRow] = deque()
        self._asked: dict[str, BuildRow] = {}
        """The builds that are being read, or are to be tried again, by uuid."""

        self._reading = False
        self._pace, self._monotonic = 60 / per_minute, monotonic
        self._next = monotonic()

    @property
    def walked(self) -> bool:
        """Whether all was asked for."""
        return not self._tenants and not self._queue

    @property
    def share(self) -> float:
        """The part of the time that is walked through, over all tenants."""
        tenant = 0.0 if self._at is None else (self._began - self._at) / max(1, self._began - self._order.since)
        return (self._count - len(self._tenants) + min(1.0, max(0.0, tenant))) / self._count

    @property
    def done(self) -> bool:
        """Whether all was asked for and is at its end."""
        return self.walked and not self._asked

    def step(self) -> bool:
        """Ask for the next build, or the next page, where it is time; False where it is not."""
        self._note_ends()
        if self.walked or self._reading or len(self._asked) >= WAITING or self._monotonic() < self._next:
            return False
        self._next = self._monotonic() + self._pace
        if self._queue:
            self._ask(self._queue.popleft())
        else:
            self._turn(self._tenants[0])
        if self._over and not self._queue and self._tenants:
            self._tenants.popleft()
            self._newest, self._at, self._over = None, None, False
        return True

    def _ask(self, listed: BuildRow) -> None:
        """Unless another walk did since its page was listed."""
        uuid = listed.build.uuid
        want = self._lacking(listed.build, self._builds.past([uuid]).get(uuid))
        if want is None:
            self.tally.passed += 1
            return
        self._builds.ask(listed.link, listed.build, want.readers, want.rules)
        self._asked[uuid] = listed
        self._reading, self._at = True, listed.build.ended or self._at

    def _turn(self, tenant: str) -> None:
        """The next page of a tenant, or the end of its list."""
        try:
            page = _page(self._zuul, tenant, self._newest, self._order)
        except TROUBLE as error:
            self.failures += 1
            self.lasting = isinstance(error, (Forbidden, Unreadable))
            self.trouble = inert(str(error) if self.lasting else f"Zuul's API: {error}", 300)
            self._next += max(pause(self.failures, 1.0, longest=600.0), getattr(error, "after", None) or 0.0)
            return
        self.failures, self.lasting, self.trouble = 0, False, ""
        since = self._order.since
        fits = [listed for listed in page if listed.build.ended is None or listed.build.ended >= since]
        self._sift(fits)
        if fits:  # numbers are given when builds start: one that ended before may stand above one that fits
            self._newest = min(listed.id for listed in page) - 1
            if not self._queue:
                self._at = fits[-1].build.ended or self._at
        self._over = not fits or not self._newest

    def _sift(self, page: Sequence[BuildRow]) -> None:
        """Queue what is wanted; builds that are being read already are waited for."""
        past = self._builds.past([listed.build.uuid for listed in page])
        for listed in page:
            known = past.get(listed.build.uuid)
            if known and known.state == "due" and known.past:
                self._asked[listed.build.uuid] = listed
            elif self._lacking(listed.build, known):
                self._queue.append(listed)
            else:
                self.tally.passed += 1

    def _lacking(self, build: Build, known: PastBuild | None) -> Want | None:
        if (known and known.state == "due") or (self._order.failed and not is_failure(build.result)):
            return None
        lines = known is None or known.lines or (build.ended or 0) < self._began - LOGS_KEPT
        looked = known.looked if known else None
        counters = known is None or known.counters or looked is None or looked >= self._learned
        return lacking(build, looked, self._rules, self._since, self._order.rule, self._jobs, lines, counters)

    def _note_ends(self) -> None:
        self._reading = False
        if self._asked:
            past = self._builds.past(list(self._asked))
            for uuid in list(self._asked):
                if end := end_of(past[uuid]):
                    self._end(self._asked.pop(uuid), end, past[uuid])
                else:
                    self._reading = self._reading or past[uuid].working

    def _end(self, listed: BuildRow, end: End, known: PastBuild) -> None:
        """Who was asked to read it before this walk began may not have known the newest rules."""
        if end is End.READ and self._lacking(listed.build, known):
            self._queue.append(listed)
        else:
            self._note(listed.build, end, known.why)

    def _note(self, build: Build, end: End, why: str) -> None:
        tally = self.tally
        setattr(tally, end.value, getattr(tally, end.value) + 1)
        if end is End.UNREAD:
            log.info("%s %s: could not be read: %s", inert(build.job, 100), build.uuid, inert(why, 300))
            if len(tally.reasons) < REASONS:
                tally.reasons.append(inert(f"{build.job} {build.uuid}: {why}", 400))


class NewRules:
    """In a running bot: past failures are held against rules that are new or changed, newest first.

    A rule that comes meanwhile begins the walk anew: what was read for the others is passed over.
    """

    def __init__(self, ledger: Ledger, zuul: Zuul, tenants: Sequence[str], book: RuleBook, days: int,
                 per_minute: float, monotonic: Callable[[], float] = time.monotonic,
                 jobs: Jobs = NO_JOBS) -> None:
        self._ledger, self._book, self._days, self._jobs = ledger, book, days, jobs
        self._zuul, self._tenants = zuul, tenants
        self._per_minute, self._monotonic = per_minute, monotonic
        self._rules: tuple[Rule, ...] | None = None
        self._walk: Walk | None = None
        self._began = 0

    def step(self) -> bool:
        """One step of the walk that is under way; False where there is none, or it is not time."""
        if self._book.rules != self._rules:
            self._rules = self._book.rules
            self._begin(self._rules)
        if self._walk is None:
            return False
        before = self._walk.trouble
        stepped = self._walk.step()
        if self._walk.trouble != before:
            log.info("backfill: %s", self._walk.trouble or "goes on")
        if self._walk.done:
            self._end(self._walk.tally)
        return stepped

    @property
    def state(self) -> str:
        """How far the walk is, for people; "" where there is none."""
        walk = self._walk
        return "" if walk is None else f"new rules: {walk.tally}{f'; {walk.trouble}' if walk.trouble else ''}"

    def _begin(self, rules: tuple[Rule, ...]) -> None:
        self._began = self._ledger.now()
        since = in_force(self._ledger, rules, forget=True)
        saved = self._ledger.recall(WALKED)
        at, days, tenants = json.loads(saved[0]) if saved else (0, 0, ())
        wider = self._days > days or not set(self._tenants) <= set(tenants)
        new = [name for name, begins in since.items() if begins > at or wider]
        self._walk = None
        if new:
            log.info("backfill: failures of the last %s are held against %s", counted(self._days, "day"),
                     counted(len(new), "new rule"))
            order = Order(self._began - self._days * DAY, failed=True)
            self._walk = Walk(self._ledger, self._zuul, self._tenants, order, rules, since, self._per_minute,
                              self._monotonic, self._jobs)

    def _end(self, tally: Tally) -> None:
        log.info("backfill: done: %s", tally)
        self._ledger.remember(WALKED, json.dumps([self._began, self._days, self._tenants]))
        self._walk = None
