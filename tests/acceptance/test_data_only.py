"""--data-only: rows go into tables that an application has made, with its types, keys, triggers and sequences."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.errors import TargetError
from migration.ledger.table_records import planned, read_tables
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.mapping_file_model import ColumnOverride, MappingFile, TableOverride
from migration.model import IfExists, Mode, ObjectState, Phase
from migration.report.mapping_file_draft import draft_mapping
from migration.report.report_builder import build_report
from migration.steps.run_rollback import roll_back_run
from tests.support.planning import without_reasons

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from tests.support.pipeline import Pipeline

SOURCE = """
CREATE TABLE sale (
    id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), paid BOOLEAN, at INTEGER, price REAL,
    best_of INTEGER REFERENCES sale (id)
);
CREATE TABLE customer (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, uid CHAR(32), favourite INTEGER REFERENCES sale (id)
);
CREATE TABLE alembic_version (version_num VARCHAR(32));
CREATE TRIGGER t AFTER INSERT ON sale BEGIN SELECT 1; END;
INSERT INTO alembic_version VALUES ('8f2a');
INSERT INTO customer VALUES (1, 'Ann', '0123456789abcdef0123456789abcdef', 11), (5, 'Bob', NULL, NULL),
    (9, 'Eve', NULL, 10);
DELETE FROM customer WHERE id = 9;
INSERT INTO sale VALUES (10, 1, 1, 1700000000, 9.99, 11), (11, 5, 0, 1700000001, 1, NULL);
"""

# What an ORM makes: other types, other order, other columns, keys in a circle, triggers that change rows.
TARGET = """
CREATE SCHEMA {s};
SET search_path = {s};
CREATE TABLE customer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, created timestamptz NOT NULL DEFAULT now(),
    name varchar(20) NOT NULL, uid uuid, favourite integer, shout text GENERATED ALWAYS AS (upper(name)) STORED
);
CREATE TABLE sale (
    id serial PRIMARY KEY, price numeric(8, 2), customer_id bigint NOT NULL REFERENCES customer, paid boolean,
    at timestamptz, best_of integer REFERENCES sale
);
ALTER TABLE customer ADD FOREIGN KEY (favourite) REFERENCES sale;
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
INSERT INTO alembic_version VALUES ('8f2a');
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.name := 'meddled'; RETURN NEW; END$$;
CREATE TRIGGER meddle BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION meddle();
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SOURCE)
    return path


def make_target(pipeline: Pipeline, schema: str, more: str = "") -> None:
    with psycopg.connect(pipeline.url) as connection:
        connection.execute((TARGET.replace("{s}", schema) + more).encode())


def load(pipeline: Pipeline, source: Path, schema: str, **options: Any) -> RunRecord:
    return pipeline.migrate(source, target_schema=schema, data_only=True, **options)


def sales(pipeline: Pipeline, schema: str) -> list[tuple[Any, ...]]:
    return pipeline.query(
        f"SELECT id, price::text, customer_id, paid, extract(epoch FROM at)::int, best_of"
        f" FROM {schema}.sale ORDER BY id"
    )


def test_rows_go_into_the_applications_tables_and_its_sequences_go_on(
    pipeline: Pipeline, source: Path
) -> None:
    make_target(pipeline, "orm")
    run = load(pipeline, source, "orm")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert sales(pipeline, "orm") == [
        (10, "9.99", 1, True, 1_700_000_000, 11),
        (11, "1.00", 5, False, 1_700_000_001, None),
    ]
    assert pipeline.query("SELECT id, name, uid::text, favourite, shout FROM orm.customer ORDER BY id") == [
        (1, "Ann", "01234567-89ab-cdef-0123-456789abcdef", 11, "ANN"),
        (5, "Bob", None, None, "BOB"),
    ]
    assert pipeline.query("SELECT count(created) FROM orm.customer") == [(2,)]
    assert pipeline.query("SELECT version_num FROM orm.alembic_version") == [("8f2a",)]
    assert pipeline.query("SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'meddle'") == [("O",)]
    assert (
        pipeline.query(
            "SELECT condeferrable FROM pg_constraint WHERE contype = 'f' AND connamespace = 'orm'::regnamespace"
        )
        == [(False,)] * 3
    )
    inserted = pipeline.query(
        "WITH c AS (INSERT INTO orm.customer (name) VALUES ('new') RETURNING id, name),"
        " s AS (INSERT INTO orm.sale (customer_id) VALUES (1) RETURNING id)"
        " SELECT c.id, c.name, s.id FROM c, s"
    )
    assert inserted == [(10, "meddled", 12)]  # 9 was given out and deleted in SQLite
    report = build_report(pipeline.ledger, run.id)
    assert all(table.equal for table in report.tables)
    lines = {(item.kind, item.name): item for item in report.objects}
    assert "Alembic keeps book" in lines["table", "alembic_version"].reason
    assert lines["trigger", "meddle"].state is ObjectState.CHANGED
    assert lines["sequence", "customer.id"].state is ObjectState.CREATED


def test_column_that_a_trigger_may_have_to_fill_is_named_as_empty(pipeline: Pipeline, source: Path) -> None:
    make_target(pipeline, "words", "ALTER TABLE customer ADD words tsvector, ADD note text DEFAULT '';")
    run = load(pipeline, source, "words")
    (line,) = [item for item in build_report(pipeline.ledger, run.id).objects if item.name == "meddle"]
    assert line.reason.endswith("; empty since then, should it be what fills them: words")


def test_rollback_removes_the_rows_and_keeps_the_tables(pipeline: Pipeline, source: Path) -> None:
    make_target(pipeline, "backed")
    run = load(pipeline, source, "backed")
    roll_back_run(pipeline.ledger, run.id)
    assert sales(pipeline, "backed") == []
    assert pipeline.query("SELECT last_value, is_called FROM backed.sale_id_seq") == [(1, False)]
    assert load(pipeline, source, "backed").phase is Phase.COMPLETED


def test_rows_that_stand_there_are_refused_or_kept_for_rollback(pipeline: Pipeline, source: Path) -> None:
    make_target(
        pipeline,
        "filled",
        "INSERT INTO customer (name) VALUES ('old'); INSERT INTO sale (customer_id, best_of) VALUES (1, 1);",
    )
    refused = load(pipeline, source, "filled")
    assert refused.phase is Phase.FAILED
    assert "hold rows already: customer, sale" in (refused.error or "")
    run = load(pipeline, source, "filled", if_exists=IfExists.REPLACE)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert len(sales(pipeline, "filled")) == 2
    roll_back_run(pipeline.ledger, run.id)
    assert pipeline.query("SELECT id, name FROM filled.customer") == [(1, "meddled")]
    assert sales(pipeline, "filled") == [(1, None, 1, None, None, 1)]


def test_rollback_does_not_lose_what_the_application_wrote_since(pipeline: Pipeline, source: Path) -> None:
    make_target(pipeline, "written_since")
    run = load(pipeline, source, "written_since")
    pipeline.query("UPDATE written_since.sale SET price = 5 WHERE id = 10 RETURNING 1")
    with pytest.raises(TargetError, match=r"written to or changed since the cutover.*sale"):
        roll_back_run(pipeline.ledger, run.id)
    assert len(sales(pipeline, "written_since")) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE customer DROP COLUMN uid", "customer.uid is not there"),
        ("DROP TABLE sale CASCADE", "no tables for sale"),
        ("ALTER TABLE customer ADD COLUMN needed int NOT NULL", "needed is NOT NULL, has no default"),
    ],
    ids=["no column", "no table", "column without values"],
)
def test_what_does_not_fit_is_wrong_usage_before_anything_is_copied(
    pipeline: Pipeline, source: Path, change: str, said: str
) -> None:
    schema = f"misfit_{len(said)}"
    make_target(pipeline, schema, change)
    run = load(pipeline, source, schema)
    assert run.phase is Phase.FAILED
    assert said in (run.error or "")
    assert build_report(pipeline.ledger, run.id).exit_status == 2


def test_null_that_the_target_does_not_take_goes_to_the_quarantine(pipeline: Pipeline, source: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("INSERT INTO sale (id, customer_id, price) VALUES (12, 5, NULL)")
        connection.commit()
    make_target(pipeline, "with_nulls", "ALTER TABLE sale ALTER COLUMN price SET NOT NULL")
    run = load(pipeline, source, "with_nulls")
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    assert [row[0] for row in sales(pipeline, "with_nulls")] == [10, 11]
    (sample,) = build_report(pipeline.ledger, run.id).quarantine.sample
    assert (sample.table, sample.key, sample.column) == ("sale", "12", "price")


def test_columns_of_the_source_can_be_left_out(pipeline: Pipeline, source: Path) -> None:
    make_target(pipeline, "fewer", "ALTER TABLE customer DROP COLUMN uid")
    run = load(pipeline, source, "fewer", exclude=("customer.uid",))
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    line = next(o for o in build_report(pipeline.ledger, run.id).objects if o.name == "customer.uid")
    assert (line.state, line.reason) == (ObjectState.SKIPPED, "left out on request")


def test_mapping_file_says_what_the_application_calls_it(pipeline: Pipeline, source: Path) -> None:
    make_target(
        pipeline,
        "called",
        "ALTER TABLE sale RENAME TO purchase; ALTER TABLE purchase RENAME COLUMN at TO bought",
    )
    column = ColumnOverride("at", rename="bought")
    mapping = MappingFile("names.toml", (TableOverride("sale", rename="purchase", columns=(column,)),))
    run = load(pipeline, source, "called", mapping=mapping)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert pipeline.query("SELECT extract(epoch FROM bought)::int FROM called.purchase WHERE id = 10") == [
        (1_700_000_000,)
    ]


def test_dry_run_says_what_would_happen(pipeline: Pipeline, source: Path) -> None:
    make_target(pipeline, "tried")
    run = load(pipeline, source, "tried", mode=Mode.DRY_RUN)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert sales(pipeline, "tried") == []


def test_bookkeeping_table_is_loaded_when_it_is_asked_for(pipeline: Pipeline, source: Path) -> None:
    make_target(pipeline, "asked", "TRUNCATE alembic_version")
    run = load(pipeline, source, "asked", tables=("alembic_version",))
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert pipeline.query("SELECT version_num FROM asked.alembic_version") == [("8f2a",)]


def test_draft_of_a_mapping_names_the_types_that_stand_there(pipeline: Pipeline, source: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript('ALTER TABLE customer ADD "" TEXT; ALTER TABLE customer ADD seen TIMESTAMP;')
    make_target(
        pipeline,
        "drafted",
        "ALTER TABLE customer ADD column_5 text, ADD seen timestamp(3);"
        "ALTER TABLE sale RENAME customer_id TO buyer",
    )
    renamed = parse_mapping("tables.sale.columns.customer_id.rename = 'buyer'", "first.toml")
    options: dict[str, Any] = {"mode": Mode.DRY_RUN}
    first = load(pipeline, source, "drafted", mapping=renamed, **options)
    assert (first.phase, first.error) == (Phase.COMPLETED, None)
    draft = draft_mapping(pipeline.ledger, first.id)
    assert 'type = "character varying(20)"' in draft
    assert "# its type is uuid, to which the server casts texts" in draft
    assert "# its type is timestamp(3) without time zone" in draft
    assert 'rename = "column_5"' in draft
    second = load(pipeline, source, "drafted", mapping=parse_mapping(draft, "draft.toml"), **options)
    assert (second.phase, second.error) == (Phase.COMPLETED, None)
    with pipeline.ledger.connect() as connection:
        plans = [
            without_reasons(tuple(planned(table) for table in read_tables(connection, run.id)))
            for run in (first, second)
        ]
    assert plans[0] == plans[1]
    loaded = load(pipeline, source, "drafted", mapping=parse_mapping(draft, "draft.toml"))
    assert (loaded.phase, loaded.error) == (Phase.COMPLETED, None)


def test_columns_and_tables_without_a_name_find_what_a_run_calls_them(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "nameless.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            'CREATE TABLE "" (a INTEGER PRIMARY KEY, "" TEXT); INSERT INTO "" VALUES (1, \'x\');'
        )
    assert pipeline.migrate(path, target_schema="nameless").phase is Phase.COMPLETED
    pipeline.query("DELETE FROM nameless.table_1 RETURNING 1")
    run = load(pipeline, path, "nameless")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert pipeline.query("SELECT a, column_2 FROM nameless.table_1") == [(1, "x")]
