"""Tokens of the API: what each may do, until when, and who has made and revoked it. Of the token itself only a hash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    time = postgresql.TIMESTAMP(timezone=True)
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("scopes", postgresql.JSONB, nullable=False),
        sa.Column("created_at", time, server_default=sa.func.now()),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", time),
        sa.Column("last_used_at", time),
        sa.Column("revoked_at", time),
        sa.Column("revoked_by", sa.Text),
        sa.UniqueConstraint("sha256"),
        schema="convoy",
    )
    op.create_index(
        "access_tokens_name",
        "access_tokens",
        ["name"],
        unique=True,
        schema="convoy",
        postgresql_where=sa.text("revoked_at IS NULL"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("access_tokens", schema="convoy")
