"""What role, database, environment and URL set for a session changes nothing that is written, read or proved."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from tests.support.shell import Shell, make_database

SETTINGS = {
    "client_encoding": "LATIN1",
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "German",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "xmlbinary": "hex",
    "xmloption": "document",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1500",
    "lock_timeout": "100",
    "row_security": "on",
    "jit": "on",
    "session_replication_role": "replica",
    "check_function_bodies": "off",
    "lc_numeric": "C",
    "search_path": "nowhere",
    "synchronous_commit": "off",
    "constraint_exclusion": "on",
    "createrole_self_grant": "set",
    "default_table_access_method": "heap",
    "plpgsql.variable_conflict": "use_column",
    "force_parallel_mode": "on",
    "debug_parallel_query": "on",
}


@pytest.fixture
def database(postgres_url: str) -> Iterator[tuple[str, psycopg.Connection]]:
    """The name of an empty database, and a connection that may do anything."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            yield name, admin
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def make_odd_values(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE parent (id INTEGER PRIMARY KEY, "when" TIMESTAMP, day DATE);
            CREATE TABLE odd (
                id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id), words TEXT DEFAULT 'a\\b''c',
                number DOUBLE, exact NUMERIC, bytes BLOB, document JSON);
            CREATE INDEX odd_words ON odd (words) WHERE words <> '日本';
            INSERT INTO parent VALUES (1, '2024-02-29 12:34:56.789012', '2024-02-29'), (2, NULL, '1999-12-31');
            INSERT INTO odd VALUES
                (1, 1, '日本 é € 𝄞', 0.1, 12345678901234567890.25, x'00ff5c27', '{"ключ": "\\u00e9"}'),
                (2, 2, '\\ '' \\'' ', 1.7976931348623157e308, 1e-20, x'', '[null]'),
                (3, NULL, NULL, 5e-324, NULL, NULL, NULL);
            """
        )
        connection.commit()
    return path


@pytest.mark.parametrize("of", ["DATABASE", "ROLE"])
def test_settings_of_role_or_database_change_nothing(
    database: tuple[str, psycopg.Connection], postgres_url: str, tmp_path: Path, of: str
) -> None:
    name, admin = database
    source = make_odd_values(tmp_path / "odd.db")
    url = postgres_url.replace("/postgres?", f"/{name}?", 1)
    role = f"r_{name}"
    admin.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
    changed = f'DATABASE "{name}"' if of == "DATABASE" else f"ROLE {role}"
    for setting, value in SETTINGS.items():
        with suppress(psycopg.errors.UndefinedObject):  # newer than this server
            admin.execute(f"ALTER {changed} SET {setting} = '{value}'")
    try:
        shell = Shell(tmp_path, url.replace("postgres@", f"{role}@", 1))
        status, out, err = shell.run("migrate", "--source", str(source), "--workers", "1")
        assert status == 0, (out, err)
        status, out, err = shell.run("validate", "--source", str(source))
        assert status == 0, (out, err)
    finally:
        admin.execute(f"ALTER {changed} RESET ALL")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT words, bytes, number::text FROM odd ORDER BY id").fetchall() == [
            ("日本 é € 𝄞", b"\x00\xff\x5c\x27", "0.1"),
            ("\\ ' \\' ", b"", "1.7976931348623157e+308"),
            (None, None, "5e-324"),
        ]
        assert connection.execute("INSERT INTO odd (id) VALUES (9) RETURNING words").fetchone() == ("a\\b'c",)
        connection.rollback()
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO odd (id, parent_id) VALUES (9, 77)")
        connection.rollback()
        connection.execute(f"DROP OWNED BY {role} CASCADE")
    admin.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("way", ["environment", "url", "options"])
def test_encoding_of_the_client_changes_nothing(
    database: tuple[str, psycopg.Connection], postgres_url: str, tmp_path: Path, way: str
) -> None:
    name, _ = database
    source = make_odd_values(tmp_path / "odd.db")
    url = postgres_url.replace("/postgres?", f"/{name}?", 1)
    more = {
        "environment": "",
        "url": "&client_encoding=LATIN1",
        "options": "&options=-c%20client_encoding%3DLATIN1",
    }[way]
    shell = Shell(tmp_path, url + more)
    shell.environment["PGCLIENTENCODING"] = "LATIN1" if way == "environment" else "UTF8"
    status, out, err = shell.run("migrate", "--source", str(source), "--workers", "1")
    assert status == 0, (out, err)
    status, out, err = shell.run("validate", "--source", str(source))
    assert status == 0, (out, err)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP", "WIN1252"])
def test_database_in_another_encoding_is_refused_before_anything_is_written(
    postgres_url: str, tmp_path: Path, encoding: str
) -> None:
    name = f"t_{uuid.uuid4().hex[:12]}"
    source = make_database(tmp_path / "shop.db")
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        )
        try:
            url = postgres_url.replace("/postgres?", f"/{name}?", 1)
            shell = Shell(tmp_path, url)
            for command in (
                ("migrate", "--source", str(source)),
                ("dry-run", "--source", str(source)),
                ("migrate", "--source", str(source), "--data-only"),
                ("validate", "--source", str(source)),
                ("status",),
            ):
                status, out, err = shell.run(*command)
                assert status == 2, (command, out, err)
                assert f"stores text as {encoding}, which cannot hold every character" in err
                assert "ENCODING 'UTF8'" in err
            with psycopg.connect(url) as connection:
                found = connection.execute("SELECT to_regnamespace('convoy')").fetchone()
            assert found == (None,)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_role_that_may_not_check_foreign_keys_is_refused(
    database: tuple[str, psycopg.Connection], postgres_url: str, tmp_path: Path
) -> None:
    name, admin = database
    source = make_database(tmp_path / "shop.db")
    role = f"r_{name}"
    admin.execute(f"CREATE ROLE {role} LOGIN")
    admin.execute(f'ALTER DATABASE "{name}" OWNER TO {role}')
    admin.execute(f"ALTER ROLE {role} SET session_replication_role = replica")
    try:
        url = postgres_url.replace("/postgres?", f"/{name}?", 1).replace("postgres@", f"{role}@", 1)
        status, _, err = Shell(tmp_path, url).run("migrate", "--source", str(source))
        assert status == 2, err
        assert f'ALTER ROLE "{role}" RESET session_replication_role' in err
    finally:
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO postgres')
        admin.execute(f"DROP ROLE {role}")
