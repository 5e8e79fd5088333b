"""Cutovers that others are in the way of: since when, and when the next try is due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = ("cutover_since", "cutover_next_at")


def upgrade() -> None:
    """Apply this version."""
    for name in _COLUMNS:
        op.add_column("runs", sa.Column(name, postgresql.TIMESTAMP(timezone=True)), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    for name in reversed(_COLUMNS):
        op.drop_column("runs", name, schema="convoy")
