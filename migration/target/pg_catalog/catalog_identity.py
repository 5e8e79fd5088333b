"""What binds the names of a table to its values: which table, column, sequence and type each name stands for.

A name can be given to another thing, and no row, file or trigger is touched: two columns or two tables exchange theirs,
a label of an enum says something else. PostgreSQL keeps values by numbers (the table's oid, the column's `attnum`, the
label's oid), and these are noted with their names, as lines that can be kept and compared.
https://www.postgresql.org/docs/current/catalog-pg-attribute.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.pg_catalog.table_signature import changed_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

_TABLE: Final = "table "
_COLUMN: Final = "column "
_LABEL: Final = "label "
_TYPE: Final = "type "

# No schema is named, and no line depends on the search path: a table keeps its lines where it is moved.
_IDENTITY: Final = text(
    f"""
    WITH RECURSIVE held AS (
        SELECT a.attrelid AS owner, a.atttypid AS type FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT h.owner, inner_type.oid FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.type
        CROSS JOIN LATERAL (
            SELECT t.typelem AS oid WHERE t.typelem <> 0
            UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
            UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
            UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ) inner_type
    ), columns AS (
        SELECT a.attrelid, a.attnum, pg_catalog.concat_ws(' ', a.attnum, 'is', pg_catalog.quote_ident(a.attname),
            'of type', t.typname, '(' || t.oid || ')', CASE WHEN a.atttypmod >= 0 THEN 'limited by ' || a.atttypmod END,
            CASE WHEN a.attcollation <> t.typcollation THEN 'collated by ' || l.collname || ' (' || l.oid || ')' END)
            AS line
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
        WHERE a.attnum > 0 AND NOT a.attisdropped
    ), drawn AS (
        SELECT d.refobjid AS owner, d.refobjsubid::int2 AS attnum, d.objid AS sequence
        FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
          AND d.refobjid = ANY(CAST(:oids AS oid[])) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
        UNION
        SELECT f.adrelid, f.adnum, d.refobjid
        FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass
        WHERE f.adrelid = ANY(CAST(:oids AS oid[]))
    )
    SELECT c.oid::bigint AS oid,
        pg_catalog.concat('{_TABLE}', pg_catalog.quote_ident(c.relname), ' (', c.oid, ')') AS line
    FROM pg_catalog.pg_class c WHERE c.oid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT k.attrelid::bigint, '{_COLUMN}' || k.line FROM columns k WHERE k.attrelid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT drawn.owner::bigint, pg_catalog.concat_ws(' ', 'sequence', pg_catalog.quote_ident(c.relname),
        '(' || c.oid || ')', 'numbers column', drawn.attnum, 'from', s.seqstart, 'by', s.seqincrement, 'within',
        s.seqmin, s.seqmax, CASE WHEN s.seqcycle THEN 'and again' END)
    FROM drawn JOIN pg_catalog.pg_sequence s ON s.seqrelid = drawn.sequence
    JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
    UNION ALL
    SELECT i.inhrelid::bigint, pg_catalog.concat('child of ', pg_catalog.quote_ident(c.relname), ' (', c.oid, ')')
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
    WHERE i.inhrelid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT h.owner::bigint, pg_catalog.concat_ws(' ', '{_LABEL}' || pg_catalog.quote_literal(e.enumlabel),
        '(' || e.oid || ')', 'of type', t.typname)
    FROM held h JOIN pg_catalog.pg_enum e ON e.enumtypid = h.type JOIN pg_catalog.pg_type t ON t.oid = h.type
    UNION ALL
    SELECT h.owner::bigint, pg_catalog.concat_ws(' ', '{_TYPE}' || t.typname, '(' || t.oid || ')', 'is a', b.typname,
        '(' || b.oid || ')', CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault,
        (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(k.oid), ' ' ORDER BY k.oid)
            FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid))
    FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.type JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
    UNION ALL
    SELECT h.owner::bigint, pg_catalog.concat_ws(' ', '{_TYPE}' || t.typname, '(' || t.oid || ')', 'field', k.line)
    FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.type JOIN columns k ON k.attrelid = t.typrelid
    WHERE t.typrelid <> 0
    UNION ALL
    -- The tree of a view's query, by oids and numbers as well.
    SELECT r.ev_class::bigint, 'query ' || pg_catalog.md5(r.ev_action::text)
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm')
    WHERE r.ev_class = ANY(CAST(:oids AS oid[]))
    """
)
_POSITIONS: Final = text(
    """
    SELECT d.refobjid::bigint AS oid, c.relname AS name, s.seqincrement > 0 AS is_rising,
        pg_catalog.pg_sequence_last_value(s.seqrelid) AS position
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.objid
    JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.refobjid = ANY(CAST(:oids AS oid[])) AND d.deptype IN ('a', 'i')
    """
)


def read_identities(connection: Connection, oids: Sequence[int]) -> dict[int, list[str]]:
    """Return the sorted lines of each table or view that stands: ``column 2 is net of type int4 (23)``."""
    lines: dict[int, set[str]] = {}
    for row in connection.execute(_IDENTITY, {"oids": list(oids)}):
        lines.setdefault(row.oid, set()).add(row.line)
    return {oid: sorted(found) for oid, found in lines.items()}


def changed_identity(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Say what stands for something else; another label of an enum changes no value that is there."""
    return changed_lines(before, [line for line in after if line in before or not line.startswith(_LABEL)])


def names_of_values(lines: Sequence[str]) -> list[str]:
    """Return what a table is from its making on: its own name and oid, and those of its columns."""
    return [line for line in lines if line.startswith((_TABLE, _COLUMN))]


def of_the_table_alone(lines: Sequence[str]) -> list[str]:
    """Return what goes with a table where that is dropped: neither its name nor what its types say."""
    return [line for line in lines if not line.startswith((_TABLE, _LABEL, _TYPE))]


def read_positions(connection: Connection, oids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return how far the sequences of each table are, by name; a descending one counts below zero, as it falls."""
    found: dict[int, dict[str, int]] = {}
    for row in connection.execute(_POSITIONS, {"oids": list(oids)}):
        if row.position is not None:
            found.setdefault(row.oid, {})[row.name] = row.position if row.is_rising else -row.position
    return found


def fallen_back(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Say which sequences would give out numbers again; one that is farther on has done no harm."""
    return [
        f"sequence {name} was set back"
        for name, position in sorted(before.items())
        if name not in after or after[name] < position
    ]
