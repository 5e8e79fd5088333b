"""What the guard of a staged table is known by, that keeps writers out of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column("tables", sa.Column("guard", sa.Text), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("tables", "guard", schema="convoy")
