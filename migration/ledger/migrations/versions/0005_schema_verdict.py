"""How much of a table's schema was compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column("tables", sa.Column("schema_checked", sa.Integer()), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("tables", "schema_checked", schema="convoy")
