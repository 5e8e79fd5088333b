"""Questions to pg_catalog for everything that is attached to a relation, each with the SQL that makes it again.

Every query is about the relation `wanted.oid`, which the statement around it has (`attachment_reader`), and returns
kind, name, definition, statements, undo, belongs_to. Names of the relation's own schema come
without it, so that the same words fit another table of that name: the caller sets `search_path`.
What is not asked for here is found by `OTHER`: whatever pg_depend knows of the relation and no other query has told.
https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

from typing import Final

_REL: Final = """
WITH rel AS (
    SELECT c.*, n.nspname, pg_catalog.format('%I', c.relname) AS t, pg_catalog.to_jsonb(c) AS j
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = wanted.oid
), col AS (
    SELECT a.*, pg_catalog.format('%I', a.attname) AS c, rel.t, rel.relkind,
           pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I ', rel.t, a.attname) AS alter_sql
    FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped
), seq AS (
    SELECT s.oid, s.relname, s.relacl, s.relowner, s.relnamespace = rel.relnamespace AS is_beside, q.*, a.attname
    FROM rel JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = rel.oid
        AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum = d.refobjsubid
), ind AS (
    SELECT i.*, x.relname, x.reltablespace, pg_catalog.format('%I', x.relname) AS x, rel.t,
           EXISTS (SELECT FROM pg_catalog.pg_constraint k
                   WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AS is_of_constraint
    FROM rel JOIN pg_catalog.pg_index i ON i.indrelid = rel.oid AND i.indisvalid
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
)
"""

# The default of a column whose own sequence gives the numbers cannot be said of another table: it has no statement.
COLUMNS: Final = (
    _REL
    + """
SELECT 'column' AS kind, attname::text AS name, pg_catalog.format_type(atttypid, atttypmod) AS definition,
       '{}'::text[] AS statements, '' AS undo, '' AS belongs_to FROM col WHERE relkind IN ('r', 'p')
UNION ALL SELECT 'not_null', attname, 'NOT NULL', ARRAY[alter_sql || 'SET NOT NULL'], '', 'column ' || attname
    FROM col WHERE attnotnull AND relkind IN ('r', 'p')
UNION ALL SELECT CASE col.attgenerated WHEN '' THEN 'default' ELSE 'generated_column' END, col.attname,
       pg_catalog.pg_get_expr(f.adbin, f.adrelid),
       CASE WHEN col.attgenerated <> '' OR EXISTS (
           SELECT FROM pg_catalog.pg_depend d JOIN seq ON seq.oid = d.refobjid
           WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid) THEN '{}'
       ELSE ARRAY[col.alter_sql || 'SET DEFAULT ' || pg_catalog.pg_get_expr(f.adbin, f.adrelid)] END,
       '', 'column ' || col.attname
    FROM col JOIN pg_catalog.pg_attrdef f ON f.adrelid = col.attrelid AND f.adnum = col.attnum
UNION ALL SELECT 'identity', attname, CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
       ARRAY[alter_sql || 'SET GENERATED ' || CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END],
       '', 'column ' || attname FROM col WHERE attidentity <> ''
UNION ALL SELECT 'collation', col.attname, col.attcollation::regcollation::text, '{}', '', 'column ' || col.attname
    FROM col JOIN pg_catalog.pg_type y ON y.oid = col.atttypid
    WHERE col.attcollation <> y.typcollation AND relkind IN ('r', 'p')
UNION ALL SELECT 'statistics_target', attname, attstattarget::text,
       ARRAY[alter_sql || 'SET STATISTICS ' || attstattarget],
       '', 'column ' || attname FROM col WHERE coalesce(attstattarget, -1) >= 0
UNION ALL SELECT 'statistics_target', ind.relname || ' ' || a.attnum, a.attstattarget::text,
       ARRAY[pg_catalog.format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', ind.x, a.attnum, a.attstattarget)],
       '', 'index ' || ind.relname
    FROM ind JOIN pg_catalog.pg_attribute a ON a.attrelid = ind.indexrelid WHERE coalesce(a.attstattarget, -1) >= 0
UNION ALL SELECT 'column_option', attname || ' ' || o.option_name, o.option_value,
       ARRAY[pg_catalog.format('%sSET (%I = %L)', alter_sql, o.option_name, o.option_value)], '', 'column ' || attname
    FROM col CROSS JOIN LATERAL pg_catalog.pg_options_to_table(attoptions) o
UNION ALL SELECT 'column_option', col.attname || ' storage', col.attstorage::text,
       ARRAY[col.alter_sql || 'SET STORAGE ' || CASE col.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
             WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END], '', 'column ' || col.attname
    FROM col JOIN pg_catalog.pg_type y ON y.oid = col.atttypid
    WHERE col.attstorage <> y.typstorage AND relkind IN ('r', 'p')
UNION ALL SELECT 'column_option', attname || ' compression', pg_catalog.to_jsonb(col) ->> 'attcompression',
       ARRAY[alter_sql || 'SET COMPRESSION ' || CASE pg_catalog.to_jsonb(col) ->> 'attcompression'
             WHEN 'p' THEN 'pglz' ELSE 'lz4' END], '', 'column ' || attname
    FROM col WHERE pg_catalog.to_jsonb(col) ->> 'attcompression' IN ('p', 'l')
"""
)

TABLE: Final = (
    _REL
    + """
SELECT 'owner' AS kind, 'of the table' AS name, pg_catalog.pg_get_userbyid(relowner)::text AS definition,
       ARRAY[pg_catalog.format('ALTER TABLE %s OWNER TO %I', t, pg_catalog.pg_get_userbyid(relowner))] AS statements,
       '' AS undo, '' AS belongs_to FROM rel
UNION ALL SELECT 'unlogged', 'table', 'UNLOGGED', ARRAY[pg_catalog.format('ALTER TABLE %s SET UNLOGGED', t)], '', ''
    FROM rel WHERE relpersistence = 'u' AND relkind = 'r'
UNION ALL SELECT 'tablespace', 'of the table', s.spcname,
       ARRAY[pg_catalog.format('ALTER TABLE %s SET TABLESPACE %I', t, s.spcname)], '', ''
    FROM rel JOIN pg_catalog.pg_tablespace s ON s.oid = rel.reltablespace WHERE relkind = 'r'
UNION ALL SELECT 'tablespace', 'of index ' || ind.relname, s.spcname,
       ARRAY[pg_catalog.format('ALTER INDEX %s SET TABLESPACE %I', ind.x, s.spcname)], '', 'index ' || ind.relname
    FROM ind JOIN pg_catalog.pg_tablespace s ON s.oid = ind.reltablespace
UNION ALL SELECT 'access_method', 'of the table', m.amname, '{}', '', '' FROM rel
    JOIN pg_catalog.pg_am m ON m.oid = rel.relam WHERE relkind = 'r'
UNION ALL SELECT 'typed_table', 'table', reloftype::regtype::text, '{}', '', '' FROM rel WHERE reloftype <> 0
UNION ALL SELECT 'inheritance', i.inhparent::regclass::text, 'child of', '{}', '', ''
    FROM rel JOIN pg_catalog.pg_inherits i ON i.inhrelid = rel.oid
UNION ALL SELECT 'storage_parameter', o.option_name, o.option_value,
       ARRAY[pg_catalog.format('ALTER TABLE %s SET (%I = %L)', t, o.option_name, o.option_value)], '', ''
    FROM rel CROSS JOIN LATERAL pg_catalog.pg_options_to_table(rel.reloptions) o
UNION ALL SELECT 'storage_parameter', 'toast.' || o.option_name, o.option_value,
       ARRAY[pg_catalog.format('ALTER TABLE %s SET (toast.%I = %L)', t, o.option_name, o.option_value)], '', ''
    FROM rel JOIN pg_catalog.pg_class h ON h.oid = rel.reltoastrelid
    CROSS JOIN LATERAL pg_catalog.pg_options_to_table(h.reloptions) o
UNION ALL SELECT 'replica_identity', 'of the table', CASE relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
           ELSE 'USING INDEX ' || ind.x END,
       ARRAY[pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY ', rel.t) || CASE relreplident WHEN 'f' THEN 'FULL'
           WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX ' || ind.x END], '', ''
    FROM rel LEFT JOIN ind ON ind.indisreplident WHERE relreplident <> 'd' AND relkind = 'r'
UNION ALL SELECT 'cluster', 'on ' || relname, 'CLUSTER', ARRAY[pg_catalog.format('ALTER TABLE %s CLUSTER ON %s', t, x)],
       '', '' FROM ind WHERE indisclustered
UNION ALL SELECT 'row_level_security', 'enabled', 'ENABLE',
       ARRAY[pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t)], '', '' FROM rel WHERE relrowsecurity
UNION ALL SELECT 'row_level_security', 'forced', 'FORCE',
       ARRAY[pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t)], '', '' FROM rel WHERE relforcerowsecurity
UNION ALL SELECT 'extension', x.extname, d.deptype::text, '{}', '', '' FROM rel
    JOIN pg_catalog.pg_depend d ON d.deptype IN ('e', 'x') AND (
        (d.classid = 'pg_catalog.pg_class'::regclass AND d.objid IN (SELECT rel.oid UNION SELECT indexrelid FROM ind))
        OR (d.classid = 'pg_catalog.pg_trigger'::regclass
            AND d.objid IN (SELECT g.oid FROM pg_catalog.pg_trigger g WHERE g.tgrelid = rel.oid)))
    JOIN pg_catalog.pg_extension x ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND x.oid = d.refobjid
UNION ALL SELECT 'subscription', s.srsubid::text, '', '{}', '', ''
    FROM rel JOIN pg_catalog.pg_subscription_rel s ON s.srrelid = rel.oid
"""
)

OBJECTS: Final = (
    _REL
    + """
SELECT 'index' AS kind, relname::text AS name, pg_catalog.pg_get_indexdef(indexrelid, 0, true) AS definition,
       ARRAY[pg_catalog.pg_get_indexdef(indexrelid, 0, true)] AS statements, '' AS undo, '' AS belongs_to
    FROM ind WHERE NOT is_of_constraint
UNION ALL SELECT CASE k.contype WHEN 'c' THEN 'check' WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique'
           WHEN 'x' THEN 'exclusion' ELSE 'foreign_key' END,
       k.conname, pg_catalog.pg_get_constraintdef(k.oid, true),
       ARRAY[pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', rel.t, k.conname,
                               pg_catalog.pg_get_constraintdef(k.oid, true))], '', ''
    FROM rel JOIN pg_catalog.pg_constraint k ON k.conrelid = rel.oid AND k.contype IN ('c', 'p', 'u', 'x', 'f')
UNION ALL SELECT 'extended_statistics', s.stxname, x.definition,
       CASE WHEN NOT pg_catalog.pg_has_role(s.stxowner, 'USAGE') THEN '{}' ELSE ARRAY[x.definition]
       || CASE WHEN coalesce((pg_catalog.to_jsonb(s) ->> 'stxstattarget')::int, -1) < 0 THEN '{}' ELSE ARRAY[
            pg_catalog.format('ALTER STATISTICS %I SET STATISTICS %s', s.stxname,
                              pg_catalog.to_jsonb(s) ->> 'stxstattarget')]
          END || pg_catalog.format('ALTER STATISTICS %I OWNER TO %I', s.stxname,
              pg_catalog.pg_get_userbyid(s.stxowner)) END,
       '', ''
    FROM rel JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = rel.oid
    CROSS JOIN LATERAL (SELECT pg_catalog.replace(pg_catalog.pg_get_statisticsobjdef(s.oid),
        pg_catalog.format('CREATE STATISTICS %I.%I ', rel.nspname, s.stxname),
        pg_catalog.format('CREATE STATISTICS %I ', s.stxname)) AS definition) x
UNION ALL SELECT 'rule', r.rulename, pg_catalog.pg_get_ruledef(r.oid, true),
       ARRAY[pg_catalog.pg_get_ruledef(r.oid, true)]
       || CASE r.ev_enabled WHEN 'O' THEN '{}' ELSE ARRAY[pg_catalog.format('ALTER TABLE %s %s RULE %I', rel.t,
            CASE r.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END,
            r.rulename)] END, '', ''
    FROM rel JOIN pg_catalog.pg_rewrite r ON r.ev_class = rel.oid AND r.rulename <> '_RETURN'
UNION ALL SELECT 'policy', p.polname, x.definition, ARRAY[x.definition], '', ''
    FROM rel JOIN pg_catalog.pg_policy p ON p.polrelid = rel.oid
    CROSS JOIN LATERAL (SELECT pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, rel.t,
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                ELSE 'ALL' END,
            (SELECT pg_catalog.string_agg(CASE o WHEN 0 THEN 'PUBLIC'
                ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o)) END, ', ') FROM unnest(p.polroles) o))
        || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
        || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') AS definition) x
UNION ALL SELECT 'trigger', g.tgname, pg_catalog.pg_get_triggerdef(g.oid, true) || ' ' || g.tgenabled::text,
       ARRAY[pg_catalog.pg_get_triggerdef(g.oid, true)] || CASE g.tgenabled WHEN 'O' THEN '{}' ELSE ARRAY[
            pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', rel.t, CASE g.tgenabled WHEN 'D' THEN 'DISABLE'
                WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, g.tgname)] END, '', ''
    FROM rel JOIN pg_catalog.pg_trigger g ON g.tgrelid = rel.oid AND NOT g.tgisinternal
UNION ALL SELECT 'publication', p.pubname, x.more,
       ARRAY[pg_catalog.format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s', p.pubname, rel.t, x.more)],
       pg_catalog.format('ALTER PUBLICATION %I DROP TABLE ONLY %s', p.pubname, rel.t), ''
    FROM rel JOIN pg_catalog.pg_publication_rel m ON m.prrelid = rel.oid
    JOIN pg_catalog.pg_publication p ON p.oid = m.prpubid
    CROSS JOIN LATERAL (SELECT coalesce(' (' || (
            SELECT pg_catalog.string_agg(col.c, ', ' ORDER BY col.attnum) FROM col WHERE col.attnum::text = ANY(
                pg_catalog.regexp_split_to_array(pg_catalog.to_jsonb(m) ->> 'prattrs', '[^0-9]+'))
        ) || ')', '') || coalesce(' WHERE (' || (
            SELECT pg_catalog.to_jsonb(v) ->> 'rowfilter' FROM pg_catalog.pg_publication_tables v
            WHERE v.pubname = p.pubname AND v.schemaname = rel.nspname AND v.tablename = rel.relname
        ) || ')', '') AS more) x
"""
)

# Rights of the owner are told of "its owner", since they become the next owner's.
_GRANTEE: Final = """CASE WHEN a.grantee = {owner} THEN 'its owner' WHEN a.grantee = 0 THEN 'PUBLIC'
            ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END"""
_ROLE: Final = """CASE WHEN a.grantee = 0 THEN 'PUBLIC'
            ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END"""


def _rights(kind: str, what: str, on: str, owner: str, acl: str, origin: str, belongs_to: str) -> str:
    return f"""
SELECT '{kind}' AS kind, a.privilege_type || {what} || ' to ' || {_GRANTEE.replace("{owner}", owner)} AS name,
       CASE WHEN a.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS definition,
       ARRAY['GRANT ' || a.privilege_type || {on} || ' TO ' || {_ROLE}
           || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END] AS statements,
       'REVOKE ' || a.privilege_type || {on} || ' FROM ' || {_ROLE} AS undo, {belongs_to} AS belongs_to
    FROM {origin} CROSS JOIN LATERAL pg_catalog.aclexplode({acl}) a
"""


RIGHTS: Final = (
    _REL
    + _rights(
        "grant", "''", "' ON TABLE ' || rel.t", "rel.relowner",
        "coalesce(rel.relacl, pg_catalog.acldefault('r', rel.relowner))", "rel", "''",
    )
    + "UNION ALL"
    + _rights(
        "column_grant", "' (' || col.attname || ')'", "' (' || col.c || ') ON TABLE ' || col.t", "rel.relowner",
        "col.attacl", "col JOIN rel ON col.attacl IS NOT NULL", "'column ' || col.attname",
    )
    + "UNION ALL"
    + _rights(
        "sequence_grant", "' on the sequence of ' || seq.attname",
        "pg_catalog.format(' ON SEQUENCE %s', seq.oid::regclass)", "seq.relowner",
        "coalesce(seq.relacl, pg_catalog.acldefault('s', seq.relowner))", "seq", "'sequence ' || seq.attname",
    )
)  # fmt: skip

# A staged sequence is called as the one that it replaces, and then takes over its way of counting.
SEQUENCES: Final = (
    _REL
    + """
SELECT 'sequence' AS kind, attname::text AS name, oid::regclass::text || x.options AS definition,
       CASE WHEN NOT is_beside THEN '{}' ELSE ARRAY[pg_catalog.format(
           'DO %L', pg_catalog.format(
               'DECLARE s regclass := pg_catalog.pg_get_serial_sequence(%L, %L); BEGIN IF s IS NULL THEN RAISE'
               ' undefined_object USING MESSAGE = %L; END IF; IF s <> pg_catalog.to_regclass(%L) IS NOT FALSE THEN'
               ' EXECUTE pg_catalog.format(%L, s, %L); END IF; END',
               rel_name, attname, 'the column takes no number from a sequence', pg_catalog.quote_ident(relname),
               'ALTER SEQUENCE %s RENAME TO %I', relname)
       )] || pg_catalog.format('ALTER SEQUENCE %I%s', relname, x.options) END AS statements,
       '' AS undo, 'column ' || attname AS belongs_to
FROM (SELECT seq.*, rel.t AS rel_name FROM seq CROSS JOIN rel) seq
CROSS JOIN LATERAL (SELECT pg_catalog.concat(
    ' INCREMENT ' || seqincrement,
    CASE WHEN seqincrement > 0 AND seqmin <> 1 THEN ' MINVALUE ' || seqmin END,
    CASE WHEN seqmax NOT IN (32767, 2147483647, 9223372036854775807) THEN ' MAXVALUE ' || seqmax END,
    CASE WHEN seqstart <> 1 THEN ' START ' || seqstart END,
    ' CACHE ' || seqcache, CASE WHEN seqcycle THEN ' CYCLE' ELSE ' NO CYCLE' END) AS options) x
"""
)

_PARTS: Final = """
, part AS (
    SELECT 'pg_catalog.pg_class'::regclass AS classid, rel.oid AS objid, 0 AS sub, 'the table' AS what,
           '' AS belongs_to, CASE relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'TABLE ' END
           || t
           AS target FROM rel
    UNION ALL SELECT 'pg_catalog.pg_class'::regclass, attrelid, attnum, 'column ' || attname, 'column ' || attname,
           pg_catalog.format('COLUMN %s.%I', t, attname) FROM col
    UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, 0, 'constraint ' || conname, 'constraint ' || conname,
           pg_catalog.format('CONSTRAINT %I ON %s', conname, t)
        FROM rel JOIN pg_catalog.pg_constraint k ON k.conrelid = rel.oid
    UNION ALL SELECT 'pg_catalog.pg_class'::regclass, indexrelid, 0, 'index ' || relname, 'index ' || relname,
           'INDEX ' || x FROM ind
    UNION ALL SELECT 'pg_catalog.pg_trigger'::regclass, g.oid, 0, 'trigger ' || tgname, 'trigger ' || tgname,
           pg_catalog.format('TRIGGER %I ON %s', tgname, t)
        FROM rel JOIN pg_catalog.pg_trigger g ON g.tgrelid = rel.oid
    UNION ALL SELECT 'pg_catalog.pg_rewrite'::regclass, r.oid, 0, 'rule ' || rulename, 'rule ' || rulename,
           pg_catalog.format('RULE %I ON %s', rulename, t) FROM rel JOIN pg_catalog.pg_rewrite r ON r.ev_class = rel.oid
    UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, p.oid, 0, 'policy ' || polname, 'policy ' || polname,
           pg_catalog.format('POLICY %I ON %s', polname, t) FROM rel JOIN pg_catalog.pg_policy p ON p.polrelid = rel.oid
    UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass, s.oid, 0, 'statistics ' || stxname,
           'extended_statistics ' || stxname, pg_catalog.format('STATISTICS %I', stxname)
        FROM rel JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = rel.oid
    UNION ALL SELECT 'pg_catalog.pg_class'::regclass, seq.oid, 0, 'the sequence of ' || attname, 'sequence ' || attname,
           pg_catalog.format('SEQUENCE %s', seq.oid::regclass) FROM seq
)
"""
WORDS: Final = (
    _REL
    + _PARTS
    + """
SELECT 'comment' AS kind, part.what AS name, d.description AS definition,
       ARRAY[pg_catalog.format('COMMENT ON %s IS %L', part.target, d.description)] AS statements, '' AS undo, belongs_to
    FROM part JOIN pg_catalog.pg_description d
        ON d.classoid = part.classid AND d.objoid = part.objid AND d.objsubid = part.sub
UNION ALL SELECT 'security_label', part.what || ' for ' || s.provider, s.label,
       ARRAY[pg_catalog.format('SECURITY LABEL FOR %I ON %s IS %L', s.provider, part.target, s.label)], '', belongs_to
    FROM part JOIN pg_catalog.pg_seclabel s
        ON s.classoid = part.classid AND s.objoid = part.objid AND s.objsubid = part.sub
"""
)

# What belongs to the relation by pg_depend and is of a class that none of the questions above asks for: new kinds of
# later servers, and those that nobody thought of.
OTHER: Final = (
    _REL
    + """
SELECT 'other' AS kind, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS name, '' AS definition,
       '{}'::text[] AS statements, '' AS undo, '' AS belongs_to
FROM rel JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = rel.oid
WHERE d.deptype NOT IN ('n', 'e') AND NOT (
    d.classid IN ('pg_catalog.pg_type'::regclass, 'pg_catalog.pg_attrdef'::regclass,
                  'pg_catalog.pg_publication_rel'::regclass, 'pg_catalog.pg_statistic_ext'::regclass)
    OR (d.classid = 'pg_catalog.pg_constraint'::regclass AND EXISTS (
        SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = d.objid AND rel.oid IN (k.conrelid, k.confrelid)
            AND k.contype IN ('c', 'p', 'u', 'x', 'f', 'n', 't')))
    OR (d.classid = 'pg_catalog.pg_trigger'::regclass AND EXISTS (
        SELECT FROM pg_catalog.pg_trigger g WHERE g.oid = d.objid AND rel.oid IN (g.tgrelid, g.tgconstrrelid)))
    OR (d.classid = 'pg_catalog.pg_rewrite'::regclass AND EXISTS (
        SELECT FROM pg_catalog.pg_rewrite r WHERE r.oid = d.objid AND r.ev_class = rel.oid))
    OR (d.classid = 'pg_catalog.pg_policy'::regclass AND EXISTS (
        SELECT FROM pg_catalog.pg_policy p WHERE p.oid = d.objid AND p.polrelid = rel.oid))
    OR (d.classid = 'pg_catalog.pg_class'::regclass AND EXISTS (
        SELECT FROM pg_catalog.pg_class x WHERE x.oid = d.objid AND x.relkind IN ('i', 'S', 't', 'v', 'm')))
)
"""
)
QUERIES: Final = {
    TABLE: frozenset(
        {
            "owner",
            "unlogged",
            "tablespace",
            "access_method",
            "typed_table",
            "inheritance",
            "storage_parameter",
            "replica_identity",
            "cluster",
            "row_level_security",
            "extension",
            "subscription",
        }
    ),
    COLUMNS: frozenset(
        {
            "column",
            "not_null",
            "default",
            "generated_column",
            "identity",
            "collation",
            "statistics_target",
            "column_option",
        }
    ),
    SEQUENCES: frozenset({"sequence"}),
    RIGHTS: frozenset({"grant", "column_grant", "sequence_grant"}),
    OBJECTS: frozenset(
        {
            "index",
            "check",
            "primary_key",
            "unique",
            "exclusion",
            "foreign_key",
            "extended_statistics",
            "rule",
            "policy",
            "trigger",
            "publication",
        }
    ),
    WORDS: frozenset({"comment", "security_label"}),
    OTHER: frozenset({"other"}),
}
"""Each question, and the kinds that it returns."""
