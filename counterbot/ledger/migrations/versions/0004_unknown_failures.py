"""What failed runs show and have in common, the lines of runs, groups of failures, how long a run took.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from counterbot.core.model import NO_FAILURE
from counterbot.ledger.dialects import COMPARED, Ascii, LongText, MediumBlob

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    # MariaDB commits each of these at once: who was killed in between finds some of them done.
    if "seconds" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("runs")}:
        op.add_column("runs", sa.Column("seconds", sa.Double))
    op.create_index("ix_runs_project_job_ended", "runs", ["project", "job", "ended"], if_not_exists=True)
    op.create_index("ix_hits_run_rule", "hits", ["run", "rule"], if_not_exists=True)
    op.drop_index("ix_hits_run", "hits", if_exists=True)
    _failures()
    _lines()
    _groups()


def _failures() -> None:
    """The runs that failed are known already, and what they show is not."""
    op.create_table(
        "failures", _run(), _number("at"), sa.Column("shown", MediumBlob), if_not_exists=True, **COMPARED)
    op.create_index("ix_failures_at", "failures", ["at"], if_not_exists=True)
    runs, failures = (sa.Table(name, sa.MetaData(), autoload_with=op.get_bind()) for name in ("runs", "failures"))
    failed = sa.select(runs.c.id, runs.c.ended).where(
        runs.c.result.not_in(NO_FAILURE), runs.c.id.not_in(sa.select(failures.c.run)))
    op.get_bind().execute(failures.insert().from_select(["run", "at"], failed))
    op.create_table(
        "traits", sa.Column("kind", Ascii(20), primary_key=True),
        *(sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False) for name in ("key", "at")),
        _run(), sa.Column("change", sa.BigInteger), sqlite_with_rowid=False, if_not_exists=True, **COMPARED)
    op.create_index("ix_traits_run", "traits", ["run"], if_not_exists=True)


def _lines() -> None:
    op.create_table(
        "templates", sa.Column("id", Id, primary_key=True), _number("key"),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("mask", "in_window")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("file", "level")),
        sa.Column("body", sa.Boolean, nullable=False), sa.Column("words", LongText, nullable=False),
        sa.Column("text", sa.Text, nullable=False), sa.UniqueConstraint("key", "mask", "in_window"),
        sqlite_autoincrement=True, if_not_exists=True, **COMPARED)
    op.create_index("ix_templates_mask_in_window", "templates", ["mask", "in_window"], if_not_exists=True)
    op.create_table(
        "run_lines", _run(), sa.Column("job", sa.String(255), nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False), sa.Column("mask", sa.Integer, nullable=False), _number("at"),
        *(sa.Column(name, MediumBlob, nullable=False) for name in ("ids", "more")), if_not_exists=True, **COMPARED)
    op.create_index("ix_run_lines_job_failed_mask_at", "run_lines", ["job", "failed", "mask", "at"], if_not_exists=True)
    op.create_index("ix_run_lines_mask_at", "run_lines", ["mask", "at"], if_not_exists=True)


def _groups() -> None:
    op.create_table(
        "failure_groups", sa.Column("id", Id, primary_key=True), _number("created"), if_not_exists=True, **COMPARED)
    op.create_table(
        "grouped", _run(), sa.Column("group_id", Id, sa.ForeignKey("failure_groups.id"), nullable=False),
        if_not_exists=True, **COMPARED)


def _run() -> "sa.Column[int]":
    return sa.Column("run", Id, sa.ForeignKey("runs.id"), primary_key=True, autoincrement=False)


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False)
