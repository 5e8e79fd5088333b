"""What a table is made of, as lines that can be kept and compared: columns, and what belongs to it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

COLUMN: Final = "column "

# What goes with a table depends on it automatically (a) or internally (i).
# https://www.postgresql.org/docs/current/catalog-pg-depend.html
_PARTS: Final = text(
    f"""
    SELECT a.attrelid::bigint AS oid,
           '{COLUMN}' || quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) AS part
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT d.refobjid::bigint, i.type || ' ' || i.identity
    FROM pg_catalog.pg_depend d,
         LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
    WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ANY(CAST(:oids AS oid[]))
      AND d.deptype IN ('a', 'i') AND i.type NOT IN ('toast table', 'type')
    """
)


def read_parts(connection: Connection, oids: Sequence[int]) -> dict[int, list[str]]:
    """Return the lines of each table that is still there, sorted: ``column id bigint``, ``index public.by_name``."""
    parts: dict[int, list[str]] = {}
    for row in connection.execute(_PARTS, {"oids": list(oids)}):
        parts.setdefault(row.oid, []).append(row.part)
    return {oid: sorted(lines) for oid, lines in parts.items()}
