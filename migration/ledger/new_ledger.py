"""A ledger where none stands: all of its tables at once, as the migrations would leave them.

Alembic takes ten times as long to load and to go through all versions as the server takes to create the tables. What
stands already is upgraded by it, and only by it; a test holds both ways to the same schema.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from migration.ledger.ledger_tables import metadata
from migration.target.own_schemas import LEDGER_SCHEMA

_VERSIONS = f"""CREATE TABLE {LEDGER_SCHEMA}.alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""


def create_new_ledger(connection: Connection, revision: str) -> None:
    """Create schema and tables in the transaction of the caller, as Alembic's `revision`: one round trip for all.

    Raises:
        sqlalchemy.exc.DBAPIError, psycopg.Error: something of that name stands there, or the role may not create it.
    """
    script = ";\n".join(
        (*_statements(), f"INSERT INTO {LEDGER_SCHEMA}.alembic_version VALUES ('{revision}')")
    )
    driver = connection.connection.driver_connection
    if driver is None:
        return
    # Without parameters psycopg lets the server take all statements as one query.
    driver.execute(script)


def _statements() -> Iterator[str]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    yield f"CREATE SCHEMA IF NOT EXISTS {LEDGER_SCHEMA}"
    yield _VERSIONS
    for table in metadata.sorted_tables:
        elements: list[ExecutableDDLElement] = [CreateTable(table)]
        elements += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
        yield from (str(element.compile(dialect=dialect)).strip() for element in elements)
