"""What has happened to the readers of the documents before they type a command."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from tests.support.documentation_scenario import Scenario
from tests.support.replacement import pg_dump
from tests.support.shell import make_database
from tests.support.sqlite_dump import gzipped, shell_dump


def migrated(scenario: Scenario, source: str, status: int = 0, flags: str = "") -> None:
    """Migrate a source of the scenario into a schema of its own."""
    into = f"--target-schema {Path(source).stem} --if-exists replace {flags}"
    command = f"migration-cli migrate --source {source} {into} --workers 1"
    found, out, err = scenario.shell(command)
    assert found == status, out + err


def database(scenario: Scenario, name: str) -> None:
    """Make a source, unless a command of the page has had it already."""
    if not (scenario.folder / name).exists():
        make_database(scenario.folder / name, rows=20)


def run_that_failed(scenario: Scenario) -> None:
    """The disk of the server failed at the cutover; it is mended by now."""
    database(scenario, "failed.db")
    with psycopg.connect(scenario.target, autocommit=True) as connection:
        connection.execute(
            """CREATE OR REPLACE FUNCTION public.bad_disk() RETURNS event_trigger LANGUAGE plpgsql AS $$
               BEGIN
                   IF current_query() ILIKE '%SET SCHEMA%' THEN
                       RAISE EXCEPTION 'could not read block 7' USING ERRCODE = 'io_error';
                   END IF;
               END $$"""
        )
        connection.execute(
            "CREATE EVENT TRIGGER bad_disk ON ddl_command_start WHEN TAG IN ('ALTER TABLE')"
            " EXECUTE FUNCTION public.bad_disk()"
        )
        try:
            migrated(scenario, "failed.db", status=3)
        finally:
            connection.execute("DROP EVENT TRIGGER bad_disk; DROP FUNCTION public.bad_disk()")


def run_that_is_held(scenario: Scenario) -> None:
    make_database(scenario.folder / "held.db", rows=20)
    migrated(scenario, "held.db", flags="--hold")


def run_that_is_complete(scenario: Scenario) -> None:
    database(scenario, "whole.db")
    migrated(scenario, "whole.db")


def shop_that_is_migrated(scenario: Scenario) -> None:
    make_database(scenario.folder / "shop.db", rows=20)
    status, out, err = scenario.shell("migration-cli migrate --source shop.db --workers 1")
    assert status == 0, out + err


def reader_who_removes_convoy(scenario: Scenario) -> None:
    """With a home and temporary files of their own: what is removed there must be nobody else's.

    A run has replaced the tables of another one, and completion stands between lines of the reader's.
    """
    home, temporary = scenario.folder / "home", scenario.folder / "tmp"
    for folder in (home / ".local" / "state" / "convoy", temporary):
        folder.mkdir(parents=True)
    scenario.environment.pop("XDG_STATE_HOME", None)
    scenario.environment |= {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PATH": f"{pg_dump(scenario.target).parent}:{scenario.environment['PATH']}",
    }
    completion = (scenario.folder / "migration-cli.bash").read_text(encoding="utf-8")
    (home / ".bashrc").write_text(f"alias before=true\n{completion}\nalias after=true\n", encoding="utf-8")
    database(scenario, "whole.db")
    for _ in range(2):
        migrated(scenario, "whole.db")


def run_with_quarantine(scenario: Scenario) -> None:
    """One title is no text in any encoding."""
    with (
        closing(sqlite3.connect(make_database(scenario.folder / "odd.db", rows=20))) as connection,
        connection,
    ):
        connection.execute("UPDATE book SET title = CAST(x'FF' AS TEXT) WHERE id = 7")
    migrated(scenario, "odd.db", status=1)


def damaged_source(scenario: Scenario) -> None:
    """A page of the table is zeroes."""
    path = make_database(scenario.folder / "app.db", rows=2000)
    data = bytearray(path.read_bytes())
    page = data.index(b"Title 1000 ") // 4096 * 4096
    data[page : page + 4096] = bytes(4096)
    path.write_bytes(data)


def dump_and_folder(scenario: Scenario) -> None:
    """A compressed dump, and a folder of two databases."""
    folder = scenario.folder / "data"
    folder.mkdir()
    for name in ("spring", "autumn"):
        with closing(sqlite3.connect(folder / f"{name}.db")) as connection, connection:
            connection.execute("CREATE TABLE harvest (id INTEGER PRIMARY KEY, words TEXT)")
            connection.execute("INSERT INTO harvest VALUES (1, 'apples; pears')")
    (scenario.folder / "backup.sql.gz").write_bytes(gzipped(shell_dump(folder / "spring.db")))


def table_with_objects(scenario: Scenario) -> None:
    """The table stands there already, and others have added a column and a view to it."""
    with closing(sqlite3.connect(scenario.folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE order_line (id INTEGER PRIMARY KEY, price NUMERIC)")
        connection.execute("INSERT INTO order_line VALUES (1, 9.5)")
    with psycopg.connect(scenario.target) as target:
        target.execute("CREATE TABLE public.order_line (id integer PRIMARY KEY, price numeric, tenant text)")
        target.execute("CREATE VIEW public.tenants AS SELECT DISTINCT tenant FROM public.order_line")


def application_that_has_made_its_tables(scenario: Scenario) -> None:
    """It keeps kinds and events, takes numbers of events in its code, and has started once on PostgreSQL."""
    with closing(sqlite3.connect(scenario.folder / "app.db")) as connection, connection:
        connection.executescript(
            "CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
            "CREATE TABLE event (id INTEGER PRIMARY KEY, kind_id INTEGER NOT NULL REFERENCES kind,"
            " stream_order BIGINT);"
            "CREATE TABLE session (token TEXT PRIMARY KEY);"
            "CREATE TABLE schema_migrations (version VARCHAR(255) PRIMARY KEY);"
            "INSERT INTO kind VALUES (1, 'leaf'), (2, 'root'), (3, 'own'); INSERT INTO session VALUES ('old');"
            "INSERT INTO event VALUES (1, 1, 36), (2, 3, 37); INSERT INTO schema_migrations VALUES ('20240101');"
        )
    with psycopg.connect(scenario.target, autocommit=True) as connection:
        connection.execute(
            """CREATE SCHEMA app; SET search_path = app; CREATE SEQUENCE event_order;
               CREATE TABLE kind (id serial PRIMARY KEY, name text NOT NULL);
               CREATE TABLE event (id serial PRIMARY KEY, kind_id int NOT NULL REFERENCES kind, stream_order bigint);
               CREATE TABLE session (token text PRIMARY KEY);
               CREATE TABLE schema_migrations (version varchar(255) PRIMARY KEY);
               INSERT INTO kind (name) VALUES ('leaf'), ('root'); INSERT INTO session VALUES ('new');
               INSERT INTO schema_migrations VALUES ('20240101');"""
        )
