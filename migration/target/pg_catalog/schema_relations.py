"""What stands in a schema, and what else hangs on it: questions to pg_catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

# https://www.postgresql.org/docs/current/catalog-pg-class.html, column relkind
KINDS: Final = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "i": "index",
    "I": "partitioned index",
    "S": "sequence",
    "c": "type",
    "t": "toast table",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, index or sequence as it stands on the server. `kind` is a value of `KINDS`."""

    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool = False
    may_alter: bool = True
    """Whether the session's role owns it, directly or by membership."""


_SELECT = (
    "SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,"
    " c.relispartition AS is_partition, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS may_alter"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
)


def relations_named(connection: Connection, schema: str, names: Collection[str]) -> list[Relation]:
    """Return the relations of `schema` that bear one of `names`, sorted by name."""
    return _relations(
        connection, "n.nspname = :schema AND c.relname = ANY(:names)", schema=schema, names=list(names)
    )


def relations_in(connection: Connection, schema: str, kinds: Collection[str]) -> list[Relation]:
    """Return the relations of `schema` of these kinds (values of `KINDS`), sorted by name."""
    codes = [code for code, kind in KINDS.items() if kind in kinds]
    return _relations(
        connection,
        'n.nspname = :schema AND c.relkind = ANY(CAST(:kinds AS "char"[]))',
        schema=schema,
        kinds=codes,
    )


def relations_with(connection: Connection, oids: Collection[int]) -> dict[int, Relation]:
    """Return the relations that bear these oids and still exist."""
    found = _relations(connection, "c.oid = ANY(CAST(:oids AS oid[]))", oids=list(oids))
    return {relation.oid: relation for relation in found}


def schema_exists(connection: Connection, schema: str) -> bool:
    """Return whether there is a schema of that name."""
    statement = text("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = :schema)")
    return bool(connection.execute(statement, {"schema": schema}).scalar_one())


def types_named(connection: Connection, schema: str, names: Collection[str]) -> list[str]:
    """Return which of `names` are taken by a type of `schema` that no relation owns; sorted.

    A table cannot stand beside such a type: it has a row type of its own name.
    """
    statement = text(
        "SELECT t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
        " LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid"
        " WHERE n.nspname = :schema AND t.typname = ANY(:names)"
        " AND (t.typrelid = 0 OR c.relkind = 'c') ORDER BY 1"
    )
    return list(connection.execute(statement, {"schema": schema, "names": list(names)}).scalars())


# Everything recorded in pg_depend as needing one of the relations, one of their row types or one of their
# sequences, unless it is itself a part of them. https://www.postgresql.org/docs/current/catalog-pg-depend.html
_DEPENDENTS = """
WITH mine AS (
    SELECT unnest(CAST(:oids AS bigint[]))::oid AS oid
), owned AS (
    SELECT oid FROM mine
    UNION
    SELECT d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.refobjid IN (SELECT oid FROM mine) AND d.deptype IN ('a', 'i')
), parts AS (
    SELECT 'pg_catalog.pg_class'::regclass AS classid, oid AS objid FROM owned
    UNION ALL SELECT 'pg_catalog.pg_class'::regclass, indexrelid FROM pg_catalog.pg_index
        WHERE indrelid IN (SELECT oid FROM mine)
    UNION ALL SELECT 'pg_catalog.pg_rewrite'::regclass, oid FROM pg_catalog.pg_rewrite
        WHERE ev_class IN (SELECT oid FROM mine)
    UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, oid FROM pg_catalog.pg_constraint
        WHERE conrelid IN (SELECT oid FROM mine)
    UNION ALL SELECT 'pg_catalog.pg_attrdef'::regclass, oid FROM pg_catalog.pg_attrdef
        WHERE adrelid IN (SELECT oid FROM mine)
    UNION ALL SELECT 'pg_catalog.pg_trigger'::regclass, oid FROM pg_catalog.pg_trigger
        WHERE tgrelid IN (SELECT oid FROM mine)
    UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, oid FROM pg_catalog.pg_policy
        WHERE polrelid IN (SELECT oid FROM mine)
    UNION ALL SELECT 'pg_catalog.pg_publication_rel'::regclass, oid FROM pg_catalog.pg_publication_rel
        WHERE prrelid IN (SELECT oid FROM mine)
    UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid FROM pg_catalog.pg_statistic_ext
        WHERE stxrelid IN (SELECT oid FROM mine)
), needed AS (
    SELECT 'pg_catalog.pg_class'::regclass AS classid, oid AS objid FROM owned
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, reltype FROM pg_catalog.pg_class
        WHERE oid IN (SELECT oid FROM mine) AND reltype <> 0
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.typarray FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_type t ON t.oid = c.reltype
        WHERE c.oid IN (SELECT oid FROM mine) AND t.typarray <> 0
)
SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS name,
    d.objid::bigint AS oid, d.classid::regclass::text AS catalog
FROM pg_catalog.pg_depend d JOIN needed n ON d.refclassid = n.classid AND d.refobjid = n.objid
WHERE d.deptype = 'n' AND NOT EXISTS (SELECT FROM parts p WHERE p.classid = d.classid AND p.objid = d.objid)
  AND d.classid <> 'pg_catalog.pg_type'::regclass
UNION
SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, i.inhrelid, 0), i.inhrelid::bigint, 'pg_inherits'
FROM pg_catalog.pg_inherits i
WHERE i.inhparent IN (SELECT oid FROM mine) AND i.inhrelid NOT IN (SELECT oid FROM mine)
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Dependent:
    """Something outside that needs a relation: what PostgreSQL calls it, and where it is recorded.

    `catalog` is ``pg_rewrite`` for views, ``pg_constraint`` for foreign keys, ``pg_inherits`` for children, whose
    `oid` is then that of the child.
    """

    name: str
    catalog: str
    oid: int


def dependents(connection: Connection, oids: Sequence[int]) -> list[str]:
    """Return what hangs on these tables and views from outside of them, in PostgreSQL's own words.

    Views, foreign keys of other tables, functions with SQL bodies, children, defaults that use their sequences.
    """
    return [dependent.name for dependent in dependents_of(connection, oids)]


def dependents_of(connection: Connection, oids: Sequence[int]) -> list[Dependent]:
    """Return what `dependents` names, once each."""
    if not oids:
        return []
    found = connection.execute(text(_DEPENDENTS), {"oids": list(oids)}).all()
    every = [Dependent(row.name, row.catalog.rpartition(".")[2], row.oid) for row in found]
    # A child depends on its parent, too; what it is comes last and stays.
    every.sort(key=lambda one: (one.name, one.catalog == "pg_inherits"))
    return list({one.name: one for one in every}.values())


def _relations(connection: Connection, condition: str, **values: object) -> list[Relation]:
    rows = connection.execute(text(f"{_SELECT} WHERE {condition} ORDER BY c.relname"), values)
    return [
        Relation(
            row.oid, row.schema, row.name, KINDS.get(row.kind, row.kind), row.is_partition, row.may_alter
        )
        for row in rows
    ]
