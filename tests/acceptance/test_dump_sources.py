"""Dumps, compressed files and folders from the command line to the report."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.shell import Shell, make_database
from tests.support.sqlite_dump import (
    d1_export,
    gzipped,
    make_everything,
    real_shell_dump,
    shell_dump,
    zstandard,
)


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    return Shell(tmp_path, target_url)


def report_of(shell: Shell, command: str, source: str, *flags: str) -> tuple[int, dict[str, Any], str]:
    status, out, err = shell.run(command, "--source", source, "--json", *flags)
    assert out.startswith("{"), out + err
    return status, json.loads(out), err


def digests(report: dict[str, Any], *, without: str = "-") -> dict[str, Any]:
    """Return what was proved of each table: rows, digests of both sides, types."""
    return {
        table["name"]: (
            table["rows_source"],
            table["rows_loaded"],
            table["digest_source"],
            table["digest_target"],
            [(column["name"], column["target_type"]) for column in table["columns"]],
        )
        for table in report["tables"]
        if not table["name"].startswith(without)
    }


def test_a_dump_and_its_database_are_the_same_migration(tmp_path: Path, shell: Shell) -> None:
    database = make_everything(tmp_path / "everything.db")
    status, expected, _ = report_of(shell, "migrate", "everything.db", "--target-schema", "plain")
    forms = {
        "shell.sql": real_shell_dump(database) or shell_dump(database),
        "newest.sql.gz": gzipped(shell_dump(database, is_newest=True)),
        "same.db.zst": zstandard(database.read_bytes()),
        "d1.sql": d1_export(database),
    }
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
        schema = name.partition(".")[0]
        found_status, found, err = report_of(shell, "migrate", name, "--target-schema", schema)
        assert found_status == status, err
        missing = "page" if schema == "d1" else "-"
        assert digests(found) == digests(expected, without=missing)
        assert found["sources"] == [
            {
                "label": schema,
                "path": str(tmp_path / name),
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }
        ]


def test_dry_run_and_validate_take_dumps(tmp_path: Path, shell: Shell) -> None:
    database = make_database(tmp_path / "shop.db")
    (tmp_path / "shop.sql.gz").write_bytes(gzipped(shell_dump(database)))
    assert report_of(shell, "dry-run", "shop.sql.gz")[0] == 0
    assert report_of(shell, "migrate", "shop.db")[0] == 0
    status, found, _ = report_of(shell, "validate", "shop.sql.gz")
    assert status == 0
    assert (
        found["sources"][0]["sha256"] == hashlib.sha256((tmp_path / "shop.sql.gz").read_bytes()).hexdigest()
    )
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE book SET title = 'another' WHERE id = 7")
    (tmp_path / "shop.sql").write_bytes(shell_dump(database))
    assert report_of(shell, "validate", "shop.sql")[0] == 1


def test_a_dump_that_is_cut_off_changes_nothing(tmp_path: Path, shell: Shell) -> None:
    dump = shell_dump(make_database(tmp_path / "shop.db"))
    (tmp_path / "cut.sql").write_bytes(dump[: dump.rindex(b"COMMIT")])
    (tmp_path / "cut.sql.gz").write_bytes(gzipped(dump)[:-4])
    for name in ("cut.sql", "cut.sql.gz"):
        status, out, err = shell.run("migrate", "--source", name)
        assert status == 2, out + err
        assert "cut off" in err
        assert name in err
    assert shell.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_folder_is_one_run_of_all_its_databases(tmp_path: Path, shell: Shell) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("two.db", "one.sqlite"):
        make_database(folder / name, rows=20)
    (folder / "README").write_text("words")
    status, found, err = report_of(shell, "migrate", "data/", "--schema-per-source")
    assert status == 0, err
    assert [source["label"] for source in found["sources"]] == ["one", "two"]
    assert err.count(f"Passed over in {folder}: README (no database).") == 1
    assert shell.query("SELECT (SELECT count(*) FROM one.book), (SELECT count(*) FROM two.book)") == [
        (20, 20)
    ]
    assert report_of(shell, "validate", "data/*.[ds]*", "--schema-per-source")[0] == 0
    status, out, err = shell.run("migrate", "--source", "data/*.sql")
    assert status == 2, out
    assert "No file that is read matches the pattern" in err
