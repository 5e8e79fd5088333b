"""Chunks know which of their rows point nowhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column(
        "chunks",
        sa.Column("orphans", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        schema="convoy",
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_column("chunks", "orphans", schema="convoy")
