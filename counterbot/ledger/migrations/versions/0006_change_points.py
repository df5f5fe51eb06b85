"""Where the levels of series moved. Levels name the newest run they know by its number, and are learned anew.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from counterbot.ledger.dialects import COMPARED

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "change_points", sa.Column("id", Id, primary_key=True),
        sa.Column("series", Id, sa.ForeignKey("series.id"), nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False), sa.Column("found", sa.BigInteger, nullable=False),
        sa.Column("closed", sa.BigInteger), sa.Column("acknowledgement", Id, sa.ForeignKey("acknowledgements.id")),
        sa.Column("shown", sa.Text, nullable=False), sa.Column("told", sa.BigInteger),
        if_not_exists=True, **COMPARED)
    op.create_index("ix_findings_build", "findings", ["build"], if_not_exists=True)
    op.create_index("ix_reports_change", "reports", ["change"], if_not_exists=True)
    op.execute(sa.delete(sa.table("levels")))
    op.create_index("ix_change_points_series_started", "change_points", ["series", "started"], if_not_exists=True)
    op.create_index("ix_change_points_found", "change_points", ["found"], if_not_exists=True)
