from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine

from migration.errors import PermanentError, TargetError, TargetOccupiedError
from migration.model import IfExists, TablePlan
from migration.target.cutover.schema_cutover import cut_over
from migration.target.cutover.schema_rollback import roll_back
from migration.target.loading.index_and_constraint_creation import build_object
from migration.target.loading.staging_schema import create_staging
from migration.target.pg_catalog.schema_relations import schema_exists
from migration.target.sql_statements import run_sql
from tests.integration.target.plans import school

CATALOG = """
SELECT n.nspname, n.nspowner::regrole::text, n.nspacl::text, c.relname, c.relkind::text, c.relowner::regrole::text,
    c.relacl::text, c.reloptions::text, c.oid,
    (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        a.attacl, pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attnum) FROM pg_attribute a
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0),
    (SELECT string_agg(concat_ws(' ', k.conname, k.convalidated, pg_get_constraintdef(k.oid)), ', ' ORDER BY k.conname)
        FROM pg_constraint k WHERE k.conrelid = c.oid),
    CASE WHEN c.relkind = 'i' THEN pg_get_indexdef(c.oid) END,
    CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END,
    (SELECT string_agg(pg_get_triggerdef(t.oid), ', ' ORDER BY t.tgname) FROM pg_trigger t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1, 4, 5
"""
EARLIER = (
    "CREATE TABLE class (id serial PRIMARY KEY, up int REFERENCES class, note text DEFAULT 'x' CHECK (note <> ''))",
    "CREATE INDEX pupil_name ON class (note)",
    "INSERT INTO class (note) VALUES ('before'), ('earlier')",
    "CREATE VIEW class_names AS SELECT note AS name FROM class",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER t BEFORE INSERT ON class FOR EACH ROW EXECUTE FUNCTION f()",
    "GRANT SELECT ON class TO PUBLIC",
    "CREATE TABLE untouched (a int PRIMARY KEY)",
)

LEFT_BEHIND = ("column", "check", "foreign_key", "index")


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            run_sql(connection, statement)


def snapshot(engine: Engine) -> list[tuple[Any, ...]]:
    """Everything about users' schemas that a user could see, and the rows of all tables."""
    with engine.begin() as connection:
        found = [tuple(row) for row in run_sql(connection, CATALOG)]
        tables = [row for row in found if row[4] in ("r", "S")]
        rows = [
            (
                row[3],
                run_sql(connection, f'SELECT row(t.*)::text FROM "{row[0]}"."{row[3]}" t ORDER BY 1')
                .scalars()
                .all(),
            )
            for row in tables
        ]
    return [*found, *rows]


def stage(connection: Connection, plans: Sequence[TablePlan], schema: str = "stage") -> None:
    create_staging(connection, plans, schema)
    run_sql(connection, f"INSERT INTO {schema}.class VALUES (1, 'new')")
    run_sql(connection, f"INSERT INTO {schema}.pupil VALUES (1, 1, 'a')")
    for item in sorted((item for plan in plans for item in plan.objects), key=lambda item: item.stage):
        _, findings = build_object(connection, item, schema)
        assert not findings


def cut(
    engine: Engine,
    schema: str = "public",
    if_exists: IfExists = IfExists.REFUSE,
    previous: str = "kept",
    signed: tuple[str, ...] = LEFT_BEHIND,
) -> dict[str, Any]:
    plans = school(schema)
    with engine.begin() as connection:
        stage(connection, plans)
    with engine.begin() as connection:
        record = cut_over(
            connection,
            staging_schema="stage",
            previous_schema=previous,
            plans=plans,
            if_exists=if_exists,
            signed=signed,
        ).record
    return dict(json.loads(json.dumps(record)))


def undo(engine: Engine, record: dict[str, Any], previous: str = "kept") -> list[str]:
    with engine.begin() as connection:
        return [f"{r.kind} {r.name}: {r.reason}" for r in roll_back(connection, record, previous)]


def test_tables_come_into_a_new_schema_and_go(engine: Engine) -> None:
    before = snapshot(engine)
    record = cut(engine, "school")
    assert record["created_schema"]
    with engine.begin() as connection:
        assert run_sql(connection, "SELECT name FROM school.class_names").scalars().all() == ["new"]
        run_sql(connection, "INSERT INTO school.class (name) VALUES ('more')")
        assert run_sql(connection, "SELECT max(id) FROM school.class").scalar_one() == 2
        assert not schema_exists(connection, "stage")
        assert not schema_exists(connection, "kept")
        options = "SELECT reloptions FROM pg_class WHERE oid = 'school.class'::regclass"
        assert run_sql(connection, options).scalar_one() is None
    lines = undo(engine, record)
    assert "table class: rolled back: removed" in lines
    assert snapshot(engine) == before


def test_replaced_tables_come_back_as_they_were(engine: Engine) -> None:
    run(engine, *EARLIER)
    before = snapshot(engine)
    record = cut(engine, if_exists=IfExists.REPLACE)
    with engine.begin() as connection:
        assert run_sql(connection, "SELECT name FROM class").scalars().all() == ["new"]
        assert run_sql(connection, "SELECT name FROM class_names").scalars().all() == ["new"]
        assert run_sql(connection, "SELECT name FROM kept.class_names").scalars().all() == [
            "before",
            "earlier",
        ]
    assert snapshot(engine) != before
    lines = undo(engine, record)
    assert "table class: rolled back: the one that stood here before the run is back" in lines
    assert "table pupil: rolled back: removed" in lines
    assert snapshot(engine) == before


def test_second_run_replaces_the_first_and_both_roll_back(engine: Engine) -> None:
    states = [snapshot(engine)]
    first = cut(engine, previous="kept1")
    states.append(snapshot(engine))
    second = cut(engine, if_exists=IfExists.REPLACE, previous="kept2")
    undo(engine, second, "kept2")
    assert snapshot(engine) == states[1]
    undo(engine, first, "kept1")
    assert snapshot(engine) == states[0]


def test_taken_names_of_indexes_and_sequences_get_a_number(engine: Engine) -> None:
    run(engine, "CREATE TABLE other (a int)", "CREATE INDEX pupil_name ON other (a)",
        "CREATE INDEX pupil_name_1 ON other (a)", "CREATE SEQUENCE class_id_seq")  # fmt: skip
    before = snapshot(engine)
    record = cut(engine)
    assert record["renamed"] == {"pupil_name": "pupil_name_2", "class_id_seq": "class_id_seq_1"}
    run(engine, "INSERT INTO class (name) VALUES ('more')")
    undo(engine, record)
    assert snapshot(engine) == before


def test_name_taken_since_the_run_began_is_refused_and_nothing_changes(engine: Engine) -> None:
    with engine.begin() as connection:
        stage(connection, school())
    run(engine, "CREATE TABLE pupil ()")
    before = snapshot(engine)
    with pytest.raises(TargetOccupiedError, match="table pupil"), engine.begin() as connection:
        cut_over(
            connection,
            staging_schema="stage",
            previous_schema="kept",
            plans=school(),
            if_exists=IfExists.REFUSE,
        )
    assert snapshot(engine) == before


def test_missing_staged_table_stops_the_cutover(engine: Engine) -> None:
    with engine.begin() as connection:
        stage(connection, school())
        run_sql(connection, "DROP TABLE stage.pupil")
    with pytest.raises(PermanentError, match="pupil"), engine.begin() as connection:
        cut_over(
            connection,
            staging_schema="stage",
            previous_schema="kept",
            plans=school(),
            if_exists=IfExists.REFUSE,
        )


def test_no_tables_is_nothing_to_do(engine: Engine) -> None:
    with engine.begin() as connection:
        record = cut_over(
            connection, staging_schema="stage", previous_schema="kept", plans=(), if_exists=IfExists.REFUSE
        ).record
        assert roll_back(connection, record, "kept") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE pupil", "pupil"),
        ("ALTER TABLE pupil RENAME TO scholar", "pupil"),
        ("DROP TABLE pupil; CREATE TABLE pupil ()", "pupil"),
        ("CREATE SCHEMA other; ALTER TABLE pupil SET SCHEMA other", "pupil"),
        ("DROP TABLE kept.class CASCADE", "replaced"),
        ("CREATE VIEW mine AS SELECT * FROM class", "view mine"),
        ("CREATE TABLE mine (c int REFERENCES class)", "table mine"),
    ],
)
def test_rollback_refuses_to_destroy(engine: Engine, change: str, words: str) -> None:
    run(engine, *EARLIER)
    record = cut(engine, if_exists=IfExists.REPLACE)
    run(engine, change)
    before = snapshot(engine)
    with pytest.raises(TargetError, match=words):
        undo(engine, record)
    assert snapshot(engine) == before


def test_created_schema_stays_where_others_use_it(engine: Engine) -> None:
    record = cut(engine, "school")
    run(engine, "CREATE FUNCTION school.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    lines = undo(engine, record)
    assert any(line.startswith("schema school") and "stays" in line for line in lines)


def test_others_see_all_or_nothing(engine: Engine, target_url: str) -> None:
    plans = school()
    with engine.begin() as connection:
        stage(connection, plans)
    with psycopg.connect(target_url, autocommit=True) as other, engine.begin() as connection:
        cut_over(
            connection, staging_schema="stage", previous_schema="kept", plans=plans, if_exists=IfExists.REFUSE
        )
        assert other.execute("SELECT to_regclass('public.class')").fetchone() == (None,)


def test_replacing_table_keeps_owner_and_grants(engine: Engine) -> None:
    run(engine, "DROP ROLE IF EXISTS teacher", "CREATE ROLE teacher", "DROP ROLE IF EXISTS app", "CREATE ROLE app",
        "GRANT CREATE ON SCHEMA public TO app",
        "CREATE TABLE class (id int)", "GRANT SELECT ON class TO teacher WITH GRANT OPTION",
        "GRANT INSERT ON class TO PUBLIC", "ALTER TABLE class OWNER TO app",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON TABLES TO teacher")  # fmt: skip
    before = snapshot(engine)
    record = cut(engine, if_exists=IfExists.REPLACE)
    assert record["rights_lost"] == []
    with engine.begin() as connection:
        rights = "SELECT relowner::regrole::text, relacl::text FROM pg_class WHERE oid = '{}'::regclass"
        assert run_sql(connection, rights.format("class")).one()[0] == "app"
        assert (
            run_sql(connection, rights.format("class")).one()
            == run_sql(connection, rights.format("kept.class")).one()
        )
        assert "teacher=w" in run_sql(connection, rights.format("pupil")).one()[1]
    undo(engine, record)
    assert snapshot(engine) == before
    run(engine, "DROP OWNED BY app, teacher", "DROP ROLE app, teacher")
