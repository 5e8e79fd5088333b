"""Whether two defaults that are written differently always give the same value: what they call decides, not one try.

One evaluation proves nothing of a default that asks who calls, what time it is, or a random number. Where both are
immutable, by the server's own judgement, one evaluation is all there is to know. Where both are not, ours asks for the
time: another one may ask for it in other words, cast it and cut it, and do nothing else that ours does not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.target.pg_catalog.table_shapes import look_in
from migration.target.sql_statements import run_sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.target.pg_catalog.table_shapes import ColumnShape

# Kinds of nodes that give a value on as it is, and those of the time of a transaction.
# https://github.com/postgres/postgres/blob/master/src/include/nodes/primnodes.h (SQLValueFunctionOp)
_PLAIN_NODES: Final = frozenset(
    {
        *("{CONST", "{FUNCEXPR", "{OPEXPR", "{RELABELTYPE", "{COERCEVIAIO", "{COERCETODOMAIN"),
        *(f"{{SQLVALUEFUNCTION :op {number}" for number in range(9)),
    }
)
# Built in (below 16384, FirstNormalObjectId), and no branch in it.
_TIME_WORDS: Final = """
SELECT p.oid::bigint FROM pg_catalog.pg_proc p WHERE p.oid = ANY(CAST(:oids AS oid[])) AND p.oid::bigint < 16384 AND (
    p.proname IN ('now', 'transaction_timestamp', 'timezone', 'to_char', 'date_trunc', 'date_part', 'extract', 'floor')
    OR EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castfunc = p.oid))
"""
_FIRST_OF_USERS: Final = 16384
_OIDS: Final = re.compile(r":(?:funcid|opno) (\d+)")


def same_default(connection: Connection, schema: str, ours: ColumnShape, theirs: ColumnShape) -> bool:
    """Ask the server whether two default expressions give one value, now and later.

    Args:
        connection: in a transaction, by a role that may make temporary tables. Nothing stays of what is tried.
        schema: the target schema, unquoted.
        ours: the column with Convoy's default.
        theirs: the column that stands.

    Raises:
        DBAPIError: the connection broke.
    """
    if _calls_users_functions(theirs):
        return False
    fixed = [_is_fixed(connection, schema, theirs.type, one.default_sql or "") for one in (ours, theirs)]
    if fixed[0] is not fixed[1] or (not fixed[0] and not _asks_no_more(connection, ours, theirs)):
        return False
    statement = f"SELECT ({ours.default_sql})::{theirs.type} IS NOT DISTINCT FROM ({theirs.default_sql})::{theirs.type}"
    return _tried(connection, schema, "SET LOCAL transaction_read_only = on", statement)


def _calls_users_functions(column: ColumnShape) -> bool:
    return any(int(oid) >= _FIRST_OF_USERS for call in column.default_calls for oid in _OIDS.findall(call))


def _is_fixed(connection: Connection, schema: str, type_name: str, expression: str) -> bool:
    """Whether the server calls an expression immutable: it takes no other for a generated column."""
    statement = (
        f"CREATE TEMPORARY TABLE convoy_asked (asked {type_name} GENERATED ALWAYS AS ({expression}) STORED)"
    )
    return _tried(connection, schema, statement, "SELECT true")


def _asks_no_more(connection: Connection, ours: ColumnShape, theirs: ColumnShape) -> bool:
    more = set(theirs.default_calls) - set(ours.default_calls) - _PLAIN_NODES
    functions = {call for call in more if call.startswith(":funcid ")}
    oids = [int(call.split()[1]) for call in functions]
    known = set(connection.execute(text(_TIME_WORDS), {"oids": oids}).scalars())
    return more == functions and set(oids) <= known


def _tried(connection: Connection, schema: str, *statements: str) -> bool:
    savepoint = connection.begin_nested()
    try:
        look_in(connection, schema)
        *before, asked = statements
        for statement in before:
            run_sql(connection, statement)
        return bool(run_sql(connection, asked).scalar_one())
    except DBAPIError:
        if connection.invalidated:
            raise
        return False
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()
