"""Finds the rows to which a foreign key finds no parent, among the values that PostgreSQL is going to compare.

The columns of keys are put into a DuckDB database on disk, one table for each table of the source, and joined there:
memory is bounded, and a parent without an index costs no more than one with. Rows that leave may be the parents of
others, so it goes on, from the rows that were found last, until no more are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import pyarrow as pa

from migration.mapping_file_model import OnOrphan
from migration.model import ColumnPlan
from migration.schema_translation.foreign_keys import Reference
from migration.validation.foreign_key_values import as_text, compared, sql_type
from migration.validation.orphan_row_cascade import OrphanRowCascade
from migration.value_conversion.row_key import Key

_MEMORY: Final = "256MB"
_ROUNDS: Final = 20
"""Joins before the rest is followed row by row (`orphan_row_cascade`)."""
_ASKED_AT_ONCE: Final = 10_000
_ROWS_OF_A_TABLE: Final = 1 << 48


@dataclass(frozen=True, slots=True)
class Found:
    """The orphan rows of one reference: how many, and a few of them with their keys."""

    rows: int
    sample: tuple[tuple[tuple[str, ...], Key], ...]
    """(values of the referencing columns, key of the row)."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the search: its columns hold what its references compare (c…) and what others refer to (p…)."""

    sql: str
    key_parts: int
    ours: tuple[tuple[int, Reference], ...]
    theirs: tuple[tuple[int, Reference], ...]


class OrphanSearch:
    """One search over the tables of a source. A context manager; the folder must be empty, and stays the caller's.

    Args:
        references: the foreign keys to look at.
        plans: the columns of each table by source name, by the table's.
        key_parts: of each table, how many columns the key of a row has; True beside it where it is the rowid.
        folder: where the database may grow.
    """

    def __init__(
        self,
        references: Sequence[Reference],
        plans: Mapping[str, Mapping[str, ColumnPlan]],
        key_parts: Mapping[str, tuple[int, bool]],
        folder: Path,
    ) -> None:
        self._references = tuple(references)
        self._plans = plans
        self._folder = folder
        self._connection = duckdb.connect(
            str(folder / "orphans.duckdb"),
            config={
                "threads": "1",
                "memory_limit": _MEMORY,
                "temp_directory": str(folder),
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        names = dict.fromkeys(name for r in self._references for name in (r.child, r.parent))
        numbered = tuple(enumerate(self._references))
        self._tables = {
            name: _Table(
                f"t{number}",
                key_parts[name][0],
                tuple((n, r) for n, r in numbered if r.child == name),
                tuple((n, r) for n, r in numbered if r.parent == name),
            )
            for number, name in enumerate(names)
        }
        self._connection.execute("BEGIN")
        for name, table in self._tables.items():
            self._create(name, table, "BIGINT" if key_parts[name][1] else "VARCHAR")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that have to be read."""
        return tuple(self._tables)

    def columns_of(self, name: str) -> frozenset[str]:
        """Return the columns of a table that are compared."""
        table = self._tables[name]
        return frozenset(
            [c for _, r in table.ours for c in r.columns]
            + [c for _, r in table.theirs for c in r.parent_columns]
        )

    def add(self, name: str, chunk: int, keys: Sequence[pa.Array], rows: pa.RecordBatch) -> None:
        """Add rows of a table that will be loaded; `rows` are logical values, by source name."""
        if not rows.num_rows:
            return
        table = self._tables[name]
        arrays: dict[str, pa.Array] = {"chunk": pa.repeat(pa.scalar(chunk, pa.int64()), rows.num_rows)}
        arrays |= {f"k{part}": key for part, key in enumerate(keys)}
        for number, reference in table.ours:
            for part, (ours, theirs) in enumerate(
                zip(reference.columns, reference.parent_columns, strict=True)
            ):
                plan, other = self._plans[name][ours], self._plans[reference.parent][theirs]
                arrays[f"c{number}_{part}"] = compared(rows.column(ours), plan, other)
        for number, reference in table.theirs:
            for part, theirs in enumerate(reference.parent_columns):
                plan = self._plans[name][theirs]
                arrays[f"p{number}_{part}"] = compared(rows.column(theirs), plan, plan)
        self._connection.register("added", pa.table(arrays))
        self._connection.execute(f"INSERT INTO {table.sql} BY NAME SELECT * FROM added")
        self._connection.unregister("added")

    def add_standing(
        self, reference: Reference, stands: Callable[[Sequence[tuple[str, ...]]], Sequence[int]]
    ) -> None:
        """Add what a reference's parent holds in the target beside the rows that will be loaded.

        Args:
            reference: one of those that were given.
            stands: returns the places of those keys, as texts, that a row of the target has.
        """
        number = self._references.index(reference)
        parent = self._tables[reference.parent].sql
        parts = range(len(reference.columns))
        child = self._tables[reference.child].sql
        wanted = f"SELECT DISTINCT {', '.join(f'c{number}_{part}' for part in parts)} FROM {child} AS c"
        self._connection.execute(
            f"CREATE TEMP TABLE wanted AS SELECT row_number() OVER () AS n, * FROM ({wanted}"
            f" WHERE {self._without_parent(number)})"
        )
        kinds = [self._plans[reference.parent][name].kind for name in reference.parent_columns]
        spelled = [as_text(f"c{number}_{part}", kind) for part, kind in zip(parts, kinds, strict=True)]
        first = 0
        while found := self._connection.execute(
            f"SELECT n, {', '.join(spelled)} FROM wanted WHERE n > {first} ORDER BY n LIMIT {_ASKED_AT_ONCE}"
        ).fetchall():
            there = [found[place][0] for place in stands([row[1:] for row in found])]
            if there:
                self._connection.execute(
                    f"INSERT INTO {parent} ({', '.join(f'p{number}_{part}' for part in parts)})"
                    f" SELECT {', '.join(f'c{number}_{part}' for part in parts)} FROM wanted"
                    f" WHERE n IN ({', '.join(map(str, there))})"
                )
            first = found[-1][0]
        self._connection.execute("DROP TABLE wanted")

    def solve(self) -> None:
        """Find all orphan rows, once every table is in."""
        acting = [n for n, r in enumerate(self._references) if r.action is not OnOrphan.NOT_VALID]
        last = 1
        found = sum(self._mark(number, last, self._without_parent(number)) for number in acting)
        while found:
            last += 1
            if last == _ROUNDS:
                self._descend(last - 1)
            found = sum(
                self._mark(number, last, self._with_lost_parent(number, last - 1)) for number in acting
            )
        for number, reference in enumerate(self._references):
            if reference.action is OnOrphan.NOT_VALID:
                self._mark(number, last, self._without_parent(number))

    def found(self, reference: Reference, samples: int) -> Found:
        """Return how many rows a reference leaves without a parent, and the first of them."""
        number = self._references.index(reference)
        table = self._tables[reference.child]
        (rows,) = self._one(f"SELECT count(*) FROM {table.sql} WHERE {self._counts(number)}")
        values = [f"c{number}_{part}::VARCHAR" for part in range(len(reference.columns))]
        keys = [f"k{part}" for part in range(table.key_parts)]
        order = ", ".join(["chunk", *keys])
        sample = self._connection.execute(
            f"SELECT {', '.join([*values, *keys])} FROM {table.sql} WHERE {self._counts(number)}"
            f" ORDER BY {order} LIMIT {samples}"
        ).fetchall()
        parts = len(values)
        return Found(int(rows), tuple((tuple(map(str, row[:parts])), tuple(row[parts:])) for row in sample))

    def marked(self, name: str) -> Iterator[tuple[int, Reference, list[Key]]]:
        """Yield (chunk, reference, keys of the rows) of a table, chunk by chunk."""
        table = self._tables[name]
        acting = [(n, r) for n, r in table.ours if r.action is not OnOrphan.NOT_VALID]
        if not acting:
            return
        chunks = self._connection.execute(
            f"SELECT DISTINCT chunk FROM {table.sql} WHERE {' OR '.join(f'x{n} > 0' for n, _ in acting)}"
            " ORDER BY chunk"
        ).fetchall()
        keys = ", ".join(f"k{part}" for part in range(table.key_parts))
        for (chunk,) in chunks:
            for number, reference in acting:
                rows = self._connection.execute(
                    f"SELECT {keys} FROM {table.sql} WHERE chunk = {chunk} AND x{number} > 0 ORDER BY {keys}"
                ).fetchall()
                if rows:
                    yield int(chunk), reference, rows

    def _create(self, name: str, table: _Table, key_type: str) -> None:
        columns = ["chunk BIGINT"] + [f"k{part} {key_type}" for part in range(table.key_parts)]
        for number, reference in table.ours:
            for part, theirs in enumerate(reference.parent_columns):
                columns.append(f"c{number}_{part} {sql_type(self._plans[reference.parent][theirs].kind)}")
            columns.append(f"x{number} INTEGER DEFAULT 0")  # the round in which the row was found
        for number, reference in table.theirs:
            for part, theirs in enumerate(reference.parent_columns):
                columns.append(f"p{number}_{part} {sql_type(self._plans[name][theirs].kind)}")
        self._connection.execute(f"CREATE TABLE {table.sql} ({', '.join(columns)})")

    def _mark(self, number: int, round_: int, condition: str) -> int:
        child = self._tables[self._references[number].child].sql
        (marked,) = self._one(
            f"UPDATE {child} AS c SET x{number} = {round_} WHERE c.x{number} = 0 AND {condition}"
        )
        return int(marked)

    def _descend(self, round_: int) -> None:
        """Mark, as of a round, all rows that hang on rows which have left or leave in it, whatever lies between."""
        leaving = [
            (n, r)
            for n, r in enumerate(self._references)
            if r.action is OnOrphan.QUARANTINE and self._losing(n)
        ]
        numbers = {name: position * _ROWS_OF_A_TABLE for position, name in enumerate(self._tables)}
        with OrphanRowCascade(self._folder / "descent.db") as descent:
            for name, table in self._tables.items():
                own = [n for n, r in table.ours if r.action is OnOrphan.QUARANTINE]
                if own:
                    gone = " OR ".join(f"x{n} = {round_}" for n in own)
                    starts = f"SELECT rowid + {numbers[name]} FROM {table.sql} WHERE {gone}"
                    descent.add_starts(self._connection.execute(starts))
            for number, reference in leaving:
                child, parent = self._tables[reference.child].sql, self._tables[reference.parent].sql
                edges = (
                    f"SELECT p.rowid + {numbers[reference.parent]} AS parent, c.rowid + {numbers[reference.child]}"
                    f" FROM {parent} AS p JOIN {child} AS c ON {self._joined(number)} WHERE c.x{number} = 0"
                )
                descent.add_edges(self._connection.execute(f"{edges} ORDER BY ALL"))
            self._connection.execute("CREATE TEMP TABLE lost (node BIGINT)")
            for nodes in descent.reached():
                self._connection.register("added", pa.table({"node": pa.array(nodes, pa.int64())}))
                self._connection.execute("INSERT INTO lost SELECT node FROM added")
                self._connection.unregister("added")
        for number, reference in leaving:
            parent = self._tables[reference.parent].sql
            self._mark(
                number,
                round_,
                f"EXISTS (SELECT 1 FROM {parent} AS p JOIN lost ON lost.node = p.rowid + {numbers[reference.parent]}"
                f" WHERE {self._joined(number)})",
            )

    def _without_parent(self, number: int) -> str:
        """Return the condition of rows `c` that have no parent now. A NULL in any column needs none (MATCH SIMPLE)."""
        reference = self._references[number]
        losing = self._losing(number)
        still = "".join(f" AND p.{x} = 0" for x in losing)
        filled = " AND ".join(f"c.c{number}_{part} IS NOT NULL" for part in range(len(reference.columns)))
        parent = self._tables[reference.parent].sql
        return f"{filled} AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {self._joined(number)}{still})"

    def _with_lost_parent(self, number: int, round_: int) -> str:
        """Return the condition of rows `c` whose parent was lost in a round."""
        losing = self._losing(number)
        if not losing:
            return "false"
        now = " OR ".join(f"p.{x} = {round_}" for x in losing)
        before = "".join(f" AND p.{x} NOT BETWEEN 1 AND {round_ - 1}" for x in losing)
        parent = self._tables[self._references[number].parent].sql
        return f"EXISTS (SELECT 1 FROM {parent} AS p WHERE {self._joined(number)} AND ({now}){before})"

    def _joined(self, number: int) -> str:
        parts = range(len(self._references[number].columns))
        return " AND ".join(f"p.p{number}_{part} = c.c{number}_{part}" for part in parts)

    def _losing(self, number: int) -> list[str]:
        """Return the marks of a parent row with which it no longer answers to a reference."""
        reference = self._references[number]
        return [
            f"x{n}"
            for n, own in self._tables[reference.parent].ours
            if own.action is OnOrphan.QUARANTINE
            or (own.action is OnOrphan.SET_NULL and set(own.columns) & set(reference.parent_columns))
        ]

    def _counts(self, number: int) -> str:
        """Return the condition of rows that a reference is to be told of."""
        reference = self._references[number]
        conditions = [f"x{number} > 0"]
        if (
            reference.action is OnOrphan.NOT_VALID
        ):  # these have left, or lost the reference, for another key's sake
            conditions += [
                f"x{n} = 0"
                for n, other in self._tables[reference.child].ours
                if other.action is OnOrphan.QUARANTINE
                or (other.action is OnOrphan.SET_NULL and set(other.columns) & set(reference.columns))
            ]
        return " AND ".join(conditions)

    def _one(self, statement: str) -> tuple[int, ...]:
        row = self._connection.execute(statement).fetchone()
        return (0,) if row is None else row
