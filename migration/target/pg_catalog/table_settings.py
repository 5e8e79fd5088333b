"""What people set on a table or view and on what goes with it, as lines that can be kept and compared.

Beside the definition that `table_signature` tells: storage, options and comments of columns, indexes, sequences, types
and toast, whole definitions of indexes, triggers and rules. Lines name what they are about as it stands where it is
read, so they are compared with those of the same place only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.pg_catalog.guard_triggers import NO_GUARD_SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

CLUSTERED: Final = "clustered by "
"""A line that begins so is left behind by `CLUSTER`, which changes no row."""
_COMPRESSION: Final = "@compression"
_COMPRESSION_SINCE: Final = (14,)
# So that all other names are written with their schema.
_BARE: Final = text("SET LOCAL search_path = pg_catalog")


# Of a row `c` of pg_class: an index keeps its lines where another name was taken.
_UNNAMED_INDEX: Final = (
    "pg_catalog.replace(pg_catalog.pg_get_indexdef(c.oid), ' INDEX ' || pg_catalog.quote_ident(c.relname) || ' ON ',"
    " ' INDEX ON ')"
)


def _granted(rights_sql: str) -> str:
    """Return the SQL for rights in one order: to grant one and to revoke it again leaves another."""
    return f"ARRAY(SELECT g::text FROM pg_catalog.unnest({rights_sql}) g ORDER BY 1)"


def _usual(arguments_sql: str) -> str:
    return _granted(f"pg_catalog.acldefault({arguments_sql})")


# What a server may not know yet (publications of columns and by filters, since 15) is read from JSON.
_SETTINGS: Final = f"""
    WITH root AS (
        SELECT c.oid, c.reltype, c.reltoastrelid FROM pg_catalog.pg_class c WHERE c.oid = ANY(CAST(:oids AS oid[]))
    ), member AS (
        SELECT oid AS root, oid, 'itself' AS label FROM root
        UNION ALL
        SELECT i.indrelid, i.indexrelid, {_UNNAMED_INDEX}
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = ANY(CAST(:oids AS oid[]))
        UNION ALL
        SELECT d.refobjid, c.oid, 'sequence ' || pg_catalog.quote_ident(c.relname)
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
          AND d.refobjid = ANY(CAST(:oids AS oid[])) AND d.deptype IN ('a', 'i')
        UNION ALL
        SELECT oid, reltoastrelid, 'toast' FROM root WHERE reltoastrelid <> 0
    ), described AS (
        SELECT root, 'pg_catalog.pg_class'::regclass::oid AS catalog, oid, label FROM member
        UNION ALL
        SELECT oid, 'pg_catalog.pg_type'::regclass, reltype, 'type' FROM root WHERE reltype <> 0
        UNION ALL
        SELECT k.conrelid, 'pg_catalog.pg_constraint'::regclass, k.oid,
            'constraint ' || pg_catalog.quote_ident(k.conname)
        FROM pg_catalog.pg_constraint k WHERE k.conrelid = ANY(CAST(:oids AS oid[]))
        UNION ALL
        SELECT t.tgrelid, 'pg_catalog.pg_trigger'::regclass, t.oid, 'trigger ' || pg_catalog.quote_ident(t.tgname)
        FROM pg_catalog.pg_trigger t WHERE t.tgrelid = ANY(CAST(:oids AS oid[]))
        UNION ALL
        SELECT p.polrelid, 'pg_catalog.pg_policy'::regclass, p.oid, 'policy ' || pg_catalog.quote_ident(p.polname)
        FROM pg_catalog.pg_policy p WHERE p.polrelid = ANY(CAST(:oids AS oid[]))
        UNION ALL
        SELECT r.ev_class, 'pg_catalog.pg_rewrite'::regclass, r.oid, 'rule ' || pg_catalog.quote_ident(r.rulename)
        FROM pg_catalog.pg_rewrite r WHERE r.ev_class = ANY(CAST(:oids AS oid[]))
        UNION ALL
        SELECT s.stxrelid, 'pg_catalog.pg_statistic_ext'::regclass, s.oid,
            'statistics ' || pg_catalog.quote_ident(s.stxname)
        FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = ANY(CAST(:oids AS oid[]))
    )
    SELECT m.root::bigint AS oid, pg_catalog.concat_ws(' ', m.label, 'is stored',
        (SELECT 'in ' || s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace),
        (SELECT 'with ' || pg_catalog.string_agg(o, ', ' ORDER BY o) FROM pg_catalog.unnest(c.reloptions) o
            WHERE o NOT LIKE 'autovacuum_enabled=%'),
        CASE WHEN m.label LIKE 'sequence %' AND c.relacl IS NOT NULL
            AND {_granted("c.relacl")} <> {_usual("'s', c.relowner")}
            THEN 'with rights ' || {_granted("c.relacl")}::text END) AS line
    FROM member m JOIN pg_catalog.pg_class c ON c.oid = m.oid
    UNION ALL
    SELECT r.oid::bigint, 'type has rights ' || {_granted("t.typacl")}::text
    FROM root r JOIN pg_catalog.pg_type t ON t.oid = r.reltype
    WHERE t.typacl IS NOT NULL AND {_granted("t.typacl")} <> {_usual("'T', t.typowner")}
    UNION ALL
    SELECT m.root::bigint, pg_catalog.concat_ws(' ', nullif(m.label, 'itself'), 'column',
        pg_catalog.quote_ident(a.attname), 'has',
        CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
        'compression ' || nullif({_COMPRESSION}::text, ''),
        'options ' || pg_catalog.array_to_string(a.attoptions, ', '), 'statistics ' || nullif(a.attstattarget, -1))
    FROM member m JOIN pg_catalog.pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attstorage <> t.typstorage OR nullif({_COMPRESSION}::text, '') IS NOT NULL
       OR a.attoptions IS NOT NULL OR nullif(a.attstattarget, -1) IS NOT NULL
    UNION ALL
    SELECT i.indrelid::bigint, pg_catalog.concat_ws(' ', {_UNNAMED_INDEX},
        CASE WHEN i.indisreplident THEN 'is the replica identity' END)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT i.indrelid::bigint, '{CLUSTERED}' || {_UNNAMED_INDEX}
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(CAST(:oids AS oid[])) AND i.indisclustered
    UNION ALL
    SELECT t.tgrelid::bigint, pg_catalog.pg_get_triggerdef(t.oid)
    FROM pg_catalog.pg_trigger t WHERE t.tgrelid = ANY(CAST(:oids AS oid[])) AND NOT t.tgisinternal AND {NO_GUARD_SQL}
    UNION ALL
    SELECT r.ev_class::bigint, pg_catalog.concat_ws(' ', pg_catalog.pg_get_ruledef(r.oid),
        CASE WHEN r.ev_enabled <> 'O' THEN r.ev_enabled::text END)
    FROM pg_catalog.pg_rewrite r WHERE r.ev_class = ANY(CAST(:oids AS oid[])) AND r.rulename <> '_RETURN'
    UNION ALL
    SELECT p.polrelid::bigint, 'restrictive policy ' || pg_catalog.quote_ident(p.polname)
    FROM pg_catalog.pg_policy p WHERE p.polrelid = ANY(CAST(:oids AS oid[])) AND NOT p.polpermissive
    UNION ALL
    SELECT r.prrelid::bigint, pg_catalog.concat_ws(' ', 'publication', pg_catalog.quote_ident(p.pubname), 'of columns',
        pg_catalog.to_jsonb(r) ->> 'prattrs', 'by filter ' || pg_catalog.md5(pg_catalog.to_jsonb(r) ->> 'prqual'))
    FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    WHERE r.prrelid = ANY(CAST(:oids AS oid[])) AND (pg_catalog.to_jsonb(r) ->> 'prattrs' IS NOT NULL
        OR pg_catalog.to_jsonb(r) ->> 'prqual' IS NOT NULL)
    UNION ALL
    SELECT s.stxrelid::bigint, pg_catalog.concat_ws(' ', pg_catalog.pg_get_statisticsobjdef(s.oid), 'target',
        nullif(s.stxstattarget, -1))
    FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT o.root::bigint, pg_catalog.concat_ws(' ', 'comment on', o.label, nullif(d.objsubid, 0),
        pg_catalog.quote_literal(d.description))
    FROM described o JOIN pg_catalog.pg_description d ON d.classoid = o.catalog AND d.objoid = o.oid
    UNION ALL
    SELECT o.root::bigint, pg_catalog.concat_ws(' ', 'security label of', o.label, nullif(l.objsubid, 0),
        'for', l.provider, pg_catalog.quote_literal(l.label))
    FROM described o JOIN pg_catalog.pg_seclabel l ON l.classoid = o.catalog AND l.objoid = o.oid
"""


def read_settings(connection: Connection, oids: Sequence[int]) -> dict[int, list[str]]:
    """Return the sorted lines of each table or view that stands: ``column title has storage e``."""
    lines: dict[int, list[str]] = {}
    looking = connection.begin_nested()  # sets a search path, which goes with it
    connection.execute(_BARE)
    compression = (
        "a.attcompression" if (connection.dialect.server_version_info or ()) >= _COMPRESSION_SINCE else "''"
    )
    statement = text(_SETTINGS.replace(_COMPRESSION, compression))
    for row in connection.execute(statement, {"oids": list(oids)}):
        lines.setdefault(row.oid, []).append(row.line)
    looking.rollback()
    return {oid: sorted(found) for oid, found in lines.items()}
