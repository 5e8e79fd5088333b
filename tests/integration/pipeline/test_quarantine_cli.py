"""`migration-cli quarantine` on the database of a finished run; no cluster is needed."""

from __future__ import annotations

import base64
import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migration.model import Phase
from producer.cli import main

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["quarantine", *words, "--target-url", pipeline.url])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def run_id(pipeline: Pipeline, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A run that keeps three values of two tables in quarantine."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT); CREATE TABLE note (k TEXT PRIMARY KEY, b TEXT);"
            "INSERT INTO book VALUES (1, 'good'), (2, CAST(x'1b5b33316dff' AS TEXT)), (3, CAST(x'fe' AS TEXT));"
            "INSERT INTO note VALUES ('a', CAST(x'c3' AS TEXT));"
        )
    schema = f"cli_{abs(hash(request.node.name)) % 10**8}"
    run = pipeline.migrate(path, target_schema=schema)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    return run.id


def test_list_names_table_key_column_class_reason_and_value(command: Command, run_id: str) -> None:
    status, out, err = command("list", run_id)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["ID", "TABLE", "KEY", "COLUMN", "CLASS", "REASON", "VALUE"]
    assert len(lines) == 4
    assert sorted(line.split()[1] for line in lines[1:]) == ["book", "book", "note"]
    assert any(line.endswith(r"\x1b[31m\xff") for line in lines)  # no escape reaches the terminal
    assert all(character.isprintable() for line in lines for character in line)


def test_list_by_table_and_page_and_as_json(command: Command, run_id: str) -> None:
    def page(*words: str) -> dict[str, Any]:
        return json.loads(command("list", run_id[:13], "--json", *words)[1])

    assert [value["table"] for value in page("--table", "note")["values"]] == ["note"]
    first = page("--limit", "2")
    assert (first["total"], len(first["values"])) == (3, 2)
    second = page("--limit", "2", "--after", str(first["next"]))
    assert (second["next"], len(second["values"])) == (None, 1)
    assert len({value["id"] for value in first["values"] + second["values"]}) == 3
    _, out, _ = command("list", run_id, "--limit", "2")
    assert (
        f"3 values in all; go on with: migration-cli quarantine list {run_id} --after {first['next']}" in out
    )


def test_export_has_the_exact_bytes(command: Command, run_id: str, tmp_path: Path) -> None:
    status, out, _ = command("export", run_id, "out.jsonl")
    assert (status, out.startswith("3 values")) == (0, True)
    entries = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    originals = {base64.b64decode(entry["original_base64"]) for entry in entries}
    assert originals == {b"\x1b[31m\xff", b"\xfe", b"\xc3"}
    assert {(entry["table"], tuple(entry["key"]), entry["column"]) for entry in entries} == {
        ("book", (2,), "title"),
        ("book", (3,), "title"),
        ("note", (1,), "b"),
    }
    assert command("export", run_id, "out.csv", "--table", "book")[0] == 0
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["key"], row["original_hex"]) for row in rows] == [("[2]", "1b5b33316dff"), ("[3]", "fe")]
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out.csv", "out.jsonl"]


def test_export_refuses_other_formats_and_folders(command: Command, run_id: str) -> None:
    status, _, err = command("export", run_id, "out.xlsx")
    assert (status, "End it in .jsonl, .ndjson, .csv" in err) == (2, True)
    status, _, err = command("export", run_id, "no/such/folder/out.csv")
    assert (status, "cannot be written" in err) == (2, True)


def test_retry_says_what_happened_and_writes_the_report_anew(
    command: Command, run_id: str, tmp_path: Path
) -> None:
    status, out, _ = command("retry", run_id)
    assert status == 1
    assert "book: 2 rows stay in quarantine" in out
    assert "still cannot be stored" in out
    rules = tmp_path / "rules.toml"
    rules.write_text("[tables.book.columns.title]\nexpression = \"'Title ' || id\"\n")
    status, out, _ = command("retry", run_id, "--mapping", str(rules), "--report", "again")
    assert status == 1
    assert "book: 2 rows stored, and the table proved equal." in out
    assert "note: 1 row stays in quarantine" in out
    report = json.loads((tmp_path / "again" / "report.json").read_text("utf-8"))
    assert (report["status"], report["quarantine"]["total"]) == ("completed_with_findings", 1)
    rules.write_text("[tables.note.columns.b]\nexpression = \"'b'\"\n")
    status, out, _ = command("retry", run_id, "--mapping", str(rules), "--json")
    assert status == 0
    answer = json.loads(out)
    assert (answer["stored"], answer["remaining"], answer["phase"]) == (1, 0, "completed")
    status, out, _ = command("retry", run_id)
    assert (status, out) == (0, "Nothing is in quarantine.\n")


def test_unknown_run_and_missing_mapping_are_status_2(command: Command, run_id: str) -> None:
    assert command("list", "ffffffff")[0] == 2
    assert command("retry", run_id, "--mapping", "nowhere.toml")[0] == 2
