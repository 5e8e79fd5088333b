"""What was proved of the staged tables: which transactions their rows are of, and what the tables were like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column("runs", sa.Column("copied_in", sa.Text), schema="convoy")
    op.add_column("tables", sa.Column("signature", postgresql.JSONB), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("tables", "signature", schema="convoy")
    op.drop_column("runs", "copied_in", schema="convoy")
