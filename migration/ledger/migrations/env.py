"""Alembic's entry: migrate over the connection that `migration.ledger.ledger_database` passes in."""

from __future__ import annotations

from alembic import context

from migration.ledger.ledger_tables import metadata
from migration.target.own_schemas import LEDGER_SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=LEDGER_SCHEMA,
    include_schemas=True,
    include_name=lambda name, kind, _parents: kind != "schema" or name == LEDGER_SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
