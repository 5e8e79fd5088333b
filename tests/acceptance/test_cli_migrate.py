"""The command line as a user has it: real processes, real servers, exit statuses that tell the truth."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import uuid
from pathlib import Path

import psycopg
import pytest

from tests.support.shell import PATIENCE_SECONDS, Shell, is_gone, make_database, session_of, wait_until


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    return Shell(tmp_path, target_url)


def test_migrate_proves_reports_and_rolls_back(shell: Shell) -> None:
    make_database(shell.folder / "shop.db")
    status, out, err = shell.run("migrate", "--source", "shop.db", "--workers", "2", "--report", "out")
    assert status == 0, err
    report = json.loads((shell.folder / "out" / "report.json").read_text())
    assert report["status"] == "completed"
    assert {table["name"]: (table["rows_loaded"], table["equal"]) for table in report["tables"]} == {
        "author": (2, True),
        "book": (300, True),
    }
    assert not list((shell.folder / ".convoy" / "snapshots").glob("*.sqlite*"))  # nobody needs them any more
    assert "<html" in (shell.folder / "out" / "report.html").read_text()
    assert "report.html" in out
    assert re.search(r"100.0 %  Completed", err)
    assert shell.query("SELECT count(*), sum(price) FROM book") == [(300, 11287.5)]

    with psycopg.connect(shell.target) as connection:
        connection.execute("UPDATE book SET title = 'changed' WHERE id = 3")
    status, out, err = shell.run("validate", "--source", "shop.db")
    assert status == 1, err
    assert "book" in out

    status, out, err = shell.run("migrate", "--source", "shop.db")
    assert status == 2, err
    assert err.count("error:") == 1
    assert "Nothing was changed" in err

    status, out, err = shell.run("status", "--json")
    runs = json.loads(out)
    assert [run["phase"] for run in runs] == ["failed", "completed_with_findings", "completed"]

    status, out, err = shell.run("status", report["run_id"][:18])
    assert status == 0
    assert "Completed" in out

    status, out, err = shell.run("rollback", report["run_id"])
    assert status == 2
    assert "public.book: 1 row" in err
    status, out, err = shell.run("rollback", report["run_id"], "--force", "--report", "out")
    assert status == 0, err
    assert "kept in schema convoy_" in out
    renewed = json.loads((shell.folder / "out" / "report.json").read_text())
    assert (renewed["status"], renewed["evidence"]["rolled_back"]["act"]) == ("rolled_back", "rolled_back")
    status, out, err = shell.run("status", report["run_id"])
    assert "rolled back at" in out
    assert "Keeps     kept schema convoy_" in out
    assert shell.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]

    status, out, err = shell.run("cancel", report["run_id"])
    assert status == 2
    assert "rolled_back" in err


def test_json_is_all_that_stdout_gets(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=10)
    status, out, err = shell.run("--mode", "dry-run", "--source", "mine=shop.db", "--json")
    assert status == 0, err
    report = json.loads(out)
    assert (report["mode"], report["sources"][0]["label"]) == ("dry-run", "mine")
    assert shell.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_json_of_a_failing_command_is_its_error(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=10)
    unreachable = "postgresql://me:s3cret@127.0.0.1:1/x"
    status, out, err = shell.run("migrate", "--source", "shop.db", "--target-url", unreachable, "--json")
    error = json.loads(out)["error"]
    assert (status, error["code"], error["exit_status"]) == (2, "target-unreachable", 2)
    assert (error["database"], error["server"]) == ("x", "127.0.0.1:1")
    assert err.strip() == f"error: {error['message']}"
    assert "s3cret" not in out + err

    assert shell.run("status")[0] == 0  # makes the ledger
    status, out, err = shell.run("rollback", "0000", "--target-url", shell.target, "--json")
    error = json.loads(out)["error"]
    assert (status, error["code"], error["run"]) == (2, "run-unknown", "0000")
    (step,) = error["next_steps"]
    assert re.search(r"migration-cli status --target-url \S+$", step["command"])
    assert "does not know this run" in err


def test_json_of_a_failed_run_is_its_report_with_the_error_as_data(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=10)
    assert shell.run("migrate", "--source", "shop.db")[0] == 0
    status, out, err = shell.run("migrate", "--source", "shop.db", "--json")
    report = json.loads(out)
    error = report["error_details"]
    assert (status, report["status"], error["code"]) == (2, "failed", "target-occupied")
    assert (error["schema"], error["run"], error["message"]) == ("public", report["run_id"], report["error"])
    (step,) = error["next_steps"]
    assert "--if-exists replace" in step["command"]
    assert report["error"] in err

    status, _, err = shell.run(*shlex.split(step["command"])[1:])
    assert status == 0, err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["migrate", "--source", "shop.db", "--tables", "nothing"], "nothing"),
        (["migrate", "--source", "hurt.db"], "hurt.db"),
        (["resume", "0000"], "There is no ledger in this database, so no run is known here"),
        (["rollback", "0000"], "There is no ledger in this database, so no run is known here"),
        (
            ["migrate", "--source", "shop.db", "--target-url", "postgresql://me@127.0.0.1:1/x"],
            "Cannot connect",
        ),
    ],
)
def test_unusable_input_is_status_2_and_changes_nothing(
    shell: Shell, arguments: list[str], sentence: str
) -> None:
    make_database(shell.folder / "shop.db")
    healthy = make_database(shell.folder / "hurt.db").read_bytes()
    (shell.folder / "hurt.db").write_bytes(healthy[:5000] + b"\xa5" * (len(healthy) - 5000))
    status, _, err = shell.run(*arguments)
    assert status == 2, err
    assert err.count("error:") == 1
    assert sentence in err
    assert "Traceback" not in err
    assert shell.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert shell.query("SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%staging%'") == [(0,)]


def test_an_empty_database_is_a_success_with_nothing_to_do(shell: Shell) -> None:
    (shell.folder / "empty.db").touch()
    status, _, err = shell.run("migrate", "--source", "empty.db")
    assert status == 0, err


def copying(shell: Shell) -> bool:
    """Whether the latest run is in mid-copy."""
    try:
        (found,) = shell.query(
            "SELECT count(*) FILTER (WHERE state = 'done') BETWEEN 3 AND 90 FROM convoy.chunks c"
            " JOIN convoy.runs r ON r.id = c.run_id WHERE r.phase = 'copying'"
        )
    except psycopg.errors.UndefinedTable:
        return False
    return bool(found[0])


def test_interrupted_says_how_to_resume_and_resume_finishes(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=60_000)
    process = shell.start("migrate", "--source", "shop.db", "--chunk-rows", "500", "--workers", "2", "--json")
    try:
        assert wait_until(lambda: copying(shell) or process.poll() is not None)
        started = session_of(process)
        assert len(started) >= 4
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130, err
    error = json.loads(out)["error"]
    assert error["code"] == "interrupted"
    assert [step["command"].split()[-2:-1] for step in error["next_steps"]] == [["resume"], ["cancel"]]
    assert [pid for pid in started if not is_gone(pid)] == []
    line = re.search(r"Go on with: +migration-cli (.*)", err)
    assert line is not None, err
    ((done_before,),) = shell.query("SELECT count(*) FROM convoy.chunks WHERE state = 'done'")
    attempts = "SELECT id, attempts FROM convoy.chunks WHERE state = 'done'"
    finished = dict(shell.query(attempts))

    status, _, err = shell.run(*line[1].split())
    assert status == 0, err
    assert shell.query("SELECT count(*), count(DISTINCT id) FROM book") == [(60_000, 60_000)]
    assert done_before >= 3
    assert finished.items() <= dict(shell.query(attempts)).items()


def test_a_killed_command_leaves_no_process_and_its_run_can_go_on(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=60_000)
    process = shell.start("migrate", "--source", "shop.db", "--chunk-rows", "500", "--workers", "2")
    assert wait_until(lambda: copying(shell) or process.poll() is not None)
    started = session_of(process)
    process.kill()
    process.communicate()
    assert wait_until(lambda: all(is_gone(pid) for pid in started))
    ((run,),) = shell.query("SELECT id::text FROM convoy.runs")
    status, _, err = shell.run("resume", run)
    assert status == 0, err
    assert shell.query("SELECT count(*), count(DISTINCT id) FROM book") == [(60_000, 60_000)]


def test_role_that_may_only_read_can_validate_and_leaves_no_trace(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=3)
    status, _, err = shell.run("migrate", "--source", "shop.db")
    assert status == 0, err
    role = f"reader_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(shell.target, autocommit=True) as connection:
        connection.execute("DROP SCHEMA convoy CASCADE")
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        reader = Shell(shell.folder, shell.target.replace("postgres@", f"{role}@", 1))
        status, out, err = reader.run("validate", "--source", "shop.db")
        assert (status, "the role may not read the sequence" in out) == (0, True), out + err
        with psycopg.connect(shell.target) as connection:
            connection.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
        status, out, err = reader.run("validate", "--source", "shop.db", "--report", "mine")
        assert (status, "equal on both sides" in out) == (0, True), out + err
        names = {path.name for path in (shell.folder / "mine").iterdir()}
        assert names == {"report.json", "report.html", "junit.xml", "manifest.sha256"}
        with psycopg.connect(shell.target) as connection:
            connection.execute("UPDATE book SET title = 'changed' WHERE id = 3")
        status, out, err = reader.run("validate", "--source", "shop.db", "--json")
        report = json.loads(out)
        assert (status, [table["equal"] for table in report["tables"]]) == (1, [True, False]), err
        named = [f for f in report["findings"] if f["kind"] == "differing_row"]
        assert [(f["table"], f["key"]) for f in named] == [("book", "id = 3")]
        states = [report["verdict"][part]["state"] for part in ("rows", "values", "schema")]
        assert states == ["equal", "differs", "equal"]
        with psycopg.connect(shell.target) as connection:
            connection.execute("ALTER TABLE book ALTER title SET DEFAULT 'none'")
            connection.execute("UPDATE book SET title = (SELECT title FROM book WHERE id = 2) WHERE id = 3")
        status, out, _ = reader.run("validate", "--source", "shop.db", "--ignore", "defualt")
        assert status == 2
        assert shell.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'convoy'") == [(0,)]
    finally:
        with psycopg.connect(shell.target, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")
