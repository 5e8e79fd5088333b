"""The command line as a whole: names, `--mode`, exit statuses and start-up time."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from migration.errors import SourceNotFoundError
from producer.cli import main
from producer.cli.app import COMMANDS, named_by_mode
from producer.cli.output.error_output import without_passwords

HEAVY = ("celery", "sqlalchemy", "pyarrow", "rich", "pydantic", "psycopg", "duckdb", "msgspec", "sqlglot")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--mode", "migrate", "--source", "a.db"], ["migrate", "--source", "a.db"]),
        (["--source", "a.db", "--mode=dry-run"], ["dry-run", "--source", "a.db"]),
        (["--mode", "rollback", "0198"], ["rollback", "0198"]),
        (["migrate", "--mode", "migrate", "--json"], ["migrate", "--json"]),
        (["status"], ["status"]),
        (["psql", "--", "--mode", "x"], ["psql", "--", "--mode", "x"]),
    ],
)
def test_mode_and_command_are_the_same(given: list[str], meant: list[str]) -> None:
    assert named_by_mode(given) == meant


@pytest.mark.parametrize("given", [["--mode"], ["--mode", "fly"], ["migrate", "--mode", "dry-run"]])
def test_a_mode_that_makes_no_sense_is_refused(given: list[str]) -> None:
    with pytest.raises(click.UsageError):
        named_by_mode(given)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "Example: migration-cli " in " ".join(capsys.readouterr().out.split())


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from producer.cli import main; main(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fly"], "No such command 'fly'"),
        (["migrate", "--no-such-flag"], "No such option"),
        (["migrate"], "No source is named"),
        (["migrate", "--source", "no/such/file.db"], "There is no such file"),
        (["migrate", "--source", "a/none"], "This is a directory"),
        (["migrate", "--source", "one.db", "--batch-size", "0"], "--batch-size must be at least 1, not 0"),
        (["migrate", "--source", "one.db", "--batch-size", "many"], "a number of rows or auto"),
        (["migrate", "--source", "one.db", "--chunk-rows", "some"], "a number of rows or auto"),
        (
            ["migrate", "--source", "one.db", "--source-timezone", "Mars/Base"],
            "There is no time zone Mars/Base",
        ),
        (["migrate", "--source", "one.db", "--source", "a/one.db"], "Two sources have the label one"),
        (["migrate", "--source", "one.db", "--target-url", "mysql://x"], "not a URL of PostgreSQL"),
        (
            ["migrate", "--source", "one.db", "--target-url", "postgresql:///x", "--target-host", "h"],
            "replaces",
        ),
        (
            ["migrate", "--source", "one.db", "--tables", "a,b", "--exclude", "b"],
            "b is in --tables and in --exclude",
        ),
        (["migrate", "--source", "text.db"], "not a SQLite database"),
        (["psql"], "There is no embedded database here yet"),
        (["status", "--target-url", "embedded"], "There is no embedded database here yet"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(arguments, sentence, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "none").mkdir(parents=True)
    for name in ("one.db", "a/one.db"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "text.db").write_text("no database at all")
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert sentence in " ".join(said.err.split())
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not (tmp_path / ".convoy").exists()


def test_an_error_nobody_foresaw_is_one_sentence_and_a_file(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)

    def fail(_values: object) -> None:
        raise RuntimeError("broken at postgresql://me:secret@host/db")

    monkeypatch.setattr("producer.cli.source_arguments.parse_sources", fail)
    assert main(["migrate", "--source", "x"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("error: RuntimeError: broken at postgresql://me@host/db.")
    assert said.count("\n") == 1
    (log,) = (tmp_path / ".convoy" / "logs").iterdir()
    assert "Traceback" in log.read_text()
    assert "secret" not in log.read_text()


def test_an_error_on_purpose_shows_its_trace_only_when_asked(monkeypatch, capsys) -> None:
    def fail(_values: object) -> None:
        raise SourceNotFoundError("There is no such file", file="x")

    monkeypatch.setattr("producer.cli.source_arguments.parse_sources", fail)
    assert main(["migrate", "--source", "x", "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me@host/db"),
        ("redis://:secret@127.0.0.1:1/0", "redis://@127.0.0.1:1/0"),
        ("host=x password=secret user=me", "host=x password=*** user=me"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("12:30 me@host", "12:30 me@host"),
    ],
)
def test_no_password_is_shown(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["token", "create", "ci", "--expires-days", "nan"], "is not a number"),
        (["cutover", "0198", "--cutover-patience", "nan"], "is not a number"),
        (
            ["migrate", "--source", "http://[::1/x.db", "--target-url", "postgresql://me@here/shop"],
            "is not a URL",
        ),
        (["dry-run", "--source", "a=s3://[x", "--target-url", "postgresql://me@here/shop"], "is not a URL"),
    ],
)
def test_what_is_no_number_or_url_is_wrong_usage(
    line: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_example_is_one_json_document_where_json_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--example", "procfile", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["example"] == "procfile"
    assert "producer" in document["text"]
