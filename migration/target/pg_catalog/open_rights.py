"""What a table or view is to others: what every role may do with it, and which triggers and rules act on it.

Partitions and sequences belong to it, as far as that goes: a row can be read and written there, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.pg_catalog.guard_triggers import NO_GUARD_SQL

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

# The tables with their partitions (member), and the sequences of their columns (used).
MEMBERS: Final = """
WITH member AS (
    SELECT o AS root, o AS oid FROM unnest(CAST(:oids AS bigint[])) o
    UNION
    SELECT o, p.relid::bigint FROM unnest(CAST(:oids AS bigint[])) o
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(o::oid::regclass) p
), used AS (
    SELECT m.root, s.seqrelid::bigint AS oid FROM member m
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = m.oid::oid
     AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.objid
    UNION
    SELECT m.root, s.seqrelid::bigint FROM member m
    JOIN pg_catalog.pg_attrdef f ON f.adrelid = m.oid::oid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
     AND d.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.refobjid
)
"""
# The owner alone has rights where nobody has granted any; default privileges are grants like all others.
# https://www.postgresql.org/docs/current/ddl-priv.html
_RIGHTS: Final = (
    MEMBERS
    + """
SELECT x.root, x.oid = x.root AS is_itself, x.oid::regclass::text AS name, c.relkind = 'S' AS is_sequence,
       c.relispartition AS is_partition,
       ARRAY(SELECT a.privilege_type FROM pg_catalog.aclexplode(c.relacl) a WHERE a.grantee = 0
             UNION
             SELECT a.privilege_type || ' (' || t.attname || ')' FROM pg_catalog.pg_attribute t
             CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
             WHERE t.attrelid = c.oid AND a.grantee = 0 AND t.attnum > 0 AND NOT t.attisdropped ORDER BY 1) AS rights
FROM (SELECT root, oid FROM member UNION SELECT root, oid FROM used) x
JOIN pg_catalog.pg_class c ON c.oid = x.oid::oid ORDER BY x.root, NOT x.oid = x.root, name
"""
)
# A partition's copy of a trigger of the table is none of its own; one that is switched off does nothing.
_ACTORS: Final = (
    MEMBERS
    + f"""
SELECT m.root, m.oid = m.root AS is_itself, m.oid::regclass::text AS relation, 'trigger' AS kind, t.tgname AS name,
       pg_catalog.pg_get_triggerdef(t.oid, true) AS definition
FROM member m JOIN pg_catalog.pg_trigger t ON t.tgrelid = m.oid::oid
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'D' AND {NO_GUARD_SQL}
UNION ALL
SELECT m.root, m.oid = m.root, m.oid::regclass::text, 'rule', r.rulename, pg_catalog.pg_get_ruledef(r.oid, true)
FROM member m JOIN pg_catalog.pg_rewrite r ON r.ev_class = m.oid::oid
WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D'
ORDER BY 1, 3, 4, 5
"""
)


@dataclass(frozen=True, slots=True)
class OpenRights:
    """What every role may do: `words` name the rights, and the partition or sequence where it is not the table's."""

    root: int
    """The table's oid."""
    words: str


@dataclass(frozen=True, slots=True)
class Actor:
    """A trigger or rule that acts when somebody writes into a table, one of its partitions, or a view."""

    root: int
    """The oid of the table or view."""
    kind: str
    """`trigger` or `rule`."""
    name: str
    place: str
    """The partition that it stands on; empty for the table itself."""
    definition: str


def read_open_rights(connection: Connection, oids: Collection[int]) -> list[OpenRights]:
    """Return what PUBLIC may do with tables and views, their columns, partitions and sequences.

    Args:
        connection: in a transaction; names are written as its search path wants them.
        oids: of tables and views.
    """
    found = []
    for row in connection.execute(text(_RIGHTS), {"oids": list(oids)}):
        if row.rights:
            what = "sequence" if row.is_sequence else "partition"
            where = "" if row.is_itself else f" on its {what} {row.name}"
            found.append(OpenRights(row.root, ", ".join(row.rights) + where))
    return found


def read_actors(connection: Connection, oids: Collection[int]) -> list[Actor]:
    """Return the triggers and rules of tables and views; those that enforce keys are none. Arguments as above."""
    return [
        Actor(row.root, row.kind, row.name, "" if row.is_itself else row.relation, row.definition)
        for row in connection.execute(text(_ACTORS), {"oids": list(oids)})
    ]
