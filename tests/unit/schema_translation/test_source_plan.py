"""Whole plans, from SQLite's DDL to PostgreSQL's, and built on a real server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.errors import UsageError
from migration.model import (
    ColumnProfile,
    IdentifierPolicy,
    KeyRange,
    ObjectState,
    Source,
    TablePlan,
    TargetObject,
)
from migration.run_options import RunOptions
from migration.schema_translation.source_plan import (
    PlannedSource,
    ProfiledSource,
    check_collisions,
    plan_source,
    plan_sources,
)
from migration.schema_translation.table_ddl import render
from migration.source.row_reading.column_profile import profile_range
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source_schema import SourceSchema, SourceTable, TableKind
from migration.value_conversion.batch_conversion import Context

if TYPE_CHECKING:
    from pathlib import Path

ONE = (Source("app", "app.db"),)


def plan_sql(tmp_path: Path, sql: str, **options: object) -> PlannedSource:
    """Plan a database that a script makes."""
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
    schema = read_schema(path)
    with SnapshotReader(path) as reader:
        profiles = {t.name: profile_range(reader, t, KeyRange(), Context()) for t in schema.tables}
    return plan_source("app", schema, profiles, RunOptions(**({"sources": ONE} | options)))  # type: ignore[arg-type]


def table(planned: PlannedSource, name: str) -> TablePlan:
    return next(t for t in planned.tables if t.name == name)


def objects(planned: PlannedSource, kind: str) -> dict[str, TargetObject]:
    return {o.name: o for t in planned.tables for o in t.objects if o.kind == kind}


def build(target_url: str, planned: PlannedSource, rows: dict[str, str] | None = None) -> psycopg.Connection:
    """Build a plan on the server, with rows in between, as a run does."""
    connection = psycopg.connect(target_url, autocommit=True)
    connection.execute('CREATE SCHEMA "my ""{s}"""')
    for plan in planned.tables:
        connection.execute(render(plan.create_sql, 'my "{s}"'))
    for name, values in (rows or {}).items():
        connection.execute(f'INSERT INTO "my ""{{s}}"""."{name}" VALUES {values}')
    for stage in (1, 2, 3):
        for item in (o for t in planned.tables for o in t.objects if o.stage == stage and o.sql):
            connection.execute(render(item.sql, 'my "{s}"'))
    connection.execute('SET search_path = "my ""{s}"""')
    return connection


SHOP = """
CREATE TABLE Customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL COLLATE NOCASE UNIQUE,
    active BOOLEAN NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    joined DATETIME DEFAULT CURRENT_TIMESTAMP,
    note TEXT DEFAULT "it's {schema}",
    code CHAR(3) DEFAULT 'abc',
    odd INTEGER DEFAULT (abs(random()))
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer INTEGER REFERENCES customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    quantity INTEGER, price REAL,
    total REAL GENERATED ALWAYS AS (quantity * price) STORED,
    half REAL GENERATED ALWAYS AS (quantity / 2) VIRTUAL,
    shipped DATE,
    CONSTRAINT positive CHECK (quantity > 0),
    CHECK (typeof(price) <> 'text')
);
CREATE TABLE tags (name TEXT, lang TEXT, PRIMARY KEY (name, lang)) WITHOUT ROWID;
CREATE TABLE "weird ""{schema}"" name" ("select" TEXT, "ctid" INTEGER, UNIQUE ("select"));
CREATE TABLE links (a TEXT, b TEXT, ghost INTEGER REFERENCES ghosts(id), o INTEGER REFERENCES orders(quantity),
    FOREIGN KEY (a, b) REFERENCES tags);
CREATE INDEX by_shipped ON orders (shipped DESC, price);
CREATE INDEX open_orders ON orders (customer) WHERE shipped IS NULL;
CREATE INDEX by_lower ON customers (lower(email));
CREATE INDEX by_glob ON customers (email) WHERE email GLOB 'a*';
CREATE VIEW Big AS SELECT C.Email, count(*) AS N FROM customers C JOIN ORDERS o ON O.Customer = c.ID
    WHERE c.Active = 1 AND o.total > 10 GROUP BY c.EMAIL ORDER BY n DESC;
CREATE VIEW bigger AS SELECT email FROM BIG WHERE n > 5;
CREATE VIEW lost AS SELECT * FROM nowhere;
CREATE VIEW lost_too AS SELECT * FROM lost;
CREATE TRIGGER touch AFTER INSERT ON orders BEGIN UPDATE customers SET note = 'x'; END;
INSERT INTO customers (id, email, joined) VALUES (7, 'a@b.c', '2024-01-01 10:00:00');
INSERT INTO orders (customer, quantity, price) VALUES (7, 2, 10.5);
DELETE FROM customers WHERE id = 99;
"""


def test_shop_builds_on_a_real_server_and_works(tmp_path: Path, target_url: str) -> None:
    planned = plan_sql(tmp_path, SHOP)
    rows = {
        "Customers": "(7, 'a@b.c', true, '2024-01-01 10:00+00', DEFAULT, DEFAULT, 5)",
        "orders": "(1, 7, 2, 10.5, DEFAULT, 1, NULL)",
    }
    with build(target_url, planned, rows) as connection:
        assert connection.execute("SELECT total FROM orders").fetchone() == (21.0,)
        assert connection.execute('SELECT note, code FROM "Customers"').fetchone() == ("it's {schema}", "abc")
        inserted = connection.execute("INSERT INTO \"Customers\" (email) VALUES ('new') RETURNING id, active")
        assert inserted.fetchone() == (8, True)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO \"Customers\" (email) VALUES ('A@B.C')")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO orders (customer, quantity) VALUES (99, 1)")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO orders (quantity) VALUES (0)")
        assert connection.execute('SELECT * FROM "Big"').fetchall() == [("a@b.c", 1)]
        assert connection.execute("SELECT * FROM bigger").fetchall() == []
        assert connection.execute("INSERT INTO orders (quantity) VALUES (1) RETURNING id").fetchone() == (4,)


def test_shop_says_what_it_left_out(tmp_path: Path) -> None:
    planned = plan_sql(tmp_path, SHOP)
    said = {(o.kind, o.name): o for o in planned.objects}
    assert said["trigger", "touch"].state is ObjectState.SKIPPED
    assert "nowhere" in said["view", "lost"].reason
    assert said["view", "lost_too"].reason == "it reads a view that is left out"
    assert "default dropped" in said["default", "Customers.odd"].reason
    assert said["generated column", "orders.half"].state is ObjectState.SKIPPED
    assert said["generated column", "orders.total"].state is ObjectState.CREATED
    assert said["default", "Customers.odd"].state is ObjectState.SKIPPED
    assert said["default", "Customers.active"].state is ObjectState.CREATED
    assert said["collation", "Customers.email"].state is ObjectState.CHANGED
    assert said["table", "orders"].state is ObjectState.CREATED
    assert said["column", 'weird "{schema}" name.ctid'].reason == (
        "renamed to ctid_: PostgreSQL has a system column of that name"
    )
    keys = objects(planned, "foreign key")
    assert keys["links_ghost_fkey"].reason == "the parent table ghosts is not migrated"
    assert keys["links_o_fkey"].reason == "quantity is not unique in orders"
    assert (keys["links_a_b_fkey"].fallback_sql or "").endswith(" NOT VALID")
    assert "GLOB" in objects(planned, "index")["by_glob"].reason
    assert objects(planned, "check")["orders_check2"].state is ObjectState.SKIPPED


def test_shop_plan_in_detail(tmp_path: Path) -> None:
    planned = plan_sql(tmp_path, SHOP)
    orders = table(planned, "orders")
    assert orders.key == ("id",)
    assert table(planned, "tags").key == ("name", "lang")
    assert table(planned, "links").key == ()
    assert [c.name for c in orders.copied_columns] == [
        "id",
        "customer",
        "quantity",
        "price",
        "half",
        "shipped",
    ]
    indexes = objects(planned, "index")
    assert indexes["by_shipped"].sql == (
        'CREATE INDEX "by_shipped" ON {schema}."orders" ("shipped" DESC NULLS LAST, "price" NULLS FIRST)'
    )
    assert indexes["open_orders"].sql.endswith('("customer" NULLS FIRST) WHERE "shipped" IS NULL')
    assert indexes["Customers_email_key"].sql.endswith('(lower("email" COLLATE "C"))')
    foreign_key = objects(planned, "foreign key")["orders_customer_fkey"].sql
    assert foreign_key.endswith(
        'REFERENCES {schema}."Customers" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED'
    )
    assert "GENERATED BY DEFAULT AS IDENTITY NOT NULL" in orders.create_sql


def test_sequence_goes_on_after_what_autoincrement_gave_out(tmp_path: Path, target_url: str) -> None:
    planned = plan_sql(
        tmp_path,
        """CREATE TABLE "it's" (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
        INSERT INTO "it's" VALUES (41, 1); DELETE FROM "it's";
        CREATE TABLE fresh (id INTEGER PRIMARY KEY, x);
        CREATE TABLE far (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
        INSERT INTO far VALUES (3000000000, 1); DELETE FROM far;""",
    )
    with build(target_url, planned) as connection:
        for name, expected in (("it's", 42), ("fresh", 1), ("far", 3_000_000_001)):
            row = connection.execute(f'INSERT INTO "{name}" (x) VALUES (NULL) RETURNING id').fetchone()
            assert row == (expected,)


def test_primary_key_with_nulls_becomes_unique(tmp_path: Path) -> None:
    planned = plan_sql(tmp_path, "CREATE TABLE t (k TEXT PRIMARY KEY); INSERT INTO t VALUES (NULL), ('a');")
    lost, item = table(planned, "t").objects
    assert (lost.kind, lost.state) == ("primary key", ObjectState.SKIPPED)
    assert (item.kind, item.state) == ("unique constraint", ObjectState.CHANGED)
    assert "k holds NULL" in item.reason
    assert table(planned, "t").key == ()


def test_first_complete_unique_index_is_the_key(tmp_path: Path) -> None:
    planned = plan_sql(
        tmp_path,
        """CREATE TABLE t (a, b, c);
        CREATE UNIQUE INDEX u1 ON t (a); CREATE UNIQUE INDEX u2 ON t (b) WHERE b > 0;
        CREATE UNIQUE INDEX u3 ON t (c);
        INSERT INTO t VALUES (NULL, 1, 1), (2, 2, 2);""",
    )
    assert table(planned, "t").key == ("c",)


@pytest.mark.parametrize(
    ("policy", "name", "columns"),
    [
        (IdentifierPolicy.PRESERVE, "UserData", ["UserId", "userName"]),
        (IdentifierPolicy.LOWER, "userdata", ["userid", "username"]),
        (IdentifierPolicy.SNAKE, "user_data", ["user_id", "user_name"]),
    ],
)
def test_identifier_policy(tmp_path: Path, policy: IdentifierPolicy, name: str, columns: list[str]) -> None:
    planned = plan_sql(tmp_path, "CREATE TABLE UserData (UserId INT, userName TEXT)", identifiers=policy)
    assert planned.tables[0].target_name == name
    assert [c.target_name for c in planned.tables[0].columns] == columns
    assert [(o.kind, o.state) for o in planned.objects] == [("table", ObjectState.CREATED)]


def test_views_follow_the_names_under_a_policy(tmp_path: Path, target_url: str) -> None:
    planned = plan_sql(
        tmp_path,
        """CREATE TABLE UserData (UserId INT, userName TEXT);
        CREATE VIEW TopUsers AS WITH Ranked AS (SELECT USERID AS Rank, "UserName" FROM UserData)
            SELECT rank, ranked.username, 'x' AS Label FROM ranked ORDER BY label;""",
        identifiers=IdentifierPolicy.SNAKE,
    )
    with build(target_url, planned, {"user_data": "(1, 'ann')"}) as connection:
        assert connection.execute("SELECT * FROM top_users").fetchall() == [(1, "ann", "x")]


def test_index_names_do_not_meet_tables_or_each_other(tmp_path: Path) -> None:
    planned = plan_sql(tmp_path, "CREATE TABLE t_pkey (a); CREATE TABLE t (id TEXT PRIMARY KEY);")
    assert [o.name for o in table(planned, "t").objects] == ["t_pkey_2"]


def planned_together(tmp_path: Path, scripts: dict[str, str], **options: object) -> list[PlannedSource]:
    """Plan several databases as one run does."""
    sources = []
    for label, script in scripts.items():
        with closing(sqlite3.connect(tmp_path / f"{label}.db")) as connection:
            connection.executescript(script)
        sources.append(ProfiledSource(label, read_schema(tmp_path / f"{label}.db"), {}))
    asked = tuple(Source(label, f"{label}.db") for label in scripts)
    return plan_sources(sources, RunOptions(**({"sources": asked} | options)))  # type: ignore[arg-type]


TWINS = {
    "math": """CREATE TABLE task (id INTEGER PRIMARY KEY, grade); CREATE INDEX by_grade ON task (grade);
        CREATE VIEW best AS SELECT id FROM task WHERE grade = 1; CREATE TABLE sum (a);""",
    "reading": """CREATE TABLE text (id INTEGER PRIMARY KEY, grade); CREATE INDEX by_grade ON text (grade);
        CREATE INDEX sum ON text (id); CREATE VIEW best AS SELECT id FROM text WHERE grade = 1;""",
}


def test_names_that_meet_in_a_shared_schema_make_way_and_say_so(tmp_path: Path) -> None:
    math, reading = planned_together(tmp_path, TWINS)
    assert list(objects(math, "index")) == ["by_grade"]
    renamed = objects(reading, "index")
    assert list(renamed) == ["text_by_grade", "text_sum"]
    assert all(item.state is ObjectState.CHANGED for item in renamed.values())
    assert "named by_grade in the source" in renamed["text_by_grade"].reason
    (view,) = objects(reading, "view").values()
    assert (view.name, view.state) == ("reading_best", ObjectState.CHANGED)
    assert 'CREATE VIEW {schema}."reading_best"' in view.sql


def test_names_stay_where_each_source_has_its_own_schema(tmp_path: Path) -> None:
    _, reading = planned_together(tmp_path, TWINS, schema_per_source=True)
    assert list(objects(reading, "index")) == ["by_grade", "sum"]
    assert all(item.state is ObjectState.CREATED for item in objects(reading, "view").values())


def test_schema_per_source(tmp_path: Path) -> None:
    planned = plan_sql(tmp_path, "CREATE TABLE t (a)", schema_per_source=True)
    assert planned.tables[0].target_schema == "app"


def test_unknown_table_is_a_usage_error_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="users"):
        plan_sql(tmp_path, "CREATE TABLE users (a)", tables=("user",))


def test_same_table_in_two_sources_is_refused_with_a_way_out() -> None:
    schema = SourceSchema(tuple(SourceTable(name, TableKind.ORDINARY, ()) for name in ("question", "Quiz")))
    sources = [("math", schema), ("reading", schema)]
    with pytest.raises(UsageError) as refused:
        check_collisions(sources, RunOptions())
    told = str(refused.value)
    assert "The sources math and reading have tables of the same names: question, Quiz" in told
    assert "--schema-per-source, or leave them out with --exclude reading.question,reading.Quiz" in told
    with pytest.raises(UsageError, match="one after the other, with --data-only --if-exists merge"):
        check_collisions(sources, RunOptions(data_only=True))
    check_collisions(sources, RunOptions(schema_per_source=True))
    check_collisions(sources, RunOptions(exclude=("reading.question", "math.Quiz")))


def test_empty_database_plans_to_nothing() -> None:
    assert plan_source("app", SourceSchema(()), {}, RunOptions(sources=ONE)) == PlannedSource((), ())


def test_names_that_postgresql_makes_itself_are_left_to_it(tmp_path: Path, target_url: str) -> None:
    planned = plan_sql(
        tmp_path,
        """CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, CONSTRAINT t_a_not_null CHECK (a <> ''),
            CONSTRAINT t_pkey CHECK (id > 0));
        CREATE INDEX t_id_seq ON t (a);""",
    )
    build(target_url, planned).close()


def test_table_that_was_never_profiled_keeps_its_declared_types(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a INTEGER NOT NULL, b DATE)")
    connection.close()
    planned = plan_source("app", read_schema(path), {"t": {"a": ColumnProfile()}}, RunOptions(sources=ONE))
    assert [c.target_type for c in planned.tables[0].columns] == ["integer", "date"]
