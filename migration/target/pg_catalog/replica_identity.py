"""Tables of which a publication publishes updates or deletes, and no row can be told from another: both are refused.

Whatever `wal_level` is, and whether or not anybody subscribes.
https://www.postgresql.org/docs/current/logical-replication-publication.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Connection

# The view names what a publication of a schema or of all tables holds, too; of a partitioned table its partitions, or
# the table alone (publish_via_partition_root). A key that is checked late is no identity. A list of columns
# (PostgreSQL 15) must hold those of the identity, which no list does where all columns are it.
# And since PostgreSQL 18 a publication must publish the generated columns of an identity.
_UNIDENTIFIED: Final = """
WITH leaf AS (
    SELECT o AS root, coalesce(p.relid, o::oid)::oid AS oid FROM unnest(CAST(:oids AS bigint[])) o
    LEFT JOIN LATERAL pg_catalog.pg_partition_tree(o::oid::regclass) p ON true
    WHERE p.relid IS NULL OR p.isleaf
), published AS (
    SELECT DISTINCT leaf.root::bigint AS root, leaf.oid, b.oid AS publication, b.pubname, b.pubupdate, b.pubdelete,
           pg_catalog.to_jsonb(b) ->> 'pubgencols' AS generated, held.oid AS holder,
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS holder_name
    FROM leaf
    CROSS JOIN LATERAL (SELECT leaf.oid UNION SELECT relid::oid FROM pg_catalog.pg_partition_ancestors(leaf.oid)) held
    JOIN pg_catalog.pg_class c ON c.oid = held.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_publication_tables v ON v.schemaname = n.nspname AND v.tablename = c.relname
    JOIN pg_catalog.pg_publication b ON b.pubname = v.pubname AND (b.pubupdate OR b.pubdelete)
), judged AS (
    SELECT p.*, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS whole_name,
           c.relreplident <> 'f' AND i.indexrelid IS NULL AS has_none,
           l.columns IS NOT NULL AND (i.indexrelid IS NULL
               OR NOT l.columns @> (i.indkey::smallint[])[0:i.indnkeyatts - 1]) AS leaves_out,
           l.columns IS NULL AND coalesce(p.generated, '') = 'n' AND EXISTS (
               SELECT FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''
                 AND (i.indexrelid IS NULL OR a.attnum = ANY((i.indkey::smallint[])[0:i.indnkeyatts - 1]))) AS hides
    FROM published p JOIN pg_catalog.pg_class c ON c.oid = p.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
     AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
    LEFT JOIN LATERAL (
        SELECT (SELECT array_agg(n::smallint) FROM pg_catalog.jsonb_path_query(
                    pg_catalog.to_jsonb(r), '$.prattrs[*] ? (@ != null)') n) AS columns
        FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.publication AND r.prrelid = p.holder) l ON true
)
SELECT root, oid::regclass::text AS name, whole_name, oid::bigint <> root AS is_partition,
       bool_or(has_none) AS has_none,
       array_agg(DISTINCT pg_catalog.format(
           'ALTER PUBLICATION %1$I DROP TABLE %2$s; ALTER PUBLICATION %1$I ADD TABLE %2$s', pubname, holder_name))
           FILTER (WHERE leaves_out) AS anew,
       array_agg(DISTINCT pg_catalog.format(
           'ALTER PUBLICATION %I SET (publish_generated_columns = stored)', pubname)) FILTER (WHERE hides) AS shown,
       bool_or(pubupdate) AS updates, bool_or(pubdelete) AS deletes,
       array_agg(DISTINCT pg_catalog.quote_ident(pubname)) AS publications
FROM judged WHERE has_none OR leaves_out OR hides GROUP BY root, oid, whole_name ORDER BY root, name
"""


@dataclass(frozen=True, slots=True)
class Unidentified:
    """A table, or a partition of it, whose rows cannot be updated or deleted. Names are quoted where need be."""

    root: int
    """The table's oid."""
    refused: str
    """`UPDATE`, `DELETE` or both."""
    place: str
    """The partition; empty for the table itself."""
    why: str
    publications: tuple[str, ...]
    remedy: str
    """The statements that let it be changed."""


def read_unidentified(connection: Connection, oids: Collection[int]) -> list[Unidentified]:
    """Return which of these tables refuse updates or deletes because of a publication.

    Args:
        connection: in a transaction; names are written as its search path wants them.
        oids: of tables.
    """
    return [
        Unidentified(
            row.root,
            " and ".join(word for word, is_so in (("UPDATE", row.updates), ("DELETE", row.deletes)) if is_so),
            row.name if row.is_partition else "",
            "it has no replica identity"
            if row.has_none
            else "columns of its replica identity are not published",
            tuple(row.publications),
            "; ".join(_remedies(row)),
        )
        for row in connection.execute(text(_UNIDENTIFIED), {"oids": list(oids)})
    ]


def _remedies(row: Any) -> Iterator[str]:
    if row.has_none:
        yield identity_statement(row.whole_name)
    yield from row.shown or ()
    yield from row.anew or ()  # a publication takes a list of columns only anew


def identity_statement(table: str) -> str:
    """Return the statement by which a table, quoted where need be, can be told row from row without a key."""
    return f"ALTER TABLE {table} REPLICA IDENTITY FULL"
