"""Builds known once by their uuid, readings of them, findings with a subject, merges; PostgreSQL and MariaDB.

Revision ID: 0002
Revises: 0001
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op
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
)

from counterbot.ledger.dialects import Ascii, LongText, MediumBlob, table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s",
                                       "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                                       "fk": "fk_%(table_name)s_%(column_0_name)s",
                                       "pk": "pk_%(table_name)s"})

Id = BigInteger().with_variant(Integer, "sqlite")


def _claimable() -> list[Column[Any]]:
    return [
        Column("state", Ascii(12), nullable=False),
        Column("due", BigInteger, nullable=False),
        Column("fence", Integer, nullable=False, default=0, server_default="0"),
        Column("faults", Integer, nullable=False, default=0, server_default="0"),
        Column("owner", Ascii(200)),
        Column("why", Text, nullable=False),
    ]


table(
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

table(
    "reports", metadata,
    Column("id", Id, primary_key=True),
    Column("key", Ascii(330), nullable=False, unique=True),
    Column("server", Ascii(255), nullable=False),
    Column("project", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("patchset", BigInteger, nullable=False),
    Column("url", Text),
    Column("pipeline", String(255)),
    Column("buildset", Ascii(32)),
    Column("received", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("decided", BigInteger),
    *_claimable(),
    Index(None, "state", "due"),
)

table(
    "builds", metadata,
    Column("id", Id, primary_key=True),
    Column("uuid", Ascii(32), nullable=False, unique=True),
    Column("job", String(255), nullable=False),
    Column("url", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("row", LongText),
    *_claimable(),
    Index(None, "state", "due"),
)

table(
    "report_builds", metadata,
    Column("id", Id, primary_key=True),
    Column("report", Id, ForeignKey("reports.id", ondelete="CASCADE"), nullable=False),
    Column("build", Id, ForeignKey("builds.id", ondelete="CASCADE"), nullable=False, index=True),
    UniqueConstraint("report", "build"),
)

table(
    "readings", metadata,
    Column("build", Id, ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
    Column("reader", Ascii(20), primary_key=True),
    Column("state", Ascii(12)),
    Column("why", Text, nullable=False),
    Column("found", LongText),
)

table(
    "findings", metadata,
    Column("id", Id, primary_key=True),
    Column("report", Id, ForeignKey("reports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("build", Ascii(32), nullable=False),
    Column("job", String(255), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("kind", Ascii(12), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("value", Double, nullable=False),
    Column("bound", Double, nullable=False),
)

table(
    "said", metadata,
    Column("patchset", Ascii(280), primary_key=True),
    Column("destination", String(100), primary_key=True),
    Column("job", String(255), primary_key=True),
    Column("kind", Ascii(12), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("delivery", String(450), nullable=False, index=True),
)

table(
    "outbox", metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(450), nullable=False, unique=True),
    Column("kind", Ascii(12), nullable=False),
    Column("destination", String(100), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("settled", BigInteger),
    Column("tries", Integer, nullable=False, default=0, server_default="0"),
    *_claimable(),
    Index(None, "kind", "state", "due"),
)

table(
    "runs", metadata,
    Column("id", Id, primary_key=True),
    Column("uuid", Ascii(32), nullable=False, unique=True),
    Column("job", String(255), nullable=False),
    Column("project", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("pipeline", String(255), nullable=False),
    Column("change", BigInteger),
    Column("patchset", BigInteger),
    Column("result", String(255)),
    Column("voting", Boolean, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Index(None, "change"),
)

table(
    "merges", metadata,
    Column("project", String(255), primary_key=True),
    Column("change", BigInteger, primary_key=True, autoincrement=False),
    Column("patchset", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

table(
    "series", metadata,
    Column("id", Id, primary_key=True),
    Column("project", String(255), nullable=False),
    Column("branch", String(255), nullable=False),
    Column("job", String(255), nullable=False),
    Column("pipeline", String(255), nullable=False),
    Column("counter", String(200), nullable=False),
    Column("delta", Boolean, nullable=False),
    UniqueConstraint("job", "counter", "project", "branch", "pipeline", "delta"),
    Index(None, "job", "project"),
)

table(
    "samples", metadata,
    Column("series", Id, ForeignKey("series.id"), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("run", Id, ForeignKey("runs.id"), primary_key=True),
    Column("value", Double, nullable=False),
    sqlite_with_rowid=False,
)

table(
    "cursors", metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

HISTORY = ("runs", "series", "samples", "cursors")
"""They stay as they are; there may be millions of samples. SQLite holds nobody to the lengths of columns."""

OUTCOMES = {"COUNTED": "READ", "NONE": "NOTHING", "NOT_THERE": "MISSING"}


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        metadata.create_all(op.get_bind())
        return
    old = _set_aside()
    metadata.create_all(op.get_bind(), [each for each in metadata.sorted_tables if each.name not in HISTORY])
    op.create_index("ix_runs_change", "runs", ["change"])
    op.create_index("ix_series_job_project", "series", ["job", "project"])
    for name in ("inbox", "reports", "outbox"):
        _copy(old, name, lambda row: row)
    _copy(old, "findings", _with_subject)
    _copy(old, "said", _with_subject)
    _carry_builds(old)
    for name in ("findings", "builds", "reports", "inbox", "outbox", "said"):
        op.drop_table(f"old_{name}")


def _set_aside() -> sa.MetaData:
    """The old tables under other names, without their indexes, whose names are wanted."""
    bind = op.get_bind()
    for name in ("inbox", "reports", "builds", "findings", "said", "outbox"):
        for index in sa.inspect(bind).get_indexes(name):
            if index["name"]:
                op.drop_index(index["name"], name)
        op.rename_table(name, f"old_{name}")
    old = sa.MetaData()
    old.reflect(bind)
    return old


def _copy(old: sa.MetaData, name: str, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    bind = op.get_bind()
    rows = [changed(dict(row)) for row in bind.execute(old.tables[f"old_{name}"].select()).mappings()]
    _insert(name, rows)


def _insert(name: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        op.get_bind().execute(metadata.tables[name].insert(), rows)


def _with_subject(row: dict[str, Any]) -> dict[str, Any]:
    counter = row.pop("counter")
    return {**row, "kind": "counter", "subject": counter}


def _carry_builds(old: sa.MetaData) -> None:
    """A build that stood in several reports is one now; where one of them has its outcome, with that."""
    builds, reports = old.tables["old_builds"], old.tables["old_reports"]
    query = sa.select(builds, reports.c.received).join(reports, reports.c.id == builds.c.report).order_by(builds.c.id)
    rows = [dict(row) for row in op.get_bind().execute(query).mappings()]
    known: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["state"] != "seen", row["counters"] is None)):
        known.setdefault(row["uuid"], row)
    columns = ("id", "uuid", "job", "url", "received", "row", "due", "fence", "faults", "why")
    _insert("builds", [{**{name: row[name] for name in columns},
                        "state": "done" if row["state"] == "seen" else row["state"]} for row in known.values()])
    _insert("report_builds", [{"report": row["report"], "build": known[row["uuid"]]["id"]} for row in rows])
    _insert("readings", [reading for row in known.values() for reading in _readings(row)])


def _readings(row: dict[str, Any]) -> list[dict[str, Any]]:
    """None of a build whose counters were dropped when its report was decided: it is read again where it must be."""
    if row["outcome"] == "COUNTED" and row["counters"] is None:
        return []
    state = OUTCOMES.get(row["outcome"], row["outcome"])
    return [{"build": row["id"], "reader": "counters", "state": state, "why": row["why"] if state else "",
             "found": row["counters"]}]
