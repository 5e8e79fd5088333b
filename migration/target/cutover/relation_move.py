"""Moving a relation to another schema, as the cutover and its reverse do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Unpack

from sqlalchemy.exc import DBAPIError

from migration.convoy_error import Place
from migration.target.pg_catalog.schema_relations import (
    Relation,
)
from migration.target.postgres_errors import translate
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


ALTER: Final = {"materialized view": "MATERIALIZED VIEW", "view": "VIEW", "table": "TABLE", "index": "INDEX"}


def move_relation(connection: Connection, relation: Relation, schema: str) -> None:
    """Give a table, view or index another schema; what belongs to it follows."""
    run_sql(connection, moving(relation, schema))


def moving(relation: Relation, schema: str) -> str:
    """Return the statement that gives a table, view or index another schema."""
    return (
        f"ALTER {ALTER[relation.kind]} {quoted(relation.schema, relation.name)} SET SCHEMA {quoted(schema)}"
    )


@contextmanager
def translated(**place: Unpack[Place]) -> Iterator[None]:
    """Raise a server's error as what it means (`translate`)."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error, **place) from error
