"""Rows that wait in one table of the server go over into another one, which stands: the statement, and what rests."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.errors import TargetPermissionError
from migration.model import ObjectResult, ObjectState
from migration.target.missing_rights import owner_rights, refuse_lacking
from migration.target.pg_catalog.application_table_facts import triggers_of
from migration.target.sql_statements import assigned_sql, quoted, run_sql
from migration.value_conversion.value_kinds import is_known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from migration.model import ColumnPlan, TablePlan
    from migration.target.pg_catalog.application_table_facts import ApplicationTable, ForeignKey, Trigger

_ENABLE: Final = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


@dataclass(frozen=True, slots=True)
class RowTransfer:
    """Rows on their way into one table.

    `origin` is the quoted table that they wait in, under the names of their columns in the target. `texts` are those
    that wait as texts, because only the server knows their types.
    """

    table: ApplicationTable
    origin: str
    columns: tuple[str, ...]
    texts: frozenset[str] = frozenset()
    computed: tuple[ColumnPlan, ...] = ()
    """Columns that wait to be compared with what the table computes."""

    @classmethod
    def of(cls, plan: TablePlan, table: ApplicationTable, origin: str) -> RowTransfer:
        """Return the transfer of a plan's rows."""
        stored = tuple(column.target_name for column in stored_columns(plan))
        computed = tuple(column for column in plan.copied_columns if column.computed_there)
        return cls(table, origin, stored, plan.texts_to_assign, computed)

    def value(self, name: str, alias: str = "") -> str:
        """Return a waiting column as SQL; one that waits as text is assigned."""
        written = f"{alias}.{quoted(name)}" if alias else quoted(name)
        if name in self.texts:
            return assigned_sql(written, self.type(name))
        return written if is_known(self.type(name)) else f"CAST({written} AS {self.type(name)})"

    def type(self, name: str) -> str:
        """Return the type of a column of the table, as PostgreSQL writes it."""
        return next(column.type for column in self.table.columns if column.name == name)

    @property
    def cast_columns(self) -> tuple[str, ...]:
        """The columns that are cast on arrival."""
        return tuple(name for name in self.columns if name in self.texts or not is_known(self.type(name)))

    def insert_sql(self, where_sql: str = "") -> str:
        """Return the INSERT that takes the waiting rows over."""
        names = ", ".join(quoted(name) for name in self.columns)
        always = any(c.is_always_identity and c.name in self.columns for c in self.table.columns)
        overriding = " OVERRIDING SYSTEM VALUE" if always else ""
        values = ", ".join(self.value(name) for name in self.columns)
        where = f" WHERE {where_sql}" if where_sql else ""
        return f"INSERT INTO {self.table.sql} ({names}){overriding} SELECT {values} FROM {self.origin}{where}"


def stored_columns(plan: TablePlan) -> tuple[ColumnPlan, ...]:
    """Return, of the columns that travel, those that the standing table does not compute itself."""
    return tuple(column for column in plan.copied_columns if not column.computed_there)


@contextmanager
def triggers_at_rest(
    connection: Connection,
    tables: Sequence[ApplicationTable],
    *,
    may_fire: bool = False,
    updates: bool = False,
) -> Iterator[list[ObjectResult]]:
    """Put the application's triggers and rules to rest; yields lines for the report. `updates`: rows are changed, too.

    Raises:
        TargetPermissionError: the role does not own a table with some, and they may not fire either.
    """
    found = triggers_of(connection, [table.oid for table in tables], updates=updates)
    if not may_fire:
        refuse_restless(connection, found)
    resting = [trigger for trigger in found if trigger.may_rest]
    for trigger in resting:
        _switch(connection, trigger, "DISABLE")
    yield [
        ObjectResult(
            trigger.kind,
            trigger.name,
            ObjectState.CHANGED,
            "rested while the rows went in, so that they arrive as they are",
            trigger.relation_name,
        )
        for trigger in resting
        if trigger.on_insert
    ]
    for trigger in resting:
        _switch(connection, trigger, _ENABLE[trigger.enabled])


def refuse_restless(connection: Connection, triggers: Sequence[Trigger]) -> None:
    """Raise a TargetPermissionError where the role may not put some of them to rest.

    Rows that arrive are no news to the application: its triggers would send mails, count and stamp them once more.
    """
    lacking = [
        right
        for trigger in triggers
        if not trigger.may_rest
        for right in owner_rights(
            connection, [trigger.relation], f"put the {trigger.kind} {trigger.name} to rest, which is on"
        )
    ]
    if lacking:
        try:
            refuse_lacking(connection, lacking)
        except TargetPermissionError as error:
            error.remedy += ". Or let them fire, as findings, with --fire-triggers"
            raise


def _switch(connection: Connection, trigger: Trigger, how: str) -> None:
    # ONLY: each partition has a trigger of its own, at rest or not, whatever that of its parent is.
    table = quoted(trigger.schema, trigger.relation_name)
    run_sql(connection, f"ALTER TABLE ONLY {table} {how} {trigger.kind.upper()} {quoted(trigger.name)}")


@contextmanager
def keys_put_off(
    connection: Connection, tables: Sequence[ApplicationTable], keys: Sequence[ForeignKey]
) -> Iterator[None]:
    """Check these keys at the end of the block only; those that are not deferrable become so for its time."""
    by_oid = {table.oid: table for table in tables}
    fixed = [key for key in keys if not key.deferrable]
    for key in fixed:
        _alter(
            connection,
            by_oid[key.child],
            f"ALTER CONSTRAINT {quoted(key.name)} DEFERRABLE INITIALLY DEFERRED",
        )
    for key in keys:
        name = quoted(by_oid[key.child].schema, key.name)
        run_sql(connection, f"SET CONSTRAINTS {name} DEFERRED")
    yield
    run_sql(connection, "SET CONSTRAINTS ALL IMMEDIATE")
    for key in fixed:
        _alter(connection, by_oid[key.child], f"ALTER CONSTRAINT {quoted(key.name)} NOT DEFERRABLE")


def _alter(connection: Connection, table: ApplicationTable, action: str) -> None:
    run_sql(connection, f"ALTER TABLE {table.sql} {action}")
