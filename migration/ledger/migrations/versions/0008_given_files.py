"""Which file a snapshot was made from, where it is no copy of it: a dump, or a compressed file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column("sources", sa.Column("given_sha256", sa.Text), schema="convoy")
    op.add_column("sources", sa.Column("given_bytes", sa.BigInteger), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("sources", "given_bytes", schema="convoy")
    op.drop_column("sources", "given_sha256", schema="convoy")
