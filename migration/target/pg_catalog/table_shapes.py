"""What a table is besides its rows, in the server's own words, so that two tables can be compared by them.

Whatever makes two spellings of one thing differ is left to the server: expressions are read back from the catalog, with
the schema of the table in the search path, so that a table in another schema reads the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

# The parsed tree of a default names each function, operator and kind of expression in it (default_calls): the
# catalog records dependencies on what came with the server nowhere.
# PostgreSQL 18 keeps NOT NULL among the constraints, too; attnotnull is told by every version.
# A column's own collation: the one that is not its type's. A domain that neither refuses, fills nor sorts anything is
# its type under another name.
_COLUMNS: Final = """
SELECT a.attrelid::bigint AS oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       pg_catalog.format_type(b.oid, CASE WHEN t.typtype = 'd' THEN d.typmod ELSE a.atttypmod END) AS base_type,
       b.typname AS base_name, CASE WHEN t.typtype = 'd' THEN d.typmod ELSE a.atttypmod END AS modifier,
       b.typtype::text AS type_kind, d.restricts AS is_domain,
       a.attnotnull AS not_null, a.attidentity::text AS identity,
       a.attgenerated::text <> '' AS is_generated, pg_catalog.pg_get_expr(f.adbin, f.adrelid) AS default_sql,
       CASE WHEN a.attcollation <> b.typcollation THEN k.collname END AS collation,
       ARRAY(SELECT DISTINCT m[1] FROM pg_catalog.regexp_matches(f.adbin::text,
             '([{][A-Z]+(?: \\:op [0-9]+)?|\\:funcid [0-9]+|\\:opno [0-9]+)', 'g') m ORDER BY 1) AS default_calls
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
CROSS JOIN LATERAL (
    WITH RECURSIVE over AS (
        SELECT t.oid, t.typtype, t.typbasetype, -1 AS typmod, false AS restricts
        UNION ALL
        SELECT n.oid, n.typtype, n.typbasetype, CASE WHEN p.typtypmod >= 0 THEN p.typtypmod ELSE over.typmod END,
               over.restricts OR p.typnotnull OR p.typdefault IS NOT NULL
               OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = p.oid)
        FROM over JOIN pg_catalog.pg_type p ON p.oid = over.oid JOIN pg_catalog.pg_type n ON n.oid = over.typbasetype
        WHERE over.typtype = 'd'
    ) SELECT oid, typmod, restricts FROM over WHERE typtype <> 'd'
) d
JOIN pg_catalog.pg_type b ON b.oid = d.oid
LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation k ON k.oid = a.attcollation
WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
# A foreign key is enforced by triggers, and they can be switched off; one to a partitioned table has a constraint
# below it for each partition, which is no key of its own.
_CONSTRAINTS: Final = """
SELECT k.conrelid::bigint AS oid, k.conname AS name, k.contype::text AS kind, k.convalidated AS is_valid,
       coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::boolean, true) AS is_enforced,
       NOT EXISTS (
           WITH RECURSIVE family AS (
               SELECT k.oid
               UNION ALL
               SELECT below.oid FROM pg_catalog.pg_constraint below JOIN family ON below.conparentid = family.oid
           ) SELECT FROM family JOIN pg_catalog.pg_trigger g ON g.tgconstraint = family.oid
           WHERE g.tgenabled NOT IN ('O', 'A')) AS has_triggers_on,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.p) AS columns,
       parent.relname AS parent, parent.relnamespace = child.relnamespace AS is_near,
       pg_catalog.quote_ident(home.nspname) || '.' || pg_catalog.quote_ident(parent.relname) AS parent_place,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.p)
           AS parent_columns,
       k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update, k.confmatchtype::text AS match,
       ARRAY(SELECT a.attname::text
             FROM pg_catalog.jsonb_path_query(pg_catalog.to_jsonb(k), '$.confdelsetcols[*] ? (@ != null)') n
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n::integer ORDER BY a.attnum)
           AS set_columns,
       k.condeferrable AS is_deferrable, k.condeferred AS is_deferred,
       CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END AS condition
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class child ON child.oid = k.conrelid
LEFT JOIN pg_catalog.pg_class parent ON parent.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace home ON home.oid = parent.relnamespace
WHERE k.conrelid = ANY(CAST(:oids AS oid[])) AND k.contype IN ('p', 'u', 'f', 'c', 'x')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint above WHERE above.oid = k.conparentid
                  AND above.conrelid = k.conrelid)
ORDER BY k.conrelid, k.conname
"""
# An operator class is the usual one if the server would take it unasked: it is the default, or a synonym of it, of the
# column's own type, or of the one that the server takes for types without classes of their own (varchar, cidr, enums).
_INDEXES: Final = """
SELECT i.indrelid::bigint AS oid, c.relname AS name, i.indisunique AS is_unique, i.indisprimary AS is_primary,
       i.indisvalid AND i.indisready AS is_valid, i.indimmediate AS is_immediate, m.amname AS method,
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) n
             ORDER BY n) AS terms,
       ARRAY(SELECT coalesce((SELECT k.collname::text FROM pg_catalog.pg_collation k
                    WHERE k.oid = i.indcollation[n - 1]
                      AND k.oid IS DISTINCT FROM (SELECT a.attcollation FROM pg_catalog.pg_attribute a
                          WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1] AND a.attnum > 0)), '')
             FROM generate_series(1, i.indnkeyatts) n ORDER BY n) AS collations,
       ARRAY(SELECT CASE WHEN EXISTS (
                 SELECT FROM pg_catalog.pg_opclass u WHERE u.opcdefault AND u.opcmethod = o.opcmethod
                    AND u.opcfamily = o.opcfamily AND u.opcintype = o.opcintype)
                AND (o.opcintype = y.oid OR NOT EXISTS (
                 SELECT FROM pg_catalog.pg_opclass u
                 WHERE u.opcdefault AND u.opcmethod = o.opcmethod AND u.opcintype = y.oid)) THEN ''
                WHEN s.nspname = 'pg_catalog' THEN o.opcname::text ELSE s.nspname || '.' || o.opcname END
             FROM generate_series(1, i.indnkeyatts) n
             JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[n - 1]
             JOIN pg_catalog.pg_namespace s ON s.oid = o.opcnamespace
             JOIN pg_catalog.pg_attribute a ON a.attrelid = CASE WHEN i.indkey[n - 1] > 0 THEN i.indrelid
                    ELSE i.indexrelid END AND a.attnum = CASE WHEN i.indkey[n - 1] > 0 THEN i.indkey[n - 1] ELSE n END
             JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
             JOIN pg_catalog.pg_type y ON y.oid = CASE
                    WHEN coalesce(nullif(t.typbasetype, 0), t.oid) = 'pg_catalog.varchar'::regtype
                    THEN 'pg_catalog.text'::regtype
                    WHEN coalesce(nullif(t.typbasetype, 0), t.oid) = 'pg_catalog.cidr'::regtype
                    THEN 'pg_catalog.inet'::regtype
                    ELSE coalesce(nullif(t.typbasetype, 0), t.oid) END
             ORDER BY n) AS operators,
       ARRAY(SELECT n FROM generate_series(1, i.indnkeyatts) n WHERE i.indkey[n - 1] = 0 ORDER BY n) AS expressions,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid, true) AS predicate,
       coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS is_nulls_equal
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY(CAST(:oids AS oid[])) ORDER BY i.indrelid, c.relname
"""
_RELATIONS: Final = """
SELECT c.oid::bigint AS oid, c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS has_row_security,
       pg_catalog.row_security_active(c.oid) AS hides_rows, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END AS query,
       c.relpersistence = 'u' AS is_unlogged,
       ARRAY(SELECT i.inhrelid::regclass::text FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid ORDER BY 1)
           AS children
FROM pg_catalog.pg_class c WHERE c.oid = ANY(CAST(:oids AS oid[])) ORDER BY c.relname
"""
_OIDS: Final = """
SELECT c.oid::bigint FROM pg_catalog.pg_class c
WHERE c.relname = ANY(:names) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_PARTITIONS: Final = """
SELECT p.relid::bigint FROM pg_catalog.pg_partition_tree(CAST(:oid AS oid)) p
WHERE p.relid <> CAST(:oid AS oid)
"""
_NAMED: Final = "SELECT o AS oid, o::oid::regclass::text AS name FROM unnest(CAST(:oids AS bigint[])) o"
_TEMPORARY: Final = re.compile(r"\bpg_temp(_\d+)?\.")


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """A column. `type` is the declared one, `base_type` what a domain is over."""

    name: str
    type: str
    base_type: str
    base_name: str
    """pg_type.typname: `int4`, `varchar`."""
    modifier: int
    """-1 where the type has none."""
    type_kind: str
    """pg_type.typtype: b base, e enum, c composite, r range."""
    is_domain: bool
    """Of one that refuses or fills something; any other is its type."""
    not_null: bool
    identity: str
    """pg_attribute.attidentity: a always, d by default, empty for none."""
    is_generated: bool
    default_sql: str | None
    """Of a generated column: its expression."""
    collation: str | None
    default_calls: tuple[str, ...]
    """What the expression is made of: `{CONST`, `:funcid 1299`, `{SQLVALUEFUNCTION :op 3`."""

    @property
    def numbers_itself(self) -> bool:
        """Whether it takes its values from a sequence: an identity column, or a serial one."""
        return bool(self.identity) or (self.default_sql or "").startswith("nextval(")


@dataclass(frozen=True, slots=True)
class ConstraintShape:
    """A key, foreign key, CHECK or exclusion constraint. `kind` is pg_constraint.contype."""

    name: str
    kind: str
    is_valid: bool
    is_enforced: bool
    """False for one that is NOT ENFORCED (PostgreSQL 18)."""
    has_triggers_on: bool
    """False for one whose triggers, by which the server enforces it, somebody has switched off."""
    columns: tuple[str, ...]
    parent: str | None
    is_near: bool
    """The parent stands in the same schema."""
    parent_place: str | None = field(compare=False)
    """The parent with its schema, quoted where that is needed."""
    parent_columns: tuple[str, ...]
    on_delete: str
    on_update: str
    match: str
    """pg_constraint.confmatchtype: f full, s simple."""
    set_columns: tuple[str, ...]
    """The columns that SET NULL and SET DEFAULT change where these are not all."""
    is_deferrable: bool
    is_deferred: bool
    condition: str | None


@dataclass(frozen=True, slots=True)
class IndexShape:
    """An index. `terms` are columns and expressions.

    `collations` and `operators` (operator classes) have a name for each term where it is not the usual one.
    """

    name: str
    is_unique: bool
    is_primary: bool
    is_valid: bool
    is_immediate: bool
    method: str
    terms: tuple[str, ...]
    collations: tuple[str, ...]
    operators: tuple[str, ...]
    expressions: tuple[int, ...]
    """Numbers of the terms that are no plain columns, from 1."""
    predicate: str | None
    is_nulls_equal: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is over whole columns and all rows, in the columns' own order."""
        return not (self.expressions or self.predicate or any(self.collations) or any(self.operators))


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table or view. `kind` is pg_class.relkind."""

    oid: int
    name: str
    kind: str
    columns: tuple[ColumnShape, ...]
    constraints: tuple[ConstraintShape, ...]
    indexes: tuple[IndexShape, ...]
    query: str | None
    has_row_security: bool
    hides_rows: bool
    """Row level security applies to the session's role."""
    owner: str
    is_unlogged: bool
    children: tuple[str, ...]

    @property
    def is_table(self) -> bool:
        """Whether it holds rows of its own, or its partitions do."""
        return self.kind in {"r", "p"}


def read_shapes(
    connection: Connection,
    schema: str,
    names: Collection[str],
    *,
    temporary: bool = False,
    inside: bool = True,
) -> dict[str, TableShape]:
    """Return the tables and views of these names, by name.

    Args:
        connection: in a transaction; its search path is set for the transaction.
        schema: the target schema, unquoted: names in it are written without it.
        names: unquoted; those that are not there are left out.
        temporary: read the session's temporary tables of these names instead.
        inside: read columns, constraints and indexes, too; without, they are left empty.
    """
    look_in(connection, schema)
    where = (
        "pg_catalog.pg_my_temp_schema()"
        if temporary
        else "(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = :schema)"
    )
    wanted = {"names": list(names)} | ({} if temporary else {"schema": schema})
    oids = list(connection.execute(text(f"{_OIDS} AND c.relnamespace = {where}"), wanted).scalars())
    return {shape.name: shape for shape in _shapes_of(connection, oids, inside=inside)}


def read_partitions(connection: Connection, oid: int) -> list[TableShape]:
    """Return all that a partitioned table is split into, at every level, in the search path that is set.

    Their names are as the server writes them there: those of other schemas with the schema.
    """
    oids = list(connection.execute(text(_PARTITIONS), {"oid": oid}).scalars())
    named = {row.oid: row.name for row in connection.execute(text(_NAMED), {"oids": oids})}
    return [replace(shape, name=named[shape.oid]) for shape in _shapes_of(connection, oids)]


def _shapes_of(connection: Connection, oids: list[int], *, inside: bool = True) -> list[TableShape]:
    if not oids:
        return []
    columns, constraints, indexes = (
        _grouped(connection, query, oids) if inside else {} for query in (_COLUMNS, _CONSTRAINTS, _INDEXES)
    )
    return [
        TableShape(
            oid=row.oid,
            name=row.name,
            kind=row.kind,
            columns=tuple(ColumnShape(**values) for values in columns.get(row.oid, ())),
            constraints=tuple(ConstraintShape(**values) for values in constraints.get(row.oid, ())),
            indexes=tuple(IndexShape(**values) for values in indexes.get(row.oid, ())),
            query=_plain(row.query),
            has_row_security=row.has_row_security,
            hides_rows=row.hides_rows,
            owner=row.owner,
            is_unlogged=row.is_unlogged,
            children=tuple(row.children),
        )
        for row in connection.execute(text(_RELATIONS), {"oids": oids})
    ]


def look_in(connection: Connection, schema: str) -> None:
    """Let names of a schema be written without it, for the time of the transaction."""
    connection.execute(
        text("SELECT pg_catalog.set_config('search_path', pg_catalog.quote_ident(:schema), true)"),
        {"schema": schema},
    )


def _grouped(connection: Connection, query: str, oids: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(text(query), {"oids": oids}).mappings():
        values = {name: _plain(value) for name, value in row.items() if name != "oid"}
        found.setdefault(row["oid"], []).append(values)
    return found


def _plain(value: Any) -> Any:
    """Return lists as tuples, and texts without the name of the session's own schema."""
    if isinstance(value, list):
        return tuple(_plain(one) for one in value)
    return _TEMPORARY.sub("", value) if isinstance(value, str) else value
