"""The sequences of tables that stand: where they are, and where they go on after rows have come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.errors import TargetChangedError
from migration.model import ObjectResult, ObjectState
from migration.target.pg_catalog.application_table_facts import sequences_of
from migration.target.pg_catalog.schema_relations import relations_with
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from migration.target.pg_catalog.application_table_facts import ApplicationTable


def sequence_states(connection: Connection, tables: Sequence[ApplicationTable]) -> list[dict[str, Any]]:
    """Return where the sequences of these tables are, as a record of JSON types for `restore_sequences`."""
    states = []
    for name in dict.fromkeys(s.sequence for s in sequences_of(connection, [t.oid for t in tables])):
        row = run_sql(connection, f"SELECT tableoid::bigint AS oid, last_value, is_called FROM {name}").one()
        states.append(
            {"sequence": name, "oid": row.oid, "last_value": row.last_value, "is_called": row.is_called}
        )
    return states


def restore_sequences(connection: Connection, states: Sequence[dict[str, Any]]) -> None:
    """Put sequences back to where they were, wherever they are now.

    Raises:
        TargetChangedError: one has been dropped since.
    """
    for state in states:
        # Records of older versions have the name alone.
        found = relations_with(connection, [state["oid"]]) if "oid" in state else {}
        if "oid" in state and not found:
            raise TargetChangedError(
                f"The sequence {state['sequence']} has been dropped since the run",
                remedy="Take the rows out by hand, those that stood here before are kept in the previous schema",
            )
        now = next((quoted(one.schema, one.name) for one in found.values()), state["sequence"])
        _set_value(connection, now, state["last_value"], is_called=state["is_called"])


def advance_sequences(
    connection: Connection, tables: Sequence[ApplicationTable], given_out: Mapping[str, int]
) -> list[ObjectResult]:
    """Let every sequence go on after the largest number of its columns; it never goes back.

    Args:
        connection: in a transaction.
        tables: the tables whose columns take their numbers from sequences.
        given_out: table → a number that it has given out already, whether or not a row still has it.
    """
    by_oid = {table.oid: table for table in tables}
    results = []
    for owned in sequences_of(connection, list(by_oid)):
        table = by_oid[owned.table]
        largest = run_sql(connection, f"SELECT max({quoted(owned.column)}) FROM {table.sql}").scalar_one()
        state = run_sql(
            connection,
            f"SELECT s.last_value, s.is_called, q.seqmax FROM {owned.sequence} s,"
            f" pg_catalog.pg_sequence q WHERE q.seqrelid = s.tableoid",
        ).one()
        last = state.last_value if state.is_called else 0
        wanted = max(largest or 0, given_out.get(table.name, 0), last)
        name = f"{table.name}.{owned.column}"
        if wanted > state.seqmax:
            reason = (
                f"it ends at {state.seqmax:,}, and {wanted:,} is taken: inserts without a value will fail"
            )
            results.append(ObjectResult("sequence", name, ObjectState.SKIPPED, reason, table.name))
            continue
        if wanted > 0:
            _set_value(connection, owned.sequence, wanted, is_called=True)
        results.append(ObjectResult("sequence", name, ObjectState.CREATED, "", table.name))
    return results


def _set_value(connection: Connection, sequence: str, value: int, *, is_called: bool) -> None:
    literal = sequence.replace("'", "''")
    run_sql(connection, f"SELECT pg_catalog.setval('{literal}', {value}, {str(is_called).lower()})")
