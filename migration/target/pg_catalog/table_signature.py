"""All that decides what a table takes, shows and to whom, as lines that can be kept and compared.

Lines hold no name of the table or of its schema, and none of an index or constraint: a table keeps its lines where it
is moved, and where another name was taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.pg_catalog.guard_triggers import NO_GUARD_SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

RIGHT: Final = "grant "
"""A line that begins so is a right of somebody: rows have nothing to do with it."""
_SIGNATURE: Final = text(
    f"""
    SELECT c.oid::bigint AS oid, pg_catalog.concat_ws(' ', 'table', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
        'of', pg_catalog.pg_get_userbyid(c.relowner),
        CASE WHEN c.relrowsecurity THEN 'row level security' END,
        CASE WHEN c.relforcerowsecurity THEN 'forced' END,
        CASE WHEN c.relreplident <> 'd' THEN 'replica identity ' || c.relreplident::text END,
        -- A copy keeps the autovacuum away until its table is in place.
        (SELECT pg_catalog.string_agg(o, ' ' ORDER BY o) FROM pg_catalog.unnest(c.reloptions) o
            WHERE o NOT LIKE 'autovacuum_enabled=%')) AS line
    FROM pg_catalog.pg_class c WHERE c.oid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT c.oid::bigint, pg_catalog.concat_ws(' ', 'grant', g.privilege_type, 'to',
        CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(g.grantee) END)
    FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) g
    WHERE c.oid = ANY(CAST(:oids AS oid[])) AND g.grantee <> c.relowner
    UNION ALL
    SELECT a.attrelid::bigint, pg_catalog.concat_ws(' ', 'definition of', pg_catalog.quote_ident(a.attname),
        pg_catalog.format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
        CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || l.collname END,
        CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text END,
        CASE WHEN a.attgenerated <> '' THEN 'generated' WHEN d.oid IS NOT NULL THEN 'default' END,
        CASE WHEN d.adbin::text NOT LIKE '%nextval%' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    -- One that is dropped and made again has other values, and no row is written.
    SELECT a.attrelid::bigint, 'dropped column ' || a.attnum
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND a.attisdropped
    UNION ALL
    SELECT a.attrelid::bigint, pg_catalog.concat_ws(' ', 'grant', g.privilege_type, 'of',
        pg_catalog.quote_ident(a.attname), 'to',
        CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(g.grantee) END)
    FROM pg_catalog.pg_attribute a, LATERAL pg_catalog.aclexplode(a.attacl) g
    WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT k.conrelid::bigint, pg_catalog.concat_ws(' ', 'constraint',
        CASE k.contype WHEN 'f' THEN pg_catalog.concat_ws(' ', 'foreign key', k.conkey::text, 'of', r.relname,
            k.confkey::text, k.confupdtype::text, k.confdeltype::text, k.confmatchtype::text)
        ELSE pg_catalog.pg_get_constraintdef(k.oid) END,
        CASE WHEN k.condeferrable THEN 'deferrable' END, CASE WHEN NOT k.convalidated THEN 'not valid' END)
    FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
    WHERE k.conrelid = ANY(CAST(:oids AS oid[])) AND k.contype <> 't'
    UNION ALL
    SELECT i.indrelid::bigint, pg_catalog.concat_ws(' ', 'index', CASE WHEN i.indisunique THEN 'unique' END,
        CASE WHEN NOT i.indisvalid THEN 'invalid' END, m.amname,
        (SELECT pg_catalog.string_agg(pg_catalog.pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n)
            FROM pg_catalog.generate_series(1, i.indnatts) n),
        pg_catalog.pg_get_expr(i.indpred, i.indrelid))
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = x.relam WHERE i.indrelid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT t.tgrelid::bigint, pg_catalog.concat_ws(' ', 'trigger', pg_catalog.quote_ident(t.tgname),
        'calls', t.tgfoid::regprocedure::text, t.tgtype::text, CASE WHEN t.tgenabled <> 'O' THEN t.tgenabled::text END)
    FROM pg_catalog.pg_trigger t WHERE t.tgrelid = ANY(CAST(:oids AS oid[])) AND NOT t.tgisinternal AND {NO_GUARD_SQL}
    UNION ALL
    SELECT t.tgrelid::bigint, 'foreign keys are not enforced'
    FROM pg_catalog.pg_trigger t WHERE t.tgrelid = ANY(CAST(:oids AS oid[])) AND t.tgisinternal AND t.tgenabled <> 'O'
    UNION ALL
    SELECT r.ev_class::bigint, pg_catalog.concat_ws(' ', 'rule', pg_catalog.quote_ident(r.rulename), r.ev_type::text,
        CASE WHEN r.is_instead THEN 'instead' END)
    FROM pg_catalog.pg_rewrite r WHERE r.ev_class = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT p.polrelid::bigint, pg_catalog.concat_ws(' ', 'policy', pg_catalog.quote_ident(p.polname), p.polcmd::text,
        p.polroles::regrole[]::text, pg_catalog.pg_get_expr(p.polqual, p.polrelid),
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_catalog.pg_policy p WHERE p.polrelid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT d.objoid::bigint, pg_catalog.concat_ws(' ', 'comment', a.attname, pg_catalog.quote_literal(d.description))
    FROM pg_catalog.pg_description d
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT r.prrelid::bigint, 'publication ' || pg_catalog.quote_ident(p.pubname)
    FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    WHERE r.prrelid = ANY(CAST(:oids AS oid[]))
    UNION ALL
    SELECT h.inhparent::bigint, 'child ' || h.inhrelid::regclass::text
    FROM pg_catalog.pg_inherits h WHERE h.inhparent = ANY(CAST(:oids AS oid[]))
    """
)


def read_signatures(connection: Connection, oids: Sequence[int]) -> dict[int, list[str]]:
    """Return the sorted lines of each table that stands: ``column id integer not null``, ``index btree id``."""
    lines: dict[int, list[str]] = {}
    for row in connection.execute(_SIGNATURE, {"oids": list(oids)}):
        lines.setdefault(row.oid, []).append(row.line)
    return {oid: sorted(found) for oid, found in lines.items()}


def changed_lines(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Say what came and what went: ``trigger "x" calls f() added``."""
    added = [f"{line} added" for line in after if line not in before]
    return added + [f"{line} gone" for line in before if line not in after]
