"""Runs take turns: priorities, limits of workers, pauses, and how much each has been given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    # What the claim of each step reads stands in columns: options may be large (a mapping file) and stored apart.
    op.add_column(
        "runs",
        sa.Column(
            "priority", sa.Integer(), sa.Computed("coalesce((options->>'priority')::int, 0)", persisted=True)
        ),
        schema="convoy",
    )
    op.add_column(
        "runs",
        sa.Column("max_workers", sa.Integer(), sa.Computed("(options->>'max_workers')::int", persisted=True)),
        schema="convoy",
    )
    op.add_column("runs", sa.Column("paused_at", postgresql.TIMESTAMP(timezone=True)), schema="convoy")
    op.create_table(
        "run_service",
        sa.Column("run_id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["convoy.runs.id"], ondelete="CASCADE"),
        schema="convoy",
    )
    op.create_index(
        "runs_working",
        "runs",
        ["id"],
        schema="convoy",
        postgresql_where=sa.text("phase IN ('profiling', 'copying', 'indexing', 'validating')"),
    )
    op.create_index(
        "steps_sent",
        "steps",
        ["run_id", "phase", sa.text("weight DESC"), "id"],
        schema="convoy",
        postgresql_where=sa.text("state = 'pending' AND sent_at IS NOT NULL"),
    )
    op.create_index(
        "steps_running", "steps", ["run_id"], schema="convoy", postgresql_where=sa.text("state = 'running'")
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("steps_running", "steps", schema="convoy")
    op.drop_index("steps_sent", "steps", schema="convoy")
    op.drop_index("runs_working", "runs", schema="convoy")
    op.drop_table("run_service", schema="convoy")
    for column in ("paused_at", "max_workers", "priority"):
        op.drop_column("runs", column, schema="convoy")
