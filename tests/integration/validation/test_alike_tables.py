"""Tables that differ in nothing but names are made once, and each is compared as if it had been made by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
from sqlalchemy import event

from migration.ledger.table_records import planned, read_tables
from migration.model import FindingKind, Phase, TablePlan
from migration.run_options import RunOptions
from migration.validation.database_comparison import validate_database
from migration.validation.schema.alike_tables import find_alike
from migration.validation.schema.wanted_shapes import wanted_shape, wanted_shapes
from tests.support.direct import Direct

# What a name could be taken for, in a table of each kind twice or more.
TABLES = [
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b REAL DEFAULT 1.5, CHECK (length(a) < 9))",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY AUTOINCREMENT, {t} TEXT)",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, a TEXT DEFAULT '{t}')",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, a TEXT DEFAULT '\"{t}\"')",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, a TEXT DEFAULT '{{schema}}.\"{t}\"')",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, a TEXT CHECK (a <> '\"{t}_a\"'))",
    "CREATE TABLE {t} (a TEXT, b TEXT, PRIMARY KEY (b, a), UNIQUE (a)) WITHOUT ROWID",
    "CREATE TABLE {t} (a TEXT, b TEXT, PRIMARY KEY (a, b), UNIQUE (a)) WITHOUT ROWID",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a + 1) STORED)",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, up INTEGER REFERENCES {t})",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, up INTEGER REFERENCES k0_n0)",
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, z TEXT, y TEXT)",
]
INDEXES = [
    'CREATE INDEX "{t}_b" ON {t} (a DESC, b)',
    'CREATE INDEX "{t}" ON {t} ({t})',
    "CREATE INDEX {t}_a ON {t} (a) WHERE a > '{t}'",
    "CREATE UNIQUE INDEX {t}_low ON {t} (lower(a))",
]


def planned_tables(direct: Direct, tmp_path: Path, statements: list[str]) -> tuple[str, list[TablePlan]]:
    path = tmp_path / "alike.db"
    with closing(sqlite3.connect(path)) as source:
        for statement in statements:
            source.execute(statement)
        source.commit()
    run = direct.start(path, until=Phase.COPYING)
    with direct.ledger.connect() as connection:
        plans = [planned(table) for table in read_tables(connection, run.id)]
    return str(run.staging_schema), plans


def test_each_alike_table_is_wanted_as_if_it_were_made_by_itself(direct: Direct, tmp_path: Path) -> None:
    names = [(number, f"k{number}_n{copy}") for number in range(len(TABLES)) for copy in range(3)]
    made = [TABLES[number].format(t=name) for number, name in names]
    made += [INDEXES[n].format(t=name) for n, name in names if n < len(INDEXES) and (n != 1)]
    _, plans = planned_tables(direct, tmp_path, made)

    def shaped(plan: TablePlan) -> list[object]:
        return [item for item in plan.objects if item.kind != "sequence" and item.sql]

    told = [one.plan.name for one in find_alike([(plan, shaped(plan)) for plan in plans]) if one]  # type: ignore[arg-type]
    with direct.ledger.connect() as connection:
        together = wanted_shapes(connection, "alike", plans, plans, "UTC")
        alone = [wanted_shape(connection, "alike", plan, plans, "UTC") for plan in plans]
        connection.rollback()

    # These of each kind but the first are told by it; those whose names mean more than the table are not.
    assert {name.split("_")[0] for name in told} == {"k0", "k6", "k7", "k8", "k11"}
    assert len(told) == 10
    for plan, ours, theirs in zip(plans, together, alone, strict=True):
        assert not isinstance(ours, str), ours
        assert not isinstance(theirs, str), theirs
        assert replace(ours.shape, oid=0) == replace(theirs.shape, oid=0), plan.name
        assert ours.refused == theirs.refused


def test_one_table_is_made_for_a_hundred_that_are_alike(direct: Direct, tmp_path: Path) -> None:
    _, plans = planned_tables(direct, tmp_path, [TABLES[0].format(t=f"t{n}") for n in range(100)])
    said: list[str] = []
    with direct.ledger.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
        found = wanted_shapes(connection, "alike", plans, plans, "UTC")
        connection.rollback()
    assert sum(statement.count("CREATE TABLE") for statement in said) == 1
    assert [shape if isinstance(shape, str) else shape.shape.name for shape in found] == [
        f"t{n}" for n in range(100)
    ]


def test_what_differs_in_some_of_many_alike_tables_is_found_there(
    direct: Direct, tmp_path: Path, target: psycopg.Connection
) -> None:
    changes = {
        ("t0", FindingKind.INDEX): "DROP INDEX t0_b",  # the first of its kind
        ("t3", FindingKind.NOT_NULL): "ALTER TABLE t3 ALTER a DROP NOT NULL",
        ("t7", FindingKind.DEFAULT): "ALTER TABLE t7 ALTER b SET DEFAULT 2.5",
        ("t8", FindingKind.IDENTITY): "ALTER TABLE t8 ALTER id DROP IDENTITY",
    }
    path = tmp_path / "alike.db"
    with closing(sqlite3.connect(path)) as source:
        for statement in (TABLES[0], INDEXES[0]):
            for number in range(9):
                source.execute(statement.format(t=f"t{number}"))
        source.commit()
    assert direct.migrate(path).phase is Phase.COMPLETED
    target.execute("SET search_path = alike")
    for change in changes.values():
        target.execute(change.encode())

    result = validate_database(path, "alike", direct.url, RunOptions(target_schema="alike"))

    kinds = {kind for _, kind in changes}
    found = {(finding.table, finding.kind) for finding in result.findings if finding.kind in kinds}
    assert found == changes.keys()
