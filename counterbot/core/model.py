"""The nouns that pass between the stages: plain frozen values, named as Gerrit and Zuul name them.

Nothing here reads, parses or decides.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from .learned import Learned
from .lines import Reduction

Number = int | float

ATTACHMENT, JSON = "counters.json", "application/json"
"""The run-level file of a subunit stream that holds counters, and its type."""


class Unreadable(Exception):
    """What others wrote cannot be read; the text says why, in words for the person who wrote it."""


class Truncated(Unreadable):
    """It ends too early; its writer may not be done."""


@dataclass(frozen=True)
class PatchSet:
    """One patch set of one change, as a Gerrit event names it.

    ``change`` and ``number`` are None where a branch itself was tested, as by a periodic pipeline; ``url`` is then that
    of the branch, or of the buildset.
    """

    server: str
    project: str
    branch: str
    change: int | None
    number: int | None
    url: str | None = None

    def __str__(self) -> str:
        return f"{self.project} {self.branch}" if self.change is None else f"change {self.change},{self.number}"


OMITTED = "jobs left out of the report"
"""Stands for the jobs that are not in Zuul's comment; no job is called so."""


@dataclass(frozen=True)
class BuildLink:
    """A job's line in Zuul's comment. ``uuid`` is None where the URL is no build page.

    Or, under the name OMITTED, the page and uuid of a buildset.
    """

    job: str
    url: str
    uuid: str | None


@dataclass(frozen=True)
class Report:
    """Zuul reported on a patch set. ``omitted`` leads to the buildset where its builds are not all named."""

    patchset: PatchSet
    pipeline: str | None
    buildset: str | None
    builds: tuple[BuildLink, ...]
    omitted: BuildLink | None = None

    @property
    def links(self) -> tuple[BuildLink, ...]:
        """All that is to be followed."""
        return (*self.builds, self.omitted) if self.omitted else self.builds


@dataclass(frozen=True)
class Merged:
    """A patch set was merged; ``at`` is when, in epoch milliseconds of Gerrit's clock, None where that is not told."""

    patchset: PatchSet
    at: int | None = None


@dataclass(frozen=True)
class Ignored:
    """Nothing is to be done for an event, and why."""

    why: str


@dataclass(frozen=True)
class Artifact:
    """What a build returned by ``zuul_return``; ``type`` is its metadata's type."""

    name: str
    url: str
    type: str | None


@dataclass(frozen=True)
class Build:
    """A row of Zuul's build API. ``result`` is None while the build runs; ``ended`` is epoch milliseconds, and
    ``seconds`` how long it ran, None where Zuul does not tell.

    ``change`` and ``patchset`` are None for a branch's build. ``changes`` are the numbers of all changes that its
    buildset tested; () where Zuul, before 10, does not tell. ``tenant`` is the name of Zuul's, "" where it is not
    known; ``nodeset`` is where the job ran.
    """

    uuid: str
    job: str
    result: str | None
    voting: bool
    project: str
    branch: str
    pipeline: str | None
    log_url: str | None
    artifacts: tuple[Artifact, ...] = ()
    ended: int | None = None
    change: int | None = None
    patchset: int | None = None
    changes: tuple[int, ...] = ()
    seconds: float | None = None
    tenant: str = ""
    nodeset: str | None = None


NO_FAILURE = frozenset({"SUCCESS", "SKIPPED", "CANCELED", "DEQUEUED", "NO_JOBS", "RETRY"})
"""Results of builds that did not fail, or whose outcome nobody waits for."""


def is_failure(result: str | None) -> bool:
    """Whether a build with this result failed, in whatever way; False while it runs."""
    return result is not None and result not in NO_FAILURE


class Reader(enum.Enum):
    """What can be read of a finished build. Each reader notes one reading on the build."""

    COUNTERS = "counters"
    FAILURE = "failure"
    TEMPLATES = "templates"


class State(enum.Enum):
    """How a reader's look at a build ended."""

    READ = "read"
    NOTHING = "nothing"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Reading:
    """What a reader found in a build. ``found`` is the reader's own noun: Counters for COUNTERS, Failure for FAILURE,
    Reduction for TEMPLATES; None where ``state`` is not READ. ``why`` says what is missing."""

    state: State
    why: str = ""
    found: Counters | Failure | Reduction | None = None

    @property
    def counters(self) -> Counters | None:
        return self.found if isinstance(self.found, Counters) else None

    @property
    def failure(self) -> Failure | None:
        return self.found if isinstance(self.found, Failure) else None

    @property
    def reduction(self) -> Reduction | None:
        return self.found if isinstance(self.found, Reduction) else None


@dataclass(frozen=True)
class Later:
    """Reading did not succeed yet. ``after``: seconds that the server asked to wait.

    ``otherwise`` is how the look ends if waiting does not help soon (None: wait on). ``absent``: nothing of the build's
    logs is there.
    """

    why: str
    after: float | None = None
    otherwise: Reading | None = None
    absent: bool = False


@dataclass(frozen=True)
class Counters:
    """Counters of one build: ``group.name`` to a finite number.

    ``unreadable`` gives names whose value is not a finite number, with the reason; ``failures`` gives
    collectors (or files) that failed, with the reason; ``absent`` and ``resets`` are names without a
    value; ``repeated`` are duplicate names, of which the last value is used. ``delta`` tells
    differences of two readings from totals since the servers' start (None: neither, as in
    performance.json alone). ``mixed``: some are differences and some totals, and ``delta`` is None.
    ``seconds`` lie between the readings, and ``prefix`` is what their owner wants before their names.
    """

    values: Mapping[str, Number]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    resets: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    delta: bool | None = None
    mixed: bool = False
    seconds: Number | None = field(default=None, compare=False)  # of the document, and not of the counters
    prefix: str | None = field(default=None, compare=False)

    @cached_property
    def groups(self) -> frozenset[str]:
        """Of which any counter came, with a usable value or without."""
        return frozenset(map(group_of, chain(self.values, self.unreadable, self.resets)))


@dataclass(frozen=True)
class Hit:
    """Where a rule's query matched in a log file of a build: ``hits`` records, of which the first begins at ``line``,
    counted from 1. ``text`` is that line, cut, inert and without what looks like a credential."""

    rule: str
    file: str
    line: int
    text: str
    hits: int = 1


@dataclass(frozen=True)
class FailedTest:
    """A test that failed, by its id, and the last lines of its traceback."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """What a failed build's logs show.

    ``hits`` by rule and file; ``tests`` are the first that failed, in the order in which they failed, and
    ``failed_tests`` how many did. ``phase`` (``pre``, ``run``, ``post``, ...), ``task`` and ``host`` are those of the
    Ansible task that failed, ``error`` is the first line of the job's output that tells of an error; "" where that is
    not known. ``unread`` gives the files that could have mattered and were not read (whole), with the reason.
    """

    hits: tuple[Hit, ...] = ()
    tests: tuple[FailedTest, ...] = ()
    failed_tests: int = 0
    phase: str = ""
    task: str = ""
    host: str = ""
    error: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)


def group_of(counter: str) -> str:
    """What stands before the first dot of a counter's name, or of a pattern for such names."""
    return counter.partition(".")[0]


@dataclass(frozen=True)
class BuildFacts:
    """What a rule's ``where`` may ask of a build. None: not known, and so not asked."""

    job: str | None = None
    branch: str | None = None
    project: str | None = None
    pipeline: str | None = None
    voting: bool | None = None


LEARNED = ""
"""Stands for a rule's name where a bound is learned; no rule is called so."""


class Kind(enum.Enum):
    """What a finding can be about."""

    COUNTER = "counter"
    FAILURE = "failure"
    WITHIN = "within"


@dataclass(frozen=True)
class Subject:
    """What is told: a counter by its name, over its bound or back within it, or a known failure by its rule's."""

    kind: Kind
    name: str


@dataclass(frozen=True)
class Finding:
    """A finding in a build: a counter whose ``value`` is over ``bound``.

    ``rule`` is the rule's name, LEARNED where the bound is. ``learned`` is what is usual, where that is known.
    ``confirmed``: another run, or another job, shows it too, or a rule says so: it may be told.
    """

    job: str
    build: str
    rule: str
    subject: Subject
    value: Number
    bound: Number
    learned: Learned | None = None
    confirmed: bool = True


@dataclass(frozen=True)
class KnownFailure:
    """A rule's finding in a build: the failure is known, by the first of its ``hits``."""

    job: str
    build: str
    rule: str
    hits: tuple[Hit, ...]

    @property
    def subject(self) -> Subject:
        return Subject(Kind.FAILURE, self.rule)


@dataclass(frozen=True)
class Unexplained:
    """A build failed, and no rule knows why, or its logs could not be read."""

    job: str
    build: str

    @property
    def subject(self) -> Subject:
        return Subject(Kind.FAILURE, "")


@dataclass(frozen=True)
class Back:
    """A counter that was told to be over its bound on an earlier patch set is within it again. ``bound`` is the lowest.
    """

    job: str
    build: str
    counter: str
    value: Number
    bound: Number

    @property
    def subject(self) -> Subject:
        return Subject(Kind.WITHIN, self.counter)


class Tell(enum.Enum):
    """What a channel can be told of: counters over their bounds, known failures, failed builds that no rule knows,
    where merged code moved a counter or a job's pass rate fell, and once a week which known failures come and go."""

    OVER = "over"
    KNOWN = "known"
    UNEXPLAINED = "unexplained"
    MOVED = "moved"
    DIGEST = "digest"


@dataclass(frozen=True)
class Channel:
    """An IRC channel and the changes it wants: shell patterns, an empty tuple wants all.

    It is told of failures in the pipelines of ``failures_in`` only.
    """

    name: str
    projects: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    tell: frozenset[Tell] = frozenset({Tell.OVER, Tell.KNOWN, Tell.MOVED, Tell.DIGEST})
    failures_in: tuple[str, ...] = ()


GERRIT = "gerrit"
IRC = "irc"


@dataclass(frozen=True)
class Delivery:
    """A message to be delivered exactly once, by its unique ``key``.

    ``kind`` is GERRIT or IRC; ``destination`` is GERRIT, or a channel's name; ``payload`` is what the reporter of
    that kind needs.
    """

    key: str
    kind: str
    destination: str
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """The other side has it. ``already`` when it had it before this attempt."""

    already: bool = False


@dataclass(frozen=True)
class Retry:
    """Not now: try again after so many seconds, or when the lease ends (None: the outcome is unknown).

    ``refusal``: the other side said no, in words that may or may not pass; worth a few tries.
    """

    why: str
    after: float | None
    refusal: bool = False


@dataclass(frozen=True)
class Refused:
    """The other side will not take it, now or later."""

    why: str
