"""What a failing command prints for programs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import NextStep
from migration.errors import CommandInterruptedError, UnknownRunError
from producer.cli import main
from producer.cli.output.error_json import make_pastable, print_error_json

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MIGRATION_")]:
        monkeypatch.delenv(name)
    (tmp_path / "none").mkdir()
    (tmp_path / "one.db").write_bytes(b"")
    (tmp_path / "text.db").write_text("no database at all")
    (tmp_path / "cut.db").write_bytes(b"SQLite format 3\0")
    return tmp_path


def printed(capsys: Capture) -> tuple[dict[str, Any], str]:
    """Return the error, which is all of stdout, and stderr."""
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document.keys() == {"error"}
    return document["error"], said.err


@pytest.mark.parametrize(
    ("arguments", "code", "place"),
    [
        (["migrate"], "wrong-usage", {"setting": "--source"}),
        (["migrate", "--no-such-flag"], "wrong-usage", {"setting": "--no-such-flag"}),
        (["migrate", "--workers", "0"], "wrong-usage", {"setting": "--workers"}),
        (["resume"], "wrong-usage", {"setting": "run"}),
        (["fly"], "wrong-usage", {}),
        (["--mode", "fly"], "wrong-usage", {}),
        (["migrate", "--source", "one.db", "--batch-size", "0"], "wrong-usage", {"setting": "--batch-size"}),
        (
            ["migrate", "--source", "one.db", "--target-url", "mysql://x"],
            "target-url-invalid",
            {"setting": "--target-url"},
        ),
        (["migrate", "--source", "app="], "wrong-usage", {"setting": "--source", "source": "app"}),
        (
            ["migrate", "--source", "a=gone.db"],
            "source-not-found",
            {"source": "a", "file": "gone.db"},
        ),
        (["migrate", "--source", "text.db"], "source-not-a-database", {"source": "text", "file": "text.db"}),
        (["migrate", "--source", "cut.db"], "source-corrupt", {"source": "cut", "file": "cut.db"}),
        (["migrate", "--source", "none"], "source-unreadable", {"file": "none"}),
        (
            ["migrate", "--source", "one.db", "--mapping", "no.toml"],
            "mapping-file-invalid",
            {"file": "no.toml"},
        ),
        (["status", "--target-url", "embedded"], "embedded-database-missing", {"file": ".convoy/postgres"}),
    ],
)
def test_an_error_is_one_object_with_code_and_place(
    arguments: list[str], code: str, place: dict[str, str], folder: Path, capsys: Capture
) -> None:
    assert main([*arguments, "--json"]) == 2
    error, err = printed(capsys)
    assert (error["code"], error["exit_status"]) == (code, 2)
    for name, value in place.items():
        assert error[name].removeprefix(f"{folder}/").endswith(value)
    assert error["what"].rstrip(".") in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.usefixtures("folder")
def test_without_json_stdout_stays_empty(capsys: Capture) -> None:
    assert main(["migrate", "--source", "gone.db"]) == 2
    assert capsys.readouterr().out == ""


def test_json_behind_two_dashes_is_another_programs(capsys: Capture) -> None:
    print_error_json(UnknownRunError("x"), ["psql", "--", "--json"])
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("folder")
def test_wrong_usage_points_at_the_flags(capsys: Capture) -> None:
    main(["quarantine", "list", "--no-such-flag", "--json"])
    (step,) = printed(capsys)[0]["next_steps"]
    assert step["command"].endswith("migration-cli quarantine list --help")

    main(["migrate", "--verbos", "--json"])
    error, _ = printed(capsys)
    assert error["message"] == "No such option '--verbos'. Did you mean '--verbose'."
    assert error["remedy"] == "Did you mean '--verbose'"


def test_a_damaged_source_comes_with_its_commands(folder: Path, capsys: Capture) -> None:
    main(["migrate", "--source", "cut.db", "--json"])
    (step,) = printed(capsys)[0]["next_steps"]
    assert (
        step["command"] == f"sqlite3 {folder}/cut.db .recover | sqlite3 recovered.db && test -s recovered.db"
    )


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "migration-cli status"),
        (["--target-url", "embedded"], "migration-cli status --target-url embedded"),
        (
            ["--target-url=postgresql://me:s3cret@db/shop"],
            "migration-cli status --target-url postgresql://me@db/shop",
        ),
        (
            ["--target-host", "db", "--target-pass", "s3cret", "--target-db", "shop"],
            "migration-cli status --target-host db --target-db shop",
        ),
    ],
)
def test_commands_reach_the_target_without_a_password(
    arguments: list[str], command: str, capsys: Capture
) -> None:
    error = UnknownRunError("x", next_steps=(NextStep("List the runs", "migration-cli status"),))
    make_pastable(error, ["resume", "0", *arguments, "--json"])
    print_error_json(error, ["resume", "0", *arguments, "--json"])
    out = capsys.readouterr().out
    (step,) = json.loads(out)["error"]["next_steps"]
    assert step["command"].partition("migration-cli")[2] == command.partition("migration-cli")[2]
    assert "s3cret" not in out


def test_no_text_of_an_error_holds_a_password(capsys: Capture) -> None:
    secret = "postgresql://me:s3cret@db/shop?password=s3cret"
    step = NextStep(secret, f"psql {secret}")
    error = UnknownRunError(secret, remedy=secret, details=secret, next_steps=(step,), file=secret)
    print_error_json(error, ["status", "--json"])
    assert "s3cret" not in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_an_error_nobody_foresaw_has_a_code_too(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def fail(_values: object) -> None:
        raise RuntimeError("broken at postgresql://me:secret@host/db\nmore")

    monkeypatch.setattr("producer.cli.source_arguments.parse_sources", fail)
    assert main(["migrate", "--source", "x", "--json"]) == 3
    error, err = printed(capsys)
    assert (error["code"], error["exit_status"]) == ("unexpected-error", 3)
    assert error["message"] == "RuntimeError: broken at postgresql://me@host/db."
    assert err.startswith("error: RuntimeError")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (psycopg.errors.DiskFull("could not extend file"), "disk-full"),
        (psycopg.errors.AdminShutdown("terminating connection"), "server-away"),
        (psycopg.errors.UndefinedFunction("function x() does not exist"), "unexpected-error"),
    ],
)
def test_what_befalls_the_server_is_no_crash_wherever_a_command_meets_it(
    cause: psycopg.Error, code: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(_values: object) -> None:
        raise DBAPIError("UPDATE convoy.runs", {}, cause) from cause

    monkeypatch.setattr("producer.cli.source_arguments.parse_sources", fail)
    assert main(["migrate", "--source", "x", "--json"]) == 3
    error, _ = printed(capsys)
    assert error["code"] == code


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("problem", "sentence"),
    [(KeyboardInterrupt(), "Interrupted."), (CommandInterruptedError("Interrupted", run="0198"), "")],
)
def test_an_interrupt_says_so(
    problem: BaseException, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def stop(_values: object) -> None:
        raise problem

    monkeypatch.setattr("producer.cli.source_arguments.parse_sources", stop)
    assert main(["migrate", "--source", "x", "--json"]) == 130
    error, err = printed(capsys)
    assert (error["code"], error["exit_status"]) == ("interrupted", 130)
    assert err.strip() == sentence
