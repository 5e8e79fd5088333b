"""What the owner of a table or view may not do with it: somebody has revoked the owner's own rights.

Owners can give themselves all of it again, and applications that work as one do not know how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.pg_catalog.open_rights import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

# The functions know of superusers, of PUBLIC and of roles that the owner is a member of. Rights on single columns do
# not count: an owner who may read a part of a table cannot work with it. The server may ask of any relation before it
# knows that it is joined: what only a sequence can answer stands behind a CASE.
_LACKING: Final = (
    MEMBERS
    + """
SELECT o AS root, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       pg_catalog.pg_get_userbyid(c.relowner) AS owner, false AS is_sequence,
       ARRAY(SELECT p FROM unnest(CASE WHEN c.relkind IN ('v', 'm') THEN ARRAY['SELECT']
                 ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) WITH ORDINALITY u(p, n)
             WHERE NOT pg_catalog.has_table_privilege(c.relowner, c.oid, p) ORDER BY n) AS rights
FROM unnest(CAST(:oids AS bigint[])) o JOIN pg_catalog.pg_class c ON c.oid = o::oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT x.root, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.relname),
       pg_catalog.pg_get_userbyid(c.relowner), true, ARRAY['USAGE']
FROM used x JOIN pg_catalog.pg_class s ON s.oid = x.oid::oid JOIN pg_catalog.pg_class c ON c.oid = x.root::oid
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
WHERE CASE WHEN s.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(c.relowner, s.oid, 'USAGE') ELSE false END
ORDER BY 1, 4, 2
"""
)


@dataclass(frozen=True, slots=True)
class LackingRights:
    """Rights that the owner of a table or view has not: `place` is the table, view or sequence, with its schema."""

    root: int
    """The oid of the table or view."""
    owner: str
    place: str
    is_sequence: bool
    rights: tuple[str, ...]


def read_lacking_rights(connection: Connection, oids: Collection[int]) -> list[LackingRights]:
    """Return what the owners of tables and views may not do with them, and with the sequences of their columns.

    Args:
        connection: in a transaction.
        oids: of tables and views.
    """
    return [
        LackingRights(row.root, row.owner, row.name, row.is_sequence, tuple(row.rights))
        for row in connection.execute(text(_LACKING), {"oids": list(oids)})
        if row.rights
    ]
