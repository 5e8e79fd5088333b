from __future__ import annotations

import dataclasses
import threading

import psycopg
import pytest
from sqlalchemy import Engine, text

from migration.errors import (
    PermanentError,
    TargetError,
    TargetOccupiedError,
    TargetPermissionError,
    TargetUnreachableError,
    UsageError,
)
from migration.model import FindingKind, IfExists, ObjectState
from migration.run_options import RunOptions
from migration.target.loading.index_and_constraint_creation import build_object
from migration.target.loading.staging_schema import create_staging
from migration.target.pg_catalog.schema_relations import schema_exists
from migration.target.schema_removal import remove_own_schema
from migration.target.sql_statements import run_sql
from migration.target.target_check import check_target, try_ddl
from migration.target.target_connection import connect, make_engine
from tests.integration.target.plans import column, item, school, table

REPLACE = RunOptions(if_exists=IfExists.REPLACE)


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            run_sql(connection, statement)


def check(engine: Engine, options: RunOptions | None = None, schema: str = "public") -> None:
    with engine.begin() as connection:
        check_target(connection, school(schema), options or RunOptions())


def test_empty_database_is_fine(engine: Engine) -> None:
    check(engine)
    check(engine, schema="does not exist yet")


def test_standing_tables_are_named_and_refused(engine: Engine) -> None:
    run(engine, "CREATE TABLE class ()", "CREATE TABLE other ()")
    with pytest.raises(TargetOccupiedError, match="table class") as caught:
        check(engine)
    assert "--if-exists replace" in caught.value.remedy
    assert "other" not in str(caught.value)
    check(engine, REPLACE)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE VIEW class AS SELECT 1 AS a", "view class"),
        ("CREATE SEQUENCE class", "sequence class"),
        ("CREATE TYPE class AS ENUM ('a')", "types"),
        ("CREATE MATERIALIZED VIEW class AS SELECT 1 AS a", "materialized view class"),
        (
            "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE class PARTITION OF p DEFAULT",
            "partition class",
        ),
    ],
)
def test_what_cannot_be_replaced_is_named(engine: Engine, statement: str, words: str) -> None:
    run(engine, statement)
    with pytest.raises(TargetOccupiedError, match=words):
        check(engine, REPLACE)


def test_tables_with_their_own_parts_can_be_replaced(engine: Engine) -> None:
    run(
        engine,
        "CREATE TABLE class (id serial PRIMARY KEY, up int REFERENCES class, CHECK (id > 0))",
        "CREATE INDEX i ON class (up)",
        "CREATE VIEW class_names AS SELECT id FROM class",
        "CREATE TABLE pupil (c int REFERENCES class)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER t BEFORE INSERT ON class FOR EACH ROW EXECUTE FUNCTION f()",
    )
    check(engine, REPLACE)


@pytest.fixture
def poor_url(engine: Engine, target_url: str) -> str:
    with engine.begin() as connection:
        run_sql(connection, "DROP ROLE IF EXISTS poor")
        run_sql(connection, "CREATE ROLE poor LOGIN PASSWORD 'secret'")
    return f"{target_url}&user=poor&password=secret"  # the later word wins


def test_rights_that_lack_are_named(engine: Engine, poor_url: str) -> None:
    poor = make_engine(poor_url, "test")
    try:
        with pytest.raises(TargetPermissionError, match="may not create schemas") as caught:
            check(poor)
        assert "GRANT CREATE ON DATABASE" in caught.value.remedy
        (step,) = caught.value.next_steps
        assert step.command == f'GRANT CREATE ON DATABASE {engine_database(engine)} TO "poor"'
        run(engine, step.command)
        run(engine, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        with pytest.raises(TargetPermissionError, match="schema public") as caught:
            check(poor)
        (step,) = caught.value.next_steps
        assert step.command == 'GRANT CREATE, USAGE ON SCHEMA "public" TO "poor"'
        run(engine, step.command, "CREATE TABLE class ()")
        with pytest.raises(TargetPermissionError, match="another role: class"):
            check(poor, REPLACE)
    finally:
        poor.dispose()
        run(engine, "DROP OWNED BY poor", "DROP ROLE poor")


def engine_database(engine: Engine) -> str:
    with engine.connect() as connection:
        return f'"{connection.execute(text("SELECT current_database()")).scalar_one()}"'


def test_schemas_that_are_not_for_tables(engine: Engine) -> None:
    for schema in ("convoy", "pg_catalog", "information_schema"):
        with pytest.raises(UsageError, match="not for users"):
            check(engine, schema=schema)


def test_database_in_another_encoding_is_refused(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        opened = make_engine(postgres_url.replace("/postgres?", "/latin?", 1), "test")
        try:
            with pytest.raises(TargetError, match="LATIN1"):
                check(opened)
        finally:
            opened.dispose()
            admin.execute("DROP DATABASE latin WITH (FORCE)")


def test_staging_is_created_again_from_nothing(engine: Engine) -> None:
    for _ in range(2):
        with engine.begin() as connection:
            create_staging(connection, school(), "stage")
            assert run_sql(connection, "SELECT count(*) FROM stage.pupil").scalar_one() == 0
            run_sql(connection, "INSERT INTO stage.class (name) VALUES ('a')")
    with engine.begin() as connection:
        remove_own_schema(connection, "stage", None, then="go on")
        remove_own_schema(connection, "stage", None, then="go on")
        assert not schema_exists(connection, "stage")


def test_refused_table_is_named(engine: Engine) -> None:
    bad = dataclasses.replace(school()[0], create_sql="CREATE TABLE {schema}.class (a nonsense)")
    with engine.connect() as connection, pytest.raises(PermanentError, match="table class"):
        create_staging(connection, [bad], "stage")


def test_trying_the_ddl_leaves_nothing(engine: Engine) -> None:
    bad = dataclasses.replace(
        school()[0], name="bad", target_name="bad", create_sql="CREATE TABLE {schema}.bad (a nonsense)"
    )
    broken = item("index", "broken", "pupil", 'CREATE INDEX ON {schema}.pupil ("%s :nothing")')
    pupil = dataclasses.replace(school()[1], objects=(*school()[1].objects, broken))
    with engine.begin() as connection:
        results = try_ddl(connection, [school()[0], pupil, bad], "trial")
        assert not schema_exists(connection, "trial")
    by_name = {result.name: result for result in results}
    assert by_name["bad"].state is ObjectState.SKIPPED
    assert "nonsense" in by_name["bad"].reason
    assert by_name["broken"].state is ObjectState.SKIPPED
    skipped = {"bad", "broken"}
    assert all(r.state is ObjectState.CREATED for name, r in by_name.items() if name not in skipped)
    assert {"class", "pupil", "class_names", "pupil_class", "class.id"} <= set(by_name)


def test_orphans_leave_the_foreign_key_not_valid(engine: Engine) -> None:
    classes, pupils = school()
    with engine.begin() as connection:
        create_staging(connection, school(), "stage")
        run_sql(connection, "INSERT INTO stage.class VALUES (1, 'a')")
        run_sql(
            connection, "INSERT INTO stage.pupil VALUES (1, 1, 'a'), (2, 7, 'a'), (3, 8, 'a'), (4, NULL, 'a')"
        )
        build_object(connection, classes.objects[0], "stage")
        result, findings = build_object(connection, pupils.objects[2], "stage")
        assert result.state is ObjectState.CHANGED
        assert "2 rows have no parent" in result.reason
        assert "class_id = 7" in result.reason
        assert [f.kind for f in findings] == [FindingKind.ORPHAN_ROWS]
        assert not findings[0].is_error
        valid = run_sql(connection, "SELECT convalidated FROM pg_constraint WHERE conname = 'pupil_class'")
        assert valid.scalar_one() is False


def test_constraint_that_rows_break_is_skipped(engine: Engine) -> None:
    classes, _ = school()
    with engine.begin() as connection:
        create_staging(connection, school(), "stage")
        run_sql(connection, "INSERT INTO stage.class VALUES (1, 'a'), (1, 'b')")
        result, findings = build_object(connection, classes.objects[0], "stage")
        assert result.state is ObjectState.SKIPPED
        assert "(id)=(1) is duplicated" in result.reason
        assert [f.kind for f in findings] == [FindingKind.MISSING_CONSTRAINT]
        assert run_sql(connection, "SELECT 1").scalar_one() == 1


def test_object_that_the_plan_skipped_is_only_reported(engine: Engine) -> None:
    skipped = dataclasses.replace(
        school()[1].objects[0], sql="nonsense", state=ObjectState.SKIPPED, reason="no equivalent"
    )
    with engine.begin() as connection:
        result, findings = build_object(connection, skipped, "stage")
    assert (result.state, result.reason, findings) == (ObjectState.SKIPPED, "no equivalent", ())


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("", None),
        ("(5, 'a')", None),
        ("(-5, 'a')", "could not be built"),
        ("(2147483647, 'a')", "will fail"),
    ],
)
def test_sequences_are_set_and_checked(engine: Engine, rows: str, problem: str | None) -> None:
    with engine.begin() as connection:
        create_staging(connection, school(), "stage")
        if rows:
            run_sql(connection, f"INSERT INTO stage.class VALUES {rows}")
        result, findings = build_object(connection, school()[0].objects[1], "stage")
        if problem is None:
            assert (result.state, findings) == (ObjectState.CREATED, ())
            run_sql(connection, "INSERT INTO stage.class (name) VALUES ('next')")
            if rows:
                query = "SELECT id FROM stage.class WHERE name = 'next'"
                assert run_sql(connection, query).scalar_one() == 6
        else:
            assert findings


def test_sequence_that_lags_behind_is_found(engine: Engine) -> None:
    lazy = dataclasses.replace(school()[0].objects[1], sql="SELECT 1")
    with engine.begin() as connection:
        create_staging(connection, school(), "stage")
        run_sql(connection, "INSERT INTO stage.class VALUES (1, 'a')")
        _, findings = build_object(connection, lazy, "stage")
    assert [f.kind for f in findings] == [FindingKind.SEQUENCE]
    assert "1 is taken" in findings[0].message


def test_wrong_targets_are_told_apart(target_url: str) -> None:
    for url, words in (
        (target_url.replace("/t_", "/nothing_"), "does not exist"),
        ("postgresql://postgres@localhost:1/x", "refused"),
        ("postgresql://postgres:secret@no-such-host.invalid/x", "host"),
    ):
        with pytest.raises(TargetUnreachableError, match=words) as caught:
            connect(url, "test")
        assert "secret" not in str(caught.value)
        assert "database" in caught.value.where
        assert {"database", "server"} <= caught.value.place.keys()


def test_session_does_not_depend_on_the_roles_settings(engine: Engine, target_url: str) -> None:
    database = engine_database(engine)
    run(engine, f"ALTER DATABASE {database} SET TimeZone = 'Asia/Tokyo'",
        f"ALTER DATABASE {database} SET statement_timeout = '200ms'",
        f"ALTER DATABASE {database} SET default_transaction_read_only = on")  # fmt: skip
    with connect(target_url, "some worker") as connection:
        assert connection.execute("SHOW TimeZone").fetchone() == ("UTC",)
        assert connection.execute("SHOW application_name").fetchone() == ("some worker",)
        assert connection.execute("SHOW client_connection_check_interval").fetchone() == ("1s",)
        connection.execute("CREATE TABLE t AS SELECT pg_sleep(0.4)::text")


def test_user_sql_is_sent_as_it_is(engine: Engine) -> None:
    plan = table("odd %s", {"a :b": "text"})
    assert column("a").name == "a"
    with engine.begin() as connection:
        create_staging(connection, [plan], "stage %(x)s")
        assert (
            run_sql(
                connection, 'SELECT count(*) FROM "stage %(x)s"."odd %s" WHERE "a :b" LIKE \'%\''
            ).scalar_one()
            == 0
        )


def test_two_who_drop_the_same_staging_schema_both_find_it_gone(engine: Engine) -> None:
    """A command that cancels, and the producer that hears of it."""
    run(engine, "CREATE SCHEMA convoy_x_staging", "CREATE TABLE convoy_x_staging.t (id int)")
    failures: list[Exception] = []

    def drop() -> None:
        try:
            with engine.begin() as connection:
                remove_own_schema(connection, "convoy_x_staging", None, then="go on")
        except Exception as error:  # noqa: BLE001 - judged below
            failures.append(error)

    with engine.begin() as first:
        remove_own_schema(first, "convoy_x_staging", None, then="go on")
        second = threading.Thread(target=drop)
        second.start()  # sees the schema, and waits for who drops it
        second.join(0.5)
        assert second.is_alive()
    second.join(30)
    assert failures == []
    with engine.connect() as connection:
        assert not schema_exists(connection, "convoy_x_staging")
