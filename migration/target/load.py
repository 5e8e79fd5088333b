"""The cutover of a data-only run and its reverse: proved rows go from the staging schema into standing tables."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError

from migration.errors import PermanentError, TargetError
from migration.mapping.kinds import is_known
from migration.model import IfExists, ObjectResult, ObjectState
from migration.target.connect import translate
from migration.target.data_only import check_tables
from migration.target.relations import relations_with
from migration.target.replace import listed
from migration.target.standing import (
    StandingTable,
    foreign_keys_to,
    holds_rows,
    parents_first,
    read_standing,
    sequences_of,
    triggers_of,
)
from migration.target.statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan

_LOCK_TIMEOUT: Final = "10s"
_ENABLE: Final = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


@dataclass(frozen=True, slots=True)
class _Load:
    """Rows on their way into one table: where they are, and its columns."""

    table: StandingTable
    origin: str
    columns: tuple[str, ...]


def load_rows(
    connection: Connection,
    *,
    staging_schema: str,
    previous_schema: str,
    plans: Sequence[TablePlan],
    if_exists: IfExists,
    given_out: Mapping[str, int],
) -> tuple[dict[str, Any], list[ObjectResult]]:
    """Insert the staged rows of one target schema into the tables that stand there, in the caller's transaction.

    The application's own triggers rest meanwhile where the role owns the table, so that rows arrive as they are;
    then the rows are counted and summed on both sides by the server, and sequences go on after the largest number.

    Args:
        connection: in a transaction that the caller commits; nothing is seen by others before.
        staging_schema: where the rows are; it is dropped.
        previous_schema: where the rows go that stood there before; created when there are any.
        plans: the tables, all of the same `target_schema`.
        if_exists: whether rows that stand there may be replaced.
        given_out: target table → the largest number that AUTOINCREMENT has ever given out.

    Returns:
        A record for `take_back`, of JSON types, and lines for the report.

    Raises:
        TargetOccupiedError: rows have come in since the run began.
        PermanentError: a table or the rows changed on their way; a constraint of the application refused them.
    """
    if not plans:
        return {}, []
    schema = plans[0].target_schema
    with _translated(f"loading into schema {schema}"):
        run_sql(connection, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        tables = read_standing(connection, schema, [plan.target_name for plan in plans])
        gone = [plan.target_name for plan in plans if plan.target_name not in tables]
        if gone:
            raise PermanentError(f"Tables are gone since the run began: {listed(gone)}", f"schema {schema}")
        standing = list(tables.values())
        # Readers of rows that are to be replaced wait; readers of empty tables need not.
        mode = "ACCESS EXCLUSIVE" if if_exists is IfExists.REPLACE else "SHARE ROW EXCLUSIVE"
        run_sql(connection, f"LOCK TABLE {', '.join(table.sql for table in standing)} IN {mode} MODE")
        check_tables(connection, standing, if_exists)
        before = _sequence_states(connection, standing)
        kept = _set_aside(connection, standing, previous_schema)
        loads = [
            _Load(
                tables[plan.target_name],
                quoted(staging_schema, plan.target_name),
                tuple(column.target_name for column in plan.copied_columns),
            )
            for plan in plans
        ]
        results = _insert_all(connection, loads)
        for load in loads:
            _prove(connection, load)
        results += _set_sequences(connection, standing, given_out)
        record = {
            "data_only": True,
            "target_schema": schema,
            "tables": [
                {"name": t.name, "oid": t.oid, "rows": rows, "checksum": checksum, "kept": t.name in kept}
                for t in standing
                for rows, checksum in [_fingerprint(connection, t.sql, "t::text")]
            ],
            "sequences": before,
        }
        run_sql(connection, f"DROP SCHEMA {quoted(staging_schema)} CASCADE")
    return record, results


def take_back(connection: Connection, record: dict[str, Any], previous_schema: str) -> list[ObjectResult]:
    """Reverse `load_rows` in the caller's transaction: remove the run's rows, put back those that stood there.

    Raises:
        TargetError: tables are gone, or their rows have been changed since; nothing was changed.
    """
    schema = str(record["target_schema"])
    where = f"schema {schema}"
    with _translated(f"rollback in schema {schema}"):
        run_sql(connection, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        entries = {entry["oid"]: entry for entry in record["tables"]}
        found = relations_with(connection, list(entries))
        gone = [entry["name"] for oid, entry in entries.items() if oid not in found]
        if gone:
            raise TargetError(f"Tables of the run have been dropped since: {listed(gone)}", where)
        tables = list(read_standing(connection, schema, [r.name for r in found.values()]).values())
        run_sql(connection, f"LOCK TABLE {', '.join(table.sql for table in tables)} IN ACCESS EXCLUSIVE MODE")
        changed = [
            table.name
            for table in tables
            if _fingerprint(connection, table.sql, "t::text")
            != (entries[table.oid]["rows"], entries[table.oid]["checksum"])
        ]
        if changed:
            raise TargetError(
                f"Rows have been changed since the run: {listed(changed)}",
                where,
                "A rollback would lose these changes; empty the tables by hand if they may go",
            )
        run_sql(connection, f"TRUNCATE {', '.join(table.sql for table in tables)}")
        back = [
            _Load(
                table,
                quoted(previous_schema, table.name),
                tuple(column.name for column in table.columns if not column.is_generated),
            )
            for table in tables
            if entries[table.oid]["kept"]
        ]
        _insert_all(connection, back)
        if back:
            run_sql(connection, f"DROP SCHEMA {quoted(previous_schema)} CASCADE")
        for state in record["sequences"]:
            _set_value(connection, state["sequence"], state["last_value"], is_called=state["is_called"])
    kept = {load.table.name for load in back}
    return [
        ObjectResult(
            "table",
            table.name,
            ObjectState.CHANGED,
            "rolled back: the rows that stood here before are back"
            if table.name in kept
            else "rolled back: the run's rows are removed",
        )
        for table in tables
    ]


def _set_aside(connection: Connection, tables: Sequence[StandingTable], previous: str) -> set[str]:
    """Copy what rows there are to the previous schema and empty the tables; return the names of those."""
    full = [table for table in tables if holds_rows(connection, table)]
    if not full:
        return set()
    run_sql(connection, f"CREATE SCHEMA {quoted(previous)}")
    for table in full:
        run_sql(connection, f"CREATE TABLE {quoted(previous, table.name)} AS TABLE {table.sql}")
    # All at once: tables that refer to each other can only be emptied together.
    run_sql(connection, f"TRUNCATE {', '.join(table.sql for table in tables)}")
    return {table.name for table in full}


def _insert_all(connection: Connection, loads: Sequence[_Load]) -> list[ObjectResult]:
    """Insert everything, parents first, with the application's triggers at rest and circular keys put off."""
    tables = {load.table.oid: load.table for load in loads}
    by_oid = {load.table.oid: load for load in loads}
    keys = foreign_keys_to(connection, list(tables))
    ordered, circular = parents_first(list(tables.values()), keys)
    resting = [t for t in triggers_of(connection, list(tables)) if tables[t.table].may_alter]
    for trigger in resting:
        _alter(connection, tables[trigger.table], f"DISABLE TRIGGER {quoted(trigger.name)}")
    for key in circular:
        _alter(
            connection,
            tables[key.child],
            f"ALTER CONSTRAINT {quoted(key.name)} DEFERRABLE INITIALLY DEFERRED",
        )
    run_sql(connection, "SET CONSTRAINTS ALL DEFERRED")
    for table in ordered:
        _insert(connection, by_oid[table.oid])
    run_sql(connection, "SET CONSTRAINTS ALL IMMEDIATE")
    for key in circular:
        _alter(connection, tables[key.child], f"ALTER CONSTRAINT {quoted(key.name)} NOT DEFERRABLE")
    for trigger in resting:
        _alter(
            connection, tables[trigger.table], f"{_ENABLE[trigger.enabled]} TRIGGER {quoted(trigger.name)}"
        )
    return [
        ObjectResult(
            "trigger",
            trigger.name,
            ObjectState.CHANGED,
            "rested while the rows went in, so that they arrive as they are",
            tables[trigger.table].name,
        )
        for trigger in resting
    ]


def _alter(connection: Connection, table: StandingTable, action: str) -> None:
    run_sql(connection, f"ALTER TABLE {table.sql} {action}")


def _insert(connection: Connection, load: _Load) -> None:
    names = ", ".join(quoted(name) for name in load.columns)
    always = any(c.is_always_identity and c.name in load.columns for c in load.table.columns)
    overriding = " OVERRIDING SYSTEM VALUE" if always else ""
    values = ", ".join(_value(load, name) for name in load.columns)
    run_sql(
        connection,
        f"INSERT INTO {load.table.sql} ({names}){overriding} SELECT {values} FROM {load.origin}",
    )


def _value(load: _Load, name: str) -> str:
    """Return a staged column as SQL; one of a type that Convoy does not know travels as text and is cast here."""
    column = next(column for column in load.table.columns if column.name == name)
    return quoted(name) if is_known(column.type) else f"CAST({quoted(name)} AS {column.type})"


def _prove(connection: Connection, load: _Load) -> None:
    """Compare rows and checksum of what was staged with what stands in the table now, on the server.

    Raises:
        PermanentError: they differ: a rule, a policy or somebody else's trigger has changed rows.
    """
    staged = f"ROW({', '.join(_value(load, name) for name in load.columns)})::text"
    stands = f"ROW({', '.join(quoted(name) for name in load.columns)})::text"
    if _fingerprint(connection, load.origin, staged) != _fingerprint(connection, load.table.sql, stands):
        raise PermanentError(
            "The rows in the table are not those that were put into it; a trigger, rule or policy changed them",
            f"table {load.table.name}",
            "Connect as the table's owner, whose right it is to put its triggers to rest",
        )


def _fingerprint(connection: Connection, table: str, row: str) -> tuple[int, str]:
    """Return rows and an order-independent checksum of a table; `row` is the SQL of a row `t` as text."""
    statement = (
        f"SELECT count(*) AS rows, coalesce(sum(hashtextextended({row}, 0)::numeric), 0)::text AS checksum"
        f" FROM {table} t"
    )
    found = run_sql(connection, statement).one()
    return int(found.rows), str(found.checksum)


def _sequence_states(connection: Connection, tables: Sequence[StandingTable]) -> list[dict[str, Any]]:
    states = []
    for name in dict.fromkeys(s.sequence for s in sequences_of(connection, [t.oid for t in tables])):
        row = run_sql(connection, f"SELECT last_value, is_called FROM {name}").one()
        states.append({"sequence": name, "last_value": row.last_value, "is_called": row.is_called})
    return states


def _set_sequences(
    connection: Connection, tables: Sequence[StandingTable], given_out: Mapping[str, int]
) -> list[ObjectResult]:
    """Let every sequence go on after the largest number of its columns; it never goes back."""
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


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise translate(error, where) from error
