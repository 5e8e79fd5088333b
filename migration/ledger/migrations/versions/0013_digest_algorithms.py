"""By which algorithm digests were computed. Those of earlier versions have none, and are compared with nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    for table in ("chunks", "tables"):
        op.add_column(table, sa.Column("digest_algorithm", sa.Text), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    for table in ("chunks", "tables"):
        op.drop_column(table, "digest_algorithm", schema="convoy")
