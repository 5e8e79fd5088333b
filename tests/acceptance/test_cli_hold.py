"""`migrate --hold`, `cutover` and what a blocked cutover says, through the real command line."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import psycopg
import pytest

from tests.support.shell import PATIENCE_SECONDS, Shell, make_database, wait_until


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    made = Shell(tmp_path, target_url)
    make_database(made.folder / "shop.db")
    return made


def run_of(shell: Shell, schema: str) -> str:
    return str(
        shell.query(f"SELECT id::text FROM convoy.runs WHERE options->>'target_schema' = '{schema}'")[0][0]
    )


def test_hold_ends_with_status_0_and_names_the_command_that_does_the_cutover(shell: Shell) -> None:
    status, out, err = shell.run("migrate", "--source", "shop.db", "--target-schema", "held", "--hold")
    assert status == 0, err
    assert "Proved" in out
    assert "Held before the cutover: no table that users see has changed." in out
    run_id = run_of(shell, "held")
    assert shell.query("SELECT to_regnamespace('held')") == [(None,)]

    status, out, err = shell.run("status", run_id)
    assert "Ready: proved, and held before the cutover" in out
    assert f"Go on     migration-cli cutover {run_id}" in out
    assert json.loads(shell.run("status", run_id, "--json")[1])["phase"] == "ready"
    status, _, err = shell.run("resume", run_id)
    assert status == 2
    assert f"migration-cli cutover {run_id}" in err

    status, out, err = shell.run("cutover", run_id)
    assert status == 0, err
    assert "Proved" in out
    assert "Held" not in out
    assert shell.query("SELECT to_regnamespace('held') IS NOT NULL") == [(True,)]
    status, _, err = shell.run("cutover", run_id)
    assert status == 2
    assert "Its tables are in place already" in err


def test_line_that_a_held_run_prints_can_be_typed(shell: Shell) -> None:
    status, out, err = shell.run("migrate", "--source", "shop.db", "--target-schema", "typed", "--hold")
    assert status == 0, err
    line = re.search(r"migration-cli (cutover \S+.*)", out)
    assert line is not None, out
    status, _, err = shell.run(*line[1].split())
    assert status == 0, err


def test_held_run_is_cancelled_and_leaves_nothing(shell: Shell) -> None:
    assert shell.run("migrate", "--source", "shop.db", "--target-schema", "dropped", "--hold")[0] == 0
    status, out, err = shell.run("cancel", run_of(shell, "dropped"))
    assert status == 0, err
    assert "nothing of it is left" in out
    assert shell.query("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'convoy\\_%'") == [(0,)]


OF_OTHERS = {
    "view": ("CREATE VIEW ann.report AS SELECT * FROM {table}", "view ann.report depends on table"),
    "foreign key": (
        "CREATE TABLE ann.note (id bigint REFERENCES {table})",
        "constraint note_id_fkey on table ann.note depends on table",
    ),
    "table": ("CREATE TABLE {schema}.mine AS SELECT 1 AS precious", "mine of role ann"),
}


@pytest.mark.parametrize("kind", OF_OTHERS)
def test_cancel_leaves_what_others_have_hung_on_a_held_run(shell: Shell, kind: str) -> None:
    statement, words = OF_OTHERS[kind]
    assert shell.run("migrate", "--source", "shop.db", "--target-schema", "mixed_in", "--hold")[0] == 0
    run_id = run_of(shell, "mixed_in")
    ((schema,),) = shell.query(f"SELECT staging_schema FROM convoy.runs WHERE id = '{run_id}'")
    ((table,),) = shell.query(
        "SELECT min(conrelid::regclass::text) FROM pg_constraint"
        f" WHERE contype = 'p' AND connamespace = '{schema}'::regnamespace AND cardinality(conkey) = 1"
    )
    count = "SELECT count(*) FROM pg_class WHERE relname IN ('report', 'note', 'mine')"
    with psycopg.connect(shell.target, autocommit=True) as other:
        other.execute("CREATE ROLE ann")
        other.execute("CREATE SCHEMA ann AUTHORIZATION ann")
        other.execute(f"GRANT USAGE, CREATE ON SCHEMA {schema} TO ann".encode())
        other.execute(f"GRANT SELECT, REFERENCES ON ALL TABLES IN SCHEMA {schema} TO ann".encode())
        other.execute("SET ROLE ann")
        other.execute(statement.format(schema=schema, table=table).encode())
        other.execute("RESET ROLE")
        try:
            status, out, err = shell.run("cancel", run_id)
            assert (status, err) == (0, "")
            assert f"is cancelled; its schema {schema} stays, because others use it" in out
            assert words in out
            assert shell.query(count) == [(1,)]
            other.execute("DROP OWNED BY ann")
            (cleanup,) = re.findall(r"migration-cli (cleanup.*)", out)
            assert shell.run(*cleanup.split(), "--yes")[0] == 0
            assert shell.query(f"SELECT to_regnamespace('{schema}')::text") == [(None,)]
        finally:
            other.execute("DROP OWNED BY ann")
            other.execute("DROP ROLE ann")


def test_blocked_cutover_says_who_lets_the_application_read_and_fails_with_status_3(shell: Shell) -> None:
    assert shell.run("migrate", "--source", "shop.db", "--target-schema", "shop")[0] == 0
    ((table,),) = shell.query("SELECT min(tablename) FROM pg_tables WHERE schemaname = 'shop'")
    with psycopg.connect(shell.target, application_name="a report") as reader:
        reader.execute(f'SELECT count(*) FROM shop."{table}"'.encode())
        flags = ("--cutover-lock-timeout", "0.3", "--cutover-patience", "4")
        status, _, err = shell.run(
            "migrate", "--source", "shop.db", "--target-schema", "shop", "--if-exists", "replace", *flags
        )
        assert status == 3, err
        assert (
            f"process {reader.info.backend_pid} of PostgreSQL (role postgres, a report, idle in transaction"
            in err
        )
        assert "others were in the way to the end" in err
        assert "type `migration-cli resume" in err
        ((run_id,),) = shell.query("SELECT id::text FROM convoy.runs WHERE phase = 'failed'")
    status, _, err = shell.run("resume", run_id)
    assert status == 0, err


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--cutover-window", "22-5", "must be written as in 22:00-05:00"),
        ("--cutover-window", "22:00-05:00 Vienna", "names a time zone that does not exist: Vienna"),
        ("--cutover-lock-timeout", "0", "0"),
        ("--cutover-patience", "-1", "-1"),
    ],
)
def test_flags_that_make_no_sense_are_refused(shell: Shell, flag: str, value: str, words: str) -> None:
    status, _, err = shell.run("migrate", "--source", "shop.db", flag, value)
    assert status == 2
    assert words in err


@pytest.mark.parametrize("command", ["status", "pause"])
def test_command_that_waits_for_a_lock_says_whose(shell: Shell, command: str) -> None:
    assert shell.run("migrate", "--source", "shop.db", "--target-schema", "waits", "--hold")[0] == 0
    run_id = run_of(shell, "waits")
    said: list[tuple[int, str, str]] = []
    with psycopg.connect(shell.target, application_name="somebody") as holder:
        holder.execute("LOCK TABLE convoy.runs IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=lambda: said.append(shell.run(command, run_id)))
        thread.start()
        # Whole looks are over, and told, when a later one begins; idle its session is before the first, too.
        look = (
            "SELECT extract(epoch FROM query_start) FROM pg_stat_activity"
            " WHERE application_name = 'convoy cli server waits' AND query_start IS NOT NULL"
        )
        assert wait_until(lambda: bool(shell.query(look)))
        ((first,),) = shell.query(look)
        assert wait_until(lambda: shell.query(look)[0][0] > first + 3)
        pid = holder.info.backend_pid
        holder.rollback()
        thread.join(PATIENCE_SECONDS)
    assert (
        f"Waiting for a lock that is held by process {pid} of PostgreSQL (role postgres, somebody"
        in said[0][2]
    )


def test_cleanup_names_the_session_that_is_in_its_way(shell: Shell) -> None:
    assert shell.run("migrate", "--source", "shop.db", "--target-schema", "left", "--hold")[0] == 0
    run_id = run_of(shell, "left")
    ((schema,),) = shell.query(f"SELECT staging_schema FROM convoy.runs WHERE id = '{run_id}'")
    ((table,),) = shell.query(f"SELECT min(tablename) FROM pg_tables WHERE schemaname = '{schema}'")
    with psycopg.connect(shell.target, application_name="somebody") as holder:
        holder.execute(f'SELECT count(*) FROM {schema}."{table}"'.encode())
        status, out, err = shell.run("cancel", run_id)
        assert status == 0, err
        assert "is in use" in out
        status, out, err = shell.run("cleanup", "--yes")
        assert status == 1, err
        assert (
            f"it is in use: process {holder.info.backend_pid} of PostgreSQL (role postgres, somebody" in out
        )
        assert f"holds {schema}." in out
