"""The first tables, in SQLite alone. New databases are made as the schema is now, and marked with the newest revision.

Revision ID: 0001
Revises:
"""

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Databases of this revision were made by the version that had it."""
