"""Builds known once by their uuid, readings of them, findings with a subject, merges, owners of claims.

SQLite only, as all databases of 0001 are; it holds nobody to the lengths of columns, so they are not given here.

Revision ID: 0002
Revises: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OUTCOMES = {"COUNTED": "READ", "NONE": "NOTHING", "NOT_THERE": "MISSING"}


def upgrade() -> None:
    for name in ("inbox", "reports", "outbox"):
        op.add_column(name, sa.Column("owner", sa.String))
    op.alter_column("findings", "counter", new_column_name="subject")
    op.add_column("findings", sa.Column("kind", sa.String, nullable=False, server_default="counter"))
    op.create_index("ix_runs_change", "runs", ["change"])
    op.create_index("ix_series_job_project", "series", ["job", "project"])
    _merges()
    _said()
    _builds()


def _merges() -> None:
    op.create_table(
        "merges", sa.Column("project", sa.String, primary_key=True),
        sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("patchset", sa.BigInteger, nullable=False), sa.Column("at", sa.BigInteger, nullable=False))


def _said() -> None:
    """Its key has the kind of the subject, too."""
    old = _set_aside("said")
    op.create_table(
        "said", *(sa.Column(name, sa.String, primary_key=True)
                  for name in ("patchset", "destination", "job", "kind", "subject")),
        sa.Column("at", sa.BigInteger, nullable=False), sa.Column("delivery", sa.String, nullable=False, index=True))
    columns = (old.c.patchset, old.c.destination, old.c.job, sa.literal("counter"), old.c.counter, old.c.at,
               old.c.delivery)
    op.get_bind().execute(_table("said").insert().from_select(
        ["patchset", "destination", "job", "kind", "subject", "at", "delivery"], sa.select(*columns)))
    op.drop_table("old_said")


def _builds() -> None:
    """A build that stood in several reports is one now: with its counters, else still due, else with its outcome."""
    old = _set_aside("builds")
    reports = _table("reports")
    query = sa.select(old, reports.c.received).join(reports, reports.c.id == old.c.report).order_by(old.c.id)
    rows = [dict(row) for row in op.get_bind().execute(query).mappings()]
    op.drop_table("old_builds")
    _create_builds()
    known: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["counters"] is None, row["state"] != "due", row["state"] != "seen")):
        known.setdefault(row["uuid"], row)
    columns = ("id", "uuid", "job", "url", "received", "row", "due", "fence", "faults", "why")
    _insert("builds", [{**{name: row[name] for name in columns},
                        "state": "done" if row["state"] == "seen" else row["state"]} for row in known.values()])
    _insert("report_builds", [{"report": row["report"], "build": known[row["uuid"]]["id"]} for row in rows])
    _insert("readings", [reading for row in known.values() for reading in _readings(row)])


def _create_builds() -> None:
    op.create_table(
        "builds", sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.String, nullable=False, unique=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("job", "url", "state", "why")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("received", "due")),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in ("fence", "faults")),
        *(sa.Column(name, sa.String) for name in ("row", "owner")))
    op.create_index("ix_builds_state_due", "builds", ["state", "due"])
    op.create_table(
        "report_builds", sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("report", sa.Integer, sa.ForeignKey("reports.id", ondelete="CASCADE"), nullable=False),
        sa.Column("build", sa.Integer, sa.ForeignKey("builds.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.UniqueConstraint("report", "build"))
    op.create_table(
        "readings",
        sa.Column("build", sa.Integer, sa.ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("reader", sa.String, primary_key=True), sa.Column("state", sa.String),
        sa.Column("why", sa.String, nullable=False), sa.Column("found", sa.String))


def _readings(row: dict[str, Any]) -> list[dict[str, Any]]:
    """None of a build whose counters were dropped when its report was decided: it is read again where it must be."""
    if row["outcome"] == "COUNTED" and row["counters"] is None:
        return []
    state = OUTCOMES.get(row["outcome"], row["outcome"])
    return [{"build": row["id"], "reader": "counters", "state": state, "why": row["why"] if state else "",
             "found": row["counters"]}]


def _set_aside(name: str) -> sa.Table:
    """The table under another name, without its indexes, whose names are wanted."""
    for index in sa.inspect(op.get_bind()).get_indexes(name):
        if index["name"]:
            op.drop_index(index["name"], name)
    op.rename_table(name, f"old_{name}")
    return _table(f"old_{name}")


def _table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())


def _insert(name: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        op.get_bind().execute(_table(name).insert(), rows)
