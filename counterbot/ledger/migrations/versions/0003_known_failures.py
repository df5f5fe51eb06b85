"""Hits of known failures, searches for some rules alone, findings without a value, reports without a change.

Revision ID: 0003
Revises: 0002
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from alembic import op

from counterbot.ledger.dialects import COMPARED, LongText

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NULLABLE: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
    "reports": {"change": sa.BigInteger(), "patchset": sa.BigInteger()},
    "findings": {"value": sa.Double(), "bound": sa.Double()}}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _made_anew()
    else:
        for table, columns in NULLABLE.items():
            for name, kind in columns.items():
                op.alter_column(table, name, existing_type=kind, nullable=True)
    # MariaDB commits each of these at once: who was killed in between finds some of them done.
    op.create_table(
        "searches",
        sa.Column("build", Id, sa.ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("rules", LongText, nullable=False), if_not_exists=True, **COMPARED)
    op.create_table(
        "hits", sa.Column("id", Id, primary_key=True),
        sa.Column("run", Id, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False), sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("file", sa.Text, nullable=False), sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False), sa.Column("hits", sa.BigInteger, nullable=False),
        if_not_exists=True, **COMPARED)
    op.create_index("ix_hits_run", "hits", ["run"], if_not_exists=True)
    op.create_index("ix_hits_rule_at_run", "hits", ["rule", "at", "run"], if_not_exists=True)


def _made_anew() -> None:
    """SQLite cannot let a column be null later. What refers to reports goes along: it would be deleted with them."""
    children = ("report_builds", "findings")
    old = {name: _set_aside(name) for name in (*children, "reports")}
    for name in ("reports", *children):
        columns = [_copied(column, NULLABLE.get(name, {})) for column in old[name].columns]
        unique = [sa.UniqueConstraint(*each["column_names"])
                  for each in sa.inspect(op.get_bind()).get_unique_constraints(old[name].name)]
        made = op.create_table(name, *columns, *unique)
        op.get_bind().execute(made.insert().from_select(list(old[name].columns.keys()), old[name].select()))
    op.create_index("ix_reports_state_due", "reports", ["state", "due"])
    op.create_index("ix_report_builds_build", "report_builds", ["build"])
    op.create_index("ix_findings_report", "findings", ["report"])
    for name in (*children, "reports"):
        op.drop_table(f"old_{name}")


def _copied(column: "sa.Column[Any]", nullable: Collection[str]) -> "sa.Column[Any]":
    refers = {"report": "reports.id", "build": "builds.id"}.get(column.name) if column.foreign_keys else None
    foreign = [sa.ForeignKey(refers, ondelete="CASCADE")] if refers else []
    return sa.Column(column.name, column.type, *foreign, primary_key=column.primary_key,
                     nullable=column.nullable or column.name in nullable, server_default=column.server_default)


def _set_aside(name: str) -> sa.Table:
    """The table under another name, without its indexes, whose names are wanted."""
    for index in sa.inspect(op.get_bind()).get_indexes(name):
        if index["name"]:
            op.drop_index(index["name"], name)
    op.rename_table(name, f"old_{name}")
    return sa.Table(f"old_{name}", sa.MetaData(), autoload_with=op.get_bind())
