"""Insert the rows that a set of tables takes, and set aside those that their constraints refuse, one by one.

Parents go before children. Rows that a check or unique key will refuse, and rows whose parents are nowhere, are found
by one query for each; the others by halving, each try in a savepoint. What is refused leaves the table that it waited
in, so that this holds what has arrived.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from migration.target.application_tables.constraint_violation_queries import (
    NUMBER,
    ViolationQuery,
    invalid_values,
    orphan_violation_queries,
    violation_queries,
)
from migration.target.application_tables.row_refusal_errors import Refusal, at_fault, halve, refusal_of
from migration.target.application_tables.row_transfer import RowTransfer, keys_put_off
from migration.target.application_tables.table_load_order import parents_first
from migration.target.pg_catalog.application_table_facts import foreign_keys_to
from migration.target.sql_statements import run_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

_NUMBERS_AT_ONCE: Final = 10_000
Refused = dict[int, dict[int, Refusal]]
"""Oid of the table → number of the row in the table that it waited in → refusal."""


class _Again(Exception):  # noqa: N818 - not an error: the way out of a savepoint
    """What was inserted goes back: rows were refused to which others may refer that are in already."""

    def __init__(self, found: Refused) -> None:
        super().__init__(found)
        self.found = found


def number_rows(connection: Connection, arrivals: Sequence[RowTransfer]) -> None:
    """Number the waiting rows of each table from 1."""
    for arrival in arrivals:
        run_sql(connection, f"ALTER TABLE {arrival.origin} ADD {NUMBER} bigserial PRIMARY KEY")


def insert_fitting(
    connection: Connection,
    arrivals: Sequence[RowTransfer],
    aside: Mapping[int, str] = MappingProxyType({}),
    *,
    first_only: bool = False,
    alters_keys: bool = True,
) -> Refused:
    """Insert the waiting rows that the tables take; the others are refused.

    Args:
        connection: in a transaction that the caller commits; triggers rest already, if they are to.
        arrivals: the tables, whose waiting rows are numbered (`number_rows`).
        aside: oid of a table → quoted name of a new table for its refused rows; without an entry they are deleted.
        first_only: stop at the first row that is refused. Nothing is inserted then.
        alters_keys: put off keys that are not deferrable where tables refer to each other in a circle, which locks out
            readers for that time. Without it, rows that only fit together are refused.

    Returns:
        The refused rows. Those of tables where there are none have no entry.

    Raises:
        ConvoyError: something other than a row is wrong.
    """
    fitting = _Fitting(connection, arrivals, aside, first_only=first_only, alters_keys=alters_keys)
    fitting.run()
    return {oid: rows for oid, rows in fitting.refused.items() if rows}


class _Fitting:
    def __init__(
        self,
        connection: Connection,
        arrivals: Sequence[RowTransfer],
        aside: Mapping[int, str],
        *,
        first_only: bool,
        alters_keys: bool,
    ) -> None:
        self._connection = connection
        self._aside = aside
        self._first_only = first_only
        self._by_oid = {arrival.table.oid: arrival for arrival in arrivals}
        keys = foreign_keys_to(connection, list(self._by_oid))
        ordered, circular = parents_first([arrival.table for arrival in arrivals], keys)
        self._ordered = [self._by_oid[table.oid] for table in ordered]
        # Rows do not go in by one statement here, so a key of a table to itself cannot wait for its end.
        waiting = [
            key
            for key in keys
            if key.child in self._by_oid and (key.deferrable or key.child == key.parent or key in circular)
        ]
        self._put_off = [
            key
            for key in waiting
            if key.deferrable or (alters_keys and self._by_oid[key.child].table.may_alter)
        ]
        self._unordered = {key.name for key in waiting if key not in self._put_off}
        self._orphans = list(orphan_violation_queries(connection, self._by_oid))
        self._columns: dict[tuple[int, str, tuple[str, ...]], tuple[str, ...]] = {}
        self.refused: Refused = {arrival.table.oid: {} for arrival in arrivals}

    def run(self) -> None:
        for arrival in self._ordered:
            aside = self._aside.get(arrival.table.oid)
            if aside is not None:
                run_sql(self._connection, f"CREATE TABLE {aside} (LIKE {arrival.origin})")
            self._refuse_casts(arrival)
            for sieve in violation_queries(self._connection, arrival):
                if self._first_only and any(self.refused.values()):
                    return
                self._sieve(arrival, sieve)
        while True:
            self._refuse_orphans()
            if self._first_only and any(self.refused.values()):
                return
            try:
                with self._connection.begin_nested():
                    found = self._insert()
            except _Again as again:
                self._set_aside(again.found)
                continue
            self._set_aside(found)
            return

    def _insert(self) -> Refused:
        run_sql(self._connection, "SET CONSTRAINTS ALL IMMEDIATE")
        found: Refused = {}
        tables = [arrival.table for arrival in self._ordered]
        with keys_put_off(self._connection, tables, self._put_off):
            for arrival in self._ordered:
                refused = self._insert_into(arrival)
                if refused:
                    found[arrival.table.oid] = refused
                if refused and self._first_only:
                    break
            self._try_again(found)
            if found and (self._put_off or self._first_only):
                raise _Again(found)
        return found

    def _insert_into(self, arrival: RowTransfer) -> dict[int, Refusal]:
        spans = self._spans(arrival)
        return halve(spans, lambda *span: self._insert_span(arrival, *span), first_only=self._first_only)

    def _insert_span(self, arrival: RowTransfer, first: int, last: int) -> Refusal | None:
        return self._attempt(arrival, arrival.insert_sql(_between(first, last)))

    def _try_again(self, found: Refused) -> None:
        """Insert rows that waited for others which came later: keys in a circle that cannot be put off."""
        progress = not self._first_only
        while progress:
            progress = False
            for arrival in self._ordered:
                refused = found.get(arrival.table.oid, {})
                for number in [n for n, refusal in refused.items() if refusal.constraint in self._unordered]:
                    if self._insert_span(arrival, number, number) is None:
                        del refused[number]
                        progress = True
        for oid in [oid for oid, refused in found.items() if not refused]:
            del found[oid]

    def _refuse_casts(self, arrival: RowTransfer) -> None:
        """Refuse the rows with a value that cannot be cast: here it is known which column it is in."""
        for name in arrival.cast_columns:
            if self._first_only and any(self.refused.values()):
                return
            self._set_aside({arrival.table.oid: invalid_values(self._connection, arrival, name)})
            count = f"SELECT count({arrival.value(name)}) FROM {arrival.origin} WHERE "

            def attempt(first: int, last: int, count: str = count) -> Refusal | None:
                return self._attempt(arrival, count + _between(first, last))

            found = halve(self._spans(arrival), attempt, first_only=self._first_only)
            named = {number: replace(refusal, columns=(name,)) for number, refusal in found.items()}
            self._set_aside({arrival.table.oid: named})

    def _attempt(self, arrival: RowTransfer, statement: str) -> Refusal | None:
        try:
            with self._connection.begin_nested():
                run_sql(self._connection, statement)
        except DBAPIError as error:
            return refusal_of(error, table=arrival.table.name)
        return None

    def _spans(self, arrival: RowTransfer) -> list[tuple[int, int]]:
        ends = f"SELECT min({NUMBER}) AS first, max({NUMBER}) AS last FROM {arrival.origin}"
        row = run_sql(self._connection, ends).one()
        return [] if row.first is None else [(row.first, row.last)]

    def _set_aside(self, found: Refused) -> None:
        for arrival in self._ordered:
            rows = found.get(arrival.table.oid, {})
            numbers = sorted(rows)
            for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
                listed = ", ".join(map(str, numbers[start : start + _NUMBERS_AT_ONCE]))
                self._take_out(arrival, f"{NUMBER} IN ({listed})")
            self.refused[arrival.table.oid] |= {
                number: self._with_columns(arrival, refusal) for number, refusal in rows.items()
            }

    def _with_columns(self, arrival: RowTransfer, refusal: Refusal) -> Refusal:
        known = self._columns.get((arrival.table.oid, refusal.constraint, refusal.columns))
        if known is None:
            known = at_fault(self._connection, arrival.table.oid, refusal, arrival.columns)
            self._columns[arrival.table.oid, refusal.constraint, refusal.columns] = known
        return replace(refusal, columns=known)

    def _take_out(self, arrival: RowTransfer, condition: str) -> list[int]:
        """Remove waiting rows `c` for which a condition holds; return their numbers."""
        aside = self._aside.get(arrival.table.oid)
        kept = f", kept AS (INSERT INTO {aside} SELECT * FROM gone)" if aside else ""
        statement = (
            f"WITH gone AS (DELETE FROM {arrival.origin} c WHERE {condition} RETURNING c.*){kept}"
            f" SELECT {NUMBER} FROM gone"
        )
        return list(run_sql(self._connection, statement).scalars())

    def _refuse_orphans(self) -> None:
        """Refuse rows whose parents are nowhere, and then those whose parents these were."""
        found = True
        while found and not (self._first_only and any(self.refused.values())):
            found = False
            for child, sieve in self._orphans:
                found = self._sieve(child, sieve) or found

    def _sieve(self, arrival: RowTransfer, sieve: ViolationQuery) -> bool:
        """Refuse what a query finds; return whether it has found any."""
        try:
            with self._connection.begin_nested():
                numbers = self._take_out(arrival, sieve.condition)
        except DBAPIError:
            return False  # no right to look, or a value that cannot be compared: trying tells
        if numbers:
            refusal = self._with_columns(arrival, sieve.refusal)
            self.refused[arrival.table.oid] |= dict.fromkeys(numbers, refusal)
        return bool(numbers)


def _between(first: int, last: int) -> str:
    return f"{NUMBER} BETWEEN {first} AND {last}"
