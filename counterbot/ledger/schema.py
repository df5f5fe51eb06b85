"""The tables. Changes to them come with a migration in ``migrations/versions``; a test compares the two.

Times are epoch milliseconds as integers: MariaDB's ``Float`` would round them by up to a minute.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s",
                                       "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                                       "fk": "fk_%(table_name)s_%(column_0_name)s",
                                       "pk": "pk_%(table_name)s"})

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys by itself


def _claimable() -> list[Column]:
    """What a row needs to be claimed: ``faults`` counts claims in a row that did not end in order."""
    return [
        Column("state", String(12), nullable=False),
        Column("due", BigInteger, nullable=False),
        Column("fence", Integer, nullable=False, default=0, server_default="0"),
        Column("faults", Integer, nullable=False, default=0, server_default="0"),
        Column("why", Text, nullable=False, default="", server_default=""),
    ]


inbox = Table(
    "inbox", metadata,
    Column("id", Id, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("source", String(60), nullable=False),
    Column("line", LargeBinary(1 << 20)),
    Column("received", BigInteger, nullable=False),
    *_claimable(),
    Index(None, "state", "due"),
    Index(None, "received"),
)

reports = Table(
    "reports", metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(300), nullable=False, unique=True),
    Column("server", String(100), nullable=False),
    Column("project", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("patchset", Integer, nullable=False),
    Column("url", Text),
    Column("pipeline", String(100)),
    Column("buildset", String(32)),
    Column("received", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("decided", BigInteger),
    *_claimable(),
    Index(None, "state", "due"),
)

builds = Table(
    "builds", metadata,
    Column("id", Id, primary_key=True),
    Column("report", Id, ForeignKey("reports.id", ondelete="CASCADE"), nullable=False),
    Column("uuid", String(32), nullable=False),
    Column("job", String(255), nullable=False),
    Column("url", Text, nullable=False),
    Column("outcome", String(12)),
    Column("row", Text),
    Column("counters", Text),
    *_claimable(),
    UniqueConstraint("report", "uuid"),
    Index(None, "state", "due"),
)

findings = Table(
    "findings", metadata,
    Column("id", Id, primary_key=True),
    Column("report", Id, ForeignKey("reports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("build", String(32), nullable=False),
    Column("job", String(255), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("counter", String(200), nullable=False),
    Column("value", Double, nullable=False),
    Column("bound", Double, nullable=False),
)

said = Table(
    "said", metadata,
    Column("patchset", String(160), primary_key=True),
    Column("destination", String(100), primary_key=True),
    Column("job", String(255), primary_key=True),
    Column("counter", String(200), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("delivery", String(400), nullable=False, index=True),
)

outbox = Table(
    "outbox", metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(400), nullable=False, unique=True),
    Column("kind", String(12), nullable=False),
    Column("destination", String(300), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("settled", BigInteger),
    Column("tries", Integer, nullable=False, default=0, server_default="0"),
    *_claimable(),
    Index(None, "kind", "state", "due"),
)

runs = Table(
    "runs", metadata,
    Column("id", Id, primary_key=True),
    Column("uuid", String(32), nullable=False, unique=True),
    Column("job", String(255), nullable=False),
    Column("project", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("pipeline", String(100), nullable=False),
    Column("change", BigInteger),
    Column("patchset", Integer),
    Column("result", String(30)),
    Column("voting", Boolean, nullable=False),
    Column("ended", BigInteger, nullable=False),
)

series = Table(
    "series", metadata,
    Column("id", Id, primary_key=True),
    Column("project", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("job", String(255), nullable=False),
    Column("pipeline", String(100), nullable=False),
    Column("counter", String(200), nullable=False),
    Column("delta", Boolean, nullable=False),
    UniqueConstraint("job", "counter", "project", "branch", "pipeline", "delta"),
)

samples = Table(
    "samples", metadata,
    Column("series", Id, ForeignKey("series.id"), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("run", Id, ForeignKey("runs.id"), primary_key=True),
    Column("value", Double, nullable=False),
    sqlite_with_rowid=False,
)

cursors = Table(
    "cursors", metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
