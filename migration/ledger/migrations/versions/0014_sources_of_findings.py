"""In which source a finding is: tables of one name may stand in several."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column(
        "findings", sa.Column("source", sa.Text, server_default="", nullable=False), schema="convoy"
    )
    # Of earlier runs it is known where one source alone has a table of the name.
    op.execute(
        """
        UPDATE convoy.findings f SET source = known.label
        FROM (SELECT t.run_id, t.name, min(s.label) AS label
              FROM convoy.tables t JOIN convoy.sources s ON s.id = t.source_id
              GROUP BY t.run_id, t.name HAVING count(*) = 1) known
        WHERE f.run_id = known.run_id AND f."table" = known.name
        """
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_column("findings", "source", schema="convoy")
