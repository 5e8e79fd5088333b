"""What the application's first writes into each table meet: tried in the cutover's transaction, and taken back.

An application that lived on SQLite leaves much to its database: numbers of rows, defaults. The server is asked whether
it takes such a row. No trigger of users fires and no number of a sequence is used up: neither would be taken back
everywhere. What a table needs and the database does not give is copied from a row that is there; a key that comes out
of that twice says nothing, nor do checks and foreign keys: only what is due to the schema alone is a finding. An UPDATE
and a DELETE are only planned, which is where the server refuses them for want of a replica identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.model import Finding, FindingKind
from migration.target.pg_catalog.application_table_facts import sequences_of, triggers_of
from migration.target.pg_catalog.replica_identity import identity_statement, read_unidentified
from migration.target.sql_statements import quoted, run_all, run_sql

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

# A default may call functions of users, which may do anything: such a column is given a value.
_COLUMNS: Final = text(
    """
    SELECT c.oid::bigint AS table, n.nspname AS schema, c.relname AS name, a.attname AS column,
           a.attnotnull OR t.typnotnull AS not_null, a.attgenerated <> '' AS is_generated,
           a.atthasdef OR a.attidentity <> '' AS fills_itself, a.attidentity = 'a' AS is_always,
           EXISTS (SELECT FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d
                     ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
                    AND d.refclassid = 'pg_catalog.pg_proc'::regclass
                   WHERE f.adrelid = c.oid AND f.adnum = a.attnum) AS calls_functions,
           EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                   AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum) AS is_unique
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) AS wanted (schema, name)
      ON wanted.schema = n.nspname AND wanted.name = c.relname
    WHERE c.relkind IN ('r', 'p') ORDER BY n.nspname, c.relname, a.attnum
    """
)
_NEXT: Final = (
    "SELECT CASE WHEN s.is_called THEN s.last_value::numeric + q.seqincrement ELSE s.last_value END AS next,"
    " q.seqincrement AS step, q.seqmin, q.seqmax, q.seqcycle"
    " FROM {sequence} s, pg_catalog.pg_sequence q WHERE q.seqrelid = s.tableoid"
)
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_NOT_NULL: Final = "23502"
_NO_RIGHT: Final = "42501"
# No replica identity, or one that a list of columns or a filter of a publication does not go with.
_NO_IDENTITY: Final = frozenset({"55000", "42P10"})
_TABLES_AT_ONCE: Final = 20
"""So many are tried together; where one of them is refused, each is tried again by itself."""
_OF_DEFAULTS: Final = ("22", "42")


@dataclass(frozen=True, slots=True)
class FirstWrite:
    """A table, and what its application leaves to the database.

    `source_name` is the table's name in the source. `numbered` are columns to which SQLite gives numbers (rowid
    aliases), `defaulted` those that have a default in the source; both by their names in PostgreSQL.
    """

    source_name: str
    schema: str
    name: str
    numbered: frozenset[str]
    defaulted: frozenset[str]
    source_label: str = ""


def try_first_writes(connection: Connection, writes: Sequence[FirstWrite]) -> list[Finding]:
    """Try an INSERT into each table, and undo it; return what would keep the application from writing.

    Args:
        connection: in a transaction that holds the locks of the tables; nothing stays of what is tried.
        writes: tables that stand.

    Raises:
        DBAPIError: the connection broke.
    """
    values = {"schemas": [write.schema for write in writes], "names": [write.name for write in writes]}
    columns: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in connection.execute(_COLUMNS, values):
        columns.setdefault((row.schema, row.name), []).append(row)
    oids = [rows[0].table for rows in columns.values()]
    sequences = {(s.table, s.column): s.sequence for s in sequences_of(connection, oids)}
    triggered = {trigger.table for trigger in triggers_of(connection, oids)}
    trials = [
        _Trial(connection, write, rows, sequences, has_triggers=rows[0].table in triggered)
        for write in writes
        if (rows := columns.get((write.schema, write.name), []))
    ]
    findings: list[Finding] = []
    for first in range(0, len(trials), _TABLES_AT_ONCE):
        part = trials[first : first + _TABLES_AT_ONCE]
        if not _all_go_through(connection, part):
            findings += [finding for trial in part for finding in trial.run()]
    return findings


def _all_go_through(connection: Connection, trials: Sequence[_Trial]) -> bool:
    """Try the first writes into some tables at once, and undo them; False where one is refused, or may be."""
    if not all(trial.is_plain for trial in trials):
        return False
    attempt = connection.begin_nested()
    try:
        numbers = _next_numbers(connection, [name for trial in trials for name in trial.sequences.values()])
        taken = [one for trial in trials for one in trial.taken_sql(numbers)]
        if taken and run_sql(connection, f"SELECT {' OR '.join(taken)}").scalar_one():
            return False
        run_all(connection, [one for trial in trials for one in trial.writes(numbers)])
    except (DBAPIError, KeyError):  # no number that a sequence could give
        if connection.invalidated:
            raise
        return False
    finally:
        if not connection.invalidated:
            attempt.rollback()
    return True


def _next_numbers(connection: Connection, sequences: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return what sequences give next, without taking it, and their step; those at their end are left out."""
    if not sequences:
        return {}
    states = " UNION ALL ".join(
        f"SELECT {number} AS number, state.* FROM ({_NEXT.format(sequence=sequence)}) state"
        for number, sequence in enumerate(sequences)
    )
    return {
        sequences[state.number]: (int(state.next), state.step)
        for state in run_sql(connection, states)
        if state.seqmin <= state.next <= state.seqmax
    }


class _Trial:
    """The first write into one table."""

    def __init__(
        self,
        connection: Connection,
        write: FirstWrite,
        columns: Sequence[Row[Any]],
        sequences: dict[tuple[int, str], str],
        *,
        has_triggers: bool,
    ) -> None:
        self._connection = connection
        self._write = write
        self._columns = columns
        self.sequences = {
            column.column: sequences[column.table, column.column]
            for column in columns
            if (column.table, column.column) in sequences
        }
        self._has_triggers = has_triggers
        self._table = quoted(write.schema, write.name)

    @property
    def is_plain(self) -> bool:
        """Whether its writes can be tried beside those of other tables."""
        return not self._has_triggers and not self._unfilled()

    def taken_sql(self, numbers: Mapping[str, tuple[int, int]]) -> list[str]:
        """Return conditions, of which none holds where the sequences have not met a number that is taken.

        Raises:
            KeyError: a sequence has no number to give.
        """
        conditions = []
        for column in self._columns:
            sequence = self.sequences.get(column.column)
            if sequence is not None and column.is_unique:
                following, step = numbers[sequence]
                name = quoted(column.column)
                sign = ">=" if step > 0 else "<="
                conditions.append(f"EXISTS (SELECT FROM ONLY {self._table} WHERE {name} {sign} {following})")
        return conditions

    def writes(self, numbers: Mapping[str, tuple[int, int]]) -> list[str]:
        """Return an INSERT, and what is only planned: an UPDATE and a DELETE.

        Raises:
            KeyError: a sequence has no number to give.
        """
        given = {column: str(numbers[sequence][0]) for column, sequence in self.sequences.items()}
        return [self._insert_sql(given), *(f"EXPLAIN {statement}" for statement in self._changes())]

    def run(self) -> list[Finding]:
        """Return what would keep the application from writing into the table."""
        # A trigger may fill what no default does: then nobody knows without firing it.
        findings = [] if self._has_triggers else self._unfilled()
        attempt = self._connection.begin_nested()
        try:
            if self._has_triggers:
                run_sql(self._connection, f"ALTER TABLE {self._table} DISABLE TRIGGER USER")
            values, behind = self._from_sequences()
            findings += behind
            if not findings:
                run_sql(self._connection, self._insert_sql(values))
        except DBAPIError as error:
            if self._connection.invalidated:
                raise
            findings += self._judged(error)
        finally:
            if not self._connection.invalidated:
                attempt.rollback()
        return findings + self._unchangeable()

    def _unchangeable(self) -> list[Finding]:
        """Return whether the server refuses every UPDATE or DELETE, as it does for want of a replica identity.

        EXPLAIN makes ready for all partitions and runs nothing: no trigger fires, no row is read.
        """
        refused: dict[str, str] = {}
        for statement in self._changes():
            attempt = self._connection.begin_nested()
            try:
                run_sql(self._connection, f"EXPLAIN {statement}")
            except DBAPIError as error:
                if self._connection.invalidated:
                    raise
                if getattr(error.orig, "sqlstate", None) in _NO_IDENTITY:
                    refused[statement.split()[0]] = _reason(error)
            finally:
                if not self._connection.invalidated:
                    attempt.rollback()
        if not refused:
            return []
        reason = next(iter(refused.values()))
        unidentified = read_unidentified(self._connection, [self._columns[0].table])
        remedies = [one.remedy for one in unidentified] or [identity_statement(self._table)]
        message = f"{' and '.join(refused)} of any row will be refused: {reason}. {'; '.join(remedies)}"
        return [self._finding(message, None)]

    def _changes(self) -> list[str]:
        free = [column.column for column in self._columns if not (column.is_generated or column.is_always)]
        changes = [f"UPDATE {self._table} SET {quoted(free[0])} = {quoted(free[0])}"] if free else []
        return [*changes, f"DELETE FROM {self._table}"]

    def _unfilled(self) -> list[Finding]:
        """Return columns that SQLite fills by itself, and this table does not and needs."""
        found = []
        for column in self._columns:
            if not column.not_null or column.fills_itself or column.is_generated:
                continue
            if column.column in self._write.numbered:
                why = "SQLite numbers its rows by itself; here it is NOT NULL, without a default or identity"
            elif column.column in self._write.defaulted:
                why = "it has a default in the source; here it is NOT NULL and has none"
            else:
                continue
            found.append(self._finding(f"An INSERT that leaves it out will be refused: {why}", column.column))
        return found

    def _from_sequences(self) -> tuple[dict[str, str], list[Finding]]:
        """Return what sequences give next, as SQL, without taking it; and which of them cannot go on."""
        values: dict[str, str] = {}
        findings = []
        for column in self._columns:
            sequence = self.sequences.get(column.column)
            if sequence is None:
                continue
            state = run_sql(self._connection, _NEXT.format(sequence=sequence)).one()
            following = int(state.next)
            if not state.seqmin <= following <= state.seqmax:
                if not state.seqcycle:
                    findings.append(
                        self._finding(
                            f"An INSERT that leaves it out will be refused: sequence {sequence} is at its end,"
                            f" {state.seqmax:,}",
                            column.column,
                        )
                    )
                following = state.seqmin if state.step > 0 else state.seqmax
            values[column.column] = str(following)
            if column.is_unique and (taken := self._taken(column.column, following, state.step)) is not None:
                findings.append(
                    self._finding(
                        f"An INSERT that leaves it out will be refused: sequence {sequence} gives {following:,}"
                        f" next, and {taken:,} is taken already",
                        column.column,
                    )
                )
        return values, findings

    def _taken(self, column: str, following: int, step: int) -> int | None:
        """Return the number nearest to the end that is taken where the sequence has yet to come by."""
        best, sign = ("max", ">=") if step > 0 else ("min", "<=")
        name = quoted(column)
        taken = run_sql(
            self._connection,
            f"SELECT {best}({name}) FROM ONLY {self._table} WHERE {name} {sign} {following}",
        ).scalar()
        return None if taken is None else int(taken)

    def _insert_sql(self, numbers: dict[str, str]) -> str:
        given: dict[str, str] = dict(numbers)
        copied = [
            column.column
            for column in self._columns
            if column.column not in given
            and not column.is_generated
            and (column.calls_functions or (column.not_null and not column.fills_itself))
        ]
        given |= {name: quoted(name) for name in copied}
        if not given:
            return f"INSERT INTO {self._table} DEFAULT VALUES"
        names = ", ".join(map(quoted, given))
        row = f"SELECT {', '.join(given.values())}"
        origin = f" FROM {self._table} LIMIT 1" if copied else ""
        return f"INSERT INTO {self._table} ({names}) OVERRIDING SYSTEM VALUE {row}{origin}"

    def _judged(self, error: DBAPIError) -> list[Finding]:
        """Return what a refusal says of the schema; nothing where the row that was tried may be to blame."""
        state = getattr(error.orig, "sqlstate", None) or ""
        diagnostics = getattr(error.orig, "diag", None)
        reason = _reason(error)
        column = getattr(diagnostics, "column_name", None)
        if state == _NOT_NULL:
            # Of others, an application may always give a value: of domains of domains, say.
            is_ours = any(c.column == column and c.fills_itself for c in self._columns)
        else:
            is_ours = state[:2] in _OF_DEFAULTS and state != _NO_RIGHT
        if not is_ours:
            return []
        return [self._finding(f"An INSERT that leaves all to the database is refused: {reason}", column)]

    def _finding(self, message: str, column: str | None) -> Finding:
        found = Finding(
            FindingKind.FIRST_WRITE_FAILS, self._write.source_name, message, column, is_error=False
        )
        return found.of(self._write.source_label)


def _reason(error: DBAPIError) -> str:
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "message_primary", None) or "the server gives no reason"
