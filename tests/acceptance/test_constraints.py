"""Keys, uniqueness, indexes and names keep their meaning: tried on PostgreSQL with the rows of an application."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.model import IdentifierPolicy, ObjectState, Phase
from migration.report.report_builder import build_report

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from migration.report.report_model import ObjectReport
    from tests.support.pipeline import Pipeline

Build = Callable[[str], Path]


def objects_of(pipeline: Pipeline, run: RunRecord) -> dict[tuple[str, str], ObjectReport]:
    return {(item.kind, item.name): item for item in build_report(pipeline.ledger, run.id).objects}


def refused(pipeline: Pipeline, schema: str, *statements: str) -> str:
    """Run statements in a transaction that is rolled back; return the error's class, or nothing."""
    with psycopg.connect(pipeline.url) as connection:
        connection.execute(f"SET search_path = {schema}".encode())
        try:
            for statement in statements:
                connection.execute(statement.encode())
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.IntegrityError as error:
            return type(error).__name__
        finally:
            connection.rollback()
    return ""


FOLDED = """
CREATE TABLE person (name TEXT COLLATE NOCASE UNIQUE, code TEXT COLLATE RTRIM UNIQUE, plain TEXT);
CREATE TABLE login (handle TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE place (town TEXT COLLATE NOCASE, zip TEXT, open INT, UNIQUE (town, zip));
CREATE UNIQUE INDEX by_plain ON person (plain COLLATE NOCASE);
CREATE UNIQUE INDEX open_towns ON place (town) WHERE open = 1;
CREATE INDEX towns ON place (town COLLATE BINARY);
CREATE TABLE visit (who TEXT REFERENCES login);
INSERT INTO person VALUES ('Ann', 'x', 'p'), ('Ä', 'y', 'q'), ('ä', 'z', 'r');
INSERT INTO login VALUES ('Root');
INSERT INTO place VALUES ('Graz', '1', 1), ('graz', '2', 0);
INSERT INTO visit VALUES ('Root');
"""


def test_uniqueness_under_nocase_and_rtrim_keeps_its_meaning(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(FOLDED), target_schema="folded")
    assert run.phase is Phase.COMPLETED, (run.error, build_report(pipeline.ledger, run.id).findings)
    tries = {
        "INSERT INTO person (name) VALUES ('ANN')": "UniqueViolation",
        "INSERT INTO person (name) VALUES ('Anna')": "",
        "INSERT INTO person (code) VALUES ('x  ')": "UniqueViolation",
        "INSERT INTO person (code) VALUES ('X')": "",
        "INSERT INTO person (plain) VALUES ('P')": "UniqueViolation",
        "INSERT INTO login VALUES ('ROOT')": "UniqueViolation",
        "INSERT INTO place VALUES ('GRAZ', '1', 0)": "UniqueViolation",
        "INSERT INTO place VALUES ('GRAZ', '3', 1)": "UniqueViolation",
        "INSERT INTO place VALUES ('GRAZ', '3', 0)": "",
        "INSERT INTO visit VALUES ('nobody')": "ForeignKeyViolation",
    }
    assert {statement: refused(pipeline, "folded", statement) for statement in tries} == tries
    lines = objects_of(pipeline, run)
    assert lines["index", "person_name_key"].state is ObjectState.CHANGED
    assert lines["index", "open_towns"].state is ObjectState.CHANGED
    assert lines["index", "towns"].state is ObjectState.CREATED
    assert "lower()" in lines["collation", "person.name"].reason


def test_nulls_in_a_primary_key_keep_their_rows_and_make_it_unique(pipeline: Pipeline, build: Build) -> None:
    path = build(
        """CREATE TABLE one (k TEXT PRIMARY KEY, v); CREATE TABLE two (a INT, b INT, PRIMARY KEY (a, b));
        CREATE TABLE child (k TEXT REFERENCES one);
        INSERT INTO one VALUES (NULL, 1), (NULL, 2), ('x', 3); INSERT INTO two VALUES (1, NULL), (1, NULL), (1, 2);
        INSERT INTO child VALUES ('x'), (NULL);"""
    )
    run = pipeline.migrate(
        path, target_schema="null_keys", accept=("skipped:primary-key",), accepted_by="ann"
    )
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert pipeline.query(
        "SELECT count(*) FROM null_keys.one UNION ALL SELECT count(*) FROM null_keys.two"
    ) == [
        (3,),
        (3,),
    ]
    assert refused(pipeline, "null_keys", "INSERT INTO one VALUES ('x')") == "UniqueViolation"
    assert refused(pipeline, "null_keys", "INSERT INTO two VALUES (1, 2)") == "UniqueViolation"
    assert refused(pipeline, "null_keys", "INSERT INTO two VALUES (1, NULL)") == ""
    assert refused(pipeline, "null_keys", "INSERT INTO child VALUES ('y')") == "ForeignKeyViolation"
    lines = objects_of(pipeline, run)
    assert lines["unique constraint", "one_pkey"].state is ObjectState.CHANGED
    assert "k holds NULL" in lines["unique constraint", "one_pkey"].reason


def test_partial_expression_and_descending_indexes(pipeline: Pipeline, build: Build) -> None:
    path = build(
        """CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INT, done INT);
        CREATE UNIQUE INDEX open_ones ON t (a) WHERE done = 0 AND b IS NOT NULL;
        CREATE INDEX by_lower ON t (lower(a), b DESC);
        CREATE INDEX by_sum ON t (b + done);
        CREATE INDEX newest ON t (b DESC, a ASC);
        CREATE UNIQUE INDEX once ON t (coalesce(b, -1));
        INSERT INTO t VALUES (1, 'x', 1, 0), (2, 'x', 2, 1), (3, NULL, NULL, 0);"""
    )
    run = pipeline.migrate(path, target_schema="indexed")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    found = dict(pipeline.query("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'indexed'"))
    assert {"t_pkey", "open_ones", "by_lower", "by_sum", "newest", "once"} == set(found)
    assert "lower(a) NULLS FIRST, b DESC NULLS LAST" in found["by_lower"]
    assert "(b DESC NULLS LAST, a NULLS FIRST)" in found["newest"]
    assert refused(pipeline, "indexed", "INSERT INTO t VALUES (4, 'x', 3, 0)") == "UniqueViolation"
    assert refused(pipeline, "indexed", "INSERT INTO t VALUES (4, 'x', 3, 1)") == ""
    assert refused(pipeline, "indexed", "INSERT INTO t VALUES (4, 'y', NULL, 1)") == "UniqueViolation"


CIRCLE = """
CREATE TABLE team (id INTEGER PRIMARY KEY, captain INT REFERENCES player (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE player (
    id INTEGER PRIMARY KEY, team INT NOT NULL REFERENCES team ON DELETE CASCADE ON UPDATE CASCADE,
    mentor INT REFERENCES player ON DELETE SET NULL, club INT REFERENCES club (id), a INT, b INT,
    FOREIGN KEY (a, b) REFERENCES pair
);
CREATE TABLE pair (x INT, y INT, PRIMARY KEY (x, y));
INSERT INTO team VALUES (1, 10);
INSERT INTO pair VALUES (1, 2);
INSERT INTO player VALUES (10, 1, 10, 5, 1, 2), (11, 1, 10, NULL, NULL, 7);
"""


def test_foreign_keys_in_a_circle_deferred_composite_and_to_nowhere(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(CIRCLE), target_schema="circle")
    assert (run.phase, run.error) == (
        Phase.COMPLETED_WITH_FINDINGS,
        None,
    )  # a key to a table that is not there
    rows = pipeline.query(
        "SELECT conname, condeferrable, condeferred, confdeltype::text, confupdtype::text, convalidated"
        " FROM pg_constraint WHERE contype = 'f' AND connamespace = 'circle'::regnamespace ORDER BY 1"
    )
    assert rows == [
        ("player_a_b_fkey", False, False, "a", "a", True),
        ("player_mentor_fkey", False, False, "n", "a", True),
        ("player_team_fkey", False, False, "c", "c", True),
        ("team_captain_fkey", True, True, "a", "a", True),
    ]
    late = ("INSERT INTO team VALUES (2, 20)", "INSERT INTO player (id, team) VALUES (20, 2)")
    assert refused(pipeline, "circle", *late) == ""
    assert refused(pipeline, "circle", late[0]) == "ForeignKeyViolation"
    lost = objects_of(pipeline, run)["foreign key", "player_club_fkey"]
    assert (lost.state, lost.reason) == (ObjectState.SKIPPED, "the parent table club is not migrated")
    (stub,) = build_report(pipeline.ledger, run.id).stubs
    assert stub.source_sql == "FOREIGN KEY (club) REFERENCES club (id)"


def test_orphans_keep_their_rows_and_the_key_holds_for_new_ones(pipeline: Pipeline, build: Build) -> None:
    path = build(
        """CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p);
        INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, 99);"""
    )
    run = pipeline.migrate(path, target_schema="orphaned")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert pipeline.query("SELECT count(*) FROM orphaned.c") == [(2,)]
    assert refused(pipeline, "orphaned", "INSERT INTO c VALUES (3, 98)") == "ForeignKeyViolation"
    line = objects_of(pipeline, run)["foreign key", "c_p_fkey"]
    assert line.state is ObjectState.CHANGED
    assert "p = 99" in line.reason


NAMES = """
CREATE TABLE UserAccounts (
    UserId INTEGER PRIMARY KEY AUTOINCREMENT, eMail TEXT NOT NULL UNIQUE, "Group" TEXT DEFAULT "it's",
    Total REAL, Twice REAL AS (Total + Total) STORED, CONSTRAINT HasMail CHECK (eMail <> '')
);
CREATE TABLE user_accounts (oid INT, ctid INT, "select" TEXT, "" TEXT, "naïve Größe" TEXT, xmin TEXT);
CREATE TABLE "Order" (
    OrderId INTEGER PRIMARY KEY, "User Id" INT REFERENCES UserAccounts, Day DATE, UNIQUE ("User Id", Day)
);
CREATE TABLE "a_table_whose_name_is_longer_than_postgresql_will_take_for_a_name_of_it_1" (Id INTEGER PRIMARY KEY, v);
CREATE TABLE "a_table_whose_name_is_longer_than_postgresql_will_take_for_a_name_of_it_2" (Id INTEGER PRIMARY KEY, v);
CREATE INDEX "Order By Day" ON "Order" (Day);
CREATE INDEX "an_index_whose_name_is_longer_than_postgresql_will_take_for_a_name_of_it" ON "Order" (Day, OrderId);
CREATE VIEW TopUsers AS SELECT u.EMAIL, count(*) AS HowMany FROM useraccounts u JOIN "ORDER" o ON o."user id" = u.userid
    GROUP BY u.email;
INSERT INTO UserAccounts (UserId, eMail, Total) VALUES (41, 'a@b.c', 1.5);
INSERT INTO user_accounts VALUES (1, 2, 'three', 'four', 'five', 'six');
INSERT INTO "Order" VALUES (7, 41, '2024-02-29');
INSERT INTO "a_table_whose_name_is_longer_than_postgresql_will_take_for_a_name_of_it_1" VALUES (1, 1);
INSERT INTO "a_table_whose_name_is_longer_than_postgresql_will_take_for_a_name_of_it_2" VALUES (2, 2);
"""
EXPECTED = {
    IdentifierPolicy.PRESERVE: (
        '"UserAccounts"',
        '"UserId"',
        '"eMail"',
        '"Order"',
        '"User Id"',
        '"OrderId"',
        '"TopUsers"',
    ),
    IdentifierPolicy.LOWER: (
        "useraccounts",
        "userid",
        "email",
        '"order"',
        '"user id"',
        "orderid",
        "topusers",
    ),
    IdentifierPolicy.SNAKE: (
        "user_accounts",
        "user_id",
        "e_mail",
        '"order"',
        "user_id",
        "order_id",
        "top_users",
    ),
}


@pytest.mark.parametrize("policy", IdentifierPolicy)
def test_names_under_each_policy_with_sequences_and_constraints(
    pipeline: Pipeline, build: Build, policy: IdentifierPolicy
) -> None:
    schema = f"names_{policy}"
    run = pipeline.migrate(build(NAMES), target_schema=schema, identifiers=policy)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    users, user_id, mail, order, order_user, order_id, view = EXPECTED[policy]
    other = "user_accounts_2" if policy is IdentifierPolicy.SNAKE else "user_accounts"
    with psycopg.connect(pipeline.url) as connection:
        connection.execute(f"SET search_path = {schema}".encode())

        def rows(statement: str) -> list[tuple[object, ...]]:
            return connection.execute(statement.encode()).fetchall()

        made = rows(f"INSERT INTO {users} ({mail}) VALUES ('new') RETURNING {user_id}")
        assert made == [(42,)]
        assert rows(f"INSERT INTO {order} ({order_user}) VALUES (42) RETURNING {order_id}") == [(8,)]
        assert rows(f"SELECT count(*) FROM {view}") == [(2,)]
        assert rows(f"SELECT count(*) FROM {other}") == [(1,)]
        connection.rollback()
    day = '"Day"' if policy is IdentifierPolicy.PRESERVE else "day"
    double = f"INSERT INTO {order} ({order_user}, {day})"
    assert refused(pipeline, schema, f"{double} VALUES (41, '2024-02-29')") == "UniqueViolation"
    assert refused(pipeline, schema, f"{double} VALUES (40, NULL)") == "ForeignKeyViolation"
    assert refused(pipeline, schema, f"INSERT INTO {users} ({mail}) VALUES ('')") == "CheckViolation"
    long = pipeline.query(
        "SELECT c.relname FROM pg_class c WHERE relkind = 'r' AND relname LIKE 'a\\_table%'"
        f" AND relnamespace = '{schema}'::regnamespace ORDER BY 1"
    )
    assert len({name for (name,) in long}) == 2
    report = build_report(pipeline.ledger, run.id)
    assert not [item for item in report.objects if item.state is ObjectState.SKIPPED]
    renamed = {item.name: item.reason for item in report.objects if item.kind in ("table", "column", "index")}
    assert "63 bytes" in renamed["a_table_whose_name_is_longer_than_postgresql_will_take_for_a_name_of_it_1"]
    assert "system column" in renamed["user_accounts.ctid"]
    assert "empty name" in renamed["user_accounts."]
    if policy is IdentifierPolicy.SNAKE:
        assert "becomes 'user_accounts' too" in renamed["user_accounts"]
    values = pipeline.query(f"SELECT * FROM {schema}.{other}")
    assert values == [(1, 2, "three", "four", "five", "six")]


def test_tables_called_like_sequences_and_array_types(pipeline: Pipeline, build: Build) -> None:
    path = build(
        """CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE t_id_seq (id INTEGER PRIMARY KEY);
        CREATE TABLE _t (a); CREATE TABLE t_pkey (a); INSERT INTO t VALUES (4, 1);"""
    )
    run = pipeline.migrate(path, target_schema="likes")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert pipeline.query("INSERT INTO likes.t (a) VALUES (1) RETURNING id") == [(5,)]
