"""The nouns that pass between the stages: plain frozen values, named as Gerrit and Zuul name them.

Nothing here reads, parses or decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

Number = int | float

ATTACHMENT, JSON = "counters.json", "application/json"
"""The run-level file of a subunit stream that holds counters, and its type."""


class Unreadable(Exception):
    """What others wrote cannot be read; the text says why, in words for the person who wrote it."""


class Truncated(Unreadable):
    """It ends too early; its writer may not be done."""


@dataclass(frozen=True)
class PatchSet:
    """One patch set of one change, as a Gerrit event names it."""

    server: str
    project: str
    branch: str
    change: int
    number: int
    url: str | None = None


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
    """Zuul reported on a patch set. ``omitted`` leads to the buildset where the comment had no room for all builds."""

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
    """A row of Zuul's build API. ``result`` is None while the build runs; ``ended`` is epoch milliseconds.

    ``changes`` are the numbers of all that its buildset tested; () where Zuul, before 10, does not tell.
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
    changes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Counters:
    """Counters of one build: ``group.name`` to a finite number.

    ``unreadable`` gives names whose value is no finite number, with the reason; ``failures`` gives
    collectors (or files) that failed, with the reason; ``absent`` and ``resets`` are names without a
    value; ``repeated`` are names that came twice, of which the later value was kept. ``delta`` tells
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


@dataclass(frozen=True)
class Finding:
    """A counter of a build is over the bound of a rule."""

    job: str
    build: str
    rule: str
    counter: str
    value: Number
    bound: Number


@dataclass(frozen=True)
class Delivery:
    """Something owed to the outside, once: ``key`` is unique, ``marker`` is its short form in the text.

    ``kind`` is ``gerrit`` or ``irc``; ``destination`` is ``gerrit``, or a channel's name;
    ``payload`` is what the reporter of that kind needs.
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
