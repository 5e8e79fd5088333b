"""The triggers by which a run keeps writers out of its staged tables, as the catalog shows them.

Nobody but the run that made them is to see them: what reads a table's triggers leaves them out by `NO_GUARD_SQL`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

FUNCTION: Final = "convoy_guard"
"""The one function, in each staging schema."""
TRIGGERS: Final = ("convoy_guard_rows", "convoy_guard_truncate")
"""Those of each table."""

# In a staging schema alone: a trigger of such a name on a user's table is one like any other.
_IS_GUARD: Final = f"""
    EXISTS (SELECT FROM pg_catalog.pg_class guarded
        JOIN pg_catalog.pg_namespace staging ON staging.oid = guarded.relnamespace
        JOIN pg_catalog.pg_proc guard ON guard.oid = t.tgfoid AND guard.pronamespace = staging.oid
        WHERE guarded.oid = t.tgrelid AND staging.nspname ~ '^convoy_[0-9a-f]{{32}}_staging'
          AND guard.proname = '{FUNCTION}' AND t.tgname IN ('{TRIGGERS[0]}', '{TRIGGERS[1]}'))
"""
NO_GUARD_SQL: Final = f"NOT {_IS_GUARD}"
"""A condition on a row `t` of pg_trigger; for `text` of SQLAlchemy, too."""
_GUARDED: Final = text(
    f"SELECT DISTINCT t.tgrelid::bigint FROM pg_catalog.pg_trigger t"
    f" WHERE t.tgrelid = ANY(CAST(:oids AS oid[])) AND {_IS_GUARD}"
)
# Whatever switches a trigger off or on, or replaces its function, writes a new version of the row in the catalog.
# What gives all rows anew without a write that a trigger sees (ALTER COLUMN ... TYPE ... USING) gives a new file.
_MARKS: Final = text(
    f"""
    SELECT t.tgrelid::bigint AS oid,
        pg_catalog.concat_ws(' ', pg_catalog.pg_relation_filenode(t.tgrelid), pg_catalog.string_agg(
            pg_catalog.concat_ws(':', t.oid, t.xmin, p.oid, p.xmin), ' ' ORDER BY t.tgname)) AS mark
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = ANY(CAST(:oids AS oid[])) AND {_IS_GUARD}
    GROUP BY t.tgrelid HAVING pg_catalog.count(*) = {len(TRIGGERS)} AND pg_catalog.bool_and(t.tgenabled = 'A')
    """
)


def read_marks(connection: Connection, oids: Sequence[int]) -> dict[int, str]:
    """Return for each table on which the whole guard stands what it is known by: equal marks, the same guard all along.

    VACUUM FULL and CLUSTER change a mark, too, and so does whatever is done to the function.
    """
    return {row.oid: row.mark for row in connection.execute(_MARKS, {"oids": list(oids)})}


def read_guarded(connection: Connection, oids: Sequence[int]) -> set[int]:
    """Return the tables on which a guard stands, or what is left of one."""
    return set(connection.execute(_GUARDED, {"oids": list(oids)}).scalars())
