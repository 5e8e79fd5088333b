"""The keys and indexes that equal work has to build, read from the tables that Convoy has made."""

from __future__ import annotations

import psycopg

# Keys that others refer to come first, and foreign keys last.
_QUERY = """
SELECT statement FROM (
    SELECT 0 AS turn, pg_catalog.format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', k.conrelid::regclass,
        k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS statement
    FROM pg_catalog.pg_constraint k
    WHERE k.contype IN ('p', 'u', 'x') AND k.connamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 1, pg_catalog.pg_get_indexdef(i.indexrelid)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = %(schema)s::regnamespace AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint k
        WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT 2, pg_catalog.format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', k.conrelid::regclass,
        k.conname, pg_catalog.pg_get_constraintdef(k.oid))
    FROM pg_catalog.pg_constraint k
    WHERE k.contype = 'f' AND k.connamespace = %(schema)s::regnamespace
) AS wanted ORDER BY turn, statement
"""


def read_keys(url: str, schema: str = "public") -> list[str]:
    """Return the statements that build the keys, unique constraints, indexes and foreign keys of a schema's tables."""
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = pg_catalog")  # so that all names are told with their schema
        return [str(row[0]) for row in connection.execute(_QUERY, {"schema": schema}).fetchall()]
