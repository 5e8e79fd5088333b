"""Totals that only grow: what was done by steps, and what has happened; and the trace that a run belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# What the ledger still knows of earlier runs, so that the figures go on where they were.
_STEPS = """
INSERT INTO convoy.step_totals (shard, mode, phase, rows, rows_quarantined, bytes)
SELECT 0, r.mode, 'copying', coalesce(sum(c.rows_loaded), 0), coalesce(sum(c.rows_quarantined), 0),
       coalesce(sum(c.bytes), 0)
FROM convoy.chunks c JOIN convoy.runs r ON r.id = c.run_id WHERE c.state = 'done' GROUP BY r.mode
"""
_FINDINGS = """
INSERT INTO convoy.event_totals (shard, name, label, value)
SELECT 0, 'findings', kind, count(*) FROM convoy.findings GROUP BY kind
"""


def upgrade() -> None:
    """Apply this version."""

    def number(name: str) -> sa.Column[int]:
        return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")

    def seconds(name: str) -> sa.Column[float]:
        return sa.Column(name, sa.Float, nullable=False, server_default="0")

    def buckets(name: str) -> sa.Column[list[int]]:
        return sa.Column(name, postgresql.ARRAY(sa.BigInteger), nullable=False, server_default="{}")

    def changed() -> sa.Column[object]:
        return sa.Column("changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.func.now())

    op.create_table(
        "step_totals",
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("mode", sa.Text, primary_key=True),
        sa.Column("phase", sa.Text, primary_key=True),
        number("steps"),
        number("rows"),
        number("rows_quarantined"),
        number("bytes"),
        seconds("seconds"),
        seconds("waited"),
        buckets("seconds_buckets"),
        buckets("waited_buckets"),
        changed(),
        schema="convoy",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "event_totals",
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("label", sa.Text, primary_key=True),
        number("value"),
        changed(),
        schema="convoy",
        postgresql_with={"fillfactor": "50"},
    )
    op.execute(_STEPS)
    op.execute(_FINDINGS)
    op.add_column("runs", sa.Column("traceparent", sa.Text), schema="convoy")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("runs", "traceparent", schema="convoy")
    op.drop_table("event_totals", schema="convoy")
    op.drop_table("step_totals", schema="convoy")
