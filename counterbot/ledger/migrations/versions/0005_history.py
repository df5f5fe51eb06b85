"""Series by tenant, job and branch, and what is usual in each; what people said of counters; fallen pass rates.

Revision ID: 0005
Revises: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from counterbot.core.limits import COUNTER_NAME, NAME
from counterbot.ledger.dialects import COMPARED, Ascii

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
UNIQUE = "uq_series_job_branch_tenant_delta_counter"
ADDED: dict[str, list["sa.Column[Any]"]] = {
    "runs": [sa.Column("tenant", sa.String(NAME), nullable=False, server_default=""),
             sa.Column("nodeset", sa.String(NAME)),
             sa.Column("source", Ascii(12), nullable=False, server_default="report"),
             sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.false())],
    "merges": [sa.Column("branch", sa.String(NAME)), sa.Column("url", sa.Text)],
    "findings": [sa.Column("usual", sa.Double), sa.Column("learned_runs", sa.Integer),
                 sa.Column("learned_since", sa.BigInteger),
                 sa.Column("confirmed", sa.Boolean, nullable=False, server_default=sa.true())]}


def upgrade() -> None:
    # MariaDB commits each of these at once: who was killed in between finds some of them done.
    for table, columns in ADDED.items():
        there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
        for column in columns:
            if column.name not in there:
                op.add_column(table, sa.Column(column.name, column.type, nullable=column.nullable,
                                               server_default=column.server_default))
    op.create_index("ix_runs_tenant_job_ended", "runs", ["tenant", "job", "ended"], if_not_exists=True)
    op.create_index("ix_merges_at", "merges", ["at"], if_not_exists=True)
    _series()
    _acknowledgements()
    _levels()
    _drops()


def _series() -> None:
    """Those of several projects and pipelines become one; of an old one the tenant is not known."""
    if op.get_bind().dialect.name == "sqlite":
        _made_anew()
    elif "pipeline" in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("series")}:
        _altered()
    if op.get_bind().dialect.name != "sqlite" and not _uniques():
        op.create_unique_constraint(UNIQUE, "series", ["job", "branch", "tenant", "delta", "counter"])
    op.create_index("ix_series_job_branch", "series", ["job", "branch"], if_not_exists=True)
    runs, samples = _table("runs"), _table("samples")
    op.get_bind().execute(runs.update().values(counted=True).where(runs.c.id.in_(sa.select(samples.c.run))))


def _altered() -> None:
    if "tenant" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("series")}:
        op.add_column("series", sa.Column("tenant", sa.String(NAME), nullable=False, server_default=""))
    for name in _uniques():
        op.drop_constraint(name, "series", type_="unique")
    op.drop_index("ix_series_job_project", "series", if_exists=True)
    series, samples = _table("series"), _table("samples")
    kept: dict[tuple[object, ...], int] = {}
    for row in list(op.get_bind().execute(sa.select(series).order_by(series.c.id))):
        first = kept.setdefault((row.job, row.branch, row.counter, row.delta), row.id)
        if first != row.id:
            op.get_bind().execute(samples.update().values(series=first).where(samples.c.series == row.id))
            op.get_bind().execute(series.delete().where(series.c.id == row.id))
    op.drop_column("series", "project")
    op.drop_column("series", "pipeline")
    op.alter_column("series", "tenant", existing_type=sa.String(NAME), existing_nullable=False, server_default=None)


def _made_anew() -> None:
    """SQLite cannot drop a column of a key."""
    op.rename_table("samples", "old_samples")
    op.rename_table("series", "old_series")
    for index in sa.inspect(op.get_bind()).get_indexes("old_series"):
        if index["name"]:
            op.drop_index(index["name"], "old_series")
    series = op.create_table(
        "series", _id(), *_names("tenant", "job", "branch"),
        sa.Column("counter", sa.String(COUNTER_NAME), nullable=False), sa.Column("delta", sa.Boolean, nullable=False),
        sa.UniqueConstraint("job", "branch", "tenant", "delta", "counter"))
    samples = op.create_table(
        "samples", sa.Column("series", Id, sa.ForeignKey("series.id"), primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True), sa.Column("run", Id, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("value", sa.Double, nullable=False), sqlite_with_rowid=False)
    old, old_samples = _table("old_series"), _table("old_samples")
    which = ("job", "branch", "counter", "delta")
    op.get_bind().execute(series.insert().from_select(
        ["tenant", *which], sa.select(sa.literal(""), *(old.c[name] for name in which)).distinct()))
    same = [series.c[name] == old.c[name] for name in which]
    op.get_bind().execute(samples.insert().from_select(
        ["series", "at", "run", "value"],
        sa.select(series.c.id, old_samples.c.at, old_samples.c.run, old_samples.c.value)
        .join(old, old.c.id == old_samples.c.series).join(series, sa.and_(*same))))
    op.drop_table("old_samples")
    op.drop_table("old_series")


def _uniques() -> list[str]:
    return [str(each["name"]) for each in sa.inspect(op.get_bind()).get_unique_constraints("series")]


def _table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind(), resolve_fks=False)


def _acknowledgements() -> None:
    op.create_table(
        "acknowledgements", _id(), sa.Column("server", Ascii(NAME), nullable=False), *_names("project", "branch"),
        *_numbers("change", "patchset"), *_names("author"), sa.Column("accepts", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False), *_numbers("at"), sa.Column("merged", sa.BigInteger),
        if_not_exists=True, **COMPARED)
    op.create_index("ix_acknowledgements_change", "acknowledgements", ["change"], if_not_exists=True)
    op.create_index("ix_acknowledgements_merged", "acknowledgements", ["merged"], if_not_exists=True)
    op.create_table(
        "acknowledged",
        sa.Column("acknowledgement", Id, sa.ForeignKey("acknowledgements.id"), primary_key=True, autoincrement=False),
        sa.Column("job", sa.String(NAME), primary_key=True),
        sa.Column("counter", sa.String(COUNTER_NAME), primary_key=True), if_not_exists=True, **COMPARED)


def _levels() -> None:
    op.create_table(
        "levels", _of_series(), *_numbers("at", "newest"), sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger), sa.Column("stable", sa.Boolean, nullable=False),
        sa.Column("level", sa.Text, nullable=False), sa.Column("rate", sa.Double, nullable=False),
        if_not_exists=True, **COMPARED)


def _drops() -> None:
    op.create_table(
        "drops", _id(), *_names("tenant", "job", "branch"), sa.Column("test", sa.Text, nullable=False),
        *_numbers("started", "found"), sa.Column("closed", sa.BigInteger),
        sa.Column("shown", sa.Text, nullable=False), sa.Column("told", sa.BigInteger), if_not_exists=True, **COMPARED)
    op.create_index("ix_drops_job_found", "drops", ["job", "found"], if_not_exists=True)


def _id() -> "sa.Column[int]":
    return sa.Column("id", Id, primary_key=True)


def _of_series() -> "sa.Column[int]":
    return sa.Column("series", Id, sa.ForeignKey("series.id"), primary_key=True, autoincrement=False)


def _names(*names: str) -> "list[sa.Column[str]]":
    return [sa.Column(name, sa.String(NAME), nullable=False) for name in names]


def _numbers(*names: str) -> "list[sa.Column[int]]":
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]
