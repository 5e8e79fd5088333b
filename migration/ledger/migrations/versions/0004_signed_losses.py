"""Findings say which loss they are, and who has signed for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column(
        "findings", sa.Column("loss", sa.Text(), server_default="", nullable=False), schema="convoy"
    )
    op.add_column("findings", sa.Column("accepted_by", sa.Text()), schema="convoy")
    op.execute("UPDATE convoy.findings SET kind = 'lossy_value' WHERE kind = 'lossy_transform'")


def downgrade() -> None:
    """Take it back."""
    # What was signed for was no finding before; the other kind was not known.
    op.execute("DELETE FROM convoy.findings WHERE accepted_by IS NOT NULL OR kind = 'skipped_object'")
    op.execute("UPDATE convoy.findings SET kind = 'lossy_transform' WHERE kind = 'lossy_value'")
    op.drop_column("findings", "accepted_by", schema="convoy")
    op.drop_column("findings", "loss", schema="convoy")
