"""Who is there to work, with or without work; and runs that failed and were given up, whose end stays as it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "processes",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("pid", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("started_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("seen_at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("stopped_at", TIMESTAMP(timezone=True)),
        schema="convoy",
    )
    op.add_column("runs", sa.Column("given_up_at", TIMESTAMP(timezone=True)), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("runs", "given_up_at", schema="convoy")
    op.drop_table("processes", schema="convoy")
