"""The tables. Changes to them come with a migration in ``migrations/versions``; a test compares the two.

Times are epoch milliseconds as integers: MariaDB's ``Float`` would round them by up to a minute.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    true,
)

from ..core.limits import COUNTER_NAME, NAME
from .dialects import Ascii, LongText, MediumBlob, table

metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s",
                                       "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                                       "fk": "fk_%(table_name)s_%(column_0_name)s",
                                       "pk": "pk_%(table_name)s"})

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys by itself
PATCHSET_KEY, REPORT_KEY, DELIVERY_KEY, DESTINATION, RULE = 280, 330, 450, 100, 200


def _claimable() -> list[Column[Any]]:
    """What a row needs to be claimed. ``faults`` counts claims in a row that ended in a crash or an error;
    ``owner`` is the process that claimed it last."""
    return [
        Column("state", Ascii(12), nullable=False),
        Column("due", BigInteger, nullable=False),
        Column("fence", Integer, nullable=False, default=0, server_default="0"),
        Column("faults", Integer, nullable=False, default=0, server_default="0"),
        Column("owner", Ascii(200)),
        Column("why", Text, nullable=False),
    ]


inbox = table(
    "inbox", metadata,
    Column("id", Id, primary_key=True),
    Column("digest", Ascii(64), nullable=False, unique=True),
    Column("source", String(60), nullable=False),
    Column("line", MediumBlob),
    Column("received", BigInteger, nullable=False),
    *_claimable(),
    Index(None, "state", "due"),
    Index(None, "received"),
)

reports = table(
    "reports", metadata,
    Column("id", Id, primary_key=True),
    Column("key", Ascii(REPORT_KEY), nullable=False, unique=True),
    Column("server", Ascii(NAME), nullable=False),
    Column("project", String(NAME), nullable=False),
    Column("branch", String(NAME), nullable=False),
    Column("change", BigInteger),
    Column("patchset", BigInteger),
    Column("url", Text),
    Column("pipeline", String(NAME)),
    Column("buildset", Ascii(32)),
    Column("received", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("decided", BigInteger),
    *_claimable(),
    Index(None, "state", "due"),
    Index(None, "change"),
)

builds = table(
    "builds", metadata,
    Column("id", Id, primary_key=True),
    Column("uuid", Ascii(32), nullable=False, unique=True),
    Column("job", String(NAME), nullable=False),
    Column("url", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("row", LongText),
    *_claimable(),
    Index(None, "state", "due"),
)
"""Builds that are to be examined, or were, whoever told of them."""

report_builds = table(
    "report_builds", metadata,
    Column("id", Id, primary_key=True),
    Column("report", Id, ForeignKey("reports.id", ondelete="CASCADE"), nullable=False),
    Column("build", Id, ForeignKey("builds.id", ondelete="CASCADE"), nullable=False, index=True),
    UniqueConstraint("report", "build"),
)
"""The builds of a report, in its order."""

readings = table(
    "readings", metadata,
    Column("build", Id, ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
    Column("reader", Ascii(20), primary_key=True),
    Column("state", Ascii(12)),
    Column("why", Text, nullable=False),
    Column("found", LongText),
)
"""What each reader that applies to a build found there; ``state`` is null until it has looked, or UNHURRIED."""

UNHURRIED = "unhurried"
"""The state of a reading that is still to be made, but that no report waits for."""

searches = table(
    "searches", metadata,
    Column("build", Id, ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("rules", LongText, nullable=False),
)
"""Builds in which some rules alone are still to be looked for; their readings stay as they are."""

findings = table(
    "findings", metadata,
    Column("id", Id, primary_key=True),
    Column("report", Id, ForeignKey("reports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("build", Ascii(32), nullable=False, index=True),
    Column("job", String(NAME), nullable=False),
    Column("rule", String(RULE), nullable=False),
    Column("kind", Ascii(12), nullable=False),
    Column("subject", String(COUNTER_NAME), nullable=False),
    Column("value", Double),
    Column("bound", Double),
    Column("usual", Double),
    Column("learned_runs", Integer),
    Column("learned_since", BigInteger),
    Column("confirmed", Boolean, nullable=False, default=True, server_default=true()),
)
"""What was found in the builds of a report; a known failure has no value, and a bound that is learned no rule."""

said = table(
    "said", metadata,
    Column("patchset", Ascii(PATCHSET_KEY), primary_key=True),
    Column("destination", String(DESTINATION), primary_key=True),
    Column("job", String(NAME), primary_key=True),
    Column("kind", Ascii(12), primary_key=True),
    Column("subject", String(COUNTER_NAME), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("delivery", String(DELIVERY_KEY), nullable=False, index=True),
)

outbox = table(
    "outbox", metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(DELIVERY_KEY), nullable=False, unique=True),
    Column("kind", Ascii(12), nullable=False),
    Column("destination", String(DESTINATION), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("settled", BigInteger),
    Column("tries", Integer, nullable=False, default=0, server_default="0"),
    *_claimable(),
    Index(None, "kind", "state", "due"),
)

runs = table(
    "runs", metadata,
    Column("id", Id, primary_key=True),
    Column("uuid", Ascii(32), nullable=False, unique=True),
    Column("job", String(NAME), nullable=False),
    Column("project", String(NAME), nullable=False),
    Column("branch", String(NAME), nullable=False),
    Column("pipeline", String(NAME), nullable=False),
    Column("change", BigInteger),
    Column("patchset", BigInteger),
    Column("result", String(NAME)),
    Column("voting", Boolean, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("seconds", Double),
    Column("tenant", String(NAME), nullable=False, default="", server_default=""),
    Column("nodeset", String(NAME)),
    Column("source", Ascii(12), nullable=False, default="report", server_default="report"),
    Column("counted", Boolean, nullable=False, default=False, server_default=false()),
    Index(None, "change"),
    Index(None, "tenant", "job", "ended"),
    Index(None, "project", "job", "ended"),
)
"""Every finished build that was looked at; ``merges`` tells whether its change was merged.

``source`` tells who told of it: a ``report`` on a change, ``zuul`` (its API on a branch's builds: periodic and post
pipelines report nowhere else) or a ``backfill``. ``counted``: it has samples.
"""

merges = table(
    "merges", metadata,
    Column("project", String(NAME), primary_key=True),
    Column("change", BigInteger, primary_key=True, autoincrement=False),
    Column("patchset", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("branch", String(NAME)),
    Column("url", Text),
    Index(None, "at"),
)

series = table(
    "series", metadata,
    Column("id", Id, primary_key=True),
    Column("tenant", String(NAME), nullable=False),
    Column("job", String(NAME), nullable=False),
    Column("branch", String(NAME), nullable=False),
    Column("counter", String(COUNTER_NAME), nullable=False),
    Column("delta", Boolean, nullable=False),
    UniqueConstraint("job", "branch", "tenant", "delta", "counter"),
    Index(None, "job", "branch"),  # MariaDB keeps a key this long as a hash, which finds nothing by its beginning
)

samples = table(
    "samples", metadata,
    Column("series", Id, ForeignKey("series.id"), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("run", Id, ForeignKey("runs.id"), primary_key=True),
    Column("value", Double, nullable=False),
    sqlite_with_rowid=False,
)

levels = table(
    "levels", metadata,
    Column("series", Id, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("newest", BigInteger, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("since", BigInteger),
    Column("stable", Boolean, nullable=False),
    Column("level", Text, nullable=False),
    Column("rate", Double, nullable=False),
)
"""What is usual in each series, kept ready: looked at ``at``, by ``runs`` in all, when ``newest`` was the newest run.
``since`` is when the first run of the level ended, ``rate`` that of false warnings that its bound allows for."""

acknowledgements = table(
    "acknowledgements", metadata,
    Column("id", Id, primary_key=True),
    Column("server", Ascii(NAME), nullable=False),
    Column("project", String(NAME), nullable=False),
    Column("branch", String(NAME), nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("patchset", BigInteger, nullable=False),
    Column("author", String(NAME), nullable=False),
    Column("accepts", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("merged", BigInteger),
    Index(None, "change"),
    Index(None, "merged"),
)
"""What people said of counters over their bounds: their step is accepted, or ignored for this change."""

acknowledged = table(
    "acknowledged", metadata,
    Column("acknowledgement", Id, ForeignKey("acknowledgements.id"), primary_key=True, autoincrement=False),
    Column("job", String(NAME), primary_key=True),
    Column("counter", String(COUNTER_NAME), primary_key=True),
)
"""The counters that an acknowledgement is about."""

change_points = table(
    "change_points", metadata,
    Column("id", Id, primary_key=True),
    Column("series", Id, ForeignKey("series.id"), nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("acknowledgement", Id, ForeignKey("acknowledgements.id")),
    Column("shown", Text, nullable=False),
    Column("told", BigInteger),
    Index(None, "series", "started"),
    Index(None, "found"),
)
"""Where the level of a series moved: the first run of the new one ended when it ``started``. ``shown`` are the figures
of it; it is ``closed`` where a later look no longer found it, ``told`` also where it was no news."""

drops = table(
    "drops", metadata,
    Column("id", Id, primary_key=True),
    Column("tenant", String(NAME), nullable=False),
    Column("job", String(NAME), nullable=False),
    Column("branch", String(NAME), nullable=False),
    Column("test", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("shown", Text, nullable=False),
    Column("told", BigInteger),
    Index(None, "job", "found"),
)
"""Where a job's, or one of its tests', pass rate fell; ``shown`` are the figures of it."""

hits = table(
    "hits", metadata,
    Column("id", Id, primary_key=True),
    Column("run", Id, ForeignKey("runs.id"), nullable=False),
    Column("rule", String(RULE), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("file", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("hits", BigInteger, nullable=False),
    Index(None, "rule", "at", "run"),
    Index(None, "run", "rule"),
)
"""Where known failures were found in a run's logs; ``at`` is when the run ended."""

failures = table(
    "failures", metadata,
    Column("run", Id, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("shown", MediumBlob),
    Index(None, "at"),
)
"""The runs that failed, with what their logs show, for good; null where these were not read. ``at`` is when the run
ended."""

traits = table(
    "traits", metadata,
    Column("kind", Ascii(20), primary_key=True),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("run", Id, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("change", BigInteger),
    Index(None, "run"),
    sqlite_with_rowid=False,
)
"""What failed runs have in common: the names of failed tests, hashed, and the keys of telling lines."""

templates = table(
    "templates", metadata,
    Column("id", Id, primary_key=True),
    Column("key", BigInteger, nullable=False),
    Column("mask", Integer, nullable=False),
    Column("in_window", Integer, nullable=False),
    Column("file", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("body", Boolean, nullable=False),
    Column("words", LongText, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("key", "mask", "in_window"),
    Index(None, "mask", "in_window"),
    sqlite_autoincrement=True,  # an id must not come again: runs' lines refer to it
)
"""The kinds of lines that builds which ended in a window of 30 days hold, by the mask of a version."""

lines = table(
    "run_lines", metadata,
    Column("run", Id, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("job", String(NAME), nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("mask", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ids", MediumBlob, nullable=False),
    Column("more", MediumBlob, nullable=False),
    Index(None, "job", "failed", "mask", "at"),
    Index(None, "mask", "at"),
)
"""The lines of a run: the ids of its templates, and what else there is to know of them."""

failure_groups = table(
    "failure_groups", metadata,
    Column("id", Id, primary_key=True),
    Column("created", BigInteger, nullable=False),
)
"""Every group that there was, so that no id comes again: people note them."""

grouped = table(
    "grouped", metadata,
    Column("run", Id, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("group_id", Id, ForeignKey("failure_groups.id"), nullable=False),
)
"""The group of each failed run that no rule explains."""

cursors = table(
    "cursors", metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
