"""Tables that an application has made, as a load of rows has to know them: columns, keys, triggers, sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

_COLUMNS: Final = """
SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       a.attgenerated::text AS generated, a.attidentity::text AS identity, a.atthasdef AS has_default
FROM pg_catalog.pg_attribute a WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_TABLES: Final = """
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS is_partitioned,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS may_alter
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {which} AND c.relkind IN ('r', 'p') ORDER BY c.relname, n.nspname
"""
_FOREIGN_PARTITIONS: Final = """
SELECT p.relid::regclass::text FROM unnest(CAST(:oids AS bigint[])) t(oid)
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.oid::oid::regclass) p
JOIN pg_catalog.pg_class c ON c.oid = p.relid AND c.relkind = 'f' ORDER BY 1
"""
_FOREIGN_KEYS: Final = """
SELECT k.conname AS name, k.conrelid::bigint AS child, k.confrelid::bigint AS parent,
       k.condeferrable AS deferrable, k.conrelid::regclass::text AS child_name
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = ANY(CAST(:oids AS oid[])) ORDER BY k.conname, k.conrelid
"""
# What of the application's runs when rows are inserted (4 in tgtype), updated (16) or a table is emptied (32):
# triggers, those of partitions too, and rules. https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_trigger.h
_TRIGGERS: Final = """
WITH touched AS (
    SELECT o AS "table", o AS relation FROM unnest(CAST(:oids AS bigint[])) o
    UNION
    SELECT o, p.relid::bigint FROM unnest(CAST(:oids AS bigint[])) o
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(o::oid::regclass) p
), found AS (
    SELECT 'trigger' AS kind, t.tgname AS name, x."table", x.relation, t.tgenabled::text AS enabled,
           t.tgtype & :told <> 0 AS on_insert
    FROM touched x JOIN pg_catalog.pg_trigger t ON t.tgrelid = x.relation::oid
    WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & (:told | 32) <> 0
    UNION ALL
    SELECT 'rule', r.rulename, x."table", x.relation, r.ev_enabled::text, true
    FROM touched x JOIN pg_catalog.pg_rewrite r ON r.ev_class = x.relation::oid
    WHERE x.relation = x."table" AND r.ev_type::text = ANY(:rules) AND r.ev_enabled IN ('O', 'A')
)
SELECT f.kind, f.name, f."table", f.relation, n.nspname AS schema, c.relname AS relation_name, f.enabled, f.on_insert,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS may_rest
FROM found f JOIN pg_catalog.pg_class c ON c.oid = f.relation::oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY f.kind DESC, f.name, f.relation
"""
# Sequences of serial and identity columns belong to the column; others are only named by its default.
_SEQUENCES: Final = """
SELECT d.refobjid::bigint AS table, a.attname AS column, d.objid::regclass::text AS sequence
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.deptype IN ('a', 'i') AND d.refobjid = ANY(CAST(:oids AS oid[]))
UNION
SELECT f.adrelid::bigint, a.attname, d.refobjid::regclass::text
FROM pg_catalog.pg_attrdef f
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND f.adrelid = ANY(CAST(:oids AS oid[]))
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class ApplicationColumn:
    """A column of the application's table. `type` is as PostgreSQL writes it."""

    name: str
    type: str
    not_null: bool
    is_generated: bool
    is_always_identity: bool
    fills_itself: bool
    """It has a default, an identity or an expression."""


@dataclass(frozen=True, slots=True)
class ApplicationTable:
    """A table that the application has made. `may_alter`: the session's role owns it, directly or by membership."""

    oid: int
    schema: str
    name: str
    may_alter: bool
    columns: tuple[ApplicationColumn, ...]
    is_partitioned: bool = False

    @property
    def sql(self) -> str:
        """Its name, quoted."""
        return quoted(self.schema, self.name)

    @property
    def own_rows(self) -> str:
        """Its name as that of its own rows: without those of children, which others own; partitions are its own."""
        return self.sql if self.is_partitioned else f"ONLY {self.sql}"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key whose parent is one of the tables asked for, by oids."""

    name: str
    child: int
    parent: int
    deferrable: bool
    child_name: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger or rule of the application that would run while rows come and go; `enabled` is pg_trigger.tgenabled."""

    kind: str
    name: str
    table: int
    relation: int
    """The table, or a partition of it."""
    schema: str
    relation_name: str
    enabled: str
    on_insert: bool
    may_rest: bool
    """Whether the session's role owns `relation`."""


@dataclass(frozen=True, slots=True)
class OwnedSequence:
    """A sequence that gives a column its numbers; `sequence` is quoted where it must be."""

    table: int
    column: str
    sequence: str


def read_application_tables(
    connection: Connection, schema: str, names: Collection[str]
) -> dict[str, ApplicationTable]:
    """Return the ordinary and partitioned tables of these names, by name."""
    which = "n.nspname = :schema AND c.relname = ANY(:names)"
    found = _tables(connection, which, schema=schema, names=list(names))
    return {table.name: table for table in found}


def application_tables_with(connection: Connection, oids: Collection[int]) -> dict[int, ApplicationTable]:
    """Return the tables that bear these oids and still exist, wherever they are and whatever they are called now."""
    found = _tables(connection, "c.oid = ANY(CAST(:oids AS oid[]))", oids=list(oids))
    return {table.oid: table for table in found}


def foreign_partitions(connection: Connection, oids: Collection[int]) -> list[str]:
    """Return the partitions of these tables that are on other servers."""
    return list(connection.execute(text(_FOREIGN_PARTITIONS), {"oids": list(oids)}).scalars())


def _tables(connection: Connection, which: str, **values: object) -> list[ApplicationTable]:
    return [
        ApplicationTable(
            row.oid,
            row.schema,
            row.name,
            row.may_alter,
            _columns(connection, row.oid),
            row.is_partitioned,
        )
        for row in connection.execute(text(_TABLES.replace("{which}", which)), values).all()
    ]


def _columns(connection: Connection, oid: int) -> tuple[ApplicationColumn, ...]:
    return tuple(
        ApplicationColumn(
            row.name,
            row.type,
            row.not_null,
            row.generated != "",
            row.identity == "a",
            bool(row.has_default or row.identity or row.generated),
        )
        for row in connection.execute(text(_COLUMNS), {"oid": oid})
    )


def foreign_keys_to(connection: Connection, oids: Sequence[int]) -> list[ForeignKey]:
    """Return the foreign keys that refer to these tables, from wherever."""
    return [ForeignKey(*row) for row in connection.execute(text(_FOREIGN_KEYS), {"oids": list(oids)})]


def triggers_of(connection: Connection, oids: Sequence[int], *, updates: bool = False) -> list[Trigger]:
    """Return what of the application's runs when rows go in; triggers of PostgreSQL's own constraints do not count.

    With `updates`, what runs when rows are changed, too.
    """
    kinds = {"told": 20, "rules": ["2", "3"]} if updates else {"told": 4, "rules": ["3"]}
    return [Trigger(*row) for row in connection.execute(text(_TRIGGERS), {"oids": list(oids), **kinds})]


def what_fires(
    connection: Connection, tables: Sequence[ApplicationTable], *, updates: bool = False
) -> list[tuple[str, Trigger]]:
    """Return what will fire while rows go in, or with `updates` are changed, with the names of their tables."""
    names = {table.oid: table.name for table in tables}
    found = triggers_of(connection, list(names), updates=updates)
    return [(names[t.table], t) for t in found if t.on_insert and not t.may_rest]


def sequences_of(connection: Connection, oids: Sequence[int]) -> list[OwnedSequence]:
    """Return the sequences from which columns of these tables take their numbers."""
    return [OwnedSequence(*row) for row in connection.execute(text(_SEQUENCES), {"oids": list(oids)})]


def holds_rows(connection: Connection, table: ApplicationTable) -> bool:
    """Whether there is any row in the table."""
    return bool(run_sql(connection, f"SELECT EXISTS (SELECT FROM {table.own_rows})").scalar_one())
